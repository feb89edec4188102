//! The CPU's kernels one by one, each as a graph of one operation: `cargo bench -p plangrad-tensor --bench kernels -- [name]`.
//!
//! One thread and the best instruction set, so that figures are the kernels' and not the gang's. Behind each time stands the rate:
//! operations a second of products (two for each multiply-add), elements a second of everything else. Nothing here knows how a
//! kernel is written: only what a plan makes of the operation.

use std::fmt;

use divan::Bencher;
use divan::counter::ItemsCount;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{
    DType, FileOrder, Gradients, Graph, Optimizer, Parameter, Parameters, Plan, Role, SampleFormat, Samples,
    Schedule, Session, Shape, Source, State, Targets, Tensor, Transpose, random,
};

const ADAM: Optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };

fn main() {
    divan::main();
}

/// Rows, inputs and outputs of a layer.
#[derive(Clone, Copy)]
struct Layer(usize, usize, usize);

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.0, self.1, self.2)
    }
}

impl Layer {
    fn operations(self) -> usize {
        2 * self.0 * self.1 * self.2
    }
}

const LAYERS: [Layer; 7] = [
    Layer(16, 784, 128),
    Layer(64, 784, 128),
    Layer(1024, 784, 128),
    Layer(64, 128, 10),
    Layer(1024, 784, 2048),
    Layer(1024, 3072, 1024),
    Layer(256, 1024, 1024),
];

/// x · W + b and ReLU.
#[divan::bench(args = LAYERS)]
fn forward(bencher: Bencher<'_, '_>, layer: Layer) {
    let Layer(rows, inputs, outputs) = layer;
    let session = session(&[&[rows, inputs], &[inputs, outputs], &[outputs]], |_, values, _| {
        vec![values[0].matmul(values[1]).unwrap().add(values[2]).unwrap().relu().unwrap()]
    });
    time(bencher, session, layer.operations());
}

/// xᵀ · dy, the gradient of a weight.
#[divan::bench(args = LAYERS)]
fn weight_gradient(bencher: Bencher<'_, '_>, layer: Layer) {
    let Layer(rows, inputs, outputs) = layer;
    let session = session(&[&[rows, inputs], &[rows, outputs]], |_, values, _| {
        vec![values[0].matmul_with(values[1], Transpose::Yes, Transpose::No).unwrap()]
    });
    time(bencher, session, layer.operations());
}

/// dy · Wᵀ, the gradient of what a layer reads.
#[divan::bench(args = [Layer(64, 128, 10), Layer(256, 1024, 1024)])]
fn input_gradient(bencher: Bencher<'_, '_>, layer: Layer) {
    let Layer(rows, inputs, outputs) = layer;
    let session = session(&[&[rows, outputs], &[inputs, outputs]], |_, values, _| {
        vec![values[0].matmul_with(values[1], Transpose::No, Transpose::Yes).unwrap()]
    });
    time(bencher, session, layer.operations());
}

/// Adam on a weight, of a gradient that is there.
#[divan::bench(args = [128 * 10, 784 * 128, 3072 * 1024])]
fn update(bencher: Bencher<'_, '_>, elements: usize) {
    let session = session(&[&[elements], &[elements]], |graph, values, parameters| {
        graph.advance(ADAM, Schedule::Constant { learning_rate: 1e-3 }).unwrap();
        graph.update(ADAM, &parameters[0], values[1]).unwrap();
        Vec::new()
    });
    time(bencher, session, elements);
}

/// Softmax, loss and the gradient by the logits of so many rows of ten classes.
#[divan::bench(args = [64, 1024, 8192])]
fn cross_entropy(bencher: Bencher<'_, '_>, rows: usize) {
    let labels: Vec<u8> = (0..rows).map(|i| (i % 10) as u8).collect();
    let session = session(&[&[rows, 10]], |graph, values, _| {
        let loss = values[0].cross_entropy(graph.labels(&labels).unwrap()).unwrap();
        vec![loss, graph.gradients(loss, &values[..1]).unwrap()[0]]
    });
    time(bencher, session, 10 * rows);
}

