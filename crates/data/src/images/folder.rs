//! From a folder to a dataset: found, measured, decoded or taken from the cache.

use std::path::Path;

use rayon::prelude::*;

use super::block::{Block, Part, decode_all};
use super::cache;
use super::decode::{Facts, Target, facts};
use super::options::{Fit, ImageProgress};
use super::room::Room;
use super::scan::{Found, ImageFile, scan};
use crate::error::OwnFilesProblem;
use crate::memory::compare;
use crate::{Dataset, DatasetName, Error, LoadOptions, PixelStatistics, Result, Samples, Subset, Targets};

/// The most bytes of one image in memory.
const MOST_IMAGE_BYTES: u64 = 1 << 28;

/// Bytes kept of each file besides its image: its names, its label, and what became of it.
const FILE: u64 = 256;

/// Loads a folder of images.
pub(crate) fn load(
    folder: &Path,
    options: &LoadOptions,
    observe: &(dyn Fn(ImageProgress) + Sync),
) -> Result<Dataset> {
    if !(0.0..1.0).contains(&options.test_fraction) {
        return Err(Error::TestFraction { found: options.test_fraction });
    }
    let name = DatasetName::Folder(folder.to_path_buf());
    let Found { files, classes, mut notes } = scan(folder, options)?;
    let target = target(folder, &files, options, &mut notes)?;
    let image_bytes = (target.channels * target.height * target.width) as u64;
    let bytes = (files.len() as u64).saturating_mul(image_bytes + FILE);
    compare(&name, [bytes], options.memory)?;
    let block = block(folder, &files, target, options, &name, observe, &mut notes)?;
    let Block { train, test, notes: more } = block;
    notes.extend(more);
    let shape = vec![target.channels, target.height, target.width];
    let sample_len = shape.iter().product();
    let pixels = PixelStatistics::of(&train.pixels, target.channels, target.height * target.width);
    if train.labels.is_empty() {
        return Err(Error::NoSamples { path: folder.to_path_buf() });
    }
    notes.extend(empty_classes(&classes, &train));
    let subset =
        |part: Part| Subset::new(Samples::U8(part.pixels), Targets::Classes(part.labels), sample_len);
    Ok(Dataset {
        name,
        sample_shape: shape,
        classes,
        train: subset(train)?,
        validation: subset(Part::default())?,
        test: subset(test)?,
        notes,
        table: None,
        pixels: Some(pixels),
        table_rows: None,
    })
}

/// A sentence about classes of which there is nothing to learn from.
fn empty_classes(classes: &[String], train: &Part) -> Option<String> {
    let is_there = |class: usize| train.labels.contains(&(class as u16));
    let empty: Vec<String> =
        (0..classes.len()).filter(|&class| !is_there(class)).map(|class| classes[class].clone()).collect();
    (!empty.is_empty()).then(|| {
        let names = crate::text::listed(&empty, |name| name);
        format!("without an image to learn from: {names}")
    })
}

fn target(
    folder: &Path,
    files: &[ImageFile],
    options: &LoadOptions,
    notes: &mut Vec<String>,
) -> Result<Target> {
    let wrong = |problem| Error::OwnFiles { path: folder.to_path_buf(), problem };
    let images = &options.images;
    let fit: Fit = images.fit;
    let (size, channels) = match (images.size, images.channels) {
        (Some(size), Some(channels)) => (size, channels),
        (size, channels) => {
            let headers: Vec<Result<Facts>> = files.par_iter().map(|file| facts(&file.path)).collect();
            let known: Vec<Facts> = headers.iter().filter_map(|facts| facts.as_ref().ok().copied()).collect();
            let pixels = |facts: &&Facts| u64::from(facts.width) * u64::from(facts.height);
            let (smallest, largest) = (known.iter().min_by_key(pixels), known.iter().max_by_key(pixels));
            let (Some(smallest), Some(largest)) = (smallest, largest) else {
                let reason = headers
                    .into_iter()
                    .find_map(|facts| facts.err())
                    .map_or(String::new(), |e| e.to_string());
                return Err(wrong(OwnFilesProblem::NoneReadable { tried: files.len(), reason }));
            };
            let first = known[0];
            let agree = known.iter().all(|facts| (facts.width, facts.height) == (first.width, first.height));
            let size = match size {
                Some(size) => size,
                None if agree => [first.height as usize, first.width as usize],
                None => {
                    let sides = |facts: &Facts| (facts.width, facts.height);
                    let (smallest, largest) = (sides(smallest), sides(largest));
                    return Err(wrong(OwnFilesProblem::NoSize { smallest, largest }));
                }
            };
            let grey = known.iter().filter(|facts| facts.is_grey).count();
            let channels = channels.unwrap_or(if grey == known.len() { 1 } else { 3 });
            if channels == 3 && grey > 0 {
                notes.push(format!(
                    "{}: grey, taken for all three channels",
                    crate::text::counted(grey, "image")
                ));
            }
            (size, channels)
        }
    };
    let bytes = size.iter().try_fold(channels as u64, |bytes, &side| bytes.checked_mul(side as u64));
    match bytes {
        Some(1..=MOST_IMAGE_BYTES) => Ok(Target { channels, height: size[0], width: size[1], fit }),
        other => Err(wrong(OwnFilesProblem::ImpossibleSize { bytes: other.unwrap_or(u64::MAX) })),
    }
}

/// The images from the cache, or decoded and then kept there.
fn block(
    folder: &Path,
    files: &[ImageFile],
    target: Target,
    options: &LoadOptions,
    name: &DatasetName,
    observe: &(dyn Fn(ImageProgress) + Sync),
    notes: &mut Vec<String>,
) -> Result<Block> {
    let key = cache::key(files, target);
    let image_bytes = target.channels * target.height * target.width;
    if let Some(path) = &options.images.cache {
        match cache::read(path, &key, image_bytes, files.len()) {
            Ok(block) => return Ok(block),
            Err(reason) => notes.extend(reason),
        }
    }
    let block_bytes = files.len() as u64 * (image_bytes as u64 + FILE);
    let room = Room::new(options.memory.map(|memory| memory.saturating_sub(block_bytes)));
    let (block, first) = decode_all(files, target, (&name.to_string(), &room), observe)?;
    if block.train.labels.is_empty() && block.test.labels.is_empty() {
        let problem = OwnFilesProblem::NoneReadable { tried: files.len(), reason: first.unwrap_or_default() };
        return Err(Error::OwnFiles { path: folder.to_path_buf(), problem });
    }
    if let Some(path) = &options.images.cache {
        cache::write(path, &key, &block)?;
    }
    Ok(block)
}
