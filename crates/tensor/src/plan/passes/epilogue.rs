//! What is computed of a product element by element is computed as the product is stored: a bias, then formulas.

use crate::ir::kernel::{EpilogueStep, Gemm, Map, MapInput, MapOp, Sink};
use crate::ir::{Kernel, Value};
use crate::plan::draft::Draft;

pub(super) fn run(draft: &mut Draft) {
    for place in draft.places() {
        let mut place = place;
        while let Some((reader, merged)) = merge(draft, place) {
            // The merged kernel stands where its last operand is ready.
            draft.take(place);
            draft.replace(reader, merged);
            place = reader;
        }
    }
}

/// The product at `place` with what its only reader does to it, and where that stands.
fn merge(draft: &Draft, place: usize) -> Option<(usize, Gemm)> {
    let Some(Kernel::Gemm(gemm)) = draft.kernel(place) else { return None };
    let Sink::Store(product) = gemm.c else { return None };
    let reader = draft.sole_reader(product)?;
    let Some(Kernel::Map(map)) = draft.kernel(reader) else { return None };
    if map.shape.elements() != gemm.m * gemm.n {
        return None;
    }
    let mut merged = gemm.clone();
    match bias(gemm, product, map) {
        Some(bias) => merged.epilogue.bias = Some(bias),
        None => merged.epilogue = gemm.epilogue.then(step(product, map)?)?,
    }
    merged.c = Sink::Store(map.output);
    Some((reader, merged))
}

/// The row that is added to each row of a product.
fn bias(gemm: &Gemm, product: Value, map: &Map) -> Option<Value> {
    // A product that was reshaped meanwhile has rows of another length.
    let adds = map.op == MapOp::Add && gemm.epilogue.is_none() && map.shape.dims() == [gemm.m, gemm.n];
    let (_, other) = operands(product, map).filter(|_| adds)?;
    other.filter(|other| other.strides[..2] == [0, 1]).map(|row| row.value)
}

/// A formula applied to every element of a product, whose second operand, if it has one, lies as the product does.
fn step(product: Value, map: &Map) -> Option<EpilogueStep> {
    let (is_first, other) = operands(product, map).filter(|_| map.op.finishes_products())?;
    let is_in_order = is_first || matches!(map.op, MapOp::Add | MapOp::Mul);
    let lies_alike = other.is_none_or(|other| other.strides == whole(map));
    (is_in_order && lies_alike)
        .then(|| EpilogueStep { formula: map.op, other: other.map(|other| other.value) })
}

/// Whether the product is the first operand of a map, and the other one; `None` if the map stretches the product or reads
/// it twice.
fn operands(made: Value, map: &Map) -> Option<(bool, Option<MapInput>)> {
    let [first, second] = map.inputs;
    let (is_first, product, other) = match (map.arity, first.value == made) {
        (1, _) => (true, first, None),
        (_, true) => (true, first, Some(second)),
        (_, false) => (false, second, Some(first)),
    };
    let reads_once = other.is_none_or(|other| other.value != made);
    (reads_once && product.strides == whole(map)).then_some((is_first, other))
}

/// The strides of an operand that is not stretched.
fn whole(map: &Map) -> [usize; crate::ir::MAX_RANK] {
    map.shape.broadcast_strides(&map.shape)
}
