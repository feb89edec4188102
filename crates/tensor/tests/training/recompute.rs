//! Activations that are computed again: the same bits as with activations that are kept, in less memory.

use ndarray::Array2;
use plangrad_tensor::{
    Arrangements, Category, Error, FileOrder, Gradients, Graph, Inputs, Parameters, Plan, Recompute, Role,
    Schedule, Session, Shape, State,
};
use proptest::prelude::*;

use super::consumed::trained;
use super::net::{ADAM, Activation, Net, cpu, nets};

fn lean(net: Net) -> Net {
    Net { optimizer: ADAM, gradients: Gradients::Consumed, inputs: Inputs::InPlace, ..net }
}

/// So many layers of 300, with GELU and dropout.
fn deep(layers: usize) -> Net {
    let net = lean(Net::classifier(&[784], &vec![300; layers], 10));
    Net { activation: Activation::Gelu, dropout: 0.1, ..net }
}

fn arranged(net: &Net, recompute: Recompute, batch_size: usize) -> Plan {
    let net = Net { recompute, ..net.clone() };
    let alike = |size| Ok::<_, Error>(net.training_plan(size));
    Arrangements::default().arrange("training", net.training_plan(batch_size), alike)
}

/// The plan in the least memory.
fn leanest(net: &Net, batch_size: usize) -> Plan {
    let choices = Recompute::choices(net.training_plan(batch_size).products());
    let plans = choices.into_iter().map(|choice| arranged(net, choice, batch_size));
    plans.min_by_key(Plan::bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn activations_that_are_computed_again_lead_to_the_same_bits(
        net in nets(), deeper in prop::collection::vec(1usize..40, 0..7), choice: prop::sample::Index,
        batch_size in 1usize..50, threads in 1usize..4, in_place: bool,
    ) {
        let hidden = [net.hidden.clone(), deeper].concat();
        let inputs = if in_place { Inputs::InPlace } else { Inputs::Gathered };
        let net = Net { hidden, inputs, ..net };
        let choices = Recompute::choices(net.training_plan(batch_size).products());
        let again = Net { recompute: *choice.get(&choices), ..net.clone() };
        let ((kept, _), (computed, session)) = (trained(&net, 1, batch_size, 3), trained(&again, threads, batch_size, 3));
        prop_assert_eq!(kept, computed);
        prop_assert_eq!(session.planned().total(), session.reserved_bytes() as u64);
    }
}

#[test]
fn what_is_computed_again_is_counted() {
    let net = deep(6);
    let kernels = |recompute| Net { recompute, ..net.clone() }.training_plan(32);
    let [nothing, elementwise] = [Recompute::Nothing, Recompute::Elementwise].map(kernels);
    assert_eq!(nothing.products(), 7);
    let products =
        |plan: &Plan| plan.describe().concat().iter().filter(|kernel| kernel.starts_with("gemm")).count();
    assert_eq!(products(&nothing), products(&elementwise));
    assert!(nothing.operations() < elementwise.operations());
    // Products 0, 1, 3 and 4 are made again; 6 makes the scores, which are kept.
    let segments = kernels(Recompute::Segments { period: 3, first: 2 });
    assert_eq!(products(&segments), products(&nothing) + 4);
    assert!(segments.report().get(Category::Activations) < elementwise.report().get(Category::Activations));
}

/// Twelve layers of 300 with GELU and dropout, batches of 512, Adam: 58,234,496 bytes once.
#[test]
fn twelve_layers_fit_into_a_third() {
    let net = deep(12);
    let whole = arranged(&net, Recompute::Nothing, 512);
    assert!(whole.bytes() <= 33_000_000, "{}", whole.bytes());
    let products = whole.products();
    let forward: u64 = [784 * 300, 11 * 300 * 300, 300 * 10].iter().map(|weights| 2 * 512 * weights).sum();
    let affordable = Recompute::choices(products).into_iter().map(|choice| arranged(&net, choice, 512));
    let affordable =
        affordable.filter(|plan| plan.operations() <= whole.operations() + forward + forward / 20);
    let least = affordable.map(|plan| plan.bytes()).min().unwrap();
    assert!(least <= 23_300_000, "{least}");
    let all = leanest(&net, 512);
    assert!(all.bytes() <= 20_400_000, "{}", all.bytes());
}

#[test]
fn the_least_memory_never_falls_as_the_batch_grows() {
    for hidden in [vec![64; 16], vec![1024, 16, 1024, 16, 1024, 16], vec![300, 20, 7, 300, 5]] {
        let net = lean(Net::classifier(&[784], &hidden, 10));
        let bytes: Vec<usize> =
            [1, 2, 3, 17, 64, 65, 500, 4096].map(|size| leanest(&net, size).bytes()).to_vec();
        assert!(bytes.is_sorted(), "{bytes:?}");
    }
}

/// What is made of a running statistic is not made again of its next value.
#[test]
fn a_statistic_that_moves_in_the_step_is_read_as_it_was() {
    let trained = |recompute| {
        let mut list = Parameters::new();
        let row = Shape::new(&[4]).unwrap();
        let weight = list.add("weight", row, Role::Trained, FileOrder::AsInGraph).unwrap();
        let running = list.add("running", row, Role::Statistic, FileOrder::AsInGraph).unwrap();
        let graph = Graph::new();
        graph.advance(ADAM, Schedule::Constant { learning_rate: 0.1 }).unwrap();
        let (w, old) = (graph.parameter(&weight).unwrap(), graph.parameter(&running).unwrap());
        let x =
            graph.constant(Array2::from_shape_fn((3, 4), |(i, j)| 0.3 * i as f32 - 0.2 * j as f32)).unwrap();
        let y = x.mul(w).unwrap().sub(old).unwrap().tanh().unwrap();
        let loss = y.mul(y).unwrap().mean().unwrap();
        graph.assign(&running, old.affine(0.5, 0.25).unwrap()).unwrap();
        let gradient = graph.gradients(loss, &[w]).unwrap()[0];
        graph.update(ADAM, &weight, gradient).unwrap();
        let state = State::training(&list, ADAM).unwrap().with_gradients(Gradients::Consumed).unwrap();
        let plan = Plan::new(&graph, &state.with_recompute(recompute), &[]).unwrap();
        let mut session = Session::new(&cpu(1), vec![plan]).unwrap();
        session.set_parameter(weight.id(), &[0.5, -0.5, 1.0, 2.0]).unwrap();
        (0..3).for_each(|_| session.run_once(0).unwrap());
        (session.parameter(weight.id()).unwrap(), session.parameter(running.id()).unwrap())
    };
    let kept = trained(Recompute::Nothing);
    assert_eq!(trained(Recompute::Elementwise), kept);
    assert_eq!(trained(Recompute::Segments { period: 2, first: 1 }), kept);
    assert_eq!(kept.1, [0.4375; 4]); // 0, ¼, ⅜, 7/16
}
