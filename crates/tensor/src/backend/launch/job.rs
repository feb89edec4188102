//! Work of one kind: what a launch has side by side.

use super::common::{THREADS, WARPS};
use super::function::Function;
use super::items::{Item, KernelParameters, Work};
use super::shared::{Word, words};
use super::tile::Tile;

/// Work of one kind, with every address in it.
pub(crate) struct Job {
    /// The number of its kind.
    pub(crate) kind: u32,
    pub(crate) work: Work,
    /// The same where the device has nothing wider than 32 bits.
    #[cfg_attr(
        not(any(feature = "wgpu", target_os = "macos")),
        expect(dead_code, reason = "only devices of wgpu have nothing wider")
    )]
    pub(crate) words: Vec<Word>,
    /// Blocks that work on it: as many as it is worth, until it is part of a step.
    pub(crate) blocks: u32,
    /// Shared memory of a block.
    pub(crate) shared_bytes: u32,
    pub(crate) function: Function,
    /// How a product is cut.
    #[cfg_attr(
        not(any(feature = "wgpu", target_os = "macos")),
        expect(dead_code, reason = "a CUDA kernel reads it from its parameters")
    )]
    pub(crate) tile: Option<Tile>,
    /// Whether no other function has its kernel.
    pub(crate) only_there: bool,
    /// Whether it reads the feed.
    pub(crate) gathers: bool,
}

impl Job {
    /// For so many blocks.
    pub(crate) fn new<P: KernelParameters>(parameters: P, blocks: u64) -> Job {
        Job {
            kind: P::KIND,
            work: Work::new(parameters),
            words: words(&parameters),
            blocks: u32::try_from(blocks).unwrap_or(u32::MAX),
            shared_bytes: 0,
            function: Function::Stage,
            tile: None,
            only_there: false,
            gathers: false,
        }
    }

    /// With elements as units, a thread for each.
    pub(crate) fn by_element<P: KernelParameters>(parameters: P, elements: usize) -> Job {
        Job::new(parameters, (elements as u64).div_ceil(THREADS.into()))
    }

    /// With rows as units, a warp for each.
    pub(crate) fn by_row<P: KernelParameters>(parameters: P, rows: usize) -> Job {
        Job::new(parameters, (rows as u64).div_ceil(WARPS.into()))
    }

    pub(crate) fn with_shared_memory(self, bytes: u32) -> Job {
        Job { shared_bytes: bytes, ..self }
    }

    /// Of a product, in a launch of the tile's function or of one that can do more.
    pub(crate) fn with_tile(self, tile: Tile) -> Job {
        Job { shared_bytes: tile.shared_bytes(), function: tile.function(), tile: Some(tile), ..self }
    }

    /// In launches of its function alone: others have no registers left for its kernel.
    pub(crate) fn only_there(self) -> Job {
        Job { only_there: true, ..self }
    }

    /// Reading the feed.
    pub(crate) fn gathering(self) -> Job {
        Job { gathers: true, ..self }
    }

    /// As it lies in a launch's argument.
    pub(crate) fn item(&self) -> Item {
        Item { kind: self.kind, blocks: self.blocks, work: self.work }
    }
}
