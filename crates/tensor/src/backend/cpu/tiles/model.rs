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
