//! The gradient of each parameter, read from a session, beside what moving the parameter a little does to the loss.

use plangrad_nn::{Activation, Block, LayerNorm, Linear, Mode, Sequential, Weights};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::ndarray::Array2;
use plangrad_tensor::*;

/// How far a parameter is moved.
const STEP: f32 = 1e-2;

/// A parameter's name, the first element of its gradient, and the slope of the loss there.
type Compared = (String, f32, f32);

pub(crate) fn compare() -> Result<Vec<Compared>, Box<dyn std::error::Error>> {
    let mut weights = Weights::new();
    let network = Sequential::new()
        .with(Linear::new(&mut weights, "first", 4, 8)?)
        .with(LayerNorm::new(&mut weights, "norm", 8)?)
        .with(Activation::Gelu)
        .with(Linear::new(&mut weights, "last", 8, 3)?);

    let graph = Graph::new();
    let x =
        graph.constant(Array2::from_shape_fn((5, 4), |(i, j)| (i as f32 - 2.0) * 0.3 + j as f32 * 0.1))?;
    let scores = network.record(&graph, x, Mode::Train)?;
    let loss = scores.cross_entropy(graph.labels(&[0, 1, 2, 1, 0])?)?;
    let parameters = weights.parameters();
    let variables = parameters.iter().map(|one| graph.parameter(one)).collect::<Result<Vec<_>, _>>()?;
    let gradients = graph.gradients(loss, &variables)?;

    // Whatever is to be read is named when the plan is made.
    let outputs = [&[loss][..], &gradients].concat();
    let plan = Plan::new(&graph, &State::inference(weights.list())?, &outputs)?;
    let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![plan])?;
    weights.initialise(&mut session, 42)?;
    let mut compared = Vec::new();
    for (parameter, gradient) in parameters.iter().zip(&gradients) {
        let values = session.parameter(parameter.id())?;
        session.run_once(0)?;
        let slope = session.read(0, gradient.id())?.iter().copied().next().unwrap_or(0.0);
        let mut losses = [0.0, 0.0];
        for (loss_there, step) in losses.iter_mut().zip([-STEP, STEP]) {
            let mut moved = values.clone();
            moved[0] += step;
            session.set_parameter(parameter.id(), &moved)?;
            session.run_once(0)?;
            *loss_there = session.read(0, loss.id())?.sum();
        }
        session.set_parameter(parameter.id(), &values)?;
        compared.push((parameter.name().to_owned(), slope, (losses[1] - losses[0]) / (2.0 * STEP)));
    }
    Ok(compared)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for (name, gradient, slope) in compare()? {
        println!("{name:<14} gradient {gradient:>9.5}   by differences {slope:>9.5}");
    }
    Ok(())
}