/// Softmax alone.
#[divan::bench(args = [64, 1024, 8192])]
fn softmax(bencher: Bencher<'_, '_>, rows: usize) {
    let session = session(&[&[rows, 10]], |_, values, _| vec![values[0].softmax().unwrap()]);
    time(bencher, session, 10 * rows);
}

/// A transpose.
#[divan::bench(args = [128, 1024])]
fn transpose(bencher: Bencher<'_, '_>, rows: usize) {
    let session = session(&[&[rows, 784]], |_, values, _| vec![values[0].permute(&[1, 0]).unwrap()]);
    time(bencher, session, 784 * rows);
}

/// Images with their colours side by side instead of one after another.
#[divan::bench(args = [64])]
fn channels_last(bencher: Bencher<'_, '_>, images: usize) {
    let session =
        session(&[&[images, 3, 32, 32]], |_, values, _| vec![values[0].permute(&[0, 2, 3, 1]).unwrap()]);
    time(bencher, session, images * 3 * 32 * 32);
}

/// Bytes of rows in random order, normalised, a batch of 64 at a time: inputs of MNIST and of CIFAR-10.
#[divan::bench(args = [784, 3072])]
fn gather(bencher: Bencher<'_, '_>, inputs: usize) {
    const ROWS: usize = 12_800;
    const BATCH: usize = 64;
    let graph = Graph::new();
    let format = SampleFormat::new(Shape::new(&[inputs]).unwrap(), DType::U8).normalized([0.0128], [-0.42]);
    let samples = graph.samples(&format, BATCH).unwrap();
    let plan = Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &[samples]).unwrap();
    let pixels = (0..ROWS * inputs).map(|i| (i % 251) as u8).collect();
    let source = Source::new(Samples::U8(pixels), Targets::Classes(vec![0; ROWS]), inputs).unwrap();
    let order: Vec<u32> =
        (0..ROWS as u32).map(|i| random::philox([i, 0, 0, 0], [3, 4])[0] % ROWS as u32).collect();
    let mut session = on_one_thread(plan);
    let batches = source.batches(&order).unwrap();
    bencher.counter(ItemsCount::new(ROWS * inputs)).bench_local(|| session.run(0, &batches).unwrap());
}

/// A session with values of these shapes, of which the first is a trained parameter, and what `record` makes of them.
fn session(
    shapes: &[&[usize]],
    record: impl for<'g> Fn(&'g Graph, &[Tensor<'g>], &[Parameter]) -> Vec<Tensor<'g>>,
) -> Session {
    let mut list = Parameters::new();
    for (i, dims) in shapes.iter().enumerate() {
        let role = if i == 0 { Role::Trained } else { Role::Statistic };
        list.add(&format!("value {i}"), Shape::new(dims).unwrap(), role, FileOrder::AsInGraph).unwrap();
    }
    let graph = Graph::new();
    let values: Vec<Tensor<'_>> =
        list.as_slice().iter().map(|value| graph.parameter(value).unwrap()).collect();
    let outputs = record(&graph, &values, list.as_slice());
    let state = State::training(&list, ADAM).unwrap().with_gradients(Gradients::Consumed).unwrap();
    let mut session = on_one_thread(Plan::new(&graph, &state, &outputs).unwrap());
    for value in list.as_slice() {
        session.fill_parameter(value.id(), |i| ((i * 7) % 13) as f32 / 13.0 - 0.4).unwrap();
    }
    session
}

fn on_one_thread(plan: Plan) -> Session {
    let backend = Cpu::open(CpuOptions::default().threads(1)).unwrap();
    Session::new(&backend, vec![plan]).unwrap()
}

/// Times a run of the session's plan, which does `items` of something.
fn time(bencher: Bencher<'_, '_>, mut session: Session, items: usize) {
    bencher.counter(ItemsCount::new(items)).bench_local(|| session.run_once(0).unwrap());
}
