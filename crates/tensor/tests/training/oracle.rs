//! Whole training steps equal the f64 interpreter of the unfused graph: parameters, gradients, moments and metrics.

use plangrad_tensor::backend::cpu::InstructionSet;
use plangrad_tensor::reference::Interpreter;
use plangrad_tensor::{DType, Optimizer, Parameter, Session};

use crate::net::{
    ACTIVATIONS, ADAM, ADAMW, Activation, Levers, Loss, MOMENTUM, Net, OPTIMIZERS, SGD, all_cpus,
    in_file_order, mixed_rows,
};

/// Everything a session keeps: for each parameter its values, gradient and moments.
fn kept(net: &Net, session: &Session) -> Vec<(String, Vec<f32>)> {
    let of = |p: &Parameter| {
        let mut arrays = vec![
            (p.name().to_owned(), session.parameter(p.id()).unwrap()),
            (format!("gradient of {}", p.name()), session.gradient(p.id()).unwrap()),
        ];
        for i in 0..net.optimizer.moments() {
            arrays.push((format!("moment {i} of {}", p.name()), session.moment(i, p.id()).unwrap()));
        }
        arrays
    };
    net.parameters().iter().flat_map(of).collect()
}

/// The same of the interpreter, in the same order.
fn expected(net: &Net, machine: &Interpreter) -> Vec<Vec<f64>> {
    let of = |p: &Parameter| {
        let mut arrays = vec![machine.parameter(p.id()).unwrap(), machine.gradient(p.id()).unwrap()];
        arrays.extend((0..net.optimizer.moments()).map(|i| machine.moment(i, p.id()).unwrap()));
        arrays.into_iter().map(|array| in_file_order(p, array)).collect::<Vec<_>>()
    };
    net.parameters().iter().flat_map(of).collect()
}

/// Within `TOLERANCE` of the largest element: a few steps lose a handful of units in the last place of f32 (6e-8), and
/// a gradient that is a difference of larger numbers some more.
const TOLERANCE: f64 = 5e-6;

fn assert_close(context: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{context}");
    let largest = expected.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
    for (i, (&found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(found) - expected).abs();
        assert!(
            difference <= TOLERANCE * largest,
            "{context}, element {i}: {found} instead of {expected} (largest {largest})"
        );
    }
}

fn assert_trained_like_the_reference(context: &str, net: &Net, session: &Session, machine: &Interpreter) {
    for ((name, found), expected) in kept(net, session).iter().zip(expected(net, machine)) {
        assert_close(&format!("{context}: {name}"), found, &expected);
    }
    let (found, expected) = (session.metrics().unwrap(), machine.metrics);
    assert!(
        (found.loss_sum / expected.loss_sum - 1.0).abs() < TOLERANCE,
        "{context}: {found:?} {expected:?}"
    );
    assert!((found.last_loss / expected.last_loss - 1.0).abs() < TOLERANCE, "{context}");
    assert_eq!((found.samples, found.correct), (expected.samples, expected.correct), "{context}");
    assert_eq!(session.step().unwrap(), machine.step, "{context}");
}

/// Trains with every instruction set; all must agree with the reference, and 2 and 3 threads with 1 bit for bit.
fn check(net: &Net, batch_size: usize, steps: usize) {
    check_with_threads(net, batch_size, steps, |_| true);
}

/// The same with several threads only for the instruction sets, by index, that `threaded` names.
fn check_with_threads(net: &Net, batch_size: usize, steps: usize, threaded: impl Fn(usize) -> bool) {
    let source = net.source(3 * batch_size + 1);
    let rows = mixed_rows(steps * batch_size, source.len());
    let machine = net.interpret(&source, &rows, batch_size);
    for (i, (set, backends)) in all_cpus().into_iter().enumerate() {
        let train = |threads: usize| {
            let mut session = net.session(&backends[threads - 1], vec![net.training_plan(batch_size)]);
            session.run(0, &source.batches(&rows).unwrap()).unwrap();
            session
        };
        let one = train(1);
        let context = format!("{net:?} on {}", InstructionSet::name(set));
        assert_trained_like_the_reference(&context, net, &one, &machine);
        for threads in [2, 3].into_iter().filter(|_| threaded(i)) {
            let other = train(threads);
            assert!(kept(net, &one) == kept(net, &other), "{threads} threads change the bits: {context}");
            assert_eq!(one.metrics().unwrap(), other.metrics().unwrap());
        }
    }
}

fn small(layers: usize, activation: Activation, optimizer: Optimizer) -> Net {
    let hidden = [19, 33];
    let learning_rate = if optimizer == ADAM || optimizer == ADAMW { 0.01 } else { 0.5 };
    Net { activation, optimizer, learning_rate, ..Net::classifier(&[3, 7], &hidden[..layers - 1], 5) }
}

#[test]
fn every_depth_activation_and_optimizer_trains_like_the_reference() {
    let mut turns = (0..InstructionSet::available().len()).cycle();
    for activation in ACTIVATIONS {
        for optimizer in OPTIMIZERS {
            for layers in 1..=3 {
                // Waiting for one another is slow on a busy machine: each net does it on one instruction set.
                let turn = turns.next().unwrap();
                check_with_threads(&small(layers, activation, optimizer), 6, 4, |set| set == turn);
            }
        }
    }
}

