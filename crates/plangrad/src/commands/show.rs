//! `plangrad show`: samples of a dataset as a person wants to see them, and what a network is given instead.
//!
//! An image is normalised as a network's input is, then de-normalised and turned from channels after channels to pixel
//! after pixel before it is drawn: what is seen is what the network sees.

use std::path::Path;

use plangrad_data::{
    Affine, Dataset, DatasetName, LoadOptions, Normalize, Sample, Split, Target, class_alias,
};
use plangrad_nn::checkpoint;
use serde::Serialize;

use super::samples::{check_index, random_samples};
use super::subject;
use crate::charts::{Gallery, Verdict};
use crate::cli::ShowArgs;
use crate::colour::Colour;
use crate::error::{Error, Result};
use crate::language::text;
use crate::loading::load;
use crate::numbers::{counted_text, short};
use crate::output::Console;
use crate::output::{Align, Table, printable, untrusted};
use crate::picture::{Graphics, Picture, side_by_side};

pub(super) fn show(arguments: &ShowArgs, console: &mut Console) -> Result<()> {
    let (name, labels) = subject::choose(&arguments.data, arguments.task)?;
    let options = arguments.data.options(labels, arguments.seed.unwrap_or(LoadOptions::SEED));
    let shown = Shown::load(&name, &options, arguments.split)?;
    let samples = shown.select(arguments)?;
    if let Some(path) = &arguments.out {
        shown.write_png(&samples, path, arguments.scale)?;
    }
    if console.is_json() {
        return samples
            .iter()
            .try_for_each(|sample| console.json(&shown.object(sample, arguments.out.as_deref())));
    }
    match shown.pixels(&samples, console)? {
        Some(pixels) => console.drawing(&pixels)?,
        None => console.drawing(&shown.text(&samples, console))?,
    }
    match &arguments.out {
        Some(path) => console.text(&text!("written to {file}", file = path.display())),
        None => Ok(()),
    }
}

/// What to do where a part has no samples.
fn remedy(split: Split) -> &'static str {
    match split {
        Split::Validation => "keep samples for it with --validation-fraction",
        _ => "choose the other part with --split",
    }
}

/// A part of a dataset, before and after normalising.
struct Shown {
    dataset: Dataset,
    split: Split,
    normalize: Normalize,
    affine: Affine,
}

/// One sample and its description.
struct Example {
    index: usize,
    label: Label,
    raw: Vec<f64>,
    /// The feature cells of a table's row as they are in the file.
    cells: Vec<String>,
    normalized: Vec<f32>,
    picture: Option<Picture>,
}

/// What is printed about a sample.
enum Label {
    Class { label: u16, name: String, alias: Option<&'static str> },
    Value(f64),
    Missing,
}

impl Shown {
    fn load(name: &DatasetName, options: &LoadOptions, split: Split) -> Result<Self> {
        let dataset = load(name, &LoadOptions { keep_texts: true, ..options.clone() }, Some(split))?;
        subject::say_notes(&dataset);
        if split.of(&dataset).is_empty() {
            let (dataset, remedy) = (name.to_string(), remedy(split));
            return Err(Error::EmptySplit { dataset, split, remedy });
        }
        let affine = dataset.affine(options.normalize);
        Ok(Self { dataset, split, normalize: options.normalize, affine })
    }

    fn select(&self, arguments: &ShowArgs) -> Result<Vec<Example>> {
        let samples = self.split.of(&self.dataset).len();
        let numbers = if arguments.random {
            random_samples(samples, arguments.count, arguments.seed)
        } else {
            check_index(arguments.index, samples, &format!("{} {}", self.dataset.name, self.split))?;
            (arguments.index..samples).take(arguments.count).collect()
        };
        Ok(numbers.into_iter().filter_map(|index| self.example(index)).collect())
    }

