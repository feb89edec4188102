//! The gradient of a batch is the mean of the gradients of its samples, shown on twelve digits.
//!
//! ```text
//! cargo run --release --example mean_of_gradients
//! ```
//!
//! That is why a batch may be taken in parts when memory is short, why the parts count by their size, and why a larger
//! batch is less noisy. `docs/gradients.md` walks through what this prints.

use std::fmt;

use plangrad::train;
use plangrad_data::{DatasetName, LoadOptions, Normalize, Split, load_split};
use std::sync::Arc;

use plangrad_nn::{Loss, Mlp, MlpConfig, Mode, Task};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{Graph, Keep, Optimizer, Plan, Session, Source};

type Error = Box<dyn std::error::Error>;

/// Samples in the batch; in the first of its two uneven parts; in the parts in which all digits are taken.
const BATCH: usize = 12;
const FIRST_PART: usize = 5;
const PART_OF_ALL: usize = 1000;

fn main() -> Result<(), Error> {
    print!("{}", compare()?);
    Ok(())
}

/// Takes all gradients at the same weights, those a run with seed 42 begins with.
pub(crate) fn compare() -> Result<Comparison, Error> {
    let (task, digits) = digits()?;
    let mut network = Network::new(&task, &digits)?;
    let samples: Vec<u32> = (0..digits.len() as u32).collect();
    let (tensors, whole) = mean_of_singles(&mut network, &samples[..BATCH])?;
    let [by_size, by_half] = two_parts(&mut network, &samples[..BATCH], &whole)?;
    let (all_norm, noise) = noise(&mut network, &samples)?;
    Ok(Comparison { tensors, by_size, by_half, all_norm, noise })
}

/// The gradient of a batch, and how it compares with the mean of the gradients of its samples.
fn mean_of_singles(network: &mut Network<'_>, batch: &[u32]) -> Result<(Vec<Tensor>, Gradient), Error> {
    let whole = network.gradient(batch)?;
    let mean = Gradient::mean(&network.each(batch.chunks(1))?);
    let difference = whole.minus(&mean);
    let parameters = network.task.model().weights().parameters().iter().enumerate();
    let tensors = parameters.map(|(i, parameter)| Tensor {
        name: parameter.name().to_owned(),
        shape: parameter.file_shape(),
        norm: norm(&whole.0[i]),
        largest: largest(&whole.0[i]),
        difference: largest(&difference.0[i]),
    });
    Ok((tensors.collect(), whole))
}

/// How far the gradients of 5 and 7 samples are from that of the 12, counted by their size and by half.
fn two_parts(network: &mut Network<'_>, batch: &[u32], whole: &Gradient) -> Result<[f64; 2], Error> {
    let (first, second) = batch.split_at(FIRST_PART);
    let parts = [network.gradient(first)?, network.gradient(second)?];
    let share = first.len() as f64 / batch.len() as f64;
    let distance = |weights| Gradient::sum(&parts, weights).minus(whole).norm() / whole.norm();
    Ok([distance([share, 1.0 - share]), distance([0.5, 0.5])])
}

/// The norm of the gradient of all samples, and how far those of batches of 1, 12 and 144 are from it.
fn noise(network: &mut Network<'_>, samples: &[u32]) -> Result<(f64, Vec<Noise>), Error> {
    let all = Gradient::mean(&network.each(samples.chunks(PART_OF_ALL))?); // equal parts: their mean is the whole
    let mut rows = Vec::new();
    for batch_size in [1, BATCH, BATCH * BATCH] {
        let batches = network.each(samples.chunks(batch_size).take(12))?;
        rows.push(Noise {
            batch_size,
            norm: mean(batches.iter().map(Gradient::norm)),
            distance: mean(batches.iter().map(|gradient| gradient.minus(&all).norm())),
        });
    }
    Ok((all.norm(), rows))
}

/// The digits that plangrad draws itself, and the network 784-128-10 that is to tell them apart.
fn digits() -> Result<(Task, Source), Error> {
    let data = load_split(&DatasetName::Digits, &LoadOptions::default(), Split::Train)?;
    let classes = data.classes.len();
    let config = MlpConfig::new(&data.sample_shape, classes).hidden(&[128]);
    let network = Arc::new(Mlp::new(&config)?);
    let task = train::task(&data, Normalize::Dataset, network, Loss::CrossEntropy)?;
    Ok((task, train::source(data.train, classes)?))
}

/// A network with its first weights, and a plan for each size of batch whose gradient is asked for.
struct Network<'a> {
    task: &'a Task,
    digits: &'a Source,
    session: Session,
}

impl<'a> Network<'a> {
    fn new(task: &'a Task, digits: &'a Source) -> Result<Self, Error> {
        let sizes = [1, FIRST_PART, BATCH - FIRST_PART, BATCH, BATCH * BATCH, PART_OF_ALL];
        let plans = sizes.map(|size| gradient_plan(task, size)).into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut session = Session::new(&Cpu::open(CpuOptions::default())?, plans)?;
        task.initialise(&mut session, 42)?;
        Ok(Self { task, digits, session })
    }

