//! The work in candle: tensors in memory, a batch by `index_select`, candle's own AdamW without decay.

use std::time::Instant;

use candle_core::{D, Device, Result, Tensor, Var};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, loss};
use clap::Parser;
use gemm as _; // named for its feature alone
use peer_common::{Arguments, EVALUATION_BATCH, Random, Record, Samples, Targets, flush_denormals, load};

const DEVICE: Device = Device::Cpu;

fn main() -> Result<()> {
    flush_denormals();
    let arguments = Arguments::parse();
    let mut record = Record::new("candle 0.11.1");
    let data = load(&arguments)?;
    let mut random = Random(arguments.seed);
    let model = Mlp::new(&arguments.layers(&data), &mut random)?;
    let (x, targets) = tensors(&data.train, data.inputs)?;
    let parameters = ParamsAdamW { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 };
    let mut optimizer = AdamW::new(model.variables.clone(), parameters)?;
    for _ in 0..arguments.epochs {
        record.epoch_begins();
        let mut losses = Vec::new();
        for rows in random.order(data.train.rows()).chunks(arguments.batch_size) {
            let rows = Tensor::from_slice(rows, rows.len(), &DEVICE)?;
            let (x, targets) = (x.index_select(&rows, 0)?, targets.index_select(&rows, 0)?);
            let output = model.forward(&x)?;
            let loss = match data.train.targets {
                Targets::Classes(_) => loss::cross_entropy(&output, &targets)?,
                Targets::Values(_) => loss::mse(&output, &targets)?,
            };
            optimizer.backward_step(&loss)?;
            losses.push(loss.detach());
            record.step_done();
        }
        Tensor::stack(&losses, 0)?.mean_all()?.to_scalar::<f32>()?;
        record.epoch_ends();
    }
    if let Some(test) = &data.test {
        let (x, labels) = tensors(test, data.inputs)?;
        for _ in 0..2 {
            let began = Instant::now();
            let correct = model.correct(&x, &labels)?;
            record.evaluated(began, correct, test.rows());
        }
    }
    record.print();
    Ok(())
}

/// Linear layers with ReLU between them.
struct Mlp {
    layers: Vec<Linear>,
    variables: Vec<Var>,
}

impl Mlp {
    fn new(layers: &[[usize; 2]], random: &mut Random) -> Result<Mlp> {
        let mut mlp = Mlp { layers: Vec::new(), variables: Vec::new() };
        for &[inputs, outputs] in layers {
            let bound = (inputs as f32).powf(-0.5);
            let mut variable = |elements: usize, shape: &[usize]| {
                let values: Vec<f32> = (0..elements).map(|_| random.uniform(bound)).collect();
                Var::from_tensor(&Tensor::from_vec(values, shape, &DEVICE)?)
            };
            let weight = variable(inputs * outputs, &[outputs, inputs])?;
            let bias = variable(outputs, &[outputs])?;
            mlp.layers.push(Linear::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone())));
            mlp.variables.extend([weight, bias]);
        }
        Ok(mlp)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            x = if i == 0 { layer.forward(&x)? } else { layer.forward(&x.relu()?)? };
        }
        Ok(x)
    }

    fn correct(&self, x: &Tensor, labels: &Tensor) -> Result<usize> {
        let (rows, mut correct) = (x.dim(0)?, 0);
        for start in (0..rows).step_by(EVALUATION_BATCH) {
            let count = EVALUATION_BATCH.min(rows - start);
            let classes = self.forward(&x.narrow(0, start, count)?)?.argmax(D::Minus1)?;
            let same = classes.eq(&labels.narrow(0, start, count)?)?;
            correct += same.to_dtype(candle_core::DType::U32)?.sum_all()?.to_scalar::<u32>()? as usize;
        }
        Ok(correct)
    }
}

fn tensors(samples: &Samples, inputs: usize) -> Result<(Tensor, Tensor)> {
    let rows = samples.rows();
    let x = Tensor::from_vec(samples.x.clone(), (rows, inputs), &DEVICE)?;
    let targets = match &samples.targets {
        Targets::Classes(classes) => {
            let classes: Vec<u32> = classes.iter().map(|&class| u32::from(class)).collect();
            Tensor::from_vec(classes, rows, &DEVICE)?
        }
        Targets::Values(values) => Tensor::from_vec(values.clone(), (rows, 1), &DEVICE)?,
    };
    Ok((x, targets))
}
