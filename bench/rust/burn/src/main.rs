//! The work in burn: tensors in memory, a batch by `select`, burn's own Adam, on its CPU backend of the name flex.

use std::time::Instant;

use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig, MseLoss, Reduction};
use burn::nn::{Linear, LinearConfig, Relu};
use burn::optim::{AdamConfig, GradientsParams};
use burn::prelude::*;
use clap::Parser;
use peer_common::{Arguments, EVALUATION_BATCH, Random, Record, Samples, flush_denormals, load};

fn main() -> Result<(), std::io::Error> {
    flush_denormals();
    let arguments = Arguments::parse();
    let mut record = Record::new("burn 0.22.1");
    let data = load(&arguments)?;
    let plain = Device::flex();
    plain.seed(arguments.seed);
    let device = plain.clone().autodiff();
    let mut model = Mlp::new(&arguments.layers(&data), &device);
    let (x, targets) = (inputs(&data.train, data.inputs, &device), Targets::new(&data.train, &device));
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    let mut random = Random(arguments.seed);
    for _ in 0..arguments.epochs {
        record.epoch_begins();
        let mut total: Option<Tensor<1>> = None;
        for rows in random.order(data.train.rows()).chunks(arguments.batch_size) {
            let rows = integers(rows.iter().map(|&row| row as i32), &device);
            let output = model.forward(x.clone().select(0, rows.clone()));
            let loss = targets.loss(output, rows, &cross_entropy);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(1e-3, model, gradients);
            let loss = loss.detach().inner();
            total = Some(match total {
                None => loss,
                Some(total) => total + loss,
            });
            record.step_done();
        }
        total.map(|total| total.into_scalar::<f32>());
        plain.sync().map_err(std::io::Error::other)?;
        record.epoch_ends();
    }
    if let Some(test) = &data.test {
        let (model, x, labels) = (model.valid(), inputs(test, data.inputs, &plain), classes(test, &plain));
        for _ in 0..2 {
            let began = Instant::now();
            let correct = model.correct(&x, &labels, test.rows());
            record.evaluated(began, correct, test.rows());
        }
    }
    record.print();
    Ok(())
}

/// Linear layers with ReLU between them.
#[derive(Module, Debug)]
struct Mlp {
    layers: Vec<Linear>,
    activation: Relu,
}

impl Mlp {
    fn new(layers: &[[usize; 2]], device: &Device) -> Mlp {
        let layer = |&[inputs, outputs]: &[usize; 2]| LinearConfig::new(inputs, outputs).init(device);
        Mlp { layers: layers.iter().map(layer).collect(), activation: Relu::new() }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let (first, others) = self.layers.split_first().expect("there is a last layer");
        others.iter().fold(first.forward(x), |x, layer| layer.forward(self.activation.forward(x)))
    }

    fn correct(&self, x: &Tensor<2>, labels: &Tensor<1, Int>, rows: usize) -> usize {
        let starts = (0..rows).step_by(EVALUATION_BATCH);
        let counts = starts.map(|start| {
            let part = start..(start + EVALUATION_BATCH).min(rows);
            let classes = self.forward(x.clone().slice([part.clone()])).argmax(1).flatten::<1>(0, 1);
            classes.equal(labels.clone().slice([part])).int().sum().into_scalar::<i64>() as usize
        });
        counts.sum()
    }
}

/// What is to be learnt of each row.
enum Targets {
    Classes(Tensor<1, Int>),
    Values(Tensor<2>),
}

impl Targets {
    fn new(samples: &Samples, device: &Device) -> Targets {
        match &samples.targets {
            peer_common::Targets::Classes(_) => Targets::Classes(classes(samples, device)),
            peer_common::Targets::Values(values) => {
                let values = TensorData::new(values.clone(), [values.len(), 1]);
                Targets::Values(Tensor::from_data(values, device))
            }
        }
    }

    fn loss(&self, output: Tensor<2>, rows: Tensor<1, Int>, cross_entropy: &CrossEntropyLoss) -> Tensor<1> {
        match self {
            Targets::Classes(classes) => cross_entropy.forward(output, classes.clone().select(0, rows)),
            Targets::Values(values) => {
                MseLoss::new().forward(output, values.clone().select(0, rows), Reduction::Mean)
            }
        }
    }
}

fn inputs(samples: &Samples, inputs: usize, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(samples.x.clone(), [samples.rows(), inputs]), device)
}

fn classes(samples: &Samples, device: &Device) -> Tensor<1, Int> {
    let peer_common::Targets::Classes(classes) = &samples.targets else {
        unreachable!("only data of classes have a test set")
    };
    integers(classes.iter().map(|&class| i32::from(class)), device)
}

fn integers(numbers: impl Iterator<Item = i32>, device: &Device) -> Tensor<1, Int> {
    let numbers: Vec<i32> = numbers.collect();
    let length = numbers.len();
    Tensor::from_data(TensorData::new(numbers, [length]), device)
}
