//! A trained model read from its file, and samples for it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use plangrad_data::{
    Dataset, DatasetName, Fit, ImageOptions, LabelUse, LoadOptions, MOST_CLASSES, RowFacts, Split, SplitRule,
    Subset, TableOptions, TableRows, TableSchema, Target, TargetScale, Targets, available, read_table,
};
use plangrad_nn::checkpoint::{self, Description, Loaded};
use plangrad_nn::{Architectures, Error as NetworkError, Loss, Module, Task};
use plangrad_tensor::{DType, Device, SampleFormat, Shape, Source};

use crate::device::Precision;
use crate::error::{Error, Result};
use crate::loading::load;
use crate::numbers::{counted, grouped};
use crate::output::Console;
use crate::train::{CHECKPOINT, CONFIG, MODEL, Settings, Standing, layers, scaled_source, target_kind};

/// A trained model.
pub struct Model {
    file: PathBuf,
    pub(super) description: Description,
    table: Option<TableSchema>,
    pub(super) task: Task,
    pub(super) weights: Loaded,
}

/// Which samples a model is asked about. The default is the test part of the data that it was trained on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request<'a> {
    /// The dataset, if it is not the one that the model was trained on.
    pub dataset: Option<&'a DatasetName>,
    /// The folder with the datasets, if it is not that of the run.
    pub data_dir: Option<&'a Path>,
    /// The part; of a table that is named all rows by default, else the test part.
    pub split: Option<Split>,
    /// How the file of a table is written.
    pub file: TableOptions,
    /// Whether every row of a table must have a label.
    pub labels: LabelUse,
}

/// Samples for a model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Questions {
    /// The samples.
    pub subset: Subset,
    /// Names of their classes; empty for a regression.
    pub classes: Vec<String>,
    /// Where they come from, for people: `mnist test`.
    pub what: String,
    /// Which part they are.
    pub split: Split,
    /// What is known about the rows of a table.
    pub rows: Option<TableRows>,
    /// How the rows stand to the run, if they are of a table and the model lies in the folder of its run.
    pub standing: Option<Standing>,
    /// Whether they are of the dataset that the model was trained on.
    pub(super) is_own: bool,
}

impl Questions {
    /// What is known about its rows, if it is of a table.
    pub(crate) fn facts(&self) -> Option<&RowFacts> {
        self.rows.as_ref().map(|rows| self.split.rows_of(rows))
    }

    /// The target of a sample, where the file says what it is.
    #[must_use]
    pub fn target(&self, sample: usize) -> Option<Target> {
        let is_placeholder = self.facts().is_some_and(|facts| facts.labelled.get(sample) == Some(&false));
        self.subset.target(sample).filter(|_| !is_placeholder)
    }
}

