//! The smallest training there is: a network with eight hidden units learns to add two numbers from four examples.
//!
//! ```text
//! cargo run --release --example toy
//! ```
//!
//! It shows every part of plangrad once: a task is described, its step is planned (so its memory is known), a session
//! takes that memory, and the plan is run for every batch.

use plangrad_data::Permutation;
use std::sync::Arc;

use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{DType, Optimizer, SampleFormat, Samples, Schedule, Session, Shape, Source, Targets};

type Error = Box<dyn std::error::Error>;

const BATCH: usize = 2;
const EPOCHS: u64 = 50;

fn main() -> Result<(), Error> {
    let sum = train_and_ask(42, [10.0, 11.0])?;
    println!("10 + 11 = {sum:.2}, says the network");
    Ok(())
}

/// Trains the network from `seed` and asks it for the sum of `question`.
pub(crate) fn train_and_ask(seed: u64, question: [f32; 2]) -> Result<f32, Error> {
    // What is learnt: two numbers in, eight ReLU units, one number out, squared error. Inputs stay as they are.
    let model = Mlp::new(&MlpConfig::new(&[2], 1).hidden(&[8]))?;
    let samples = SampleFormat::new(Shape::new(&[2])?, DType::F32);
    let task = Task::new(Arc::new(model), samples, Loss::Mse)?;

    // How: plain gradient descent. The plan of a step is made before there is any memory for it.
    let sgd = Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 };
    let step = task.training_plan(sgd, Schedule::Constant { learning_rate: 0.001 }, BATCH)?;
    let answer = task.prediction_plan(step.state(), 1)?;

    // The session reserves what both plans need, once.
    let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![step, answer.plan])?;
    task.initialise(&mut session, seed)?;

    let examples = table(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], &[3.0, 7.0, 11.0, 15.0])?;
    let mut order = [0, 1, 2, 3];
    for epoch in 0..EPOCHS {
        Permutation::fill(&mut order, seed, epoch);
        session.run(0, &examples.batches(&order)?)?; // both batches of the epoch, one after the other
    }

    session.run(1, &table(&question, &[0.0])?.batches(&[0])?)?;
    Ok(session.read(1, answer.scores)?[[0, 0]])
}

/// Rows of two numbers, and what the network should answer to each.
fn table(rows: &[f32], targets: &[f32]) -> Result<Source, Error> {
    let targets = Targets::Values { values: targets.to_vec(), width: 1 };
    Ok(Source::new(Samples::F32(rows.to_vec()), targets, 2)?)
}
