//! `plangrad eval`: the loss and accuracy of a trained model, and which classes it confuses.

use plangrad_data::{LabelUse, Split};
use serde::Serialize;

use super::{device, trained};
use crate::cli::{EvalArgs, TrainedDataArgs};
use crate::error::Result;
use crate::model::{Evaluation, Questions, Request};
use crate::numbers::{counted, grouped, size};
use crate::output::Console;
use crate::output::{Align, Table};
use crate::process;
use crate::train::{Interrupts, source};

/// Letters of a class name above a column of the confusion matrix.
const HEADING: usize = 5;

/// Confusions listed if the matrix is too wide for the terminal.
const MOST_LISTED: usize = 20;

pub(super) fn eval(arguments: &EvalArgs, console: &mut Console) -> Result<()> {
    let model = trained::open(&arguments.trained)?;
    let Questions { subset, classes, what, .. } = model.load(&request(&arguments.data, arguments.split))?;
    let interrupts = Interrupts::listen(); // before, a signal ends the program: reading a pipe may never end
    let heading = format!(
        "{}: {}, trained on {}\n{what}: {}",
        model.file().display(),
        model.layers(),
        model.origin(),
        counted(subset.len(), "sample"),
    );
    let source = source(subset)?;
    let evaluate = |backend: &_| model.evaluate(&source, arguments.batch_size, backend, interrupts.stop());
    let evaluation = device::compute(&arguments.device, evaluate)?;
    console.text(&text(&heading, &evaluation, &classes))?;
    let Evaluation { loss, samples, confusion, planned_bytes, measured_bytes, .. } = &evaluation;
    let object = Object {
        loss: *loss,
        accuracy: evaluation.accuracy(),
        samples: *samples,
        confusion,
        classes: &classes,
        planned_bytes: *planned_bytes,
        measured_bytes: *measured_bytes,
        peak_resident_bytes: process::peak_resident_bytes(),
    };
    console.json(&object)
}

/// The samples that options ask for.
pub(super) fn request(data: &TrainedDataArgs, split: Option<Split>) -> Request<'_> {
    Request {
        dataset: data.dataset.as_ref(),
        data_dir: data.named_folder(),
        split,
        file: data.file.options(),
        labels: LabelUse::Required,
    }
}

fn text(heading: &str, evaluation: &Evaluation, classes: &[String]) -> String {
    let mut text = format!("{heading}\n\nloss      {:.4}", evaluation.loss);
    if let (Some(correct), Some(accuracy)) = (evaluation.correct, evaluation.accuracy()) {
        let (correct, samples) = (grouped(correct as usize), grouped(evaluation.samples));
        text += &format!("\naccuracy  {:.2} % ({correct} of {samples})", 100.0 * accuracy);
    }
    let (planned, measured) = (size(evaluation.planned_bytes), size(evaluation.measured_bytes));
    let peak =
        process::peak_resident_bytes().map_or(String::new(), |peak| format!(", process peak {}", size(peak)));
    text += &format!("\nmemory    {planned} planned, {measured} measured{peak}");
    if let Some(confusion) = &evaluation.confusion {
        text += &format!("\n\n{}", confusion_text(confusion, classes));
    }
    text
}

/// The whole matrix, or if that is too wide its largest entries off the diagonal.
fn confusion_text(confusion: &[Vec<u64>], classes: &[String]) -> String {
    let matrix = matrix(confusion, classes);
    if matrix.width() <= Console::width().max(80) {
        return format!("Confusion (rows: the label; columns: the answer)\n\n{matrix}");
    }
    let (table, listed, all) = most_confused(confusion, classes);
    format!("Most frequent confusions ({listed} of {all}; --format json has the whole matrix)\n\n{table}")
}

fn matrix(confusion: &[Vec<u64>], classes: &[String]) -> Table {
    let short: Vec<String> = classes.iter().map(|name| name.chars().take(HEADING).collect()).collect();
    let columns = short.iter().map(|name| (name.as_str(), Align::Right));
    let mut table = Table::new([("", Align::Left)].into_iter().chain(columns)).gap(1);
    for (name, row) in classes.iter().zip(confusion) {
        let cells = row.iter().map(|&count| if count == 0 { "·".to_owned() } else { count.to_string() });
        table.row([name.clone()].into_iter().chain(cells));
    }
    table
}

fn most_confused(confusion: &[Vec<u64>], classes: &[String]) -> (Table, usize, usize) {
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (label, row) in confusion.iter().enumerate() {
        let wrong = row.iter().enumerate().filter(|&(answer, &count)| answer != label && count > 0);
        pairs.extend(wrong.map(|(answer, &count)| (count, label, answer)));
    }
    pairs.sort_by_key(|&(count, label, answer)| (std::cmp::Reverse(count), label, answer));
    let mut table = Table::new([("label", Align::Left), ("answer", Align::Left), ("times", Align::Right)]);
    for &(count, label, answer) in pairs.iter().take(MOST_LISTED) {
        table.row([classes[label].clone(), classes[answer].clone(), count.to_string()]);
    }
    (table, pairs.len().min(MOST_LISTED), pairs.len())
}

#[derive(Serialize)]
struct Object<'a> {
    loss: f64,
    accuracy: Option<f64>,
    samples: usize,
    confusion: &'a Option<Vec<Vec<u64>>>,
    classes: &'a [String],
    planned_bytes: u64,
    measured_bytes: u64,
    peak_resident_bytes: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("class {number}")).collect()
    }

    #[test]
    fn a_small_matrix_is_shown_whole() {
        let classes = ["cat".to_owned(), "automobile".to_owned()];
        let text = confusion_text(&[vec![12, 0], vec![3, 9]], &classes);
        assert!(
            text.ends_with("\n\n           cat autom\ncat         12     ·\nautomobile   3     9"),
            "{text}"
        );
    }

    #[test]
    fn of_a_wide_matrix_the_largest_confusions_are_listed() {
        let mut confusion = vec![vec![0; 100]; 100];
        (confusion[3][3], confusion[7][2], confusion[5][9]) = (50, 4, 6);
        let text = confusion_text(&confusion, &names(100));
        assert!(text.starts_with("Most frequent confusions (2 of 2;"), "{text}");
        assert!(text.ends_with("class 5  class 9      6\nclass 7  class 2      4"), "{text}");
    }
}
