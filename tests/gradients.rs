//! The claims of the gradients example about batches, parts and noise.

// The example is a separate program; its comparison is called here.
#[allow(dead_code)]
#[path = "../crates/plangrad/examples/mean_of_gradients.rs"]
mod mean_of_gradients;

use std::sync::LazyLock;

use mean_of_gradients::{Comparison, compare};

/// f32 carries seven digits, and the rounding errors of a gradient's sums cancel rather than add up.
const ROUNDING: f64 = 1e-6;

static FOUND: LazyLock<Comparison> = LazyLock::new(|| compare().unwrap());

#[test]
fn the_gradient_of_a_batch_of_twelve_is_the_mean_of_twelve_single_gradients() {
    assert_eq!(FOUND.tensors.len(), 4, "weights and biases of two layers");
    for tensor in &FOUND.tensors {
        assert!(tensor.largest > 0.01, "{}: nothing to compare", tensor.name);
        assert!(tensor.relative() < ROUNDING, "{}: off by {}", tensor.name, tensor.relative());
    }
}

#[test]
fn parts_of_a_batch_count_by_their_size_and_not_alike() {
    assert!(FOUND.by_size < ROUNDING, "{}", FOUND.by_size);
    assert!((0.05..0.5).contains(&FOUND.by_half), "{}", FOUND.by_half);
}

#[test]
fn batches_twelve_times_as_large_are_nearer_to_the_gradient_of_all_by_the_root_of_twelve() {
    assert_eq!(FOUND.noise.iter().map(|row| row.batch_size).collect::<Vec<_>>(), [1, 12, 144]);
    for pair in FOUND.noise.windows(2) {
        let times = pair[0].distance / pair[1].distance;
        assert!((3.0..4.0).contains(&times), "{times} from batches of {}", pair[0].batch_size);
    }
    assert!(FOUND.noise[0].norm > 10.0 * FOUND.all_norm, "a single gradient is nearly all noise");
    assert!(FOUND.noise[2].distance < FOUND.all_norm, "that of 144 is more signal than noise");
}
