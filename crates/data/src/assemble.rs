//! A dataset from images and labels of files that say nothing of their classes: these are numbered from the labels found.

use std::collections::BTreeSet;
use std::path::Path;

use crate::classes::label_name;
use crate::error::OwnFilesProblem;
use crate::text::grouped;
use crate::{Dataset, DatasetName, Error, MOST_CLASSES, PixelStatistics, Result, Samples, Subset, Targets};

/// Images of one part, channels first, and their labels as the files have them.
#[derive(Debug, Default)]
pub(crate) struct RawPart {
    /// Channels, height, width.
    pub(crate) shape: Vec<usize>,
    pub(crate) pixels: Vec<u8>,
    pub(crate) labels: Vec<i64>,
}

/// The dataset of these parts. `origin` is named in errors.
pub(crate) fn assemble(
    name: &DatasetName,
    origin: &Path,
    train: RawPart,
    test: Option<RawPart>,
    mut notes: Vec<String>,
) -> Result<Dataset> {
    let wrong = |problem| Error::OwnFiles { path: origin.to_path_buf(), problem };
    if train.labels.is_empty() {
        return Err(Error::NoSamples { path: origin.to_path_buf() });
    }
    let shape = train.shape;
    let test = match test {
        Some(test) if test.shape != shape => {
            return Err(wrong(OwnFilesProblem::Sizes { train: shape, test: test.shape }));
        }
        Some(test) => test,
        None => {
            notes.push(format!("{name} has no test part: nothing is tested"));
            RawPart::default()
        }
    };
    let found: BTreeSet<i64> = train.labels.iter().chain(&test.labels).copied().collect();
    if found.len() > MOST_CLASSES {
        return Err(wrong(OwnFilesProblem::Classes { found: found.len() }));
    }
    let found: Vec<i64> = found.into_iter().collect();
    notes.extend(unseen(&found, &train.labels));
    let numbered = |labels: &[i64]| -> Vec<u16> {
        labels.iter().map(|label| found.binary_search(label).expect("collected above") as u16).collect()
    };
    let (first, last) = (found[0], found[found.len() - 1]);
    if first != 0 && last - first + 1 == found.len() as i64 {
        notes.push(format!("the labels {first} to {last} are the classes 0 to {}", found.len() - 1));
    } else if last - first + 1 != found.len() as i64 {
        let count = found.len();
        notes.push(format!(
            "{count} different labels from {first} to {last} are the classes 0 to {}",
            count - 1
        ));
    }
    let classes = found.iter().map(|&label| label_name(name, label)).collect();
    let sample_len = shape.iter().product();
    let plane = shape.iter().skip(1).product();
    let pixels = PixelStatistics::of(&train.pixels, shape[0], plane);
    let subset =
        |pixels, labels| Subset::new(Samples::U8(pixels), Targets::Classes(numbered(labels)), sample_len);
    Ok(Dataset {
        name: name.clone(),
        train: subset(train.pixels, &train.labels)?,
        validation: subset(Vec::new(), &[])?,
        test: subset(test.pixels, &test.labels)?,
        sample_shape: shape,
        classes,
        notes,
        table: None,
        pixels: Some(pixels),
        table_rows: None,
    })
}

/// A sentence about labels that only the test part has.
fn unseen(found: &[i64], train: &[i64]) -> Option<String> {
    let learnt: BTreeSet<i64> = train.iter().copied().collect();
    let missing: Vec<String> =
        found.iter().filter(|label| !learnt.contains(label)).map(i64::to_string).collect();
    let count = grouped(missing.len());
    let first: Vec<String> = missing.iter().take(5).cloned().collect();
    (!missing.is_empty()).then(|| {
        format!("{count} labels appear in the test part only and cannot be learnt: {}", first.join(", "))
    })
}

/// Bytes that so many labels take beside what a file has: whole numbers of 64 bits, and the set of those that differ.
pub(crate) fn label_bytes(count: usize) -> u64 {
    (count as u64).saturating_mul(2 * size_of::<i64>() as u64)
}

/// Pixels with their channels together, as channels one after another: image by image, so that no second copy of all of them
/// is needed.
pub(crate) fn channels_first(mut pixels: Vec<u8>, plane: usize, channels: usize) -> Vec<u8> {
    let size = (plane * channels).max(1);
    let mut together = vec![0; size];
    for image in pixels.chunks_exact_mut(size) {
        together.copy_from_slice(image);
        for (channel, plane) in image.chunks_exact_mut(plane).enumerate() {
            plane
                .iter_mut()
                .zip(together.iter().skip(channel).step_by(channels))
                .for_each(|(to, &from)| *to = from);
        }
    }
    pixels
}

/// The shape `[channels, height, width]` of images, and whether the channels are last in the file; `None` for other shapes.
pub(crate) fn image_shape(dims: &[usize]) -> Option<(Vec<usize>, bool)> {
    match *dims {
        [_, height, width] => Some((vec![1, height, width], false)),
        [_, height, width, channels @ (1 | 3)] => Some((vec![channels, height, width], true)),
        [_, channels @ (1 | 3), height, width] => Some((vec![channels, height, width], false)),
        _ => None,
    }
    .filter(|(shape, _)| shape.iter().all(|&size| size > 0))
}
