//! How fast training is at some batch sizes, up to the one from which it hardly gets faster.

use plangrad_tensor::Error as TensorError;

use super::bench::Bench;
use super::trial::{Throughput, knee};
use crate::error::{Error, Result};

/// How long a speed is measured, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// At least this long.
    whole: f64,
    /// Between two looks at the clock. The fastest such stretch counts: other work of the machine can only slow it down.
    stretch: f64,
}

/// For figures that are reported.
pub(super) const THOROUGH: Measure = Measure { whole: 0.15, stretch: 0.05 };

/// For figures that only serve a choice.
pub(super) const QUICK: Measure = Measure { whole: 0.09, stretch: 0.03 };

/// Rows per stretch if batches are smaller: more than the caches near a core hold.
const ROWS: usize = 8192;

/// Consecutive sizes hardly faster than smaller ones, after which none faster is expected.
const PATIENCE: usize = 2;

/// Powers of 4 times `first`, and the two sizes that are reported anyway.
pub(super) fn sizes(first: usize, recommended: usize, max: usize) -> Vec<usize> {
    let powers = std::iter::successors(Some(first), |size| size.checked_mul(4));
    let mut sizes: Vec<usize> = powers.take_while(|&size| size < max).chain([recommended, max]).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Measures the speed at these sizes, as far as time allows.
pub(super) fn measure(bench: &mut Bench<'_>, sizes: &[usize]) -> Result<Vec<Throughput>> {
    measure_while(bench, sizes, THOROUGH, |_| true)
}

/// The same, up to the size from which training hardly gets faster.
pub(super) fn measure_to_the_knee(bench: &mut Bench<'_>, sizes: &[usize]) -> Result<Vec<Throughput>> {
    measure_while(bench, sizes, QUICK, |paces| {
        let knee = knee(paces);
        paces.iter().rev().take_while(|pace| Some(pace.batch_size) != knee).count() < PATIENCE
    })
}

fn measure_while(
    bench: &mut Bench<'_>,
    sizes: &[usize],
    measure: Measure,
    go_on: impl Fn(&[Throughput]) -> bool,
) -> Result<Vec<Throughput>> {
    let mut paces: Vec<Throughput> = Vec::with_capacity(sizes.len());
    for &size in sizes {
        // At least two steps; a larger batch is about as fast as the one before, within a factor of two.
        let seconds = paces.last().map_or(0.0, |pace| (2 * size) as f64 / pace.samples_per_second);
        let time_left = bench.time_left().as_secs_f64();
        if time_left == 0.0 || 2.0 * seconds > time_left || !go_on(&paces) {
            break;
        }
        match pace(bench, size, measure) {
            Err(Error::Tensor(TensorError::OutOfMemory { .. })) => {} // what the device has, has changed
            pace => paces.push(pace?),
        }
    }
    Ok(paces)
}

fn pace(bench: &mut Bench<'_>, batch_size: usize, measure: Measure) -> Result<Throughput> {
    let (mut engine, rows) = bench.reserve(batch_size, (ROWS / batch_size).max(1))?;
    let mut stretch = |seconds| {
        bench.stop.check()?;
        engine.stretch(&bench.subject.data, rows.get(), u64::MAX, seconds)
    };
    stretch(0.0)?; // warms up: memory is touched, threads wake
    let mut measured = 0.0;
    let mut samples_per_second: f64 = 0.0;
    let mut next = stretch(0.0)?;
    if next.seconds < measure.stretch {
        next = stretch(measure.stretch)?;
    }
    loop {
        next.check_clock()?;
        measured += next.seconds;
        samples_per_second = samples_per_second.max(next.samples as f64 / next.seconds);
        if measured >= measure.whole {
            return Ok(Throughput { batch_size, samples_per_second });
        }
        next = stretch(measure.stretch)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_is_measured_at_powers_of_4_and_at_the_sizes_reported() {
        assert_eq!(sizes(16, 482, 603), [16, 64, 256, 482, 603]);
        assert_eq!(sizes(16, 256, 256), [16, 64, 256]);
        let small = [(1, 1), (12, 16), (3, 4)].map(|(recommended, max)| sizes(16, recommended, max));
        assert_eq!(small, [vec![1], vec![12, 16], vec![3, 4]]);
    }
}
