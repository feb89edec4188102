//! What the operating system says about the host's memory, for the message of a refused reservation.
//!
//! Linux only, from `/proc/meminfo` (proc(5)); elsewhere both numbers are 0. No budget is derived from it here: how much
//! of a machine to use is for whoever opens the backend to say.

/// Bytes of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SystemMemory {
    /// Available without swapping.
    pub(crate) free: u64,
    /// Installed.
    pub(crate) total: u64,
}

impl SystemMemory {
    pub(crate) fn now() -> SystemMemory {
        std::fs::read_to_string("/proc/meminfo")
            .map_or(SystemMemory::default(), |text| SystemMemory::parse(&text))
    }

    fn parse(meminfo: &str) -> SystemMemory {
        let kibibytes = |name: &str| {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        let bytes = |name| kibibytes(name).saturating_mul(1024);
        SystemMemory { free: bytes("MemAvailable"), total: bytes("MemTotal") }
    }
}

#[cfg(test)]
mod tests {
    use super::SystemMemory;

    #[test]
    fn lines_of_proc_meminfo_are_kibibytes_and_missing_ones_zero() {
        let text = "MemTotal:       16384 kB\nMemFree:         1 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(SystemMemory::parse(text), SystemMemory { free: 2 << 20, total: 16 << 20 });
        assert_eq!(SystemMemory::parse("MemTotal: many kB"), SystemMemory::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_memory() {
        let memory = SystemMemory::now();
        assert!(0 < memory.free && memory.free <= memory.total);
    }
}
