//! Why there is no GPU to compute on: every way in which a machine can lack one, and the remedy.

use std::fmt;

/// A version of CUDA, which says what a driver supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CudaVersion {
    /// 12 of 12.4.
    pub major: u32,
    /// 4 of 12.4.
    pub minor: u32,
}

impl CudaVersion {
    /// The oldest that can be used: the first with compute capability 9.0 in its PTX, and with `cuLaunchKernelEx`.
    pub const NEEDED: CudaVersion = CudaVersion { major: 11, minor: 8 };
    /// The first series of NVIDIA's drivers that has it.
    pub const NEEDED_DRIVER: u32 = 520;

    /// The version of PTX that came with it, up to CUDA 12.4.
    #[cfg(test)]
    pub(crate) fn ptx(self) -> String {
        format!("{}.{}", self.major - 4, self.minor)
    }

    /// From the driver's number: 12040 is 12.4.
    pub(crate) fn of(number: i32) -> CudaVersion {
        let number = u32::try_from(number).unwrap_or(0);
        CudaVersion { major: number / 1000, minor: number % 1000 / 10 }
    }
}

impl fmt::Display for CudaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A GPU's generation: 9.0 is Hopper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComputeCapability {
    /// 9 of 9.0.
    pub major: u32,
    /// 0 of 9.0.
    pub minor: u32,
}

impl ComputeCapability {
    /// The oldest that the kernels are compiled for: Turing's.
    pub const NEEDED: ComputeCapability = ComputeCapability { major: 7, minor: 5 };
    /// The oldest with TF32: Ampere's.
    pub const TF32: ComputeCapability = ComputeCapability { major: 8, minor: 0 };
    /// The oldest on which a launch can begin before the one ahead of it has finished: Hopper's.
    pub const CHAINS: ComputeCapability = ComputeCapability { major: 9, minor: 0 };

    /// Its number in the names of architectures: 75 in `sm_75`.
    #[must_use]
    pub fn architecture(self) -> u32 {
        10 * self.major + self.minor
    }
}

impl fmt::Display for ComputeCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Why CUDA, or one GPU, cannot be used. Prints as one clause: the cause, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CudaUnavailable {
    /// The feature `cuda` was off.
    #[error("this program was built without CUDA; build it with the feature `cuda`, which is on by default")]
    NotBuilt,
    /// `libcuda.so.1` cannot be loaded.
    #[error(
        "NVIDIA's driver library (libcuda.so.1) cannot be loaded; with a GPU of NVIDIA's, install its driver, {} or later \
         (those of other makers are for --device gpu)",
        CudaVersion::NEEDED_DRIVER
    )]
    NoDriverLibrary,
    /// Another library has its name.
    #[error(
        "the library libcuda.so.1 is not NVIDIA's driver: it lacks {missing}; install NVIDIA's driver, {} or later",
        CudaVersion::NEEDED_DRIVER
    )]
    NotADriver {
        /// A function that every driver has.
        missing: &'static str,
    },
    /// It lacks functions, or cannot compile the kernels.
    #[error(
        "NVIDIA's driver is too old: it has CUDA {found}, and {needed} is needed; install driver {} or later",
        CudaVersion::NEEDED_DRIVER
    )]
    DriverTooOld {
        /// What it has.
        found: CudaVersion,
        /// What is needed.
        needed: CudaVersion,
    },
    /// There is a driver but no GPU.
    #[error(
        "NVIDIA's driver finds no GPU; see what `nvidia-smi` says, and whether CUDA_VISIBLE_DEVICES hides one"
    )]
    NoDevice,
    /// An index past the last GPU.
    #[error(
        "there is no GPU {index}: NVIDIA's driver finds {count}, counted from 0; `plangrad devices` lists them"
    )]
    NoSuchDevice {
        /// The index asked for.
        index: usize,
        /// How many GPUs there are.
        count: usize,
    },
    /// The GPU is older than the kernels, or those for the precision, need.
    #[error("GPU {index}, {name}, has compute capability {found}, and {}", of_capability(*.needed))]
    GpuTooOld {
        /// Its index.
        index: usize,
        /// Its name.
        name: String,
        /// What it has.
        found: ComputeCapability,
        /// What is needed.
        needed: ComputeCapability,
    },
    /// The driver reports an error.
    #[error("NVIDIA's driver cannot {action}: {text} ({name}, {code}); see what `nvidia-smi` says")]
    Driver {
        /// What it was asked to do, as a verb.
        action: &'static str,
        /// Its code.
        code: u32,
        /// The code's name: `CUDA_ERROR_SYSTEM_DRIVER_MISMATCH`.
        name: String,
        /// The code in the driver's words.
        text: String,
    },
}

/// What is needed, and what to do.
fn of_capability(needed: ComputeCapability) -> String {
    if needed == ComputeCapability::TF32 {
        format!("{needed} is needed for TF32; compute in f32")
    } else {
        format!("{needed} is needed; take a newer one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_decoded_from_the_drivers_number() {
        assert_eq!(CudaVersion::of(11080), CudaVersion::NEEDED);
        assert_eq!(CudaVersion::of(13000).to_string(), "13.0");
        assert!(CudaVersion::of(11070) < CudaVersion::NEEDED && CudaVersion::of(13000) > CudaVersion::NEEDED);
        assert_eq!(CudaVersion::of(-1).to_string(), "0.0");
    }

    #[test]
    fn every_reason_is_one_clause_with_a_remedy() {
        let reasons = [
            CudaUnavailable::NotBuilt,
            CudaUnavailable::NoDriverLibrary,
            CudaUnavailable::NotADriver { missing: "cuInit" },
            CudaUnavailable::DriverTooOld { found: CudaVersion::of(11040), needed: CudaVersion::NEEDED },
            CudaUnavailable::NoDevice,
            CudaUnavailable::NoSuchDevice { index: 3, count: 1 },
            CudaUnavailable::GpuTooOld {
                index: 0,
                name: "Tesla V100".into(),
                found: ComputeCapability { major: 7, minor: 0 },
                needed: ComputeCapability::NEEDED,
            },
            CudaUnavailable::Driver {
                action: "start",
                code: 803,
                name: "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH".into(),
                text: "system has unsupported display driver / cuda driver combination".into(),
            },
        ];
        for reason in reasons {
            let text = reason.to_string();
            assert_eq!(text.matches("; ").count(), 1, "{text}");
            assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
        }
    }
}
