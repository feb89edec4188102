//! How a step is dealt out to threads, for people: who has how much of each kernel, where threads meet, and how many bytes
//! change hands.

use std::ops::Range;

use super::gang::share;
use super::kernels;
use super::phases::{Touch, meetings, touches};
use crate::ir::Program;
use crate::plan::{Layouts, Plan};

/// A stage of a plan on some threads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageShares {
    /// Its kernels, in the order in which every thread walks them.
    pub kernels: Vec<KernelShares>,
    /// Bytes that threads read in it and others have written since they touched them last: what has to go from one core's cache
    /// to another's.
    pub bytes_handed_over: usize,
    /// Whether the threads meet behind it.
    pub meets: bool,
}

/// A kernel on some threads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelShares {
    /// Its name, as in [`Plan::describe`].
    pub name: String,
    /// How many of its units each thread computes. Into which units it is cut follows from its shape alone.
    pub units: Vec<usize>,
}

/// How the CPU deals out a step of `plan` to a gang of `threads`, which is not started.
///
/// ```
/// use plangrad_tensor::backend::cpu::shares;
/// use plangrad_tensor::{Graph, Parameters, Plan, Shape, State};
///
/// # fn main() -> Result<(), plangrad_tensor::Error> {
/// let graph = Graph::new();
/// let ones = graph.full(1.0, Shape::new(&[64, 256])?)?;
/// let product = ones.matmul(graph.full(2.0, Shape::new(&[256, 128])?)?)?.relu()?;
/// let plan = Plan::new(&graph, &State::inference(&Parameters::new())?, &[product])?;
/// let stages = shares(&plan, 2);
/// let product = stages.iter().flat_map(|stage| &stage.kernels).find(|kernel| kernel.name.starts_with("gemm"));
/// assert_eq!(product.map(|kernel| kernel.units.clone()), Some(vec![4, 4]));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn shares(plan: &Plan, threads: usize) -> Vec<StageShares> {
    let threads = threads.clamp(1, super::MOST_THREADS);
    let layouts = Layouts::choose(std::slice::from_ref(plan), Some(kernels::PANEL));
    let program = plan.program(0, &layouts);
    let mut caches = Caches::new(threads);
    walk(&program, threads, &mut caches); // what the step before leaves behind
    walk(&program, threads, &mut caches)
}

fn walk(program: &Program, threads: usize, caches: &mut Caches) -> Vec<StageShares> {
    let meetings = meetings(program, threads);
    let mut stages = Vec::new();
    for (stage, meets) in program.stages.iter().zip(meetings) {
        let mut shared = StageShares { kernels: Vec::new(), bytes_handed_over: 0, meets };
        for kernel in stage {
            let of = |thread| share(kernels::units(kernel), thread, threads);
            let units = (0..threads).map(|thread| of(thread).len()).collect();
            shared.kernels.push(KernelShares { name: kernel.to_string(), units });
            for thread in 0..threads {
                for touch in touches(program, kernel, &of(thread)) {
                    shared.bytes_handed_over += caches.touch(&touch, thread);
                }
            }
        }
        stages.push(shared);
    }
    stages
}

/// For each thread the bytes that others have written since it touched them last: those it has to fetch.
struct Caches {
    stale: Vec<Spans>,
}

impl Caches {
    fn new(threads: usize) -> Caches {
        Caches { stale: vec![Spans::default(); threads] }
    }

    /// Notes that a thread touches bytes; returns how many of them it gets from others.
    fn touch(&mut self, touch: &Touch, thread: usize) -> usize {
        let fetched = if touch.reads { self.stale[thread].overlap(&touch.bytes) } else { 0 };
        self.stale[thread].remove(&touch.bytes);
        if touch.writes {
            let others = self.stale.iter_mut().enumerate().filter(|&(other, _)| other != thread);
            others.for_each(|(_, stale)| stale.add(&touch.bytes));
        }
        fetched
    }
}

/// A set of bytes: ranges that lie apart.
#[derive(Clone, Default)]
struct Spans(Vec<Range<usize>>);

impl Spans {
    fn overlap(&self, bytes: &Range<usize>) -> usize {
        self.0.iter().map(|span| bytes.end.min(span.end).saturating_sub(bytes.start.max(span.start))).sum()
    }

    fn remove(&mut self, bytes: &Range<usize>) {
        let outside = |span: &Range<usize>| {
            [span.start..span.end.min(bytes.start), span.start.max(bytes.end)..span.end]
        };
        self.0 = self.0.iter().flat_map(outside).filter(|span| !span.is_empty()).collect();
    }

    fn add(&mut self, bytes: &Range<usize>) {
        self.remove(bytes);
        self.0.push(bytes.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gradients;
    use crate::testing::net::{ADAM, Net};

    fn mnist(gradients: Gradients, threads: usize) -> Vec<StageShares> {
        let net = Net { optimizer: ADAM, gradients, ..Net::classifier(&[784], &[128], 10) };
        shares(&net.training_plan(64), threads)
    }

    #[test]
    fn one_thread_hands_nothing_over() {
        let stages = mnist(Gradients::Consumed, 1);
        assert!(stages.iter().all(|stage| stage.bytes_handed_over == 0 && !stage.meets));
    }

    /// Of the batch each gets the half that the other has gathered; so of the activations, and of the gradient by the logits.
    /// Weights and moments of the first layer, 1.2 MB, stay where they are.
    #[test]
    fn owners_of_a_panel_hand_over_activations_and_keep_weights() {
        let stages = mnist(Gradients::Consumed, 2);
        let handed_over: Vec<usize> = stages.iter().map(|stage| stage.bytes_handed_over).collect();
        let [batch, hidden, scores] = [64 * 784, 64 * 128, 64 * 10].map(|elements| 4 * elements);
        assert_eq!(handed_over[1], batch);
        assert!((hidden..hidden + 12_000).contains(&handed_over[2]), "{handed_over:?}"); // and the last layer's weights
        let by_scores = handed_over[4] + handed_over[5];
        assert!((2 * scores..4 * scores + 3_000).contains(&by_scores), "{handed_over:?}"); // and the transposed weights
        assert!(handed_over[6] < 1_000, "{handed_over:?}");
    }

    #[test]
    fn bytes_that_are_written_again_change_hands_again() {
        let mut caches = Caches::new(2);
        let touch = |bytes, reads, writes| Touch { bytes, reads, writes };
        assert_eq!(caches.touch(&touch(0..100, false, true), 0), 0);
        assert_eq!(caches.touch(&touch(40..60, false, true), 1), 0);
        assert_eq!(caches.touch(&touch(0..100, true, false), 0), 20);
        assert_eq!(caches.touch(&touch(0..100, true, false), 0), 0);
        assert_eq!(caches.touch(&touch(30..70, true, true), 1), 20);
        assert_eq!(caches.touch(&touch(0..100, true, false), 0), 40);
    }
}
