//! A piece of work that every program can be asked to do.

use std::fmt;

/// What is learnt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    /// The real images, from their files.
    Mnist,
    /// The same.
    Cifar10,
    /// Random bytes of ten classes, so many in a row.
    Random(usize),
    /// Random numbers, so many in a row, and one number to learn.
    Regression(usize),
}

/// A network of linear layers with ReLU, trained with Adam.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) data: Data,
    pub(super) hidden: Vec<usize>,
    pub(super) batch: usize,
    pub(super) threads: usize,
}

/// Operations in an epoch of random data: a tenth of a second, or some.
const OPERATIONS: f64 = 3e10;

/// Bounds to its steps: small batches measure overhead, and peers have much of it; of large ones a few have to do.
const STEPS: (f64, f64) = (5.0, 2000.0);

impl Data {
    /// As the programs' options name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Data::Mnist => "mnist",
            Data::Cifar10 => "cifar10",
            Data::Random(_) => "random",
            Data::Regression(_) => "regression",
        }
    }

    pub(super) fn inputs(self) -> usize {
        match self {
            Data::Mnist => 784,
            Data::Cifar10 => 3072,
            Data::Random(inputs) | Data::Regression(inputs) => inputs,
        }
    }

    fn outputs(self) -> usize {
        if matches!(self, Data::Regression(_)) { 1 } else { 10 }
    }
}

impl Work {
    /// Inputs, hidden units and outputs: 784-128-10.
    pub(super) fn network(&self) -> String {
        self.units().iter().map(usize::to_string).collect::<Vec<_>>().join("-")
    }

    /// Hidden units as the programs' options name them.
    pub(super) fn hidden_list(&self) -> String {
        self.hidden.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
    }

    fn units(&self) -> Vec<usize> {
        [&[self.data.inputs()][..], &self.hidden, &[self.data.outputs()]].concat()
    }

    /// Operations on a sample in products: forward, gradients of weights, and of hidden units where another layer is below.
    fn operations_per_sample(&self) -> f64 {
        let layers = self.units();
        let layers = layers.windows(2).enumerate();
        layers.map(|(i, pair)| (if i == 0 { 4.0 } else { 6.0 }) * (pair[0] * pair[1]) as f64).sum()
    }

    /// Samples in an epoch.
    pub(super) fn rows(&self) -> usize {
        match self.data {
            Data::Mnist => 60_000,
            Data::Cifar10 => 50_000,
            Data::Random(_) | Data::Regression(_) => {
                let operations = self.operations_per_sample() * self.batch as f64;
                (OPERATIONS / operations).round().clamp(STEPS.0, STEPS.1) as usize * self.batch
            }
        }
    }

    /// Whether an epoch of it means something, so that its time is reported; for random data that of a step is.
    pub(super) fn is_real(&self) -> bool {
        matches!(self.data, Data::Mnist | Data::Cifar10)
    }

    /// Steps in the period whose time is reported.
    fn steps(&self) -> usize {
        if self.is_real() { 1 } else { self.rows() / self.batch }
    }

    /// From the seconds of an epoch to those of the period reported.
    pub(super) fn unit_seconds(&self, epoch: f64) -> f64 {
        epoch / self.steps() as f64
    }

    /// Operations in the period whose time is reported.
    pub(super) fn operations(&self) -> f64 {
        self.operations_per_sample() * self.rows() as f64 / self.steps() as f64
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.threads == 1 { "thread" } else { "threads" };
        write!(f, "{}, batch {}, {} {noun}", self.network(), self.batch, self.threads)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_the_products_without_the_gradient_of_the_inputs() {
        let work = |data, hidden: &[usize], batch| Work { data, hidden: hidden.to_vec(), batch, threads: 2 };
        let mnist = work(Data::Mnist, &[128], 64);
        assert_eq!(mnist.operations(), 60_000.0 * 128.0 * (4.0 * 784.0 + 6.0 * 10.0));
        assert_eq!(mnist.unit_seconds(0.5), 0.5);
        let deep = work(Data::Random(8), &[4, 2], 16);
        assert_eq!(deep.operations(), 16.0 * (4.0 * 32.0 + 6.0 * (8.0 + 20.0)));
        assert_eq!(deep.rows(), 2000 * 16);
        assert_eq!(deep.unit_seconds(1.0), 1.0 / 2000.0);
        assert_eq!(deep.to_string(), "8-4-2-10, batch 16, 2 threads");
        assert_eq!(work(Data::Random(1024), &[1024; 3], 8192).rows(), 5 * 8192);
        assert_eq!(work(Data::Regression(32), &[64], 1).network(), "32-64-1");
    }
}
