//! Which samples are for testing, by a stable hash: no other sample changes it, nor does their order.

use sha2::{Digest, Sha256};

/// Whether the sample with this key is for testing: the SHA-256 of seed and key, read as a little-endian fraction of one, is below
/// `fraction`.
pub(crate) fn is_test(key: &[u8], seed: u64, fraction: f64) -> bool {
    place(Sha256::new().chain_update(seed.to_le_bytes()).chain_update(key)) < fraction
}

/// Whether the sample with this key, if it is not for testing, is for validation: likewise, by the SHA-256 of seed, the word
/// `validation` and key.
pub(crate) fn is_validation(key: &[u8], seed: u64, fraction: f64) -> bool {
    let start = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(b"validation");
    place(start.chain_update(key)) < fraction
}

/// A hash as a fraction of one.
fn place(hash: Sha256) -> f64 {
    // 53 bits are exact in double precision.
    ((first_number(&hash.finalize()) >> 11) as f64) / ((1_u64 << 53) as f64)
}

/// The first bytes of a hash as a number.
pub(crate) fn first_number(hash: &[u8]) -> u64 {
    u64::from_le_bytes(hash[..8].try_into().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_near_the_fraction_and_depends_on_the_seed() {
        let tests = |seed, fraction| {
            (0..10_000_u32).filter(|n| is_test(&n.to_le_bytes(), seed, fraction)).collect::<Vec<_>>()
        };
        assert!((1_850..2_150).contains(&tests(42, 0.2).len()));
        assert_ne!(tests(42, 0.2), tests(43, 0.2));
        assert!(tests(42, 0.0).is_empty());
        let (small, large) = (tests(42, 0.1), tests(42, 0.3));
        assert!(small.iter().all(|n| large.contains(n)), "a larger fraction only adds");
    }
}
