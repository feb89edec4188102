//! What the operating system says about the host's memory: what there is, and what this process may still have of it.
//!
//! Linux only, from `/proc/meminfo` (proc(5)) and from the memory limits of control groups, the older and the newer kind
//! (<https://docs.kernel.org/admin-guide/cgroup-v1/memory.html>,
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>); elsewhere all numbers are 0. Nothing is found out by allocating.

use std::path::{Path, PathBuf};

/// Bytes of the host.
///
/// ```
/// use plangrad_tensor::SystemMemory;
///
/// let memory = SystemMemory::now();
/// println!("{memory:?}");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemMemory {
    /// Installed.
    pub total: u64,
    /// To be had without swapping, and within the limit.
    pub free: u64,
    /// The lowest limit on the control groups this process is in, which containers set, or on its address space, if it is
    /// below `total`.
    pub limit: Option<u64>,
}

/// A limit on the memory of this process or of a group it is in, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MemoryLimit {
    bytes: u64,
    free: u64,
}

impl SystemMemory {
    /// As it is now; all 0 where the system does not say.
    #[must_use]
    pub fn now() -> SystemMemory {
        SystemMemory::read(&|path| std::fs::read_to_string(path).ok())
    }

    fn read(file: &dyn Fn(&Path) -> Option<String>) -> SystemMemory {
        let Some(meminfo) = file(Path::new("/proc/meminfo")) else { return SystemMemory::default() };
        let (total, available) = (kibibytes(&meminfo, "MemTotal"), kibibytes(&meminfo, "MemAvailable"));
        let limits: Vec<MemoryLimit> =
            limits(file).into_iter().filter(|limit| (1..total).contains(&limit.bytes)).collect();
        SystemMemory {
            total,
            free: limits.iter().map(|limit| limit.free).fold(available, u64::min),
            limit: limits.iter().map(|limit| limit.bytes).min(),
        }
    }
}

/// A line of `/proc/meminfo`, in bytes; 0 if it is not there.
fn kibibytes(meminfo: &str, name: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

/// The limit on this process's address space, and those on the groups it is in, each of which lies within the next.
fn limits(file: &dyn Fn(&Path) -> Option<String>) -> Vec<MemoryLimit> {
    let groups = file(Path::new("/proc/self/cgroup")).unwrap_or_default();
    let of_groups = groups.lines().flat_map(|line| group_limits(line, file));
    address_space(file).into_iter().chain(of_groups).collect()
}

/// The limit on the address space (`ulimit -v`, getrlimit(2)), of which everything that is mapped counts, used or not.
fn address_space(file: &dyn Fn(&Path) -> Option<String>) -> Option<MemoryLimit> {
    let limits = file(Path::new("/proc/self/limits"))?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let bytes = line.split_whitespace().next()?.parse::<u64>().ok()?; // the word `unlimited` means no limit
    let used = kibibytes(&file(Path::new("/proc/self/status"))?, "VmSize");
    Some(MemoryLimit { bytes, free: bytes.saturating_sub(used) })
}

/// The limits along one line of `/proc/self/cgroup`: `0::/path` for the newer kind, `4:memory:/path` for the older.
fn group_limits(line: &str, file: &dyn Fn(&Path) -> Option<String>) -> Vec<MemoryLimit> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { return Vec::new() };
    let names = match controllers {
        "" => Names {
            root: "/sys/fs/cgroup",
            limit: "memory.max",
            used: "memory.current",
            cached: ["inactive_file", "active_file"],
        },
        list if list.split(',').any(|controller| controller == "memory") => Names {
            root: "/sys/fs/cgroup/memory",
            limit: "memory.limit_in_bytes",
            used: "memory.usage_in_bytes",
            cached: ["total_inactive_file", "total_active_file"],
        },
        _ => return Vec::new(),
    };
    // Within a container the path may be the host's, of which only the root is seen.
    let group = PathBuf::from(names.root).join(path.trim_start_matches('/'));
    let folders = group.ancestors().take_while(|folder| folder.starts_with(names.root));
    folders.filter_map(|folder| names.limit(folder, file)).collect()
}

