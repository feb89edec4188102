//! Fusion: peephole rules over the kernel list, each one a merge of two kernels into one that saves a pass over memory.
//!
//! | rule | from | to |
//! | --- | --- | --- |
//! | store | kernel, copy to a gradient's slot | kernel that writes the slot |
//! | accumulate | gemm, addition to a gradient's slot | gemm that goes on with the slot's sums |
//! | bias | gemm, add of a row | gemm with bias |
//! | relu | gemm with bias, relu | gemm with bias and relu |
//! | mask | gemm, relu gradient | gemm with mask |
//! | column sum | gemm over B, column sums of B | gemm that writes both |
//! | loss | losses, their gradient | one pass for both |
//! | update | updates of neighbouring parameters | one update over the range |
//!
//! No rule depends on a size, so plans for different batch sizes have the same kernels and their memory is comparable.

use super::kernel::{Epilogue, Kernel, MapOp, Reduction, RowScale};
use super::lower::Draft;
use super::{Extent, Value};
use crate::plan::MapInput;

/// A rule looks for a merge from a place in the kernel list on, and says from where to look for the next.
type Rule = fn(&mut Draft, usize) -> Option<usize>;

/// Applies each rule from end to end of the list, and drops what nobody reads.
pub(crate) fn fuse(draft: &mut Draft) {
    store_in_place(draft);
    for rule in [bias as Rule, relu, mask, column_sum, loss, accumulate] {
        apply(rule, draft);
    }
    drop_unread(draft);
    apply(update, draft);
}

fn apply(rule: Rule, draft: &mut Draft) {
    let mut from = 0;
    while let Some(next) = rule(draft, from) {
        from = next;
    }
}

/// The only kernel that reads `value` as a temporary, unless the value is an output or persistent.
fn sole_reader(draft: &Draft, value: Value) -> Option<usize> {
    if draft.is_output(value) || draft.values[value.index()].persistent.is_some() {
        return None;
    }
    let mut readers = draft.kernels.iter().enumerate().filter(|(_, placed)| placed.kernel.reads(value));
    match (readers.next(), readers.next()) {
        (Some((i, _)), None) => Some(i),
        _ => None,
    }
}

fn writer(draft: &Draft, value: Value) -> Option<usize> {
    draft.kernels.iter().position(|placed| placed.kernel.writes(value))
}

/// A gradient that is only copied into its slot is written there in the first place.
fn store_in_place(draft: &mut Draft) {
    let mut i = 0;
    while i < draft.kernels.len() {
        let Kernel::Copy { input, output, .. } = draft.kernels[i].kernel else {
            i += 1;
            continue;
        };
        let temporary = draft.values[input.index()].persistent.is_none() && !draft.is_output(input);
        if temporary && writer(draft, input).is_some() {
            draft.kernels.remove(i);
            for placed in &mut draft.kernels {
                placed.kernel.operands(&mut |_, value| {
                    if *value == input {
                        *value = output
                    }
                });
            }
        } else {
            i += 1;
        }
    }
}

/// A product, or the column sums beside it, that is only added to a slot is added to it as it is summed. The sums are then
/// the very chain that the whole batch would have given.
fn accumulate(draft: &mut Draft, from: usize) -> Option<usize> {
    for i in from..draft.kernels.len() {
        let Kernel::Accumulate { input, output, .. } = draft.kernels[i].kernel else { continue };
        let Some(j) = writer(draft, input).filter(|_| sole_reader(draft, input) == Some(i)) else { continue };
        let Kernel::Gemm(gemm) = &mut draft.kernels[j].kernel else { continue };
        if gemm.c == input && gemm.epilogue == Epilogue::None {
            (gemm.c, gemm.accumulate) = (output, true);
        } else if gemm.column_sum == Some(input) {
            (gemm.column_sum, gemm.accumulate_sums) = (Some(output), true);
        } else {
            continue;
        }
        draft.kernels.remove(i);
        return Some(i);
    }
    None
}

