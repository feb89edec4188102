//! `plangrad plan`: the memory of batch sizes, to the byte, without running anything.
//!
//! No dataset has to be there, except a table, whose columns and rows decide. Others are taken to be complete: of a
//! partial one only the last batch of an epoch differs, unless a batch is larger than it.

mod json;
mod report;
mod text;

use plangrad_data::Split;
use plangrad_nn::{Loss, Task};
use plangrad_tensor::{DType, Device, SampleFormat, Shape};

use self::report::{Planned, Report};
use super::subject::Described;
use crate::charts;
use crate::cli::{PlanArgs, SubjectArgs, TaskArgs, TimelineTarget};
use crate::device::DeviceChoice;
use crate::drawing::PictureFile;
use crate::error::{Error, Result};
use crate::language::{Language, text};
use crate::loading::load;
use crate::memory::{BatchPlan, Blueprint, Timeline, levers, trades};
use crate::numbers::grouped_bytes;
use crate::output::Console;
use crate::train::{SampleCounts, check_samples, network_and_optimizer, samples, task};

pub(super) fn plan(arguments: &PlanArgs, console: &Console) -> Result<()> {
    arguments.budget.note().iter().for_each(|note| Console::remark(note));
    let subject = subject(arguments)?;
    let rows: Vec<BatchPlan> =
        arguments.batch_sizes.iter().map(|&n| subject.blueprint.row(n)).collect::<Result<_>>()?;
    let first = arguments.batch_sizes.first().copied().filter(|_| arguments.tells_levers);
    let of_first = |size| levers(&subject.blueprint, size, arguments.budget.bytes());
    let levers = first.map(of_first).transpose()?;
    let report = Report { arguments, subject: &subject, rows: &rows, levers: levers.as_deref() };
    console.text(&report.text())?;
    if let Some(first) = rows.first() {
        let part =
            if first.part < first.samples { format!(", a part of {}", first.part) } else { String::new() };
        let bytes = grouped_bytes(first.step().bytes() as u64);
        let title = format!("{}, batch {}{part}: {bytes} bytes", subject.network, first.batch_size);
        draw(&Timeline::new(first.step(), title), &arguments.timeline, console)?;
    }
    if let Some(file) = &arguments.trades {
        draw_trades(&subject, arguments.batch_sizes[0], file, console)?;
    }
    console.json(&report.object())
}

fn draw_trades(subject: &Planned, batch_size: usize, file: &PictureFile, console: &Console) -> Result<()> {
    let trades = trades(&subject.blueprint, batch_size)?;
    let title = format!("{}, batch {batch_size}", subject.network);
    file.write(&charts::trades(title, &trades), "--trades")?;
    console.text(&text!("\nwritten to {file}", file = file.path().display()))
}

fn subject(arguments: &PlanArgs) -> Result<Planned> {
    let optimizer = arguments.step.optimizer(None)?;
    let choice = DeviceChoice::resolve(arguments.device)?;
    let device = arguments.precision.precision.choice(choice)?.device();
    let (task, samples, data) = match (&arguments.input, arguments.classes) {
        (Some(shape), Some(classes)) => of_shape(arguments, shape, classes)?,
        _ => of_dataset(arguments, device)?,
    };
    let levers = &arguments.levers;
    levers.check(task.loss())?;
    // What a step takes does not depend on how many samples a class has.
    let weights = levers.class_weights(|| vec![1; task.model().outputs()])?;
    let task = levers.levers().on(task, weights.as_deref())?;
    let eval_batch_size = arguments.step.eval_batch_size;
    let blueprint = Blueprint {
        task,
        optimizer,
        samples,
        eval_batch_size,
        accumulate: arguments.accumulate,
        memory: arguments.step.memory(arguments.precision),
        budget: arguments.budget.bytes(),
        device,
    };
    let [network, said] = [Language::English, Language::current()]
        .map(|language| network_and_optimizer(&blueprint.task, optimizer, language));
    Ok(Planned { blueprint, network, said, data })
}

/// A task, its samples (`None` for any number), and what these are in words.
type Foreseen = (Task, Option<SampleCounts>, String);

fn of_shape(arguments: &PlanArgs, shape: &[usize], classes: usize) -> Result<Foreseen> {
    if arguments.subject.task.loss == Loss::Mse {
        let problem = "mse is for the numbers of a table (--dataset csv:FILE), not for --classes";
        return Err(Error::option("--loss", problem));
    }
    let task = images(arguments, shape, classes)?;
    Ok((task, None, text!("samples of shape {shape}, as many as are wanted", shape = format!("{shape:?}"))))
}

fn of_dataset(arguments: &PlanArgs, device: Device) -> Result<Foreseen> {
    let SubjectArgs { data, task: TaskArgs { loss }, .. } = &arguments.subject;
    let described = Described::of(&arguments.subject.model)?;
    let (name, labels) = arguments.subject.foreseen()?;
    let (task, counts, notes) = match name.spec() {
        Some(spec) => {
            let task = images(arguments, &spec.sample_shape, spec.classes.len())?;
            // Which samples are kept for validation is decided by a hash of each, so without them only the share is known.
            let share = data.validation_fraction.unwrap_or(0.0);
            let kept = (spec.train_samples as f64 * share).round() as usize;
            let about = match kept {
                0 => String::new(),
                _ => text!(" (about: a hash of each sample decides)"),
            };
            let partial = match device.has_own_memory() {
                true => text!("; of a partial one the device holds less"),
                false => text!(
                    "; of a partial one only the last batch of an epoch differs, unless a batch is larger than all there is"
                ),
            };
            (task, SampleCounts::new(spec.train_samples - kept, kept, spec.test_samples), [about, partial])
        }
        None => {
            let table = load(&name, &data.options(labels, arguments.parts.seed), None)?;
            let network = described.network(&table.sample_shape, table.outputs())?;
            let task = task(&table, data.normalize, network, *loss)?;
            let [train, validation, test] = Split::ALL.map(|split| split.of(&table).len());
            (task, SampleCounts::new(train, validation, test), Default::default())
        }
    };
    let SampleCounts { train, validation, test, .. } = counts;
    check_samples(&name, train)?;
    let data = text!("{dataset}: {samples}", dataset = name, samples = samples(train, validation, test))
        + &notes.concat();
    Ok((task, Some(counts), data))
}

/// A classification of images, stored as bytes.
fn images(arguments: &PlanArgs, shape: &[usize], classes: usize) -> Result<Task> {
    let samples = SampleFormat::new(Shape::new(shape)?, DType::U8);
    let SubjectArgs { model, task, .. } = &arguments.subject;
    let network = Described::of(model)?.network(shape, classes)?;
    Ok(Task::new(network, samples, task.loss)?)
}

fn draw(timeline: &Timeline, targets: &[TimelineTarget], console: &Console) -> Result<()> {
    for target in targets {
        match target {
            TimelineTarget::Terminal => {
                console.drawing(&format_args!("\n{}", timeline.text(console.colour())))?;
            }
            TimelineTarget::File(file) => {
                file.write(&timeline.draw(), "--timeline")?;
                console.text(&text!("\nwritten to {file}", file = file.path().display()))?;
            }
        }
    }
    Ok(())
}
