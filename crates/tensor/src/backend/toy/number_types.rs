//! Plans whose numbers are not all f32, of which this is the first backend that runs any.

use proptest::prelude::*;

use crate::ir::{Category, DType, NumberTypes};
use crate::testing::emulator;
use crate::testing::net::{ADAM, Net, cpu, mixed_rows, nets};
use crate::{Backend, Error, Metrics, Session};

fn bf16_storage(net: Net) -> Net {
    Net { number_types: NumberTypes::default().storage(DType::Bf16), ..net }
}

fn digits() -> Net {
    Net { optimizer: ADAM, learning_rate: 1e-2, ..Net::classifier(&[1, 6, 6], &[20, 15], 4) }
}

/// The mean loss of each of `epochs` passes over 60 samples, and the parameters afterwards.
fn train(net: &Net, backend: &Backend, epochs: usize) -> (Vec<f64>, Vec<f32>) {
    let (source, rows) = (net.source(60), mixed_rows(60, 60));
    let mut session = net.session(backend, vec![net.training_plan(12)]);
    let mut epoch = |_| {
        session.set_metrics(Metrics::default()).unwrap();
        session.run(0, &source.batches(&rows).unwrap()).unwrap();
        session.metrics().unwrap().mean_loss()
    };
    let losses = (0..epochs).map(&mut epoch).collect();
    let parameters = net.parameters();
    (losses, parameters.iter().flat_map(|p| session.parameter(p.id()).unwrap()).collect())
}

#[test]
fn a_network_trains_with_its_activations_in_bf16_and_loses_little() {
    let toy = super::open();
    let (exact, _) = train(&digits(), &toy, 12);
    let (rounded, _) = train(&bf16_storage(digits()), &toy, 12);
    assert_ne!(exact, rounded, "nothing was rounded");
    assert!(rounded[11] < 0.8 * rounded[0], "{rounded:?}");
    for (exact, rounded) in exact.iter().zip(&rounded) {
        assert!((exact - rounded).abs() < 0.05 * exact, "{exact} and {rounded}");
    }
}

#[test]
fn parameters_in_bf16_come_back_rounded() {
    let net = Net { number_types: NumberTypes::default().masters(DType::Bf16), ..digits() };
    let mut session = net.session(&super::open(), vec![net.training_plan(12)]);
    let weight = &net.parameters()[0];
    let ones_and_a_bit = vec![1.001; weight.shape().elements()];
    session.set_parameter(weight.id(), &ones_and_a_bit).unwrap();
    assert!(session.parameter(weight.id()).unwrap().iter().all(|&x| x == 1.0));
    let f32 = digits().training_plan(12).report().get(Category::OptimizerState);
    assert!(session.planned().get(Category::OptimizerState) <= f32 / 2 + 64);
}

#[test]
fn a_device_refuses_types_it_does_not_compute_with_by_name() {
    let plan = || vec![bf16_storage(digits()).training_plan(12)];
    let emulated = emulator(0).map(|emulator| emulator.backend(None));
    for backend in [cpu(1)].into_iter().chain(emulated) {
        match Session::new(&backend, plan()).err() {
            Some(error @ Error::NumberTypes { .. }) => assert_eq!(
                error.to_string(),
                format!(
                    "the device {} does not compute with storage in bf16, products of f32, sums in f32, \
                     masters in f32; by default a plan keeps all its numbers in f32",
                    backend.device()
                )
            ),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// The checker of plans, which every plan of a test passes through, multiplies elements by the size of their type.
    #[test]
    fn bf16_halves_what_lives_within_a_step_but_for_labels_and_sums(net in nets(), batch_size in 1usize..70) {
        let [wide, narrow] =
            [net.clone(), bf16_storage(net)].map(|net| net.training_plan(batch_size).buffers());
        prop_assert_eq!(wide.len(), narrow.len());
        for wide in wide.iter().filter(|buffer| !buffer.is_persistent) {
            let narrow: Vec<usize> =
                narrow.iter().filter(|b| b.name == wide.name && b.shape == wide.shape).map(|b| b.bytes).collect();
            let is_sum = ["sums", "sums of squares", "targets"].contains(&wide.name.as_str());
            let is_exact = wide.shape.len() < 2 || is_sum;
            let expected = if is_exact { wide.bytes } else { wide.bytes / 2 };
            prop_assert!(narrow.contains(&expected), "{:?}: {:?}", wide, narrow);
        }
    }
}
