//! All images of a folder as one block of bytes, decoded in parallel.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::decode::{Changes, Target, decode_into};
use super::options::ImageProgress;
use super::room::Room;
use super::scan::ImageFile;
use crate::text::{counted, excerpt, grouped};
use crate::{Error, Result};

/// Names listed in a note.
const SHOWN: usize = 3;

/// Decoded images in the order of their files; those that cannot be decoded are left out.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Block {
    pub(super) train: Part,
    pub(super) test: Part,
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Part {
    pub(super) pixels: Vec<u8>,
    pub(super) labels: Vec<u16>,
}

/// What became of one file.
type Outcome = Result<Changes>;

/// Whether a file was changed in some way, and the way in words.
type Kind = (fn(&Changes) -> bool, &'static str);

pub(super) fn decode_all(
    files: &[ImageFile],
    target: Target,
    (dataset, room): (&str, &Room),
    observe: &(dyn Fn(ImageProgress) + Sync),
) -> Result<(Block, Option<String>)> {
    let done = AtomicUsize::new(0);
    let total = files.len();
    let mut block = Block::default();
    let mut outcomes: Vec<(&ImageFile, Outcome)> = Vec::new();
    for is_test in [false, true] {
        let files: Vec<&ImageFile> = files.iter().filter(|file| file.test == is_test).collect();
        let (part, results) = decode_part(&files, target, (dataset, room), &|| {
            observe(ImageProgress { done: done.fetch_add(1, Ordering::Relaxed) + 1, total });
        })?;
        *(if is_test { &mut block.test } else { &mut block.train }) = part;
        outcomes.extend(files.into_iter().zip(results));
    }
    block.notes = notes(&outcomes);
    let first = outcomes.iter().find_map(|(_, outcome)| outcome.as_ref().err().map(ToString::to_string));
    Ok((block, first))
}

fn decode_part(
    files: &[&ImageFile],
    target: Target,
    (dataset, room): (&str, &Room),
    count: &(dyn Fn() + Sync),
) -> Result<(Part, Vec<Outcome>)> {
    let size = target.channels * target.height * target.width;
    let bytes = files.len().checked_mul(size);
    let out_of_memory =
        || Error::OutOfMemory { dataset: dataset.to_owned(), bytes: bytes.unwrap_or(usize::MAX) as u64 };
    let mut pixels: Vec<u8> = Vec::new();
    pixels.try_reserve_exact(bytes.ok_or_else(out_of_memory)?).map_err(|_| out_of_memory())?;
    pixels.resize(files.len() * size, 0);
    let decode = |(planes, file): (&mut [u8], &&ImageFile)| {
        let outcome = decode_into(&file.path, target, room, planes);
        count();
        match outcome {
            Err(error @ Error::MemoryLimit { .. }) => Err(error), // or it would depend on the machine what is learnt
            outcome => Ok(outcome),
        }
    };
    let outcomes = pixels.par_chunks_exact_mut(size).zip(files).map(decode);
    let outcomes: Vec<Outcome> = outcomes.collect::<Result<_>>()?;
    let mut labels = Vec::with_capacity(files.len());
    let mut kept = 0;
    for (place, (file, outcome)) in files.iter().zip(&outcomes).enumerate() {
        if outcome.is_ok() {
            pixels.copy_within(place * size..(place + 1) * size, kept * size);
            labels.push(file.class);
            kept += 1;
        }
    }
    pixels.truncate(kept * size);
    Ok((Part { pixels, labels }, outcomes))
}

/// What was left out and converted, each in a sentence with a count.
fn notes(outcomes: &[(&ImageFile, Outcome)]) -> Vec<String> {
    let mut notes = Vec::new();
    let failed: Vec<String> =
        outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().err().map(excerpt_of)).collect();
    if !failed.is_empty() {
        let more = failed.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!("; and {} more", grouped(more)) } else { String::new() };
        let shown = failed.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
        let count = counted(failed.len(), "image");
        notes.push(format!("skipped {count} that cannot be read: {shown}{more}"));
    }
    let changed = |of: fn(&Changes) -> bool| {
        let is = |outcome: &Outcome| outcome.as_ref().is_ok_and(of);
        let files: Vec<&str> = outcomes
            .iter()
            .filter(|(_, outcome)| is(outcome))
            .map(|(file, _)| file.relative.as_str())
            .collect();
        files.first().map(|first| format!("{}, the first {}", counted(files.len(), "image"), excerpt(first)))
    };
    let kinds: [Kind; 3] = [
        (|changes| changes.transparent, "transparent, flattened onto white"),
        (|changes| changes.deep, "more than 8 bits per channel, brought to 8"),
        (|changes| changes.greyed, "converted to grey (--channels 1)"),
    ];
    notes.extend(kinds.into_iter().filter_map(|(of, what)| Some(format!("{}: {what}", changed(of)?))));
    notes
}

fn excerpt_of(error: &Error) -> String {
    error.to_string().chars().take(160).collect()
}
