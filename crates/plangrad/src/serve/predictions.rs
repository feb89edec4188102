//! From the body of a request to the predictions for what is in it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use plangrad_data::{Fit, LoadOptions, Samples as DataSamples};
use plangrad_tensor::{Backend, Samples};
use serde::Serialize;

use super::memory::ServingMemory;
use super::rows::{samples, too_many};
use crate::error::Result;
use crate::http::{Head, Limits, Refusal, Response, Status};
use crate::loading;
use crate::model::{Model, Prediction, Predictor};
use crate::numbers::serialize_shortest;
use crate::picture::{ImageInput, Wanted};

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Image { invert: bool, centre: bool },
    Json,
    Csv,
}

/// A model that answers requests, one at a time.
pub(crate) struct Predictions<'a> {
    model: &'a Model,
    memory: ServingMemory,
    predictor: Mutex<Predictor<'a>>,
    /// How tables are read, and how images are brought to their size.
    reading: LoadOptions,
    fit: Fit,
}

/// What is asked.
struct Questions {
    samples: Samples,
    rows: usize,
    /// Of a table the number of each row that has a prediction, and how many rows there are.
    numbers: Option<(Vec<u32>, usize)>,
    remarks: Vec<String>,
}

/// The answers to a request.
#[derive(Serialize)]
struct Answers<'a> {
    predictions: Vec<Answer<'a>>,
    remarks: Vec<String>,
}

/// A prediction, as `predict` has it in JSON.
#[derive(Clone, Default, Serialize)]
struct Answer<'a> {
    class: Option<usize>,
    name: Option<&'a str>,
    probabilities: Option<Vec<f32>>,
    #[serde(serialize_with = "serialize_shortest")]
    value: Option<f64>,
}

impl<'a> Predictions<'a> {
    /// Reserves a session for batches of `batch_size` samples, and plans what requests may take besides.
    ///
    /// # Errors
    /// If memory runs out; if the settings of the model's run are damaged.
    pub(crate) fn new(
        model: &'a Model,
        batch_size: usize,
        limits: Limits,
        backend: &Backend,
    ) -> Result<Self> {
        let predictor = model.predictor(batch_size, backend)?;
        let memory = ServingMemory::plan(model, predictor.planned(), limits, loading::memory());
        let (reading, fit) = (model.reading(memory.decoding)?, model.fit()?);
        Ok(Self { model, memory, predictor: Mutex::new(predictor), reading, fit })
    }

    pub(crate) fn memory(&self) -> &ServingMemory {
        &self.memory
    }

    pub(super) fn model(&self) -> &Model {
        self.model
    }

    /// What the body of a request is, if the model reads that.
    pub(super) fn kind(&self, head: &Head) -> std::result::Result<Kind, Refusal> {
        let reads_images = self.model.table().is_none();
        let expected = match reads_images {
            true => "image/png or image/jpeg",
            false => "application/json or text/csv",
        };
        match (head.content_type.as_deref().unwrap_or_default(), reads_images) {
            (kind, true) if kind.starts_with("image/") || kind == "application/octet-stream" => {
                let centre = head.asks("centre");
                if centre && self.model.sample_shape().first() != Some(&1) {
                    return Err(Refusal::bad("centre: is for digits, and this model reads colours"));
                }
                Ok(Kind::Image { invert: head.asks("invert"), centre })
            }
            ("application/json", false) => Ok(Kind::Json),
            ("text/csv", false) => Ok(Kind::Csv),
            (found, _) => {
                let sentence = format!("expected Content-Type {expected}, found `{found}`");
                Err(Refusal::new(Status::UnsupportedMediaType, sentence))
            }
        }
    }

    /// The predictions for a body, and how many there are.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub(super) fn answer(
        &self,
        kind: Kind,
        body: Vec<u8>,
    ) -> std::result::Result<(Response, usize), Refusal> {
        // From here on memory is taken that is planned for one request.
        let mut predictor = self.predictor.lock().unwrap_or_else(PoisonError::into_inner);
        let Questions { samples, rows, numbers, remarks } = match kind {
            Kind::Image { invert, centre } => self.image(&body, invert, centre)?,
            Kind::Json => self.rows(&body)?,
            Kind::Csv => self.table(body)?,
        };
        let source = self.model.unlabelled(samples, rows)?;
        let answers = predictor.predict(&source)?.into_iter().map(|prediction| self.put(prediction));
        let predictions = match numbers {
            None => answers.collect(),
            Some((numbers, total)) => {
                let mut all = vec![Answer::default(); total];
                for (number, answer) in numbers.into_iter().zip(answers) {
                    if let Some(place) = all.get_mut(number as usize) {
                        *place = answer;
                    }
                }
                all
            }
        };
        Ok((Response::json(&Answers { predictions, remarks }), rows))
    }

    fn put(&self, prediction: Prediction) -> Answer<'a> {
        match prediction {
            Prediction::Class { class, probabilities } => Answer {
                class: Some(class),
                name: Some(self.model.class_name(class)),
                probabilities: Some(probabilities),
                value: None,
            },
            Prediction::Value(value) => Answer { value: Some(value), ..Answer::default() },
        }
    }

    fn image(&self, body: &[u8], invert: bool, centre: bool) -> std::result::Result<Questions, Refusal> {
        let &[channels, height, width] = self.model.sample_shape() else {
            return Err(Refusal::bad("this model reads the rows of a table"));
        };
        let wanted = Wanted { shape: [channels, height, width], fit: self.fit, invert, centre };
        let image = ImageInput::decode(Path::new("the image"), body, Some(self.memory.decoding), wanted)?;
        let dataset = &self.model.description().dataset;
        let is_dark = image.is_dark_on_light && dataset != "folder";
        let dark = is_dark.then(|| {
            format!("the image is dark on light, {dataset} is light on dark: /predict?invert swaps the two")
        });
        Ok(Questions {
            samples: Samples::U8(image.picture.planes()),
            rows: 1,
            numbers: None,
            remarks: image.blank.into_iter().chain(dark).collect(),
        })
    }

    fn rows(&self, body: &[u8]) -> std::result::Result<Questions, Refusal> {
        let table = self.model.table().ok_or_else(|| Refusal::bad("this model reads images"))?;
        let (samples, rows) = samples(body, table, self.memory.most_rows)?;
        Ok(Questions { samples: Samples::F32(samples), rows, numbers: None, remarks: Vec::new() })
    }

    fn table(&self, body: Vec<u8>) -> std::result::Result<Questions, Refusal> {
        let dataset = self.model.read_table(Path::new("the table"), body, &self.reading)?;
        let Some(facts) = dataset.table_rows else {
            return Err(Refusal::bad("the table: expected rows"));
        };
        if facts.total > self.memory.most_rows {
            return Err(too_many(self.memory.most_rows));
        }
        let samples = match dataset.train.samples {
            DataSamples::F32(values) => Samples::F32(values),
            DataSamples::U8(values) => Samples::U8(values),
        };
        Ok(Questions {
            samples,
            rows: facts.train.numbers.len(),
            numbers: Some((facts.train.numbers, facts.total)),
            remarks: [dataset.notes, facts.remarks].concat(),
        })
    }
}