/// Labels take two bytes from the 257th class on.
#[test]
fn more_classes_than_a_byte_tells_apart_train_like_the_reference() {
    for classes in [256, 257, 300] {
        let net = Net { levers: Levers::ALL, ..Net::classifier(&[3, 7], &[19], classes) };
        check(&net, 6, 4);
        check(&Net { levers: Levers::default(), ..net }, 6, 4);
    }
}

#[test]
fn every_lever_trains_like_the_reference() {
    let none = Levers::default();
    let levers = [
        Levers { clip_norm: Some(0.5), ..none },
        Levers { clip_norm: Some(1e6), ..none },
        Levers { smoothing: 0.1, ..none },
        Levers { weighted: true, ..none },
        Levers { warmup: 2, ..none },
        Levers::ALL,
    ];
    for levers in levers {
        for optimizer in OPTIMIZERS {
            check(&Net { levers, ..small(3, Activation::Tanh, optimizer) }, 6, 4);
        }
    }
    let regression = Net { loss: Loss::Mse, outputs: 3, ..small(2, Activation::Tanh, SGD) };
    check(&Net { levers: Levers { clip_norm: Some(0.1), ..none }, ..regression }, 5, 4);
}

#[test]
fn dropout_draws_the_masks_of_the_reference() {
    for activation in [Activation::Relu, Activation::Gelu] {
        for optimizer in [SGD, ADAM] {
            let net = Net { dropout: 0.3, ..small(3, activation, optimizer) };
            check_with_threads(&net, 6, 4, |set| set == 0);
        }
    }
}

#[test]
fn regressions_train_like_the_reference() {
    for outputs in [1, 17] {
        for optimizer in [SGD, MOMENTUM] {
            let net = Net { loss: Loss::Mse, outputs, ..small(2, Activation::Tanh, optimizer) };
            check(&Net { learning_rate: 0.1, ..net }, 5, 4);
        }
    }
}

#[test]
fn samples_of_each_type_and_number_of_channels_train_like_the_reference() {
    for dtype in [DType::U8, DType::F32] {
        for channels in [1, 3] {
            let sample = vec![channels, 3, 7];
            check(&Net { sample, channels, dtype, ..small(2, Activation::Relu, MOMENTUM) }, 6, 3);
        }
    }
}

#[test]
fn single_samples_and_single_units_train_like_the_reference() {
    for (sample, hidden, outputs, batch_size) in
        [(1, vec![1], 1, 1), (1, vec![1, 1], 2, 2), (5, vec![], 1, 1)]
    {
        let net = Net { hidden, outputs, ..small(1, Activation::Tanh, SGD) };
        check(&Net { sample: vec![sample], loss: Loss::Mse, learning_rate: 0.1, ..net }, batch_size, 3);
    }
}

#[test]
fn the_mnist_network_trains_like_the_reference() {
    let net = Net { optimizer: ADAM, learning_rate: 1e-3, ..Net::classifier(&[1, 28, 28], &[128], 10) };
    check(&net, 64, 3);
}

#[test]
fn steps_one_by_one_and_in_one_run_are_the_same() {
    let net = Net { dropout: 0.2, ..small(3, Activation::Relu, ADAM) };
    let source = net.source(40);
    let rows = mixed_rows(5 * 8, source.len());
    let backend = crate::net::cpu(2);
    let mut together = net.session(&backend, vec![net.training_plan(8)]);
    together.run(0, &source.batches(&rows).unwrap()).unwrap();
    let mut apart = net.session(&backend, vec![net.training_plan(8)]);
    for rows in rows.chunks(8) {
        apart.run(0, &source.batches(rows).unwrap()).unwrap();
    }
    assert!(kept(&net, &together) == kept(&net, &apart));
    assert_eq!(together.metrics().unwrap(), apart.metrics().unwrap());
    assert_eq!(together.step().unwrap(), 5);
}

/// A step reads its parameters as they were when it began, and so does who asks for them as outputs.
#[test]
fn a_parameter_asked_as_an_output_is_the_one_the_step_began_with() {
    use plangrad_tensor::{FileOrder, Graph, Parameters, Plan, Role, Schedule, Session, Shape, State};
    let mut list = Parameters::new();
    let w = list.add("w", Shape::new(&[3]).unwrap(), Role::Trained, FileOrder::AsInGraph).unwrap();
    let sgd = plangrad_tensor::Optimizer::sgd();
    let graph = Graph::new();
    graph.advance(sgd, Schedule::Constant { learning_rate: 1.0 }).unwrap();
    let before = graph.parameter(&w).unwrap();
    graph.update(sgd, &w, graph.full(5.0, w.shape()).unwrap()).unwrap();
    let state = State::training(&list, sgd).unwrap();
    let plan = Plan::new(&graph, &state, &[before]).unwrap();
    let mut session = Session::new(&crate::net::cpu(1), vec![plan]).unwrap();
    session.set_parameter(w.id(), &[7.0, 8.0, 9.0]).unwrap();
    session.run_once(0).unwrap();
    assert_eq!(session.read(0, before.id()).unwrap().as_slice().unwrap(), [7.0, 8.0, 9.0]);
    assert_eq!(session.parameter(w.id()).unwrap(), [2.0, 3.0, 4.0]);
}
