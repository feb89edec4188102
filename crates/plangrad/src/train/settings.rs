//! Everything that decides a run's result and the files it writes, as in the run folder's `config.toml`.
//!
//! Threads and the folder's name are not here: they change nothing. All values are explicit: no default of a later version
//! can change a run that is resumed with it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plangrad_data::{
    Dataset, DatasetName, ImageOptions, LoadOptions, Normalize, TableOptions, open_regular_file,
};
use plangrad_nn::{Activation, Architecture, Architectures, Decayed, Loss, Mlp, MlpConfig, Module};
use plangrad_tensor::{Hyperparameter, LearningRate, Optimizer, Schedule};
use serde::{Deserialize, Serialize};

use super::best::{Criterion, KeptModel};
use super::class_weights::class_counts;
use super::layout::{Recomputing, StepConfig, StepMemory};
use super::source::target_kind;
use super::subject::{Levers, Subject};
use super::wrong_setting::WrongSetting;
use crate::device::Precision;
use crate::error::{Error, Result};

/// Everything that decides a run's result, and how often it is logged and saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Settings {
    /// Name of the dataset; tables and other files of the user by their absolute path.
    pub dataset: String,
    /// Folder with the datasets.
    pub data_dir: PathBuf,
    /// Normalisation.
    pub normalize: String,
    /// Tables: the label column; the last if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Tables, and folders of images without a test folder: share kept for testing.
    pub test_fraction: f64,
    /// Share of the training part that is kept to compare epochs by; none if absent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub validation_fraction: f64,
    /// Which model is kept besides the last.
    #[serde(default, skip_serializing_if = "KeptModel::is_default")]
    pub keep: KeptModel,
    /// By which number epochs are compared; accuracy for classes and loss for values, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_by: Option<Criterion>,
    /// Epochs without a better one after which the run ends; it takes all epochs if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    /// What is minimised.
    pub loss: Loss,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// What follows each hidden layer.
    pub activation: Activation,
    /// Share of hidden units dropped.
    pub dropout: f32,
    /// Samples per step.
    pub batch_size: usize,
    /// Passes over the training part.
    pub epochs: u64,
    /// Steps after which the run ends, if that is before the last epoch does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// Seed of weights, permutations, dropout, and of a table's parts.
    pub seed: u64,
    /// Whether samples are shuffled.
    pub shuffle: bool,
    /// Weights to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<PathBuf>,
    /// Samples per evaluation batch; if absent, as many as fit into the training arena.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval_batch_size: Option<usize>,
    /// Steps between two step events.
    pub log_every: u64,
    /// Steps between two checkpoints within an epoch; none if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<u64>,
    /// Steps over which the learning rate is warmed up before the schedule begins; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_steps: Option<u64>,
    /// What a sample weighs by its class, one number for each; all alike if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<Vec<f64>>,
    /// Share of each training sample's loss that is spread over all classes; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_smoothing: Option<f64>,
    /// The norm to which the gradients of a step are scaled down; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// What weight decay is for; all parameters if absent.
    #[serde(default, skip_serializing_if = "is_for_all")]
    pub decay_of: Decayed,
    /// The share of the running average of the weights that each step leaves; no average if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// Whether gradients are kept in memory even where the device can do without.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_gradients: bool,
    /// Whether samples are gathered into a place of their own even where they could be read in place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_inputs: bool,
    /// When activations are computed again instead of being kept; never if absent.
    #[serde(default, skip_serializing_if = "Recomputing::is_default")]
    pub recompute: Recomputing,
    /// Number format; f32 if absent.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// How parameters follow their gradients.
    pub optimizer: Optimizer,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Tables: how they are read and split; as by earlier versions if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<TableOptions>,
    /// The network, if it is not the MLP of `hidden`, `activation` and `dropout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// Folders of images: what each image becomes.
    #[serde(default, skip_serializing_if = "ImageOptions::is_default")]
    pub images: ImageOptions,
}

fn is_for_all(decayed: &Decayed) -> bool {
    *decayed == Decayed::All
}

fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

