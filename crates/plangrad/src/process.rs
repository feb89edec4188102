//! This process: its age, its memory, its threads, its name.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::{OnceLock, mpsc};
use std::time::Instant;

/// Exit code of a program of the standard library that has panicked.
const PANICKED: u8 = 101;

static START: OnceLock<Instant> = OnceLock::new();

/// A command line that a thread carries out.
struct Call {
    words: Vec<OsString>,
    /// When it was called, if not when the process began.
    start: Option<Instant>,
}

thread_local! {
    static CALL: RefCell<Option<Call>> = const { RefCell::new(None) };
}

/// Records the start of the process. `main` calls it first.
pub fn started() {
    START.get_or_init(Instant::now);
}

/// Records the command line that the process, on this thread, carries out.
pub(crate) fn called_with(words: &[OsString]) {
    CALL.replace(Some(Call { words: words.to_vec(), start: None }));
}

/// The same for a process that has done other things before.
pub(crate) fn called_now(words: &[OsString]) {
    CALL.replace(Some(Call { words: words.to_vec(), start: Some(Instant::now()) }));
}

/// Seconds since the call that this thread carries out, or else since [`started`].
#[must_use]
pub fn seconds_since_start() -> f64 {
    let start = CALL.with_borrow(|call| call.as_ref().and_then(|call| call.start));
    start.unwrap_or_else(|| *START.get_or_init(Instant::now)).elapsed().as_secs_f64()
}

/// The peak resident memory of the process, in bytes; `None` if the system does not say (Linux does).
#[must_use]
pub fn peak_resident_bytes() -> Option<u64> {
    status_bytes("VmHWM:")
}

/// The resident memory of the process, in bytes; `None` if the system does not say (Linux does).
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    status_bytes("VmRSS:")
}

fn status_bytes(name: &str) -> Option<u64> {
    let line = line("/proc/self/status", name)?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

/// What follows `name` at the beginning of a line of a file.
fn line(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
}

/// Makes the calling thread, and as many new ones as there are further cores, the pool in which data are loaded, for as long
/// as the pool lives. If the system gives fewer threads, the pool has those; rayon's global pool, which panics then, is never
/// started.
#[must_use]
pub fn thread_pool() -> Option<rayon::ThreadPool> {
    pool_of(std::thread::available_parallelism().map_or(1, NonZero::get), start_worker)
}

/// A thread that waits for its place in a pool.
type Worker = mpsc::Sender<rayon::ThreadBuilder>;

fn start_worker() -> io::Result<Worker> {
    let (worker, place) = mpsc::channel::<rayon::ThreadBuilder>();
    let work = move || {
        if let Ok(thread) = place.recv() {
            thread.run();
        }
    };
    std::thread::Builder::new().spawn(work).map(|_| worker)
}

/// A pool of the calling thread and others that `start` starts. They are there before the pool is: one that cannot be built
/// keeps the calling thread for itself, so that a second attempt would fail.
fn pool_of(threads: usize, start: impl Fn() -> io::Result<Worker>) -> Option<rayon::ThreadPool> {
    let mut workers: Vec<Worker> = (1..threads).map_while(|_| start().ok()).collect();
    let builder = rayon::ThreadPoolBuilder::new().num_threads(1 + workers.len()).use_current_thread();
    let place = |thread| {
        let worker = workers.pop().ok_or(io::ErrorKind::WouldBlock)?;
        worker.send(thread).map_err(|_| io::ErrorKind::BrokenPipe.into())
    };
    builder.spawn_handler(place).build().ok()
}

/// Keeps all threads on one heap where the address space of the process is limited. `main` calls it before there are
/// threads.
pub fn survive_address_space_limits() {
    if limit("Max address space").is_some_and(|bytes| bytes < usize::MAX) {
        plangrad_tensor::share_heap();
    }
}

/// Bytes of the stack on which the program runs: that of a thread of the standard library.
const STACK: usize = 2 << 20;

/// The limit of this name on the process in bytes; `None` if the system does not say (Linux does).
fn limit(name: &str) -> Option<usize> {
    let line = line("/proc/self/limits", name)?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        bytes => bytes.parse().ok(),
    }
}

