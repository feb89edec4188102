//! Networks made of blocks: what they compute, what they keep, and which lists of layers are refused.

use std::sync::Arc;

use ndarray::{Array2, ArrayD, Dimension, IxDyn};
use plangrad_nn::{
    Activation, BatchNorm, Block, Dropout, Error, Initial, LayerConfig, LayerError, Linear, Loss, Mlp,
    MlpConfig, Mode, Module, Network, NetworkConfig, Parallel, Residual, Sequential, Task, Weights,
    serde_json,
};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::backend::cuda::emulator::Emulator;
use plangrad_tensor::reference::Interpreter;
use plangrad_tensor::{
    Backend, Category, DType, Gradients, Graph, Optimizer, Parameter, Plan, SampleFormat, Samples, Schedule,
    Session, Shape, Source, State, Targets, Tensor, random,
};
use proptest::prelude::*;

const INPUTS: usize = 12;
const OUTPUTS: usize = 3;
const SCHEDULE: Schedule = Schedule::Constant { learning_rate: 0.01 };

fn parsed(layers: &str) -> Vec<LayerConfig> {
    serde_json::from_str(layers).unwrap()
}

fn network(layers: &str) -> Network {
    Network::new(&NetworkConfig::new(&[INPUTS], OUTPUTS, parsed(layers))).unwrap()
}

fn task(network: impl Module + 'static) -> Task {
    let samples = SampleFormat::new(Shape::new(&[INPUTS]).unwrap(), DType::U8).normalized([0.01], [-0.7]);
    Task::new(Arc::new(network), samples, Loss::CrossEntropy).unwrap()
}

fn source(rows: usize) -> Source {
    let pixels = (0..rows * INPUTS).map(|i| random::philox([i as u32, 0, 0, 0], [5, 6])[0] as u8).collect();
    let labels = (0..rows).map(|i| (i % OUTPUTS) as u8).collect();
    Source::new(Samples::U8(pixels), Targets::Classes(labels), INPUTS).unwrap()
}

fn cpu() -> Backend {
    Cpu::open(CpuOptions::default().threads(1)).unwrap()
}

/// A session that has taken so many steps on a batch of `rows`.
fn trained(task: &Task, rows: usize, steps: usize) -> Session {
    let plan = task.training_plan(Optimizer::adam(), SCHEDULE, rows).unwrap();
    let mut session = Session::new(&cpu(), vec![plan]).unwrap();
    task.initialise(&mut session, 7).unwrap();
    session.set_step(0, 9).unwrap();
    let (source, order) = (source(rows), (0..rows as u32).collect::<Vec<u32>>());
    (0..steps).for_each(|_| session.run(0, &source.batches(&order).unwrap()).unwrap());
    session
}

fn bits(task: &Task, session: &Session) -> Vec<Vec<u32>> {
    let values = |parameter: &Parameter| session.parameter(parameter.id()).unwrap();
    let parameters = task.model().weights().parameters().iter();
    parameters.map(|parameter| values(parameter).into_iter().map(f32::to_bits).collect()).collect()
}

#[test]
fn a_perceptron_as_a_list_of_layers_trains_to_the_same_bits() {
    let config =
        MlpConfig::new(&[INPUTS], OUTPUTS).hidden(&[20, 9]).activation(Activation::Gelu).dropout(0.3);
    let mlp = task(Mlp::new(&config).unwrap());
    let layers = task(network(
        r#"[{"linear": 20}, "gelu", {"dropout": 0.3}, {"linear": 9}, "gelu", {"dropout": 0.3}, {"linear": "outputs"}]"#,
    ));
    let [one, other] = [&mlp, &layers].map(|task| bits(task, &trained(task, 16, 5)));
    assert_eq!(one, other);
    assert_eq!(mlp.model().layers(), layers.model().layers());
}

