//! A trained model, read from its file and ready to be asked.
//!
//! The file says what the model is and how its inputs are made; every claim is checked against the weights that are
//! there before anything is computed. Training is elsewhere: nothing here changes a weight.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plangrad_data::{Dataset, DatasetName, Options, TableSchema, Task as Labels, available, load_part};
use plangrad_nn::checkpoint::{self, Description, Loaded};
use plangrad_nn::{Loss, Mlp, PredictionPlan, Task};
use plangrad_tensor::backend::Backend;
use plangrad_tensor::{
    DType, Error as TensorError, NodeId, Plan, SampleFormat, Samples, Session, Shape, Source, State, Targets,
};

use crate::cli::{Split, TrainedDataArgs};
use crate::output::counted;
use crate::train::{Settings, Stop, layers, plans};
use crate::{Console, Error, Result};

/// A trained model.
pub struct Model {
    file: PathBuf,
    description: Description,
    table: Option<TableSchema>,
    task: Task,
    weights: Loaded,
}

/// Samples a model is to be asked about.
#[derive(Clone, Debug, PartialEq)]
pub struct Questions {
    /// The samples, with what is known about them.
    pub split: plangrad_data::Split,
    /// Names of their classes; empty for a regression.
    pub classes: Vec<String>,
    /// Where they come from, for people: `mnist test`.
    pub what: String,
}

/// What a model answers to one sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// The most probable class, and the probability of each.
    Class {
        /// Its label.
        class: usize,
        /// Probabilities in label order.
        probabilities: Vec<f32>,
    },
    /// A number.
    Value(f32),
}

/// How well a model does on many samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Samples judged.
    pub samples: usize,
    /// For classes: how often a class (row) was taken for a class (column).
    pub confusion: Option<Vec<Vec<u64>>>,
    /// Bytes that were planned to be taken.
    pub planned_bytes: u64,
    /// Bytes that were taken, as the device's ledger has them.
    pub measured_bytes: u64,
}

impl Evaluation {
    /// Right answers; `None` for a regression.
    #[must_use]
    pub fn correct(&self) -> Option<u64> {
        let confusion = self.confusion.as_ref()?;
        Some(confusion.iter().enumerate().map(|(class, row)| row[class]).sum())
    }

    /// Share of right answers; `None` for a regression.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        self.correct().map(|correct| correct as f64 / self.samples as f64)
    }
}

impl Model {
    /// Opens a model file, or the model of a run folder.
    ///
    /// # Errors
    /// [`Error::NotAModel`]; [`Error::Model`] for a file that is damaged, foreign or contradicts itself.
    pub fn open(path: &Path) -> Result<Self> {
        let file = model_file(path)?;
        let weights = checkpoint::read(&file)?;
        let description = weights.require_description()?.clone();
        let refused = |reason: String| plangrad_nn::Error::Metadata { path: file.clone(), reason };
        let network = Mlp::new(&description.model).map_err(|error| refused(error.to_string()))?;
        for parameter in network.parameters() {
            weights.values(&parameter.name, &parameter.file_shape())?;
        }
        let table = description.table.clone().map(serde_json::from_value).transpose();
        let table: Option<TableSchema> = table.map_err(|error| refused(error.to_string()))?;
        contradiction(&description, table.as_ref()).map_or(Ok(()), |reason| Err(refused(reason)))?;
        let samples = SampleFormat {
            shape: Shape::new(&description.model.sample_shape)?,
            dtype: if table.is_some() { DType::F32 } else { DType::U8 },
            scale: description.scale.clone().into(),
            shift: description.shift.clone().into(),
        };
        let task = Task { model: network, samples, loss: description.loss };
        Ok(Self { file, description, table, task, weights })
    }

    /// The file it was read from.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What the file says about it.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What it was trained on, for people.
    #[must_use]
    pub fn origin(&self) -> String {
        match &self.table {
            Some(table) => format!("a table with the columns {}", table.features.join(", ")),
            None => self.description.dataset.clone(),
        }
    }

    /// For a table: its columns.
    #[must_use]
    pub fn table(&self) -> Option<&TableSchema> {
        self.table.as_ref()
    }

    /// Shape of a sample.
    #[must_use]
    pub fn sample_shape(&self) -> &[usize] {
        &self.description.model.sample_shape
    }

