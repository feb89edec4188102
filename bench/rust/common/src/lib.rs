//! What all peers share: arguments, data in memory, the order of an epoch, and the line that is printed.

mod data;
mod floats;
mod record;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

pub use data::{Data, Samples, Targets, load};
pub use floats::flush_denormals;
pub use record::Record;

/// Units of the last layer for classes.
pub const CLASSES: usize = 10;

/// Rows evaluated at once.
pub const EVALUATION_BATCH: usize = 1000;

/// The work, as `bench/peers.py` takes it too.
#[derive(Parser)]
pub struct Arguments {
    #[arg(long, value_enum, default_value = "mnist")]
    pub data: DataKind,
    /// Folder with mnist/ and cifar-10-batches-bin/
    #[arg(long, default_value = "data")]
    pub data_dir: PathBuf,
    /// Inputs of random data
    #[arg(long, default_value_t = 784)]
    pub inputs: usize,
    /// Units of the hidden layers
    #[arg(long, value_delimiter = ',', default_value = "128")]
    pub hidden: Vec<usize>,
    /// Rows of random data
    #[arg(long, default_value_t = 60_000)]
    pub rows: usize,
    #[arg(long, default_value_t = 64)]
    pub batch_size: usize,
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    #[arg(long, default_value_t = 5)]
    pub epochs: usize,
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
}

/// What is learnt from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DataKind {
    Mnist,
    Cifar10,
    /// Random bytes of ten classes
    Random,
    /// Random numbers and one number to learn
    Regression,
}

impl Arguments {
    /// Inputs and outputs of each layer.
    pub fn layers(&self, data: &Data) -> Vec<[usize; 2]> {
        let outputs = match data.train.targets {
            Targets::Classes(_) => CLASSES,
            Targets::Values(_) => 1,
        };
        let units: Vec<usize> = [&[data.inputs][..], &self.hidden, &[outputs]].concat();
        units.windows(2).map(|pair| [pair[0], pair[1]]).collect()
    }
}

/// Random numbers: SplitMix64 (Steele, Lea and Flood 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from -bound to bound.
    pub fn uniform(&mut self, bound: f32) -> f32 {
        let unit = (self.next() >> 40) as f32 / (1_u64 << 24) as f32;
        (2.0 * unit - 1.0) * bound
    }

    /// 0 .. n in random order.
    pub fn order(&mut self, n: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        for i in (1..n).rev() {
            order.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
        order
    }
}