#[test]
fn frozen_layers_keep_their_values_and_have_neither_gradients_nor_moments() {
    let layers = r#"[{"linear": 20}, "relu", {"linear": "outputs"}]"#;
    let frozen = r#"[{"frozen": [{"linear": 20}, "relu"]}, {"linear": "outputs"}]"#;
    let [all, head] = [layers, frozen].map(|layers| task(network(layers)));
    let head_bytes = 4 * (20 * OUTPUTS + OUTPUTS) as u64;
    let report = head.training_plan(Optimizer::adam(), SCHEDULE, 8).unwrap().report();
    assert_eq!(report.get(Category::OptimizerState), 2 * head_bytes);
    assert_eq!(report.get(Category::Gradients), head_bytes);
    let whole = all.training_plan(Optimizer::adam(), SCHEDULE, 8).unwrap().report();
    assert_eq!(report.get(Category::Parameters), whole.get(Category::Parameters));

    let weights = head.model().weights();
    assert_eq!((weights.trained_elements(), weights.frozen_elements()), (20 * 3 + 3, 12 * 20 + 20));
    assert!(!weights.has_statistics() && !head.parts_differ(), "frozen parameters are not statistics");
    let [before, after] = [0, 3].map(|steps| bits(&head, &trained(&head, 8, steps)));
    assert_eq!(before[..2], after[..2]);
    assert!(before[2] != after[2] && before[3] != after[3]);
}

#[test]
fn layers_without_a_bias_tied_and_in_groups_are_written_as_they_are_read_and_train() {
    let layers = r#"[{"linear":{"units":6,"bias":false}},"tanh",{"tied":"0"},{"group":{"lr_scale":0.5,"weight_decay":false,"layers":[{"linear":6},{"group":{"lr_scale":0.5,"layers":[{"tied":{"to":"0","bias":false}}]}}]}},{"linear":"outputs"}]"#;
    assert_eq!(serde_json::to_string(&parsed(layers)).unwrap(), layers);
    let network = network(layers);
    let names: Vec<&str> = network.weights().parameters().iter().map(Parameter::name).collect();
    assert_eq!(names, ["0.weight", "2.bias", "3.0.weight", "3.0.bias", "4.weight", "4.bias"]);
    let learning: Vec<(f64, bool)> =
        network.weights().learning().map(|(_, learning)| (learning.rate_scale, learning.decays)).collect();
    assert_eq!(learning, [(1.0, true), (1.0, true), (0.5, false), (0.5, false), (1.0, true), (1.0, true)]);
    let task = task(network);
    let [before, after] = [0, 3].map(|steps| bits(&task, &trained(&task, 8, steps)));
    assert!(before.iter().zip(&after).all(|(before, after)| before != after));
}

