//! `plangrad eval`: the loss of a trained model, and how good its predictions are: for classes, class by class.

use plangrad_data::{LabelUse, Split, Targets};
use serde::Serialize;

use super::quality::{class_table, classification_lines, regression_lines};
use super::{device, trained};
use crate::charts::{ConfusionChart, scatter};
use crate::cli::{EvalArgs, TrainedDataArgs};
use crate::drawing::{Drawing, PictureFile};
use crate::error::{Error, Result};
use crate::language::text;
use crate::model::{Classification, Confused, Confusion, Evaluation, Questions, Regression, Request};
use crate::numbers::{counted_text, grouped, percent, short, size};
use crate::output::Console;
use crate::output::{Align, Table, cut, shortened, untrusted};
use crate::process;
use crate::train::Interrupts;

/// Columns of a class name above a column of the confusion matrix.
const HEADING: usize = 5;

/// Columns of a class name before a row of it, and in a list of confusions.
const NAME: usize = 28;

/// Confusions listed if the matrix is too wide for the terminal.
const MOST_LISTED: usize = 20;

pub(super) fn eval(arguments: &EvalArgs, console: &mut Console) -> Result<()> {
    arguments.plot.iter().try_for_each(PictureFile::check)?; // before time is spent in vain
    let model = trained::open(&arguments.trained)?;
    let precision = arguments.precision.map_or_else(|| model.precision(), Ok)?;
    let model = model.in_precision(precision);
    let Questions { subset, classes, what, .. } = model.load(&request(&arguments.data, arguments.split))?;
    let interrupts = Interrupts::listen(); // before, a signal ends the program: reading a pipe may never end
    let heading = text!(
        "{file}: {layers}, trained on {origin}\n{what}: {samples}",
        file = model.file().display(),
        layers = model.layers(),
        origin = model.origin(),
        what,
        samples = counted_text!(subset.len(), "{number} sample", "{number} samples"),
    );
    let values = match &subset.targets {
        Targets::Values(values) => values.clone(),
        Targets::Classes(_) => Vec::new(),
    };
    let source = model.source(subset)?;
    let evaluate = |backend: &_| model.evaluate(&source, arguments.batch_size, backend, interrupts.stop());
    let evaluation = device::compute_in(precision, &arguments.device, evaluate)?;
    let answers = evaluation.answers.as_deref();
    let regression = answers.map(|answers| Regression::of(&values, answers, model.mean_learnt_from()));
    let report = Report { evaluation: &evaluation, regression, classes: &classes };
    console.text(&report.text(&heading))?;
    if !arguments.plot.is_empty() {
        let drawing = report.draw(&format!("{} on {what}", model.file().display()), &values)?;
        write(&drawing, &arguments.plot, console)?;
    }
    console.json(&report.object())?;
    let is_weighted = model.learnt_with_class_weights()?;
    let remarks = evaluation.classification.iter().flat_map(|found| found.remarks(&classes, is_weighted));
    remarks.for_each(|remark| Console::remark(&remark));
    Ok(())
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

fn write(drawing: &Drawing, files: &[PictureFile], console: &Console) -> Result<()> {
    for (i, file) in files.iter().enumerate() {
        file.write(drawing, "--plot")?;
        let gap = if i == 0 { "\n" } else { "" };
        let written = text!("written to {file}", file = file.path().display());
        console.text(&format_args!("{gap}{written}"))?;
    }
    Ok(())
}

/// What was found, and how good that is.
struct Report<'a> {
    evaluation: &'a Evaluation,
    regression: Option<Regression>,
    classes: &'a [String],
}