    fn example(&self, index: usize) -> Option<Example> {
        let split = self.split.of(&self.dataset);
        let label = match split.target(index) {
            Some(Target::Class(label)) => {
                let name = self.dataset.classes.get(usize::from(label)).cloned().unwrap_or_default();
                let alias = if self.dataset.table.is_none() { class_alias(&name) } else { None };
                Label::Class { label, name, alias }
            }
            Some(Target::Value(value)) => Label::Value(value),
            None => Label::Missing,
        };
        let (raw, cells, normalized, picture) = match split.sample(index)? {
            Sample::U8(pixels) => {
                let normalized = self.normalize(pixels);
                let raw = pixels.iter().map(|&value| f64::from(value)).collect();
                let picture =
                    Picture::from_planes(&self.dataset.sample_shape, &self.denormalize(&normalized));
                (raw, Vec::new(), normalized, picture)
            }
            Sample::F32(row) => {
                let rows = self.dataset.table_rows.as_ref().map(|rows| self.split.rows_of(rows));
                let cells = rows.and_then(|rows| rows.texts.get(index)).cloned().unwrap_or_default();
                (cells.iter().filter_map(|cell| as_number(cell)).collect(), cells, row.to_vec(), None)
            }
        };
        Some(Example { index, label, raw, cells, normalized, picture })
    }

    fn normalize(&self, pixels: &[u8]) -> Vec<f32> {
        let plane = self.plane();
        pixels.iter().enumerate().map(|(place, &value)| self.affine.apply(value, place / plane)).collect()
    }

    fn denormalize(&self, values: &[f32]) -> Vec<u8> {
        let plane = self.plane();
        values.iter().enumerate().map(|(place, &x)| self.affine.invert(x, place / plane)).collect()
    }

    /// Values of one channel.
    fn plane(&self) -> usize {
        (self.dataset.sample_len() / self.affine.channels().max(1)).max(1)
    }

    fn dtype(&self) -> &'static str {
        if self.dataset.table.is_some() { "f32" } else { "u8" }
    }

    fn text(&self, samples: &[Example], console: &Console) -> String {
        let what = printable(&format!("{} {}", self.dataset.name, self.split));
        let pictures = samples.iter().map(|sample| sample.picture.as_ref().map(|picture| (sample, picture)));
        match (samples, pictures.collect::<Option<Vec<_>>>()) {
            ([one], Some(picture)) => {
                let pictures =
                    picture.iter().map(|(_, picture)| self.before_and_after(one, picture, console));
                format!("{what} #{}\n\n{}\n\n{}", one.index, pictures.collect::<String>(), self.facts(one))
            }
            ([one], None) => format!("{what} #{}\n\n{}\n\n{}", one.index, self.columns(one), self.facts(one)),
            (_, Some(pictures)) => {
                let drawings: Vec<_> = pictures
                    .into_iter()
                    .map(|(sample, picture)| (picture.draw(console.colour()), vec![sample.caption()]))
                    .collect();
                let heading = text!(
                    "{what}: {samples}, shape {shape}, {dtype}",
                    what,
                    samples = counted_text!(samples.len(), "{number} sample", "{number} samples"),
                    shape = format!("{:?}", self.dataset.sample_shape),
                    dtype = self.dtype()
                );
                format!("{heading}\n\n{}", side_by_side(&drawings, Console::width()))
            }
            (_, None) => {
                let rows = counted_text!(samples.len(), "{number} row", "{number} rows");
                format!("{what}: {rows}\n\n{}", self.rows(samples))
            }
        }
    }

    /// A picture, and beside it what the network is given, where there are colours and there is room.
    fn before_and_after(&self, sample: &Example, picture: &Picture, console: &Console) -> String {
        let colour = console.colour();
        let drawing = picture.draw(colour);
        let given = self.given(sample).filter(|_| colour != Colour::None);
        match given.filter(|_| drawing.fitting(Console::width()) >= 2) {
            None => drawing.text(),
            Some(given) => {
                let both =
                    [(drawing, vec![text!("as it is")]), (given.draw(colour), vec![text!("normalised")])];
                side_by_side(&both, Console::width())
            }
        }
    }

    /// What the network is given as a picture: from the least of all values, which is black, to the greatest.
    fn given(&self, sample: &Example) -> Option<Picture> {
        let Range { min, max, .. } = Range::of_inputs(&sample.normalized);
        let shade =
            |value: &f32| ((f64::from(*value) - min) / (max - min).max(f64::MIN_POSITIVE) * 255.0) as u8;
        Picture::from_planes(
            &self.dataset.sample_shape,
            &sample.normalized.iter().map(shade).collect::<Vec<u8>>(),
        )
    }

