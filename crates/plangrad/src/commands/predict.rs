//! `plangrad predict`: a trained model's prediction for one sample, with probabilities; `answers` has those for many.

use std::path::{Path, PathBuf};

use plangrad_data::{LabelUse, Sample, Target, has_image_name};
use plangrad_tensor::Samples;

use super::answers::{Answers, object};
use super::eval::request;
use super::samples::{check_index, random_samples, sample};
use super::several::{no_pictures, push_titled, several};
use super::{device, trained};
use crate::charts::Gallery;
use crate::cli::{PredictArgs, Row};
use crate::colour::Colour;
use crate::drawing::PictureFile;
use crate::error::{Error, Result};
use crate::language::text;
use crate::model::{Model, Prediction, Questions, Request};
use crate::numbers::{grouped, short};
use crate::output::Console;
use crate::output::{Align, Table, printable, untrusted};
use crate::picture::{ImageInput, Picture, Wanted};

/// Values of a row that are shown.
const MOST_SHOWN: usize = 12;

/// Columns of the bar of a probability of 1.
const BAR: usize = 40;

pub(super) fn predict(arguments: &PredictArgs, console: &mut Console) -> Result<()> {
    let picture = picture_file(arguments)?;
    let model = trained::open(&arguments.trained)?;
    if !arguments.image.is_empty() {
        return images(arguments, &model, picture.as_ref(), console);
    }
    if arguments.worst.is_some() || arguments.count.is_some() {
        return several(arguments, &model, picture.as_ref(), console);
    }
    let is_one = arguments.index.is_some() || arguments.random;
    if !is_one && (arguments.values.len() != 1 || arguments.out.is_some()) {
        return Answers::find(arguments, &model)?.give(arguments.out.as_deref(), console);
    }
    let subject = Question::find(arguments, &model)?;
    let predict = |backend: &_| model.predict(subject.sample.clone(), backend);
    let prediction = device::compute(&arguments.device, predict)?;
    answer(arguments, &model, &subject, &prediction, console)?;
    let mut gallery = Gallery::new(heading(&model));
    subject.push_to(&mut gallery, &model, &prediction);
    written(&gallery, picture.as_ref(), console)
}

/// The picture to be written; none where answers are, as a table.
fn picture_file(arguments: &PredictArgs) -> Result<Option<PictureFile>> {
    let Some(path) = &arguments.out else { return Ok(None) };
    let PredictArgs { index, random, image, worst, count, .. } = arguments;
    let are_pictures = index.is_some() || *random || !image.is_empty() || worst.is_some() || count.is_some();
    let picture = PictureFile::named(path.clone());
    match (&picture, are_pictures) {
        (None, true) => {
            let found = path.display();
            Err(wrong("--out", &format!("expected a name that ends with .png or .svg, found `{found}`")))
        }
        (Some(_), false) => Err(wrong(
            "--out",
            "a picture is of some samples: --index, --random, --count, --worst or --image",
        )),
        (Some(file), true) => file.check().map(|()| picture),
        (None, false) => Ok(None),
    }
}

/// Writes the pictures, if that was asked for.
fn written(gallery: &Gallery, file: Option<&PictureFile>, console: &Console) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    if gallery.is_empty() {
        return Err(no_pictures());
    }
    file.write(&gallery.draw(), "--out")?;
    console.text(&text!("\nwritten to {file}", file = file.path().display()))
}

fn heading(model: &Model) -> String {
    untrusted(&format!("predictions of {}", model.file().display()))
}