impl Model {
    /// Opens a model file, or the model of a run folder. The network must be one that the command line can describe.
    ///
    /// # Errors
    /// [`Error::NotAModel`]; [`Error::Model`] for a file that is damaged, foreign or contradicts itself.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, &Architectures::new())
    }

    /// The same, where the network may be one of these kinds.
    ///
    /// # Errors
    /// As [`Model::open`]; if the network's architecture is unknown.
    pub fn open_with(path: &Path, known: &Architectures) -> Result<Self> {
        let file = model_file(path)?;
        let weights = checkpoint::read(&file)?;
        let description = weights.require_description()?.clone();
        if !weights.has_checksum() {
            let file = file.display();
            Console::remark(&format_args!("{file} was written by an earlier version and has no checksum"));
        }
        let network = weights.network(known)?;
        let table = description.table.clone().map(serde_json::from_value).transpose();
        let table: Option<TableSchema> = table.map_err(|error| NetworkError::metadata(&file, error))?;
        if let Some(reason) = contradiction(&description, &*network, table.as_ref()) {
            return Err(NetworkError::metadata(&file, reason).into());
        }
        let dtype = if table.is_some() { DType::F32 } else { DType::U8 };
        let samples = SampleFormat::new(Shape::new(network.sample_shape())?, dtype)
            .normalized(description.scale.clone(), description.shift.clone());
        let task = Task::new(network, samples, description.loss)?;
        Ok(Self { file, description, table, task, weights })
    }

    /// The file it was read from.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The description in its file.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The network, the format of its samples, and its loss.
    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// Its weights, read from the file when they are needed.
    pub(crate) fn weights(&self) -> &Loaded {
        &self.weights
    }

    /// The name of a class; empty if there is no such class.
    #[must_use]
    pub fn class_name(&self, class: usize) -> &str {
        self.description.classes.get(class).map_or("", String::as_str)
    }

    /// The data it was trained on, for people.
    #[must_use]
    pub fn origin(&self) -> String {
        match &self.table {
            Some(table) => table_in_words(&table.features),
            None => self.description.dataset.clone(),
        }
    }

    /// For a table: its columns.
    #[must_use]
    pub fn table(&self) -> Option<&TableSchema> {
        self.table.as_ref()
    }

    /// How the numbers of a regression were scaled for the network.
    #[must_use]
    pub fn target_scale(&self) -> TargetScale {
        self.table.as_ref().map_or(TargetScale::IDENTITY, TableSchema::target_scale)
    }

    /// Mean of the numbers that a regression learnt from; models of earlier versions do not say.
    #[must_use]
    pub fn mean_learnt_from(&self) -> Option<f64> {
        self.table.as_ref().and_then(|table| table.target).map(|target| target.mean)
    }

    /// Whether the run beside the file weighed its samples by their class.
    ///
    /// # Errors
    /// If the run's settings cannot be read.
    pub(crate) fn learnt_with_class_weights(&self) -> Result<bool> {
        Ok(self.run_settings()?.is_some_and(|run| run.class_weights.is_some()))
    }

    /// Samples as [`Model::evaluate`] reads them, moved, not copied.
    ///
    /// # Errors
    /// Never for a part the data crate made.
    pub fn source(&self, subset: Subset) -> Result<Source> {
        scaled_source(subset, self.outputs(), self.target_scale())
    }

    /// Outputs of the network: one for each class, or one for a number.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.task.model().outputs()
    }

    /// Shape of a sample.
    #[must_use]
    pub fn sample_shape(&self) -> &[usize] {
        self.task.model().sample_shape()
    }

    /// Units of each layer from the input on: `784-128-10`.
    #[must_use]
    pub fn layers(&self) -> String {
        layers(&self.task)
    }

    /// The number format of the run in whose folder the model lies, if every machine has it; else f32.
    ///
    /// # Errors
    /// If the run's settings cannot be read.
    pub fn precision(&self) -> Result<Precision> {
        let of_run = self.run_settings()?.map(|settings| settings.precision);
        Ok(of_run.filter(|&precision| precision.is_for(Device::Cpu)).unwrap_or_default())
    }

    /// The same model, which computes in a number format. Its weights stay f32.
    #[must_use]
    pub fn in_precision(self, precision: Precision) -> Self {
        let task = self.task.with_number_types(precision.number_types());
        Self { task, ..self }
    }

    /// The settings of the run in whose folder the model lies, if it does.
    fn run_settings(&self) -> Result<Option<Settings>> {
        let Some(config) = self.file.parent().map(|folder| folder.join(CONFIG)) else { return Ok(None) };
        match Settings::read(&config) {
            Err(Error::Io { reason, .. }) if reason.kind() == ErrorKind::NotFound => Ok(None),
            settings => settings.map(Some),
        }
    }

    /// A part of the dataset named, or of the one the model was trained on.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] if the model cannot read it; [`Error::EmptySplit`]; [`Error::Option`] for a part of a table that
    /// nothing says how to split; whatever is wrong with its files.
    pub fn load(&self, request: &Request<'_>) -> Result<Questions> {
        let dataset = request.dataset;
        let run = self.run_settings()?;
        let name = match dataset {
            Some(name) => name.clone(),
            None => self.trained_on(run.as_ref())?,
        };
        let mut options = self.options(request, run.as_ref(), &name);
        let named_table = dataset.is_some() && matches!(name, DatasetName::Csv(_));
        let whole_table = named_table && request.split.is_none();
        if let (true, Some(split)) = (named_table, request.split) {
            let is_hashed = |run: &Settings| run.table_options().split == SplitRule::Hash;
            if !run.as_ref().is_some_and(is_hashed) {
                let problem = format!(
                    "nothing says which rows of {name} are for {split}: {} is not a run that deals rows by their hash; leave it out \
                     to take all rows",
                    self.file.display()
                );
                return Err(Error::option("--split", problem));
            }
        }
        let split = request.split.unwrap_or(Split::Test);
        let is_own = match &run {
            Some(run) => run.dataset_name()? == name,
            None => dataset.is_none(),
        };
        if let Some(run) = run.filter(|_| !whole_table) {
            (options.test_fraction, options.seed) = (run.test_fraction, run.seed);
            if named_table || is_own {
                options.validation_fraction = run.validation_fraction;
            }
        }
        if split == Split::Validation && options.validation_fraction == 0.0 {
            let problem = format!(
                "{} is not a run that kept samples of {name} for validation (train --validation-fraction)",
                self.file.display()
            );
            return Err(Error::option("--split", problem));
        }
        let read = if whole_table { Split::Train } else { split };
        let dataset = load(&name, &options, Some(read))?;
        dataset.table_rows.iter().flat_map(|rows| &rows.remarks).for_each(|remark| Console::remark(remark));
        dataset.notes.iter().for_each(|note| Console::warning(note));
        let dataset = self.with_own_classes(dataset)?;
        self.check(&dataset)?;
        if read.of(&dataset).is_empty() {
            let remedy = "choose the other part with --split";
            return Err(Error::EmptySplit { dataset: name.to_string(), split, remedy });
        }
        let subset = match read {
            Split::Train => dataset.train,
            Split::Validation => dataset.validation,
            Split::Test => dataset.test,
        };
        let what = if whole_table { name.to_string() } else { format!("{name} {read}") };
        let rows = dataset.table_rows;
        let questions =
            Questions { subset, classes: dataset.classes, what, split: read, rows, standing: None, is_own };
        self.compared(questions, whole_table)
    }

    /// How a table is read whose rows are all to be predicted, within `memory` bytes.
    ///
    /// # Errors
    /// If the settings of its run are damaged.
    pub(crate) fn reading(&self, memory: u64) -> Result<LoadOptions> {
        let name = DatasetName::Csv(PathBuf::new());
        let request = Request { dataset: Some(&name), labels: LabelUse::Optional, ..Request::default() };
        let options = self.options(&request, self.run_settings()?.as_ref(), &name);
        Ok(LoadOptions { memory: Some(memory), ..options })
    }

    /// A table that is not a file, called by this name, read with the options that [`Model::reading`] gives.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] if the model reads images; whatever is wrong with the table.
    pub(crate) fn read_table(&self, name: &Path, bytes: Vec<u8>, options: &LoadOptions) -> Result<Dataset> {
        let dataset = read_table(name, bytes, options)?;
        self.check(&dataset)?;
        Ok(dataset)
    }

    /// How the model's images were brought to their size; stretched unless they come from a folder.
    ///
    /// # Errors
    /// If the settings of its run are damaged.
    pub fn fit(&self) -> Result<Fit> {
        Ok(self.fit_of(self.run_settings()?.as_ref()))
    }

    fn fit_of(&self, run: Option<&Settings>) -> Fit {
        match self.description.dataset.as_str() {
            "folder" => run.map_or(Fit::default(), |run| run.images.fit),
            _ => Fit::Stretch,
        }
    }

    /// The form of the dataset's name, if it is a path: `csv`, `folder`, `idx` or `npz`.
    fn form(&self) -> Option<&str> {
        let dataset = self.description.dataset.as_str();
        let is_form = ["folder", "idx", "npz"].contains(&dataset);
        if self.table.is_some() { Some("csv") } else { is_form.then_some(dataset) }
    }

    /// The dataset the file or the run names.
    fn trained_on(&self, run: Option<&Settings>) -> Result<DatasetName> {
        match (self.form(), run) {
            (None, _) => Ok(self.description.dataset.parse()?),
            (Some(_), Some(run)) => run.dataset_name(),
            (Some(form), None) => {
                let (what, path) = match form {
                    "csv" => ("table", "csv:FILE".to_owned()),
                    "folder" => ("folder of images", "folder:DIR".to_owned()),
                    form => ("files", format!("{form}:PATH")),
                };
                let problem = format!(
                    "{} does not say which {what} it was trained on; name one as {path}",
                    self.file.display()
                );
                Err(Error::option("--dataset", problem))
            }
        }
    }

    /// A dataset whose classes are numbered from what its files hold, with the model's numbers.
    fn with_own_classes(&self, mut dataset: Dataset) -> Result<Dataset> {
        let is_numbered = !matches!(dataset.name, DatasetName::Csv(_)) && dataset.name.spec().is_none();
        let own = &self.description.classes;
        if !is_numbered || dataset.classes == *own {
            return Ok(dataset);
        }
        let mut numbers = Vec::new();
        for class in &dataset.classes {
            let Some(number) = own.iter().position(|own| own == class) else {
                return Err(Error::ModelMismatch {
                    model: self.file.display().to_string(),
                    expected: format!("the classes {}", own.join(", ")),
                    found: format!("{} has the class {class}", dataset.name),
                });
            };
            numbers.push(number as u16);
        }
        for subset in [&mut dataset.train, &mut dataset.validation, &mut dataset.test] {
            if let Targets::Classes(labels) = &mut subset.targets {
                labels.iter_mut().for_each(|label| *label = numbers[usize::from(*label)]);
            }
        }
        dataset.classes.clone_from(own);
        Ok(dataset)
    }

    fn options(&self, request: &Request<'_>, run: Option<&Settings>, name: &DatasetName) -> LoadOptions {
        let mut table = run.map(Settings::table_options).unwrap_or_default();
        let file = request.file.clone();
        if request.dataset.is_some() {
            (table.separator, table.decimal, table.encoding) = (None, None, None); // another file may be written otherwise
        }
        table.separator = file.separator.or(table.separator);
        table.decimal = file.decimal.or(table.decimal);
        table.encoding = file.encoding.or(table.encoding);
        table.no_header |= file.no_header;
        let of_run = run.map(|run| run.data_dir.clone()).filter(|folder| available(name, folder));
        let images = match *self.sample_shape() {
            [channels, height, width] => ImageOptions {
                size: Some([height, width]),
                channels: Some(channels),
                fit: self.fit_of(run),
                // Of the same images only: another folder is not to replace what is kept there.
                cache: run
                    .filter(|run| run.dataset_name().is_ok_and(|of_run| of_run == *name))
                    .and_then(|run| run.images.cache.clone()),
            },
            _ => ImageOptions::default(),
        };
        let LoadOptions { data_dir, .. } = LoadOptions::default();
        LoadOptions {
            data_dir: request.data_dir.map(Path::to_path_buf).or(of_run).unwrap_or(data_dir),
            task: target_kind(self.task.loss()),
            schema: self.table.clone(),
            // All rows of a table, unless a run says how it was split.
            test_fraction: 0.0,
            images,
            table,
            labels: request.labels,
            ..LoadOptions::default()
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
        let outputs = self.task.model().outputs();
        if self.task.loss() == Loss::CrossEntropy && dataset.classes.len() != outputs {
            let found = format!("{} has {} classes", dataset.name, dataset.classes.len());
            return mismatch(format!("{outputs} classes"), found);
        }
        Ok(())
    }
}