    /// The samples as a terminal shows pixels, if it does.
    fn pixels(&self, samples: &[Example], console: &Console) -> Result<Option<String>> {
        let graphics = console.graphics();
        if graphics == Graphics::None || self.dataset.table.is_some() {
            return Ok(None);
        }
        let what = printable(&format!("{} {}", self.dataset.name, self.split));
        let mut gallery = self.gallery(samples);
        if let [one] = samples
            && let Some(given) = self.given(one)
        {
            gallery.push(given, ["normalised".to_owned(), String::new()], Verdict::Unknown);
        }
        let pictures = gallery.in_terminal(graphics, Console::width())?;
        Ok(pictures.map(|pictures| match samples {
            [one] => format!("{what} #{}\n\n{pictures}\n\n{}", one.index, self.facts(one)),
            _ => pictures,
        }))
    }

    /// The pictures with their labels and numbers.
    fn gallery(&self, samples: &[Example]) -> Gallery {
        let samples = samples.iter().filter_map(|sample| Some((sample, sample.picture.clone()?)));
        let mut gallery = Gallery::new(untrusted(&format!("{} {}", self.dataset.name, self.split)));
        for (sample, picture) in samples {
            let lines = [untrusted(&sample.label.short()), format!("#{}", sample.index)];
            gallery.push(picture, lines, Verdict::Unknown);
        }
        gallery
    }

    /// Writes one picture as it is, or several with their labels; leaves nothing behind if that fails.
    fn write_png(&self, samples: &[Example], path: &Path, scale: Option<usize>) -> Result<()> {
        let refused = |option, problem: &str| Error::option(option, problem);
        if samples.iter().any(|sample| sample.picture.is_none()) {
            return Err(refused("--out", "a table has no pictures; leave it out"));
        }
        let image = match samples {
            [one] => one.picture.as_ref().and_then(|picture| picture.enlarged(scale.unwrap_or(1))),
            several => self.gallery(several).scaled(scale).draw().to_picture(),
        };
        let too_large = "the image would be larger than 256 MiB; take a smaller --scale or --count";
        let image = image.ok_or_else(|| refused("--scale", too_large))?;
        Ok(checkpoint::replace(path, &image.to_png(path)?)?)
    }

    /// The description below one sample.
    fn facts(&self, sample: &Example) -> String {
        let mut table = Table::new([(text!("label"), Align::Left), (sample.label.text(), Align::Left)]);
        table.row([text!("shape"), format!("{:?} {}", self.dataset.sample_shape, self.dtype())]);
        table.row([text!("values"), Range::of(&sample.raw).text()]);
        let how = format!("{} (--normalize {})", Range::of_inputs(&sample.normalized).text(), self.normalize);
        table.row([text!("normalised"), how]);
        table.to_string()
    }

    /// One row of a table, a line for each column.
    fn columns(&self, sample: &Example) -> String {
        let headings = [text!("column"), text!("value"), text!("normalised")];
        let mut table = Table::new(headings.into_iter().zip([Align::Left, Align::Right, Align::Right]));
        let Some(schema) = &self.dataset.table else { return table.to_string() };
        for ((name, cell), inputs) in schema.features.iter().zip(&sample.cells).zip(schema.ranges()) {
            let inputs: Vec<String> =
                sample.normalized[inputs].iter().map(|&value| short(f64::from(value))).collect();
            table.row([name, cell, &inputs.join(" ")]);
        }
        table.to_string()
    }

    /// Several rows of a table as they are in the file.
    fn rows(&self, samples: &[Example]) -> String {
        let label = self.dataset.table.as_ref().map_or("label", |table| table.label.as_str());
        let with = |columns: usize| {
            let features = self.features().iter().take(columns).map(|name| (name.as_str(), Align::Right));
            let mut table =
                Table::new([("#", Align::Right)].into_iter().chain(features).chain([(label, Align::Left)]));
            for sample in samples {
                let values = sample.cells.iter().take(columns).cloned();
                table.row([sample.index.to_string()].into_iter().chain(values).chain([sample.label.short()]));
            }
            table
        };
        let width = Console::width();
        let columns = self.features().len();
        // Every column takes three places at least.
        let mut shown = columns.min(width / 3);
        while shown > 1 && with(shown).width() > width {
            shown -= 1;
        }
        match columns - shown {
            0 => with(shown).to_string(),
            more => {
                let more = counted_text!(more, "{number} more column", "{number} more columns");
                format!("{}\n\n{}", with(shown), text!("and {more}; one row alone is shown with all", more))
            }
        }
    }

