//! What is new of a run, for any number of listeners: each gets the newest, however slow it is.

use std::sync::{Arc, Mutex, PoisonError};

use crate::http::Events;

/// The newest messages.
#[derive(Debug, Default)]
pub(super) struct Broadcast {
    newest: Mutex<Newest>,
}

#[derive(Clone, Debug, Default)]
struct Newest {
    /// Everything about the run, and when that was, counted in messages.
    whole: Message,
    /// What has changed since.
    part: Message,
}

#[derive(Clone, Debug, Default)]
struct Message {
    number: u64,
    text: Arc<str>,
}

impl Broadcast {
    /// Everything about the run is new.
    pub(super) fn whole(&self, text: String) {
        self.change(|newest, number| newest.whole = Message { number, text: text.into() });
    }

    /// A part is new.
    pub(super) fn part(&self, text: String) {
        self.change(|newest, number| newest.part = Message { number, text: text.into() });
    }

    /// Everything about the run, as it was last told.
    pub(super) fn last_whole(&self) -> Arc<str> {
        self.newest().whole.text
    }

    /// Messages for a listener who has none yet.
    pub(super) fn listen(&self) -> Listener<'_> {
        Listener { broadcast: self, heard: 0 }
    }

    fn newest(&self) -> Newest {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Newest, u64)) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let number = newest.whole.number.max(newest.part.number) + 1;
        change(&mut newest, number);
    }
}

/// Who gets the messages.
pub(super) struct Listener<'a> {
    broadcast: &'a Broadcast,
    /// The number of the last message that it got.
    heard: u64,
}

impl Events for Listener<'_> {
    fn next(&mut self) -> Option<Arc<str>> {
        let Newest { whole, part } = self.broadcast.newest();
        let message = [whole, part].into_iter().find(|message| message.number > self.heard)?;
        self.heard = message.number;
        Some(message.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_gets_everything_first_and_then_the_newest_part() {
        let broadcast = Broadcast::default();
        let mut early = broadcast.listen();
        assert!(early.next().is_none());
        broadcast.part("1".to_owned());
        broadcast.whole("2".to_owned());
        broadcast.part("3".to_owned());
        broadcast.part("4".to_owned());
        let heard = |listener: &mut Listener<'_>| {
            std::iter::from_fn(|| listener.next()).map(|text| text.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(heard(&mut early), ["2", "4"]);
        assert_eq!(heard(&mut broadcast.listen()), ["2", "4"]);
        broadcast.whole("5".to_owned());
        assert_eq!(heard(&mut early), ["5"]);
        assert_eq!(heard(&mut broadcast.listen()), ["5"], "what it replaces is not told");
    }
}
