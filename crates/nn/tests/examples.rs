//! The examples run, do what they say, and stay short.

// An example is a separate program; what its `main` prints is compared here.
#[allow(dead_code)]
#[path = "../examples"]
mod examples {
    pub(crate) mod branches;
    pub(crate) mod gradients;
    pub(crate) mod own_loss;
    pub(crate) mod own_op;
    pub(crate) mod own_optimizer;
    pub(crate) mod planning;
    pub(crate) mod tied;
    pub(crate) mod two_inputs;
}

use examples::{branches, gradients, own_loss, own_op, own_optimizer, planning, tied, two_inputs};
use plangrad_tensor::Category;

/// The most lines of an example.
const MOST_LINES: usize = 60;

#[test]
fn each_fits_on_a_page() {
    for name in
        ["branches", "gradients", "own_loss", "own_op", "own_optimizer", "planning", "tied", "two_inputs"]
    {
        let path = format!("{}/examples/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        let lines = std::fs::read_to_string(path).unwrap().lines().count();
        assert!(lines <= MOST_LINES, "{name} has {lines} lines");
    }
}

#[test]
fn two_branches_and_a_residual_block_learn_a_product() {
    let [first, last] = branches::train().unwrap();
    assert!(last < 0.01 * first, "{first} {last}");
}

#[test]
fn words_and_a_formula_of_ones_own_learn_distances() {
    let [first, last] = own_op::train().unwrap();
    assert!(last < 0.01 * first, "{first} {last}");
}

#[test]
fn an_optimizer_and_a_schedule_of_ones_own_learn_a_product() {
    let [first, last] = own_optimizer::train().unwrap();
    assert!(last < 0.01 * first, "{first} {last}");
}

#[test]
fn two_inputs_of_a_sample_are_put_together() {
    let [first, last] = two_inputs::train().unwrap();
    assert!(last < 0.01 * first, "{first} {last}");
}

#[test]
fn a_tied_autoencoder_learns_with_one_matrix() {
    let (first, last, trained) = tied::train().unwrap();
    assert!(last < 0.01 * first, "{first} {last}");
    assert_eq!(trained, 16 * 3 + 3 + 16);
}

#[test]
fn a_loss_of_ones_own_is_pulled_less_by_an_outlier() {
    let [squared, robust] =
        [own_loss::squared, own_loss::pseudo_huber].map(|loss| own_loss::fit(loss).unwrap());
    // Least squares by hand: Σ (x − ½)(y − ȳ) / Σ (x − ½)² = −15 / 17.5 with ȳ = 16/3.
    assert!((squared[0] + 15.0 / 17.5).abs() < 0.01, "{squared:?}");
    assert!(
        (robust[0] - 2.0).abs() < 0.5 && (robust[0] - 2.0).abs() < (squared[0] - 2.0).abs(),
        "{robust:?}"
    );
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let compared = gradients::compare().unwrap();
    assert_eq!(compared.len(), 6);
    for (name, gradient, slope) in compared {
        // Differences of an f32 loss, a hundredth apart.
        assert!((gradient - slope).abs() < 1e-4 + 1e-2 * gradient.abs(), "{name}: {gradient} {slope}");
    }
}

#[test]
fn a_frozen_body_needs_no_moments() {
    let head = 256 * 10 + 10;
    let [open, frozen] = [false, true].map(|is_frozen| planning::report(is_frozen, 64).unwrap());
    assert_eq!(frozen.get(Category::OptimizerState), 2 * 4 * head);
    assert_eq!(frozen.get(Category::Parameters), open.get(Category::Parameters));
    assert!(frozen.total() < open.total());
    assert!(planning::report(true, 1024).unwrap().total() > frozen.total());
}
