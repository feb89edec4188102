//! What a kernel makes of an operand element by element takes the operand's place, if nobody needs the operand afterwards. Those
//! who read it soon afterwards are moved before the kernel where nothing else speaks against that: the gradient of a layer's
//! weight, which reads the layer's activations, is made before the gradient through the activation function, which then lies
//! there.

use crate::ir::kernel::InPlace;
use crate::ir::{Access, Value};
use crate::plan::draft::{Draft, Placed};
use crate::plan::schedule::conflict;

/// How many kernels further on readers are looked for. The gradients of a layer stand nearer to each other.
const WINDOW: usize = 24;

pub(super) fn run(draft: &mut Draft) {
    let mut walk = Walk::new(draft);
    let mut place = 0;
    while place < walk.kernels.len() {
        match walk.result_in_place(place) {
            Some((InPlace { operand, result }, readers)) => {
                walk.draft.values[result.index()].in_place_of = Some(operand);
                walk.is_taken[operand.index()] = true;
                // Those that are moved come next: they may have results of this kind, too.
                walk.move_before(place, &readers);
            }
            None => {
                walk.pass(place);
                place += 1;
            }
        }
    }
    let kernels = walk.kernels.into_iter().map(|(placed, _)| placed).collect();
    draft.reorder(|list, _| *list = kernels);
}

type Accesses = Vec<(Access, Value)>;

/// The kernels in their order, and what is still to come.
struct Walk<'d> {
    draft: &'d mut Draft,
    kernels: Vec<(Placed, Accesses)>,
    /// For each value how many kernels write it, and how many that have not been passed read it.
    writers: Vec<usize>,
    readers: Vec<usize>,
    /// Whether a result takes its place.
    is_taken: Vec<bool>,
}

impl Walk<'_> {
    fn new(draft: &mut Draft) -> Walk<'_> {
        let kernels = draft.kernels().map(|placed| (placed.clone(), placed.kernel.accesses()));
        let kernels: Vec<(Placed, Accesses)> = kernels.collect();
        let (mut writers, mut readers) = (vec![0; draft.values.len()], vec![0; draft.values.len()]);
        for (_, accesses) in &kernels {
            written(accesses).for_each(|value| writers[value.index()] += 1);
            read(accesses).into_iter().for_each(|value| readers[value.index()] += 1);
        }
        let is_taken = vec![false; draft.values.len()];
        Walk { draft, kernels, writers, readers, is_taken }
    }

    /// Goes on behind a kernel.
    fn pass(&mut self, place: usize) {
        read(&self.kernels[place].1).into_iter().for_each(|value| self.readers[value.index()] -= 1);
    }

    /// A result of a kernel that can take an operand's place, and whom to move before the kernel for that.
    fn result_in_place(&self, place: usize) -> Option<(InPlace, Vec<usize>)> {
        let pairs = self.kernels[place].0.kernel.in_place().into_iter().filter(|pair| self.fits(pair));
        pairs.filter_map(|pair| Some((pair, self.readers_to_move(place, pair.operand)?))).next()
    }

    /// Whether a result can have the place of an operand, as far as the two of them go.
    fn fits(&self, &InPlace { operand, result }: &InPlace) -> bool {
        let [from, to] = [operand, result].map(|value| &self.draft.values[value.index()]);
        let is_free =
            self.draft.is_internal(operand) && to.persistent.is_none() && !self.is_taken[operand.index()];
        let is_new = self.writers[result.index()] == 1 && to.in_place_of.is_none();
        is_free && is_new && from.meta.dtype == to.meta.dtype && from.bytes() == to.bytes()
    }

    /// The kernels behind `place` that read `value`, with all that must be before them; `None` if these are far away, or cannot
    /// go before `place`.
    fn readers_to_move(&self, place: usize, value: Value) -> Option<Vec<usize>> {
        let end = self.kernels.len().min(place + 1 + WINDOW);
        let is_reader = |&at: &usize| read(&self.kernels[at].1).contains(&value);
        let readers: Vec<usize> = (place + 1..end).filter(is_reader).collect();
        if readers.len() + 1 != self.readers[value.index()] {
            return None;
        }
        let mut moved: Vec<usize> = Vec::new();
        for at in (place + 1..=readers.last().copied().unwrap_or(place)).rev() {
            if readers.contains(&at) || moved.iter().any(|&later| self.meet(at, later)) {
                moved.push(at);
            }
        }
        moved.reverse();
        moved.iter().all(|&at| !self.meet(place, at)).then_some(moved)
    }

    /// Whether one of two kernels writes what the other touches.
    fn meet(&self, a: usize, b: usize) -> bool {
        let meets = |&a: &(Access, Value), &b: &(Access, Value)| conflict(&self.draft.values, a, b);
        self.kernels[a].1.iter().any(|a| self.kernels[b].1.iter().any(|b| meets(a, b)))
    }

    /// Moves kernels, which are named in order, to just before the one at `place`, in that order.
    fn move_before(&mut self, place: usize, moved: &[usize]) {
        for (i, &from) in moved.iter().enumerate() {
            self.kernels[place + i..=from].rotate_right(1);
        }
    }
}

fn written(accesses: &Accesses) -> impl Iterator<Item = Value> {
    accesses.iter().filter(|(access, _)| access.writes()).map(|&(_, value)| value)
}

/// What is read, each value once.
fn read(accesses: &Accesses) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for &(_, value) in accesses.iter().filter(|(access, _)| access.reads()) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}
