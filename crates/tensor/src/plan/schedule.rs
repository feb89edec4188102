//! Stages: kernels that touch nothing of each other's run side by side; between stages all threads wait.
//!
//! Hazards are found on values and, for persistent memory, on bytes (an update spans many parameters). Addresses of
//! temporaries do not exist yet: layout follows the stages, so two values that meet in a stage never share a byte.

use super::kernel::{Access, Kernel};
use super::lower::{Draft, ValueInfo};
use super::{Category, Permute, Value};
use crate::{MAX_RANK, Shape};

/// Kernels that may run at the same time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stage {
    pub(crate) kernels: Vec<Kernel>,
    /// For each kernel, whether the backward pass recorded it.
    pub(crate) backward: Vec<bool>,
}

/// Cuts the kernel list into stages.
pub(crate) fn stages(draft: &mut Draft) -> Vec<Stage> {
    transpose_second_operands(draft);
    let mut stages = vec![Stage::default()];
    let mut touched: Vec<(Access, Value)> = Vec::new();
    for placed in &draft.kernels {
        let accesses = placed.kernel.accesses();
        if accesses.iter().any(|a| touched.iter().any(|b| conflict(&draft.values, *a, *b))) {
            stages.push(Stage::default());
            touched.clear();
        }
        touched.extend(accesses);
        let stage = stages.last_mut().expect("there is always a last stage");
        stage.kernels.push(placed.kernel.clone());
        stage.backward.push(placed.backward);
    }
    stages.retain(|stage| !stage.kernels.is_empty());
    stages
}

/// Whether two accesses must not happen at the same time.
fn conflict(values: &[ValueInfo], (access_a, a): (Access, Value), (access_b, b): (Access, Value)) -> bool {
    let same_bytes = a == b
        || match (values[a.index()].persistent, values[b.index()].persistent) {
            (Some(a), Some(b)) => a.overlaps(&b),
            _ => false,
        };
    same_bytes && (access_a.writes() || access_b.writes())
}

/// A gemm reads the rows of its second operand; where that is stored transposed, a copy is turned round first. The
/// copy is placed where the first operand is made, beside that kernel, so that it costs no stage of its own.
fn transpose_second_operands(draft: &mut Draft) {
    let mut i = 0;
    while i < draft.kernels.len() {
        let Kernel::Gemm(gemm) = draft.kernels[i].kernel.clone() else {
            i += 1;
            continue;
        };
        if !gemm.transpose_b {
            i += 1;
            continue;
        }
        let backward = draft.kernels[i].backward;
        let turned = draft.add_value(ValueInfo {
            bytes: 4 * gemm.k * gemm.n,
            persistent: None,
            backward: true,
            category: Category::Workspace,
        });
        let shape = Shape::new(&[gemm.k, gemm.n]).expect("as large as the operand, which exists");
        let mut strides = [0; MAX_RANK];
        strides[..2].copy_from_slice(&[1, gemm.k]);
        let turn = Kernel::Permute(Permute { input: gemm.b, output: turned, shape, strides });
        let made = |value: Value| draft.kernels[..i].iter().rposition(|placed| placed.kernel.writes(value));
        let beside = made(gemm.a).unwrap_or(i).max(made(gemm.b).map_or(0, |made| made + 1)).min(i);
        draft.kernels[i].kernel = Kernel::Gemm(super::Gemm { b: turned, transpose_b: false, ..gemm });
        draft.kernels.insert(beside, super::lower::Placed { kernel: turn, backward });
        i += 2;
    }
}
