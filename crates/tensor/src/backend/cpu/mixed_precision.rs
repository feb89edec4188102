//! Training in bfloat16: the bits of products on every instruction set, those of steps whatever is kept in memory, and numbers
//! too small for it.

use ndarray::{Array1, Array2, ArrayD};
use proptest::prelude::*;

use super::{Cpu, CpuOptions, InstructionSet};
use crate::ir::{bf16, from_bf16};
use crate::random::uniform;
use crate::session::eval_with;
use crate::testing::net::{ADAM, Net, SGD, all_cpus, cpu, mixed_rows, nets};
use crate::{
    Backend, Category, Error, FileOrder, Gradients, Graph, Inputs, Metrics, NumberTypes, Parameters, Plan,
    Recompute, Role, Session, Shape, State, Tensor, Transpose, UpdateRule, UpdateStep, Updated,
};

fn numbers(stream: u32, (rows, columns): (usize, usize)) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| uniform(9, stream, (i * columns + j) as u64, -1.0, 1.0))
}

fn bits<'a>(numbers: impl IntoIterator<Item = &'a f32>) -> Vec<u32> {
    numbers.into_iter().map(|x| x.to_bits()).collect()
}

/// A · B, Aᵀ · A, and a list of products, whose factors are not numbers of bfloat16.
fn products<'g>(graph: &'g Graph, (m, n, k): (usize, usize, usize)) -> Vec<Tensor<'g>> {
    let [a, b] =
        [(1, (m, k)), (2, (k, n))].map(|(stream, size)| graph.constant(numbers(stream, size)).unwrap());
    let [scaled_a, scaled_b] = [a, b].map(|x| x.affine(1.3, 0.01).unwrap());
    let lists = [scaled_a.reshape(&[1, m, k]).unwrap(), scaled_b.reshape(&[1, k, n]).unwrap()];
    vec![
        scaled_a.matmul(scaled_b).unwrap(),
        a.matmul_with(scaled_a, Transpose::Yes, Transpose::No).unwrap(),
        lists[0].matmul(lists[1]).unwrap(),
    ]
}