/// Answers for every image named, and for those in folders.
fn images(
    arguments: &PredictArgs,
    model: &Model,
    out: Option<&PictureFile>,
    console: &Console,
) -> Result<()> {
    let found = image_files(&arguments.image)?;
    device::compute(&arguments.device, |backend| {
        let mut skipped = 0;
        let mut gallery = Gallery::new(heading(model));
        for (place, (path, is_named)) in found.iter().enumerate() {
            let subject = match Question::image(path, arguments, model) {
                Err(error) if !is_named => {
                    Console::warning(&error);
                    skipped += 1;
                    continue;
                }
                other => other?,
            };
            if place > 0 {
                console.drawing(&"")?;
            }
            let prediction = model.predict(subject.sample.clone(), backend)?;
            answer(arguments, model, &subject, &prediction, console)?;
            subject.push_to(&mut gallery, model, &prediction);
        }
        written(&gallery, out, console)?;
        if skipped > 0 {
            Console::warning(&text!(
                "{skipped} of {all} images could not be read",
                skipped,
                all = found.len()
            ));
        }
        Ok(())
    })
}

fn answer(
    arguments: &PredictArgs,
    model: &Model,
    subject: &Question,
    prediction: &Prediction,
    console: &Console,
) -> Result<()> {
    let answer = Answer { model, subject, prediction };
    console.drawing(&answer.text(arguments.top, console.colour()))?;
    let object = object(model, Some(prediction), subject.target, subject.index);
    console.json(&object.of_image(subject.file.as_deref()))
}

/// The files named, and the images in the folders named, in the order of their names. The second value says whether a
/// file was named itself.
fn image_files(named: &[PathBuf]) -> Result<Vec<(PathBuf, bool)>> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push((path.clone(), true));
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(Error::io(path, "read"))?;
        let mut inside: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| has_image_name(path) && path.is_file())
            .collect();
        if inside.is_empty() {
            let reason = "the folder has no PNG, JPEG, WebP, BMP or GIF images".to_owned();
            return Err(plangrad_data::Error::Image { path: path.clone(), reason }.into());
        }
        inside.sort();
        files.extend(inside.into_iter().map(|path| (path, false)));
    }
    Ok(files)
}

/// The sample to predict.
struct Question {
    /// Where it comes from, for people.
    what: String,
    sample: Samples,
    picture: Option<Picture>,
    target: Option<Target>,
    index: Option<usize>,
    /// The file, if it is an image.
    file: Option<PathBuf>,
}

impl Question {
    fn find(arguments: &PredictArgs, model: &Model) -> Result<Self> {
        match arguments.values.first() {
            Some(values) => Self::row(values, model),
            None => Self::of_dataset(arguments, model),
        }
    }

    fn of_dataset(arguments: &PredictArgs, model: &Model) -> Result<Self> {
        let request = Request { labels: LabelUse::Optional, ..request(&arguments.data, arguments.split) };
        let questions = model.load(&request)?;
        let Questions { subset, what, .. } = &questions;
        let random = || random_samples(subset.len(), 1, arguments.seed).first().copied().unwrap_or(0);
        let index = arguments.index.unwrap_or_else(random);
        check_index(index, subset.len(), what)?;
        let (sample, picture) = match subset.sample(index) {
            Some(Sample::U8(pixels)) => {
                (Samples::U8(pixels.to_vec()), Picture::from_planes(model.sample_shape(), pixels))
            }
            Some(Sample::F32(row)) => (Samples::F32(row.to_vec()), None),
            None => (Samples::F32(Vec::new()), None),
        };
        let what = format!("{what} #{index}");
        let target = questions.target(index);
        Ok(Self { what, sample, picture, target, index: Some(index), file: None })
    }

    fn image(file: &Path, arguments: &PredictArgs, model: &Model) -> Result<Self> {
        let &[channels, height, width] = model.sample_shape() else {
            return Err(wrong("--image", "this model reads the rows of a table; use --values"));
        };
        if arguments.centre && channels != 1 {
            return Err(wrong("--centre", "is for digits, and this model reads colours"));
        }
        let PredictArgs { invert, centre, .. } = *arguments;
        let wanted = Wanted { shape: [channels, height, width], fit: model.fit()?, invert, centre };
        let ImageInput { picture, what, blank, is_dark_on_light } = ImageInput::read(file, wanted)?;
        blank.iter().for_each(|blank| Console::warning(&format_args!("{}: {blank}", file.display())));
        if is_dark_on_light && model.description().dataset != "folder" {
            let model = &model.description().dataset;
            Console::remark(&text!(
                "the image is dark on light, {model} is light on dark: --invert swaps the two",
                model
            ));
        }
        let sample = Samples::U8(picture.planes());
        let file = Some(file.to_path_buf());
        Ok(Self { what, sample, picture: Some(picture), target: None, index: None, file })
    }

