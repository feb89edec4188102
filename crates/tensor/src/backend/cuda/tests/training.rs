//! Whole training steps: the same on the emulator as on the CPU, in few launches, wherever the dataset lies.

use proptest::prelude::*;

use crate::backend::Backend;
use crate::backend::launch::lowering::Sizing;
use crate::testing::net::{ACTIVATIONS, ADAM, Loss, MOMENTUM, Net, OPTIMIZERS, cpu, mixed_rows, nets};
use crate::testing::{adapters_with, emulator, gpu};
use crate::{DType, Device, Error, Gradients, Metrics, Parameters, Plan, Session, Source, State};

/// Ten steps lose a few dozen units in the last place of the largest number; a GPU has its own exponential besides.
const TOLERANCE: f32 = 1e-5;
const TOLERANCE_OF_GPU: f32 = 1e-4;

/// Everything a session keeps: for each parameter its values, gradient and moments.
fn kept(net: &Net, session: &Session) -> Vec<(String, Vec<f32>)> {
    let mut arrays = Vec::new();
    for p in net.parameters() {
        arrays.push((p.name().to_owned(), session.parameter(p.id()).unwrap()));
        arrays.push((format!("gradient of {}", p.name()), session.gradient(p.id()).unwrap()));
        for i in 0..net.optimizer.moments() {
            arrays.push((format!("moment {i} of {}", p.name()), session.moment(i, p.id()).unwrap()));
        }
    }
    arrays
}

/// Trains in batches of `size` and a last, smaller one, and evaluates the whole dataset.
fn train(net: &Net, backend: &Backend, source: &Source, size: usize, steps: usize) -> Session {
    let rows = mixed_rows(size * steps + 1, source.len());
    let plans = vec![net.training_plan(size), net.training_plan(1), net.evaluation_plan(size).0];
    let mut session = net.session(backend, plans);
    let (whole, tail) = rows.split_at(size * steps);
    session.run(0, &source.batches(whole).unwrap()).unwrap();
    session.run(1, &source.batches(tail).unwrap()).unwrap();
    session.run(2, &source.batches(whole).unwrap()).unwrap();
    session
}

fn assert_alike(net: &Net, found: &Session, expected: &Session, tolerance: f32) {
    for ((name, found), (_, expected)) in kept(net, found).iter().zip(kept(net, expected)) {
        let largest = expected.iter().fold(0.0_f32, |a, x| a.max(x.abs()));
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let close = (found - expected).abs() <= tolerance * largest;
            assert!(close, "{net:?}, {name}, element {i}: {found} instead of {expected} (largest {largest})");
        }
    }
    let (found_sums, expected_sums) = (found.metrics().unwrap(), expected.metrics().unwrap());
    let close = |a: f64, b: f64| (a - b).abs() <= f64::from(tolerance) * b.abs();
    assert!(close(found_sums.loss_sum, expected_sums.loss_sum), "{net:?}: {found_sums:?} {expected_sums:?}");
    assert!(
        close(found_sums.last_loss, expected_sums.last_loss),
        "{net:?}: {found_sums:?} {expected_sums:?}"
    );
    assert_eq!((found_sums.samples, found_sums.correct), (expected_sums.samples, expected_sums.correct));
    assert_eq!(found.step().unwrap(), expected.step().unwrap());
}

fn check(net: &Net, size: usize, steps: usize) {
    let source = net.source(3 * size + 1);
    let expected = train(net, &cpu(1), &source, size, steps);
    let emulated = emulator(0).map(|emulator| (emulator.backend(None), TOLERANCE));
    let adapters = adapters_with(Sizing::default()).into_iter().map(|(_, adapter)| adapter);
    let gpus = gpu().into_iter().chain(adapters).map(|gpu| (gpu, TOLERANCE_OF_GPU));
    for (backend, tolerance) in emulated.into_iter().chain(gpus) {
        assert_alike(net, &train(net, &backend, &source, size, steps), &expected, tolerance);
    }
}

fn small() -> Net {
    Net { learning_rate: 0.01, ..Net::classifier(&[3, 7], &[19, 33], 5) }
}

#[test]
fn every_activation_and_optimizer_trains_as_on_the_cpu() {
    for activation in ACTIVATIONS {
        for optimizer in OPTIMIZERS {
            check(&Net { activation, optimizer, ..small() }, 6, 10);
        }
    }
}

#[test]
fn dropout_regressions_and_samples_of_each_type_train_as_on_the_cpu() {
    check(&Net { dropout: 0.3, optimizer: ADAM, ..small() }, 6, 10);
    for (outputs, dtype, channels) in [(1, DType::F32, 1), (3, DType::U8, 3), (9, DType::F32, 11)] {
        let net = Net { loss: Loss::Mse, outputs, dtype, channels, optimizer: MOMENTUM, ..small() };
        check(&Net { sample: vec![channels, 3, 4], ..net }, 5, 10);
    }
}

#[test]
fn more_classes_than_a_byte_tells_apart_train_as_on_the_cpu() {
    check(&Net { outputs: 300, ..small() }, 6, 10);
}