    /// Units of each layer from the input on: `784-128-10`.
    #[must_use]
    pub fn layers(&self) -> String {
        layers(&self.task)
    }

    /// The samples the model is to be asked about: a part of the dataset named, or of the one it was trained on. A table
    /// that is named has no parts: all its rows are taken.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] if the model cannot read it; [`Error::EmptySplit`]; whatever is wrong with its files.
    pub fn load(&self, data: &TrainedDataArgs, split: Split) -> Result<Questions> {
        let run = self.file.parent().map(|folder| folder.join("config.toml"));
        let run = run.and_then(|config| Settings::read(&config).ok());
        let name = match &data.dataset {
            Some(name) => name.clone(),
            None => self.trained_on(run.as_ref())?,
        };
        let mut options = self.options(data, run.as_ref(), &name);
        let whole_table = data.dataset.is_some() && matches!(name, DatasetName::Csv(_));
        if let Some(run) = run.filter(|_| !whole_table) {
            (options.test_fraction, options.seed) = (run.test_fraction, run.seed);
        }
        let part = if whole_table { Split::Train } else { split };
        let dataset = load_part(&name, &options, part.part())?;
        dataset.notes.iter().for_each(|note| Console::warning(note));
        self.check(&dataset)?;
        if part.of(&dataset).is_empty() {
            let remedy = "choose the other part with --split";
            return Err(Error::EmptySplit { dataset: name.to_string(), split: split.name(), remedy });
        }
        let split = match part {
            Split::Train => dataset.train,
            Split::Test => dataset.test,
        };
        let what = if whole_table { name.to_string() } else { format!("{name} {part}") };
        Ok(Questions { split, classes: dataset.classes, what })
    }

    /// Judges the model by `source`, taking `batch_size` samples at a time; as many of at most 1000 as fit, if absent.
    ///
    /// # Errors
    /// If memory runs out, or `source` is for another model; [`Error::Stopped`] if asked to stop.
    pub fn evaluate(
        &self,
        source: &Source,
        batch_size: Option<usize>,
        backend: &Arc<dyn Backend>,
        stop: &Stop,
    ) -> Result<Evaluation> {
        let most = batch_size.unwrap_or(plans::LARGEST).clamp(1, source.len().max(1));
        let batch_size = match batch_size {
            Some(_) => most,
            None => self.largest_batch(most, backend)?,
        };
        let whole = batch_size;
        let rest = source.len() % whole;
        let sizes = [Some(whole), (rest > 0).then_some(rest)];
        let mut asking = Asking::new(self, sizes.into_iter().flatten(), backend)?;
        let outputs = self.description.model.outputs;
        let mut confusion = vec![vec![0_u64; outputs]; outputs];
        let order: Vec<u32> = (0..source.len() as u32).collect();
        for rows in order.chunks(whole) {
            let plan = usize::from(rows.len() != whole);
            let scores = asking.run(plan, source, rows)?;
            stop.check()?;
            if let Targets::Classes(labels) = source.targets() {
                for (scores, &row) in scores.chunks_exact(outputs).zip(rows) {
                    confusion[usize::from(labels[row as usize])][largest(scores)] += 1;
                }
            }
        }
        let loss = asking.session.metrics().mean_loss();
        let confusion = (self.task.loss == Loss::CrossEntropy).then_some(confusion);
        let planned_bytes = asking.session.planned().total();
        let measured_bytes = backend.memory().reserved;
        Ok(Evaluation { loss, samples: source.len(), confusion, planned_bytes, measured_bytes })
    }

    /// The largest batch of at most `most` for which `backend` has room; 1 if there is none.
    fn largest_batch(&self, most: usize, backend: &Arc<dyn Backend>) -> Result<usize> {
        let room = backend.memory().free().unwrap_or(u64::MAX);
        let state = State::inference(self.task.model.parameters())?;
        plans::largest(most, |n| Ok(asking_bytes(&self.task, &state, n, backend.has_own_memory())? <= room))
    }

