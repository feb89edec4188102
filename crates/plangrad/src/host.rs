//! A program that plangrad works inside, which takes results, remarks and warnings in place of the standard streams.
//!
//! A host belongs to the thread that works for it. Other threads, and a thread without a host, speak to the standard streams.

use std::cell::RefCell;

use crate::train::Stop;

/// What takes the output of a [`call`](crate::call()). The work waits until it has.
pub trait Host {
    /// Takes a result: one object in JSON, as `--format json` prints it.
    fn result(&mut self, json: &str);
    /// Takes a remark, a line.
    fn remark(&mut self, text: &str);
    /// Takes a warning, a line.
    fn warning(&mut self, text: &str);
}

thread_local! {
    static HOST: RefCell<Option<(Box<dyn Host>, Stop)>> = const { RefCell::new(None) };
}

/// Does some work for `host`, which ends it by `stop`.
pub(crate) fn working_for<T>(host: Box<dyn Host>, stop: &Stop, work: impl FnOnce() -> T) -> T {
    HOST.replace(Some((host, stop.clone())));
    let _leave = Leave;
    work()
}

/// Whether this thread works for a host.
pub(crate) fn is_there() -> bool {
    HOST.with_borrow(Option::is_some)
}

/// By what the host ends the work.
pub(crate) fn stop() -> Option<Stop> {
    HOST.with_borrow(|host| host.as_ref().map(|(_, stop)| stop.clone()))
}

/// Tells the host something, if there is one; while it listens, it is not there.
pub(crate) fn tell(what: impl FnOnce(&mut dyn Host)) -> bool {
    let Some((mut host, stop)) = HOST.take() else { return false };
    what(&mut *host);
    HOST.replace(Some((host, stop)));
    true
}

/// Leaves the host's service, by a panic too.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        HOST.take();
    }
}