/// A table by its columns, or by their number if a line does not hold them.
fn table_in_words(columns: &[String]) -> String {
    const MOST_LETTERS: usize = 60;
    let letters: usize = columns.iter().map(|name| name.chars().count() + 2).sum();
    match letters {
        0..=MOST_LETTERS => format!("a table with the columns {}", columns.join(", ")),
        _ => format!("a table of {}", counted(columns.len(), "column")),
    }
}

/// The file of a model: itself, or that of a run folder.
fn model_file(path: &Path) -> Result<PathBuf> {
    let not_a_model = |found: &str| Error::NotAModel { path: path.to_path_buf(), found: found.to_owned() };
    let kind = |path: &Path| std::fs::metadata(path);
    let there = kind(path).map_err(Error::io(path, "opened"))?;
    if there.is_file() {
        return Ok(path.to_path_buf());
    }
    if !there.is_dir() {
        return Err(not_a_model("something that is not a file"));
    }
    let inside = path.join(MODEL);
    let unfinished = path.join(CHECKPOINT);
    match kind(&inside) {
        Ok(file) if file.is_file() => Ok(inside),
        _ if unfinished.is_file() => Err(not_a_model(
            "a run that is not finished; continue it (train --resume), or name its checkpoint.safetensors",
        )),
        _ => Err(not_a_model("a folder without model.safetensors")),
    }
}

