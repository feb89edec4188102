//! Times training epochs on random data: `cargo run --release -p plangrad-nn --example step_time -- [threads] [batch] [inputs] [hidden]`;
//! with 0 threads as many are used as pay; `cuda` and `cuda-tf32` in their place mean GPU 0. `hidden` is the units of a layer, or
//! of several: `256,256`. Words behind them: `kept` keeps gradients on the processor too, `gathered` gathers samples into a place
//! of their own, `regression` learns one number from f32
//! inputs, `rows=N` and `epochs=N` say how much of it, `set=avx2` (`avx512`, `portable`) or the
//! name of an instruction set with which instructions. The last line is JSON.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::Backend;
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions, InstructionSet};
use plangrad_tensor::backend::cuda::{self, CudaOptions, Precision};
use plangrad_tensor::{
    DType, Gradients, Inputs, Optimizer, SampleFormat, Samples, Schedule, Session, Shape, Source, Targets,
    random,
};

fn main() -> Result<(), Box<dyn Error>> {
    let work = Work::parse(std::env::args().skip(1))?;
    let backend = work.backend()?;
    let task = work.task(&backend)?;
    let optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
    let plan = task.training_plan(optimizer, Schedule::Constant { learning_rate: 1e-3 }, work.batch)?;
    println!("{:#?}", plan.describe());
    println!("{}", plan.report());
    let mut source = work.source()?;
    let order = random_order(source.len());
    source.upload(&backend)?;
    let mut session = Session::new(&backend, vec![plan])?;
    task.initialise(&mut session, 42)?;
    let mut steps = Vec::new();
    for epoch in 0..work.epochs {
        let start = Instant::now();
        session.run(0, &source.batches(&order)?)?;
        let loss = session.metrics()?.mean_loss(); // a device is done when it tells this
        let seconds = start.elapsed().as_secs_f64();
        let step = seconds / (order.len() / work.batch) as f64;
        println!("epoch {epoch}: {seconds:.4} s, {:.1} µs a step, loss {loss:.4}", 1e6 * step);
        steps.push(step);
    }
    let fastest = steps.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "{{\"step_seconds\": {fastest}, \"operations_per_second\": {}, \"epoch_step_seconds\": {steps:?}}}",
        work.operations() / fastest
    );
    Ok(())
}

/// What is timed.
struct Work {
    /// How many threads, or which GPU.
    device: String,
    batch: usize,
    inputs: usize,
    hidden: Vec<usize>,
    rows: usize,
    epochs: usize,
    keeps_gradients: bool,
    gathers: bool,
    is_regression: bool,
    instruction_set: Option<InstructionSet>,
}

impl Work {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Work, Box<dyn Error>> {
        let mut work = Work {
            device: "2".into(),
            batch: 64,
            inputs: 784,
            hidden: vec![128],
            rows: 60_000,
            epochs: 6,
            keeps_gradients: false,
            gathers: false,
            is_regression: false,
            instruction_set: None,
        };
        for (i, argument) in arguments.enumerate() {
            let number = |text: &str| match text.parse::<usize>() {
                Ok(number) if number > 0 => Ok(number),
                _ => Err(format!("`{argument}` is not what was expected there: a number above 0")),
            };
            match (i, argument.split_once('=')) {
                (_, Some(("rows", rows))) => work.rows = number(rows)?,
                (_, Some(("epochs", epochs))) => work.epochs = number(epochs)?,
                (_, Some(("set", name))) => work.instruction_set = Some(instruction_set(name)?),
                (0, None) => work.device = argument,
                (1, None) => work.batch = number(&argument)?,
                (2, None) => work.inputs = number(&argument)?,
                (3, None) => work.hidden = argument.split(',').map(number).collect::<Result<_, _>>()?,
                (_, None) if argument == "kept" => work.keeps_gradients = true,
                (_, None) if argument == "gathered" => work.gathers = true,
                (_, None) if argument == "regression" => work.is_regression = true,
                _ => work.instruction_set = Some(instruction_set(&argument)?),
            }
        }
        work.rows = (work.rows / work.batch).max(1) * work.batch;
        Ok(work)
    }

