//! The arithmetic of tiles in plain Rust, for processors that have none: the same bits, slowly.

use super::{SIDE, STEPS, TILE_BYTES, Tiles};

/// Eight tiles as they lie in memory.
pub(in super::super) struct Model([[u8; TILE_BYTES]; 8]);

impl Model {
    fn word(&self, tile: usize, row: usize, column: usize) -> [u8; 4] {
        let start = (row * SIDE + column) * 4;
        std::array::from_fn(|i| self.0[tile][start + i])
    }

    fn set_word(&mut self, tile: usize, row: usize, column: usize, word: [u8; 4]) {
        let start = (row * SIDE + column) * 4;
        self.0[tile][start..start + 4].copy_from_slice(&word);
    }

    /// The pair of bfloat16 at a place.
    fn pair(&self, tile: usize, row: usize, column: usize) -> [f32; 2] {
        let [a, b, c, d] = self.word(tile, row, column);
        [[0, 0, a, b], [0, 0, c, d]].map(f32::from_le_bytes).map(flushed)
    }
}

fn flushed(x: f32) -> f32 {
    if x.is_subnormal() { 0.0_f32.copysign(x) } else { x }
}

// SAFETY (of every block below): the trait's contract: pointers are valid.
impl Tiles for Model {
    unsafe fn begin() -> Model {
        Model([[0; TILE_BYTES]; 8])
    }

    unsafe fn zero<const T: usize>(&mut self) {
        self.0[T].fill(0);
    }

    unsafe fn load<const T: usize>(&mut self, operand: *const u8) {
        // SAFETY: see above.
        self.0[T] = unsafe { operand.cast::<[u8; TILE_BYTES]>().read_unaligned() };
    }

    unsafe fn load_sums<const T: usize>(&mut self, sums: *const f32, stride: usize) {
        for row in 0..SIDE {
            for column in 0..SIDE {
                // SAFETY: see above.
                let sum = unsafe { *sums.add(row * stride + column) };
                self.set_word(T, row, column, sum.to_le_bytes());
            }
        }
    }

    unsafe fn store_sums<const T: usize>(&mut self, sums: *mut f32, stride: usize) {
        for row in 0..SIDE {
            for column in 0..SIDE {
                // SAFETY: see above.
                unsafe { *sums.add(row * stride + column) = f32::from_le_bytes(self.word(T, row, column)) };
            }
        }
    }

    unsafe fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {
        for row in 0..SIDE {
            for column in 0..SIDE {
                let mut chains = [0.0_f32; 2];
                for pair in 0..STEPS / 2 {
                    let (a, b) = (self.pair(A, row, pair), self.pair(B, pair, column));
                    chains = std::array::from_fn(|i| flushed(a[i].mul_add(b[i], chains[i])));
                }
                let sum = flushed(f32::from_le_bytes(self.word(C, row, column)));
                let sum = flushed(sum + flushed(chains[0] + chains[1]));
                self.set_word(C, row, column, sum.to_le_bytes());
            }
        }
    }
}

#[cfg(all(test, target_arch = "x86_64", target_os = "linux"))]
mod tests {
    use super::super::Amx;
    use super::*;
    use crate::random::uniform;

    /// Some products of tiles of plausible numbers, from the same sums.
    unsafe fn products<T: Tiles>(scale: f32) -> Vec<f32> {
        let number = |stream, i: usize| uniform(5, stream, i as u64, -scale, scale);
        let operand = |stream| -> Vec<u8> {
            (0..512).flat_map(|i| (number(stream, i).to_bits() >> 16).to_le_bytes()[..2].to_vec()).collect()
        };
        let (a, b) = (operand(1), operand(2));
        let mut sums: Vec<f32> = (0..256).map(|i| number(3, i) * scale).collect();
        // SAFETY: the caller's; all places are as large as a tile.
        unsafe {
            let mut tiles = T::begin();
            tiles.load::<4>(a.as_ptr());
            tiles.load::<7>(b.as_ptr());
            tiles.load_sums::<0>(sums.as_ptr(), SIDE);
            tiles.zero::<3>();
            tiles.multiply::<0, 4, 7>();
            tiles.multiply::<3, 4, 7>();
            tiles.multiply::<0, 4, 7>();
            tiles.store_sums::<0>(sums.as_mut_ptr(), SIDE);
            let mut others = vec![0.0; 256];
            tiles.store_sums::<3>(others.as_mut_ptr(), SIDE);
            sums.extend(others);
        }
        sums
    }

    #[test]
    fn the_model_has_the_bits_of_the_processor() {
        if !Amx::is_available() {
            eprintln!("SKIPPED: this processor has no tiles");
            return;
        }
        for scale in [1.0, 1e-3, 1e10, 3e-20, 1e-30, 1e18] {
            // SAFETY: the processor has tiles, and their use is allowed.
            let (found, expected) = unsafe { (products::<Amx>(scale), products::<Model>(scale)) };
            let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found), bits(&expected), "numbers up to {scale}");
        }
    }
}