/// The bits of a step: what persists after it, and the scores of an evaluation.
fn trained(net: &Net, backend: &Backend, batch_size: usize) -> (Vec<u32>, Vec<u32>) {
    let (evaluation, scores) = net.evaluation_plan(batch_size);
    let plans = vec![net.training_plan(batch_size), evaluation];
    let mut session = net.session(backend, plans);
    assert_eq!(session.planned().total(), backend.memory().reserved);
    let (source, rows) = (net.source(30), mixed_rows(3 * batch_size, 30));
    session.run(0, &source.batches(&rows).unwrap()).unwrap();
    let list = net.parameters();
    let parameters = list.iter().flat_map(|p| session.parameter(p.id()).unwrap()).collect::<Vec<f32>>();
    session.run(1, &source.batches(&rows[..batch_size]).unwrap()).unwrap();
    (bits(&parameters), bits(&session.read(1, scores).unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    /// A product of two numbers of bfloat16 is exact in f32: fused or not, sums are the same. Tiles sum in another order.
    #[test]
    fn products_have_the_same_bits_on_every_instruction_set_of_vectors(m in 1usize..70, n in 1usize..150, k in 1usize..300) {
        let graph = Graph::new();
        let outputs = products(&graph, (m, n, k));
        let of = |(set, backends): &(InstructionSet, Vec<Backend>)| {
            let results = backends.iter().map(|backend| {
                let found = eval_with(backend, NumberTypes::bf16(), &outputs).unwrap();
                bits(found.iter().flatten())
            });
            (*set, results.collect::<Vec<_>>())
        };
        let all: Vec<_> = all_cpus().iter().map(of).collect();
        for (set, results) in &all {
            prop_assert!(results.iter().all(|found| *found == results[0]), "threads change the bits on {set:?}");
        }
        let mut vectors = all.iter().filter(|(set, _)| *set != InstructionSet::Amx).map(|(_, results)| &results[0]);
        let first = vectors.next().unwrap();
        prop_assert!(vectors.all(|found| found == first));
    }

    /// Each factor is rounded once, and so is the result.
    #[test]
    fn products_are_within_the_bound_of_bfloat16(m in 1usize..40, n in 1usize..90, k in 1usize..300) {
        let graph = Graph::new();
        let (a, b) = (numbers(1, (m, k)), numbers(2, (k, n)));
        let product = graph.constant(a.clone()).unwrap().matmul(graph.constant(b.clone()).unwrap()).unwrap();
        let rounded = |x: &Array2<f32>| x.mapv(|x| f64::from(from_bf16(bf16(x))));
        let (a, b) = (rounded(&a), rounded(&b));
        let (exact, most) = (a.dot(&b), a.mapv(f64::abs).dot(&b.mapv(f64::abs)));
        let model = Cpu::open(CpuOptions::default().threads(2).instruction_set(InstructionSet::Model)).unwrap();
        for backend in all_cpus().into_iter().map(|(_, mut backends)| backends.remove(0)).chain([model]) {
            let found = eval_with(&backend, NumberTypes::bf16(), &[product]).unwrap().remove(0);
            for ((found, exact), most) in found.iter().zip(&exact).zip(&most) {
                let bound = exact.abs() * 2f64.powi(-8) + (k + 2) as f64 * 2f64.powi(-24) * most;
                prop_assert!((f64::from(*found) - exact).abs() <= bound, "{found} and {exact}, bound {bound}");
            }
        }
    }

    #[test]
    fn a_step_has_the_same_bits_whatever_is_kept_and_on_any_number_of_threads(net in nets(), batch_size in 1usize..40) {
        let net = Net { number_types: NumberTypes::bf16(), ..net };
        let lean = Net { gradients: Gradients::Consumed, inputs: Inputs::InPlace, ..net.clone() };
        let again = Net { recompute: Recompute::Elementwise, ..net.clone() };
        for (set, backends) in all_cpus() {
            let expected = trained(&net, &backends[0], batch_size);
            let clips = net.levers.clip_norm.is_some(); // which keeps gradients
            let found = [&net, if clips { &net } else { &lean }, &again]
                .into_iter()
                .zip(&backends)
                .map(|(net, backend)| trained(net, backend, batch_size));
            found.for_each(|found| assert!(found == expected, "{set:?}: {net:?}"));
        }
    }
}

/// The classes of 60 samples are learnt as well, in half the activations.
#[test]
fn a_network_learns_in_bfloat16_what_it_learns_in_f32() {
    let net = Net { optimizer: ADAM, learning_rate: 1e-2, ..Net::classifier(&[1, 6, 6], &[40, 30], 4) };
    let losses = |net: &Net, backend: &Backend| -> (Vec<f64>, usize) {
        let (source, rows, plan) = (net.source(60), mixed_rows(60, 60), net.training_plan(12));
        let activations = plan.report().get(Category::Activations) as usize;
        let mut session = net.session(backend, vec![plan]);
        let epoch = |_| {
            session.set_metrics(Metrics::default()).unwrap();
            session.run(0, &source.batches(&rows).unwrap()).unwrap();
            session.metrics().unwrap().mean_loss()
        };
        ((0..12).map(epoch).collect(), activations)
    };
    let mixed = Net { number_types: NumberTypes::bf16(), ..net.clone() };
    for (_, backends) in all_cpus() {
        let (wide, narrow) = (losses(&net, &backends[1]), losses(&mixed, &backends[1]));
        assert!(narrow.1 <= wide.1 / 2 + 64);
        assert!(narrow.0[11] < 0.8 * narrow.0[0]);
        for (wide, narrow) in wide.0.iter().zip(&narrow.0) {
            assert!((wide - narrow).abs() < 0.05 * wide + 0.01, "{wide} and {narrow}");
        }
    }
}

/// SGD of recorded operations.
#[derive(Clone, Copy, Debug)]
struct ByHand;

impl UpdateRule for ByHand {
    fn update<'g>(&self, step: &UpdateStep<'g>) -> Result<Updated<'g>, Error> {
        let change = step.gradient.mul(step.learning_rate)?;
        Ok(Updated { parameter: step.parameter.sub(change)?, state: Vec::new() })
    }
}

