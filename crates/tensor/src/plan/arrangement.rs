//! Arrangements: the places of a plan's buffers where the simple orders of `layout.rs` leave gaps.
//!
//! An exact search comes first. The optimum never falls as the batch grows, since a packing of larger buffers serves smaller
//! ones too, so what is proven to be one is taken. Where the search ends without a proof, orders are taken that were searched
//! for at fixed batch sizes: the least total over a fixed set of orders never falls either. From a size without a proof to a
//! larger one with a proof bytes might fall, by no more than the gap that the smaller one's plan tells ([`Plan::least_bytes`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Plan;
use super::space::Space;
use super::state::{Gradients, Inputs, Recompute};
use crate::packing::{Buffer, Packing, pack};

/// Steps of a search, times the buffers of which each step looks at many.
const EFFORT: usize = 500_000;

/// Binary logarithms of the batch sizes at which orders are searched for.
const POWERS: [u32; 6] = [0, 3, 6, 9, 12, 15];

/// Orders in which the buffers of plans are stacked, as far as they have been found: for plans of one network with one set of
/// options, which differ in their batch size only.
///
/// Where a plan as it is made first takes more than [`Plan::least_bytes`], better places for its buffers are searched for. What
/// comes of that is a function of the network and the batch size, never of time, nor of what was arranged before.
///
/// ```
/// use plangrad_tensor::{Arrangements, Error, Graph, Parameters, Plan, Shape, State};
///
/// // A chain of products of different widths.
/// let plan = |batch: usize| -> Result<Plan, Error> {
///     let graph = Graph::new();
///     let mut x = graph.full(1.0, Shape::new(&[batch, 1000])?)?;
///     for (from, to) in [(1000, 10), (10, 700), (700, 10), (10, 900)] {
///         x = x.matmul(graph.full(0.5, Shape::new(&[from, to])?)?)?.relu()?;
///     }
///     Plan::new(&graph, &State::inference(&Parameters::new())?, &[x])
/// };
/// let arrangements = Arrangements::default();
/// let arranged = arrangements.arrange("chain", plan(32)?, plan);
/// assert!(arranged.bytes() <= plan(32)?.bytes());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Arrangements {
    found: Arc<Mutex<HashMap<Kind, Orders>>>,
}

/// What plans are for and how they take less memory, and the stages in which each space of them is needed: the same for all
/// batch sizes.
type Kind = ((&'static str, Gradients, Inputs, Recompute), Vec<(usize, usize)>);

/// For powers of two the order found at that batch size; none for a batch that no memory holds.
type Orders = HashMap<u32, Option<Vec<usize>>>;

impl Arrangements {
    /// Arranges a plan, whose like `alike` makes for other batch sizes; those for which it makes none are left out. Plans with
    /// one `name` must differ in nothing but that size and the options of their state that say how gradients, inputs and activations
    /// take less memory.
    #[must_use]
    pub fn arrange<E>(
        &self,
        name: &'static str,
        plan: Plan,
        mut alike: impl FnMut(usize) -> Result<Plan, E>,
    ) -> Plan {
        if plan.has_least_bytes() {
            return plan;
        }
        let best = search(&plan);
        let mut plan = plan.proven(best.bound);
        if best.is_optimal() {
            return plan.stacked(&best.order());
        }
        let options = (plan.state.gradients(), plan.state.inputs(), plan.state.recompute());
        let kind = ((name, options.0, options.1, options.2), lives(&plan.spaces));
        for power in POWERS {
            let order = self.known(&kind, power).unwrap_or_else(|| {
                let plan = alike(1 << power).ok().filter(|plan| lives(&plan.spaces) == kind.1);
                let order = plan.map(|plan| search(&plan).order());
                self.lock().entry(kind.clone()).or_default().insert(power, order.clone());
                order
            });
            if let Some(order) = order {
                plan = plan.stacked(&order);
            }
        }
        plan
    }

    fn known(&self, kind: &Kind, power: u32) -> Option<Option<Vec<usize>>> {
        self.lock().get(kind)?.get(&power).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Kind, Orders>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The buffers of a plan packed as tightly as a search can.
fn search(plan: &Plan) -> Packing {
    let buffers: Vec<Buffer> = plan.spaces.iter().map(Space::buffer).collect();
    let steps = EFFORT / buffers.len().max(1);
    pack(&buffers, steps).expect("sizes that make a plan can be added up")
}

fn lives(spaces: &[Space]) -> Vec<(usize, usize)> {
    spaces.iter().map(|space| (space.first, space.last)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::net::{Net, nets, number_types};
    use crate::{Gradients, Inputs};

    fn arranged(arrangements: &Arrangements, net: &Net, batch_size: usize) -> Plan {
        let alike = |size| Ok::<_, ()>(net.training_plan(size));
        arrangements.arrange("training", net.training_plan(batch_size), alike)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn arranged_plans_are_the_best_and_never_shrink_as_the_batch_grows(
            net in nets(), number_types in number_types(), sizes in prop::collection::vec(1usize..300, 4), lean: bool,
        ) {
            let gradients = if lean { Gradients::Consumed } else { Gradients::Kept };
            let inputs = if lean { Inputs::InPlace } else { Inputs::Gathered };
            let net = Net { gradients, inputs, number_types, ..net };
            let arrangements = Arrangements::default();
            let mut sizes = sizes;
            let plans: Vec<Plan> = sizes.iter().map(|&size| arranged(&arrangements, &net, size)).collect();
            for (plan, &size) in plans.iter().zip(&sizes) {
                prop_assert_eq!(plan.bytes(), plan.least_bytes(), "{:?}", size);
                // Whatever was arranged before.
                let alone = arranged(&Arrangements::default(), &net, size);
                prop_assert!(plan.buffers == alone.buffers, "{}", size);
            }
            sizes.sort_unstable();
            let bytes: Vec<usize> = sizes.iter().map(|&size| arranged(&arrangements, &net, size).bytes()).collect();
            prop_assert!(bytes.is_sorted(), "{:?} {:?}", sizes, bytes);
        }
    }
}