/// Runs the program with a stack of a known size: on a thread, unless the first thread's limit, which the user sets, is known to
/// be large enough. A thread takes address space, which may be limited too. Where there can be no further thread, the first
/// has to do.
pub fn on_thread(run: fn() -> ExitCode) -> ExitCode {
    if limit("Max stack size").is_some_and(|bytes| bytes >= STACK) {
        return run();
    }
    let thread = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK);
    match thread.spawn(run) {
        Ok(thread) => thread.join().unwrap_or(ExitCode::from(PANICKED)),
        Err(_) => run(),
    }
}

/// Lets a write beyond the limit on file sizes fail with an error, as on a full disk, instead of killing the process.
pub fn survive_file_size_limits() {
    // A handler is enough, whatever it does. If it cannot be set, nothing changes.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, std::sync::Arc::default());
}

/// This program as the user called it, followed by `arguments`, quoted for a shell.
#[must_use]
pub fn command(arguments: &[&str]) -> String {
    let own = own_words();
    let program = own.first().map_or("plangrad", String::as_str);
    let words = [program].into_iter().chain(arguments.iter().copied());
    words.map(shell_word).collect::<Vec<_>>().join(" ")
}

/// The command line that this thread carries out, quoted for a shell.
pub(crate) fn own_command() -> String {
    own_words().iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// The words of the call that this thread carries out, or else of the process.
fn own_words() -> Vec<String> {
    let words = CALL.with_borrow(|call| call.as_ref().map(|call| call.words.clone()));
    let words = words.unwrap_or_else(|| std::env::args_os().collect());
    words.iter().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// A word, quoted for a shell if necessary.
fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:+,@%=".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rayon::prelude::*;

    use super::*;

    #[test]
    fn a_path_with_spaces_is_quoted_for_the_shell() {
        assert_eq!(super::shell_word("runs/mnist-1"), "runs/mnist-1");
        assert_eq!(super::shell_word("my run's"), r"'my run'\''s'");
    }

    #[test]
    fn a_call_has_its_own_words_and_its_own_start() {
        called_now(&["plangrad", "train", "my run"].map(OsString::from));
        assert_eq!(command(&["eval", "a"]), "plangrad eval a");
        assert_eq!(own_command(), "plangrad train 'my run'");
        assert!(seconds_since_start() < 10.0);
    }

    #[test]
    fn the_calling_thread_is_in_the_pool_so_that_no_global_one_is_started() {
        let pool = super::thread_pool();
        assert!(pool.is_some());
        assert_eq!(rayon::current_thread_index(), Some(0));
    }

    /// Threads of a pool where the system gives `given` besides the calling one, of four that are wanted.
    fn pool_where(given: usize) -> usize {
        let left = AtomicUsize::new(given);
        let start = || {
            let take = |left: usize| left.checked_sub(1);
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .map_err(|_| io::ErrorKind::WouldBlock)?;
            start_worker()
        };
        let pool = pool_of(4, start).expect("the calling thread is there");
        assert_eq!(rayon::current_thread_index(), Some(0));
        assert_eq!((0..1000).into_par_iter().sum::<u32>(), 499_500);
        pool.current_num_threads()
    }

    #[test]
    fn where_the_system_gives_fewer_threads_the_pool_has_those_and_the_calling_one() {
        for (given, threads) in [(0, 1), (1, 2), (2, 3), (9, 4)] {
            // Each on a thread of its own, which can be in one pool only.
            assert_eq!(std::thread::spawn(move || pool_where(given)).join().unwrap(), threads);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_has_a_peak_of_some_megabytes() {
        let resident = super::resident_bytes().unwrap();
        let peak = super::peak_resident_bytes().unwrap(); // read second, for other tests reserve memory meanwhile
        assert!((1 << 20..1 << 34).contains(&peak), "{peak}");
        assert!((1 << 20..=peak).contains(&resident), "{resident} of {peak}");
    }
}