/// A setting that may be given anew when a run is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changeable {
    /// Its key in `config.toml`, of an entry of a table `table.key`, and those of what follows from it.
    pub(crate) keys: &'static [&'static str],
    /// The option that gives it.
    pub(crate) option: &'static str,
    /// Whether the bits of later checkpoints follow from it: then a change is recorded, and has to be asked for by name.
    pub(crate) fixes_bits: bool,
}

/// All of them: how long a run is, where its data lie, how often it is logged or saved; and what leads on to other bits.
pub(crate) const CHANGEABLE: [Changeable; 11] = [
    free(&["data_dir"]),
    free(&["epochs"]),
    free(&["max_steps"]),
    free(&["eval_batch_size"]),
    free(&["log_every"]),
    free(&["checkpoint_every"]),
    free(&["keep_gradients"]),
    free(&["keep_inputs"]),
    free(&["recompute"]),
    Changeable { keys: &[BATCH_SIZE], option: "batch_size", fixes_bits: true },
    Changeable {
        keys: &[LEARNING_RATE, "schedule.initial", "schedule.minimum"],
        option: "lr",
        fixes_bits: true,
    },
];

/// The key of the batch size.
pub(super) const BATCH_SIZE: &str = "batch_size";

/// The key of the learning rate that a schedule begins from or rises to.
pub(crate) const LEARNING_RATE: &str = "schedule.learning_rate";

/// A setting from which no bits follow, whose option has its name.
const fn free(keys: &'static [&'static str]) -> Changeable {
    Changeable { keys, option: keys[0], fixes_bits: false }
}

/// The longest `config.toml` that is read.
const MOST_BYTES: u64 = 1 << 22;

impl Settings {
    /// Steps between two step events by default.
    pub(crate) const LOG_EVERY: u64 = 100;

    /// Settings for training `subject`, whose dataset was loaded with the default options, in batches of `batch_size` for
    /// so many epochs. Everything else is as for the command `train`: Adam with a learning rate of 0.001, seed 42, samples
    /// in random order. Change the fields to your needs.
    #[must_use]
    pub fn new(subject: &Subject, batch_size: usize, epochs: u64) -> Settings {
        let LoadOptions { data_dir, test_fraction, seed, .. } = LoadOptions::default();
        let description = &subject.description;
        Settings {
            dataset: subject.dataset.to_string(),
            data_dir,
            normalize: description.normalize.clone(),
            label: None,
            test_fraction,
            validation_fraction: 0.0,
            keep: KeptModel::default(),
            best_by: None,
            patience: None,
            loss: description.loss,
            hidden: Vec::new(),
            activation: Activation::default(),
            dropout: 0.0,
            batch_size,
            epochs,
            max_steps: None,
            seed,
            shuffle: true,
            init: None,
            eval_batch_size: None,
            log_every: Settings::LOG_EVERY,
            checkpoint_every: None,
            warmup_steps: None,
            class_weights: None,
            label_smoothing: None,
            clip_norm: None,
            decay_of: Decayed::All,
            ema: None,
            keep_gradients: false,
            keep_inputs: false,
            recompute: Recomputing::default(),
            precision: Precision::default(),
            optimizer: Optimizer::adam(),
            schedule: Schedule::Constant { learning_rate: Optimizer::adam().default_learning_rate() },
            table: subject.table.as_ref().map(|_| TableOptions::default()),
            architecture: Some(description.architecture()),
            images: ImageOptions::default(),
        }
    }

    /// The dataset's name.
    ///
    /// # Errors
    /// If the file names one that does not exist.
    pub fn dataset_name(&self) -> Result<DatasetName> {
        Ok(self.dataset.parse()?)
    }

    /// The normalisation.
    ///
    /// # Errors
    /// If the file names one that does not exist.
    pub fn normalize(&self) -> Result<Normalize> {
        Ok(self.normalize.parse()?)
    }

