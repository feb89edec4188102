//! Which tile a product is cut into: `kernels/gemm.cuh` has the tiles.
//!
//! The choice is a function of the product's shape alone, never of the device, so that results are the same on all GPUs.
//! Beyond that, whether k is cut into slices decides the bits, and the number of rows of the batch has no say in it up to
//! [`MOST_SLICED_ROWS`]: the scores of a sample do not depend on how many are judged together.

use crate::plan::Gemm;

/// The tiles, as `TileKind` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tile {
    /// 8 × 16, k in eight slices.
    Narrow,
    /// 32 × 32, k in eight slices.
    Sliced,
    /// 32 × 32.
    Small,
    /// 64 × 64.
    Medium,
    /// 128 × 128.
    Large,
}

/// What a tile is made of, as in `kernels/gemm.cuh`.
struct Dimensions {
    rows: u64,
    columns: u64,
    depth: u64,
}

/// Fewer tiles than this leave multiprocessors of a large GPU idle.
const ENOUGH_TILES: u64 = 128;
/// Steps of k from which on slices pay.
const FEWEST_SLICED_STEPS: u64 = 64;
/// Up to so many rows k is sliced whatever the columns.
const MOST_SLICED_ROWS: u64 = 1024;
/// Up to so many columns k is sliced whatever the rows.
const MOST_SLICED_COLUMNS: u64 = 256;

impl Tile {
    #[cfg(test)]
    pub(super) const ALL: [Tile; 5] = [Tile::Narrow, Tile::Sliced, Tile::Small, Tile::Medium, Tile::Large];

    /// The tile for a product. Gradients of weights (A transposed) are never sliced: their k is the batch, and a batch
    /// taken in parts must give the same chain of sums.
    pub(super) fn of(gemm: &Gemm) -> Tile {
        let (m, n, k) = (gemm.m as u64, gemm.n as u64, gemm.k as u64);
        let sliced = !gemm.transpose_a
            && k >= FEWEST_SLICED_STEPS
            && (m <= MOST_SLICED_ROWS || n <= MOST_SLICED_COLUMNS);
        let enough = |tile: Tile| tile.count(m, n) >= ENOUGH_TILES;
        match sliced {
            true if enough(Tile::Sliced) => Tile::Sliced,
            true => Tile::Narrow,
            false if enough(Tile::Large) => Tile::Large,
            false if enough(Tile::Medium) => Tile::Medium,
            false => Tile::Small,
        }
    }

    /// How many of them cover `[m, n]`.
    pub(super) fn count(self, m: u64, n: u64) -> u64 {
        let Dimensions { rows, columns, .. } = self.dimensions();
        m.div_ceil(rows) * n.div_ceil(columns)
    }

    /// Shared memory of a block: two chunks of both operands, each step of k padded by four numbers.
    pub(super) fn shared_bytes(self) -> u32 {
        let Dimensions { rows, columns, depth } = self.dimensions();
        (4 * 2 * depth * (rows + 4 + columns + 4)) as u32
    }

    /// Whether it needs the kernel with more registers.
    pub(super) fn is_large(self) -> bool {
        matches!(self, Tile::Sliced | Tile::Large)
    }

    fn dimensions(self) -> Dimensions {
        let (rows, columns, depth) = match self {
            Tile::Narrow => (8, 16, 128),
            Tile::Sliced => (32, 32, 64),
            Tile::Small => (32, 32, 32),
            Tile::Medium => (64, 64, 16),
            Tile::Large => (128, 128, 16),
        };
        Dimensions { rows, columns, depth }
    }
}
