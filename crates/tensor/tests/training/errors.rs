//! Misuse: each mistake has its own error, one plain sentence, and nothing has run.

use ndarray::{arr1, arr2};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{
    DType, Error, FileOrder, Graph, Keep, NumberTypes, Optimizer, Parameter, Parameters, Plan, Role,
    SampleFormat, Samples, Schedule, Session, Shape, ShapeError, Source, State, TargetFormat, Targets,
    TensorId,
};

use crate::net::{ADAM, Loss, MOMENTUM, Net, SGD, cpu};

/// The error's sentence, after the pattern has told that it is the right one.
macro_rules! assert_error {
    ($result:expr, $pattern:pat, $sentence:expr) => {
        let error = $result.map(|_| ()).unwrap_err();
        assert!(matches!(error, $pattern), "{error:?}");
        assert_eq!(error.to_string(), $sentence);
    };
}

fn net() -> Net {
    Net::classifier(&[6], &[5], 3)
}

fn session() -> Session {
    net().session(&cpu(2), vec![net().training_plan(4)])
}

#[test]
fn rows_outside_the_dataset() {
    assert_error!(
        net().source(10).batches(&[0, 9, 10, 11]),
        Error::Row { row: 10, rows: 10 },
        "row 10 is outside the dataset of 10 samples"
    );
}

#[test]
fn numbers_that_an_optimizer_or_a_schedule_cannot_work_with() {
    let parameters = Parameters::new();
    let nan = Optimizer::Sgd { momentum: f64::NAN, weight_decay: 0.0 };
    let sentence = "momentum is NaN, expected at least 0 and below 1";
    assert_error!(State::training(&parameters, nan), Error::Hyperparameter(_), sentence);
    let graph = Graph::new();
    assert_error!(
        graph.advance(ADAM, Schedule::Constant { learning_rate: -0.5 }),
        Error::Hyperparameter(_),
        "learning_rate is -0.5, expected a finite number of at least 0"
    );
}

#[test]
fn more_threads_than_are_supported() {
    assert_error!(
        Cpu::open(CpuOptions::default().threads(usize::MAX)),
        Error::Threads { .. },
        format!("cannot start {} worker threads: at most 1024 are supported", usize::MAX)
    );
}

#[test]
fn number_types_that_hold_whole_numbers_only() {
    let state = State::inference(&Parameters::new()).unwrap();
    assert_error!(
        state.with_number_types(NumberTypes::default().sums(DType::U8)),
        Error::Types { .. },
        "a plan needs an operand of type f32, found u8"
    );
}

#[test]
fn labels_beyond_the_classes() {
    let source = Source::new(Samples::U8(vec![0; 24]), Targets::Classes(vec![0, 2, 7, 3]), 6).unwrap();
    assert_error!(
        session().run(0, &source.batches(&[0, 1, 0, 1]).unwrap()),
        Error::Label { row: 2, label: 7, classes: 3 },
        "sample 2 has label 7, but the model has 3 classes"
    );
}

#[test]
fn datasets_that_do_not_fit_the_plan() {
    let classes = || Targets::Classes(vec![0; 4]);
    let values = Targets::Values { values: vec![0.0; 8], width: 2 };
    let rows = [0, 1, 2, 3];
    for (samples, targets, elements, sentence) in [
        (
            Samples::U8(vec![0; 20]),
            classes(),
            5,
            "the plan reads samples of 6 u8, the dataset holds samples of 5 u8",
        ),
        (
            Samples::F32(vec![0.0; 24]),
            classes(),
            6,
            "the plan reads samples of 6 u8, the dataset holds samples of 6 f32",
        ),
        (
            Samples::U8(vec![0; 24]),
            values,
            6,
            "the plan reads class labels, the dataset holds 2 target values per sample",
        ),
    ] {
        let source = Source::new(samples, targets, elements).unwrap();
        let mut session = session();
        assert_error!(session.run(0, &source.batches(&rows).unwrap()), Error::Source { .. }, sentence);
        assert_eq!(session.step().unwrap(), 0, "nothing has run");
    }
    let regression = Net { loss: Loss::Mse, outputs: 1, ..net() };
    assert_error!(
        regression
            .session(&cpu(1), vec![regression.training_plan(4)])
            .run(0, &net().source(4).batches(&rows).unwrap()),
        Error::Source { .. },
        "the plan reads one target value per sample, the dataset holds class labels"
    );
}

