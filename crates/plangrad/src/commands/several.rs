//! Predictions for some samples of a dataset, beside each other: those that were asked for, or the worst.

use plangrad_data::{LabelUse, Target};
use plangrad_tensor::{Samples, Source};

use super::answers::{check_memory, object};
use super::device;
use super::eval::request;
use super::samples::{check_index, random_samples};
use crate::charts::{Gallery, Verdict};
use crate::cli::PredictArgs;
use crate::drawing::PictureFile;
use crate::error::{Error, Result};
use crate::language::{Language, text};
use crate::model::{Model, Prediction, Questions, Request};
use crate::numbers::{grouped, percent, short};
use crate::output::{Align, Console, Table, untrusted};
use crate::picture::{Graphics, Picture, side_by_side};

/// Some samples and what the model says of them.
struct Several<'a> {
    model: &'a Model,
    /// `mnist test: the 12 worst of 10,000 samples`
    what: String,
    /// The same in the language of people; pictures have no letters for all of them.
    said: String,
    shown: Vec<Shown>,
}

/// One of them.
struct Shown {
    index: usize,
    target: Option<Target>,
    prediction: Prediction,
    picture: Option<Picture>,
}

/// Predicts the samples that options name, shows them, and writes them to `out` as a picture.
///
/// # Errors
/// If the data or the file cannot be had.
pub(super) fn several(
    arguments: &PredictArgs,
    model: &Model,
    out: Option<&PictureFile>,
    console: &Console,
) -> Result<()> {
    let found = find(arguments, model)?;
    if let Some(file) = out {
        file.write(&found.gallery()?.draw(), "--out")?;
    }
    match found.pixels(console)? {
        Some(pixels) => console.drawing(&pixels)?,
        None => console.drawing(&found.text(console))?,
    }
    for shown in &found.shown {
        console.json(&object(model, Some(&shown.prediction), shown.target, Some(shown.index)))?;
    }
    match out {
        Some(file) => console.text(&text!("written to {file}", file = file.path().display())),
        None => Ok(()),
    }
}

fn find<'a>(arguments: &PredictArgs, model: &'a Model) -> Result<Several<'a>> {
    let labels = if arguments.worst.is_some() { LabelUse::Required } else { LabelUse::Optional };
    let questions = model.load(&Request { labels, ..request(&arguments.data, arguments.split) })?;
    let samples = questions.subset.len();
    let index = arguments.index.unwrap_or(0);
    check_index(index, samples, &questions.what)?;
    check_memory(samples, model.outputs())?;
    let targets: Vec<Option<Target>> = (0..samples).map(|sample| questions.target(sample)).collect();
    let Questions { subset, what, .. } = questions;
    let source = model.source(subset)?;
    let predictions = device::compute(&arguments.device, |backend| model.predict_all(&source, backend))?;
    let count = arguments.count.unwrap_or(1);
    let chosen = match arguments.worst {
        Some(count) => worst(&targets, &predictions, count),
        None if arguments.random => random_samples(samples, count, arguments.seed),
        None => (index..samples).take(count).collect(),
    };
    let [what, said] = [Language::English, Language::current()]
        .map(|language| described(arguments, &what, chosen.len(), samples, language));
    let shown = chosen.into_iter().map(|index| Shown {
        index,
        target: targets[index],
        prediction: predictions[index].clone(),
        picture: picture(&source, model, index),
    });
    Ok(Several { model, what, said, shown: shown.collect() })
}

/// `mnist test: the 12 worst of 10,000 samples`
fn described(
    arguments: &PredictArgs,
    what: &str,
    chosen: usize,
    samples: usize,
    language: Language,
) -> String {
    let (is_none, chosen) = (chosen == 0, grouped(chosen));
    let samples = match samples {
        1 => text!(language; "{number} sample", number = 1),
        several => text!(language; "{number} samples", number = grouped(several)),
    };
    match arguments.worst {
        Some(_) if is_none => text!(language; "{what}: no mistake in {samples}", what, samples),
        Some(_) => text!(language; "{what}: the {chosen} worst of {samples}", what, chosen, samples),
        None => text!(language; "{what}: {chosen} of {samples}", what, chosen, samples),
    }
}

fn picture(source: &Source, model: &Model, index: usize) -> Option<Picture> {
    let Samples::U8(bytes) = source.samples() else { return None };
    let len = source.sample_elements();
    Picture::from_planes(model.sample_shape(), bytes.get(index * len..)?.get(..len)?)
}

/// The samples that the model is most certain and wrong about; of numbers, those that it is farthest from.
fn worst(targets: &[Option<Target>], predictions: &[Prediction], count: usize) -> Vec<usize> {
    let badness = |(target, prediction): (&Option<Target>, &Prediction)| match (target, prediction) {
        (Some(Target::Class(label)), Prediction::Class { class, probabilities }) => {
            (usize::from(*label) != *class).then(|| f64::from(probabilities[*class]))
        }
        (Some(Target::Value(value)), Prediction::Value(answer)) => Some((value - answer).abs()),
        _ => None,
    };
    let all = targets.iter().zip(predictions).map(badness).enumerate();
    let mut wrong: Vec<(usize, f64)> = all.filter_map(|(index, badness)| Some((index, badness?))).collect();
    wrong.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    wrong.into_iter().take(count).map(|(index, _)| index).collect()
}