/// Finds a gemm accepted by `accepts` whose product goes only into a map accepted by `epilogue`, and merges them.
fn merge_epilogue(
    draft: &mut Draft,
    from: usize,
    epilogue: impl Fn(&super::Gemm, &super::Map, MapInput, MapInput) -> Option<Epilogue>,
) -> Option<usize> {
    for i in from..draft.kernels.len() {
        let Kernel::Gemm(gemm) = &draft.kernels[i].kernel else { continue };
        let Some(j) = sole_reader(draft, gemm.c) else { continue };
        let Kernel::Map(map) = &draft.kernels[j].kernel else { continue };
        if map.shape.elements() != gemm.m * gemm.n {
            continue;
        }
        let [first, second] = map.inputs;
        let (product, other) = if first.value == gemm.c { (first, second) } else { (second, first) };
        let full = map.shape.broadcast_strides(&map.shape);
        let Some(epilogue) =
            Some(()).filter(|()| product.strides == full).and_then(|()| epilogue(gemm, map, product, other))
        else {
            continue;
        };
        let mut fused = gemm.clone();
        fused.epilogue = epilogue;
        fused.c = map.output;
        // The merged kernel stands where its last operand is ready.
        draft.kernels[j].kernel = Kernel::Gemm(fused);
        draft.kernels.remove(i);
        return Some(i);
    }
    None
}

/// gemm + row
fn bias(draft: &mut Draft, from: usize) -> Option<usize> {
    merge_epilogue(draft, from, |gemm, map, _, other| {
        // A product that was reshaped meanwhile has rows of another length.
        let row = map.shape.dims() == [gemm.m, gemm.n] && other.strides[..2] == [0, 1];
        let matches = gemm.epilogue == Epilogue::None && map.op == MapOp::Add && map.arity == 2 && row;
        (matches && other.value != gemm.c).then_some(Epilogue::Bias(other.value))
    })
}

/// relu(gemm + row)
fn relu(draft: &mut Draft, from: usize) -> Option<usize> {
    merge_epilogue(draft, from, |gemm, map, _, _| match gemm.epilogue {
        Epilogue::Bias(bias) if map.op == MapOp::Relu => Some(Epilogue::BiasRelu(bias)),
        _ => None,
    })
}

/// relu_grad(gemm, y)
fn mask(draft: &mut Draft, from: usize) -> Option<usize> {
    merge_epilogue(draft, from, |gemm, map, product, other| {
        let masked =
            map.op == MapOp::ReluGrad && map.inputs[0] == product && other.strides == product.strides;
        (masked && gemm.epilogue == Epilogue::None && other.value != gemm.c)
            .then_some(Epilogue::ReluMask(other.value))
    })
}

/// A gemm whose second operand is also summed over its rows: the bias gradient beside the weight gradient.
fn column_sum(draft: &mut Draft, from: usize) -> Option<usize> {
    for i in from..draft.kernels.len() {
        let Kernel::Reduce(reduce) = &draft.kernels[i].kernel else { continue };
        if reduce.reduction != Reduction::Sum || reduce.outer != 1 {
            continue;
        }
        let (summed, sums, rows, columns) = (reduce.input, reduce.output, reduce.reduced, reduce.inner);
        let partner = draft.kernels.iter().position(|placed| match &placed.kernel {
            Kernel::Gemm(g) => {
                g.b == summed && !g.transpose_b && (g.k, g.n) == (rows, columns) && g.column_sum.is_none()
            }
            _ => false,
        });
        let Some(j) = partner else { continue };
        let read_between = draft.kernels[i..j.max(i)].iter().any(|placed| placed.kernel.reads(sums));
        if read_between {
            continue;
        }
        if let Kernel::Gemm(gemm) = &mut draft.kernels[j].kernel {
            gemm.column_sum = Some(sums);
        }
        draft.kernels.remove(i);
        return Some(i);
    }
    None
}

