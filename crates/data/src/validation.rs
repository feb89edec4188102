//! The validation part of images: taken out of the training part by a stable hash of each image's pixels.
//!
//! Tables deal their rows likewise, by the hash of a row's cells, before their statistics are taken. Equal samples are on the
//! same side, and samples that are added or sorted move no other.

use rayon::prelude::*;

use crate::hash_split::is_validation;
use crate::label::LABEL;
use crate::memory::compare;
use crate::{Dataset, LoadOptions, PixelStatistics, Result, Samples, Split, Subset, Targets};

/// Moves the validation part of images out of their training part, and takes the statistics of what is left there.
pub(crate) fn deal(dataset: &mut Dataset, options: &LoadOptions) -> Result<()> {
    let fraction = options.validation_fraction;
    let Samples::U8(pixels) = &dataset.train.samples else { return Ok(()) };
    if fraction == 0.0 || dataset.train.is_empty() {
        return Ok(());
    }
    let images = pixels.par_chunks_exact(dataset.sample_len().max(1));
    let is_taken: Vec<bool> = images.map(|image| is_validation(image, options.seed, fraction)).collect();
    let taken = is_taken.iter().filter(|&&is_taken| is_taken).count();
    check_memory(dataset, taken, options)?;
    let train = std::mem::replace(&mut dataset.train, dataset.test.emptied());
    (dataset.train, dataset.validation) = part(train, &is_taken, taken)?;
    if let (Some(statistics), Samples::U8(pixels)) = (&mut dataset.pixels, &dataset.train.samples) {
        let plane = dataset.sample_shape.iter().skip(1).product();
        *statistics = PixelStatistics::of(pixels, dataset.sample_shape[0], plane);
    }
    Ok(())
}

/// Refuses to take more memory than loading may: samples that are taken out are there twice for a moment.
fn check_memory(dataset: &Dataset, taken: usize, options: &LoadOptions) -> Result<()> {
    let samples = [dataset.train.len(), dataset.test.len(), taken];
    let sample_bytes = (dataset.sample_len() + LABEL) as u64;
    compare(&dataset.name, samples.map(|count| count as u64 * sample_bytes), options.memory)
}

/// What is left of a part, and the `taken` samples that leave it. Samples that stay are moved within their memory.
fn part(whole: Subset, is_taken: &[bool], taken: usize) -> Result<(Subset, Subset)> {
    let sample_len = whole.sample_len();
    let (Samples::U8(mut pixels), Targets::Classes(mut labels)) = (whole.samples, whole.targets) else {
        unreachable!("images have classes");
    };
    let (mut taken_pixels, mut taken_labels) =
        (Vec::with_capacity(taken * sample_len), Vec::with_capacity(taken));
    let mut kept = 0;
    for (sample, &is_taken) in is_taken.iter().enumerate() {
        let range = sample * sample_len..(sample + 1) * sample_len;
        if is_taken {
            taken_pixels.extend_from_slice(&pixels[range]);
            taken_labels.push(labels[sample]);
        } else {
            pixels.copy_within(range, kept * sample_len);
            labels[kept] = labels[sample];
            kept += 1;
        }
    }
    pixels.truncate(kept * sample_len);
    labels.truncate(kept);
    let of = |pixels, labels| Subset::new(Samples::U8(pixels), Targets::Classes(labels), sample_len);
    Ok((of(pixels, labels)?, of(taken_pixels, taken_labels)?))
}

/// The same dataset with one part, the others emptied.
pub(crate) fn only(mut dataset: Dataset, split: Split) -> Dataset {
    for other in Split::ALL.into_iter().filter(|&other| other != split) {
        let part = other.of_mut(&mut dataset);
        *part = part.emptied();
    }
    dataset
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DatasetName, load, load_split};

    #[test]
    fn the_validation_part_is_a_part_of_the_training_part_and_a_matter_of_each_image_alone() {
        let options = LoadOptions { validation_fraction: 0.25, ..LoadOptions::default() };
        let whole = load(&DatasetName::Digits, &LoadOptions::default()).unwrap();
        let dealt = load(&DatasetName::Digits, &options).unwrap();
        assert_eq!(dealt.train.len() + dealt.validation.len(), whole.train.len());
        assert_eq!(dealt.test, whole.test);
        let share = dealt.validation.len() as f64 / whole.train.len() as f64;
        assert!((0.2..0.3).contains(&share), "{share}");
        let (mut train, mut validation) = (0, 0);
        for index in 0..whole.train.len() {
            let (sample, target) = (whole.train.sample(index), whole.train.target(index));
            if dealt.train.sample(train) == sample && dealt.train.target(train) == target {
                train += 1;
            } else {
                assert_eq!(dealt.validation.sample(validation), sample);
                assert_eq!(dealt.validation.target(validation), target);
                validation += 1;
            }
        }
        let alone = load_split(&DatasetName::Digits, &options, Split::Validation).unwrap();
        assert_eq!(alone.validation, dealt.validation);
        assert!(alone.train.is_empty() && alone.test.is_empty());
        let rest = load_split(&DatasetName::Digits, &options, Split::Train).unwrap();
        assert_eq!((rest.train, rest.validation.len()), (dealt.train, 0));
    }

    #[test]
    fn a_validation_part_that_needs_more_memory_than_may_be_taken_is_refused() {
        let within = |memory: u64| {
            let options =
                LoadOptions { validation_fraction: 0.25, memory: Some(memory), ..LoadOptions::default() };
            load(&DatasetName::Digits, &options)
        };
        let whole = 24_000 * 786;
        let needed = match within(whole) {
            Err(crate::Error::MemoryLimit { bytes, .. }) => bytes,
            other => panic!("{other:?}"),
        };
        let dealt = within(needed).unwrap();
        assert_eq!(needed, whole + 786 * dealt.validation.len() as u64);
    }
}
