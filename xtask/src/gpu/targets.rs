//! The speeds that are aimed at, judged by what was measured.

use super::findings::{Known, Part, Timing, Trouble};
use super::parts::verdict;
use super::timings::{Peer, Speed, Work};

/// An epoch of MNIST with batches of 64 takes at most so long.
const EPOCH_SECONDS: f64 = 0.025;
const SAMPLES: usize = 60_000;
/// How many times as fast as PyTorch such a step is at least.
const TIMES_EAGER: f64 = 10.0;
const TIMES_GRAPH: f64 = 1.0;
/// Share of the card's rate that a step of large products reaches.
const SHARE: f64 = 0.6;

/// A step of the main job's network.
fn small(peer: Peer) -> Work {
    Work { inputs: 784, hidden: 128, batch_size: 64, peer, tf32: false }
}

/// A step of products that keep a GPU busy.
fn large(tf32: bool) -> Work {
    Work { inputs: 784, hidden: 4096, batch_size: 8192, peer: Peer::Plangrad, tf32 }
}

/// The rate that it is compared with.
pub(super) fn product(tf32: bool) -> Work {
    Work { peer: Peer::Product, ..large(tf32) }
}

/// Whether a target is judged by this.
pub(super) fn is_needed(work: &Work) -> bool {
    let small = [Peer::Plangrad, Peer::Eager, Peer::Graph].map(small);
    let large = [false, true].map(|tf32| [large(tf32), product(tf32)]);
    small.iter().chain(large.as_flattened()).any(|needed| needed == work)
}

/// Every target, and whether it is met.
pub(super) fn judge(timings: &[Timing]) -> Vec<Part> {
    let part = |name: &str, outcome| Part { name: name.to_owned(), outcome };
    vec![
        part("target: an MNIST epoch at batch 64 in at most 25 ms", epoch(timings)),
        part("target: ten times as fast as PyTorch eager", against(timings, Peer::Eager, TIMES_EAGER)),
        part("target: as fast as PyTorch with CUDA graphs", against(timings, Peer::Graph, TIMES_GRAPH)),
        part("target: 60 % of cuBLAS's f32 rate in a step", share(timings, false)),
        part("target: 60 % of cuBLAS's tf32 rate in a step", share(timings, true)),
    ]
}

fn epoch(timings: &[Timing]) -> Known<String> {
    let (work, steps) = (small(Peer::Plangrad), SAMPLES.div_ceil(64));
    let step = step(&ours(timings, &work)?);
    let seconds = steps as f64 * step;
    let text = format!("{steps} steps of {:.1} µs are {:.2} ms", 1e6 * step, 1e3 * seconds);
    verdict(seconds <= EPOCH_SECONDS, text)
}

fn against(timings: &[Timing], peer: Peer, times: f64) -> Known<String> {
    let (our_work, their_work) = (small(Peer::Plangrad), small(peer));
    let (ours, theirs) = (step(&ours(timings, &our_work)?), step(&theirs(timings, &their_work)?));
    let ratio = theirs / ours;
    let text = format!(
        "{:.1} µs a step, {} {:.1} µs: {ratio:.2} times as fast",
        1e6 * ours,
        their_work.program(),
        1e6 * theirs
    );
    verdict(ratio >= times, text)
}

fn share(timings: &[Timing], tf32: bool) -> Known<String> {
    let (our_work, their_work) = (large(tf32), product(tf32));
    let (ours, theirs) = (ours(timings, &our_work)?, theirs(timings, &their_work)?);
    let [ours, theirs] = [ours, theirs].map(|speed| speed.operations_per_second);
    let text = format!(
        "{:.2} TFLOP/s at 784-4096-10, batch 8192; {} {:.2}: {:.1} %",
        1e-12 * ours,
        their_work.program(),
        1e-12 * theirs,
        100.0 * ours / theirs
    );
    verdict(ours >= SHARE * theirs, text)
}

/// Seconds of a step; no number, and below no bound, where none was told.
fn step(speed: &Speed) -> f64 {
    speed.step_seconds.unwrap_or(f64::NAN)
}

/// What was measured, or what it means for a target that it was not.
fn find(timings: &[Timing], work: &Work, unknown: fn(String) -> Trouble) -> Known<Speed> {
    let found = timings.iter().find(|timing| timing.work == *work);
    let speed = found.map_or(Err(Trouble::OutOfTime), |timing| timing.speed.clone());
    speed.map_err(|trouble| match trouble {
        Trouble::OutOfTime => Trouble::OutOfTime,
        trouble => unknown(format!("{}: {}", work.program(), trouble.reason())),
    })
}

/// What we took. If that is not known for another reason than time, the target is missed.
fn ours(timings: &[Timing], work: &Work) -> Known<Speed> {
    find(timings, work, Trouble::Failed)
}

/// What a peer took. If that is not known there is nothing to judge by.
fn theirs(timings: &[Timing], work: &Work) -> Known<Speed> {
    find(timings, work, Trouble::Skipped)
}
