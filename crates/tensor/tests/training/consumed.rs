//! Gradients that are consumed by updates: the same bits as with gradients that are kept, in less memory.

use plangrad_tensor::{Category, Error, Gradients, Graph, Keep, Plan, Session, Slot};
use proptest::prelude::*;

use super::net::{ADAM, Levers, Net, OPTIMIZERS, cpu, mixed_rows, nets};

/// Everything that a session holds of a network after some steps.
fn trained(net: &Net, threads: usize, batch_size: usize, steps: usize) -> (Vec<Vec<f32>>, Session) {
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
    fn consumed_gradients_lead_to_the_same_bits(net in nets(), batch_size in 1usize..70, threads in 1usize..4) {
        let consuming = Net { gradients: Gradients::Consumed, ..net.clone() };
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
