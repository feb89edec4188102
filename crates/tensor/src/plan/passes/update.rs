//! Updates of parameters that lie side by side become one, over the whole range. They stand in the order of memory.

use crate::ir::kernel::{Target, Update};
use crate::ir::{Extent, Kernel, Meta, Shape, Value};
use crate::plan::draft::{Draft, ValueInfo};

pub(super) fn run(draft: &mut Draft) {
    let mut before: Option<usize> = None;
    for place in draft.places() {
        let Some(Kernel::Update(update)) = draft.kernel(place).cloned() else { continue };
        let neighbour = before.and_then(|before| match draft.kernel(before) {
            Some(Kernel::Update(neighbour)) if are_adjacent(draft, neighbour, &update) => {
                Some((before, neighbour.clone()))
            }
            _ => None,
        });
        if let Some((before, neighbour)) = neighbour {
            let joined = join(draft, &neighbour, &update);
            draft.take(before);
            draft.replace(place, joined);
        }
        before = Some(place);
    }
}

fn are_adjacent(draft: &Draft, a: &Update, b: &Update) -> bool {
    let extent = |value: Value| draft.values[value.index()].persistent;
    let adjacent = |(a, b): (Value, Value)| match (extent(a), extent(b)) {
        (Some(a), Some(b)) => a.end() == b.offset,
        _ => false,
    };
    let alike = |update: &Update| (update.target.optimizer, update.target.divisor, update.target.step_block);
    alike(a) == alike(b) && operands(a).into_iter().zip(operands(b)).all(adjacent)
}

/// What lies in one order for all parameters.
fn operands(update: &Update) -> Vec<Value> {
    std::iter::once(update.gradient).chain(update.target.changed()).collect()
}

fn join(draft: &mut Draft, a: &Update, b: &Update) -> Update {
    let elements = a.elements + b.elements;
    let mut span = |a: Value, b: Value| {
        let dtype = draft.values[a.index()].meta.dtype;
        let [a, b] = [a, b].map(|value| draft.values[value.index()].persistent.expect("both are adjacent"));
        let extent = Extent { offset: a.offset, bytes: a.bytes + b.bytes };
        let shape = Shape::new(&[elements]).expect("a part of the arena, whose bytes can be counted");
        let info = ValueInfo::temporary(Meta { shape, dtype }, true);
        draft.add_value(ValueInfo { persistent: Some(extent), ..info })
    };
    let moments = std::array::from_fn(|i| Some(span(a.target.moments[i]?, b.target.moments[i]?)));
    let parameter = span(a.target.parameter, b.target.parameter);
    let gradient = span(a.gradient, b.gradient);
    Update { target: Target { parameter, moments, ..a.target.clone() }, gradient, elements }
}
