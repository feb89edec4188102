//! Denormals count as zero while kernels run: dead units and vanishing moments would otherwise make every operation on
//! them many times slower.
//!
//! Rust code may not be left in another floating-point mode than the default one, not even for a moment: the compiler
//! moves floating-point operations to wherever it likes and computes some itself (see the documentation of
//! `_mm_setcsr`). The one place where the mode may differ is an `asm!` block that restores it before its end. So the
//! kernels are called from within such a block. Nothing outside can be moved into it, since for the compiler the block
//! is one opaque instruction, and whatever way the kernels end, the caller's mode is back behind it.
//!
//! The kernels are Rust compiled for the default mode all the same. What that means: where the compiler computes or
//! rewrites an operation itself, a denormal result may stay what it is instead of becoming zero. Both are results that
//! kernels allow, no kernel derives an address or a branch to unchecked code from one, and a compiled program does the
//! same every time, so the bits stay the same. Language and compiler promise no more than the default mode, though; that
//! hardware offers the flush as a mode only is why it is used.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Calls `work` with denormals counted as zero on this thread. A panic passes through.
pub(super) fn flush_denormals(work: &mut dyn FnMut()) {
    let mut call = Call { work, panic: None };
    enter(&mut call);
    if let Some(panic) = call.panic {
        resume_unwind(panic);
    }
}

/// A call and what became of it: a panic must not unwind through assembly.
struct Call<'a> {
    work: &'a mut dyn FnMut(),
    panic: Option<Box<dyn Any + Send>>,
}

impl Call<'_> {
    fn run(&mut self) {
        self.panic = catch_unwind(AssertUnwindSafe(&mut self.work)).err();
    }
}

#[cfg(target_arch = "x86_64")]
fn enter(call: &mut Call<'_>) {
    const FLUSH_TO_ZERO: u32 = 1 << 15;
    const DENORMALS_ARE_ZERO: u32 = 1 << 6;

    extern "sysv64" fn run(call: &mut Call<'_>) {
        call.run();
    }

    let before = control();
    let flushing = before | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO;
    // SAFETY: calls `run` by its calling convention: the argument, which is borrowed exclusively, in rdi, a stack aligned
    // by the compiler, and every register that the convention lets it change declared as changed; r12 it must preserve.
    // `run` does not unwind. The control words are valid, as they differ from a valid one in the two flush bits at most,
    // and the one found is restored.
    unsafe {
        std::arch::asm!(
            "ldmxcsr [{flushing}]",
            "call {run}",
            "ldmxcsr [r12]",
            flushing = in(reg) &flushing,
            run = sym run,
            in("rdi") call,
            in("r12") &before,
            clobber_abi("sysv64"),
        );
    }
}

/// The floating-point control and status word of this thread.
#[cfg(target_arch = "x86_64")]
fn control() -> u32 {
    let mut word = 0_u32;
    // SAFETY: stores the four bytes of the word to a place of four bytes; SSE is part of x86-64.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack, preserves_flags)) };
    word
}

#[cfg(target_arch = "aarch64")]
fn enter(call: &mut Call<'_>) {
    const FLUSH_TO_ZERO: u64 = 1 << 24;

    extern "C" fn run(call: &mut Call<'_>) {
        call.run();
    }

    let before = control();
    // SAFETY: as on x86-64, with the argument in x0 and x20 as the register that is preserved.
    unsafe {
        std::arch::asm!(
            "msr fpcr, {flushing}",
            "bl {run}",
            "msr fpcr, x20",
            flushing = in(reg) before | FLUSH_TO_ZERO,
            run = sym run,
            in("x0") call,
            in("x20") before,
            clobber_abi("C"),
        );
    }
}

/// The floating-point control word of this thread.
#[cfg(target_arch = "aarch64")]
fn control() -> u64 {
    let word: u64;
    // SAFETY: reads a register.
    unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) word, options(nomem, nostack, preserves_flags)) };
    word
}

/// No such mode is known here.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn enter(call: &mut Call<'_>) {
    call.run();
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;

    fn half(x: f32) -> f32 {
        std::hint::black_box(x) * std::hint::black_box(0.5)
    }

    #[test]
    fn denormals_are_flushed_inside_and_the_callers_mode_returns() {
        let before = control();
        let mut inside = f32::NAN;
        flush_denormals(&mut || inside = half(f32::MIN_POSITIVE));
        assert_eq!(inside, 0.0);
        assert_eq!(control(), before);
        assert!(half(f32::MIN_POSITIVE) > 0.0);
    }

    #[test]
    fn a_panic_passes_through_and_leaves_the_callers_mode() {
        let before = control();
        let outcome = catch_unwind(|| flush_denormals(&mut || panic!("a kernel failed")));
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"a kernel failed"));
        assert_eq!(control(), before);
    }
}