#[test]
fn a_batch_normalisation_in_frozen_layers_still_moves_its_running_statistics() {
    let task = task(network(r#"[{"frozen": ["batch_norm"]}, {"linear": "outputs"}]"#));
    assert!(task.model().weights().has_statistics());
    let [before, after] = [0, 1].map(|steps| bits(&task, &trained(&task, 8, steps)));
    let changed: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
    assert_eq!(changed, [false, false, true, true, true, true]);
}

/// Whose loss is Σ (tied(encode(x)) − x)², over two matrices or over one and its transpose.
fn gradients_of_autoencoder(tied: bool) -> Vec<Vec<f32>> {
    let mut weights = Weights::new();
    let encoder = Linear::new(&mut weights, "encoder", 4, 3).unwrap();
    let decoder = match tied {
        true => Linear::tied(&mut weights, "decoder", &encoder).unwrap(),
        false => Linear::new(&mut weights, "decoder", 3, 4).unwrap(),
    };
    let graph = Graph::new();
    let x = graph.constant(Array2::from_shape_fn((5, 4), |(i, j)| (i * 4 + j) as f32 * 0.1 - 0.8)).unwrap();
    let code = encoder.record(&graph, x, Mode::Train).unwrap().tanh().unwrap();
    let error = decoder.record(&graph, code, Mode::Train).unwrap().sub(x).unwrap().square_sum().unwrap();
    let variables: Vec<Tensor<'_>> =
        weights.parameters().iter().map(|p| graph.parameter(p).unwrap()).collect();
    let gradients = graph.gradients(error, &variables).unwrap();
    let plan = Plan::new(&graph, &State::inference(weights.list()).unwrap(), &gradients).unwrap();
    let mut session = Session::new(&cpu(), vec![plan]).unwrap();
    let value = |name: &str, i: usize| match name {
        "encoder.bias" | "decoder.bias" => 0.01 * i as f32,
        // Files have it transposed: what is [3, 4] of one is [4, 3] of the other.
        "decoder.weight" => 0.1 * ((i % 3 * 4 + i / 3) as f32) - 0.5,
        _ => 0.1 * i as f32 - 0.5,
    };
    for parameter in weights.parameters() {
        let values: Vec<f32> =
            (0..parameter.shape().elements()).map(|i| value(parameter.name(), i)).collect();
        session.set_parameter(parameter.id(), &values).unwrap();
    }
    session.run_once(0).unwrap();
    gradients.iter().map(|gradient| session.read(0, gradient.id()).unwrap().into_iter().collect()).collect()
}

#[test]
fn the_gradient_of_a_tied_matrix_is_the_sum_over_its_two_uses() {
    let tied = gradients_of_autoencoder(true);
    let apart = gradients_of_autoencoder(false);
    for (i, (&found, &of_encoder)) in tied[0].iter().zip(&apart[0]).enumerate() {
        let (row, column) = (i / 3, i % 3); // the encoder's is [4, 3] in the graph, and the decoder's [3, 4]
        let expected = of_encoder + apart[2][column * 4 + row];
        assert!((found - expected).abs() < 1e-5, "{found} instead of {expected}");
    }
    assert_eq!((&tied[1], &tied[2]), (&apart[1], &apart[3]), "the biases");
}

#[test]
fn tied_layers_share_one_matrix_in_memory_and_in_summaries() {
    let mut weights = Weights::new();
    let encoder = Linear::new(&mut weights, "encoder", 30, 5).unwrap();
    let decoder = Linear::tied(&mut weights, "decoder", &encoder).unwrap();
    let again = Linear::tied(&mut weights, "again", &decoder).unwrap();
    assert_eq!((decoder.inputs(), decoder.outputs()), (5, 30));
    assert_eq!((again.inputs(), again.outputs()), (30, 5));
    assert_eq!(weights.trained_elements(), 150 + 5 + 30 + 5);
    let layers = Sequential::new().with(encoder).with(decoder).with(again).layers(&[30]);
    let described: Vec<(usize, usize)> =
        layers.iter().map(|layer| (layer.output_elements(), layer.parameters)).collect();
    assert_eq!(described, [(5, 155), (30, 30), (5, 5)]);
}

#[test]
fn a_batch_of_one_row_is_normalised_by_the_running_statistics_and_leaves_them() {
    let task = task(network(r#"["batch_norm", {"linear": "outputs"}]"#));
    let [before, after] = [0, 1].map(|steps| bits(&task, &trained(&task, 1, steps)));
    assert_eq!(before[2..4], after[2..4], "running mean and variance");
    assert_ne!(before[0], after[0], "the factor has a gradient");
    assert!(after.iter().flatten().all(|&bits| f32::from_bits(bits).is_finite()));
}

#[test]
fn dropout_takes_samples_of_any_shape_and_rests_in_evaluation() {
    let mut weights = Weights::new();
    let dropout = Dropout::new(&mut weights, 0.5).unwrap();
    let graph = Graph::new();
    let x = graph.constant(ndarray::Array3::from_elem((2, 3, 5), 1.0)).unwrap();
    let dropped = dropout.record(&graph, x, Mode::Train).unwrap();
    assert_eq!(dropped.dims(), [2, 3, 5]);
    let values = plangrad_tensor::eval(dropped).unwrap();
    assert!(values.iter().all(|&value| value == 0.0 || value == 2.0));
    assert!(values.iter().any(|&value| value == 0.0) && values.iter().any(|&value| value == 2.0));
    assert_eq!(dropout.record(&graph, x, Mode::Evaluate).unwrap().id(), x.id());
}

#[test]
fn results_of_different_shapes_are_not_added() {
    let mut weights = Weights::new();
    let mut linear = |name, outputs| Linear::new(&mut weights, name, 4, outputs).unwrap();
    let residual = Residual::new(linear("a", 1));
    let parallel = Parallel::new(linear("b", 3)).with(linear("c", 1));
    let graph = Graph::new();
    let x = graph.constant(Array2::from_elem((2, 4), 1.0)).unwrap();
    let refused = residual.record(&graph, x, Mode::Train).unwrap_err();
    assert!(
        matches!(&refused, Error::Branches { expected, found } if expected == &[2, 4] && found == &[2, 1])
    );
    let refused = parallel.record(&graph, x, Mode::Train).unwrap_err();
    let expected =
        "results of blocks are added, so their shapes must be the same: expected [2, 3], found [2, 1]";
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn layers_that_cannot_be_where_they_are_are_refused_with_their_place() {
    let refusal = |layers: &str| {
        let config = NetworkConfig::new(&[INPUTS], OUTPUTS, parsed(layers));
        match Network::new(&config).unwrap_err() {
            Error::Layer { place, reason } => (place, reason),
            other => panic!("{other}"),
        }
    };
    let cases = [
        (r#"["relu", {"linear": 0}]"#, vec![1], LayerError::NoUnits),
        (r#"[{"dropout": 1.0}]"#, vec![0], LayerError::DropoutRate { rate: 1.0 }),
        (r#"["relu", {"residual": []}]"#, vec![1], LayerError::NoLayers),
        (r#"[{"frozen": []}]"#, vec![0], LayerError::NoLayers),
        (r#"[{"parallel": []}]"#, vec![0], LayerError::NoBranches),
        (r#"[{"residual": [{"linear": 5}]}]"#, vec![0], LayerError::Residual { expected: 12, found: 5 }),
        (
            r#"[{"linear": 4}, {"parallel": [[{"linear": 5}], [], [{"linear": 5}]]}]"#,
            vec![1, 1],
            LayerError::Branch { expected: 5, found: 4 },
        ),
        (
            r#"[{"residual": [{"parallel": [["relu"], [{"dropout": -0.5}]]}]}]"#,
            vec![0, 0, 1, 0],
            LayerError::DropoutRate { rate: -0.5 },
        ),
        (r#"[{"linear": 4}, "relu"]"#, vec![1], LayerError::Outputs { expected: 3, found: 4 }),
        ("[]", vec![], LayerError::Outputs { expected: 3, found: 12 }),
        (r#"[{"linear": 4}, {"tied": "1"}]"#, vec![1], LayerError::NoLinear { to: "1".into() }),
        (
            r#"[{"linear": 4}, {"linear": 5}, {"frozen": [{"tied": "0"}]}]"#,
            vec![2, 0],
            LayerError::Tied { to: "0".into(), expected: 4, found: 5 },
        ),
        (
            r#"["relu", {"group": {"lr_scale": -1, "layers": ["relu"]}}]"#,
            vec![1],
            LayerError::RateScale { found: -1.0 },
        ),
        (r#"[{"group": {"layers": []}}]"#, vec![0], LayerError::NoLayers),
    ];
    for (layers, place, reason) in cases {
        assert_eq!(refusal(layers), (place, reason), "{layers}");
    }
    let many = vec![LayerConfig::BatchNorm; NetworkConfig::MOST_LAYERS + 1];
    let refused = Network::new(&NetworkConfig::new(&[OUTPUTS], OUTPUTS, many)).unwrap_err();
    assert!(matches!(refused, Error::Layer { reason: LayerError::TooMany { .. }, .. }), "{refused}");
    let vast = parsed(r#"[{"linear": 9223372036854775807}]"#);
    assert!(matches!(Network::new(&NetworkConfig::new(&[4], 1, vast)), Err(Error::Tensor(_))));
    for wrong in [
        r#"[{"linear": {"units": 1, "bais": false}}]"#,
        r#"[{"group": {"lr": 1, "layers": []}}]"#,
        r#"["rely"]"#,
        r#"[{"linear": -1}]"#,
        r#"[{"linear": "inputs"}]"#,
        r#"[{"linear": 1, "relu": 2}]"#,
    ] {
        assert!(serde_json::from_str::<Vec<LayerConfig>>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_thousand_layers_are_planned_and_stepped() {
    let block = parsed(r#"[{"residual": [{"linear": 12}, "layer_norm", "relu"]}]"#);
    let layers = block.into_iter().cycle().take(255).chain(parsed(r#"[{"linear": "outputs"}]"#)).collect();
    let task = task(Network::new(&NetworkConfig::new(&[INPUTS], OUTPUTS, layers)).unwrap());
    assert_eq!(trained(&task, 4, 1).metrics().unwrap().samples, 4);
}

fn activation() -> impl Strategy<Value = LayerConfig> {
    prop::sample::select(Activation::ALL.to_vec()).prop_map(LayerConfig::from)
}

fn linear(units: usize) -> LayerConfig {
    parsed(&format!(r#"[{{"linear": {units}}}]"#)).remove(0)
}

/// Lists of layers from rows of any width to rows of 6.
fn layers() -> impl Strategy<Value = Vec<LayerConfig>> {
    let single = prop_oneof![
        activation(),
        Just(LayerConfig::BatchNorm),
        Just(LayerConfig::LayerNorm),
        (1usize..10).prop_map(linear),
    ];
    let list = prop::collection::vec(single, 0..4).prop_map(|mut layers| {
        layers.push(linear(6));
        layers
    });
    list.prop_recursive(3, 24, 3, |inner| {
        let six = || vec![linear(6)];
        prop_oneof![
            inner.clone().prop_map(move |layers| [six(), vec![LayerConfig::Residual(layers)]].concat()),
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|branches| vec![LayerConfig::Parallel(branches)]),
            inner.clone().prop_map(|layers| vec![LayerConfig::Frozen(layers)]),
            (inner.clone(), inner).prop_map(|(one, other)| [one, other].concat()),
        ]
    })
}

/// First values that are no two alike and near 1 where normalisation begins with 1.
fn value(parameter: &Parameter, i: usize) -> f32 {
    let base = if parameter.name().ends_with("running_var") { 1.0 } else { 0.0 };
    base + random::uniform(3, parameter.id().number(), i as u64, -0.4, 0.4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Scores and every gradient, in training and in evaluation, against the recorded graph in f64.
    #[test]
    fn any_network_computes_what_the_reference_does(layers in layers(), rows in 1usize..9, evaluates in any::<bool>()) {
        let layers = [layers, vec![linear(OUTPUTS)]].concat();
        let network = Network::new(&NetworkConfig::new(&[INPUTS], OUTPUTS, layers)).unwrap();
        let mode = if evaluates { Mode::Evaluate } else { Mode::Train };
        let graph = Graph::new();
        let input = Array2::from_shape_fn((rows, INPUTS), |(i, j)| {
            random::uniform(4, 0, (i * INPUTS + j) as u64, -1.0, 1.0)
        });
        let x = graph.variable(input).unwrap();
        let scores = network.record(&graph, x, mode).unwrap();
        let loss = scores.mul(scores).unwrap().sum().unwrap();
        let trained: Vec<Tensor<'_>> =
            network.weights().trained_parameters().map(|p| graph.parameter(p).unwrap()).collect();
        let mut outputs = vec![scores];
        outputs.extend(graph.gradients(loss, &trained).unwrap());
        let plan = Plan::new(&graph, &State::inference(network.weights().list()).unwrap(), &outputs).unwrap();
        let mut session = Session::new(&cpu(), vec![plan]).unwrap();
        let mut machine = Interpreter::new();
        for parameter in network.weights().parameters() {
            let dims = parameter.shape().dims().to_vec();
            let in_graph = ArrayD::from_shape_fn(IxDyn(&dims), |index| {
                let index = index.slice();
                let place = if dims.len() == 2 { index[1] * dims[0] + index[0] } else { index[0] };
                f64::from(value(parameter, place))
            });
            machine.set_parameter(parameter.id(), in_graph);
            session.fill_parameter(parameter.id(), |i| value(parameter, i)).unwrap();
        }
        session.run_once(0).unwrap();
        let expected = machine.run(&graph, &outputs).unwrap();
        for (number, (output, expected)) in outputs.iter().zip(&expected).enumerate() {
            let found = session.read(0, output.id()).unwrap();
            let largest = expected.iter().fold(1.0_f64, |most, x| most.max(x.abs()));
            for (found, expected) in found.iter().zip(expected) {
                let error = (f64::from(*found) - expected).abs();
                prop_assert!(error < 1e-3 * largest, "output {number}: {found} instead of {expected}");
            }
        }
    }

    /// Planned is measured, also with gradients consumed; a network is made again from its own description.
    #[test]
    fn any_network_takes_the_bytes_that_are_planned(layers in layers(), rows in 1usize..9, consumes in any::<bool>()) {
        let layers = [layers, vec![linear(OUTPUTS)]].concat();
        let network = Network::new(&NetworkConfig::new(&[INPUTS], OUTPUTS, layers)).unwrap();
        let again = plangrad_nn::Architectures::new().build(&network.architecture().unwrap()).unwrap();
        prop_assert_eq!(again.architecture().unwrap(), network.architecture().unwrap());
        prop_assert_eq!(again.layers(), network.layers());
        let gradients = if consumes { Gradients::Consumed } else { Gradients::Kept };
        let task = task(network).with_gradients(gradients);
        let plan = task.training_plan(Optimizer::adam(), SCHEDULE, rows).unwrap();
        let (planned, backend) = (plan.report(), cpu());
        let mut session = Session::new(&backend, vec![plan]).unwrap();
        task.initialise(&mut session, 1).unwrap();
        let order: Vec<u32> = (0..rows as u32).collect();
        session.run(0, &source(rows).batches(&order).unwrap()).unwrap();
        prop_assert_eq!(backend.memory().reserved, planned.total());
        let of_parameters: usize = task.model().weights().parameters().iter().map(|p| p.shape().elements()).sum();
        prop_assert_eq!(planned.get(Category::Parameters), 4 * of_parameters as u64);
    }
}

#[test]
fn a_gpu_emulated_here_trains_them_as_the_cpu_does() {
    let task = task(network(
        r#"[
            {"linear": 20}, "batch_norm", "relu",
            {"residual": [{"linear": 20}, "layer_norm", "gelu", {"dropout": 0.2}, {"linear": 20}]},
            {"parallel": [[{"linear": 5}, "tanh"], [{"frozen": [{"linear": 5}]}, "sigmoid"]]},
            {"linear": "outputs"}
        ]"#,
    ));
    let emulator = match Emulator::new(0) {
        Ok(emulator) => emulator.backend(None),
        Err(reason) => {
            assert!(std::env::var_os("PLANGRAD_CI").is_none(), "{reason}");
            return eprintln!("SKIPPED: {reason}");
        }
    };
    let order: Vec<u32> = (0..9).collect();
    let mut values = Vec::new();
    for backend in [cpu(), emulator] {
        let plan = task.training_plan(Optimizer::sgd(), SCHEDULE, 9).unwrap();
        let mut session = Session::streaming(&backend, vec![plan]).unwrap();
        task.initialise(&mut session, 7).unwrap();
        session.set_step(0, 9).unwrap();
        (0..3).for_each(|_| session.run(0, &source(9).batches(&order).unwrap()).unwrap());
        let parameters = task.model().weights().parameters().iter();
        values.push(parameters.flat_map(|p| session.parameter(p.id()).unwrap()).collect::<Vec<f32>>());
    }
    for (cpu, gpu) in values[0].iter().zip(&values[1]) {
        assert!((cpu - gpu).abs() < 1e-4 * cpu.abs().max(1.0), "{cpu} {gpu}"); // sums in another order
    }
}

#[test]
fn a_layer_of_ones_own_composes_with_the_others() {
    let mut weights = Weights::new();
    let scale = weights.trained("scale", &[1], Initial::Constant(3.0)).unwrap();
    #[derive(Debug)]
    struct Scale(Parameter);
    impl Block for Scale {
        fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, _: Mode) -> Result<Tensor<'g>, Error> {
            Ok(x.mul(graph.parameter(&self.0)?)?)
        }

        fn layers(&self, input: &[usize]) -> Vec<plangrad_nn::summary::Layer> {
            vec![plangrad_nn::summary::Layer::of("Scale", input, [&self.0])]
        }
    }
    let block = Residual::new(Sequential::new().with(Scale(scale)).with(Activation::Relu));
    let kinds: Vec<String> = block.layers(&[2]).into_iter().map(|layer| layer.kind.into_owned()).collect();
    assert_eq!(kinds, ["Scale", "ReLU", "Residual"]);
    assert!(BatchNorm::new(&mut weights, "scale", 1).is_ok(), "names below it are free");
    assert!(Linear::new(&mut weights, "scale", 1, 1).is_err(), "scale.weight is taken");
}
