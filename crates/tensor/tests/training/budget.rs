//! Running out of memory: a typed error with the right numbers, after which everything works as before.

use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{Backend, Category, Device, Error, Session, ShapeError};

use crate::net::{ADAM, Net, cpu, mixed_rows};

fn with_budget(bytes: u64) -> Backend {
    Cpu::open(CpuOptions::default().threads(1).budget(bytes)).unwrap()
}

fn net() -> Net {
    Net { optimizer: ADAM, ..Net::classifier(&[1, 5, 5], &[12], 4) }
}

#[test]
fn one_byte_too_few_is_refused_with_the_numbers_and_the_report() {
    let plan = net().training_plan(32);
    let bytes = plan.bytes() as u64;
    let error = Session::new(&with_budget(bytes - 1), vec![plan.clone()]).unwrap_err();
    let message = error.to_string();
    let Error::OutOfMemory { device, requested, free, total, report } = error else {
        panic!("{error:?} is not an out-of-memory error");
    };
    assert_eq!((device, requested, free, total), (Device::Cpu, bytes, bytes - 1, bytes - 1));
    assert_eq!(*report, plan.report());
    assert_eq!(report.get(Category::Parameters), 4 * net().parameter_count() as u64);
    assert!(message.contains(&format!("{bytes} bytes are needed, {} of {} are free", bytes - 1, bytes - 1)));

    assert!(Session::new(&with_budget(bytes), vec![plan]).is_ok());
}

#[test]
fn a_refusal_changes_nothing_and_a_smaller_session_works_after_it() {
    let net = net();
    let (small, large) = (net.training_plan(4), net.training_plan(64));
    let backend = with_budget(small.bytes() as u64 + large.bytes() as u64 - 1);
    let source = net.source(20);
    let rows = mixed_rows(20, 20);
    let mut session = net.session(&backend, vec![small.clone()]);
    session.run(0, &source.batches(&rows[..8]).unwrap()).unwrap();
    let before = backend.memory();

    let refused = Session::new(&backend, vec![large.clone()]).unwrap_err();
    assert!(
        matches!(refused, Error::OutOfMemory { free, .. } if free == large.bytes() as u64 - 1),
        "{refused}"
    );
    assert_eq!(backend.memory(), before);

    session.run(0, &source.batches(&rows[8..]).unwrap()).unwrap();
    let mut undisturbed = net.session(&cpu(1), vec![small.clone()]);
    undisturbed.run(0, &source.batches(&rows).unwrap()).unwrap();
    for parameter in net.parameters() {
        assert_eq!(
            session.parameter(parameter.id()).unwrap(),
            undisturbed.parameter(parameter.id()).unwrap()
        );
    }

    drop(session);
    assert_eq!(backend.memory().reserved, 0);
    assert_eq!(Session::new(&backend, vec![large]).unwrap().plans().len(), 1);
}

/// From far beyond any machine to beyond 64 bits: an error that can be told from others, never a panic or an abort.
#[test]
fn absurd_batches_are_refused() {
    let net = Net::classifier(&[3, 32, 32], &[4096, 4096, 4096], 1000);
    let backend = cpu(1);
    let before = backend.memory();
    for power in 36..64 {
        for batch_size in [(1_usize << power) - 1, 1 << power, 3 << (power - 1)] {
            let refused = net.try_training_plan(batch_size).and_then(|plan| {
                assert!(plan.report().total() == plan.bytes() as u64);
                Session::new(&backend, vec![plan]).map(|_| ())
            });
            match refused {
                Err(Error::OutOfMemory { requested, total, .. }) => assert!(requested > total),
                Err(Error::PlanTooLarge | Error::Shape(ShapeError::TooLarge { .. })) => assert!(power > 40),
                other => panic!("batch {batch_size}: {other:?}"),
            }
        }
    }
    assert_eq!(backend.memory(), before, "not even the peak has seen bytes that were never had");
}

/// Each array alone can be counted, all together cannot.
#[test]
fn a_plan_whose_sizes_overflow_together_is_refused() {
    let net = Net::classifier(&[1], &[1, 1, 1], 1);
    let largest = isize::MAX as usize / 8;
    assert!(matches!(net.try_training_plan(largest), Err(Error::PlanTooLarge)));
    assert!(matches!(net.try_training_plan(largest + 1), Err(Error::Shape(ShapeError::TooLarge { .. }))));
}
