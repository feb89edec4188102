//! The figures and the fusion that users are promised for the lessons' network, 784-128-10.

use plangrad_tensor::{Category, Optimizer};

use crate::net::{ADAM, ADAMW, MOMENTUM, Net, SGD};

fn mnist(optimizer: Optimizer) -> Net {
    Net { optimizer, ..Net::classifier(&[1, 28, 28], &[128], 10) }
}

#[test]
fn a_training_step_is_these_kernels() {
    let stages = mnist(ADAM).training_plan(64).describe();
    let expected: [&[&str]; 8] = [
        &["gather 64×784", "gather targets 64", "advance"],
        &["gemm 64×784×128 + bias, relu"],
        &["gemm 64×128×10 + bias", "permute to [10, 128]"],
        &["cross-entropy with gradient 64×10", "argmax 64×10"],
        &["metrics 64", "gemm 128×64×10, column sums"],
        &["gemm 64×10×128, relu mask"],
        &["gemm 784×64×128, column sums"],
        &["update 101770"],
    ];
    assert_eq!(stages, expected);
}

#[test]
fn a_step_is_at_most_eight_kernels_besides_bookkeeping() {
    let aside = ["advance", "gather targets", "permute", "metrics", "argmax"];
    for optimizer in [SGD, MOMENTUM, ADAM, ADAMW] {
        let stages = mnist(optimizer).training_plan(64).describe();
        let kernels = stages.iter().flatten().filter(|k| !aside.iter().any(|name| k.starts_with(name)));
        assert!(kernels.count() <= 8, "{stages:?}");
    }
}

#[test]
fn no_gradient_by_the_input_is_computed() {
    let stages = mnist(ADAM).training_plan(64).describe();
    // It would be the product [64, 128] · [128, 784].
    assert!(!stages.iter().flatten().any(|kernel| kernel.starts_with("gemm 64×128×784")));
    assert_eq!(stages.iter().flatten().filter(|kernel| kernel.starts_with("gemm")).count(), 5);
}

#[test]
fn every_batch_size_has_the_same_kernels() {
    let names = |batch_size| -> Vec<Vec<String>> {
        let first_word = |kernel: &String| kernel.split(' ').next().unwrap_or_default().to_string();
        let stages = mnist(ADAM).training_plan(batch_size).describe();
        stages.iter().map(|stage| stage.iter().map(first_word).collect()).collect()
    };
    for batch_size in [2, 3, 64, 4096] {
        assert_eq!(names(1), names(batch_size));
    }
}

#[test]
fn the_report_of_batch_64_is_exact() {
    for (optimizer, state) in [(SGD, 0), (MOMENTUM, 407_080), (ADAM, 814_160), (ADAMW, 814_160)] {
        let report = mnist(optimizer).training_plan(64).report();
        assert_eq!(report.get(Category::Parameters), 407_080);
        assert_eq!(report.get(Category::Gradients), 407_080);
        assert_eq!(report.get(Category::OptimizerState), state);
        assert_eq!(report.get(Category::Batch), 64 * 784 * 4 + 64);
        assert_eq!(report.get(Category::Activations), 64 * 128 * 4);
        assert_eq!(report.get(Category::Dataset), 0);
    }
}

#[test]
fn cifar_has_394_634_parameters() {
    let net = Net { channels: 3, ..Net::classifier(&[3, 32, 32], &[128], 10) };
    assert_eq!(net.parameter_count(), 394_634);
    let report = net.training_plan(64).report();
    assert_eq!(report.get(Category::Parameters), 4 * 394_634);
    assert_eq!(report.get(Category::Batch), 64 * 12 * 1024 + 64);
}

/// Parameters, gradients, input and hidden activations, in MiB to two digits, as the lessons add them up.
#[test]
fn the_lessons_sums_come_out() {
    for (batch_size, expected) in [(64, "1.00"), (256, "1.67"), (1024, "4.34"), (4096, "15.03")] {
        let report = mnist(SGD).training_plan(batch_size).report();
        let parts = [Category::Parameters, Category::Gradients, Category::Batch, Category::Activations];
        let labels = batch_size as u64;
        let bytes: u64 = parts.iter().map(|part| report.get(*part)).sum::<u64>() - labels;
        assert_eq!(format!("{:.2}", bytes as f64 / (1024.0 * 1024.0)), expected, "batch {batch_size}");
    }
}

#[test]
fn an_evaluation_writes_no_gradient_and_no_parameter() {
    let stages = mnist(ADAM).evaluation_plan(1000).0.describe();
    let expected: [&[&str]; 5] = [
        &["gather 1000×784", "gather targets 1000"],
        &["gemm 1000×784×128 + bias, relu"],
        &["gemm 1000×128×10 + bias"],
        &["cross-entropy 1000×10", "argmax 1000×10"],
        &["metrics 1000"],
    ];
    assert_eq!(stages, expected);
}