impl Report<'_> {
    fn text(&self, heading: &str) -> String {
        let Evaluation { loss, samples, planned_bytes, measured_bytes, .. } = self.evaluation;
        let mut text = format!("{heading}\n\n{}", text!("loss      {loss:.4}", loss));
        if let (Some(correct), Some(accuracy)) = (self.evaluation.correct, self.evaluation.accuracy()) {
            let (correct, samples) = (grouped(correct as usize), grouped(*samples));
            let share = percent(accuracy);
            text += &text!("\naccuracy  {share} ({correct} of {samples})", share, correct, samples);
        }
        let classification = self.evaluation.classification.as_ref();
        let of_classes = classification.into_iter().flat_map(classification_lines);
        let of_numbers = self.regression.iter().flat_map(regression_lines);
        of_classes.chain(of_numbers).for_each(|line| text += &format!("\n{line}"));
        let peak = process::peak_resident_bytes()
            .map_or(String::new(), |peak| text!(", process peak {size}", size = size(peak)));
        let (planned, measured) = (size(*planned_bytes), size(*measured_bytes));
        text += &text!("\nmemory    {planned} planned, {measured} measured{peak}", planned, measured, peak);
        if let Some(found) = classification {
            text += &format!("\n\n{}", class_table(found, self.classes));
        }
        if let Some(confusion) = &self.evaluation.confusion {
            text += &format!("\n\n{}", confusion_text(confusion, self.classes));
        }
        text
    }

    /// The confusion matrix, or numbers beside their predictions.
    fn draw(&self, subject: &str, values: &[f64]) -> Result<Drawing> {
        let Evaluation { classification, confusion, answers, .. } = self.evaluation;
        if let Some(((found, confusion), accuracy)) =
            classification.as_ref().zip(confusion.as_ref()).zip(self.evaluation.accuracy())
        {
            let too_many = || {
                let classes = grouped(self.classes.len());
                let problem =
                    format!("{classes} classes are too many for a matrix; --format json has its entries");
                Error::option("--plot", problem)
            };
            let matrix = confusion.matrix().ok_or_else(too_many)?;
            let title = untrusted(&format!("{subject}: accuracy {}", percent(accuracy)));
            return Ok(ConfusionChart::new(title, matrix, found, self.classes).draw());
        }
        let rmse = self.regression.map_or(String::new(), |found| format!(": RMSE {}", short(found.rmse)));
        let title = untrusted(&format!("{subject}{rmse}"));
        let nothing = || Error::option("--plot", "no prediction is a finite number");
        scatter(title, values, answers.as_deref().unwrap_or_default()).ok_or_else(nothing)
    }

    fn object(&self) -> Object<'_> {
        let evaluation = self.evaluation;
        let classification = evaluation.classification.as_ref();
        let (confusion, regression) = (evaluation.confusion.as_ref(), self.regression);
        let matrix = confusion.and_then(Confusion::matrix);
        Object {
            loss: evaluation.loss,
            accuracy: evaluation.accuracy(),
            samples: evaluation.samples,
            top_5_accuracy: classification.and_then(Classification::top_5_accuracy),
            macro_precision: classification.map(Classification::macro_precision),
            macro_recall: classification.map(Classification::macro_recall),
            macro_f1: classification.map(Classification::macro_f1),
            baseline_accuracy: classification.map(Classification::baseline_accuracy),
            per_class: classification.map(|found| per_class(found, self.classes)),
            confused: confusion.filter(|_| matrix.is_none()).map(triples),
            confusion: matrix,
            classes: self.classes,
            rmse: regression.map(|found| found.rmse),
            mae: regression.map(|found| found.mae),
            r2: regression.and_then(|found| found.r2),
            baseline_rmse: regression.and_then(|found| found.baseline_rmse),
            planned_bytes: evaluation.planned_bytes,
            measured_bytes: evaluation.measured_bytes,
            peak_resident_bytes: process::peak_resident_bytes(),
        }
    }
}

/// The wrong predictions, each as label, prediction, and how often.
fn triples(confusion: &Confusion) -> Vec<[u64; 3]> {
    let of = |found: Confused| [found.label as u64, found.answer as u64, found.times];
    confusion.confused().into_iter().map(of).collect()
}

fn per_class<'a>(found: &Classification, names: &'a [String]) -> Vec<OfClass<'a>> {
    let classes = found.classes.iter().zip(names);
    classes
        .map(|(class, name)| OfClass {
            name,
            precision: class.precision(),
            recall: class.recall(),
            f1: class.f1(),
            support: class.labelled,
            answers: class.answered,
        })
        .collect()
}

