//! Options for training steps, in commands that take steps and in those that only plan them.

use clap::{Args, ValueEnum};
use plangrad_data::LoadOptions;
use plangrad_tensor::Optimizer;

use super::values;
use crate::device::Precision;
use crate::error::{Error, Result};
use crate::train::{Recomputing, StepMemory};

/// Options of training that its memory depends on, besides network and batch.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Training")]
pub struct StepArgs {
    /// Optimizer
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub optimizer: OptimizerName,
    /// Momentum of sgd; any but 0 keeps one more number per parameter [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = values::share, allow_negative_numbers = true)]
    pub momentum: Option<f64>,
    /// Samples per evaluation batch [default: as many of 1000 as fit into the memory of training]
    #[arg(long, value_name = "N", value_parser = values::count, allow_negative_numbers = true)]
    pub eval_batch_size: Option<usize>,
    /// Keep the gradients of a step in memory, as other programs do. Without it the cpu updates a weight where its gradient is
    /// computed; the result is the same, bit for bit
    #[arg(long)]
    pub keep_gradients: bool,
    /// Gather the samples of a batch into memory of its own, normalised, as other programs do. Without it the cpu normalises
    /// them where it multiplies them; the result is the same, bit for bit
    #[arg(long)]
    pub keep_inputs: bool,
    /// Compute activations again in the backward pass instead of keeping them: none; auto, as little as it takes for a step to
    /// fit; all, for the least memory. The result is the same, bit for bit [default: none]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub recompute: Option<Recomputing>,
}

/// Options of training that its result depends on as well.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Training")]
pub struct LearningArgs {
    /// The step.
    #[command(flatten)]
    pub step: StepArgs,
    /// Learning rate [default: 0.001 with adam and adamw, 0.01 with sgd]
    #[arg(long, value_name = "RATE", value_parser = values::not_negative, allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Weight decay [default: 0; 0.01 with adamw]
    #[arg(long, value_name = "RATE", value_parser = values::not_negative, allow_negative_numbers = true)]
    pub weight_decay: Option<f64>,
    /// Seed of the first weights, the order of samples, dropout and the choice of a table's test rows
    #[arg(long, default_value_t = LoadOptions::SEED, value_name = "N", value_parser = values::seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// Take the samples in the order of the files
    #[arg(long)]
    pub no_shuffle: bool,
}

/// How samples are dealt to the parts of a dataset, in commands whose steps do not depend on chance.
#[derive(Args, Clone, Copy, Debug)]
pub struct PartArgs {
    /// Seed that chooses the test rows of a table, and the samples of the validation part
    #[arg(long, default_value_t = LoadOptions::SEED, value_name = "N", value_parser = values::seed, allow_negative_numbers = true,
        help_heading = "Data")]
    pub seed: u64,
}

/// The number format.
#[derive(Args, Clone, Copy, Debug)]
pub struct PrecisionArgs {
    /// Number format: f32; bf16, on the cpu, where activations, inputs and the factors of products are bfloat16 and all else is f32;
    /// or on GPUs from compute capability 8.0 on tf32, where the factors of large products have 10 bits of mantissa
    #[arg(long, value_enum, default_value_t, value_name = "NAME", help_heading = "Training")]
    pub precision: Precision,
}

/// The optimizers by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OptimizerName {
    /// Stochastic gradient descent.
    #[value(help = None)]
    Sgd,
    /// Adam.
    #[default]
    #[value(help = None)]
    Adam,
    /// Adam with decoupled weight decay.
    #[value(name = "adamw", help = None)]
    AdamW,
}

impl StepArgs {
    /// What a step in this number format does to take less memory.
    #[must_use]
    pub fn memory(&self, PrecisionArgs { precision }: PrecisionArgs) -> StepMemory {
        let StepArgs { keep_gradients, keep_inputs, recompute, .. } = *self;
        StepMemory { keep_gradients, keep_inputs, recompute: recompute.unwrap_or_default(), precision }
    }

    /// The optimizer these options describe.
    ///
    /// # Errors
    /// [`Error::Option`] for a momentum that the optimizer does not have.
    pub fn optimizer(&self, weight_decay: Option<f64>) -> Result<Optimizer> {
        let mut optimizer = self.optimizer.optimizer();
        match (&mut optimizer, self.momentum) {
            (_, None) => {}
            (Optimizer::Sgd { momentum, .. }, Some(given)) => *momentum = given,
            _ => return Err(Error::option("--momentum", "is for --optimizer sgd")),
        }
        Ok(weight_decay.map_or(optimizer, |decay| optimizer.with_weight_decay(decay)))
    }
}

impl LearningArgs {
    /// The optimizer these options describe.
    ///
    /// # Errors
    /// As [`StepArgs::optimizer`].
    pub fn optimizer(&self) -> Result<Optimizer> {
        self.step.optimizer(self.weight_decay)
    }

    /// The learning rate at the first step.
    #[must_use]
    pub fn learning_rate(&self) -> f64 {
        self.lr.unwrap_or(self.step.optimizer.optimizer().default_learning_rate())
    }
}

impl OptimizerName {
    /// The optimizer with its defaults.
    fn optimizer(self) -> Optimizer {
        match self {
            OptimizerName::Sgd => Optimizer::sgd(),
            OptimizerName::Adam => Optimizer::adam(),
            OptimizerName::AdamW => Optimizer::adamw(),
        }
    }
}