    fn features(&self) -> &[String] {
        self.dataset.table.as_ref().map_or(&[], |table| &table.features)
    }

    fn object<'a>(&'a self, sample: &'a Example, out: Option<&Path>) -> Object<'a> {
        let (label, value) = match &sample.label {
            Label::Class { label, .. } => (Some(*label), None),
            Label::Value(value) => (None, Some(*value)),
            Label::Missing => (None, None),
        };
        Object {
            dataset: self.dataset.name.to_string(),
            split: self.split.name(),
            index: sample.index,
            shape: &self.dataset.sample_shape,
            dtype: self.dtype(),
            label,
            name: sample.label.name(),
            value,
            raw: Range::of(&sample.raw),
            normalized: Range::of_inputs(&sample.normalized),
            features: self.dataset.table.as_ref().map(|table| table.features.as_slice()),
            values: self
                .dataset
                .table
                .as_ref()
                .map(|_| sample.cells.iter().map(|cell| Cell::of(cell)).collect()),
            out: out.map(|path| path.display().to_string()),
        }
    }
}

impl Example {
    fn caption(&self) -> String {
        format!("#{} {}", self.index, self.label.short())
    }
}

impl Label {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Class { name, .. } => Some(name),
            _ => None,
        }
    }

    fn short(&self) -> String {
        match self {
            Self::Class { name, .. } => name.clone(),
            Self::Value(value) => short(*value),
            Self::Missing => String::new(),
        }
    }

    /// Number and name, and what lessons call it: `1 automobile (car)`.
    fn text(&self) -> String {
        match self {
            Self::Class { label, name, alias } => {
                let name = if *name == label.to_string() { String::new() } else { format!(" {name}") };
                let alias = alias.map(|alias| format!(" ({alias})"));
                format!("{label}{name}{}", alias.unwrap_or_default())
            }
            other => other.short(),
        }
    }
}

/// The range of some values.
#[derive(Serialize)]
struct Range {
    min: f64,
    max: f64,
    mean: f64,
}

impl Range {
    fn of(values: &[f64]) -> Self {
        let values = || values.iter().copied();
        Self {
            min: values().fold(f64::INFINITY, f64::min),
            max: values().fold(f64::NEG_INFINITY, f64::max),
            mean: values().sum::<f64>() / values().len() as f64,
        }
    }

    fn of_inputs(values: &[f32]) -> Self {
        Self::of(&values.iter().copied().map(f64::from).collect::<Vec<_>>())
    }

    fn text(&self) -> String {
        let [min, max, mean] = [self.min, self.max, self.mean].map(short);
        text!("min {min}, max {max}, mean {mean}", min, max, mean)
    }
}

/// The number in a cell, whatever separates its decimals.
fn as_number(cell: &str) -> Option<f64> {
    cell.parse().or_else(|_| cell.replace(',', ".").parse()).ok().filter(|number: &f64| number.is_finite())
}

/// A cell of a table: a number where it holds one.
#[derive(Serialize)]
#[serde(untagged)]
enum Cell<'a> {
    Number(f64),
    Text(&'a str),
}

impl<'a> Cell<'a> {
    fn of(cell: &'a str) -> Self {
        as_number(cell).map_or(Self::Text(cell), Self::Number)
    }
}

#[derive(Serialize)]
struct Object<'a> {
    dataset: String,
    split: &'static str,
    index: usize,
    shape: &'a [usize],
    dtype: &'static str,
    label: Option<u16>,
    name: Option<&'a str>,
    value: Option<f64>,
    raw: Range,
    normalized: Range,
    features: Option<&'a [String]>,
    values: Option<Vec<Cell<'a>>>,
    out: Option<String>,
}
