//! Where the threads of a gang meet.
//!
//! Between two stages of a plan every thread would have to wait for every other one, since it may read what any of them has
//! written. But which units of a kernel a thread computes is known, and so is what of its operands they touch: where no
//! thread touches what another one writes, nobody waits. A panel's owner makes the panel of a layer's activations, later
//! that of their gradients, and updates the panel's weights, all without meeting anyone.
//!
//! Steps follow one another in the same way: the last stages of one are compared with the first of the next.

use std::collections::BTreeMap;
use std::ops::Range;

use super::gang::share;
use super::kernels;
use crate::ir::{Kernel, Program, Value};

/// For each stage of a program whether the threads meet behind it.
pub(super) type Meetings = Vec<bool>;

/// The meetings of programs, by their number and for every number of threads that may run them.
#[derive(Debug, Default)]
pub(super) struct Phases {
    known: BTreeMap<(usize, usize), Meetings>,
}

impl Phases {
    /// Makes a program ready for these numbers of threads.
    pub(super) fn prepare(&mut self, program: &Program, threads: impl IntoIterator<Item = usize>) {
        for threads in threads {
            self.known.entry((program.number, threads)).or_insert_with(|| meetings(program, threads));
        }
    }

    /// Whether so many threads meet behind a stage: always, in a program that was not made ready.
    pub(super) fn meet_behind(&self, program: &Program, threads: usize) -> impl Fn(usize) -> bool {
        let known = self.known.get(&(program.number, threads));
        move |stage| known.is_none_or(|meetings| meetings[stage])
    }
}

/// Where threads of a gang of so many must meet in a program.
pub(super) fn meetings(program: &Program, threads: usize) -> Meetings {
    let stages: Vec<Stage> = program.stages.iter().map(|stage| Stage::new(program, stage, threads)).collect();
    let mut meetings = vec![false; stages.len()];
    let mut since = 0; // the first stage behind the last meeting
    for (i, stage) in stages.iter().enumerate() {
        if stages[since..i].iter().any(|before| before.meets(stage)) {
            meetings[i - 1] = true;
            since = i;
        }
    }
    // The last stages of a step and the first of the next.
    let first = meetings.iter().position(|&meets| meets).map_or(stages.len(), |last| last + 1);
    if let Some(last) = meetings.last_mut() {
        *last = stages[since..].iter().any(|end| stages[..first].iter().any(|start| end.meets(start)));
    }
    meetings
}

/// What each thread touches in a stage.
struct Stage {
    threads: Vec<Vec<Touch>>,
}

/// A part of the arena that a thread touches.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Touch {
    pub(super) reads: bool,
    pub(super) writes: bool,
    pub(super) bytes: Range<usize>,
}

impl Stage {
    fn new(program: &Program, kernels: &[Kernel], threads: usize) -> Stage {
        let of_thread = |thread| {
            let shares =
                kernels.iter().map(|kernel| (kernel, share(kernels::units(kernel), thread, threads)));
            shares.flat_map(|(kernel, share)| touches(program, kernel, &share)).collect()
        };
        Stage { threads: (0..threads).map(of_thread).collect() }
    }

    /// Whether a thread in one stage touches what another one writes in the other.
    fn meets(&self, other: &Stage) -> bool {
        self.threads.iter().enumerate().any(|(i, mine)| {
            let others =
                other.threads.iter().enumerate().filter(|&(j, _)| i != j).flat_map(|(_, theirs)| theirs);
            others.into_iter().any(|theirs| mine.iter().any(|mine| mine.conflicts(theirs)))
        })
    }
}

impl Touch {
    fn conflicts(&self, other: &Touch) -> bool {
        let overlap = self.bytes.start < other.bytes.end && other.bytes.start < self.bytes.end;
        overlap && (self.writes || other.writes)
    }
}

/// What a share of a kernel touches of the arena.
pub(super) fn touches(program: &Program, kernel: &Kernel, share: &Range<usize>) -> Vec<Touch> {
    if share.is_empty() {
        return Vec::new();
    }
    let touch = |(access, value): (crate::ir::Access, Value)| Touch {
        reads: access.reads(),
        writes: access.writes(),
        bytes: bytes(program, value, kernels::part(kernel, program, share, value)),
    };
    kernel.accesses().into_iter().map(touch).collect()
}

