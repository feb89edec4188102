//! From a file to a dataset: read, assigned to the two parts, standardised.

use std::path::Path;

use super::labels;
use super::rows::TableRows;
use super::schema::TableSchema;
use crate::sampling::stream;
use crate::{Dataset, DatasetName, Error, LoadOptions, Normalize, Permutation, Result, Samples, Subset};

/// Reads a table and splits it as [`LoadOptions`] says.
pub(crate) fn load(path: &Path, options: &LoadOptions) -> Result<Dataset> {
    if !(0.0..1.0).contains(&options.test_fraction) {
        return Err(Error::TestFraction { found: options.test_fraction });
    }
    options.schema.as_ref().map_or(Ok(()), TableSchema::check)?;
    let rows = TableRows::read(path, options)?;
    let mut notes = rows.notes(path, options);
    let TableRows { columns, mut features, labels } = rows;
    let width = columns.features.len();
    let (targets, classes) = labels.finish();

    let is_test = choose_test_rows(targets.len(), options);
    let mut test = take_test_rows(&mut features, width, &is_test);
    let (train_targets, test_targets) = labels::split(targets, &is_test);
    let (mean, std) = match (&options.schema, options.normalize) {
        (Some(schema), _) => (schema.mean.clone(), schema.std.clone()),
        (None, Normalize::None) => TableSchema::identity_statistics(width),
        (None, _) => TableSchema::statistics(&features, width),
    };
    let schema = TableSchema {
        features: columns.feature_names(),
        label: columns.label_name().to_owned(),
        classes: classes.clone(),
        mean,
        std,
    };
    if schema.mean.iter().any(|&mean| mean != 0.0) || schema.std.iter().any(|&std| std != 1.0) {
        schema.standardize(&mut features);
        schema.standardize(&mut test);
    }
    if options.normalize == Normalize::Half {
        notes.push(
            "--normalize half is meant for images: the features of the table were standardised".to_owned(),
        );
    }
    Ok(Dataset {
        name: DatasetName::Csv(path.to_path_buf()),
        sample_shape: vec![width],
        classes,
        train: Subset::new(Samples::F32(features), train_targets, width)?,
        test: Subset::new(Samples::F32(test), test_targets, width)?,
        notes,
        table: Some(schema),
        pixels: None,
    })
}

/// Which rows are test rows: the first ones in the seed's permutation. At least one row remains for training, and of two
/// or more rows at least one is for testing if the fraction is above 0.
fn choose_test_rows(rows: usize, options: &LoadOptions) -> Vec<bool> {
    let share = (rows as f64 * options.test_fraction).round() as usize;
    let tests = if options.test_fraction > 0.0 { share.max(1) } else { 0 }.min(rows - 1);
    let mut order = vec![0; rows];
    Permutation::fill(&mut order, options.seed, stream::TABLE_SPLIT);
    let mut is_test = vec![false; rows];
    order[..tests].iter().for_each(|&row| is_test[row as usize] = true);
    is_test
}

/// Moves the test rows out of `features`; both keep their order.
fn take_test_rows(features: &mut Vec<f32>, width: usize, is_test: &[bool]) -> Vec<f32> {
    let tests = is_test.iter().filter(|&&test| test).count();
    let mut taken = Vec::with_capacity(tests * width);
    let mut kept = 0;
    for (row, &test) in is_test.iter().enumerate() {
        let range = row * width..(row + 1) * width;
        if test {
            taken.extend_from_slice(&features[range]);
        } else {
            features.copy_within(range, kept);
            kept += width;
        }
    }
    features.truncate(kept);
    features.shrink_to_fit();
    taken
}
