//! How good a model is on samples, and examples of what it gets wrong and right.

use plangrad_tensor::{Backend, Samples, Source, Targets};
use serde::Serialize;

use super::pictures::Shown;
use crate::error::Result;
use crate::model::{Classification, Model, Prediction, Regression};
use crate::output::untrusted;
use crate::picture::Picture;

/// Examples of each kind.
const MOST_EXAMPLES: usize = 24;

/// Points of a regression that are drawn.
const MOST_POINTS: usize = 500;

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Examined {
    /// Which samples: `mnist test`.
    what: String,
    samples: usize,
    classes: Option<OfClasses>,
    values: Option<OfValues>,
}

impl Examined {
    /// Which samples.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The most confident mistakes, each with its number, its label and what was predicted, and its picture if it is one.
    pub(crate) fn mistakes(&self) -> impl Iterator<Item = (String, Option<&Picture>)> {
        let classes = self.classes.iter();
        let named = classes.flat_map(|found| found.mistakes.iter().map(move |example| (found, example)));
        named.map(|(found, example)| {
            let [label, class] = [example.label, example.class].map(|class| &found.names[class]);
            let title = format!("sample {}: {label}, predicted {class}", example.index);
            (title, example.picture.as_ref().map(|shown| &shown.0))
        })
    }
}

/// Of a classification.
#[derive(Clone, Debug, Serialize)]
struct OfClasses {
    names: Vec<String>,
    correct: u64,
    accuracy: f64,
    top_5_accuracy: Option<f64>,
    macro_f1: f64,
    /// How often a label (row) was predicted as a class (column).
    confusion: Vec<Vec<u64>>,
    per_class: Vec<OfClass>,
    mistakes: Vec<Example>,
    right: Vec<Example>,
}

#[derive(Clone, Debug, Serialize)]
struct OfClass {
    precision: f64,
    recall: f64,
    f1: f64,
    support: u64,
    predicted: u64,
}

/// A sample and its prediction.
#[derive(Clone, Debug, Serialize)]
struct Example {
    index: usize,
    label: usize,
    class: usize,
    probability: f32,
    /// Probability of the label.
    of_label: f32,
    picture: Option<Shown>,
}

/// Of a regression.
#[derive(Clone, Debug, Serialize)]
struct OfValues {
    rmse: f64,
    mae: f64,
    r2: Option<f64>,
    baseline_rmse: Option<f64>,
    /// Number of the sample, its value, its prediction.
    points: Vec<(usize, f64, f64)>,
}

/// Has the model predict every sample.
///
/// # Errors
/// As [`Model::predict_all`].
pub(crate) fn examine(model: &Model, source: &Source, what: String, backend: &Backend) -> Result<Examined> {
    let samples = source.len();
    let mut examined = Examined { what: untrusted(&what), samples, classes: None, values: None };
    match source.targets() {
        Targets::Classes(labels) => {
            examined.classes = Some(of_classes(model, source, labels, backend)?);
        }
        Targets::Values { values, .. } => {
            let scale = model.target_scale();
            let values: Vec<f64> = values.iter().map(|&value| scale.restore(value)).collect();
            examined.values = Some(of_values(model, source, &values, backend)?);
        }
        _ => {}
    }
    Ok(examined)
}

fn of_classes(model: &Model, source: &Source, labels: &[u8], backend: &Backend) -> Result<OfClasses> {
    let classes = model.description().classes.len();
    let mut confusion = vec![vec![0; classes]; classes];
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    let mut predictions = Vec::new();
    for (index, prediction) in model.predict_all(source, backend)?.into_iter().enumerate() {
        let Prediction::Class { class, probabilities } = prediction else { continue };
        let label = usize::from(labels[index]);
        confusion[label][class] += 1;
        let (probability, of_label) = (probabilities[class], probabilities[label]);
        let example = Example { index, label, class, probability, of_label, picture: None };
        (if class == label { &mut right } else { &mut wrong }).push(example);
        predictions.push((label, class, probabilities));
    }
    let triples = predictions.iter().map(|(label, class, all)| (*label, *class, all.as_slice()));
    let found = Classification::of(classes, triples);
    wrong.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    wrong.truncate(MOST_EXAMPLES);
    let correct = right.len() as u64;
    let illustrated = |examples: Vec<Example>| -> Vec<Example> {
        examples.into_iter().map(|example| illustrate(example, model, source)).collect()
    };
    Ok(OfClasses {
        names: model.description().classes.iter().map(|name| untrusted(name)).collect(),
        correct,
        accuracy: correct as f64 / source.len() as f64,
        top_5_accuracy: found.top_5_accuracy(),
        macro_f1: found.macro_f1(),
        confusion,
        per_class: per_class(&found),
        mistakes: illustrated(wrong),
        right: illustrated(spread(right, MOST_EXAMPLES)),
    })
}

fn per_class(found: &Classification) -> Vec<OfClass> {
    let of = |class: &crate::model::ClassQuality| OfClass {
        precision: class.precision(),
        recall: class.recall(),
        f1: class.f1(),
        support: class.labelled,
        predicted: class.answered,
    };
    found.classes.iter().map(of).collect()
}

fn illustrate(example: Example, model: &Model, source: &Source) -> Example {
    let Samples::U8(bytes) = source.samples() else { return example };
    let len = source.sample_elements();
    let sample = &bytes[example.index * len..][..len];
    Example { picture: Shown::sample(model.sample_shape(), sample), ..example }
}

fn of_values(model: &Model, source: &Source, values: &[f64], backend: &Backend) -> Result<OfValues> {
    let value = |prediction| match prediction {
        Prediction::Value(value) => value,
        Prediction::Class { .. } => f64::NAN,
    };
    let predicted: Vec<f64> = model.predict_all(source, backend)?.into_iter().map(value).collect();
    let found = Regression::of(values, &predicted, model.mean_learnt_from());
    let points = values.iter().zip(&predicted).enumerate();
    let points = points.map(|(index, (&value, &predicted))| (index, value, predicted)).collect();
    let Regression { rmse, mae, r2, baseline_rmse } = found;
    Ok(OfValues { rmse, mae, r2, baseline_rmse, points: spread(points, MOST_POINTS) })
}

/// So many of them at most, from first to last at equal distances.
fn spread<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let every = all.len().div_ceil(most).max(1);
    all.into_iter().step_by(every).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_of_many_are_spread_over_all() {
        assert_eq!(spread((0..100).collect(), 4), [0, 25, 50, 75]);
        assert_eq!(spread((0..3).collect(), 4), [0, 1, 2]);
        assert_eq!(spread(Vec::<u8>::new(), 4), Vec::<u8>::new());
    }
}
