//! Times training epochs on random bytes: `cargo run --release -p plangrad-nn --example step_time -- [threads] [batch] [inputs] [hidden]`;
//! with 0 threads as many are used as pay; `cuda` and `cuda-tf32` in their place mean GPU 0. `kept` behind them keeps
//! gradients on the processor too, `gathered` gathers samples into a place of their own, and the
//! name of an instruction set chooses that. The last line is JSON.

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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number =
        |i: usize, default: usize| std::env::args().nth(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (batch, inputs, hidden) = (number(2, 64), number(3, 784), number(4, 128));
    let backend = backend(&std::env::args().nth(1).unwrap_or_else(|| "2".into()))?;
    let rows = 60_000 / batch * batch;
    let model = Mlp::new(&MlpConfig::new(&[inputs], 10).hidden(&[hidden]))?;
    let samples = SampleFormat::new(Shape::new(&[inputs])?, DType::U8).normalized([0.0128], [-0.42]);
    let task = Task::new(Arc::new(model), samples, Loss::CrossEntropy)?;
    let asked = |what: &str| std::env::args().skip(5).any(|arg| arg == what);
    let keeps = !backend.device().consumes_gradients() || asked("kept");
    let task = task.with_gradients(if keeps { Gradients::Kept } else { Gradients::Consumed });
    let leanest = Inputs::leanest(backend.device());
    let task = task.with_inputs(if asked("gathered") { Inputs::Gathered } else { leanest });
    let optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
    let plan = task.training_plan(optimizer, Schedule::Constant { learning_rate: 1e-3 }, batch)?;
    println!("{:#?}", plan.describe());
    println!("{}", plan.report());
    let pixels: Vec<u8> = (0..rows * inputs)
        .map(|i| if random::philox([i as u32, 0, 0, 0], [1, 2])[0] & 3 == 0 { (i % 251) as u8 } else { 0 })
        .collect();
    let labels = (0..rows).map(|i| (i % 10) as u8).collect();
    let mut source = Source::new(Samples::U8(pixels), Targets::Classes(labels), inputs)?;
    let mut order: Vec<u32> = (0..rows as u32).collect();
    for i in (1..rows).rev() {
        order.swap(i, random::philox([i as u32, 1, 0, 0], [3, 4])[0] as usize % (i + 1));
    }
    source.upload(&backend)?;
    let mut session = Session::new(&backend, vec![plan])?;
    task.initialise(&mut session, 42)?;
    let mut fastest = f64::INFINITY;
    for epoch in 0..6 {
        let start = Instant::now();
        session.run(0, &source.batches(&order)?)?;
        let loss = session.metrics()?.mean_loss(); // a device is done when it tells this
        let seconds = start.elapsed().as_secs_f64();
        let step = seconds / (rows / batch) as f64;
        println!("epoch {epoch}: {seconds:.4} s, {:.1} µs a step, loss {loss:.4}", 1e6 * step);
        fastest = fastest.min(step);
    }
    let operations = (batch * hidden * (4 * inputs + 6 * 10)) as f64; // of the products: forward, weights, hidden units
    println!("{{\"step_seconds\": {fastest}, \"operations_per_second\": {}}}", operations / fastest);
    Ok(())
}

/// The processor with so many threads, or a GPU.
fn backend(name: &str) -> Result<Backend, Box<dyn std::error::Error>> {
    let precision = match name {
        "cuda" => Precision::F32,
        "cuda-tf32" => Precision::Tf32,
        threads => {
            let threads = Some(threads.parse()?).filter(|&n| n > 0);
            let options = CpuOptions::default().threads(threads);
            let set = std::env::args().skip(5).find_map(|arg| InstructionSet::named(&arg));
            return Ok(Cpu::open(set.map_or(options.clone(), |set| options.instruction_set(set)))?);
        }
    };
    Ok(cuda::open(CudaOptions::default().precision(precision))?)
}
