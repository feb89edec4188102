//! The kernels on a GPU, a file for each: what its device code reads, shared with C++, and what a kernel of a plan becomes.
//!
//! A new kernel is a file here with a line below, and its device code `compute` in `kernels/`.

use super::items::{KernelParameters, Work};
#[cfg(any(feature = "wgpu", target_os = "macos"))]
use super::shared::wgsl_constant;
use super::shared::{assert_size, block};

/// Lists the files with their kinds of work, each by its name as a member of the union `Work` and its struct.
macro_rules! kernels {
    ($(mod $module:ident { $($member:ident: $kind:ident),+ })*) => {
        $(pub(crate) mod $module;)*

        /// The kinds of work.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Kind {
            $($(#[doc = concat!("See [`", stringify!($module), "::", stringify!($kind), "`].")] $kind,)+)*
        }

        impl Kind {
            /// All of them.
            #[cfg(any(feature = "wgpu", target_os = "macos"))]
            pub(crate) const ALL: &[Kind] = &[$($(Kind::$kind,)+)*];
        }

        $($(impl KernelParameters for $module::$kind {
            const KIND: u32 = Kind::$kind as u32;
        })+)*

        /// What the files share with WGSL, and a number for each kind.
        #[cfg(any(feature = "wgpu", target_os = "macos"))]
        pub(crate) fn wgsl() -> String {
            let kinds: String = Kind::ALL.iter().map(|kind| wgsl_constant(&format!("Kind{kind:?}"), *kind as u32)).collect();
            [kinds, $($module::wgsl()),*].concat()
        }

        /// What the files share with C++, and of all kinds together an enum, a union and a list.
        pub(crate) fn cpp() -> String {
            let of_files = [$($module::cpp()),*].concat();
            let kinds = [$($((stringify!($kind), stringify!($member))),+),*];
            of_files + &of_all(&kinds)
        }
    };
}

kernels! {
    mod advance { advance: Advance }
    mod gather { gather: Gather }
    mod gather_targets { gather_targets: GatherTargets }
    mod next_batch { next_batch: NextBatch }
    mod constant { fill: Fill }
    mod accumulate { accumulate: Accumulate }
    mod proceed { proceed: Proceed }
    mod copy { copy: Copy }
    mod gemm { gemm: Gemm }
    mod map { map: Map }
    mod reduce { reduce: Reduce }
    mod softmax { softmax: Softmax }
    mod cross_entropy { cross_entropy: CrossEntropy }
    mod mse { mse: Mse }
    mod permute { permute: Permute, transpose: Transpose }
    mod join { join_part: JoinPart }
    mod gather_rows { gather_rows: GatherRows }
    mod scatter_rows { scatter_rows: ScatterRows }
    mod pick { pick: Pick }
    mod argmax { arg_max: ArgMax }
    mod dropout { dropout: Dropout }
    mod metrics { metrics: Metrics }
    mod update { update: Update }
}

/// C++ of kinds and members together.
fn of_all(kinds: &[(&str, &str)]) -> String {
    let lines = |line: fn(&(&str, &str)) -> String| kinds.iter().map(|kind| (&[][..], line(kind))).collect();
    let names: Vec<_> = lines(|(kind, _)| format!("{kind},"));
    let mut members: Vec<_> = lines(|(kind, member)| format!("{kind} {member};"));
    members.push((&[" As large as in Rust."], format!("u64 words[{}];", Work::WORDS)));
    let cases: Vec<_> = kinds.iter().map(|(kind, member)| format!("CASE({kind}, {member})")).collect();
    [
        block(&[" Which member of `Work` an item has."], "enum class Kind : u32", &names),
        block(&[" Parameters of any kind."], "union Work", &members),
        assert_size("Work", size_of::<Work>()),
        format!(
            "\n/// CASE(kind, member of `Work`) for every kind.\n#define EVERY_KIND(CASE) \\\n    {}\n",
            cases.join(" \\\n    ")
        ),
    ]
    .concat()
}
