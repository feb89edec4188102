//! What is planned, what is reserved and what the ledger measures are the same number, for nets of all kinds.

use plangrad_tensor::{Category, MemoryReport, Plan, Session};
use proptest::prelude::*;

use crate::net::{Loss, Net, cpu, nets, number_types};

fn parts(report: &MemoryReport) -> u64 {
    Category::ALL.iter().map(|&category| report.get(category)).sum()
}

/// Inputs and targets of a batch.
fn batch_bytes(net: &Net, batch_size: usize) -> u64 {
    let target = if net.loss == Loss::CrossEntropy { 1 } else { 4 * net.outputs };
    (batch_size * (4 * net.sample.iter().product::<usize>() + target)) as u64
}

fn assert_persistent_parts(net: &Net, report: &MemoryReport) {
    let numbers = 4 * net.parameter_count() as u64;
    assert_eq!(report.get(Category::Parameters), numbers);
    assert_eq!(report.get(Category::Gradients), numbers);
    assert_eq!(report.get(Category::OptimizerState), numbers * net.optimizer.moments() as u64);
    assert_eq!(report.get(Category::Dataset), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn one_plan_is_accounted_for_to_the_byte(net in nets(), batch_size in 1usize..70) {
        let (train, (evaluate, _)) = (net.training_plan(batch_size), net.evaluation_plan(batch_size));
        for plan in [&train, &evaluate] {
            let report = plan.report();
            assert_persistent_parts(&net, &report);
            prop_assert_eq!(parts(&report), plan.bytes() as u64);
            prop_assert_eq!(report.get(Category::Batch), batch_bytes(&net, batch_size));
        }
        prop_assert_eq!(evaluate.report().get(Category::Activations), 0);
    }

    #[test]
    fn planned_reserved_and_measured_are_equal(
        net in nets(), number_types in number_types(), batch_size in 1usize..70, tail in 1usize..70,
        evaluation in 1usize..200,
    ) {
        let net = Net { number_types, ..net };
        let backend = cpu(1);
        let plans =
            vec![net.training_plan(batch_size), net.training_plan(tail), net.evaluation_plan(evaluation).0];
        let largest = plans.iter().map(Plan::bytes).max().unwrap();
        let mut session = net.session(&backend, plans);
        let planned = session.planned();
        prop_assert_eq!(planned.total(), parts(&planned));
        prop_assert_eq!(planned.total(), largest as u64);
        prop_assert_eq!(planned.total(), session.reserved_bytes() as u64);
        prop_assert_eq!(planned.total(), backend.memory().reserved);
        assert_persistent_parts(&net, &planned);

        let source = net.source(200);
        let rows: Vec<u32> = (0..200).collect();
        session.run(0, &source.batches(&rows[..batch_size]).unwrap()).unwrap();
        session.run(1, &source.batches(&rows[..tail]).unwrap()).unwrap();
        session.run(2, &source.batches(&rows[..evaluation]).unwrap()).unwrap();
        prop_assert_eq!(planned.total(), backend.memory().peak);
        drop(session);
        prop_assert_eq!(backend.memory().reserved, 0);
    }

    #[test]
    fn a_larger_batch_never_takes_less(
        net in nets(), number_types in number_types(), batch_size in 1usize..70, more in 2usize..1000,
    ) {
        let net = Net { number_types, ..net };
        let train = |batch_size| net.training_plan(batch_size).bytes();
        let evaluate = |batch_size| net.evaluation_plan(batch_size).0.bytes();
        for bytes in [&train as &dyn Fn(usize) -> usize, &evaluate] {
            prop_assert!(bytes(batch_size) <= bytes(batch_size + 1));
            prop_assert!(bytes(batch_size) <= bytes(batch_size + more));
            prop_assert!(bytes(1) <= bytes(2));
        }
    }
}

#[test]
fn an_evaluation_that_fits_costs_nothing() {
    let net = Net::classifier(&[784], &[128], 10);
    let train = net.training_plan(64);
    let alone = train.bytes();
    let session = Session::new(&cpu(1), vec![train, net.evaluation_plan(64).0]).unwrap();
    assert_eq!(session.reserved_bytes(), alone);
}
