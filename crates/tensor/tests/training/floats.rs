//! Kernels flush denormals; their callers must not notice.

#![cfg(target_arch = "x86_64")]

use crate::net::{Net, cpu};

/// The floating-point control and status word of this thread, without the sticky exception flags (bits 0 to 5).
fn control() -> u32 {
    let mut word = 0_u32;
    // SAFETY: stores four bytes to a place of four bytes; SSE is part of x86-64.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut word, options(nostack, preserves_flags)) };
    word & !0x3F
}

fn set_control(word: u32) {
    // SAFETY: callers pass valid words: the default one, with flush bits or with another rounding mode.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &word, options(nostack, preserves_flags)) };
}

const DEFAULT: u32 = 0x1F80;
const FLUSH_TO_ZERO: u32 = 1 << 15;
const DENORMALS_ARE_ZERO: u32 = 1 << 6;

fn assert_run_changes_nothing() {
    let net = Net::classifier(&[30], &[20], 5);
    let source = net.source(64);
    let rows: Vec<u32> = (0..64).collect();
    for threads in [1, 2] {
        let mut session = net.session(&cpu(threads), vec![net.training_plan(8)]);
        for word in [DEFAULT, DEFAULT | FLUSH_TO_ZERO, DEFAULT | DENORMALS_ARE_ZERO] {
            set_control(word);
            session.run(0, &source.batches(&rows).unwrap()).unwrap();
            let after = control();
            set_control(DEFAULT);
            assert_eq!(after, word);
        }
    }
}

#[test]
fn a_run_leaves_the_callers_control_word_alone() {
    assert_run_changes_nothing();
}

#[test]
fn a_run_leaves_the_control_word_of_a_rayon_worker_alone() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.install(assert_run_changes_nothing);
    pool.broadcast(|_| assert_eq!(control(), DEFAULT));
}

#[test]
fn weights_too_small_for_a_normal_number_are_flushed_while_kernels_run() {
    let net = Net { learning_rate: 0.0, ..Net::classifier(&[1], &[], 1) };
    let source = net.source(1);
    let (plan, scores) = net.evaluation_plan(1);
    let mut session = net.session(&cpu(1), vec![plan]);
    let ids: Vec<_> = net.parameters().iter().map(|p| p.id()).collect();
    session.set_parameter(ids[0], &[f32::MIN_POSITIVE / 4.0]).unwrap();
    session.set_parameter(ids[1], &[0.0]).unwrap();
    session.run(0, &source.batches(&[0]).unwrap()).unwrap();
    assert_eq!(session.read(0, scores).unwrap().sum(), 0.0);
    assert!(session.parameter(ids[0]).unwrap()[0] > 0.0, "what is stored stays as it is");
}
