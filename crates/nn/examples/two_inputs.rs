//! Several inputs per sample: four numbers, and the place of one of them, which a network learns to pick out. A sample is one row that
//! has all inputs side by side; the network cuts it.

use std::sync::Arc;

use plangrad_nn::*;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::*;

/// head(numbers · words[place]), with as many weights in a row of the table as there are numbers.
#[derive(Debug)]
struct Pick(Weights, Embedding, Linear);

impl Pick {
    fn new() -> Result<Pick, plangrad_nn::Error> {
        let mut weights = Weights::new();
        let words = Embedding::new(&mut weights, "words", 4, 4)?;
        let head = Linear::new(&mut weights, "head", 4, 1)?;
        Ok(Pick(weights, words, head))
    }
}

#[rustfmt::skip] // what a network says of itself, a line each
impl Module for Pick {
    fn architecture(&self) -> Result<Architecture, plangrad_nn::Error> { Architecture::new("pick", &()) }
    fn sample_shape(&self) -> &[usize] { &[5] }
    fn outputs(&self) -> usize { 1 }
    fn weights(&self) -> &Weights { &self.0 }
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, plangrad_nn::Error> {
        let (numbers, place) = (x.slice(1, 0..4)?, x.slice(1, 4..5)?);
        let weights = Flatten.record(graph, self.1.record(graph, place, mode)?, mode)?;
        self.2.record(graph, numbers.mul(weights)?, mode)
    }
}

/// The mean squared error in the first step and in the last.
pub(crate) fn train() -> Result<[f64; 2], Box<dyn std::error::Error>> {
    let number = |row: u64, i: u64| random::uniform(1, 0, 4 * row + i, -1.0, 1.0);
    let sample = |row: u64| [0, 1, 2, 3].map(|i| number(row, i)).into_iter().chain([(row % 4) as f32]);
    let samples = Samples::F32((0..256).flat_map(sample).collect());
    let values = (0..256).map(|row| number(row, row % 4)).collect();
    let source = Source::new(samples, Targets::Values { values, width: 1 }, 5)?;
    let format = SampleFormat::new(Shape::new(&[5])?, DType::F32);
    let task = Task::new(Arc::new(Pick::new()?), format, Loss::Mse)?;
    let step = task.training_plan(Optimizer::adam(), Schedule::Constant { learning_rate: 0.02 }, 256)?;
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
