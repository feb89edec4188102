//! The text of modules: one for every set of kernels that a launch has side by side.

use wgpu::BufferBindingType;

use crate::backend::launch::kernels::Kind;
use crate::backend::launch::tile::Tile;
use crate::backend::launch::{common, formula, kernels};

/// Which module a launch needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Module {
    /// The kernels, each once.
    pub(super) kinds: Vec<Kind>,
    /// How products are cut.
    pub(super) tile: Tile,
    pub(super) windows: Windows,
    /// Whether one of them reads the dataset.
    pub(super) gathers: bool,
}

/// How an arena is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Windows {
    /// By one binding.
    Whole,
    /// By so many, of so many bytes each.
    Several {
        /// How many.
        count: u32,
        /// A power of two.
        bytes: u64,
    },
}

/// What is bound of a dataset: samples, targets and the order, and where they are in their bindings. They may lie in the arena,
/// which is written.
pub(super) const ORIGIN_BINDINGS: [BufferBindingType; 4] = {
    let storage = BufferBindingType::Storage { read_only: false };
    [storage, storage, storage, BufferBindingType::Uniform]
};

/// A file of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum File {
    Wide,
    Step,
    Formula,
    Data,
    Gather,
    Gemm,
    Map,
    Reduce,
    Rows,
    Update,
}

impl File {
    /// All, in the order in which their texts follow each other.
    const ALL: [File; 10] = [
        File::Wide,
        File::Step,
        File::Formula,
        File::Data,
        File::Gather,
        File::Gemm,
        File::Map,
        File::Reduce,
        File::Rows,
        File::Update,
    ];

    fn text(self) -> &'static str {
        match self {
            File::Wide => include_str!("../../../../kernels/wide.wgsl"),
            File::Step => include_str!("../../../../kernels/step.wgsl"),
            File::Formula => include_str!("../../../../kernels/formula.wgsl"),
            File::Data => include_str!("../../../../kernels/data.wgsl"),
            File::Gather => include_str!("../../../../kernels/gather.wgsl"),
            File::Gemm => include_str!("../../../../kernels/gemm.wgsl"),
            File::Map => include_str!("../../../../kernels/map.wgsl"),
            File::Reduce => include_str!("../../../../kernels/reduce.wgsl"),
            File::Rows => include_str!("../../../../kernels/rows.wgsl"),
            File::Update => include_str!("../../../../kernels/update.wgsl"),
        }
    }
}

/// The kernel of a kind: its function, and the files it needs. A kind without one does not compile.
fn kernel(kind: Kind) -> (&'static str, &'static [File]) {
    match kind {
        Kind::Advance => ("advance", &[File::Wide, File::Step]),
        Kind::Proceed => ("proceed", &[File::Wide, File::Step]),
        Kind::NextBatch => ("next_batch", &[File::Wide, File::Step]),
        Kind::Metrics => ("metrics", &[File::Wide, File::Step]),
        Kind::Gather => ("gather", &[File::Gather]),
        Kind::GatherTargets => ("gather_targets", &[File::Gather]),
        Kind::Fill => ("fill", &[File::Data]),
        Kind::Accumulate => ("accumulate", &[File::Data]),
        Kind::Copy => ("copy", &[File::Data]),
        Kind::Permute => ("permute", &[File::Data]),
        Kind::Transpose => ("transpose_matrix", &[File::Data]),
        Kind::JoinPart => ("join_part", &[File::Data]),
        Kind::GatherRows => ("gather_rows", &[File::Data]),
        Kind::ScatterRows => ("scatter_rows", &[File::Data]),
        Kind::Pick => ("pick", &[File::Data]),
        Kind::Gemm => ("gemm", &[File::Formula, File::Gemm]),
        Kind::Map => ("map", &[File::Formula, File::Map]),
        Kind::Reduce => ("reduce", &[File::Reduce]),
        Kind::Softmax => ("softmax", &[File::Formula, File::Rows]),
        Kind::CrossEntropy => ("cross_entropy", &[File::Formula, File::Rows]),
        Kind::Mse => ("mse", &[File::Formula, File::Rows]),
        Kind::ArgMax => ("arg_max", &[File::Formula, File::Rows]),
        Kind::Dropout => ("dropout", &[File::Formula, File::Rows]),
        Kind::Update => ("update", &[File::Wide, File::Update]),
    }
}

