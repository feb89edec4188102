//! A step of the optimizer over one contiguous range of parameters.

use crate::ir::Optimizer as OfPlan;
use crate::backend::launch::shared::{Address, Input, Output, shared};
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job, on_16_bytes};
use crate::ir::StepBlock;
use crate::ir::kernel;

shared! {
    enum Optimizer {
        Sgd,
        Momentum,
        Adam,
        AdamW,
    }

    /// Each factor is rounded to f32 once: 1 − β from f64, or it would lose half its digits.
    struct Update {
        parameter: Output<f32>,
        gradient: Input<f32>,
        /// What gradients are divided by; null for 1.
        divisor: Input<f32>,
        /// Null where the optimizer has none.
        moments: [Output<f32>; 2],
        step_block: Input<StepBlock>,
        elements: u64,
        /// λ of decoupled weight decay.
        decoupled_decay: f64,
        momentum: f32,
        decay: f32,
        keep_first: f32,
        take_first: f32,
        keep_second: f32,
        take_second: f32,
        epsilon: f32,
        optimizer: Optimizer,
        /// Whether all arrays lie on 16 bytes.
        vector: u32,
    }
}

impl Lower for kernel::Update {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let (parameter, gradient): (Address, Address) =
            (lowering.at(self.target.parameter), lowering.at(self.gradient));
        let moments: [Address; 2] = self.target.moments.map(|moment| lowering.at_or_null(moment));
        let (optimizer, [momentum, decay, decoupled_decay], [beta1, beta2, epsilon]) = match self.target.optimizer {
            OfPlan::Sgd { momentum: 0.0, weight_decay } => {
                (Optimizer::Sgd, [0.0, weight_decay, 0.0], [0.0; 3])
            }
            OfPlan::Sgd { momentum, weight_decay } => {
                (Optimizer::Momentum, [momentum, weight_decay, 0.0], [0.0; 3])
            }
            OfPlan::Adam { beta1, beta2, epsilon, weight_decay } => {
                (Optimizer::Adam, [0.0, weight_decay, 0.0], [beta1, beta2, epsilon])
            }
            OfPlan::AdamW { beta1, beta2, epsilon, weight_decay } => {
                (Optimizer::AdamW, [0.0, 0.0, weight_decay], [beta1, beta2, epsilon])
            }
        };
        let vector = [parameter, gradient].into_iter().chain(moments).all(on_16_bytes);
        let work = Update {
            parameter: parameter.into(),
            gradient: gradient.into(),
            divisor: lowering.at_or_null(self.target.divisor),
            moments: moments.map(Output::from),
            step_block: lowering.at(self.target.step_block),
            elements: self.elements as u64,
            decoupled_decay,
            momentum: momentum as f32,
            decay: decay as f32,
            keep_first: beta1 as f32,
            take_first: (1.0 - beta1) as f32,
            keep_second: beta2 as f32,
            take_second: (1.0 - beta2) as f32,
            epsilon: epsilon as f32,
            optimizer,
            vector: vector.into(),
        };
        let units = if vector { self.elements.div_ceil(4) } else { self.elements };
        step.push(Job::by_element(work, units));
    }
}
