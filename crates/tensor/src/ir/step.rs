//! What changes from step to step and what is summed over steps, as it lies in the arena: a recorded sequence of kernels can
//! then be replayed, and no step has to wait for its loss to be read.

/// How a device holds 64-bit numbers. Either way they take eight bytes, so that the layout of an arena is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// As the host does.
    #[default]
    Wide,
    /// A u64 as two u32, the low half first; an f64 as the sum of two f32, the large one first. For devices that have
    /// nothing wider than 32 bits.
    #[cfg_attr(not(test), expect(dead_code, reason = "every device so far has 64-bit numbers"))]
    Pairs,
}

impl Numbers {
    fn u64_to_bytes(self, x: u64) -> [u8; 8] {
        match self {
            Numbers::Wide => x.to_ne_bytes(),
            Numbers::Pairs => pair([x as u32, (x >> 32) as u32]),
        }
    }

    fn u64_from_bytes(self, bytes: [u8; 8]) -> u64 {
        match self {
            Numbers::Wide => u64::from_ne_bytes(bytes),
            Numbers::Pairs => {
                let [low, high] = halves(bytes);
                u64::from(low) | u64::from(high) << 32
            }
        }
    }

    fn f64_to_bytes(self, x: f64) -> [u8; 8] {
        match self {
            Numbers::Wide => x.to_ne_bytes(),
            Numbers::Pairs => {
                let large = x as f32;
                let rest = if large.is_finite() { (x - f64::from(large)) as f32 } else { 0.0 };
                pair([large.to_bits(), rest.to_bits()])
            }
        }
    }

    fn f64_from_bytes(self, bytes: [u8; 8]) -> f64 {
        match self {
            Numbers::Wide => f64::from_ne_bytes(bytes),
            Numbers::Pairs => {
                let [large, rest] = halves(bytes).map(|bits| f64::from(f32::from_bits(bits)));
                large + rest
            }
        }
    }
}

fn pair([first, second]: [u32; 2]) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&first.to_ne_bytes());
    bytes[4..].copy_from_slice(&second.to_ne_bytes());
    bytes
}

fn halves(bytes: [u8; 8]) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = bytes;
    [u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])]
}

/// What changes from step to step, as it lies in the arena.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct StepBlock {
    /// Steps begun so far.
    pub(crate) step: u64,
    /// Seed of everything random within a step.
    pub(crate) seed: u64,
    /// η of this step.
    pub(crate) learning_rate: f32,
    /// η / (1 − β₁ᵗ)
    pub(crate) step_size: f32,
    /// 1 / √(1 − β₂ᵗ)
    pub(crate) second_correction: f32,
    /// Row of the batch at which the running part of it begins.
    pub(crate) first_row: u32,
}

impl StepBlock {
    /// Bytes of the whole block.
    pub(crate) const BYTES: usize = size_of::<StepBlock>();
    /// Where in it the learning rate lies, and the step size behind that.
    pub(crate) const RATES: usize = std::mem::offset_of!(StepBlock, learning_rate);

    /// As it lies in the arena.
    pub(crate) fn to_bytes(self, numbers: Numbers) -> [u8; StepBlock::BYTES] {
        let StepBlock { step, seed, learning_rate, step_size, second_correction, first_row } = self;
        let words = [
            numbers.u64_to_bytes(step),
            numbers.u64_to_bytes(seed),
            pair([learning_rate.to_bits(), step_size.to_bits()]),
            pair([second_correction.to_bits(), first_row]),
        ];
        std::array::from_fn(|i| words[i / 8][i % 8])
    }

    /// From how it lies in the arena.
    pub(crate) fn from_bytes(bytes: [u8; StepBlock::BYTES], numbers: Numbers) -> StepBlock {
        let word = |i: usize| std::array::from_fn(|byte| bytes[8 * i + byte]);
        let ([learning_rate, step_size], [second_correction, first_row]) = (halves(word(2)), halves(word(3)));
        StepBlock {
            step: numbers.u64_from_bytes(word(0)),
            seed: numbers.u64_from_bytes(word(1)),
            learning_rate: f32::from_bits(learning_rate),
            step_size: f32::from_bits(step_size),
            second_correction: f32::from_bits(second_correction),
            first_row,
        }
    }
}

/// Running sums, as they lie in the arena.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct MetricBlock {
    pub(crate) loss_sum: f64,
    pub(crate) samples: u64,
    pub(crate) correct: u64,
    /// Σ of the losses of the last batch.
    pub(crate) last_sum: f64,
    /// Samples of the last batch.
    pub(crate) last_samples: u64,
}

impl MetricBlock {
    /// Bytes of the whole block.
    pub(crate) const BYTES: usize = size_of::<MetricBlock>();

