//! An autoencoder whose decoder multiplies by the encoder's transpose: one matrix in memory, in files and for Adam. The loop
//! is the program's own: it records the step itself.

use plangrad_nn::{Block, Linear, Mode, Weights};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::*;

const ROWS: usize = 32;
const WIDTH: usize = 16;

/// Samples that two numbers describe.
fn source() -> Result<Source, Error> {
    let value = |i: usize| {
        let (row, column) = ((i / WIDTH) as f32, (i % WIDTH) as f32);
        (0.5 * column + 0.2 * row).sin()
    };
    let samples = Samples::F32((0..ROWS * WIDTH).map(value).collect());
    Source::new(samples, Targets::Classes(vec![0; ROWS]), WIDTH)
}

/// The squared error per number in the first step and in the last, and the numbers that are trained.
pub(crate) fn train() -> Result<(f32, f32, usize), Box<dyn std::error::Error>> {
    let mut weights = Weights::new();
    let encoder = Linear::new(&mut weights, "encoder", WIDTH, 3)?;
    let decoder = Linear::tied(&mut weights, "decoder", &encoder)?;

    let (graph, adam) = (Graph::new(), Optimizer::adam());
    graph.advance(adam, Schedule::Constant { learning_rate: 0.02 })?;
    let x = graph.samples(&SampleFormat::new(Shape::new(&[WIDTH])?, DType::F32), ROWS)?;
    let code = encoder.record(&graph, x, Mode::Train)?;
    let error = decoder.record(&graph, code, Mode::Train)?.sub(x)?;
    let loss = error.mul(error)?.mean()?;
    let parameters = weights.parameters();
    let variables = parameters.iter().map(|one| graph.parameter(one)).collect::<Result<Vec<_>, _>>()?;
    for (parameter, gradient) in parameters.iter().zip(graph.gradients(loss, &variables)?) {
        graph.update(adam, parameter, gradient)?; // of the matrix it is the sum over both layers
    }
    let plan = Plan::new(&graph, &State::training(weights.list(), adam)?, &[loss])?;

    let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![plan])?;
    weights.initialise(&mut session, 42)?;
    let (source, rows) = (source()?, (0..ROWS as u32).collect::<Vec<u32>>());
    let mut step = || -> Result<f32, Error> {
        session.run(0, &source.batches(&rows)?)?;
        Ok(session.read(0, loss.id())?.sum())
    };
    let first = step()?;
    let last = (0..500).try_fold(first, |_, _| step())?;
    Ok((first, last, weights.trained_elements()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (first, last, trained) = train()?;
    println!("squared error {first:.4} at first, {last:.6} in the end, with {trained} numbers");
    Ok(())
}
