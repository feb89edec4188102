//! What is searched, and what is drawn from it.

use std::str::FromStr;

/// Learning rates to draw from.
#[derive(Clone, Debug, PartialEq)]
pub enum Rates {
    /// These.
    Given(Vec<f64>),
    /// All between two, each power of ten as likely as another.
    Between(f64, f64),
}

/// What is searched; where a list is empty, nothing is varied.
#[derive(Clone, Debug)]
pub(crate) struct Space<H, O> {
    pub(crate) rates: Option<Rates>,
    pub(crate) hidden: Vec<H>,
    pub(crate) batch_sizes: Vec<usize>,
    pub(crate) optimizers: Vec<O>,
}

/// What was drawn; where nothing is varied, nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draw<H, O> {
    pub(crate) rate: Option<f64>,
    pub(crate) hidden: Option<H>,
    pub(crate) batch_size: Option<usize>,
    pub(crate) optimizer: Option<O>,
}

impl FromStr for Rates {
    type Err = String;

    fn from_str(text: &str) -> Result<Rates, String> {
        let wrong = || format!("expected rates such as 0.01,0.001 or 1e-4..1e-1, found `{text}`");
        let rate = |text: &str| {
            let rate: f64 = text.trim().parse().map_err(|_| wrong())?;
            if rate.is_finite() && rate > 0.0 && rate <= f64::from(f32::MAX) {
                Ok(rate)
            } else {
                Err(wrong())
            }
        };
        match text.split_once("..") {
            Some((low, high)) => match (rate(low)?, rate(high)?) {
                (low, high) if low < high => Ok(Rates::Between(low, high)),
                _ => Err(wrong()),
            },
            None => text.split(',').map(rate).collect::<Result<_, _>>().map(Rates::Given),
        }
    }
}

impl<H: Clone, O: Copy> Space<H, O> {
    /// The draw of this number.
    pub(crate) fn draw(&self, seed: u64, number: u64) -> Draw<H, O> {
        let share = |dimension: u64| uniform(seed, number, dimension);
        Draw {
            rate: self.rates.as_ref().map(|rates| rates.at(share(0))),
            hidden: pick(&self.hidden, share(1)).cloned(),
            batch_size: pick(&self.batch_sizes, share(2)).copied(),
            optimizer: pick(&self.optimizers, share(3)).copied(),
        }
    }
}

impl Rates {
    fn at(&self, share: f64) -> f64 {
        match self {
            Rates::Given(rates) => *pick(rates, share).unwrap_or(&0.0),
            Rates::Between(low, high) => {
                let rate = (low.ln() + share * (high.ln() - low.ln())).exp();
                // Three digits say enough, and can be given on a command line.
                format!("{rate:.2e}").parse().unwrap_or(rate)
            }
        }
    }
}

fn pick<T>(choices: &[T], share: f64) -> Option<&T> {
    choices.get((share * choices.len() as f64) as usize)
}

/// A number from 0 up to 1 that follows from these three (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
fn uniform(seed: u64, number: u64, dimension: u64) -> f64 {
    let mixed = [number, dimension].into_iter().fold(mix(seed), |state, next| mix(state ^ mix(next)));
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space<&'static str, char> {
        Space {
            rates: Some(Rates::Between(1e-4, 1e-1)),
            hidden: vec!["64", "128"],
            batch_sizes: vec![32, 64, 128],
            optimizers: vec!['a', 's'],
        }
    }

    #[test]
    fn draws_follow_from_the_seed_and_cover_the_space() {
        let (space, all) = (space(), |seed| (0..400).map(|i| space().draw(seed, i)).collect::<Vec<_>>());
        assert_eq!(all(7), all(7));
        assert_ne!(all(7), all(8));
        let draws = all(7);
        for choice in &space.batch_sizes {
            let count = draws.iter().filter(|draw| draw.batch_size == Some(*choice)).count();
            assert!((100..170).contains(&count), "{choice} was drawn {count} times");
        }
        let rates: Vec<f64> = draws.iter().filter_map(|draw| draw.rate).collect();
        assert!(rates.iter().all(|rate| (1e-4..=1e-1).contains(rate)));
        let small = rates.iter().filter(|rate| **rate < 1e-3).count();
        assert!((100..170).contains(&small), "a power of ten was drawn {small} times of 400");
    }

    #[test]
    fn rates_are_a_list_or_a_range() {
        assert_eq!("0.01,1e-3".parse(), Ok(Rates::Given(vec![0.01, 0.001])));
        assert_eq!("1e-4..0.1".parse(), Ok(Rates::Between(1e-4, 0.1)));
        for text in ["", "0", "-1", "1e-1..1e-4", "1..1", "nan", "1e-3..inf", "1,,2", "1e300"] {
            assert!(text.parse::<Rates>().is_err(), "{text}");
        }
    }
}
