//! Evaluation: the same to the bit however the dataset is cut into batches, on any number of threads.

use plangrad_tensor::{Backend, Error, Metrics, Plan, Source, Targets};

use crate::net::{ADAM, Activation, Loss, Net, all_cpus, cpu, mixed_rows};

const ROWS: usize = 300;

/// Evaluates the first rows of a dataset in batches of one size and the rest as a smaller batch.
fn evaluate(net: &Net, source: &Source, backend: &Backend, batch_size: usize) -> Metrics {
    let rows: Vec<u32> = (0..ROWS as u32).collect();
    let tail = ROWS % batch_size;
    let sizes = [Some(batch_size), Some(tail).filter(|&tail| tail > 0)];
    let plans: Vec<Plan> = sizes.into_iter().flatten().map(|size| net.evaluation_plan(size).0).collect();
    let mut session = net.session(backend, plans);
    session.run(0, &source.batches(&rows[..ROWS - tail]).unwrap()).unwrap();
    if tail > 0 {
        session.run(1, &source.batches(&rows[ROWS - tail..]).unwrap()).unwrap();
    }
    session.metrics().unwrap()
}

/// The dataset with targets of such different sizes that a sum of losses, even in f64, depends on its order.
fn uneven(net: &Net) -> Source {
    let target = |i: usize| 10_f32.powi((i / 3 * 7 % 9) as i32 - 3);
    let targets = Targets::Values { values: (0..ROWS * 3).map(target).collect(), width: 3 };
    Source::new(net.source(ROWS).samples().clone(), targets, net.source(ROWS).sample_elements()).unwrap()
}

#[test]
fn sums_do_not_depend_on_the_batch_size_or_the_threads() {
    let classes = Net::classifier(&[1, 9, 7], &[37, 21], 10);
    let values = Net { loss: Loss::Mse, activation: Activation::Tanh, outputs: 3, ..classes.clone() };
    for (net, source) in [(&classes, classes.source(ROWS)), (&values, uneven(&values))] {
        for (set, backends) in all_cpus() {
            let first = evaluate(net, &source, &backends[0], ROWS);
            assert_eq!(first.samples, ROWS as u64);
            assert!(first.loss_sum > 0.0);
            for backend in &backends {
                for batch_size in [1, 7, 64, ROWS] {
                    let sums = evaluate(net, &source, backend, batch_size);
                    assert_eq!(
                        sums.loss_sum.to_bits(),
                        first.loss_sum.to_bits(),
                        "{set:?}, batch {batch_size}"
                    );
                    assert_eq!((sums.samples, sums.correct), (first.samples, first.correct));
                }
            }
        }
    }
}

#[test]
fn an_evaluation_between_steps_leaves_training_alone() {
    let net = Net { optimizer: ADAM, dropout: 0.2, ..Net::classifier(&[30], &[20], 5) };
    let source = net.source(100);
    let rows = mixed_rows(60, 100);
    let run = |evaluate: bool| {
        let mut session = net.session(&cpu(2), vec![net.training_plan(6), net.evaluation_plan(100).0]);
        for rows in rows.chunks(12) {
            session.run(0, &source.batches(rows).unwrap()).unwrap();
            if evaluate {
                session.run(1, &source.batches(&(0..100).collect::<Vec<_>>()).unwrap()).unwrap();
            }
        }
        net.parameters().iter().map(|p| session.parameter(p.id()).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn outputs_can_be_read_until_another_plan_runs() {
    let net = Net::classifier(&[8], &[4], 3);
    let source = net.source(10);
    let rows: Vec<u32> = (0..6).collect();
    let (evaluation, scores) = net.evaluation_plan(6);
    let mut session = net.session(&cpu(1), vec![net.training_plan(3), evaluation]);
    assert!(matches!(session.read(1, scores), Err(Error::Stale { plan: 1 })));
    session.run(1, &source.batches(&rows).unwrap()).unwrap();
    assert_eq!(session.read(1, scores).unwrap().shape(), [6, 3]);
    session.run(0, &source.batches(&rows).unwrap()).unwrap();
    let error = session.read(1, scores).unwrap_err();
    assert_eq!(error.to_string(), "plan 1 was not the last to run, so its outputs are not in memory");
}

#[test]
fn metrics_continue_from_where_they_were_set() {
    let net = Net::classifier(&[8], &[], 3);
    let source = net.source(4);
    let mut session = net.session(&cpu(1), vec![net.evaluation_plan(4).0]);
    session.run(0, &source.batches(&[0, 1, 2, 3]).unwrap()).unwrap();
    let once = session.metrics().unwrap();
    let mut earlier = Metrics::default();
    (earlier.loss_sum, earlier.samples, earlier.correct) = (10.0, 5, 2);
    session.set_metrics(earlier).unwrap();
    session.run(0, &source.batches(&[0, 1, 2, 3]).unwrap()).unwrap();
    let sums = session.metrics().unwrap();
    assert!((sums.loss_sum - 10.0 - once.loss_sum).abs() < 1e-12);
    assert_eq!((sums.samples, sums.correct), (9, 2 + once.correct));
    assert_eq!(sums.last_loss, once.last_loss);
    assert!((once.mean_loss() - once.last_loss).abs() < 1e-12);
}