/// Numbers of 32 bits that a kernel shares among a workgroup, beside the tiles of products.
fn scratch(kind: Kind) -> u32 {
    match kind {
        Kind::Transpose => kernels::permute::TRANSPOSED.pow(2),
        Kind::ArgMax | Kind::Reduce => 2 * common::THREADS,
        _ => common::THREADS,
    }
}

impl Module {
    pub(super) fn text(&self) -> String {
        let needed: Vec<File> = self.kinds.iter().flat_map(|&kind| kernel(kind).1).copied().collect();
        let files = File::ALL.into_iter().filter(|file| needed.contains(file)).map(File::text);
        let shared = [common::wgsl(), formula::wgsl(), kernels::wgsl()];
        [shared.concat(), self.sizes(), self.windows.text(), COMMON.to_owned()]
            .into_iter()
            .chain(files.map(str::to_owned))
            .chain([self.main()])
            .collect()
    }

    fn sizes(&self) -> String {
        // A slice's sums, fours, of all but the first; and a chunk of either operand.
        let (edge, tiles) = match self.tile {
            Tile::Sliced => (32, 3 * common::THREADS),
            _ => (64, 2 * common::THREADS),
        };
        let scratch = self.kinds.iter().copied().map(scratch).max().unwrap_or(1);
        format!(
            "const EDGE: u32 = {edge}u;\nconst TILES: u32 = {tiles}u;\nconst SCRATCH: u32 = {scratch}u;\n"
        )
    }

    /// The entry point: finds the job that this workgroup belongs to, and computes its share.
    fn main(&self) -> String {
        let cases = self.kinds.iter().map(|&kind| {
            let capitals = crate::backend::launch::shared::capitals(&format!("Kind{kind:?}"));
            format!("        case {capitals}: {{ {}(p, share); }}\n", kernel(kind).0)
        });
        let guard = if self.gathers { GATHERS_ONLY } else { "" };
        MAIN.replace("CASES", &cases.collect::<String>()).replace("GUARD", guard)
    }

    /// What is bound of memory: parameters, and the arena, a second time as fours where it is bound whole.
    pub(super) fn memory_bindings(&self) -> Vec<BufferBindingType> {
        let arena = match self.windows {
            Windows::Whole => 2,
            Windows::Several { count, .. } => count,
        };
        let parameters = BufferBindingType::Storage { read_only: true };
        let windows = (0..arena).map(|_| BufferBindingType::Storage { read_only: false });
        std::iter::once(parameters).chain(windows).collect()
    }
}

impl Windows {
    fn text(self) -> String {
        let Windows::Several { count, bytes } = self else { return MEMORY.to_owned() };
        let words = bytes / 4;
        let declare =
            |i| format!("@group(0) @binding({}) var<storage, read_write> window_{i}: array<u32>;\n", i + 1);
        let case = |i, what: &str| match i {
            0 => format!("        default: {{ {} }}\n", what.replace('#', "0")),
            i => format!("        case {i}u: {{ {} }}\n", what.replace('#', &i.to_string())),
        };
        let cases = |what: &str| (0..count).rev().map(|i| case(i, what)).collect::<String>();
        let declarations: String = (0..count).map(declare).collect();
        WINDOWS
            .replace("DECLARATIONS", &declarations)
            .replace("LOADS", &cases("return window_#[place];"))
            .replace("STORES", &cases("window_#[place] = value;"))
            .replace("PLACE", &format!("{}u", words - 1))
            .replace("SHIFT", &format!("{}u", words.ilog2()))
    }
}

const COMMON: &str = include_str!("../../../../kernels/common.wgsl");
const MEMORY: &str = include_str!("../../../../kernels/memory.wgsl");
const WINDOWS: &str = include_str!("../../../../kernels/windows.wgsl");
const MAIN: &str = include_str!("../../../../kernels/main.wgsl");

/// Where a dataset is gathered from several windows, one after the other, the other jobs of the launch are done with the first.
const GATHERS_ONLY: &str = "
    if (origin.window > 0u && word(at + 2u) != KIND_GATHER) {
        return;
    }";
