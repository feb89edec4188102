//! Operations of one's own: from the embeddings of two words a network with its own activation learns how far they are apart.

use std::sync::Arc;

use plangrad_nn::*;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::*;

/// (x + √(x² + 4)) / 2, a smooth ReLU (Barron, arXiv:2112.11687), whose slope is ½ + x / (2 √(x² + 4)).
#[derive(Debug)]
struct Squareplus;
#[rustfmt::skip] // what a formula says of itself
impl Formula for Squareplus {
    fn name(&self) -> &'static str { "squareplus" }
    fn value<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, plangrad_tensor::Error> {
        x[0].add(x[0].mul(x[0])?.affine(1.0, 4.0)?.sqrt()?)?.affine(0.5, 0.0)
    }
    fn slopes<'g>(&self, x: &[Tensor<'g>], y: Tensor<'g>) -> Result<Vec<Option<Tensor<'g>>>, plangrad_tensor::Error> {
        Ok(vec![Some(y.div(y.affine(2.0, 0.0)?.sub(x[0])?)?)]) // y / √(x² + 4)
    }
}

#[derive(Debug)]
struct Distance(Weights, Embedding, [Linear; 2]);

#[rustfmt::skip] // what a network says of itself, a line each
impl Module for Distance {
    fn architecture(&self) -> Result<Architecture, plangrad_nn::Error> { Architecture::new("distance", &()) }
    fn sample_shape(&self) -> &[usize] { &[2] }
    fn outputs(&self) -> usize { 1 }
    fn weights(&self) -> &Weights { &self.0 }
    fn record<'g>(&self, graph: &'g Graph, words: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, plangrad_nn::Error> {
        let x = Flatten.record(graph, self.1.record(graph, words, mode)?, mode)?;
        self.2[1].record(graph, graph.formula(Squareplus, &[self.2[0].record(graph, x, mode)?])?, mode)
    }
}

/// The mean squared error in the first step and in the last.
pub(crate) fn train() -> Result<[f64; 2], Box<dyn std::error::Error>> {
    let pairs = || (0..256_u16).map(|i| [f32::from(i % 16), f32::from(i / 16)]);
    let targets = Targets::Values { values: pairs().map(|[a, b]| (a - b).abs() / 16.0).collect(), width: 1 };
    let source = Source::new(Samples::F32(pairs().flatten().collect()), targets, 2)?;
    let mut weights = Weights::new();
    let words = Embedding::new(&mut weights, "words", 16, 4)?;
    let layers = [Linear::new(&mut weights, "hidden", 8, 32)?, Linear::new(&mut weights, "head", 32, 1)?];
    let network = Arc::new(Distance(weights, words, layers));
    let task = Task::new(network, SampleFormat::new(Shape::new(&[2])?, DType::F32), Loss::Mse)?;
    let step = task.training_plan(Optimizer::adam(), Schedule::Constant { learning_rate: 0.01 }, 256)?;
    let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![step])?;
    task.initialise(&mut session, 42)?;
    let rows: Vec<u32> = (0..256).collect();
    session.run(0, &source.batches(&rows)?)?;
    let first = session.metrics()?.last_loss;
    (0..500).try_for_each(|_| session.run(0, &source.batches(&rows)?))?;
    Ok([first, session.metrics()?.last_loss].map(|loss| loss / 256.0))
}

fn main() {
    println!("mean squared error at first and in the end: {:?}", train().unwrap());
}