fn stepped(weight: f32, input: f32, scale: f32) -> f32 {
    stepped_by(SGD, weight, input, scale)
}

/// One weight times an input: the gradient is the input times `scale`, and the rule takes it off.
fn stepped_by(rule: impl UpdateRule + Copy, weight: f32, input: f32, scale: f32) -> f32 {
    let mut parameters = Parameters::new();
    let shape = Shape::new(&[1, 1]).unwrap();
    let parameter = parameters.add("w", shape, Role::Trained, FileOrder::AsInGraph).unwrap();
    let graph = Graph::new();
    let rate = crate::Schedule::Constant { learning_rate: 1.0 };
    graph.advance(rule, rate).unwrap();
    let variable = graph.parameter(&parameter).unwrap();
    let x = graph.constant(Array2::from_elem((1, 1), input)).unwrap();
    let loss = x.matmul(variable).unwrap().affine(scale, 0.0).unwrap().sum().unwrap();
    let gradient = graph.gradients(loss, &[variable]).unwrap().remove(0);
    graph.update(rule, &parameter, gradient).unwrap();
    let state = State::training(&parameters, rule).unwrap().with_number_types(NumberTypes::bf16()).unwrap();
    let mut session = Session::new(&cpu(1), vec![Plan::new(&graph, &state, &[]).unwrap()]).unwrap();
    session.set_parameter(parameter.id(), &[weight]).unwrap();
    session.run_once(0).unwrap();
    session.parameter(parameter.id()).unwrap()[0]
}

#[test]
fn steps_too_small_for_bfloat16_move_the_master_weight() {
    let moved = stepped(1.0, 2f32.powi(-20), 1.0); // bfloat16 has nothing between 1 − 2⁻⁸ and 1
    assert_eq!(moved, 1.0 - 2f32.powi(-20));
    assert_eq!(from_bf16(bf16(moved)), 1.0);
    assert_eq!(stepped_by(ByHand, 1.0, 2f32.powi(-20), 1.0), moved);
}

#[test]
fn gradients_as_small_as_those_of_f32_do_not_vanish() {
    // Half precision ends at 6e-8; bfloat16 has the range of f32.
    assert_eq!(stepped(0.0, 1.0, 2f32.powi(-100)), -2f32.powi(-100));
    assert_eq!(stepped(0.0, 2f32.powi(-60), 2f32.powi(-60)), -2f32.powi(-120));
    assert_eq!(stepped(0.0, 2f32.powi(-70), 2f32.powi(-70)), 0.0); // below the least normal number of either
}

/// What is picked by number is picked exactly, also where the numbers are made of others.
#[test]
fn rows_are_picked_by_numbers_that_are_not_rounded() {
    let graph = Graph::new();
    let table = graph.constant(Array2::from_shape_fn((1000, 2), |(i, _)| (i / 10) as f32)).unwrap();
    let columns = graph.constant(Array2::from_shape_fn((4, 2), |(i, j)| (257 * i + j) as f32)).unwrap();
    let indices = columns.slice(1, 1..2).unwrap().reshape(&[4]).unwrap();
    let rows = table.gather_rows(indices).unwrap();
    let found: ArrayD<f32> = eval_with(&cpu(1), NumberTypes::bf16(), &[rows]).unwrap().remove(0);
    let expected: Array1<f32> = [0.0, 0.0, 25.0, 25.0, 51.0, 51.0, 77.0, 77.0].into_iter().collect();
    assert_eq!(found.into_iter().collect::<Array1<f32>>(), expected);
}
