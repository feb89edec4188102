//! Why an adapter cannot be used: every way in which a machine can lack one, and the remedy.

use crate::ir::GraphicsApi;

/// Why no adapter, or not this one, can be used. Prints as one clause: the cause, and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WgpuUnavailable {
    /// The feature `wgpu` was off.
    #[error("this program was built without GPUs other than NVIDIA's; build it with `--features wgpu`")]
    NotBuilt,
    /// The API belongs to another system.
    #[error("{api} does not exist on this system; take {here}")]
    OtherSystem {
        /// The API.
        api: GraphicsApi,
        /// Those that may be there.
        here: &'static str,
    },
    /// No API finds an adapter.
    #[error("no graphics driver finds a GPU; install the driver of its maker, with Vulkan")]
    NoAdapter,
    /// All adapters are software.
    #[error(
        "there is no GPU but software ({name}), which is slower than the CPU's own kernels; to use it anyway, name it with --device vulkan"
    )]
    OnlySoftware {
        /// The first of them.
        name: String,
    },
    /// An index past the last adapter.
    #[error(
        "there is no adapter {index} of {api}: it has {count}, counted from 0; `plangrad devices` lists them"
    )]
    NoSuchAdapter {
        /// The API.
        api: GraphicsApi,
        /// The index asked for.
        index: usize,
        /// How many it has.
        count: usize,
    },
    /// It can do less than the kernels need.
    #[error("{name} cannot run the kernels: {lacking}; take another device")]
    TooLittle {
        /// The adapter.
        name: String,
        /// What it lacks.
        lacking: String,
    },
    /// Its driver refuses to open it.
    #[error("the driver of {name} does not open it: {reason}; update the driver")]
    Refused {
        /// The adapter.
        name: String,
        /// In the driver's words.
        reason: String,
    },
}
