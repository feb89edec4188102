//! The tiles of Intel processors, by the instructions' names: the standard library does not offer them yet.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::sync::OnceLock;

use super::{SIDE, Tiles};

/// Tile registers of this thread that are configured.
pub(in super::super) struct Amx(());

/// What `ldtilecfg` reads: every register 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    first_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

const CONFIGURATION: Configuration = {
    let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
    let mut register = 0;
    while register < 8 {
        (row_bytes[register], rows[register]) = (64, SIDE as u8);
        register += 1;
    }
    Configuration { palette: 1, first_row: 0, reserved: [0; 14], row_bytes, rows }
};

impl Amx {
    /// Whether this processor has tiles for bfloat16, and the system lets this process use them.
    pub(in super::super) fn is_available() -> bool {
        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| has_tiles() && allowed())
    }
}

fn has_tiles() -> bool {
    const BF16: u32 = 1 << 22;
    const TILE: u32 = 1 << 24;
    let wanted = BF16 | TILE;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & wanted == wanted
}

/// Asks Linux for the state of tiles, which is larger than what processes have by default:
/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`, for all threads. Fails where it is not known, too.
fn allowed() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call that takes two numbers; the kernel changes the named registers only.
    unsafe {
        asm!("syscall", inout("rax") result, in("rdi") REQUEST_PERMISSION, in("rsi") TILE_DATA, lateout("rcx") _,
            lateout("r11") _, options(nostack));
    }
    result == 0
}

// SAFETY (of every block below): the trait's contract: the registers are there, allowed and configured, and pointers valid.
impl Tiles for Amx {
    #[inline(always)]
    unsafe fn begin() -> Amx {
        // SAFETY: see above.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &CONFIGURATION, options(nostack)) };
        Amx(())
    }

    #[inline(always)]
    unsafe fn zero<const T: usize>(&mut self) {
        // SAFETY: see above.
        unsafe { asm!("tilezero tmm{t}", t = const T, options(nomem, nostack, preserves_flags)) };
    }

    #[inline(always)]
    unsafe fn load<const T: usize>(&mut self, operand: *const u8) {
        // SAFETY: see above.
        unsafe {
            asm!("tileloadd tmm{t}, [{p} + {s}*1]", t = const T, p = in(reg) operand, s = in(reg) 64_usize, options(nostack))
        };
    }

    #[inline(always)]
    unsafe fn load_sums<const T: usize>(&mut self, sums: *const f32, stride: usize) {
        // SAFETY: see above.
        unsafe {
            asm!("tileloadd tmm{t}, [{p} + {s}*1]", t = const T, p = in(reg) sums, s = in(reg) stride * 4, options(nostack))
        };
    }

    #[inline(always)]
    unsafe fn store_sums<const T: usize>(&mut self, sums: *mut f32, stride: usize) {
        // SAFETY: see above.
        unsafe {
            asm!("tilestored [{p} + {s}*1], tmm{t}", t = const T, p = in(reg) sums, s = in(reg) stride * 4, options(nostack))
        };
    }

    #[inline(always)]
    unsafe fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {
        // SAFETY: see above.
        unsafe {
            asm!("tdpbf16ps tmm{c}, tmm{a}, tmm{b}", c = const C, a = const A, b = const B, options(nomem, nostack, preserves_flags))
        };
    }
}

impl Drop for Amx {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: they have been configured.
        unsafe { asm!("tilerelease", options(nostack)) };
    }
}