    /// Adds its picture with what was predicted to those that are drawn; a row of a table has none.
    fn push_to(&self, gallery: &mut Gallery, model: &Model, prediction: &Prediction) {
        let (Some(picture), Prediction::Class { class, probabilities }) = (&self.picture, prediction) else {
            return;
        };
        let label = match self.target {
            Some(Target::Class(label)) => Some(usize::from(label)),
            _ => None,
        };
        let file =
            self.file.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let place = self.index.map_or(file.unwrap_or_default(), |index| format!("#{index}"));
        push_titled(gallery, model, picture.clone(), (label, *class, probabilities), &place);
    }

    fn row(values: &Row, model: &Model) -> Result<Self> {
        let sample = sample(values, model)?;
        let columns = model.table().map_or(&[][..], |table| &table.features);
        let shown = columns.iter().zip(&values.0).take(MOST_SHOWN);
        let mut what: Vec<String> =
            shown.map(|(name, value)| format!("{} = {}", untrusted(name), untrusted(value))).collect();
        let more = columns.len().saturating_sub(MOST_SHOWN);
        what.extend((more > 0).then(|| text!("and {more} more", more = grouped(more))));
        Ok(Self {
            what: what.join(", "),
            sample: Samples::F32(sample),
            picture: None,
            target: None,
            index: None,
            file: None,
        })
    }
}

fn wrong(option: &'static str, problem: &str) -> Error {
    Error::option(option, problem)
}

/// What was asked and answered.
struct Answer<'a> {
    model: &'a Model,
    subject: &'a Question,
    prediction: &'a Prediction,
}

impl Answer<'_> {
    fn text(&self, top: usize, colour: Colour) -> String {
        let picture = self.subject.picture.as_ref().map(|picture| picture.draw(colour).text() + "\n\n");
        let answer = match self.prediction {
            Prediction::Class { class, probabilities } => {
                let (name, verdict) = (untrusted(self.name(*class)), self.verdict(*class));
                let answer = text!("class {name}{verdict}", name, verdict);
                format!("{answer}\n\n{}", self.bars(probabilities, top, colour))
            }
            Prediction::Value(value) => {
                let label = self.model.table().map_or("value", |table| &table.label);
                let known = match self.subject.target {
                    Some(Target::Value(known)) => text!(" (label {label})", label = short(known)),
                    _ => String::new(),
                };
                format!("{} = {}{known}", untrusted(label), short(*value))
            }
        };
        format!("{}\n\n{}{answer}", printable(&self.subject.what), picture.unwrap_or_default())
    }

    /// Whether the answer is right, where that is known.
    fn verdict(&self, class: usize) -> String {
        match self.subject.target {
            Some(Target::Class(label)) if usize::from(label) == class => text!(", as labelled"),
            Some(Target::Class(label)) => {
                text!(", wrong: the label is {label}", label = untrusted(self.name(usize::from(label))))
            }
            _ => String::new(),
        }
    }

    fn bars(&self, probabilities: &[f32], top: usize, colour: Colour) -> String {
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&one, &other| probabilities[other].total_cmp(&probabilities[one]));
        let headings = [text!("class"), text!("probability"), String::new()];
        let mut table = Table::new(headings.into_iter().zip([Align::Left, Align::Right, Align::Left]));
        let full = if colour == Colour::None { "#" } else { "█" };
        for class in order.into_iter().take(top) {
            let probability = f64::from(probabilities[class]);
            let bar = full.repeat((probability * BAR as f64).round() as usize);
            table.row([self.name(class).to_owned(), format!("{:.2} %", 100.0 * probability), bar]);
        }
        table.to_string()
    }

    fn name(&self, class: usize) -> &str {
        self.model.class_name(class)
    }
}
