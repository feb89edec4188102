//! Counter-based random numbers: Philox 4×32-10 (Salmon et al., *Parallel random numbers: as easy as 1, 2, 3*, SC 2011).
//!
//! A number is a function of a key and a counter, not of the numbers drawn before it. That is what lets a dropout mask
//! be computed again instead of stored, on any number of threads, on any device.

/// Ten rounds of Philox 4×32: four random words for a counter and a key.
#[inline]
#[must_use]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k, mut l]) = (counter, key);
    for _ in 0..10 {
        let p = u64::from(a) * 0xD251_1F53;
        let q = u64::from(c) * 0xCD9E_8D57;
        (a, b, c, d) = ((q >> 32) as u32 ^ b ^ k, q as u32, (p >> 32) as u32 ^ d ^ l, p as u32);
        k = k.wrapping_add(0x9E37_79B9);
        l = l.wrapping_add(0xBB67_AE85);
    }
    [a, b, c, d]
}

/// Number `i` of stream `stream` under `seed`, uniform in `low..high`, on a grid of 2²⁴ steps.
#[must_use]
pub fn uniform(seed: u64, stream: u32, i: u64, low: f32, high: f32) -> f32 {
    let block = i / 4;
    let words = philox([block as u32, (block >> 32) as u32, stream, 0], [seed as u32, (seed >> 32) as u32]);
    let unit = f64::from(words[(i % 4) as usize] >> 8) / f64::from(1u32 << 24);
    (f64::from(low) + (f64::from(high) - f64::from(low)) * unit) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_vectors() {
        // Random123, known-answer tests: philox4x32, 10 rounds.
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(
            philox(pi, [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn uniform_numbers_fill_their_range_evenly() {
        let mean =
            |low, high| (0..40_000).map(|i| f64::from(uniform(7, 3, i, low, high))).sum::<f64>() / 40_000.0;
        assert!((mean(-1.0, 1.0)).abs() < 0.01);
        assert!((mean(2.0, 4.0) - 3.0).abs() < 0.01);
        assert!((0..10_000).all(|i| (-0.5..0.5).contains(&uniform(1, 0, i, -0.5, 0.5))));
        assert_ne!(uniform(1, 0, 0, 0.0, 1.0), uniform(1, 1, 0, 0.0, 1.0));
    }
}
