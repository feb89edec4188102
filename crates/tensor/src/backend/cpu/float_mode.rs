//! Denormals count as zero while kernels run: dead units and vanishing moments would otherwise make every operation on
//! them many times slower. The caller's setting comes back afterwards, whatever happens.

/// Flushes denormals on this thread until dropped.
pub(super) struct FlushDenormals {
    before: u32,
}

#[cfg(target_arch = "x86_64")]
mod control {
    const FLUSH_TO_ZERO: u32 = 1 << 15;
    const DENORMALS_ARE_ZERO: u32 = 1 << 6;

    pub(super) fn read() -> u32 {
        let mut state = 0u32;
        // SAFETY: stores the 4-byte control word to a 4-byte place; SSE is part of x86-64.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut state, options(nostack, preserves_flags)) };
        state
    }

    pub(super) fn write(state: u32) {
        // SAFETY: loads a control word that differs from a valid one in the two flush bits at most. Code around it that
        // the compiler moved across would compute with denormals flushed or not, both of which the kernels allow.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &state, options(nostack, preserves_flags)) };
    }

    pub(super) fn flushing(state: u32) -> u32 {
        state | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO
    }
}

#[cfg(target_arch = "aarch64")]
mod control {
    pub(super) fn read() -> u32 {
        let state: u64;
        // SAFETY: reads the floating-point control register.
        unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) state, options(nomem, nostack, preserves_flags)) };
        state as u32
    }

    pub(super) fn write(state: u32) {
        // SAFETY: writes a control word that differs from a valid one in the flush bit at most.
        unsafe {
            std::arch::asm!("msr fpcr, {}", in(reg) u64::from(state), options(nostack, preserves_flags))
        };
    }

    pub(super) fn flushing(state: u32) -> u32 {
        state | 1 << 24
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod control {
    pub(super) fn read() -> u32 {
        0
    }
    pub(super) fn write(_: u32) {}
    pub(super) fn flushing(state: u32) -> u32 {
        state
    }
}

impl FlushDenormals {
    pub(super) fn new() -> FlushDenormals {
        let before = control::read();
        control::write(control::flushing(before));
        FlushDenormals { before }
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        control::write(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn denormals_are_flushed_inside_and_the_callers_setting_returns() {
        let half = |x: f32| std::hint::black_box(x) * std::hint::black_box(0.5);
        assert!(half(f32::MIN_POSITIVE) > 0.0);
        let before = control::read();
        {
            let _mode = FlushDenormals::new();
            assert_eq!(half(f32::MIN_POSITIVE), 0.0);
        }
        assert_eq!(control::read(), before);
        assert!(half(f32::MIN_POSITIVE) > 0.0);
    }
}