/// The bytes of some elements of a value, or of all.
fn bytes(program: &Program, value: Value, elements: Option<Range<usize>>) -> Range<usize> {
    let (start, meta) = (program.offsets[value.index()], program.metas[value.index()]);
    let size = meta.dtype.size();
    let elements = elements.unwrap_or(0..meta.shape.elements());
    start + elements.start * size..start + elements.end * size
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};
    use proptest::prelude::*;

    use super::super::buffer::Buffer;
    use super::super::context::{Context, View};
    use super::super::float_mode::flush_denormals;
    use super::super::{InstructionSet, execute};
    use super::*;
    use crate::device::Ledger;
    use crate::ir::{Device, MemoryReport};
    use crate::plan::Layouts;
    use crate::random::uniform;
    use crate::testing::net::{ADAM, Net, mixed_rows, nets, number_types};
    use crate::{Gradients, Graph, Inputs, NumberTypes, Plan, Transpose};

    fn program(plan: &Plan) -> Program {
        plan.program(0, &Layouts::choose(std::slice::from_ref(plan), Some(kernels::PANEL)))
    }

    /// Bytes of plausible numbers, a function of `stream`.
    fn filled(buffer: &mut Buffer, stream: u32) {
        for (i, word) in buffer.contents_mut().as_chunks_mut::<4>().0.iter_mut().enumerate() {
            *word = uniform(3, stream, i as u64, 0.1, 1.0).to_ne_bytes();
        }
    }

    /// Puts other numbers wherever a share says that it touches nothing.
    fn spoil(buffer: &mut Buffer, touched: &[Touch]) {
        let is_touched = |i: usize| touched.iter().any(|touch| touch.bytes.contains(&i));
        for (i, byte) in buffer.contents_mut().iter_mut().enumerate().filter(|(i, _)| !is_touched(*i)) {
            *byte ^= 1 + (i % 7) as u8;
        }
    }

    fn buffer(bytes: usize) -> Buffer {
        Buffer::reserve(bytes, &Ledger::new(Device::Cpu, None), &MemoryReport::default()).unwrap()
    }

    /// Runs every share of every kernel twice, with other numbers where it says that it touches nothing.
    fn assert_shares_touch_what_they_say(net: &Net, plan: &Plan, threads: usize) {
        let program = program(plan);
        let source = net.source(20);
        let rows = mixed_rows(plan.batch_size(), 20);
        let batches = source.batches(&rows).unwrap().on_host();
        let view = View::of(&batches);
        let mut arenas = [buffer(plan.bytes()), buffer(plan.bytes())];
        for kernel in program.stages.iter().flatten() {
            for thread in 0..threads {
                let share = share(kernels::units(kernel), thread, threads);
                let touched = touches(&program, kernel, &share);
                arenas.iter_mut().for_each(|arena| filled(arena, 1));
                spoil(&mut arenas[1], &touched);
                let before = arenas.each_ref().map(|arena| arena.contents().to_vec());
                for arena in &mut arenas {
                    let base = arena.base();
                    let rows = view.batch(0, program.batch_size);
                    let context = Context::new(base, &program, &view, [rows, None]);
                    flush_denormals(&mut || {
                        if !share.is_empty() {
                            // SAFETY: the portable instruction set is every processor's, nobody else touches the arena, which
                            // is the plan's, and the rows are the dataset's.
                            unsafe { execute(InstructionSet::Portable, kernel, &context, share.clone()) }
                        }
                    });
                }
                let after = arenas.each_ref().map(|arena| arena.contents().to_vec());
                let bytes = before[0].iter().zip(&before[1]).zip(after[0].iter().zip(&after[1]));
                for (i, (before, after)) in bytes.enumerate() {
                    let touches = |writes: bool| {
                        touched.iter().any(|touch| touch.bytes.contains(&i) && (touch.writes || !writes))
                    };
                    let same = after.0 == after.1;
                    assert!(!touches(false) || same, "{kernel}, thread {thread}: byte {i} depends on more");
                    assert!(
                        touches(true) || before == after,
                        "{kernel}, thread {thread}: byte {i} is written"
                    );
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn shares_touch_what_they_say(
            net in nets(), number_types in number_types(), batch_size in 1usize..40, threads in 1usize..4, lean: bool,
        ) {
            let gradients = if lean { Gradients::Consumed } else { Gradients::Kept };
            let inputs = if lean { Inputs::InPlace } else { Inputs::Gathered };
            let net = Net { gradients, inputs, number_types, ..net };
            assert_shares_touch_what_they_say(&net, &net.training_plan(batch_size), threads);
        }
    }

    #[test]
    fn shares_of_joins_rows_by_index_and_lists_of_products_touch_what_they_say() {
        let graph = Graph::new();
        let numbers = |dims: &[usize]| graph.constant(ArrayD::<f32>::ones(IxDyn(dims))).unwrap();
        let (table, list, labels) =
            (numbers(&[70, 130]), numbers(&[5, 33, 70]), graph.labels(&[7; 90]).unwrap());
        let rows = table.gather_rows(labels).unwrap();
        let products = list.matmul(numbers(&[5, 70, 20])).unwrap();
        let outputs = [
            rows,
            rows.scatter_rows(labels, 40).unwrap(),
            graph.concat(&[table, table.slice(1, 3..70).unwrap()], 1).unwrap(),
            products,
            products.matmul_with(products, Transpose::Yes, Transpose::No).unwrap(),
        ];
        for number_types in [NumberTypes::default(), NumberTypes::bf16()] {
            let net = Net { number_types, ..Net::classifier(&[4], &[4], 3) };
            let plan = Plan::new(&graph, &net.state(), &outputs).unwrap();
            (1..4).for_each(|threads| assert_shares_touch_what_they_say(&net, &plan, threads));
        }
    }

    fn mnist(batch_size: usize) -> Program {
        let net =
            Net { optimizer: ADAM, gradients: Gradients::Consumed, ..Net::classifier(&[784], &[128], 10) };
        program(&net.training_plan(batch_size))
    }

    #[test]
    fn one_thread_meets_nobody() {
        assert_eq!(meetings(&mnist(64), 1), [false; 7]);
    }

    /// Two threads have a panel of the hidden layer each. They meet to hand over the batch, the activations, the gradient by
    /// the logits, and the batch's place.
    #[test]
    fn owners_of_a_panel_meet_where_sums_cross_it() {
        assert_eq!(meetings(&mnist(64), 2), [true, true, false, true, false, false, true]);
    }

    /// Three threads share two panels, and their rows.
    #[test]
    fn threads_that_share_a_panel_meet_more_often() {
        assert_eq!(meetings(&mnist(64), 3), [true; 7]);
    }

    #[test]
    fn a_program_that_was_not_made_ready_meets_behind_every_stage() {
        let program = mnist(8);
        let mut phases = Phases::default();
        assert!((0..7).all(phases.meet_behind(&program, 2)));
        phases.prepare(&program, [1, 2]);
        assert!(!phases.meet_behind(&program, 2)(4));
    }
}