    /// How to load the dataset.
    ///
    /// # Errors
    /// If the file names a normalisation that does not exist.
    pub fn options(&self) -> Result<LoadOptions> {
        Ok(LoadOptions {
            data_dir: self.data_dir.clone(),
            normalize: self.normalize()?,
            label: self.label.clone(),
            task: target_kind(self.loss),
            test_fraction: self.test_fraction,
            validation_fraction: self.validation_fraction,
            seed: self.seed,
            table: self.table_options(),
            images: self.images.clone(),
            ..LoadOptions::default()
        })
    }

    /// How a table is read and split.
    #[must_use]
    pub fn table_options(&self) -> TableOptions {
        self.table.clone().unwrap_or_else(TableOptions::of_earlier_versions)
    }

    /// The task and data of a run with these settings, from the dataset that they name.
    ///
    /// # Errors
    /// If there is nothing to learn from, or the network is impossible.
    pub fn subject(&self, dataset: Dataset) -> Result<Subject> {
        self.subject_with(dataset, &Architectures::new())
    }

    /// The same, where the network may be one of these kinds.
    ///
    /// # Errors
    /// As [`Settings::subject`]; if the network's architecture is unknown.
    pub fn subject_with(&self, dataset: Dataset, known: &Architectures) -> Result<Subject> {
        let network = self.network(&dataset.sample_shape, dataset.outputs(), known)?;
        let counts =
            self.class_weights.as_ref().map(|_| class_counts(&dataset.train.targets, dataset.classes.len()));
        let subject = Subject::new(dataset, self.normalize()?, network, self.loss)?;
        let weights = self.class_weights.as_deref();
        subject.with_levers(weights, &counts.unwrap_or_default(), self.levers())
    }

    /// What a step does besides, but the weights of classes.
    pub(crate) fn levers(&self) -> Levers {
        let Settings { label_smoothing, clip_norm, decay_of, ema, .. } = *self;
        Levers { label_smoothing, clip_norm, decayed: decay_of, average: ema }
    }

    /// The network, for samples of this shape, with so many outputs.
    ///
    /// # Errors
    /// If it is impossible.
    pub(crate) fn network(
        &self,
        sample_shape: &[usize],
        outputs: usize,
        known: &Architectures,
    ) -> Result<Arc<dyn Module>> {
        Ok(match &self.architecture {
            Some(architecture) => known.build(architecture)?,
            None => {
                let config = MlpConfig::new(sample_shape, outputs)
                    .hidden(&self.hidden)
                    .activation(self.activation)
                    .dropout(self.dropout);
                Arc::new(Mlp::new(&config)?)
            }
        })
    }

    /// Whether epochs are compared with each other.
    #[must_use]
    pub fn compares_epochs(&self) -> bool {
        self.keep == KeptModel::Best || self.patience.is_some()
    }

    /// By which number epochs are compared.
    #[must_use]
    pub fn criterion(&self) -> Criterion {
        let has_accuracy = Criterion::Accuracy.applies_to(self.loss);
        let by_default = if has_accuracy { Criterion::Accuracy } else { Criterion::Loss };
        self.best_by.unwrap_or(by_default)
    }

    /// Steps of an epoch of so many samples, and of the run.
    pub(crate) fn steps(&self, samples: u64) -> (u64, u64) {
        let per_epoch = samples.div_ceil(self.batch_size as u64);
        let planned = per_epoch.saturating_mul(self.epochs);
        (per_epoch, self.max_steps.map_or(planned, |most| most.min(planned)))
    }

    /// The same settings with another learning rate; the schedule's length and shape stay.
    #[must_use]
    pub(crate) fn with_learning_rate(&self, learning_rate: f64) -> Settings {
        let schedule = match self.schedule {
            Schedule::Constant { .. } => Schedule::Constant { learning_rate },
            Schedule::Cosine { minimum, steps, .. } => Schedule::Cosine { learning_rate, minimum, steps },
            Schedule::Step { factor, every, .. } => Schedule::Step { learning_rate, factor, every },
            Schedule::OneCycle { steps, .. } => Schedule::one_cycle(learning_rate, steps),
            other => other,
        };
        Settings { schedule, ..self.clone() }
    }

