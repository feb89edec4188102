//! Dropout: y = x / (1 − p) where a random number is at least p, else 0; dx is the same mask applied to dy.
//!
//! The mask is never stored: it is a function of (seed, layer, step, position in the batch, unit), computed again in
//! the backward pass and unchanged when a batch is split into micro-batches. The generator is that of [`crate::random`]. Dropout is Srivastava et al., JMLR 15, 2014, in the
//! inverted form that leaves evaluation alone.

use ndarray::ArrayD;

use crate::backend::reference::Interpreter;
use crate::graph::{Backward, Call, Lowered, Meta, Op};
use crate::plan::{Dropout, Kernel};
use crate::random::philox;
use crate::{DType, Error, Shape, Tensor};

#[derive(Debug, Clone, Copy)]
struct DropoutOp {
    rate: f32,
    layer: u32,
}

/// The random numbers below which a unit is dropped, out of 2³².
pub(crate) fn threshold(rate: f32) -> u32 {
    (f64::from(rate) * 4_294_967_296.0) as u32
}

/// Sets the words of masks apart from those of first weights, which are drawn under the same seed.
pub(crate) const STREAM: u32 = 0x6472_6f70;

/// The random words of units `4 · block ..` of one sample.
#[inline]
pub(crate) fn mask_words(seed: u64, layer: u32, step: u64, position: u64, block: u32) -> [u32; 4] {
    let counter = [block, position as u32, step as u32, (step >> 32) as u32 ^ (layer << 16)];
    philox(counter, [seed as u32 ^ STREAM, (seed >> 32) as u32])
}

impl Op for DropoutOp {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn output(&self, inputs: &[Meta]) -> Result<Meta, Error> {
        inputs[0].expect(DType::F32, self.name())?;
        inputs[0].shape.matrix(self.name())?;
        match (0.0..1.0).contains(&self.rate) {
            true => Ok(inputs[0]),
            false => Err(Error::shapes(self.name(), "a rate of at least 0 and below 1", &[inputs[0].shape])),
        }
    }

    fn gradient<'g>(&self, node: &Backward<'g>) -> Result<Vec<Option<Tensor<'g>>>, Error> {
        Ok(vec![Some(node.dy.unary(*self)?)])
    }

    fn reference(
        &self,
        inputs: &[&ArrayD<f64>],
        output: Shape,
        machine: &mut Interpreter,
    ) -> Result<ArrayD<f64>, Error> {
        let units = output.dims()[1];
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
        Ok(y)
    }

    fn lower(&self, call: &Call) -> Lowered {
        let (rows, units) = call.output.shape().rows();
        Lowered::Kernel(Kernel::Dropout(Dropout {
            input: call.inputs[0].value,
            output: call.output.value,
            step_block: call.step_block,
            rows,
            units,
            rate: self.rate,
            layer: self.layer,
        }))
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
    use super::{mask_words, threshold};
    use crate::testing::Case;

    #[test]
    fn the_share_of_dropped_units_is_the_rate() {
        let dropped = (0..25_000).flat_map(|i| mask_words(42, 1, 7, i / 100, (i % 100) as u32));
        let share = dropped.filter(|&w| w < threshold(0.3)).count() as f64 / 100_000.0;
        assert!((share - 0.3).abs() < 0.005, "{share}");
    }

    #[test]
    fn layers_steps_and_samples_have_masks_of_their_own() {
        let base = mask_words(42, 0, 1, 0, 0);
        for other in [
            mask_words(43, 0, 1, 0, 0),
            mask_words(42, 1, 1, 0, 0),
            mask_words(42, 0, 2, 0, 0),
            mask_words(42, 0, 1, 1, 0),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn every_width_agrees_with_the_reference_and_finite_differences() {
        for shape in [vec![1, 1], vec![5, 3], vec![4, 64], vec![3, 130], vec![0, 2]] {
            Case::new(&[shape], |x| x[0].dropout(0.4, 2)).check();
        }
    }
}