#[test]
fn rows_that_are_no_whole_batches() {
    let source = net().source(10);
    let mut session = session();
    assert_error!(
        session.run(0, &source.batches(&[0, 1, 2, 3, 4]).unwrap()),
        Error::Rows { rows: 5, batch_size: 4 },
        "5 rows are not a multiple of the batch size 4; plan the rest as a smaller batch"
    );
    assert_eq!(session.step().unwrap(), 0);
    session.run(0, &source.batches(&[]).unwrap()).unwrap();
    assert_eq!(session.step().unwrap(), 0, "without rows there is no step");
}

#[test]
fn plans_with_and_without_a_dataset() {
    assert_error!(
        session().run_once(0),
        Error::Source { .. },
        "the plan reads batches of a dataset, the dataset holds none"
    );
    let graph = Graph::new();
    let y = graph.constant(arr1(&[1.0])).unwrap().exp().unwrap();
    let plan = Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &[y]).unwrap();
    let mut session = Session::new(&cpu(1), vec![plan]).unwrap();
    assert_error!(
        session.run(0, &net().source(4).batches(&[0]).unwrap()),
        Error::Source { .. },
        "the plan reads no dataset, the dataset holds batches"
    );
}

#[test]
fn outputs_slots_and_plans_that_do_not_exist() {
    let (plan, scores) = net().evaluation_plan(4);
    let other_node: TensorId = Graph::new().full(0.0, Shape::SCALAR).unwrap().id();
    let source = net().source(4);
    let mut session = Session::new(&cpu(1), vec![plan]).unwrap();
    session.run(0, &source.batches(&[0, 1, 2, 3]).unwrap()).unwrap();
    assert!(session.read(0, scores).is_ok());
    assert_error!(
        session.read(0, other_node),
        Error::NotAnOutput(_),
        "value 0 is not an output of this plan; name it when the plan is made"
    );
    let sentence = |plan| format!("this session has no plan {plan}; it has 1, counted from 0");
    assert_error!(session.read(1, scores), Error::NoPlan { plan: 1, plans: 1 }, sentence(1));
    assert_error!(session.run_once(7), Error::NoPlan { plan: 7, plans: 1 }, sentence(7));
    let other = &Net::classifier(&[6], &[7], 3).parameters()[1];
    assert_error!(
        session.parameter(other.id()),
        Error::NotKept(_),
        "parameter 1 is not kept in this session"
    );
    assert_error!(
        session.moment(0, net().parameters()[1].id()),
        Error::NotKept(_),
        "moment 0 of parameter 1 is not kept in this session"
    );
    assert_error!(
        Session::new(&cpu(1), vec![]),
        Error::NoPlan { .. },
        "this session has no plan 0; it has 0, counted from 0"
    );
    let graph = Graph::new();
    let w = graph.parameter(other).unwrap();
    assert_error!(
        Plan::new(&graph, &State::inference(&net().list()).unwrap(), &[w]),
        Error::NotKept(_),
        "parameter 1 is not kept in this session"
    );
}

#[test]
fn gradients_of_an_inference_state() {
    let graph = Graph::new();
    net().record_step(&graph, 4).unwrap();
    assert_error!(
        Plan::new(&graph, &State::inference(&net().list()).unwrap(), &[]),
        Error::NotKept(_),
        "the gradient of parameter 0 is not kept in this session"
    );
}

#[test]
fn plans_of_different_states() {
    let adam = Net { optimizer: ADAM, ..net() };
    let wider = Net { hidden: vec![6], ..net() };
    for other in [adam, wider] {
        assert_error!(
            Session::new(
                &cpu(1),
                vec![net().training_plan(4), net().evaluation_plan(2).0, other.training_plan(4)]
            ),
            Error::StateMismatch { plan: 2 },
            "plan 2 lays its parameters out differently from plan 0; plan all of a session from one state"
        );
    }
}

