//! Tiles: what multiplies small matrices of bfloat16 at once, sixteen rows of a tile with sixteen columns.
//!
//! A tile register holds 16 rows of 64 bytes: sums as f32, a first operand as rows of [`STEPS`] numbers of bfloat16, a second
//! one as rows of pairs, where the pair at row r and column c is that of steps 2r and 2r + 1 of column c. There are eight.
//!
//! Intel, "Intel Architecture Instruction Set Extensions and Future Features", chapter 3 (AMX).

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) use amx::Amx;
#[cfg(test)]
pub(super) use model::Model;

/// Rows of a tile, and columns of sums.
pub(super) const SIDE: usize = 16;

/// Steps of k that one product of tiles takes.
pub(super) const STEPS: usize = 32;

/// Bytes of a tile, which lies in memory without gaps but for that of sums.
pub(super) const TILE_BYTES: usize = 1024;

/// Eight tile registers, which `T`, `C`, `A` and `B` name.
///
/// # Safety
/// Pointers of `load` and `add` must be valid for a tile; those of sums for 16 rows of 16 numbers, `stride` apart.
pub(super) trait Tiles {
    /// Makes the registers of this thread ready; they are given back when dropped.
    ///
    /// # Safety
    /// The processor must have them, and the system must have allowed their use.
    unsafe fn begin() -> Self;

    /// Sets sums to zero.
    unsafe fn zero<const T: usize>(&mut self);

    /// Loads an operand.
    unsafe fn load<const T: usize>(&mut self, operand: *const u8);

    /// Loads sums.
    unsafe fn load_sums<const T: usize>(&mut self, sums: *const f32, stride: usize);

    /// Stores sums.
    unsafe fn store_sums<const T: usize>(&mut self, sums: *mut f32, stride: usize);

    /// C ← C + A · B. For every sum the products of even steps are one chain of fused multiply-adds, those of odd steps
    /// another, both from zero; both are added, and that to the sum. Rounds to nearest even; denormals are zeros.
    unsafe fn multiply<const C: usize, const A: usize, const B: usize>(&mut self);
}
