//! `plangrad fit`: the largest batch that fits, every trial on the way, and how fast training is.

use plangrad_tensor::Backend;
use serde::Serialize;

use super::device;
use super::subject;
use crate::cli::FitArgs;
use crate::device::GpuMemory;
use crate::error::{Error, Result};
use crate::fit::{Fit, FitOptions, Method, StoppedBy, Throughput, Trial, TrialOutcome, fit, recommended};
use crate::memory::levers_of;
use crate::numbers::{counted, grouped, grouped_bytes, size};
use crate::output::{Align, Console, Table};
use crate::train::{Interrupts, SampleCounts, Stop, Subject, network_and_optimizer, samples};

pub(super) fn perform(arguments: &FitArgs, console: &Console) -> Result<()> {
    let mut options = arguments.options()?; // wrong options are refused before the data are loaded
    let (_, mut subject) = subject::load(&arguments.subject, &arguments.levers, arguments.parts.seed)?;
    let interrupts = Interrupts::listen(); // before, a signal ends the program: reading a pipe may never end
    arguments.device.budget.note().iter().for_each(|note| Console::remark(note));
    let backend;
    (backend, options.budget) =
        device::open_within_means(&arguments.device, arguments.precision.precision, subject.order_bytes())?;
    let network = network_and_optimizer(subject.task(), options.optimizer);
    let (device, budget) = (backend.device().to_string(), backend.memory().budget);
    let gpu_memory = GpuMemory::of(&backend);
    let memory = gpu_memory.map_or(String::new(), |memory| format!("{device}: {memory}\n"));
    let numbers = arguments.precision.precision.words();
    let heading = format!("{memory}{}", heading(&network, &subject, &format!("{device}{numbers}"), budget));
    let mut is_first = true;
    let mut report = |trial: &Trial| {
        if std::mem::take(&mut is_first) {
            console.text(&heading)?;
        }
        console.text(&line(trial))
    };
    let found = fit(&mut subject, &backend, &options, &mut report, interrupts.stop())?;
    console.text(&result(&found, arguments))?;
    let levers = match arguments.tells_levers {
        true => Some(levers(&mut subject, &backend, &options, interrupts.stop())?),
        false => None,
    };
    levers.iter().try_for_each(|levers| console.text(&levers_table(levers)))?;
    console.json(&Object {
        network,
        device,
        gpu_memory,
        method: arguments.method,
        safety: arguments.safety,
        recommended_batch_size: recommended(found.max_batch_size, arguments.safety),
        knee_batch_size: found.knee(),
        budget_bytes: budget,
        levers,
        found: &found,
    })
}

/// The largest batch with a lever, and those before it.
#[derive(Serialize)]
struct LeverFit {
    name: &'static str,
    /// 0 if none fits.
    max_batch_size: usize,
    total_bytes: u64,
    measured_bytes: u64,
}

fn levers(
    subject: &mut Subject,
    backend: &Backend,
    options: &FitOptions,
    stop: &Stop,
) -> Result<Vec<LeverFit>> {
    let device = backend.device();
    let fitted = |(name, memory)| {
        let options = FitOptions { memory, measures_speed: false, ..options.clone() };
        let nothing = LeverFit { name, max_batch_size: 0, total_bytes: 0, measured_bytes: 0 };
        match fit(subject, backend, &options, &mut |_| Ok(()), stop) {
            Ok(Fit { max_batch_size, total_bytes, measured_bytes, .. }) => {
                Ok(LeverFit { name, max_batch_size, total_bytes, measured_bytes })
            }
            Err(Error::OutOfMemory { .. }) => Ok(nothing),
            Err(error) => Err(error),
        }
    };
    levers_of(device).map(fitted).collect()
}