    /// The gradient of the mean loss of these samples.
    fn gradient(&mut self, samples: &[u32]) -> Result<Gradient, Error> {
        let fits = |plan: &Plan| plan.batch_size() == samples.len();
        let plan = self.session.plans().iter().position(fits).ok_or("no plan for batches of this size")?;
        self.session.run(plan, &self.digits.batches(samples)?)?;
        let tensors = self.task.model().weights().parameters().iter().map(|parameter| {
            let values = self.session.gradient(parameter.id())?;
            Ok(values.into_iter().map(f64::from).collect())
        });
        tensors.collect::<Result<_, Error>>().map(Gradient)
    }

    fn each<'b>(&mut self, batches: impl Iterator<Item = &'b [u32]>) -> Result<Vec<Gradient>, Error> {
        batches.map(|batch| self.gradient(batch)).collect()
    }
}

/// A batch forward to the mean of its losses and backward to the gradient, which is kept; the weights stay as they are.
fn gradient_plan(task: &Task, batch_size: usize) -> Result<Plan, Error> {
    let graph = Graph::new();
    let images = graph.samples(task.samples(), batch_size)?;
    let labels = graph.targets(task.targets(), batch_size)?;
    let scores = task.model().record(&graph, images, Mode::Train)?;
    let loss = scores.cross_entropy_losses(labels)?.mean()?;

    let parameters = task.model().weights().parameters();
    let weights = parameters.iter().map(|p| graph.parameter(p)).collect::<Result<Vec<_>, _>>()?;
    for (parameter, gradient) in parameters.iter().zip(graph.gradients(loss, &weights)?) {
        graph.store_gradient(parameter, gradient, Keep::Replace)?;
    }
    let sgd = Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 };
    Ok(Plan::new(&graph, &task.training_state(sgd)?, &[])?)
}

/// Values for each tensor of the network, computed in f32 and compared in f64.
struct Gradient(Vec<Vec<f64>>);

impl Gradient {
    fn mean(gradients: &[Gradient]) -> Gradient {
        Gradient::sum(gradients, std::iter::repeat_n(1.0 / gradients.len() as f64, gradients.len()))
    }

    /// Σ weight · gradient.
    fn sum(gradients: &[Gradient], weights: impl IntoIterator<Item = f64>) -> Gradient {
        let mut sum = Gradient(gradients[0].0.iter().map(|values| vec![0.0; values.len()]).collect());
        for (gradient, weight) in gradients.iter().zip(weights) {
            for (sum, value) in sum.0.iter_mut().flatten().zip(gradient.0.iter().flatten()) {
                *sum += weight * value;
            }
        }
        sum
    }

    fn minus(&self, other: &Gradient) -> Gradient {
        let tensors = self.0.iter().zip(&other.0);
        Gradient(tensors.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a - b).collect()).collect())
    }

    fn norm(&self) -> f64 {
        norm(self.0.iter().flatten())
    }
}

/// √Σx².
fn norm<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    values.into_iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

/// What was found.
pub(crate) struct Comparison {
    /// The gradient of the batch beside the mean of those of its samples.
    pub(crate) tensors: Vec<Tensor>,
    /// How far 5/12 of the first part's gradient + 7/12 of the second's are from the batch's, in units of its norm.
    pub(crate) by_size: f64,
    /// The same for half of each.
    pub(crate) by_half: f64,
    /// Norm of the gradient of all digits.
    pub(crate) all_norm: f64,
    /// What batches of several sizes make of it.
    pub(crate) noise: Vec<Noise>,
}

/// The gradient of the batch by one tensor of the network.
pub(crate) struct Tensor {
    pub(crate) name: String,
    shape: Vec<usize>,
    norm: f64,
    /// Its entry of the largest size.
    pub(crate) largest: f64,
    /// Its entry that differs most from the mean of the single gradients differs by so much.
    difference: f64,
}

/// Gradients of twelve batches of one size, on average.
pub(crate) struct Noise {
    pub(crate) batch_size: usize,
    pub(crate) norm: f64,
    /// Norm of the difference from the gradient of all digits.
    pub(crate) distance: f64,
}

impl Tensor {
    /// The largest difference in units of the largest entry.
    pub(crate) fn relative(&self) -> f64 {
        self.difference / self.largest
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "The gradient of a batch of 12 beside the mean of twelve single gradients\n")?;
        writeln!(f, "tensor         shape        norm  largest entry  largest difference  relative")?;
        for tensor in &self.tensors {
            let Tensor { name, norm, largest, difference, .. } = tensor;
            let (shape, relative) = (format!("{:?}", tensor.shape), tensor.relative());
            write!(f, "{name:<13}  {shape:<10}  {norm:5.3}  {largest:13.4}")?;
            writeln!(f, "  {difference:18.1e}  {relative:8.1e}")?;
        }
        writeln!(f, "\nIn parts of 5 and 7: distance from the batch's gradient, as a share of its norm\n")?;
        writeln!(f, "5/12 of the first + 7/12 of the second  {:7.1e}", self.by_size)?;
        writeln!(f, "1/2 of each                             {:7.3}", self.by_half)?;
        writeln!(
            f,
            "\nTwelve batches of each size, on average; the gradient of all digits is {:.2} long\n",
            self.all_norm
        )?;
        writeln!(f, "batch size   norm  distance from that of all digits")?;
        self.noise.iter().try_for_each(|Noise { batch_size, norm, distance }| {
            writeln!(f, "{batch_size:10}  {norm:5.2}  {distance:32.2}")
        })
    }
}
