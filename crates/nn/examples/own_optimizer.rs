//! An optimizer and a schedule of one's own, as formulas in the graph of the step: planned, checkpointed and resumed like those built in.

use std::sync::Arc;

use plangrad_nn::*;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::*;

/// p ← p − η (sign(β₁m + (1 − β₁)g) + λp); m ← β₂m + (1 − β₂)g (Chen et al., arXiv:2302.06675).
#[derive(Debug)]
pub(crate) struct Lion {
    pub(crate) betas: [f32; 2],
    pub(crate) decay: f32,
}

impl UpdateRule for Lion {
    fn state_names(&self) -> &'static [&'static str] {
        &["momentum"]
    }

    fn update<'g>(&self, step: &UpdateStep<'g>) -> Result<Updated<'g>, plangrad_tensor::Error> {
        let mixed = |beta: f32| step.state[0].affine(beta, 0.0)?.add(step.gradient.affine(1.0 - beta, 0.0)?);
        let decay = if step.decays { self.decay } else { 0.0 };
        let direction = mixed(self.betas[0])?.sign()?.add(step.parameter.affine(decay, 0.0)?)?;
        let parameter = step.parameter.sub(direction.mul(step.learning_rate)?)?;
        Ok(Updated { parameter, state: vec![mixed(self.betas[1])?] })
    }
}

/// 1 / √t of step t, behind a warm-up of 20 steps (Vaswani et al., arXiv:1706.03762).
fn inverse_root(number: Tensor<'_>) -> Result<Tensor<'_>, plangrad_tensor::Error> {
    number.pow(-0.5)?.minimum(number.affine(20f32.powf(-1.5), 0.0)?)
}

pub(crate) fn task() -> Result<Task, plangrad_nn::Error> {
    let network = Arc::new(Mlp::new(&MlpConfig::new(&[2], 1).hidden(&[32]).activation(Activation::Tanh))?);
    Ok(Task::new(network, SampleFormat::new(Shape::new(&[2])?, DType::F32), Loss::Mse)?
        .with_rate_factor(inverse_root))
}

/// The mean squared error in the first step and in the last: the product of two numbers is learnt.
pub(crate) fn train() -> Result<[f64; 2], Box<dyn std::error::Error>> {
    let pairs = || (0..256_u16).map(|i| [f32::from(i % 16) / 8.0 - 1.0, f32::from(i / 16) / 8.0 - 1.0]);
    let targets = Targets::Values { values: pairs().map(|[a, b]| a * b).collect(), width: 1 };
    let source = Source::new(Samples::F32(pairs().flatten().collect()), targets, 2)?;
    let (task, lion) = (task()?, Lion { betas: [0.9, 0.99], decay: 0.001 });
    let step = task.training_plan(&lion, Schedule::Constant { learning_rate: 0.05 }, 256)?;
    let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![step])?;
    task.initialise(&mut session, 42)?;
    let rows: Vec<u32> = (0..256).collect();
    session.run(0, &source.batches(&rows)?)?;
    let first = session.metrics()?.last_loss;
    (0..600).try_for_each(|_| session.run(0, &source.batches(&rows)?))?;
    Ok([first, session.metrics()?.last_loss].map(|loss| loss / 256.0))
}

fn main() {
    println!("mean squared error at first and in the end: {:?}", train().unwrap());
}
