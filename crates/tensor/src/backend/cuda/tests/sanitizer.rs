//! The tests of single kernels again, in a process with the address sanitizer: their arrays are allocations of exactly their
//! size, and shared memory is what a launch asked for, so any access beyond either is detected.

use std::process::Command;

/// The sanitizer's library, which must be loaded before anything else; `None` if the compiler has none.
fn library() -> Option<String> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "g++".into());
    let output = Command::new(compiler).arg("-print-file-name=libasan.so").output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?.trim().to_string();
    // For a library that it does not have it prints the name alone.
    path.contains('/').then_some(path)
}

#[test]
#[ignore = "takes as long as all other tests of the crate; `cargo xtask ci` runs it"]
fn no_kernel_touches_memory_beyond_its_arrays() {
    let Some(library) = library().filter(|_| cfg!(target_os = "linux")) else {
        assert!(std::env::var_os("PLANGRAD_CI").is_none(), "the C++ compiler has no address sanitizer");
        return eprintln!("SKIPPED: the C++ compiler has no address sanitizer");
    };
    let mut tests = Command::new(std::env::current_exe().unwrap());
    tests.args(["backend::cuda::tests::kernels", "--test-threads", "1"]);
    tests.env("LD_PRELOAD", library).env("ASAN_OPTIONS", "detect_leaks=0").env("PROPTEST_CASES", "30");
    tests.env("PLANGRAD_EMULATOR_SANITIZE", "1").env("CUDA_VISIBLE_DEVICES", "");
    let output = tests.output().unwrap();
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{report}", String::from_utf8_lossy(&output.stdout));
}
