//! The heap of the C library.

/// Makes all threads take their memory from one heap. glibc otherwise reserves 64 MiB of address space for each thread that
/// takes any, which is too much where that is limited (`ulimit -v`), and which no budget can foresee. Does nothing with
/// other libraries. For programs, at their start: it is a setting of the whole process.
pub fn share_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;

        /// From glibc's malloc.h, see mallopt(3).
        const M_ARENA_MAX: c_int = -8;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // SAFETY: mallopt has this signature (mallopt(3)) and takes numbers alone; it may be called at any time from any
        // thread (MT-Unsafe only in the race for its own parameters, which nobody else sets).
        unsafe { mallopt(M_ARENA_MAX, 1) };
    }
}