/// The files of a control group.
struct Names {
    root: &'static str,
    limit: &'static str,
    used: &'static str,
    /// What of the memory used is copies of files that can be dropped at any moment, used lately or not: when memory runs
    /// short, the system drops both before it ends a process.
    cached: [&'static str; 2],
}

impl Names {
    fn limit(&self, folder: &Path, file: &dyn Fn(&Path) -> Option<String>) -> Option<MemoryLimit> {
        let number = |name: &str| file(&folder.join(name))?.trim().parse::<u64>().ok();
        let bytes = number(self.limit)?; // the word `max` means no limit
        let stat = file(&folder.join("memory.stat")).unwrap_or_default();
        let count = |name: &str| {
            let line = stat.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|line| line.trim().parse::<u64>().ok()).unwrap_or(0)
        };
        let cached = self.cached.into_iter().map(count).fold(0, u64::saturating_add);
        let used = number(self.used).unwrap_or(0).saturating_sub(cached);
        Some(MemoryLimit { bytes, free: bytes.saturating_sub(used) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       16384 kB\nMemFree:         1 kB\nMemAvailable:    8192 kB\n";

    fn read(files: &[(&str, &str)]) -> SystemMemory {
        SystemMemory::read(&|path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn lines_of_proc_meminfo_are_kibibytes_and_missing_ones_zero() {
        let expected = SystemMemory { free: 8 << 20, total: 16 << 20, limit: None };
        assert_eq!(read(&[("/proc/meminfo", MEMINFO)]), expected);
        assert_eq!(read(&[("/proc/meminfo", "MemTotal: many kB")]), SystemMemory::default());
        assert_eq!(read(&[]), SystemMemory::default());
    }

    #[test]
    fn the_tightest_group_of_the_newer_kind_decides_and_cached_files_do_not_count() {
        let memory = read(&[
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "0::/outer/inner\n"),
            ("/sys/fs/cgroup/outer/inner/memory.max", "max\n"),
            ("/sys/fs/cgroup/outer/memory.max", "4194304\n"),
            ("/sys/fs/cgroup/outer/memory.current", "3145728\n"),
            ("/sys/fs/cgroup/outer/memory.stat", "anon 1\ninactive_file 524288\nactive_file 524288\n"),
        ]);
        assert_eq!(memory, SystemMemory { total: 16 << 20, free: 2 << 20, limit: Some(4 << 20) });
    }

    #[test]
    fn groups_of_the_older_kind_count_too_even_where_only_the_root_is_seen() {
        let memory = read(&[
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/0123\n0::/\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1048576\n"),
            ("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1048577\n"),
        ]);
        assert_eq!(memory, SystemMemory { total: 16 << 20, free: 0, limit: Some(1 << 20) });
    }

    #[test]
    fn a_limit_on_the_address_space_counts_what_is_mapped() {
        let limits = |soft: &str| {
            format!("Limit  Soft Limit  Hard Limit  Units\nMax address space  {soft}  unlimited  bytes\n")
        };
        let read = |soft: &str| {
            read(&[
                ("/proc/meminfo", MEMINFO),
                ("/proc/self/limits", &limits(soft)),
                ("/proc/self/status", "Name:\tx\nVmSize:\t    1024 kB\n"),
            ])
        };
        let limited = SystemMemory { total: 16 << 20, free: 3 << 20, limit: Some(4 << 20) };
        assert_eq!(read("4194304"), limited);
        assert_eq!((read("unlimited").free, read("unlimited").limit), (8 << 20, None));
    }

    #[test]
    fn a_limit_above_what_there_is_is_none() {
        let memory = read(&[
            ("/proc/meminfo", MEMINFO),
            ("/proc/self/cgroup", "4:memory:/\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!((memory.free, memory.limit), (8 << 20, None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_memory() {
        let memory = SystemMemory::now();
        assert!(0 < memory.free && memory.free <= memory.total);
    }
}