impl Several<'_> {
    /// The pictures with their titles.
    fn gallery(&self) -> Result<Gallery> {
        let file = self.model.file().display();
        let mut gallery = Gallery::new(untrusted(&format!("{file} on {}", self.what)));
        for shown in &self.shown {
            let (Some(picture), Prediction::Class { class, probabilities }) =
                (&shown.picture, &shown.prediction)
            else {
                return Err(no_pictures());
            };
            let known = match shown.target {
                Some(Target::Class(label)) => Some(usize::from(label)),
                _ => None,
            };
            let place = format!("#{}", shown.index);
            push_titled(&mut gallery, self.model, picture.clone(), (known, *class, probabilities), &place);
        }
        Ok(gallery)
    }

    /// The pictures as a terminal shows them, if it does.
    fn pixels(&self, console: &Console) -> Result<Option<String>> {
        let graphics = console.graphics();
        let has_pictures = self.shown.first().is_some_and(|shown| shown.picture.is_some());
        if graphics == Graphics::None || !has_pictures {
            return Ok(None);
        }
        Ok(self.gallery()?.in_terminal(graphics, Console::width())?)
    }

    fn text(&self, console: &Console) -> String {
        let pictures = self.shown.iter().map(|shown| shown.picture.as_ref().map(|picture| (shown, picture)));
        let body = match pictures.collect::<Option<Vec<_>>>() {
            Some(pictures) => {
                let drawings: Vec<_> = pictures
                    .into_iter()
                    .map(|(shown, picture)| (picture.draw(console.colour()), self.captions(shown)))
                    .collect();
                side_by_side(&drawings, Console::width())
            }
            None => self.table().to_string(),
        };
        format!("{}\n\n{body}", untrusted(&self.said)).trim_end().to_owned()
    }

    /// `7 → 9` and `#12, 61.20 %`
    fn captions(&self, shown: &Shown) -> Vec<String> {
        let sure = match &shown.prediction {
            Prediction::Class { class, probabilities } => {
                format!(", {}", percent(probabilities[*class].into()))
            }
            Prediction::Value(_) => String::new(),
        };
        vec![self.verdict(shown), format!("#{}{sure}", shown.index)]
    }

    /// `7 → 9`: label and prediction.
    fn verdict(&self, shown: &Shown) -> String {
        let predicted = self.predicted(shown);
        match self.label(shown) {
            Some(label) => format!("{label} → {predicted}"),
            None => predicted,
        }
    }

    fn predicted(&self, shown: &Shown) -> String {
        match &shown.prediction {
            Prediction::Class { class, .. } => self.model.class_name(*class).to_owned(),
            Prediction::Value(value) => short(*value),
        }
    }

    fn label(&self, shown: &Shown) -> Option<String> {
        Some(match shown.target? {
            Target::Class(label) => self.model.class_name(usize::from(label)).to_owned(),
            Target::Value(value) => short(value),
        })
    }

    /// Of rows of a table.
    fn table(&self) -> Table {
        let headings = ["#".to_owned(), text!("label"), text!("predicted"), String::new()];
        let aligned = [Align::Right, Align::Left, Align::Left, Align::Right];
        let mut table = Table::new(headings.into_iter().zip(aligned));
        for shown in &self.shown {
            let sure = match &shown.prediction {
                Prediction::Class { class, probabilities } => percent(probabilities[*class].into()),
                Prediction::Value(_) => String::new(),
            };
            let label = self.label(shown).unwrap_or_default();
            table.row([shown.index.to_string(), label, self.predicted(shown), sure]);
        }
        table
    }
}

/// Rows of a table cannot be drawn.
pub(super) fn no_pictures() -> Error {
    Error::option("--out", "rows of a table have no pictures; leave it out, or name all rows and a .csv file")
}

/// Adds a picture with its label, if known, what was predicted, how probable that is, and where it comes from.
pub(super) fn push_titled(
    gallery: &mut Gallery,
    model: &Model,
    picture: Picture,
    (label, class, probabilities): (Option<usize>, usize, &[f32]),
    place: &str,
) {
    let name = |class| untrusted(model.class_name(class));
    let (title, verdict) = match label {
        Some(label) if label == class => (format!("{} → {}", name(label), name(class)), Verdict::Right),
        Some(label) => (format!("{} → {}", name(label), name(class)), Verdict::Wrong),
        None => (name(class), Verdict::Unknown),
    };
    let sure = percent(probabilities.get(class).copied().unwrap_or(f32::NAN).into());
    gallery.push(picture, [title, untrusted(&format!("{sure}, {place}"))], verdict);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(class: usize, probability: f32) -> Prediction {
        Prediction::Class { class, probabilities: vec![1.0 - probability, probability] }
    }

    #[test]
    fn the_worst_are_the_most_certain_mistakes_and_of_numbers_the_largest_errors() {
        let targets = [0, 1, 0, 0].map(|label| Some(Target::Class(label)));
        let predictions = [class(1, 0.6), class(1, 0.99), class(1, 0.9), class(0, 0.2)];
        assert_eq!(worst(&targets, &predictions, 9), [2, 0]);
        assert_eq!(worst(&targets, &predictions, 1), [2]);
        let targets = [Some(Target::Value(1.0)), None, Some(Target::Value(-5.0))];
        let predictions = [1.5, 9.0, 0.0].map(Prediction::Value);
        assert_eq!(worst(&targets, &predictions, 9), [2, 0]);
    }
}
