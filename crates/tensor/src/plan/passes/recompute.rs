//! Activations that are not kept from the forward to the backward pass are computed again where that reads them, by a copy of
//! the kernel that made them. What that kernel reads is either kept, or computed again before it.
//!
//! A product that is computed again stays until its last reader in the backward pass, and so does what a kernel of that pass
//! reads itself. What is computed element by element on the way to a product is as cheap as reading it from memory: it is made
//! anew for each product, and takes no memory between that and its own gradient.

use std::collections::HashMap;

use crate::ir::{Access, Kernel, Value};
use crate::plan::draft::{Draft, Placed, ValueInfo};
use crate::plan::schedule::conflict;
use crate::plan::state::Recompute;

/// Drops activations, and returns how many products there are in the forward pass that can be computed again.
pub(super) fn run(draft: &mut Draft, recompute: Recompute) -> usize {
    let kernels: Vec<Placed> = draft.kernels().cloned().collect();
    let mut makers = makers(draft, &kernels);
    let products: Vec<Value> = kernels.iter().filter_map(|placed| product_of(placed, &makers)).collect();
    if recompute == Recompute::Nothing {
        return products.len();
    }
    for (number, product) in products.iter().enumerate() {
        if recompute.keeps_product(number, products.len()) {
            makers.remove(product);
        }
    }
    let (made, changed, list) = (HashMap::new(), Vec::new(), Vec::new());
    let mut again = Again { draft, kernels: &kernels, makers, made, changed, list };
    kernels.iter().enumerate().for_each(|(place, placed)| again.kernel(place, placed));
    let list = again.list;
    draft.reorder(|kernels, _| *kernels = list);
    products.len()
}

/// For each value that can be computed again the place of the kernel that makes it: one that writes nothing else, and finds
/// all through the backward pass what it read.
fn makers(draft: &Draft, kernels: &[Placed]) -> HashMap<Value, usize> {
    let mut makers = HashMap::new();
    let mut writers = vec![0; draft.values.len()];
    for placed in kernels {
        written(&placed.kernel).for_each(|(_, value)| writers[value.index()] += 1);
    }
    for (place, placed) in kernels.iter().enumerate().filter(|(_, placed)| !placed.backward) {
        let mut written = written(&placed.kernel);
        let (Some((Access::Write, value)), None) = (written.next(), written.next()) else { continue };
        let is_fetched = matches!(placed.kernel, Kernel::Gather(_) | Kernel::GatherTargets(_));
        if !is_fetched && draft.is_internal(value) && writers[value.index()] == 1 {
            makers.insert(value, place);
        }
    }
    makers
}

/// What a product of the forward pass makes, if it can be made again.
fn product_of(placed: &Placed, makers: &HashMap<Value, usize>) -> Option<Value> {
    let written = written(&placed.kernel).next();
    written.map(|(_, value)| value).filter(|value| placed.kernel.is_product() && makers.contains_key(value))
}

/// The kernels of a step as they are listed anew.
struct Again<'d> {
    draft: &'d mut Draft,
    kernels: &'d [Placed],
    /// Who makes what is not kept.
    makers: HashMap<Value, usize>,
    /// What has been made again, and serves whoever comes next.
    made: HashMap<Value, Value>,
    /// What has been written so far of the persistent memory, and by the kernel at which place.
    changed: Vec<(usize, (Access, Value))>,
    list: Vec<Placed>,
}

impl Again<'_> {
    /// Lists a kernel, and before one of the backward pass what it reads and was not kept.
    fn kernel(&mut self, place: usize, placed: &Placed) {
        let mut placed = placed.clone();
        if placed.backward {
            for (_, value) in read(&placed.kernel) {
                let made = self.value(value);
                self.made.extend(self.makers.contains_key(&value).then_some((value, made)));
                placed.kernel.replace(value, made);
            }
        }
        let is_kept = |&(_, value): &(Access, Value)| self.draft.values[value.index()].persistent.is_some();
        self.changed.extend(written(&placed.kernel).filter(is_kept).map(|change| (place, change)));
        self.list.push(placed);
    }

    /// Where a value is, or a copy of it that is made now.
    fn value(&mut self, value: Value) -> Value {
        if let Some(&made) = self.made.get(&value) {
            return made;
        }
        let Some(&place) = self.makers.get(&value) else { return value };
        let maker = &self.kernels[place];
        if !self.finds_its_operands(place) {
            return value;
        }
        let mut copy = Placed { backward: true, ..maker.clone() };
        for (_, operand) in read(&maker.kernel) {
            let made = self.value(operand);
            copy.kernel.replace(operand, made);
        }
        let info = ValueInfo { in_place_of: None, ..self.draft.values[value.index()].clone() };
        let made = self.draft.add_value(info);
        copy.kernel.replace(value, made);
        if copy.kernel.is_product() {
            self.made.insert(value, made);
        }
        self.list.push(copy);
        made
    }

    /// Whether nothing of the persistent memory that the kernel at a place reads has been written since by those behind it.
    fn finds_its_operands(&self, place: usize) -> bool {
        let later = || self.changed.iter().filter(|(by, _)| *by > place).map(|&(_, change)| change);
        let is_changed = |read| later().any(|change| conflict(&self.draft.values, change, read));
        !read(&self.kernels[place].kernel).any(is_changed)
    }
}

/// What a kernel reads.
fn read(kernel: &Kernel) -> impl Iterator<Item = (Access, Value)> + use<> {
    kernel.accesses().into_iter().filter(|(access, _)| access.reads())
}

/// What a kernel writes.
fn written(kernel: &Kernel) -> impl Iterator<Item = (Access, Value)> + use<> {
    kernel.accesses().into_iter().filter(|(access, _)| access.writes())
}
