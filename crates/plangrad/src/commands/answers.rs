//! Predictions for many samples: every row of a table, or of a dataset, one line each.

use std::path::Path;

use plangrad_data::{LabelUse, Target};
use plangrad_nn::checkpoint;
use plangrad_tensor::{Samples, Source};
use serde::{Serialize, Serializer};

use super::device;
use super::eval::request;
use super::quality::{classification_lines, regression_lines};
use super::samples::sample;
use crate::cli::PredictArgs;
use crate::error::Result;
use crate::loading;
use crate::model::{Classification, Model, Prediction, Regression, Request};
use crate::numbers::{counted, grouped, percent, serialize_shortest, short, shortest};
use crate::output::{Align, Console, Table};

/// Questions and their answers.
pub(super) struct Answers<'a> {
    model: &'a Model,
    /// In the order of the questions.
    lines: Vec<Line>,
    /// Whether any target is known.
    is_labelled: bool,
}

/// One question and its answer.
struct Line {
    /// Number of the sample in its dataset, or of the row.
    index: usize,
    /// None for a row with a cell without a value, where the model has not learnt from such.
    prediction: Option<Prediction>,
    target: Option<Target>,
}

impl<'a> Answers<'a> {
    /// Predicts all samples that the options name.
    pub(super) fn find(arguments: &PredictArgs, model: &'a Model) -> Result<Self> {
        let (source, mut lines) = match arguments.values.is_empty() {
            true => of_dataset(arguments, model)?,
            false => of_values(arguments, model)?,
        };
        check_memory(source.len(), model.outputs())?;
        let predictions =
            device::compute(&arguments.device, |backend: &_| model.predict_all(&source, backend))?;
        let answered = lines.iter_mut().filter(|line| line.prediction.is_some());
        answered.zip(predictions).for_each(|(line, prediction)| line.prediction = Some(prediction));
        let is_labelled = lines.iter().any(|line| line.target.is_some());
        Ok(Self { model, lines, is_labelled })
    }

    /// Prints the answers, or writes them to a file.
    pub(super) fn give(&self, out: Option<&Path>, console: &Console) -> Result<()> {
        if let Some(path) = out {
            checkpoint::replace(path, self.csv().as_bytes())?;
        } else if !console.is_json() {
            console.text(&self.table())?;
        }
        for line in &self.lines {
            if out.is_some() {
                break;
            }
            console.json(&object(self.model, line.prediction.as_ref(), line.target, Some(line.index)))?;
        }
        let mut summary = self.quality();
        if let Some(path) = out {
            let written =
                format!("{} written to {}", counted(self.lines.len(), "prediction"), path.display());
            console.json(&Written { rows: self.lines.len(), out: path.display().to_string() })?;
            summary.insert(0, written);
        }
        if summary.is_empty() { Ok(()) } else { console.text(&summary.join("\n")) }
    }

