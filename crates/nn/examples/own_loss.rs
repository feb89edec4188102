//! A loss of one's own, made of operations: the pseudo-Huber loss, √(1 + e²) − 1, which outliers pull less than the squared
//! error does. A line is fitted to points of y = 2 x + 1, of which one has gone astray.

use plangrad_nn::{Block, Linear, Mode, Weights};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::ndarray::{Array2, array};
use plangrad_tensor::*;

/// The mean over a batch of errors.
type OwnLoss = for<'g> fn(Tensor<'g>) -> Result<Tensor<'g>, Error>;

pub(crate) fn pseudo_huber(errors: Tensor<'_>) -> Result<Tensor<'_>, Error> {
    errors.mul(errors)?.affine(1.0, 1.0)?.sqrt()?.affine(1.0, -1.0)?.mean()
}

pub(crate) fn squared(errors: Tensor<'_>) -> Result<Tensor<'_>, Error> {
    errors.mul(errors)?.mean()
}

fn points() -> [Array2<f32>; 2] {
    let x = array![[-2.0], [-1.0], [0.0], [1.0], [2.0], [3.0]];
    let mut y = x.mapv(|x| 2.0 * x + 1.0);
    y[[0, 0]] = 17.0; // astray
    [x, y]
}

/// Slope and intercept of the line that minimises the loss.
pub(crate) fn fit(loss: OwnLoss) -> Result<[f32; 2], Box<dyn std::error::Error>> {
    let mut weights = Weights::new();
    let line = Linear::new(&mut weights, "line", 1, 1)?;

    let (graph, adam) = (Graph::new(), Optimizer::adam());
    graph.advance(adam, Schedule::Cosine { learning_rate: 0.1, minimum: 0.0, steps: 2000 })?;
    let [x, y] = points().map(|points| graph.constant(points));
    let errors = line.record(&graph, x?, Mode::Train)?.sub(y?)?;
    let parameters = weights.parameters();
    let variables = parameters.iter().map(|one| graph.parameter(one)).collect::<Result<Vec<_>, _>>()?;
    for (parameter, gradient) in parameters.iter().zip(graph.gradients(loss(errors)?, &variables)?) {
        graph.update(adam, parameter, gradient)?;
    }
    let plan = Plan::new(&graph, &State::training(weights.list(), adam)?, &[])?;

    let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![plan])?;
    weights.initialise(&mut session, 42)?;
    (0..2000).try_for_each(|_| session.run_once(0))?;
    let [slope, intercept] = [0, 1].map(|i| session.parameter(parameters[i].id()));
    Ok([slope?[0], intercept?[0]])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [squared, robust] = [fit(squared)?, fit(pseudo_huber)?];
    println!("squared error: y = {:.2} x + {:.2}", squared[0], squared[1]);
    println!("pseudo-Huber:  y = {:.2} x + {:.2}", robust[0], robust[1]);
    Ok(())
}
