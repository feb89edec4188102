//! Stages: kernels that touch nothing of each other's run side by side; between stages all threads wait.
//!
//! Hazards are found on the places of values and, for persistent memory, on bytes (an update spans many parameters). Addresses
//! of temporaries do not exist yet: layout follows the stages, so two places that meet in a stage never share a byte.

use super::draft::{Draft, ValueInfo, place_of};
use crate::ir::kernel::InPlace;
use crate::ir::{Access, Kernel, Value};

/// Kernels that may run at the same time.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    pub(super) kernels: Vec<Kernel>,
    /// For each kernel, whether the backward pass recorded it.
    pub(super) backward: Vec<bool>,
}

/// Cuts the kernel list into stages.
pub(super) fn stages(draft: &Draft) -> Vec<Stage> {
    let mut stages = vec![Stage::default()];
    let mut touched: Vec<(Access, Value)> = Vec::new();
    for placed in draft.kernels() {
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

/// No kernel writes what it also reads, unless it changes it in place, or makes a result of it that may lie there: its units
/// run side by side.
///
/// # Panics
/// If a pass has made such a kernel, which no graph can be blamed for.
pub(super) fn check_operands(draft: &Draft) {
    for placed in draft.kernels() {
        let (accesses, in_place) = (placed.kernel.accesses(), placed.kernel.in_place());
        let may_meet = |a: Value, b: Value| {
            in_place.iter().any(|&InPlace { operand, result }| [[a, b], [b, a]].contains(&[operand, result]))
        };
        for (i, a) in accesses.iter().enumerate() {
            let apart = accesses[..i].iter().all(|b| may_meet(a.1, b.1) || !conflict(&draft.values, *a, *b));
            assert!(apart, "{} writes over its own operand", placed.kernel);
        }
    }
}

/// Whether two accesses must not happen at the same time.
pub(super) fn conflict(
    values: &[ValueInfo],
    (access_a, a): (Access, Value),
    (access_b, b): (Access, Value),
) -> bool {
    let same_bytes = place_of(values, a) == place_of(values, b)
        || match (values[a.index()].persistent, values[b.index()].persistent) {
            (Some(a), Some(b)) => a.overlaps(&b),
            _ => false,
        };
    same_bytes && (access_a.writes() || access_b.writes())
}

/// Whether one of two kernels writes what the other touches.
pub(super) fn meet(values: &[ValueInfo], a: &Kernel, b: &Kernel) -> bool {
    let (a, b) = (a.accesses(), b.accesses());
    a.iter().any(|&a| b.iter().any(|&b| conflict(values, a, b)))
}