    /// How good the answers are, where that is known.
    fn quality(&self) -> Vec<String> {
        let (mut classes, mut values, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for line in &self.lines {
            match (&line.prediction, line.target) {
                (Some(Prediction::Class { class, probabilities }), Some(Target::Class(label))) => {
                    classes.push((usize::from(label), *class, probabilities.as_slice()));
                }
                (Some(Prediction::Value(value)), Some(Target::Value(target))) => {
                    values.push(target);
                    answers.push(*value);
                }
                _ => {}
            }
        }
        let mut lines = Vec::new();
        if !classes.is_empty() {
            let right = classes.iter().filter(|(label, class, _)| label == class).count();
            let accuracy = percent(right as f64 / classes.len() as f64);
            lines.push(format!(
                "accuracy  {accuracy} ({} of {} with a label)",
                grouped(right),
                grouped(classes.len())
            ));
            let found = Classification::of(self.model.description().classes.len(), classes);
            lines.extend(classification_lines(&found));
        }
        if !values.is_empty() {
            let found = Regression::of(&values, &answers, self.model.mean_learnt_from());
            let mean = short(found.rmse.powi(2));
            lines.push(format!("mean squared error  {mean} over {}", counted(values.len(), "row")));
            lines.extend(regression_lines(&found));
        }
        lines
    }

    fn class(&self, class: usize) -> &str {
        self.model.class_name(class)
    }

    fn label(&self) -> &str {
        self.model.table().map_or("value", |table| &table.label)
    }

    fn table(&self) -> Table {
        let is_regression = self.model.description().classes.is_empty();
        let answer: &[(&str, Align)] = if is_regression {
            &[(self.label(), Align::Right)]
        } else {
            &[("class", Align::Left), ("probability", Align::Right)]
        };
        let label = self.is_labelled.then_some(("label", Align::Left));
        let mut table =
            Table::new([("#", Align::Right)].into_iter().chain(answer.iter().copied()).chain(label));
        for line in &self.lines {
            let mut cells = vec![line.index.to_string()];
            match &line.prediction {
                Some(Prediction::Class { class, probabilities }) => {
                    let probability = probabilities.get(*class).copied().unwrap_or(f32::NAN);
                    cells.extend([
                        self.class(*class).to_owned(),
                        format!("{:.2} %", 100.0 * f64::from(probability)),
                    ]);
                }
                Some(Prediction::Value(value)) => cells.push(short(*value)),
                None => cells.extend(answer.iter().map(|_| "-".to_owned())),
            }
            cells.push(self.target(line.target));
            table.row(cells);
        }
        table
    }

    fn target(&self, target: Option<Target>) -> String {
        match target {
            Some(Target::Class(label)) => self.class(usize::from(label)).to_owned(),
            Some(Target::Value(value)) => shortest(value),
            None => String::new(),
        }
    }

    /// The answers as a table: the number of each row, its class and all probabilities, or its value, and its label if known.
    fn csv(&self) -> String {
        let classes = &self.model.description().classes;
        let mut header = vec!["index".to_owned()];
        if classes.is_empty() {
            header.push("value".to_owned());
        } else {
            header.push("class".to_owned());
            header.extend(classes.iter().map(|class| format!("p_{class}")));
        }
        header.extend(self.is_labelled.then(|| "label".to_owned()));
        let mut text = String::new();
        push_row(&mut text, &header);
        for line in &self.lines {
            let mut cells = vec![line.index.to_string()];
            match &line.prediction {
                Some(Prediction::Class { class, probabilities }) => {
                    cells.push(self.class(*class).to_owned());
                    cells.extend(probabilities.iter().map(f32::to_string));
                }
                Some(Prediction::Value(value)) => cells.push(shortest(*value)),
                None => cells.resize(header.len() - usize::from(self.is_labelled), String::new()),
            }
            cells.extend(self.is_labelled.then(|| self.target(line.target)));
            push_row(&mut text, &cells);
        }
        text
    }
}

/// Refuses answers whose probabilities need more memory than there is.
pub(super) fn check_memory(rows: usize, outputs: usize) -> Result<()> {
    let bytes = size_of::<f32>() as u64 * rows as u64 * outputs as u64;
    match loading::memory() {
        Some(memory) if bytes > memory => {
            let dataset = format!("the predictions for {}", counted(rows, "sample"));
            Err(plangrad_data::Error::MemoryLimit { dataset, bytes, memory }.into())
        }
        _ => Ok(()),
    }
}

/// The samples of a dataset; of a table also the rows that are left out.
fn of_dataset(arguments: &PredictArgs, model: &Model) -> Result<(Source, Vec<Line>)> {
    let request = Request { labels: LabelUse::Optional, ..request(&arguments.data, arguments.split) };
    let questions = model.load(&request)?;
    let asked = Some(Prediction::Value(f64::NAN));
    let facts = questions.facts();
    let line = |sample: usize| {
        let index =
            facts.and_then(|facts| facts.numbers.get(sample)).map_or(sample, |&number| number as usize);
        Line { index, prediction: asked.clone(), target: questions.target(sample) }
    };
    let mut lines: Vec<Line> = (0..questions.subset.len()).map(line).collect();
    if request.split.is_none() {
        let left_out = questions.rows.iter().flat_map(|rows| &rows.left_out);
        lines.extend(left_out.map(|&row| Line { index: row as usize, prediction: None, target: None }));
        lines.sort_by_key(|line| line.index);
    }
    Ok((model.source(questions.subset)?, lines))
}

/// Rows of values.
fn of_values(arguments: &PredictArgs, model: &Model) -> Result<(Source, Vec<Line>)> {
    let rows = arguments.values.iter().map(|row| sample(row, model)).collect::<Result<Vec<_>>>()?;
    let asked = Some(Prediction::Value(f64::NAN));
    let lines =
        (0..rows.len()).map(|index| Line { index, prediction: asked.clone(), target: None }).collect();
    Ok((model.unlabelled(Samples::F32(rows.concat()), rows.len())?, lines))
}

/// Adds a row to a CSV text.
fn push_row(text: &mut String, cells: &[String]) {
    for (place, cell) in cells.iter().enumerate() {
        text.push_str(if place > 0 { "," } else { "" });
        if cell.contains(['"', ',', '\n', '\r']) || cell.trim() != cell {
            text.push_str(&format!("\"{}\"", cell.replace('"', "\"\"")));
        } else {
            text.push_str(cell);
        }
    }
    text.push('\n');
}

/// The line of JSON for a prediction.
pub(super) fn object<'a>(
    model: &'a Model,
    prediction: Option<&'a Prediction>,
    target: Option<Target>,
    index: Option<usize>,
) -> Object<'a> {
    let (class, name, probabilities, value) = match prediction {
        Some(Prediction::Class { class, probabilities }) => {
            (Some(*class), Some(model.class_name(*class)), Some(probabilities.as_slice()), None)
        }
        Some(Prediction::Value(value)) => (None, None, None, Some(*value)),
        None => (None, None, None, None),
    };
    let label = match target {
        Some(Target::Class(label)) => Some(f64::from(label)),
        Some(Target::Value(value)) => Some(value),
        None => None,
    };
    Object { class, name, probabilities, value, label: label.map(Number), index, image: None }
}

#[derive(Serialize)]
pub(super) struct Object<'a> {
    class: Option<usize>,
    name: Option<&'a str>,
    probabilities: Option<&'a [f32]>,
    #[serde(serialize_with = "serialize_shortest")]
    value: Option<f64>,
    label: Option<Number>,
    index: Option<usize>,
    /// The file, if it is an image.
    image: Option<String>,
}

impl Object<'_> {
    /// The same with the image's file.
    pub(super) fn of_image(mut self, file: Option<&Path>) -> Self {
        self.image = file.map(|file| file.display().to_string());
        self
    }
}

#[derive(Serialize)]
struct Written {
    rows: usize,
    out: String,
}

/// The largest number up to which all whole ones differ in 64 bits.
const WHOLE: f64 = 9_007_199_254_740_992.0;

/// A label, written without a fraction where it has none.
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() < WHOLE {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}