    /// Asks the model about one sample, not normalised if it is an image, standardised if it is a row.
    ///
    /// # Errors
    /// If memory runs out, or the sample is for another model.
    pub fn predict(&self, sample: Samples, backend: &Arc<dyn Backend>) -> Result<Prediction> {
        let targets = match self.task.loss {
            Loss::CrossEntropy => Targets::Classes(vec![0]),
            Loss::Mse => Targets::Values { values: vec![0.0], width: 1 },
        };
        let source = Source::new(sample, targets, self.sample_shape().iter().product())?;
        let mut asking = Asking::new(self, [1], backend)?;
        let scores = asking.run(0, &source, &[0])?;
        match asking.plans[0].probabilities {
            Some(node) => {
                let probabilities = asking.session.read(0, node)?.into_iter().collect();
                Ok(Prediction::Class { class: largest(&scores), probabilities })
            }
            None => Ok(Prediction::Value(scores.first().copied().unwrap_or(f32::NAN))),
        }
    }

    /// The dataset the file or the run names.
    fn trained_on(&self, run: Option<&Settings>) -> Result<DatasetName> {
        match run {
            _ if self.table.is_none() => Ok(self.description.dataset.parse()?),
            Some(run) => run.dataset_name(),
            None => {
                let problem = format!(
                    "{} does not say which table it was trained on; name one as csv:FILE",
                    self.file.display()
                );
                Err(Error::Option { option: "--dataset", problem })
            }
        }
    }

    fn options(&self, data: &TrainedDataArgs, run: Option<&Settings>, name: &DatasetName) -> Options {
        let of_run = run.map(|run| run.data_dir.clone()).filter(|folder| available(name, folder));
        let Options { data_dir, .. } = Options::default();
        Options {
            data_dir: data.data_dir.clone().or(of_run).unwrap_or(data_dir),
            task: match self.task.loss {
                Loss::CrossEntropy => Labels::Classification,
                Loss::Mse => Labels::Regression,
            },
            schema: self.table.clone(),
            // A table is taken whole, unless a run says how it was dealt to its parts.
            test_fraction: 0.0,
            ..Options::default()
        }
    }

    fn check(&self, dataset: &Dataset) -> Result<()> {
        let mismatch = |expected: String, found: String| {
            Err(Error::ModelMismatch { model: self.file.display().to_string(), expected, found })
        };
        let (wanted, found) = (self.sample_shape(), &dataset.sample_shape);
        if wanted != found || dataset.table.is_some() != self.table.is_some() {
            let expected = format!("samples of shape {wanted:?}");
            return mismatch(expected, format!("those of {} have shape {found:?}", dataset.name));
        }
        let outputs = self.description.model.outputs;
        if self.task.loss == Loss::CrossEntropy && dataset.classes.len() != outputs {
            let found = format!("{} has {} classes", dataset.name, dataset.classes.len());
            return mismatch(format!("{outputs} classes"), found);
        }
        Ok(())
    }
}

/// Memory with a model's weights in it, and plans to ask it about batches of certain sizes.
struct Asking {
    session: Session,
    plans: Vec<Nodes>,
}

/// What can be read after a plan has run.
struct Nodes {
    scores: NodeId,
    probabilities: Option<NodeId>,
}

impl Asking {
    fn new(
        model: &Model,
        sizes: impl IntoIterator<Item = usize>,
        backend: &Arc<dyn Backend>,
    ) -> Result<Self> {
        let state = State::inference(model.task.model.parameters())?;
        let plans = sizes.into_iter().map(|size| model.task.prediction_plan(&state, size));
        let plans = plans.collect::<std::result::Result<Vec<_>, _>>()?;
        let nodes = |plan: &PredictionPlan| Nodes { scores: plan.scores, probabilities: plan.probabilities };
        let nodes = plans.iter().map(nodes).collect();
        let plans: Vec<Plan> = plans.into_iter().map(|plan| plan.plan).collect();
        let batch_size = plans.iter().map(Plan::batch_size).max().unwrap_or(1);
        let mut session = Session::streaming(backend, plans).map_err(|refused| {
            out_of_memory(refused, &model.task, &state, batch_size, backend.has_own_memory())
        })?;
        checkpoint::load_weights(&model.weights, &model.task.model, &mut session)?;
        Ok(Self { session, plans: nodes })
    }

    /// Runs a plan on one batch and returns its scores, row by row.
    fn run(&mut self, plan: usize, source: &Source, rows: &[u32]) -> Result<Vec<f32>> {
        self.session.run(plan, &source.batches(rows)?)?;
        Ok(self.session.read(plan, self.plans[plan].scores)?.into_iter().collect())
    }
}

