//! `plangrad fit`: the largest batch that fits, every trial on the way, and how fast training is.

use plangrad_tensor::Backend;
use serde::Serialize;

use super::device;
use super::subject;
use crate::cli::FitArgs;
use crate::device::GpuMemory;
use crate::error::{Error, Result};
use crate::fit::{Fit, FitOptions, Method, StoppedBy, Throughput, Trial, TrialOutcome, fit, recommended};
use crate::language::{Language, text};
use crate::memory::levers_of;
use crate::numbers::{counted_text, grouped, grouped_bytes, size};
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
    let [network, said] = [Language::English, Language::current()]
        .map(|language| network_and_optimizer(subject.task(), options.optimizer, language));
    let (device, budget) = (backend.device().to_string(), backend.memory().budget);
    let gpu_memory = GpuMemory::of(&backend);
    let memory = gpu_memory.map_or(String::new(), |memory| format!("{device}: {memory}\n"));
    let numbers = arguments.precision.precision.words();
    let heading = format!("{memory}{}", heading(&said, &subject, &format!("{device}{numbers}"), budget));
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
        (String::new(), Align::Left),
        (text!("largest batch"), Align::Right),
        (text!("planned"), Align::Right),
        (text!("measured"), Align::Right),
    ]);
    for LeverFit { name, max_batch_size, total_bytes, measured_bytes } in levers {
        let [planned, measured] = [*total_bytes, *measured_bytes].map(grouped_bytes);
        table.row([(*name).to_owned(), grouped(*max_batch_size), planned, measured]);
    }
    let heading =
        text!("Levers, each with those before it, proven by a step and the refusal of the next size");
    format!("\n{heading}\n\n{table}")
}

/// The subject and the device, and the headings of the trials.
fn heading(network: &str, subject: &Subject, device: &str, budget: Option<u64>) -> String {
    let SampleCounts { train, validation, test } = subject.samples();
    let budget = budget.map_or(String::new(), |bytes| {
        text!(", which may take {bytes} bytes ({size})", bytes = grouped_bytes(bytes), size = size(bytes))
    });
    let samples = samples(train, validation, test);
    let place = text!("on {device}", device);
    let columns = text!("batch size            bytes");
    text!("{network}; {samples}; {place}{budget}", network, samples, place, budget) + "\n\n" + &columns
}

fn line(trial: &Trial) -> String {
    let outcome = match trial.outcome {
        TrialOutcome::Proven { eval_batch_size: Some(n), .. } => {
            let samples = counted_text!(n, "{number} test sample", "{number} test samples");
            text!("reserved; a step taken, and {samples} evaluated", samples)
        }
        TrialOutcome::Proven { eval_batch_size: None, .. } => text!("reserved; a step taken"),
        TrialOutcome::Refused { free_bytes, .. } if free_bytes < trial.total_bytes => {
            text!("refused: {bytes} bytes are free", bytes = grouped_bytes(free_bytes))
        }
        TrialOutcome::Refused { free_bytes, .. } => {
            text!("refused, although {bytes} bytes are free", bytes = grouped_bytes(free_bytes))
        }
    };
    format!("{:>10}  {:>15}  {outcome}", grouped(trial.batch_size), grouped_bytes(trial.total_bytes))
}

fn result(found: &Fit, arguments: &FitArgs) -> String {
    let Fit { max_batch_size, total_bytes, measured_bytes, .. } = *found;
    let mut text = text!(
        "\nlargest      {largest}: {planned} bytes planned, {measured} measured\nstopped by   {reason}\n\
         recommended  {recommended}, which is {safety} of it",
        largest = grouped(max_batch_size),
        planned = grouped_bytes(total_bytes),
        measured = grouped_bytes(measured_bytes),
        reason = reason(found),
        recommended = grouped(recommended(max_batch_size, arguments.safety)),
        safety = arguments.safety,
    );
    if let Some(knee) = found.knee() {
        text += &text!("\n\nbatch size  speed");
        for Throughput { batch_size, samples_per_second } in &found.throughput {
            let rate = grouped(samples_per_second.round() as usize);
            let speed = text!("{rate} samples/s", rate);
            text += &format!("\n{:>10}  {speed}", grouped(*batch_size));
        }
        text +=
            &text!("\nThe knee is at {knee}: the smallest within 5 % of the fastest.", knee = grouped(knee));
    }
    text
}

/// Why there is no larger one.
fn reason(found: &Fit) -> String {
    let next = found.next_total_bytes.map_or(String::new(), |bytes| {
        let (size, bytes) = (grouped(found.max_batch_size + 1), grouped_bytes(bytes));
        text!(": {size} would take {bytes} bytes", size, bytes)
    });
    match found.stopped_by {
        StoppedBy::Budget => text!("the budget{next}", next),
        StoppedBy::DeviceMemory => text!("what the device has{next}", next),
        StoppedBy::DatasetSize => {
            text!("the size of the dataset: that is all there is to learn from (--synthetic goes beyond)")
        }
        StoppedBy::MaxBatch => "--max-batch".to_owned(),
        StoppedBy::IndexLimit => text!("the 32 bits that number the samples of a batch"),
        StoppedBy::Time => text!("--time-limit: larger ones may fit"),
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