/// A contradiction in a description, as a clause.
fn contradiction(
    description: &Description,
    network: &dyn Module,
    table: Option<&TableSchema>,
) -> Option<String> {
    let Description { loss, classes, scale, shift, .. } = description;
    let (sample_shape, outputs) = (network.sample_shape(), network.outputs());
    let channels = sample_shape.first().copied().unwrap_or(1);
    if scale.len() != shift.len() || !(scale.len() == 1 || scale.len() == channels) {
        let (scales, shifts) = (scale.len(), shift.len());
        return Some(format!("{scales} factors and {shifts} summands for {channels} channels"));
    }
    if scale.iter().chain(shift).any(|x| !x.is_finite()) {
        return Some("a normalisation that is not finite".to_owned());
    }
    match loss {
        Loss::CrossEntropy if outputs > MOST_CLASSES => {
            return Some(format!(
                "{} classes; at most {} are supported",
                grouped(outputs),
                grouped(MOST_CLASSES)
            ));
        }
        Loss::CrossEntropy if classes.len() != outputs => {
            return Some(format!("{} class names for {outputs} outputs", classes.len()));
        }
        Loss::Mse if outputs != 1 || table.is_none() => {
            return Some(format!("a regression with {outputs} outputs"));
        }
        _ => {}
    }
    let schema = table?;
    let columns = schema.inputs();
    let usable = |value: &f64| value.is_finite();
    if sample_shape != [columns] || schema.mean.len() != columns || schema.std.len() != columns {
        return Some(format!("{columns} columns for samples of shape {sample_shape:?}"));
    }
    if !schema.mean.iter().all(usable) || !schema.std.iter().all(|std| usable(std) && *std > 0.0) {
        return Some("statistics that are not finite".to_owned());
    }
    if schema.target.is_some_and(|target| !usable(&target.mean) || !usable(&target.std) || target.std <= 0.0)
    {
        return Some("statistics of the label column that are not finite".to_owned());
    }
    (schema.classes != *classes).then(|| "two different lists of classes".to_owned())
}