    /// The processor with so many threads, or a GPU.
    fn backend(&self) -> Result<Backend, Box<dyn Error>> {
        let precision = match self.device.as_str() {
            "cuda" => Precision::F32,
            "cuda-tf32" => Precision::Tf32,
            threads => {
                let options = CpuOptions::default().threads(Some(threads.parse()?).filter(|&n| n > 0));
                return Ok(Cpu::open(match self.instruction_set {
                    Some(set) => options.instruction_set(set),
                    None => options,
                })?);
            }
        };
        Ok(cuda::open(CudaOptions::default().precision(precision))?)
    }

    fn task(&self, backend: &Backend) -> Result<Task, Box<dyn Error>> {
        let model = Mlp::new(&MlpConfig::new(&[self.inputs], self.outputs()).hidden(&self.hidden))?;
        let shape = Shape::new(&[self.inputs])?;
        let task = if self.is_regression {
            Task::new(Arc::new(model), SampleFormat::new(shape, DType::F32), Loss::Mse)?
        } else {
            let samples = SampleFormat::new(shape, DType::U8).normalized([0.0128], [-0.42]);
            Task::new(Arc::new(model), samples, Loss::CrossEntropy)?
        };
        let keeps = !backend.device().consumes_gradients() || self.keeps_gradients;
        let task = task.with_gradients(if keeps { Gradients::Kept } else { Gradients::Consumed });
        let leanest = Inputs::leanest(backend.device());
        Ok(task.with_inputs(if self.gathers { Inputs::Gathered } else { leanest }))
    }

    fn outputs(&self) -> usize {
        if self.is_regression { 1 } else { 10 }
    }

    /// Bytes, three of four of them 0, and classes; or numbers and their sums.
    fn source(&self) -> Result<Source, Box<dyn Error>> {
        let numbers =
            (0..self.rows * self.inputs).map(|i| (i, random::philox([i as u32, 0, 0, 0], [1, 2])[0]));
        if self.is_regression {
            let x: Vec<f32> = numbers.map(|(_, number)| number as f32 / u32::MAX as f32 - 0.5).collect();
            let values = x.chunks_exact(self.inputs).map(|row| row.iter().take(2).sum()).collect();
            return Ok(Source::new(Samples::F32(x), Targets::Values { values, width: 1 }, self.inputs)?);
        }
        let pixels = numbers.map(|(i, number)| if number & 3 == 0 { (i % 251) as u8 } else { 0 }).collect();
        let labels = (0..self.rows).map(|i| (i % 10) as u8).collect();
        Ok(Source::new(Samples::U8(pixels), Targets::Classes(labels), self.inputs)?)
    }

    /// Operations of a step's products: forward, weights, and hidden units where another layer is below.
    fn operations(&self) -> f64 {
        let units = [&[self.inputs][..], &self.hidden, &[self.outputs()]].concat();
        let layers = units.windows(2).enumerate();
        let passes = layers.map(|(i, pair)| (if i == 0 { 4 } else { 6 }) * pair[0] * pair[1]);
        (self.batch * passes.sum::<usize>()) as f64
    }
}

/// The one with this name, or with its name in lower case and one word.
fn instruction_set(name: &str) -> Result<InstructionSet, String> {
    let full = match name {
        "avx512" => "AVX-512",
        "avx2" => "AVX2+FMA",
        name => name,
    };
    InstructionSet::named(full).ok_or_else(|| {
        format!("`{name}` is none of kept, gathered, regression, rows=, epochs=, and no instruction set")
    })
}

fn random_order(rows: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    for i in (1..rows).rev() {
        order.swap(i, random::philox([i as u32, 1, 0, 0], [3, 4])[0] as usize % (i + 1));
    }
    order
}
