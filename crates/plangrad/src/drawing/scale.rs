//! From values to places on an axis, and which values to write there: multiples of 1, 2 and 5, powers of ten, or
//! of two for bytes.

use crate::numbers::{grouped, short};

/// The way values are laid out along an axis, and its two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    /// Equal differences are equally far apart; one step of this size from tick to tick.
    Linear { low: f64, high: f64, step: f64 },
    /// Equal ratios are equally far apart.
    Logarithmic { low: f64, high: f64 },
}

impl Scale {
    /// Equal differences, from a tick at or below `low` to one at or above `high`, in the smallest steps of which there are
    /// at most `most`.
    pub(crate) fn linear(low: f64, high: f64, most: usize) -> Scale {
        let most = most.max(2) as f64; // two do for what lies on both sides of 0
        let range = if high > low { high - low } else { high.abs().max(1.0) };
        let mut step = round_up(range / most);
        loop {
            let first = (low / step).floor();
            let last = (high / step).ceil().max(first + 1.0);
            if last - first <= most {
                return Scale::Linear { low: first * step, high: last * step, step };
            }
            step = round_up(step * 1.01);
        }
    }

    /// Bytes from 0 on, in steps of a power of two, of which there are at most `most`.
    pub(crate) fn bytes(high: f64, most: usize) -> Scale {
        let step = binary_step(high / most.max(1) as f64);
        Scale::Linear { low: 0.0, high: (high / step).ceil().max(1.0) * step, step }
    }

    /// Equal ratios, from a tick at or below `low` to one at or above `high`, both above 0; the ends are powers of ten where
    /// finer ticks would be more than `most` steps.
    pub(crate) fn logarithmic(low: f64, high: f64, most: usize) -> Scale {
        let fine = round_down(low);
        let fine = Scale::Logarithmic { low: fine, high: round_up(high).max(round_up(fine * 1.01)) };
        let ticks = fine.ticks(most + 1);
        let places = [ticks.first(), ticks.last()].map(|tick| tick.map_or(0.5, |&tick| fine.place(tick)));
        if places[0] < 0.001 && places[1] > 0.999 {
            return fine;
        }
        let power = |exponent: f64| 10f64.powf(exponent);
        Scale::Logarithmic { low: power(low.log10().floor()), high: power(high.log10().ceil()) }
    }

    /// The same scale, as far as it lies between these values.
    pub(crate) fn within(self, least: f64, most: f64) -> Scale {
        match self {
            Scale::Linear { low, high, step } => {
                Scale::Linear { low: low.max(least), high: high.min(most), step }
            }
            other => other,
        }
    }

    /// Where a value lies: 0 at the low end, 1 at the high one. In the middle of an axis that has but one value.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = |low: f64, high: f64, value: f64| {
            if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
        };
        match *self {
            Scale::Linear { low, high, .. } => share(low, high, value),
            Scale::Logarithmic { low, high } => share(low.ln(), high.ln(), value.max(low).ln()),
        }
    }

    /// The values to write along the axis, rising; about `most` at most.
    pub(crate) fn ticks(&self, most: usize) -> Vec<f64> {
        match *self {
            Scale::Linear { low, high, step } => {
                let steps = ((high - low) / step).round() as usize;
                (0..=steps).map(|i| low + step * i as f64).map(|tick| (tick / step).round() * step).collect()
            }
            Scale::Logarithmic { low, high } => {
                let exponents = low.log10().floor() as i32..=high.log10().ceil() as i32;
                let within = |tick: &f64| *tick >= low * 0.999 && *tick <= high * 1.001;
                let ticks = |digits: &[f64], every: i32| -> Vec<f64> {
                    let decades = exponents.clone().filter(|exponent| exponent % every == 0);
                    let ticks = decades.flat_map(|e| digits.iter().map(move |digit| digit * 10f64.powi(e)));
                    ticks.filter(within).collect()
                };
                let choices = [&[1.0, 2.0, 5.0][..], &[1.0]].map(|digits| ticks(digits, 1));
                let sparser = (2..=64).map(|every| ticks(&[1.0], every));
                let mut all = choices.into_iter().chain(sparser);
                all.find(|ticks| ticks.len() <= most.max(2)).unwrap_or_default()
            }
        }
    }
}

/// The smallest power of two, of at least 1, that is at least `bytes`.
pub(crate) fn binary_step(bytes: f64) -> f64 {
    bytes.max(1.0).log2().ceil().exp2()
}

/// Units of memory.
const UNITS: [(&str, f64); 4] =
    [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1024.0), ("bytes", 1.0)];

/// Bytes on a scale of [`Scale::bytes`]: `0`, `512 KiB`, `1.5 MiB`.
pub(crate) fn bytes_on_scale(bytes: f64) -> String {
    bytes_in_units_to(bytes, bytes)
}

