//! Denormals count as zero: what dead units and vanishing moments leave behind would make a step many times slower.

/// Flushes denormals on this thread and, since threads begin with the mode of the one that starts them, on all that are started
/// from now on. To be called first of all.
#[cfg(target_arch = "x86_64")]
pub fn flush_denormals() {
    const FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO: u32 = 1 << 15 | 1 << 6;
    let mut control: u32 = 0;
    // SAFETY: reads and writes the control word of this thread, which keeps every other bit. That computations of the compiler's
    // own may treat denormals otherwise does not matter: nothing here depends on them.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &mut control);
        control |= FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO;
        std::arch::asm!("ldmxcsr [{}]", in(reg) &control);
    }
}

/// The same.
#[cfg(target_arch = "aarch64")]
pub fn flush_denormals() {
    const FLUSH_TO_ZERO: u64 = 1 << 24;
    // SAFETY: as above.
    unsafe {
        let mut control: u64;
        std::arch::asm!("mrs {}, fpcr", out(reg) control);
        control |= FLUSH_TO_ZERO;
        std::arch::asm!("msr fpcr, {}", in(reg) control);
    }
}