    /// As it lies in the arena.
    pub(crate) fn to_bytes(self, numbers: Numbers) -> [u8; MetricBlock::BYTES] {
        let words = [
            numbers.f64_to_bytes(self.loss_sum),
            numbers.u64_to_bytes(self.samples),
            numbers.u64_to_bytes(self.correct),
            numbers.f64_to_bytes(self.last_sum),
            numbers.u64_to_bytes(self.last_samples),
        ];
        std::array::from_fn(|i| words[i / 8][i % 8])
    }

    /// From how it lies in the arena.
    pub(crate) fn from_bytes(bytes: [u8; MetricBlock::BYTES], numbers: Numbers) -> MetricBlock {
        let word = |i: usize| std::array::from_fn(|byte| bytes[8 * i + byte]);
        MetricBlock {
            loss_sum: numbers.f64_from_bytes(word(0)),
            samples: numbers.u64_from_bytes(word(1)),
            correct: numbers.u64_from_bytes(word(2)),
            last_sum: numbers.f64_from_bytes(word(3)),
            last_samples: numbers.u64_from_bytes(word(4)),
        }
    }
}

impl From<Metrics> for MetricBlock {
    fn from(metrics: Metrics) -> MetricBlock {
        let Metrics { loss_sum, samples, correct, last_loss } = metrics;
        MetricBlock { loss_sum, samples, correct, last_sum: last_loss, last_samples: 1 }
    }
}

impl From<MetricBlock> for Metrics {
    fn from(block: MetricBlock) -> Metrics {
        let MetricBlock { loss_sum, samples, correct, last_sum, last_samples } = block;
        Metrics { loss_sum, samples, correct, last_loss: last_sum / last_samples.max(1) as f64 }
    }
}

/// Sums over the batches since they were last reset.
///
/// ```
/// use plangrad_tensor::Metrics;
///
/// let mut metrics = Metrics::default();
/// (metrics.loss_sum, metrics.samples, metrics.correct) = (6.0, 4, 3);
/// assert_eq!((metrics.mean_loss(), metrics.accuracy()), (1.5, 0.75));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// Σ of the losses of all samples.
    pub loss_sum: f64,
    /// Samples counted.
    pub samples: u64,
    /// Right answers among them, where counted.
    pub correct: u64,
    /// Mean loss of the last batch.
    pub last_loss: f64,
}

impl Metrics {
    /// Mean loss per sample; NaN before the first.
    #[must_use]
    pub fn mean_loss(&self) -> f64 {
        self.loss_sum / self.samples as f64
    }

    /// Share of right answers; NaN before the first sample.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.samples as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_either_form() {
        for numbers in [Numbers::Wide, Numbers::Pairs] {
            for x in [0, 1, u64::from(u32::MAX), u64::MAX, 0x0123_4567_89AB_CDEF] {
                assert_eq!(numbers.u64_from_bytes(numbers.u64_to_bytes(x)), x);
            }
            for x in [0.0, 1.5, -2.25, 123_456.789_012, 1e30, f64::INFINITY] {
                let back = numbers.f64_from_bytes(numbers.f64_to_bytes(x));
                assert!(back == x || (back / x - 1.0).abs() < 2f64.powi(-47), "{x} became {back}");
            }
            assert!(numbers.f64_from_bytes(numbers.f64_to_bytes(f64::NAN)).is_nan());
        }
    }

    /// The host's kernels read the block as it lies in memory.
    #[test]
    fn a_step_block_comes_back_as_it_was_and_lies_as_its_fields_do() {
        let block = StepBlock {
            step: 1 << 40,
            seed: 7,
            learning_rate: 0.5,
            step_size: 2.0,
            second_correction: 3.0,
            first_row: 9,
        };
        for numbers in [Numbers::Wide, Numbers::Pairs] {
            assert_eq!(StepBlock::from_bytes(block.to_bytes(numbers), numbers), block);
        }
        let at = |offset: usize| std::array::from_fn(|i| block.to_bytes(Numbers::Wide)[offset + i]);
        assert_eq!(f32::from_ne_bytes(at(StepBlock::RATES)), 0.5);
        assert_eq!(f32::from_ne_bytes(at(StepBlock::RATES + 4)), 2.0);
        assert_eq!(u32::from_ne_bytes(at(std::mem::offset_of!(StepBlock, first_row))), 9);
    }

    #[test]
    fn a_metric_block_comes_back_as_it_was() {
        let block =
            MetricBlock { loss_sum: 0.5, samples: 1 << 40, correct: 7, last_sum: 3.0, last_samples: 2 };
        for numbers in [Numbers::Wide, Numbers::Pairs] {
            assert_eq!(MetricBlock::from_bytes(block.to_bytes(numbers), numbers), block);
        }
    }
}
