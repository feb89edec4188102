//! Which tile a product is cut into; `kernels/gemm.cuh` and `kernels/tensor_cores.cuh` compute them.
//!
//! The choice depends on the product's shape alone, never on the device, so that results are the same on all GPUs. The bits
//! depend only on whether k is cut into slices, and up to [`MOST_SLICED_ROWS`] rows of the batch do not decide that: the
//! scores of a sample do not depend on how many are computed together.

use super::function::Function;
use super::shared::shared;
use crate::ir::kernel::Gemm;

shared! {
    /// The tiles of a product.
    enum Tile {
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
}

/// How a tile is computed.
struct TileShape {
    /// Rows and columns of C.
    m: u32,
    n: u32,
    /// Steps of k in shared memory at a time.
    depth: u32,
    /// Parts into which k is cut, for different warps.
    slices: u32,
    /// Rows and columns of a thread; on tensor cores of a warp.
    tall: u32,
    wide: u32,
}

// How many tiles keep a large GPU of 132 multiprocessors busy, by counting: two blocks with large tiles share a
// multiprocessor, one on tensor cores has one to itself.

/// Fewer tiles than this leave multiprocessors idle.
const ENOUGH_TILES: u64 = 128;
/// Fewer of the largest tiles than this leave too many idle while the last of them are computed.
const ENOUGH_LARGE_TILES: u64 = 512;
/// Tensor cores are so much faster that they win with a quarter of them idle.
const ENOUGH_TENSOR_TILES: u64 = 96;
/// Slices pay from this many steps of k on.
const FEWEST_SLICED_STEPS: u64 = 64;
/// Up to this many rows k is sliced whatever the columns.
const MOST_SLICED_ROWS: u64 = 1024;
/// Up to this many columns k is sliced whatever the rows.
const MOST_SLICED_COLUMNS: u64 = 256;

impl Tile {
    pub(crate) const ALL: [Tile; 7] =
        [Tile::Narrow, Tile::Sliced, Tile::Small, Tile::Medium, Tile::Broad, Tile::Large, Tile::Tensor];

    /// The tile for a product. Gradients of weights (A transposed) are never sliced: their k is the batch, and a batch
    /// processed in parts must give the same chain of sums.
    pub(crate) fn of(gemm: &Gemm) -> Tile {
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
    pub(crate) fn of_tf32(gemm: &Gemm) -> Tile {
        let large = Tile::Tensor.count(gemm.m as u64, gemm.n as u64) >= ENOUGH_TENSOR_TILES;
        if large { Tile::Tensor } else { Tile::of(gemm) }
    }

    /// How many of them cover `[m, n]`.
    pub(crate) fn count(self, m: u64, n: u64) -> u64 {
        let shape = self.shape();
        m.div_ceil(shape.m.into()) * n.div_ceil(shape.n.into())
    }

    /// Shared memory of a block.
    pub(crate) fn shared_bytes(self) -> u32 {
        let TileShape { m, n, depth, .. } = self.shape();
        let numbers = match self {
            // Three chunks; a row of A is padded by four numbers, a step of B by eight.
            Tile::Tensor => 3 * (m * (depth + 4) + depth * (n + 8)),
            // Two chunks; a step of k is padded by four numbers for either operand.
            _ => 2 * depth * (m + 4 + n + 4),
        };
        4 * numbers
    }

    /// The first kernel that has it.
    pub(crate) fn function(self) -> Function {
        match self {
            Tile::Narrow | Tile::Small | Tile::Medium => Function::Stage,
            Tile::Sliced | Tile::Broad | Tile::Large => Function::StageLarge,
            Tile::Tensor => Function::StageTensor,
        }
    }

    /// Most shared memory of a block in a launch of `function`. Beyond 48 KiB a driver has to know it beforehand.
    pub(crate) fn most_shared_bytes(function: Function) -> u32 {
        let tiles = Tile::ALL.into_iter().filter(|tile| tile.function() <= function);
        tiles.map(Tile::shared_bytes).max().unwrap_or(0)
    }

    fn shape(self) -> TileShape {
        let [m, n, depth, slices, tall, wide] = match self {
            Tile::Narrow => [8, 16, 128, 8, 2, 2],
            Tile::Sliced => [32, 32, 64, 8, 4, 8],
            Tile::Small => [32, 32, 64, 1, 2, 2],
            Tile::Medium => [64, 64, 16, 1, 4, 4],
            Tile::Broad => [64, 128, 16, 1, 4, 8],
            Tile::Large => [128, 128, 16, 1, 8, 8],
            Tile::Tensor => [128, 256, 16, 1, 64, 64],
        };
        TileShape { m, n, depth, slices, tall, wide }
    }
}

/// The tiles' shapes in C++.
pub(crate) fn shapes() -> String {
    let head = "
/// How a tile is computed: M × N elements of C, DEPTH steps of k in shared memory at a time, k in SLICES parts, TALL × WIDE
/// elements for a thread, or on tensor cores for a warp.
template <Tile TILE> struct Shape;
";
    let shape = |tile: Tile| {
        let TileShape { m, n, depth, slices, tall, wide } = tile.shape();
        format!(
            "template <> struct Shape<Tile::{tile:?}> {{
    static constexpr u32 M = {m}, N = {n}, DEPTH = {depth}, SLICES = {slices}, TALL = {tall}, WIDE = {wide};
    static constexpr u32 SHARED_BYTES = {};
}};
",
            tile.shared_bytes(),
        )
    };
    head.to_owned() + &Tile::ALL.map(shape).concat()
}