/// What to say where the memory for judging `batch_size` samples at a time was refused.
fn out_of_memory(
    refused: TensorError,
    task: &Task,
    state: &State,
    batch_size: usize,
    has_own_memory: bool,
) -> Error {
    let TensorError::OutOfMemory { device, requested, free, total, report } = refused else {
        return refused.into();
    };
    let fits = |n| asking_bytes(task, state, n, has_own_memory).is_ok_and(|bytes| bytes <= free);
    let remedy = match plans::largest_that_fits(batch_size, fits) {
        Some(largest) => {
            format!("take --batch-size {largest}, the largest that fits, or raise --memory-budget")
        }
        None => "not even one sample at a time fits; raise --memory-budget".to_owned(),
    };
    let what = format!("asking about {} at a time", counted(batch_size, "sample"));
    Error::OutOfMemory { device, what, requested, free, total, remedy, report }
}

/// Bytes that asking about `batch_size` samples at a time takes.
fn asking_bytes(task: &Task, state: &State, batch_size: usize, has_own_memory: bool) -> Result<u64> {
    let plan = task.prediction_plan(state, batch_size)?.plan;
    Ok(if has_own_memory { Session::streaming_report(&[plan]).total() } else { plan.bytes() as u64 })
}

/// The file of a model: itself, or that of a run folder.
fn model_file(path: &Path) -> Result<PathBuf> {
    let not_a_model = |found: &str| Error::NotAModel { path: path.to_path_buf(), found: found.to_owned() };
    let kind = |path: &Path| std::fs::metadata(path);
    let there =
        kind(path).map_err(|reason| Error::Io { path: path.to_path_buf(), action: "opened", reason })?;
    if there.is_file() {
        return Ok(path.to_path_buf());
    }
    if !there.is_dir() {
        return Err(not_a_model("something that is no file"));
    }
    let inside = path.join("model.safetensors");
    let unfinished = path.join("checkpoint.safetensors");
    match kind(&inside) {
        Ok(file) if file.is_file() => Ok(inside),
        _ if unfinished.is_file() => Err(not_a_model(
            "a run that is not finished; go on with it (train --resume), or name its checkpoint.safetensors",
        )),
        _ => Err(not_a_model("a folder without model.safetensors")),
    }
}

/// What in a description cannot be true, as a clause.
fn contradiction(description: &Description, table: Option<&TableSchema>) -> Option<String> {
    let Description { model, loss, classes, scale, shift, .. } = description;
    let channels = model.sample_shape.first().copied().unwrap_or(1);
    if scale.len() != shift.len() || !(scale.len() == 1 || scale.len() == channels) {
        let (scales, shifts) = (scale.len(), shift.len());
        return Some(format!("{scales} factors and {shifts} summands for {channels} channels"));
    }
    if scale.iter().chain(shift).any(|x| !x.is_finite()) {
        return Some("a normalisation that is not finite".to_owned());
    }
    match loss {
        Loss::CrossEntropy if classes.len() != model.outputs => {
            return Some(format!("{} class names for {} outputs", classes.len(), model.outputs));
        }
        Loss::Mse if model.outputs != 1 || table.is_none() => {
            return Some(format!("a regression with {} outputs", model.outputs));
        }
        _ => {}
    }
    let schema = table?;
    let columns = schema.features.len();
    let usable = |value: &f32| value.is_finite();
    if model.sample_shape != [columns] || schema.mean.len() != columns || schema.std.len() != columns {
        return Some(format!("{columns} columns for samples of shape {:?}", model.sample_shape));
    }
    if !schema.mean.iter().all(usable) || !schema.std.iter().all(|std| usable(std) && *std > 0.0) {
        return Some("statistics that are not finite".to_owned());
    }
    (schema.classes != *classes).then(|| "two different lists of classes".to_owned())
}

/// Position of the largest value, of the first one if there are several.
fn largest(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_is_found_and_the_first_of_equals() {
        assert_eq!([largest(&[1.0, 3.0, 2.0]), largest(&[2.0, 2.0]), largest(&[f32::NAN, 1.0])], [1, 0, 0]);
    }

    #[test]
    fn right_answers_are_on_the_diagonal() {
        let confusion = Some(vec![vec![3, 1], vec![0, 4]]);
        let evaluation = Evaluation { loss: 0.5, samples: 8, confusion, planned_bytes: 0, measured_bytes: 0 };
        assert_eq!((evaluation.correct(), evaluation.accuracy()), (Some(7), Some(0.875)));
    }
}
