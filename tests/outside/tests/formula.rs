//! Batch normalisation gives PyTorch's numbers: output, running statistics and gradients, against its formula in f64.

use plangrad_nn::{Block, Mode, Weights};
use plangrad_outside::BatchNorm;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::ndarray::{Array2, ArrayD};
use plangrad_tensor::reference::Interpreter;
use plangrad_tensor::{Graph, ParameterId, Plan, Session, State};

const ROWS: usize = 7;
const UNITS: usize = 3;

fn number(i: usize) -> f32 {
    ((i * 37 + 11) % 64) as f32 / 16.0 - 1.5
}

fn matrix(offset: usize) -> Array2<f32> {
    Array2::from_shape_fn((ROWS, UNITS), |(row, column)| number(offset + row * UNITS + column))
}

/// The values of a parameter before the step.
fn before(parameter: usize) -> Vec<f32> {
    (0..UNITS).map(|i| number(1000 * (parameter + 1) + i).abs() + 0.25).collect()
}

/// What the documentation of `torch.nn.BatchNorm1d` computes, for one column.
struct Expected {
    output: Vec<f64>,
    running_mean: f64,
    running_variance: f64,
    /// Of the sum of output · dy by x, weight and bias.
    gradients: (Vec<f64>, f64, f64),
}

fn torch(x: &[f64], dy: &[f64], [weight, bias, running_mean, running_variance]: [f64; 4]) -> Expected {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let squares = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
    let deviation = (squares / n + f64::from(1e-5_f32)).sqrt();
    let normalised: Vec<f64> = x.iter().map(|x| (x - mean) / deviation).collect();
    let mean_dy = dy.iter().sum::<f64>() / n;
    let projection = dy.iter().zip(&normalised).map(|(dy, x)| dy * x).sum::<f64>();
    let (keep, momentum) = (f64::from(1.0 - 0.1_f32), f64::from(0.1_f32));
    let dx = dy.iter().zip(&normalised);
    Expected {
        output: normalised.iter().map(|x| x * weight + bias).collect(),
        running_mean: keep * running_mean + momentum * mean,
        running_variance: keep * running_variance + momentum * squares / (n - 1.0),
        gradients: (
            dx.map(|(dy, x)| weight / deviation * (dy - mean_dy - x * projection / n)).collect(),
            projection,
            n * mean_dy,
        ),
    }
}

fn column(matrix: &Array2<f32>, column: usize) -> Vec<f64> {
    matrix.column(column).iter().map(|&x| f64::from(x)).collect()
}

/// Compares what was found, in order: output, gradients by x, weight and bias, running mean and variance.
fn check(found: &[ArrayD<f64>], tolerance: f64) {
    let (x, dy) = (matrix(0), matrix(500));
    for unit in 0..UNITS {
        let values = [0, 1, 2, 3].map(|parameter| f64::from(before(parameter)[unit]));
        let expected = torch(&column(&x, unit), &column(&dy, unit), values);
        let close = |what: &str, found: f64, expected: f64| {
            let error = (found - expected).abs();
            assert!(error <= tolerance * expected.abs().max(1.0), "{what}: {found} instead of {expected}");
        };
        for row in 0..ROWS {
            close("output", found[0][[row, unit]], expected.output[row]);
            close("dx", found[1][[row, unit]], expected.gradients.0[row]);
        }
        close("dweight", found[2][[unit]], expected.gradients.1);
        close("dbias", found[3][[unit]], expected.gradients.2);
        close("running mean", found[4][[unit]], expected.running_mean);
        close("running variance", found[5][[unit]], expected.running_variance);
    }
}

fn layer() -> (Weights, BatchNorm) {
    let mut weights = Weights::new();
    let norm = BatchNorm::new(&mut weights, "norm", UNITS).unwrap();
    (weights, norm)
}

fn ids(weights: &Weights) -> Vec<ParameterId> {
    weights.parameters().iter().map(|parameter| parameter.id()).collect()
}

#[test]
fn the_recorded_graph_means_pytorchs_formula() {
    let (weights, norm) = layer();
    let graph = Graph::new();
    let x = graph.variable(matrix(0)).unwrap();
    let y = norm.record(&graph, x, Mode::Train).unwrap();
    let loss = y.mul(graph.constant(matrix(500)).unwrap()).unwrap().sum().unwrap();
    let [weight, bias] = [0, 1].map(|i| graph.parameter(&weights.parameters()[i]).unwrap());
    let gradients = graph.gradients(loss, &[x, weight, bias]).unwrap();
    let mut oracle = Interpreter::new();
    for (i, &id) in ids(&weights).iter().enumerate() {
        let values = before(i).into_iter().map(f64::from).collect();
        oracle.set_parameter(id, ArrayD::from_shape_vec(vec![UNITS], values).unwrap());
    }
    let mut found = oracle.run(&graph, &[&[y][..], &gradients].concat()).unwrap();
    found.extend(ids(&weights)[2..].iter().map(|&id| oracle.parameter(id).unwrap().clone()));
    check(&found, 1e-6); // its constants are f32: 1/7, 0.1, 7/6
}

#[test]
fn a_session_computes_pytorchs_numbers() {
    let (weights, norm) = layer();
    let graph = Graph::new();
    let x = graph.variable(matrix(0)).unwrap();
    let y = norm.record(&graph, x, Mode::Train).unwrap();
    let loss = y.mul(graph.constant(matrix(500)).unwrap()).unwrap().sum().unwrap();
    let [weight, bias] = [0, 1].map(|i| graph.parameter(&weights.parameters()[i]).unwrap());
    let outputs = [&[y][..], &graph.gradients(loss, &[x, weight, bias]).unwrap()].concat();
    let plan = Plan::new(&graph, &State::inference(weights.list()).unwrap(), &outputs).unwrap();
    let mut session = Session::new(&Cpu::open(CpuOptions::default()).unwrap(), vec![plan]).unwrap();
    for (i, &id) in ids(&weights).iter().enumerate() {
        session.set_parameter(id, &before(i)).unwrap();
    }
    session.run_once(0).unwrap();
    let read = |i: usize| session.read(0, outputs[i].id()).unwrap().mapv(f64::from);
    let mut found: Vec<ArrayD<f64>> = (0..outputs.len()).map(read).collect();
    for &id in &ids(&weights)[2..] {
        let values = session.parameter(id).unwrap().into_iter().map(f64::from).collect();
        found.push(ArrayD::from_shape_vec(vec![UNITS], values).unwrap());
    }
    check(&found, 1e-5);
}
