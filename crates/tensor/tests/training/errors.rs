//! Misuse: each mistake has an error of its own, one plain sentence, and nothing has run.

use ndarray::{arr1, arr2};
use plangrad_tensor::{
    DType, Error, Graph, NodeId, Parameter, ParameterId, Plan, SampleFormat, Samples, Schedule, Session,
    Shape, Source, State, TargetFormat, Targets,
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
        "5 rows are no whole number of batches of 4; plan the rest as a batch of its own"
    );
    assert_eq!(session.step().unwrap(), 0);
    session.run(0, &source.batches(&[]).unwrap()).unwrap();
    assert_eq!(session.step().unwrap(), 0, "no rows are no step");
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
    let plan = Plan::new(&graph, &State::inference(&[]).unwrap(), &[y]).unwrap();
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
    let other_node: NodeId = Graph::new().full(0.0, Shape::SCALAR).unwrap().id();
    let source = net().source(4);
    let mut session = Session::new(&cpu(1), vec![plan]).unwrap();
    session.run(0, &source.batches(&[0, 1, 2, 3]).unwrap()).unwrap();
    assert!(session.read(0, scores).is_ok());
    assert_error!(
        session.read(0, other_node),
        Error::Unknown(_),
        "output node 0 is not part of this session"
    );
    assert_error!(session.read(1, scores), Error::Unknown(_), "plan 1 is not part of this session");
    assert_error!(session.run_once(7), Error::Unknown(_), "plan 7 is not part of this session");
    assert_error!(
        session.parameter(ParameterId(4)),
        Error::Unknown(_),
        "parameter 4 is not part of this session"
    );
    assert_error!(
        session.moment(0, ParameterId(1)),
        Error::Unknown(_),
        "moment 0 of parameter 1 is not part of this session"
    );
    assert_error!(
        Session::new(&cpu(1), vec![]),
        Error::Unknown(_),
        "the first of no plans is not part of this session"
    );
    let graph = Graph::new();
    let w = graph.parameter(&net().parameters()[3]).unwrap();
    assert_error!(
        Plan::new(&graph, &State::inference(&net().parameters()[..2]).unwrap(), &[w]),
        Error::Unknown(_),
        "parameter 3 is not part of this session"
    );
}

#[test]
fn gradients_of_an_inference_state() {
    let graph = Graph::new();
    net().record_step(&graph, 4).unwrap();
    assert_error!(
        Plan::new(&graph, &State::inference(&net().parameters()).unwrap(), &[]),
        Error::Unknown(_),
        "the gradient of parameter 0 is not part of this session"
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
        session().set_parameter(ParameterId(0), &[0.0; 29]),
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
    let state = State::inference(&[]).unwrap();
    assert_error!(Plan::new(&one, &state, &[b]), Error::OtherGraph { .. }, sentence("the plan"));
    let parameter = Parameter {
        id: ParameterId(0),
        name: "p".into(),
        shape: Shape::new(&[2]).unwrap(),
        transposed: false,
    };
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
        "a gradient is asked by a constant of shape [1, 2]; record it as a variable or a parameter"
    );
    assert_error!(
        graph.gradients(x, &[x]),
        Error::NotScalar(_),
        "a gradient is taken of a scalar, found shape [1, 2]"
    );
}

#[test]
fn parameters_of_another_shape_than_the_states() {
    let parameters = net().parameters();
    let larger = Parameter { shape: Shape::new(&[600, 500]).unwrap(), ..parameters[0].clone() };
    let turned = Parameter { shape: Shape::new(&[5, 6]).unwrap(), ..parameters[0].clone() };
    for (other, shape) in [(larger, "[600, 500]"), (turned, "[5, 6]")] {
        let graph = Graph::new();
        let w = graph.parameter(&other).unwrap();
        assert_error!(
            Plan::new(&graph, &net().state(), &[w.sum().unwrap()]),
            Error::Shapes { .. },
            format!("the plan needs for parameter 0 the shape [6, 5] of the state, found [{shape}]")
        );
        let graph = Graph::new();
        graph.update(SGD, &other, graph.full(1.0, other.shape).unwrap()).unwrap();
        assert!(matches!(Plan::new(&graph, &net().state(), &[]), Err(Error::Shapes { .. })));
        let graph = Graph::new();
        graph.parameter(&parameters[0]).unwrap();
        assert!(matches!(graph.parameter(&other), Err(Error::Shapes { .. })));
    }
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
        Error::UpdatedTwice(1),
        "parameter 1 is updated twice in one step; add the gradients and update it once"
    );

    // Two stores into one place, or a store beside a reader of what was kept: which comes first would decide the result.
    let twice: [Recording<'_>; 4] = [
        &|graph, g| {
            graph.update(SGD, &parameters[1], g).unwrap();
            graph.update(SGD, &parameters[1], g).unwrap();
        },
        &|graph, g| {
            graph.store_gradient(&parameters[1], g, false).unwrap();
            graph.store_gradient(&parameters[1], g, true).unwrap();
        },
        &|graph, g| {
            graph.update_kept(SGD, &parameters[1]).unwrap();
            graph.store_gradient(&parameters[1], g, false).unwrap();
        },
        &|graph, g| {
            graph.store_gradient(&parameters[1], g, true).unwrap();
            graph.update_kept(SGD, &parameters[1]).unwrap();
        },
    ];
    for record in twice {
        let graph = Graph::new();
        let g = graph.full(1.0, parameters[1].shape).unwrap();
        record(&graph, g);
        assert_error!(
            Plan::new(&graph, &net().state(), &[]),
            Error::StoredTwice(1),
            "the gradient of parameter 1 is kept twice in one graph; add the gradients first, or record a graph for each"
        );
    }

    let graph = Graph::new();
    let g = graph.full(1.0, parameters[1].shape).unwrap();
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
            graph.update(MOMENTUM, &parameters[1], graph.full(1.0, parameters[1].shape).unwrap()).unwrap();
        }
        let error = Plan::new(&graph, &net().state(), &[]).unwrap_err();
        assert!(matches!(error, Error::Optimizer { expected: SGD, found: MOMENTUM }), "{error}");
    }
}

#[test]
fn formats_that_describe_no_sample() {
    let format = |shape: &[usize], scale: &[f32], shift: &[f32]| SampleFormat {
        shape: Shape::new(shape).unwrap(),
        dtype: DType::U8,
        scale: scale.into(),
        shift: shift.into(),
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
        Err(Error::Rank { rank: 7, max: 6 })
    ));
}

#[test]
fn parameters_that_are_not_numbered_or_cannot_be_turned() {
    let mut parameters = net().parameters();
    parameters.swap(0, 1);
    assert_error!(
        State::inference(&parameters),
        Error::Unknown(_),
        "parameter 1 (number 0 in the list) is not part of this session"
    );
    let cube = Parameter {
        id: ParameterId(0),
        name: "cube".into(),
        shape: Shape::new(&[2, 3, 4]).unwrap(),
        transposed: true,
    };
    assert!(matches!(State::inference(&[cube]), Err(Error::Shapes { .. })));
    let vast = |i| Parameter {
        id: ParameterId(i),
        name: "vast".into(),
        shape: Shape::new(&[isize::MAX as usize / 8]).unwrap(),
        transposed: false,
    };
    assert!(matches!(State::inference(&[vast(0), vast(1)]), Err(Error::PlanTooLarge)));
    assert!(matches!(State::training(&[vast(0)], ADAM), Err(Error::PlanTooLarge)));
}