#[test]
fn values_of_the_wrong_length() {
    assert_error!(
        session().set_parameter(net().parameters()[0].id(), &[0.0; 29]),
        Error::Length { .. },
        "parameter layer1.weight has 29 elements, expected 30"
    );
    assert_error!(
        Source::new(Samples::U8(vec![0; 23]), Targets::Classes(vec![0; 4]), 6),
        Error::Length { .. },
        "the list of samples has 23 elements, expected 24"
    );
    assert_error!(
        Source::new(Samples::U8(vec![0; 6]), Targets::Values { values: vec![0.0; 3], width: 2 }, 6),
        Error::Length { .. },
        "the list of targets has 3 elements, expected 2"
    );
}

#[test]
fn tensors_of_two_graphs() {
    let (one, other) = (Graph::new(), Graph::new());
    one.full(0.0, Shape::SCALAR).unwrap();
    let a = one.variable(arr1(&[1.0, 2.0])).unwrap();
    let b = other.variable(arr1(&[1.0, 2.0])).unwrap();
    let sentence = |op: &str| format!("{op} was given a tensor of another graph");
    assert_error!(a.add(b), Error::OtherGraph { .. }, sentence("add"));
    assert_error!(one.gradients(b.sum().unwrap(), &[a]), Error::OtherGraph { .. }, sentence("gradients"));
    assert_error!(one.gradients(a.sum().unwrap(), &[b]), Error::OtherGraph { .. }, sentence("gradients"));
    let state = State::inference(&Parameters::new()).unwrap();
    assert_error!(Plan::new(&one, &state, &[b]), Error::OtherGraph { .. }, sentence("the plan"));
    let parameter = parameter(&mut Parameters::new(), "p", &[2], Role::Trained);
    assert_error!(one.update(SGD, &parameter, b), Error::OtherGraph { .. }, sentence("store_gradient"));
}

#[test]
fn gradients_by_constants_are_not_silently_zero() {
    let graph = Graph::new();
    let x = graph.variable(arr2(&[[1.0, 2.0]])).unwrap();
    let c = graph.constant(arr2(&[[3.0, 4.0]])).unwrap();
    let loss = x.mul(c).unwrap().sum().unwrap();
    assert!(graph.gradients(loss, &[x]).is_ok());
    assert_error!(
        graph.gradients(loss, &[x, c]),
        Error::Constant(_),
        "a gradient is asked of a constant of shape [1, 2]; record it as a variable or a parameter"
    );
    assert_error!(
        graph.gradients(x, &[x]),
        Error::NotScalar(_),
        "a gradient is taken of a scalar, found shape [1, 2]"
    );
}

type Recording<'a> = &'a dyn for<'g> Fn(&'g Graph, plangrad_tensor::Tensor<'g>);

#[test]
fn steps_that_are_none() {
    let parameters = net().parameters();
    let graph = Graph::new();
    graph.update_kept(SGD, &parameters[1]).unwrap();
    graph.update_kept(SGD, &parameters[1]).unwrap();
    assert_error!(
        Plan::new(&graph, &net().state(), &[]),
        Error::UpdatedTwice(_),
        "parameter 1 is given a new value twice in one step; add the gradients, or the values, and update it once"
    );

    // Two stores into one place, or a store beside a reader of what was kept: which comes first would decide the result.
    let twice: [Recording<'_>; 4] = [
        &|graph, g| {
            graph.update(SGD, &parameters[1], g).unwrap();
            graph.update(SGD, &parameters[1], g).unwrap();
        },
        &|graph, g| {
            graph.store_gradient(&parameters[1], g, Keep::Replace).unwrap();
            graph.store_gradient(&parameters[1], g, Keep::Add).unwrap();
        },
        &|graph, g| {
            graph.update_kept(SGD, &parameters[1]).unwrap();
            graph.store_gradient(&parameters[1], g, Keep::Replace).unwrap();
        },
        &|graph, g| {
            graph.store_gradient(&parameters[1], g, Keep::Add).unwrap();
            graph.update_kept(SGD, &parameters[1]).unwrap();
        },
    ];
    for record in twice {
        let graph = Graph::new();
        let g = graph.full(1.0, parameters[1].shape()).unwrap();
        record(&graph, g);
        assert_error!(
            Plan::new(&graph, &net().state(), &[]),
            Error::StoredTwice(_),
            "the gradient of parameter 1 is kept twice in one graph; add the gradients first, or record a graph for each"
        );
    }

    let graph = Graph::new();
    let g = graph.full(1.0, parameters[1].shape()).unwrap();
    graph.update(SGD, &parameters[1], g).unwrap();
    assert_error!(
        Plan::new(&graph, &net().state(), &[]),
        Error::NotAdvanced,
        "a step updates parameters without `Graph::advance`, so its learning rate would be 0"
    );

    let graph = Graph::new();
    graph.samples(&net().format(), 8).unwrap();
    let labels = graph.targets(TargetFormat::Class, 4).unwrap();
    let samples = graph.samples(&net().format(), 8).unwrap();
    assert_error!(
        Plan::new(&graph, &net().state(), &[samples, labels]),
        Error::BatchSizes { first: 4, second: 8 },
        "one graph takes batches of 4 and of 8 samples"
    );

    for advance in [true, false] {
        let graph = Graph::new();
        if advance {
            graph.advance(MOMENTUM, Schedule::Constant { learning_rate: 0.1 }).unwrap();
        } else {
            graph.update(MOMENTUM, &parameters[1], graph.full(1.0, parameters[1].shape()).unwrap()).unwrap();
        }
        let error = Plan::new(&graph, &net().state(), &[]).unwrap_err();
        assert!(
            matches!(&error, Error::Optimizer { expected, found } if *expected == format!("{SGD:?}") && *found == format!("{MOMENTUM:?}")),
            "{error}"
        );
    }
}

