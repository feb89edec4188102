//! This process: its age, its memory, its threads, its name.

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

/// Exit code of a program of the standard library that has panicked.
const PANICKED: u8 = 101;

static START: OnceLock<Instant> = OnceLock::new();

/// Records the start of the process. `main` calls it first.
pub fn started() {
    START.get_or_init(Instant::now);
}

/// Seconds since [`started`].
#[must_use]
pub fn seconds_since_start() -> f64 {
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
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
/// as the pool lives. If the system gives no further threads, the calling thread works alone; rayon's global pool, which
/// panics then, is never started.
#[must_use]
pub fn thread_pool() -> Option<rayon::ThreadPool> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    pool_of(cores, |thread| {
        let builder = std::thread::Builder::new();
        builder.spawn(|| thread.run()).map(drop)
    })
}

/// A pool of the calling thread and others that `start` starts; of the calling thread alone if one cannot be started.
fn pool_of(
    threads: usize,
    start: impl Fn(rayon::ThreadBuilder) -> std::io::Result<()>,
) -> Option<rayon::ThreadPool> {
    let build = |threads| {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread();
        builder.spawn_handler(&start).build()
    };
    build(threads).or_else(|_| build(1)).ok()
}

/// Bytes of the stack on which the program runs: that of a thread of the standard library.
const STACK: usize = 2 << 20;

/// The limit on the first thread's stack in bytes; `None` if the system does not say (Linux does).
fn stack_limit() -> Option<usize> {
    let line = line("/proc/self/limits", "Max stack size")?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        bytes => bytes.parse().ok(),
    }
}

/// Runs the program with a stack of a known size: on a thread, unless the first thread's limit, which the user sets, is known to
/// be large enough. A thread takes address space, which may be limited too. Where there can be no further thread, the first
/// has to do.
pub fn on_thread(run: fn() -> ExitCode) -> ExitCode {
    if stack_limit().is_some_and(|bytes| bytes >= STACK) {
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
    let program =
        std::env::args_os().next().map_or("plangrad".into(), |name| name.to_string_lossy().into_owned());
    let words = [program.as_str()].into_iter().chain(arguments.iter().copied());
    words.map(shell_word).collect::<Vec<_>>().join(" ")
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
    #[test]
    fn a_path_with_spaces_is_quoted_for_the_shell() {
        assert_eq!(super::shell_word("runs/mnist-1"), "runs/mnist-1");
        assert_eq!(super::shell_word("my run's"), r"'my run'\''s'");
    }

    #[test]
    fn the_calling_thread_is_in_the_pool_so_that_no_global_one_is_started() {
        let pool = super::thread_pool();
        assert!(pool.is_some());
        assert_eq!(rayon::current_thread_index(), Some(0));
    }

    /// On a thread of its own: a thread can be in one pool only.
    #[test]
    fn where_the_system_gives_no_thread_the_calling_one_is_the_pool() {
        let alone = std::thread::spawn(|| {
            let refuse = |_| Err(std::io::ErrorKind::WouldBlock.into());
            let pool = super::pool_of(4, refuse).expect("the calling thread is there");
            let sum = rayon::join(|| 1, || 2);
            (pool.current_num_threads(), rayon::current_thread_index(), sum)
        });
        assert_eq!(alone.join().unwrap(), (1, Some(0), (1, 2)));
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
