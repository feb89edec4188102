//! What the system knows about this process.

use std::sync::OnceLock;
use std::time::Instant;

static START: OnceLock<Instant> = OnceLock::new();

/// Notes that the process starts. `main` calls it first of all.
pub fn started() {
    START.get_or_init(Instant::now);
}

/// Seconds since [`started`].
#[must_use]
pub fn seconds_since_start() -> f64 {
    START.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// Most memory the process ever had resident, in bytes; `None` where the system does not tell (it does on Linux).
#[must_use]
pub fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_has_a_peak_of_some_megabytes() {
        let peak = super::peak_resident_bytes().unwrap();
        assert!((1 << 20..1 << 34).contains(&peak), "{peak}");
    }
}