/// Bytes on a scale of these steps that may begin anywhere: in a unit in which they have two decimals at most.
pub(crate) fn bytes_in_steps(bytes: f64, step: f64) -> String {
    bytes_in_units_to(bytes, 4.0 * step)
}

/// Bytes in the largest unit that is neither larger than they are nor than `most`.
fn bytes_in_units_to(bytes: f64, most: f64) -> String {
    match UNITS.into_iter().find(|(_, unit)| bytes.min(most) >= *unit) {
        Some((name, unit)) if bytes / unit >= 1e4 => format!("{} {name}", grouped((bytes / unit) as usize)),
        Some((name, unit)) => format!("{} {name}", short(bytes / unit)),
        None => "0".to_owned(),
    }
}

/// The smallest of 1, 2, 5, 10 … that is at least `value`.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let digits = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    digits.into_iter().find(|&rounded| rounded >= value * 0.999_999).unwrap_or(10.0 * power)
}

/// The largest of 1, 2, 5, 10 … that is at most `value`.
fn round_down(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let digits = [10.0, 5.0, 2.0].map(|digit| digit * power);
    digits.into_iter().find(|&rounded| rounded <= value * 1.000_001).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equal but for the last bits.
    #[track_caller]
    fn assert_close(found: Vec<f64>, expected: &[f64]) {
        let close = found.len() == expected.len()
            && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs().max(1e-3));
        assert!(close, "{found:?}, expected {expected:?}");
    }

    #[test]
    fn linear_ticks_are_round_and_enclose_the_values() {
        let ticks = |low, high, most| Scale::linear(low, high, most).ticks(most);
        assert_close(ticks(0.0, 5.7, 6), &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_close(ticks(0.813, 0.971, 5), &[0.8, 0.85, 0.9, 0.95, 1.0]);
        assert_close(ticks(0.0, 17.4, 5), &[0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_close(ticks(0.1, 0.1, 4), &[0.0, 0.5]);
        assert_close(ticks(0.0, 0.0, 4), &[0.0, 0.5]);
        for (low, high) in [(0.0, 1e-9), (-3.0, 7e12), (99.9, 100.1), (0.97, 0.981), (-0.1, 0.1)] {
            let found = ticks(low, high, 5);
            assert!(
                (2..=6).contains(&found.len()) && found[0] <= low && *found.last().unwrap() >= high,
                "{found:?}"
            );
        }
    }

    #[test]
    fn bytes_have_ticks_that_are_round_in_their_units() {
        let ticks = |high, most| {
            let ticks = Scale::bytes(high, most).ticks(most);
            ticks.into_iter().map(bytes_on_scale).collect::<Vec<_>>()
        };
        assert_eq!(ticks(3_000_000.0, 6), ["0", "512 KiB", "1 MiB", "1.5 MiB", "2 MiB", "2.5 MiB", "3 MiB"]);
        assert_eq!(ticks(15.03 * 1_048_576.0, 4), ["0", "4 MiB", "8 MiB", "12 MiB", "16 MiB"]);
        assert_eq!(ticks(7.0, 4), ["0", "2 bytes", "4 bytes", "6 bytes", "8 bytes"]);
        assert_eq!(ticks(0.0, 4), ["0", "1 bytes"]);
        assert_eq!(
            [bytes_in_steps(1_376_256.0, 65_536.0), bytes_in_steps(1_376_256.0, 1e6)],
            ["1344 KiB", "1.3125 MiB"]
        );
        assert_eq!(bytes_in_steps(104_857_600.0, 1024.0), "102,400 KiB");
        assert_eq!(binary_step(1e12), 1_099_511_627_776.0);
    }

    #[test]
    fn logarithmic_ticks_are_decades_and_their_parts_where_there_is_room() {
        let ticks = |low, high, most| Scale::logarithmic(low, high, most).ticks(most + 1);
        assert_close(ticks(0.08, 5.4, 7), &[0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]);
        assert_close(ticks(0.08, 5.4, 5), &[0.01, 0.1, 1.0, 10.0]);
        assert_close(ticks(3.0, 3.0, 5), &[2.0, 5.0]);
        assert_close(ticks(1e-6, 1e6, 4), &[1e-6, 1e-3, 1.0, 1e3, 1e6]);
    }

    #[test]
    fn places_go_from_one_end_to_the_other() {
        let linear = Scale::linear(0.0, 10.0, 5);
        assert_eq!([0.0, 5.0, 10.0, 99.0].map(|value| linear.place(value)), [0.0, 0.5, 1.0, 1.0]);
        let logarithmic = Scale::Logarithmic { low: 1.0, high: 1024.0 };
        let places = [1.0, 32.0, 1024.0].map(|value| logarithmic.place(value));
        assert_close(places.to_vec(), &[0.0, 0.5, 1.0]);
        assert_eq!(Scale::Logarithmic { low: 64.0, high: 64.0 }.place(64.0), 0.5);
    }
}
