//! Datasets as normalised floats in memory.

use std::fs::File;
use std::io::{Error, Read};
use std::path::Path;

use flate2::read::GzDecoder;

use crate::{Arguments, CLASSES, DataKind, Random};

/// A training set, and a test set where there is one.
pub struct Data {
    pub inputs: usize,
    pub train: Samples,
    pub test: Option<Samples>,
}

/// Rows of floats, and what is to be learnt of each.
pub struct Samples {
    pub x: Vec<f32>,
    pub targets: Targets,
}

pub enum Targets {
    Classes(Vec<u8>),
    Values(Vec<f32>),
}

impl Samples {
    pub fn rows(&self) -> usize {
        match &self.targets {
            Targets::Classes(classes) => classes.len(),
            Targets::Values(values) => values.len(),
        }
    }
}

pub fn load(arguments: &Arguments) -> Result<Data, Error> {
    match arguments.data {
        DataKind::Mnist => mnist(&arguments.data_dir.join("mnist")),
        DataKind::Cifar10 => cifar10(&arguments.data_dir.join("cifar-10-batches-bin")),
        DataKind::Random => Ok(random(arguments)),
        DataKind::Regression => Ok(regression(arguments)),
    }
}

fn mnist(folder: &Path) -> Result<Data, Error> {
    let read = |name: &str, header: usize| -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        GzDecoder::new(File::open(folder.join(name))?).read_to_end(&mut bytes)?;
        Ok(bytes.split_off(header))
    };
    let samples = |kind: &str| -> Result<Samples, Error> {
        let x = normalised(&read(&format!("{kind}-images-idx3-ubyte.gz"), 16)?, 0.1307, 0.3081);
        Ok(Samples { x, targets: Targets::Classes(read(&format!("{kind}-labels-idx1-ubyte.gz"), 8)?) })
    };
    Ok(Data { inputs: 784, train: samples("train")?, test: Some(samples("t10k")?) })
}

fn cifar10(folder: &Path) -> Result<Data, Error> {
    const INPUTS: usize = 3072;
    let samples = |names: &[String]| -> Result<Samples, Error> {
        let (mut x, mut classes) = (Vec::new(), Vec::new());
        for name in names {
            for record in std::fs::read(folder.join(name))?.chunks_exact(INPUTS + 1) {
                classes.push(record[0]);
                x.extend_from_slice(&record[1..]);
            }
        }
        Ok(Samples { x: normalised(&x, 0.5, 0.5), targets: Targets::Classes(classes) })
    };
    let train: Vec<String> = (1..6).map(|i| format!("data_batch_{i}.bin")).collect();
    Ok(Data { inputs: INPUTS, train: samples(&train)?, test: Some(samples(&["test_batch.bin".to_owned()])?) })
}

fn random(arguments: &Arguments) -> Data {
    let mut random = Random(1);
    let bytes: Vec<u8> = (0..arguments.rows * arguments.inputs).map(|_| random.next() as u8).collect();
    let classes = (0..arguments.rows).map(|i| (i % CLASSES) as u8).collect();
    let train = Samples { x: normalised(&bytes, 0.1307, 0.3081), targets: Targets::Classes(classes) };
    Data { inputs: arguments.inputs, train, test: None }
}

/// Uniform numbers; the sum of the first two is to be learnt.
fn regression(arguments: &Arguments) -> Data {
    let mut random = Random(1);
    let x: Vec<f32> = (0..arguments.rows * arguments.inputs).map(|_| random.uniform(1.0)).collect();
    let values = x.chunks_exact(arguments.inputs).map(|row| row.iter().take(2).sum()).collect();
    Data { inputs: arguments.inputs, train: Samples { x, targets: Targets::Values(values) }, test: None }
}

fn normalised(bytes: &[u8], mean: f32, deviation: f32) -> Vec<f32> {
    bytes.iter().map(|&byte| (f32::from(byte) / 255.0 - mean) / deviation).collect()
}
