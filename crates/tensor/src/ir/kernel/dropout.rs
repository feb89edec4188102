//! Dropout with a mask that is computed again wherever it is needed: a function of seed, layer, step, position in the batch
//! and unit.

use std::fmt;

use super::describe::{Content, Describe, InPlace, Visit};
use crate::ir::{Access, StepBlock, Value};
use crate::random::philox;

/// output = input / (1 − rate) where the unit is kept, else 0
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dropout {
    pub(crate) input: Value,
    pub(crate) output: Value,
    pub(crate) step_block: Value,
    pub(crate) rows: usize,
    pub(crate) units: usize,
    pub(crate) rate: f32,
    pub(crate) layer: u32,
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

impl Describe for Dropout {
    fn operands(&mut self, visit: Visit<'_>) {
        let elements = self.rows * self.units;
        visit(Access::Read, &mut self.input, elements);
        visit(Access::Read, &mut self.step_block, StepBlock::BYTES);
        visit(Access::Write, &mut self.output, elements);
    }

    fn result(&self, _: Value) -> Content {
        Content::new("dropout", &[self.rows, self.units])
    }

    fn in_place(&self) -> Vec<InPlace> {
        vec![InPlace { operand: self.input, result: self.output }]
    }
}

impl fmt::Display for Dropout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dropout {}×{}", self.rows, self.units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_dropped_units_is_the_rate() {
        let dropped = (0..25_000).flat_map(|i| mask_words(42, 1, 7, i / 100, (i % 100) as u32));
        let share = dropped.filter(|&w| w < threshold(0.3)).count() as f64 / 100_000.0;
        assert!((share - 0.3).abs() < 0.005, "{share}");
    }

    #[test]
    fn seeds_layers_steps_and_samples_have_different_masks() {
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
}