    /// The same settings with this network in place of the MLP of `hidden`, `activation` and `dropout`.
    #[must_use]
    pub(crate) fn with_network(self, architecture: Architecture) -> Settings {
        let (hidden, activation, architecture) = (Vec::new(), Activation::default(), Some(architecture));
        Settings { hidden, activation, dropout: 0.0, architecture, ..self }
    }

    /// The learning rate of every step.
    pub(crate) fn learning_rate(&self) -> LearningRate {
        self.schedule.after_warmup(self.warmup_steps.unwrap_or(0))
    }

    /// What the plans of the run depend on.
    pub(crate) fn step(&self) -> StepConfig {
        StepConfig {
            optimizer: self.optimizer,
            learning_rate: self.learning_rate(),
            batch_size: self.batch_size,
            eval_batch_size: self.eval_batch_size,
            repeats: false,
            memory: self.memory(),
        }
    }

    /// What a step does to take less memory.
    pub(crate) fn memory(&self) -> StepMemory {
        let Settings { keep_gradients, keep_inputs, recompute, precision, .. } = *self;
        StepMemory { keep_gradients, keep_inputs, recompute, precision }
    }

    /// Reads a run's `config.toml`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Config`].
    pub fn read(path: &Path) -> Result<Settings> {
        Settings::read_from(open_regular_file(path).map_err(Error::io(path, "read"))?, path)
    }

    /// The same from the open file at `path`.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub(super) fn read_from(file: File, path: &Path) -> Result<Settings> {
        let mut text = String::new();
        file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(Error::io(path, "read"))?;
        if text.len() as u64 > MOST_BYTES {
            let reason = format!("expected at most {MOST_BYTES} bytes, found more");
            return Err(Error::Config { path: path.into(), reason });
        }
        Settings::parse(&text, path)
    }

    /// The same from the text of the file at `path`.
    ///
    /// # Errors
    /// [`Error::Config`].
    fn parse(text: &str, path: &Path) -> Result<Settings> {
        let wrong = |reason: String| Error::Config { path: path.into(), reason };
        let settings: Settings =
            toml::from_str(text).map_err(|error| wrong(error.message().trim().into()))?;
        settings.check().map_err(|error| wrong(error.to_string()))?;
        Ok(settings)
    }

    /// Refuses what the command line would refuse: a file can be edited or damaged, and a caller can set anything.
    pub(crate) fn check(&self) -> std::result::Result<(), WrongSetting> {
        let counts = [
            ("batch_size", self.batch_size as u64),
            ("epochs", self.epochs),
            ("max_steps", self.max_steps.unwrap_or(1)),
            ("eval_batch_size", self.eval_batch_size.unwrap_or(1) as u64),
            ("log_every", self.log_every),
            ("checkpoint_every", self.checkpoint_every.unwrap_or(1)),
            ("patience", self.patience.unwrap_or(1)),
            ("warmup_steps", self.warmup_steps.unwrap_or(1)),
        ];
        if let Some((name, _)) = counts.into_iter().find(|&(_, count)| count == 0) {
            return Err(WrongSetting::Zero { name });
        }
        Hyperparameter::share("test_fraction", self.test_fraction)?;
        Hyperparameter::share("validation_fraction", self.validation_fraction)?;
        if self.best_by.is_some_and(|criterion| !criterion.applies_to(self.loss)) {
            return Err(WrongSetting::AccuracyOfRegression);
        }
        Hyperparameter::share("dropout", f64::from(self.dropout))?;
        Hyperparameter::share("label_smoothing", self.label_smoothing.unwrap_or(0.0))?;
        self.clip_norm.map_or(Ok(1.0), |norm| Hyperparameter::positive("clip_norm", norm))?;
        Hyperparameter::share("ema", self.ema.unwrap_or(0.0))?;
        self.optimizer.check()?;
        Ok(self.schedule.check()?)
    }

    /// The text of a run's `config.toml`.
    ///
    /// # Errors
    /// [`Error::Config`] for a path that is not UTF-8.
    pub fn to_toml(&self, path: &Path) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::Config { path: path.into(), reason: error.to_string() })
    }
}
