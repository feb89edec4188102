//! What is measured: a list of parts, each with its work and how it is shown.

use super::peers::{ALL_PEERS, QUICK_PEERS};
use super::work::{Data, Work};

/// A part of the benchmark.
pub(super) struct Part {
    pub(super) name: &'static str,
    /// What its tables are about, for a heading.
    pub(super) title: &'static str,
    pub(super) shown: Shown,
    /// Peers that are measured, if they are asked for.
    pub(super) peers: &'static [&'static str],
    work: fn() -> Vec<Work>,
}

/// How outcomes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A table for each work, a row for each program, with start, memory and accuracy.
    Programs,
    /// One table, a row for each work.
    Rows,
    /// The same, and a chart over this axis.
    Curve(Axis),
}

/// What differs between the points of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Batch,
    Width,
    Depth,
    Threads,
}

impl Axis {
    pub(super) fn name(self) -> &'static str {
        match self {
            Axis::Batch => "batch size",
            Axis::Width => "hidden units",
            Axis::Depth => "hidden layers",
            Axis::Threads => "threads",
        }
    }

    /// Where a work lies on it.
    pub(super) fn place(self, work: &Work) -> usize {
        match self {
            Axis::Batch => work.batch,
            Axis::Width => work.hidden[0],
            Axis::Depth => work.hidden.len(),
            Axis::Threads => work.threads,
        }
    }
}

impl Part {
    /// Its work; of MNIST with other batch sizes where they are given.
    pub(super) fn work(&self, batch_sizes: &[usize]) -> Vec<Work> {
        if self.name == "mnist" && !batch_sizes.is_empty() {
            return batch_sizes.iter().map(|&batch| mnist_of(batch, 2)).collect();
        }
        (self.work)()
    }
}

/// All parts, in the order of the page.
pub(super) const PARTS: [Part; 8] = [
    Part { name: "mnist", title: "MNIST", shown: Shown::Programs, peers: &ALL_PEERS, work: mnist },
    Part { name: "cifar10", title: "CIFAR-10", shown: Shown::Programs, peers: &ALL_PEERS, work: cifar10 },
    Part {
        name: "networks",
        title: "Wide and deep networks",
        shown: Shown::Rows,
        peers: &ALL_PEERS,
        work: networks,
    },
    Part { name: "regression", title: "Regression", shown: Shown::Rows, peers: &ALL_PEERS, work: regression },
    Part {
        name: "batches",
        title: "Batch size",
        shown: Shown::Curve(Axis::Batch),
        peers: &QUICK_PEERS,
        work: batches,
    },
    Part {
        name: "widths",
        title: "Width",
        shown: Shown::Curve(Axis::Width),
        peers: &QUICK_PEERS,
        work: widths,
    },
    Part {
        name: "depths",
        title: "Depth",
        shown: Shown::Curve(Axis::Depth),
        peers: &QUICK_PEERS,
        work: depths,
    },
    Part {
        name: "threads",
        title: "Threads",
        shown: Shown::Curve(Axis::Threads),
        peers: &QUICK_PEERS,
        work: threads,
    },
];

/// The main job.
pub(super) fn mnist_of(batch: usize, threads: usize) -> Work {
    Work { data: Data::Mnist, hidden: vec![128], batch, threads }
}

fn mnist() -> Vec<Work> {
    [(64, 2), (64, 1), (16, 2), (128, 2), (1024, 2), (8192, 2)]
        .map(|(batch, threads)| mnist_of(batch, threads))
        .to_vec()
}

fn cifar10() -> Vec<Work> {
    vec![Work { data: Data::Cifar10, hidden: vec![128], batch: 64, threads: 2 }]
}

fn random(inputs: usize, hidden: &[usize], batch: usize, threads: usize) -> Work {
    Work { data: Data::Random(inputs), hidden: hidden.to_vec(), batch, threads }
}

fn networks() -> Vec<Work> {
    vec![random(784, &[2048], 1024, 2), random(3072, &[1024], 1024, 2), random(1024, &[1024; 3], 256, 2)]
}

fn regression() -> Vec<Work> {
    let work = |batch| Work { data: Data::Regression(32), hidden: vec![128, 64], batch, threads: 2 };
    vec![work(64), work(1024)]
}

fn batches() -> Vec<Work> {
    [1, 4, 16, 64, 256, 1024, 4096, 8192].map(|batch| random(784, &[128], batch, 2)).to_vec()
}

fn widths() -> Vec<Work> {
    [32, 128, 512, 2048].map(|width| random(784, &[width], 256, 2)).to_vec()
}

fn depths() -> Vec<Work> {
    [1, 2, 4, 8].map(|depth| random(784, &vec![256; depth], 256, 2)).to_vec()
}

/// From one thread to as many as there are cores, two at least, doubling.
fn threads() -> Vec<Work> {
    let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get()).max(2);
    let counts = std::iter::successors(Some(1), |count| Some(2 * count)).take_while(|count| *count < cores);
    counts.chain([cores]).map(|count| random(784, &[128], 64, count)).collect()
}