#[test]
fn formats_that_describe_no_sample() {
    let format = |shape: &[usize], scale: &[f32], shift: &[f32]| {
        SampleFormat::new(Shape::new(shape).unwrap(), DType::U8).normalized(scale, shift)
    };
    let graph = Graph::new();
    for (format, batch_size) in [
        (format(&[3, 4], &[], &[]), 1),
        (format(&[3, 4], &[1.0], &[]), 1),
        (format(&[3, 4], &[1.0, 1.0], &[0.0, 0.0]), 1),
        (format(&[3, 4], &[1.0], &[0.0]), 0),
    ] {
        assert!(matches!(graph.samples(&format, batch_size), Err(Error::Shapes { .. })), "{format:?}");
    }
    assert!(matches!(graph.targets(TargetFormat::Class, 0), Err(Error::Shapes { .. })));
    assert!(matches!(
        graph.samples(&format(&[1; 6], &[1.0], &[0.0]), 2),
        Err(Error::Shape(ShapeError::Rank { rank: 7, max: 6 }))
    ));
}

fn parameter(list: &mut Parameters, name: &str, dims: &[usize], role: Role) -> Parameter {
    list.add(name, Shape::new(dims).unwrap(), role, FileOrder::AsInGraph).unwrap()
}

#[test]
fn parameters_that_no_session_can_hold() {
    let mut list = Parameters::new();
    parameter(&mut list, "vast", &[isize::MAX as usize / 8], Role::Trained);
    assert!(matches!(State::training(&list, ADAM), Err(Error::PlanTooLarge)));
    parameter(&mut list, "as vast", &[isize::MAX as usize / 8], Role::Trained);
    assert!(matches!(State::inference(&list), Err(Error::PlanTooLarge)));
}

#[test]
fn statistics_are_assigned_and_parameters_trained_and_not_the_other_way_round() {
    let mut list = Parameters::new();
    let weight = parameter(&mut list, "weight", &[2], Role::Trained);
    let mean = parameter(&mut list, "mean", &[2], Role::Statistic);
    let graph = Graph::new();
    let x = graph.constant(arr1(&[1.0, 2.0])).unwrap();
    assert_error!(
        graph.assign(&weight, x),
        Error::Role { .. },
        "assign is not for parameter 0: the optimizer changes it; declare it as a statistic"
    );
    assert_error!(
        graph.update(SGD, &mean, x),
        Error::Role { .. },
        "update is not for parameter 1: it is a statistic; give it its value with Graph::assign"
    );
    assert!(matches!(
        graph.assign(&mean, graph.full(0.0, Shape::SCALAR).unwrap()),
        Err(Error::Shapes { .. })
    ));
    assert!(matches!(
        graph.gradients(x.sum().unwrap(), &[graph.parameter(&mean).unwrap()]),
        Err(Error::Constant(_))
    ));
}
