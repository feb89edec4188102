//! Times training epochs on random bytes: `cargo run --release -p plangrad-nn --example step_time -- [threads] [batch] [inputs] [hidden]`;
//! with 0 threads as many are used as pay.

use std::time::Instant;

use plangrad_nn::{Activation, Loss, Mlp, MlpConfig, Task};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{
    DType, Optimizer, SampleFormat, Samples, Schedule, Session, Shape, Source, Targets, random,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let number =
        |i: usize, default: usize| std::env::args().nth(i).and_then(|a| a.parse().ok()).unwrap_or(default);
    let (threads, batch, inputs, hidden) = (number(1, 2), number(2, 64), number(3, 784), number(4, 128));
    let rows = 60_000 / batch * batch;
    let config = MlpConfig {
        sample_shape: vec![inputs],
        hidden: vec![hidden],
        outputs: 10,
        activation: Activation::Relu,
        dropout: 0.0,
    };
    let model = Mlp::new(&config)?;
    let samples = SampleFormat {
        shape: Shape::new(&[inputs])?,
        dtype: DType::U8,
        scale: [0.0128].into(),
        shift: [-0.42].into(),
    };
    let task = Task { model, samples, loss: Loss::CrossEntropy };
    let optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
    let plan = task.training_plan(optimizer, Schedule::Constant { learning_rate: 1e-3 }, batch)?;
    println!("{:#?}", plan.describe());
    println!("{}", plan.report());
    let pixels: Vec<u8> = (0..rows * inputs)
        .map(|i| if random::philox([i as u32, 0, 0, 0], [1, 2])[0] & 3 == 0 { (i % 251) as u8 } else { 0 })
        .collect();
    let labels = (0..rows).map(|i| (i % 10) as u8).collect();
    let source = Source::new(Samples::U8(pixels), Targets::Classes(labels), inputs)?;
    let mut order: Vec<u32> = (0..rows as u32).collect();
    for i in (1..rows).rev() {
        order.swap(i, random::philox([i as u32, 1, 0, 0], [3, 4])[0] as usize % (i + 1));
    }
    let mut session = Session::new(
        &Cpu::open(CpuOptions { threads: Some(threads).filter(|&n| n > 0), ..CpuOptions::default() })?,
        vec![plan],
    )?;
    task.model.initialise(&mut session, 42)?;
    for epoch in 0..6 {
        let start = Instant::now();
        session.run(0, &source.batches(&order)?)?;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "epoch {epoch}: {seconds:.4} s, {:.1} µs a step, loss {:.4}",
            seconds / (rows / batch) as f64 * 1e6,
            session.metrics().mean_loss()
        );
    }
    Ok(())
}