fn levers_table(levers: &[LeverFit]) -> String {
    let mut table = Table::new([
        ("", Align::Left),
        ("largest batch", Align::Right),
        ("planned", Align::Right),
        ("measured", Align::Right),
    ]);
    for LeverFit { name, max_batch_size, total_bytes, measured_bytes } in levers {
        let [planned, measured] = [*total_bytes, *measured_bytes].map(grouped_bytes);
        table.row([(*name).to_owned(), grouped(*max_batch_size), planned, measured]);
    }
    format!(
        "\nLevers, each with those before it, proven by a step and the refusal of the next size\n\n{table}"
    )
}

/// The subject and the device, and the headings of the trials.
fn heading(network: &str, subject: &Subject, device: &str, budget: Option<u64>) -> String {
    let SampleCounts { train, validation, test } = subject.samples();
    let budget = budget.map_or(String::new(), |bytes| {
        format!(", which may take {} bytes ({})", grouped_bytes(bytes), size(bytes))
    });
    format!(
        "{network}; {}; on {device}{budget}\n\nbatch size            bytes",
        samples(train, validation, test)
    )
}

fn line(trial: &Trial) -> String {
    let outcome = match trial.outcome {
        TrialOutcome::Proven { eval_batch_size: Some(n), .. } => {
            format!("reserved; a step taken, and {} evaluated", counted(n, "test sample"))
        }
        TrialOutcome::Proven { eval_batch_size: None, .. } => "reserved; a step taken".to_owned(),
        TrialOutcome::Refused { free_bytes, .. } => {
            let although = if free_bytes < trial.total_bytes { ":" } else { ", although" };
            format!("refused{although} {} bytes are free", grouped_bytes(free_bytes))
        }
    };
    format!("{:>10}  {:>15}  {outcome}", grouped(trial.batch_size), grouped_bytes(trial.total_bytes))
}

fn result(found: &Fit, arguments: &FitArgs) -> String {
    let Fit { max_batch_size, total_bytes, measured_bytes, .. } = *found;
    let mut text = format!(
        "\nlargest      {}: {} bytes planned, {} measured\nstopped by   {}\nrecommended  {}, which is {} of it",
        grouped(max_batch_size),
        grouped_bytes(total_bytes),
        grouped_bytes(measured_bytes),
        reason(found),
        grouped(recommended(max_batch_size, arguments.safety)),
        arguments.safety,
    );
    if let Some(knee) = found.knee() {
        text += "\n\nbatch size  speed";
        for Throughput { batch_size, samples_per_second } in &found.throughput {
            let rate = grouped(samples_per_second.round() as usize);
            text += &format!("\n{:>10}  {rate} samples/s", grouped(*batch_size));
        }
        text += &format!("\nThe knee is at {}: the smallest within 5 % of the fastest.", grouped(knee));
    }
    text
}

/// Why there is no larger one.
fn reason(found: &Fit) -> String {
    let next = found.next_total_bytes.map_or(String::new(), |bytes| {
        format!(": {} would take {} bytes", grouped(found.max_batch_size + 1), grouped_bytes(bytes))
    });
    match found.stopped_by {
        StoppedBy::Budget => format!("the budget{next}"),
        StoppedBy::DeviceMemory => format!("what the device has{next}"),
        StoppedBy::DatasetSize => {
            "the size of the dataset: that is all there is to learn from (--synthetic goes beyond)".to_owned()
        }
        StoppedBy::MaxBatch => "--max-batch".to_owned(),
        StoppedBy::IndexLimit => "the 32 bits that number the samples of a batch".to_owned(),
        StoppedBy::Time => "--time-limit: larger ones may fit".to_owned(),
    }
}

/// A fit and what it is about. Serialises to the JSON documented in `docs/json.md`.
#[derive(Serialize)]
struct Object<'a> {
    network: String,
    device: String,
    gpu_memory: Option<GpuMemory>,
    method: Method,
    safety: f64,
    recommended_batch_size: usize,
    knee_batch_size: Option<usize>,
    budget_bytes: Option<u64>,
    levers: Option<Vec<LeverFit>>,
    #[serde(flatten)]
    found: &'a Fit,
}