/// Losses and their gradient from one pass.
fn loss(draft: &mut Draft, from: usize) -> Option<usize> {
    for i in from..draft.kernels.len() {
        for j in i + 1..draft.kernels.len() {
            let merged = match (&draft.kernels[i].kernel, &draft.kernels[j].kernel) {
                (Kernel::CrossEntropy(a), Kernel::CrossEntropy(b))
                    if (a.logits, a.labels) == (b.logits, b.labels)
                        && a.dlogits.is_none()
                        && b.losses.is_none() =>
                {
                    let (losses, dlogits) = (a.losses, b.dlogits);
                    constant(b.scale).map(|scale| {
                        Kernel::CrossEntropy(super::CrossEntropy { losses, dlogits, scale, ..a.clone() })
                    })
                }
                (Kernel::Mse(a), Kernel::Mse(b))
                    if (a.prediction, a.target) == (b.prediction, b.target)
                        && a.dprediction.is_none()
                        && b.losses.is_none() =>
                {
                    let (losses, dprediction) = (a.losses, b.dprediction);
                    constant(b.scale)
                        .map(|scale| Kernel::Mse(super::Mse { losses, dprediction, scale, ..a.clone() }))
                }
                _ => None,
            };
            if let Some(kernel) = merged {
                draft.kernels[i].kernel = kernel;
                draft.kernels.remove(j);
                return Some(i);
            }
        }
    }
    None
}

/// A scale that is known already where the losses are computed.
fn constant(scale: RowScale) -> Option<RowScale> {
    matches!(scale, RowScale::Constant(_)).then_some(scale)
}

/// Drops kernels whose results nobody reads, the last first, so that what only they read goes too.
fn drop_unread(draft: &mut Draft) {
    let mut readers = vec![0usize; draft.values.len()];
    let accesses: Vec<Vec<_>> = draft.kernels.iter().map(|placed| placed.kernel.accesses()).collect();
    for (_, value) in accesses.iter().flatten().filter(|(access, _)| access.reads()) {
        readers[value.index()] += 1;
    }
    for (i, accesses) in accesses.iter().enumerate().rev() {
        let unread = accesses.iter().filter(|(access, _)| access.writes()).all(|&(_, value)| {
            let temporary = draft.values[value.index()].persistent.is_none() && !draft.is_output(value);
            temporary && readers[value.index()] == 0
        });
        if unread {
            draft.kernels.remove(i);
            accesses
                .iter()
                .filter(|(access, _)| access.reads())
                .for_each(|(_, value)| readers[value.index()] -= 1);
        }
    }
}

/// Two neighbouring updates of adjacent ranges become one.
fn update(draft: &mut Draft, from: usize) -> Option<usize> {
    let extent = |draft: &Draft, value: Value| draft.values[value.index()].persistent;
    for i in from..draft.kernels.len() {
        for j in i + 1..draft.kernels.len() {
            let (Kernel::Update(a), Kernel::Update(b)) = (&draft.kernels[i].kernel, &draft.kernels[j].kernel)
            else {
                continue;
            };
            let pairs = || {
                let moments =
                    a.moments.iter().zip(&b.moments).filter_map(|(a, b)| Some((a.as_ref()?, b.as_ref()?)));
                [(&a.parameter, &b.parameter), (&a.gradient, &b.gradient)].into_iter().chain(moments)
            };
            let adjacent = |(a, b): (&Value, &Value)| match (extent(draft, *a), extent(draft, *b)) {
                (Some(a), Some(b)) => a.end() == b.offset,
                _ => false,
            };
            if a.optimizer != b.optimizer || !pairs().all(adjacent) {
                continue;
            }
            let mut joined = a.clone();
            joined.elements += b.elements;
            let mut kernel = Kernel::Update(joined);
            let joins: Vec<(Value, Value)> = pairs().map(|(a, b)| (*a, *b)).collect();
            for (a, b) in joins {
                let joined = join(draft, a, b);
                kernel.operands(&mut |_, value| {
                    if *value == a {
                        *value = joined
                    }
                });
            }
            // The gradients of both are ready where the later one stands.
            draft.kernels[j].kernel = kernel;
            draft.kernels.remove(i);
            return Some(i);
        }
    }
    None
}

/// A value that spans two adjacent persistent ones.
fn join(draft: &mut Draft, a: Value, b: Value) -> Value {
    let (a, b) = (draft.values[a.index()].clone(), draft.values[b.index()].clone());
    let offset = a.persistent.expect("only persistent values are joined").offset;
    let bytes = a.bytes + b.bytes;
    draft.add_value(super::lower::ValueInfo { bytes, persistent: Some(Extent { offset, bytes }), ..a })
}
