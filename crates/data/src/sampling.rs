//! Random numbers that are the same on every machine, and the order in which an epoch visits the samples.
//!
//! The generator is xoshiro256++ 1.0 (Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM
//! TOMS 47(4), 2021; public-domain C at <https://prng.di.unimi.it/xoshiro256plusplus.c>), its state filled by
//! SplitMix64 (Steele, Lea and Flood, OOPSLA 2014; <https://prng.di.unimi.it/splitmix64.c>) as its authors advise.
//! Bounded numbers come from Lemire's multiplication with rejection ("Fast random integer generation in an
//! interval", ACM TOMACS 29(1), 2019), which is exactly uniform.
//!
//! These forty lines are not taken from a crate because resuming a run depends on bits that never change, and general
//! random-number crates reserve the right to change their algorithms. Not for cryptography.

/// The order in which one epoch visits the samples.
///
/// ```
/// use plangrad_data::Permutation;
///
/// let mut order = [0; 6];
/// Permutation::fill(&mut order, 42, 1);
/// let mut again = [0; 6];
/// Permutation::fill(&mut again, 42, 1);
/// assert_eq!(order, again); // a pure function of seed, epoch and length
/// order.sort();
/// assert_eq!(order, [0, 1, 2, 3, 4, 5]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Permutation;

impl Permutation {
    /// Fills `order` with a permutation of `0..order.len()` determined by `(seed, epoch)`.
    ///
    /// A pure function of `seed`, `epoch` and the length: nothing is carried from one epoch to the next, so a resumed
    /// run needs no generator state. It allocates nothing. The algorithm will never change: xoshiro256++ seeded by
    /// SplitMix64 from `seed` and `epoch`, then Fisher and Yates's shuffle from the last element down, swapping `i`
    /// with a uniform element of `0..=i` (Knuth, TAOCP 2, algorithm 3.4.2P).
    ///
    /// A `u32` cannot number more than 2³² elements; those beyond are left unchanged.
    pub fn fill(order: &mut [u32], seed: u64, epoch: u64) {
        for (number, slot) in (0..=u32::MAX).zip(order.iter_mut()) {
            *slot = number;
        }
        let numbered = u32::try_from(order.len()).unwrap_or(u32::MAX);
        let mut random = Generator::from_words(&[stream::PERMUTATION, seed, epoch]);
        for last in (1..numbered).rev() {
            let other = random.below(last + 1);
            order.swap(last as usize, other as usize);
        }
    }
}

/// First words for [`Generator::from_words`]: one per use, so that equal seeds never share a sequence.
pub(crate) mod stream {
    pub(crate) const PERMUTATION: u64 = 0x7065_726d_7574_6521;
    pub(crate) const DIGITS: u64 = 0x6469_6769_7473_2121;
    pub(crate) const TABLE_SPLIT: u64 = 0x7461_626c_6573_2121;
}

/// xoshiro256++: 256 bits of state, period 2²⁵⁶ − 1.
#[derive(Clone, Debug)]
pub(crate) struct Generator {
    state: [u64; 4],
}

impl Generator {
    /// A generator whose sequence is a function of all `words`: each is mixed into a SplitMix64 state, so that adjacent
    /// seeds and epochs give unrelated sequences.
    pub(crate) fn from_words(words: &[u64]) -> Self {
        let mut mixer = 0;
        for word in words {
            mixer = split_mix(&mut mixer) ^ word;
        }
        Self { state: std::array::from_fn(|_| split_mix(&mut mixer)) }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A uniform number in `0..bound`; `bound` is at least 1.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        debug_assert!(bound > 0);
        let mut product = self.next_u32() * u64::from(bound);
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u32) < threshold {
                product = self.next_u32() * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }

    /// A uniform multiple of 2⁻²³ in `-1.0..1.0`. Exact in `f32`, so the same on every machine.
    pub(crate) fn symmetric(&mut self) -> f32 {
        const STEP: f32 = 1.0 / (1 << 23) as f32;
        (self.next_u64() >> 40) as f32 * STEP - 1.0
    }

    /// A bell-shaped number in `-1.0..1.0`: the mean of three uniform ones (standard deviation 1/3).
    pub(crate) fn bell(&mut self) -> f32 {
        (self.symmetric() + self.symmetric() + self.symmetric()) * (1.0 / 3.0)
    }

    /// 32 random bits, widened for the subsequent multiplication.
    fn next_u32(&mut self) -> u64 {
        self.next_u64() >> 32
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn split_mix_gives_the_published_numbers() {
        let mut state = 1_234_567;
        let first: Vec<u64> = (0..5).map(|_| split_mix(&mut state)).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(first, published);
    }

    #[test]
    fn xoshiro_gives_the_published_numbers() {
        let mut random = Generator { state: [1, 2, 3, 4] };
        let first: Vec<u64> = (0..6).map(|_| random.next_u64()).collect();
        let published = [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
            9_973_669_472_204_895_162,
        ];
        assert_eq!(first, published);
    }

    #[test]
    fn the_order_of_an_epoch_is_the_same_in_every_version() {
        let mut order = [0; 10];
        Permutation::fill(&mut order, 42, 0);
        assert_eq!(order, [9, 1, 6, 3, 0, 4, 5, 2, 7, 8]);
        Permutation::fill(&mut order, 42, 1);
        assert_eq!(order, [3, 6, 1, 5, 2, 8, 0, 4, 9, 7]);
    }

    #[test]
    fn bounded_numbers_are_uniform_for_large_bounds() {
        let mut random = Generator::from_words(&[7]);
        let bound = 3 << 30; // plain modulo would give the lower third twice as often
        let low = (0..30_000).filter(|_| random.below(bound) < 1 << 30).count();
        assert!((9_600..10_400).contains(&low), "{low} of 30000 in the lower third");
    }

    #[test]
    fn every_element_reaches_every_position() {
        let mut seen = [[0_u32; 5]; 5];
        for epoch in 0..10_000 {
            let mut order = [0; 5];
            Permutation::fill(&mut order, 1, epoch);
            order.iter().enumerate().for_each(|(place, &element)| seen[place][element as usize] += 1);
        }
        for count in seen.into_iter().flatten() {
            assert!((1_840..2_160).contains(&count), "{count} of 10000, 2000 expected");
        }
    }

    proptest! {
        #[test]
        fn an_order_is_a_permutation(length in 0_usize..500, seed: u64, epoch: u64) {
            let mut order = vec![u32::MAX; length];
            Permutation::fill(&mut order, seed, epoch);
            order.sort_unstable();
            prop_assert!(order.iter().enumerate().all(|(place, &number)| place == number as usize));
        }

        #[test]
        fn seeds_and_epochs_give_different_orders(seed: u64, epoch in 0..u64::MAX) {
            let [mut one, mut next_epoch, mut next_seed] = [[0; 64]; 3];
            Permutation::fill(&mut one, seed, epoch);
            Permutation::fill(&mut next_epoch, seed, epoch + 1);
            Permutation::fill(&mut next_seed, seed.wrapping_add(1), epoch);
            prop_assert!(one != next_epoch && one != next_seed && next_epoch != next_seed);
        }
    }
}