/// The whole matrix, or if that is too wide its largest entries off the diagonal.
fn confusion_text(confusion: &Confusion, classes: &[String]) -> String {
    let matrix = confusion.matrix().map(|matrix| table_of(&matrix, classes));
    if let Some(matrix) = matrix.filter(|matrix| matrix.width() <= Console::width()) {
        let heading = text!("Confusion (rows: the label; columns: the prediction)");
        return format!("{heading}\n\n{matrix}");
    }
    let all = confusion.confused();
    let listed = &all[..all.len().min(MOST_LISTED)];
    let heading = text!(
        "Most frequent confusions ({listed} of {all}; --format json has all)",
        listed = listed.len(),
        all = grouped(all.len())
    );
    if listed.is_empty() {
        return text!("No class was taken for another");
    }
    format!("{heading}\n\n{}", list_of(listed, classes))
}

fn table_of(matrix: &[Vec<u64>], classes: &[String]) -> Table {
    let names: Vec<String> = classes.iter().map(|name| untrusted(name)).collect();
    let columns = names.iter().map(|name| (cut(name, HEADING), Align::Right));
    let mut table = Table::new([("", Align::Left)].into_iter().chain(columns)).gap(1);
    for (name, row) in names.iter().zip(matrix) {
        let cells = row.iter().map(|&count| if count == 0 { "·".to_owned() } else { count.to_string() });
        table.row([shortened(name, NAME)].into_iter().chain(cells));
    }
    table
}

fn list_of(confused: &[Confused], classes: &[String]) -> Table {
    let mut table =
        Table::new([("label", Align::Left), ("prediction", Align::Left), ("times", Align::Right)]);
    for &Confused { label, answer, times, .. } in confused {
        let [label, answer] = [label, answer].map(|class| shortened(&untrusted(&classes[class]), NAME));
        table.row([label, answer, times.to_string()]);
    }
    table
}

#[derive(Serialize)]
struct Object<'a> {
    loss: f64,
    accuracy: Option<f64>,
    samples: usize,
    top_5_accuracy: Option<f64>,
    macro_precision: Option<f64>,
    macro_recall: Option<f64>,
    macro_f1: Option<f64>,
    baseline_accuracy: Option<f64>,
    per_class: Option<Vec<OfClass<'a>>>,
    confusion: Option<Vec<Vec<u64>>>,
    confused: Option<Vec<[u64; 3]>>,
    classes: &'a [String],
    rmse: Option<f64>,
    mae: Option<f64>,
    r2: Option<f64>,
    baseline_rmse: Option<f64>,
    planned_bytes: u64,
    measured_bytes: u64,
    peak_resident_bytes: Option<u64>,
}

#[derive(Serialize)]
struct OfClass<'a> {
    name: &'a str,
    precision: f64,
    recall: f64,
    f1: f64,
    support: u64,
    answers: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("class {number}")).collect()
    }

    fn confusion(classes: usize, found: &[(usize, usize, u64)]) -> Confusion {
        let mut confusion = Confusion::new(classes);
        for &(label, answer, times) in found {
            (0..times).for_each(|_| confusion.add(label, answer));
        }
        confusion
    }

    #[test]
    fn a_small_matrix_is_shown_whole() {
        let classes = ["cat".to_owned(), "automobile".to_owned()];
        let text = confusion_text(&confusion(2, &[(0, 0, 12), (1, 0, 3), (1, 1, 9)]), &classes);
        assert!(
            text.ends_with("\n\n           cat autom\ncat         12     ·\nautomobile   3     9"),
            "{text}"
        );
    }

    #[test]
    fn of_a_wide_matrix_the_largest_confusions_are_listed() {
        for classes in [100, 1000] {
            let found = [(3, 3, 50), (7, 2, 4), (5, 9, 6)];
            let text = confusion_text(&confusion(classes, &found), &names(classes));
            assert!(text.starts_with("Most frequent confusions (2 of 2;"), "{text}");
            assert!(text.ends_with("class 5  class 9         6\nclass 7  class 2         4"), "{text}");
        }
    }
}
