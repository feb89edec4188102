//! Dropout: y = x / (1 − p) where a random number is at least p, else 0; dx is the same mask applied to dy.
//!
//! The mask is never stored: it is a function of (seed, layer, step, position in the batch, unit), computed again in
//! the backward pass and unchanged when a batch is split into micro-batches. The generator is that of [`crate::random`]. Dropout is Srivastava et al., JMLR 15, 2014, in the
//! inverted form that leaves evaluation alone.

use super::rules;
use crate::error::Error;
use crate::graph::{Backward, Call, Gradient, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::{Dropout, mask_words, threshold};
use crate::ir::{DType, Meta, Shape};
use ndarray::ArrayD;

#[derive(Debug, Clone, Copy)]
struct DropoutOp {
    rate: f32,
    layer: u32,
}

impl ShapeRule for DropoutOp {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn outputs(&self, inputs: &[Meta]) -> Result<Vec<Meta>, Error> {
        rules::expect(&inputs[0], DType::F32, self.name())?;
        rules::matrix(&inputs[0].shape, self.name())?;
        match (0.0..1.0).contains(&self.rate) {
            true => one(inputs[0]),
            false => {
                let expected = "a rate of at least 0 and below 1";
                Err(Error::Argument { op: self.name(), expected, found: self.rate })
            }
        }
    }
}

impl Gradient for DropoutOp {
    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Ok(vec![Some(node.dy().unary(*self)?)])
    }
}

impl Meaning for DropoutOp {
    fn meaning(
        &self,
        inputs: &[&ArrayD<f64>],
        outputs: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let units = outputs[0].dims()[1];
        let mut y = inputs[0].clone();
        for (i, y) in y.iter_mut().enumerate() {
            let (row, unit) = (i / units, i % units);
            let words = mask_words(
                machine.seed,
                self.layer,
                machine.step,
                machine.first_row + row as u64,
                (unit / 4) as u32,
            );
            *y *= f64::from(words[unit % 4] >= threshold(self.rate)) / (1.0 - f64::from(self.rate));
        }
        one(y)
    }
}

impl Lower for DropoutOp {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (rows, units) = call.output().shape().rows();
        Lowered::kernel(Dropout {
            input: call.inputs[0].value,
            output: call.output().value,
            step_block: call.step_block,
            rows,
            units,
            rate: self.rate,
            layer: self.layer,
        })
    }
}

impl<'g> Tensor<'g> {
    /// Drops units of `[batch, units]` with probability `rate` and scales the rest by 1 / (1 − rate). `layer` sets the
    /// masks of several dropouts in one network apart.
    ///
    /// # Errors
    /// If `self` is not a matrix or `rate` is not in `0.0..1.0`.
    pub fn dropout(self, rate: f32, layer: u32) -> Result<Tensor<'g>, Error> {
        if rate == 0.0 { Ok(self) } else { self.unary(DropoutOp { rate, layer }) }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Case;

    #[test]
    fn every_width_agrees_with_the_reference_and_finite_differences() {
        for shape in [vec![1, 1], vec![5, 3], vec![4, 64], vec![3, 130], vec![0, 2]] {
            Case::new(&[shape], |x| x[0].dropout(0.4, 2)).check();
        }
    }
}
