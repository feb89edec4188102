//! How fast this processor multiplies and adds, from registers: what the products of a step are compared with.
//! `cargo run --release -p plangrad-tensor --example peak -- [threads]`. The last line is JSON with operations per second, two for
//! each multiply-add: f32 with the widest vectors, with those of AVX2, and bf16 into f32 in tiles; null where there are none.

use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Bursts of each kind, of which the fastest counts, and how long one takes.
const BURSTS: usize = 8;
const BURST: Duration = Duration::from_millis(15);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads: usize = std::env::args().nth(1).map_or(Ok(2), |text| text.parse())?;
    let found = kernels::available().map(|kernel| kernel.map(|kernel| peak(kernel, threads.max(1))));
    let [widest, avx2, tiles] = found.map(|rate| rate.map_or("null".into(), |rate| format!("{rate:.0}")));
    println!("{{\"threads\": {threads}, \"fma\": {widest}, \"fma_avx2\": {avx2}, \"bf16_tiles\": {tiles}}}");
    Ok(())
}

/// Repeats a block of operations, and how many that are for each repetition.
#[derive(Clone, Copy)]
struct Kernel {
    repeat: fn(repetitions: u64),
    operations: u64,
}

/// Operations per second of all threads together, begun at once.
fn peak(kernel: Kernel, threads: usize) -> f64 {
    let repetitions = calibrate(kernel);
    let barrier = Barrier::new(threads);
    let burst = || {
        barrier.wait();
        let began = Instant::now();
        (kernel.repeat)(repetitions);
        barrier.wait();
        began.elapsed().as_secs_f64()
    };
    let fastest = || (0..BURSTS).map(|_| burst()).fold(f64::INFINITY, f64::min);
    let seconds = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(fastest)).collect();
        let own = fastest();
        others.into_iter().map(|other| other.join().expect("arithmetic does not panic")).fold(own, f64::max)
    });
    threads as f64 * (repetitions * kernel.operations) as f64 / seconds
}

/// How many repetitions take about as long as a burst.
fn calibrate(kernel: Kernel) -> u64 {
    let mut repetitions = 1000;
    loop {
        let began = Instant::now();
        (kernel.repeat)(repetitions);
        let elapsed = began.elapsed();
        if elapsed >= BURST / 2 {
            return (repetitions as f64 * BURST.as_secs_f64() / elapsed.as_secs_f64()) as u64;
        }
        repetitions *= 2;
    }
}

#[cfg(target_arch = "x86_64")]
mod kernels {
    use std::arch::asm;
    use std::arch::x86_64::*;
    use std::hint::black_box;

    use super::Kernel;

    /// Sums that do not depend on one another: more than the latency of a multiply-add times the units for it.
    const SUMS: usize = 12;

    /// f32 with the widest vectors, f32 with AVX2, bf16 in tiles.
    pub(super) fn available() -> [Option<Kernel>; 3] {
        let vector = |lanes: u64, repeat| Kernel { repeat, operations: 2 * lanes * SUMS as u64 };
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx2 = avx2.then(|| vector(8, repeat_avx2));
        let widest = if is_x86_feature_detected!("avx512f") { Some(vector(16, repeat_avx512)) } else { avx2 };
        let tiles = tiles_are_permitted()
            .then_some(Kernel { repeat: repeat_tiles, operations: TILES * 16 * 16 * 32 * 2 });
        [widest, avx2, tiles]
    }

    fn repeat_avx512(repetitions: u64) {
        // SAFETY: `available` hands this out only where the processor has AVX-512.
        unsafe { avx512(repetitions) };
    }

    fn repeat_avx2(repetitions: u64) {
        // SAFETY: `available` hands this out only where the processor has AVX2 and FMA.
        unsafe { avx2(repetitions) };
    }

    #[target_feature(enable = "avx512f")]
    fn avx512(repetitions: u64) {
        let (a, b) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(1.0)));
        let mut sums = [b; SUMS];
        for _ in 0..repetitions {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(*sum, a, b);
            }
        }
        black_box(sums);
    }

    #[target_feature(enable = "avx2,fma")]
    fn avx2(repetitions: u64) {
        let (a, b) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(1.0)));
        let mut sums = [b; SUMS];
        for _ in 0..repetitions {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, a, b);
            }
        }
        black_box(sums);
    }

    /// Products of tiles in a repetition: four sums of two times two operands, as a kernel would hold them.
    const TILES: u64 = 4;

    /// What `ldtilecfg` reads: 16 rows of 64 bytes for every tile.
    #[repr(C, align(64))]
    struct TileConfiguration {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        bytes_of_rows: [u16; 16],
        rows: [u8; 16],
    }

    fn repeat_tiles(repetitions: u64) {
        let mut configuration = TileConfiguration {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            bytes_of_rows: [0; 16],
            rows: [0; 16],
        };
        configuration.bytes_of_rows[..8].fill(64);
        configuration.rows[..8].fill(16);
        // SAFETY: `available` hands this out only where the processor has tiles for bf16 and the system permits them. The
        // configuration is a valid one that outlives the block, every tile is zeroed before it is read and declared as changed,
        // no memory is written, and the tiles are released again. There is at least one repetition.
        unsafe {
            asm!(
                "ldtilecfg [{configuration}]",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "tilezero tmm4",
                "tilezero tmm5",
                "tilezero tmm6",
                "tilezero tmm7",
                "2:",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "sub {left}, 1",
                "jnz 2b",
                "tilerelease",
                configuration = in(reg) &configuration,
                left = inout(reg) repetitions.max(1) => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }

    /// Whether the processor has tiles for bf16 and Linux lets this process use them.
    #[cfg(target_os = "linux")]
    fn tiles_are_permitted() -> bool {
        const TILES_AND_BF16: u32 = 1 << 24 | 1 << 22;
        const ARCH_PRCTL: i64 = 158;
        const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
        const XTILEDATA: u64 = 18;
        if __cpuid(0).eax < 7 || __cpuid_count(7, 0).edx & TILES_AND_BF16 != TILES_AND_BF16 {
            return false;
        }
        let mut result = ARCH_PRCTL;
        // SAFETY: a system call that reads no memory and asks for a permission; the registers it changes are declared.
        unsafe {
            asm!(
                "syscall",
                inout("rax") result,
                in("rdi") ARCH_REQ_XCOMP_PERM,
                in("rsi") XTILEDATA,
                lateout("rcx") _,
                lateout("r11") _,
                options(nostack),
            );
        }
        result == 0
    }

    #[cfg(not(target_os = "linux"))]
    fn tiles_are_permitted() -> bool {
        false
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod kernels {
    use std::hint::black_box;

    use super::Kernel;

    /// Sums that do not depend on one another, in vectors of four as the compiler makes them.
    const SUMS: usize = 64;

    /// f32 as the compiler's vectors do it.
    pub(super) fn available() -> [Option<Kernel>; 3] {
        [Some(Kernel { repeat, operations: 2 * SUMS as u64 }), None, None]
    }

    fn repeat(repetitions: u64) {
        let (a, b) = (black_box(0.5_f32), black_box(1.0_f32));
        let mut sums = [b; SUMS];
        for _ in 0..repetitions {
            for sum in &mut sums {
                *sum = sum.mul_add(a, b);
            }
        }
        black_box(sums);
    }
}
