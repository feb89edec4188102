//! A network of two branches and a residual block learns the product of two numbers.

use std::sync::Arc;

use plangrad_nn::{
    Activation, Architecture, Block, Error, Linear, Loss, Mode, Module, Parallel, Residual, Sequential, Task,
    Weights,
};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::*;

/// head(y + relu(inner(y))), where y = tanh(smooth(x)) + relu(sharp(x)).
#[derive(Debug)]
struct Branches(Weights, Sequential);

fn network() -> Result<Branches, Error> {
    let mut weights = Weights::new();
    let mut linear = |name, inputs, outputs| Linear::new(&mut weights, name, inputs, outputs);
    let smooth = Sequential::new().with(linear("smooth", 2, 24)?).with(Activation::Tanh);
    let sharp = Sequential::new().with(linear("sharp", 2, 24)?).with(Activation::Relu);
    let inner = Sequential::new().with(linear("inner", 24, 24)?).with(Activation::Relu);
    let body = Sequential::new().with(Parallel::new(smooth).with(sharp)).with(Residual::new(inner));
    let layers = body.with(linear("head", 24, 1)?);
    Ok(Branches(weights, layers))
}

#[rustfmt::skip] // what a network says of itself, a line each
impl Module for Branches {
    fn architecture(&self) -> Result<Architecture, Error> { Architecture::new("branches", &()) }
    fn sample_shape(&self) -> &[usize] { &[2] }
    fn outputs(&self) -> usize { 1 }
    fn weights(&self) -> &Weights { &self.0 }
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        self.1.record(graph, x, mode)
    }
}

/// The mean squared error in the first step and in the last.
pub(crate) fn train() -> Result<[f64; 2], Box<dyn std::error::Error>> {
    let grid = || (0..64_u8).map(|i| [f32::from(i % 8) / 4.0 - 0.875, f32::from(i / 8) / 4.0 - 0.875]);
    let targets = Targets::Values { values: grid().map(|[a, b]| a * b).collect(), width: 1 };
    let source = Source::new(Samples::F32(grid().flatten().collect()), targets, 2)?;
    let samples = SampleFormat::new(Shape::new(&[2])?, DType::F32);
    let task = Task::new(Arc::new(network()?), samples, Loss::Mse)?;
    let step = task.training_plan(Optimizer::adam(), Schedule::Constant { learning_rate: 0.01 }, 64)?;
    let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![step])?;
    task.initialise(&mut session, 42)?;
    let rows: Vec<u32> = (0..64).collect();
    session.run(0, &source.batches(&rows)?)?;
    let first = session.metrics()?.last_loss;
    (0..300).try_for_each(|_| session.run(0, &source.batches(&rows)?))?;
    Ok([first, session.metrics()?.last_loss].map(|loss| loss / 64.0))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [first, last] = train()?;
    println!("mean squared error {first:.4} at first, {last:.6} in the end");
    Ok(())
}
