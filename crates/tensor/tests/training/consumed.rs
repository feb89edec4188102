//! Gradients that are consumed by updates, and samples that are read in place: the same bits as with gradients that are kept
//! and samples that are gathered, in less memory.

use plangrad_tensor::{Category, Error, Gradients, Graph, Inputs, Keep, Plan, Session, Slot};
use proptest::prelude::*;

use super::net::{ADAM, Levers, Net, OPTIMIZERS, cpu, mixed_rows, nets};

/// Everything that a session holds of a network after some steps.
pub(super) fn trained(
    net: &Net,
    threads: usize,
    batch_size: usize,
    steps: usize,
) -> (Vec<Vec<f32>>, Session) {
    let (source, rows) = (net.source(40), mixed_rows(batch_size * steps, 40));
    let mut session = net.session(&cpu(threads), vec![net.training_plan(batch_size)]);
    session.run(0, &source.batches(&rows).unwrap()).unwrap();
    let mut held = Vec::new();
    for parameter in net.parameters() {
        held.push(session.parameter(parameter.id()).unwrap());
        held.extend((0..net.optimizer.moments()).map(|i| session.moment(i, parameter.id()).unwrap()));
    }
    (held, session)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn consumed_gradients_and_inputs_in_place_lead_to_the_same_bits(
        net in nets(),
        batch_size in 1usize..70,
        threads in 1usize..4,
        in_place: bool,
    ) {
        let inputs = if in_place { Inputs::InPlace } else { Inputs::Gathered };
        let consuming = Net { gradients: Gradients::Consumed, inputs, ..net.clone() };
        let (kept, with_gradients) = trained(&net, 1, batch_size, 3);
        let (consumed, without) = trained(&consuming, threads, batch_size, 3);
        prop_assert_eq!(kept, consumed);
        let planned = without.planned();
        prop_assert_eq!(planned.total(), without.reserved_bytes() as u64);
        // Clipped gradients are all alive at once, each aligned on its own.
        let alignment = if net.levers.clip_norm.is_some() { 64 * net.parameters().len() as u64 } else { 0 };
        prop_assert!(planned.total() <= with_gradients.planned().total() + alignment);
    }
}

#[test]
fn a_network_of_products_and_biases_has_no_gradient_in_memory() {
    for optimizer in OPTIMIZERS {
        let net = Net { optimizer, gradients: Gradients::Consumed, ..Net::classifier(&[50], &[130, 70], 10) };
        let plan = net.training_plan(16);
        assert_eq!(plan.report().get(Category::Gradients), 0);
        let kernels: Vec<String> = plan.describe().concat();
        assert!(kernels.iter().all(|kernel| !kernel.starts_with("update")), "{kernels:?}");
    }
}

/// The norm of all gradients is known only once all of them are.
#[test]
fn gradients_that_are_clipped_live_until_the_norm_is_known() {
    let levers = Levers { clip_norm: Some(1.0), ..Levers::default() };
    let net =
        Net { levers, optimizer: ADAM, gradients: Gradients::Consumed, ..Net::classifier(&[50], &[70], 10) };
    let bytes = 4 * net.parameter_count() as u64;
    assert!(net.training_plan(16).report().get(Category::Gradients) >= bytes);
}

/// Wider than what is made ready of a sample, with more samples than are made ready at once.
#[test]
fn large_samples_in_large_batches_are_read_in_place_piece_by_piece() {
    for (sample, channels) in [(vec![2, 1000], 2), (vec![3, 31], 3)] {
        let net = Net { channels, optimizer: ADAM, ..Net::classifier(&sample, &[70], 10) };
        let (gathered, _) = trained(&net, 1, 1100, 2);
        let (in_place, session) = trained(&Net { inputs: Inputs::InPlace, ..net }, 2, 1100, 2);
        assert_eq!(gathered, in_place);
        assert_eq!(session.planned().get(Category::Batch), 1100);
    }
}

/// Dropout and a bias of the inputs read samples besides.
#[test]
fn samples_that_others_read_are_gathered_all_the_same() {
    let net = Net { inputs: Inputs::InPlace, ..Net::classifier(&[12], &[8], 3) };
    let graph = Graph::new();
    let samples = graph.samples(&net.format(), 4).unwrap();
    let sums = samples.matmul(graph.parameter(&net.parameters()[0]).unwrap()).unwrap();
    let plan = Plan::new(&graph, &net.state(), &[sums, samples]).unwrap();
    assert!(plan.describe().concat()[0].starts_with("gather"), "{:?}", plan.describe());
    let plan = Plan::new(&graph, &net.state(), &[sums]).unwrap();
    assert_eq!(plan.describe().concat(), ["gemm 4×12×8 of the samples"]);
}

#[test]
fn a_larger_batch_never_takes_less() {
    let net =
        Net { optimizer: ADAM, gradients: Gradients::Consumed, ..Net::classifier(&[30], &[90, 20], 10) };
    let totals: Vec<usize> = (1..200).map(|batch_size| net.training_plan(batch_size).bytes()).collect();
    assert!(totals.is_sorted());
}

#[test]
fn what_is_not_kept_is_neither_read_nor_added_to() {
    let net = Net { gradients: Gradients::Consumed, ..Net::classifier(&[12], &[8], 3) };
    let (_, session) = trained(&net, 1, 8, 1);
    let first = net.parameters()[0].clone();
    let slot = Slot::Gradient(first.id());
    assert!(matches!(session.gradient(first.id()), Err(Error::NotKept(found)) if found == slot));
    let graph = Graph::new();
    let weights = graph.parameter(&first).unwrap();
    graph.advance(net.optimizer, plangrad_tensor::Schedule::Constant { learning_rate: 0.1 }).unwrap();
    graph.store_gradient(&first, weights, Keep::Add).unwrap();
    assert!(matches!(Plan::new(&graph, &net.state(), &[]), Err(Error::NotKept(found)) if found == slot));
}