fn mnist() -> Net {
    Net { optimizer: ADAM, learning_rate: 1e-3, ..Net::classifier(&[1, 28, 28], &[128], 10) }
}

#[test]
fn the_mnist_network_trains_as_on_the_cpu() {
    check(&mnist(), 64, 10);
}

/// Eight stages are eight launches, with a dataset in the device's memory; the last one also advances the feed.
#[test]
fn a_step_of_the_mnist_network_is_eight_launches() {
    let Some(emulator) = emulator(0) else { return };
    let (net, backend) = (mnist(), emulator.backend(None));
    let mut source = net.source(128);
    source.upload(&backend).unwrap();
    let mut session = net.session(&backend, vec![net.training_plan(64)]);
    let before = emulator.launches();
    session.run(0, &source.batches(&mixed_rows(64 * 3, 128)).unwrap()).unwrap();
    assert_eq!(emulator.launches() - before, 3 * 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// More steps than the dataset has room to order at a time, so that runs are cut; and a gather in the last stage.
    #[test]
    fn resident_and_staged_data_lead_to_the_same_bits(net in nets(), size in 1usize..9, steps in 1usize..7) {
        let Some(emulator) = emulator(5) else { return Ok(()) };
        let backend = emulator.backend(None);
        let mut source = net.source(2 * size + 1);
        let staged = train(&net, &backend, &source, size, steps);
        source.upload(&backend)?;
        let resident = train(&net, &backend, &source, size, steps);
        prop_assert!(kept(&net, &staged) == kept(&net, &resident));
        prop_assert_eq!(staged.metrics().unwrap(), resident.metrics().unwrap());
    }

    #[test]
    fn the_order_of_threads_and_blocks_changes_no_bit(net in nets(), size in 1usize..40) {
        let source = net.source(size + 1);
        let run = |order| emulator(order).map(|emulator| train(&net, &emulator.backend(None), &source, size, 2));
        let (Some(in_turn), Some(mixed)) = (run(0), run(9)) else { return Ok(()) };
        prop_assert!(kept(&net, &in_turn) == kept(&net, &mixed));
        prop_assert_eq!(in_turn.metrics().unwrap(), mixed.metrics().unwrap());
    }

    #[test]
    fn what_is_measured_is_what_was_planned(net in nets(), size in 1usize..40) {
        let Some(emulator) = emulator(0) else { return Ok(()) };
        let (backend, source) = (emulator.backend(None), net.source(2));
        let plans = vec![net.training_plan(size), net.evaluation_plan(2).0];
        let mut session = Session::streaming(&backend, plans)?;
        session.run(1, &source.batches(&[1, 0])?)?;
        prop_assert_eq!(backend.memory().reserved, session.planned().total());
        drop(session);
        prop_assert_eq!(backend.memory().reserved, 0);
    }
}

/// A sample's scores do not depend on the others of a batch, so the sums of an evaluation do not depend on the batch size.
#[test]
fn sums_over_a_dataset_do_not_depend_on_the_batch() {
    let Some(emulator) = emulator(0) else { return };
    let (net, backend) = (Net::classifier(&[1, 10, 10], &[40], 10), emulator.backend(None));
    let source = net.source(96);
    let rows = mixed_rows(96, 96);
    let evaluate = |size: usize| -> Metrics {
        let mut session = net.session(&backend, vec![net.evaluation_plan(size).0]);
        session.run(0, &source.batches(&rows).unwrap()).unwrap();
        Metrics { last_loss: 0.0, ..session.metrics().unwrap() }
    };
    let one_by_one = evaluate(1);
    for size in [2, 32, 96] {
        assert_eq!(evaluate(size), one_by_one, "batches of {size}");
    }
}

#[test]
fn what_does_not_fit_is_refused_and_the_device_stays_usable() {
    let Some(emulator) = emulator(0) else { return };
    let (net, state) = (small(), State::inference(&Parameters::new()).unwrap());
    let plan = net.training_plan(8);
    let backend = emulator.backend(Some(plan.bytes() as u64));
    let session = Session::new(&backend, vec![plan.clone()]).unwrap();
    let nothing = Plan::new(&crate::Graph::new(), &state, &[]).unwrap();
    let refused = Session::new(&backend, vec![nothing.clone()]).unwrap_err();
    let Error::OutOfMemory { device, requested, free, .. } = refused else { panic!("{refused}") };
    assert_eq!((device, requested, free), (Device::Cuda(0), nothing.bytes() as u64, 0));
    drop(session);
    Session::new(&backend, vec![plan]).unwrap();
}

#[test]
fn plans_that_consume_gradients_are_refused() {
    let Some(emulator) = emulator(0) else { return };
    let net = Net { gradients: Gradients::Consumed, ..Net::classifier(&[12], &[8], 3) };
    let refused = Session::new(&emulator.backend(None), vec![net.training_plan(4)]);
    assert!(matches!(refused, Err(Error::Gradients { .. })));
}
