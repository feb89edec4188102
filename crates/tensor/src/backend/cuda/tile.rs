//! Which tile a product is cut into: `kernels/gemm.cuh` has the tiles.
//!
//! The choice is a function of the product's shape alone, never of the device, so that results are the same on all GPUs.
//! Beyond that, whether k is cut into slices decides the bits, and the number of rows of the batch has no say in it up to
//! [`MOST_SLICED_ROWS`]: the scores of a sample do not depend on how many are judged together.

use super::runtime::Function;
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
    /// 64 × 128.
    Broad,
    /// 128 × 128.
    Large,
    /// 128 × 256 on tensor cores, operands rounded to TF32.
    Tensor,
}

/// What a tile is made of, as in `kernels/gemm.cuh`.
struct Dimensions {
    rows: u64,
    columns: u64,
    depth: u64,
}

// How many tiles keep a large GPU of 132 multiprocessors busy, by counting: two blocks of large tiles share a multiprocessor,
// one of tensor cores has it for itself.

/// Fewer tiles than this leave multiprocessors idle.
const ENOUGH_TILES: u64 = 128;
/// Fewer of the largest tiles than this leave too many idle while the last of them are computed.
const ENOUGH_LARGE_TILES: u64 = 512;
/// Tensor cores are so much faster that they win with a quarter of them idle.
const ENOUGH_TENSOR_TILES: u64 = 96;
/// Steps of k from which on slices pay.
const FEWEST_SLICED_STEPS: u64 = 64;
/// Up to so many rows k is sliced whatever the columns.
const MOST_SLICED_ROWS: u64 = 1024;
/// Up to so many columns k is sliced whatever the rows.
const MOST_SLICED_COLUMNS: u64 = 256;

impl Tile {
    pub(super) const ALL: [Tile; 7] =
        [Tile::Narrow, Tile::Sliced, Tile::Small, Tile::Medium, Tile::Broad, Tile::Large, Tile::Tensor];

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
            false if Tile::Large.count(m, n) >= ENOUGH_LARGE_TILES => Tile::Large,
            false if enough(Tile::Broad) => Tile::Broad,
            false if enough(Tile::Medium) => Tile::Medium,
            false => Tile::Small,
        }
    }

    /// The same where large products may be rounded to TF32.
    pub(super) fn of_tf32(gemm: &Gemm) -> Tile {
        let large = Tile::Tensor.count(gemm.m as u64, gemm.n as u64) >= ENOUGH_TENSOR_TILES;
        if large { Tile::Tensor } else { Tile::of(gemm) }
    }

    /// How many of them cover `[m, n]`.
    pub(super) fn count(self, m: u64, n: u64) -> u64 {
        let Dimensions { rows, columns, .. } = self.dimensions();
        m.div_ceil(rows) * n.div_ceil(columns)
    }

    /// Shared memory of a block.
    pub(super) fn shared_bytes(self) -> u32 {
        let Dimensions { rows, columns, depth } = self.dimensions();
        let numbers = match self {
            // Three chunks; a row of A is padded by four numbers, a step of B by eight.
            Tile::Tensor => 3 * (rows * (depth + 4) + depth * (columns + 8)),
            // Two chunks; a step of k is padded by four numbers for either operand.
            _ => 2 * depth * (rows + 4 + columns + 4),
        };
        4 * numbers as u32
    }

    /// The kernel that has it.
    pub(super) fn function(self) -> Function {
        match self {
            Tile::Narrow | Tile::Small | Tile::Medium => Function::Stage,
            Tile::Sliced | Tile::Broad | Tile::Large => Function::StageLarge,
            Tile::Tensor => Function::StageTensor,
        }
    }

    fn dimensions(self) -> Dimensions {
        let (rows, columns, depth) = match self {
            Tile::Narrow => (8, 16, 128),
            Tile::Sliced => (32, 32, 64),
            Tile::Small => (32, 32, 64),
            Tile::Medium => (64, 64, 16),
            Tile::Broad => (64, 128, 16),
            Tile::Large => (128, 128, 16),
            Tile::Tensor => (128, 256, 16),
        };
        Dimensions { rows, columns, depth }
    }
}
