//! Statistics and standardised columns against scikit-learn and pandas. `tests/golden/quality.py` wrote the values.

use std::fs;
use std::path::{Path, PathBuf};

use plangrad_data::{DatasetName, LoadOptions, Samples, TargetKind, load};
use serde_json::Value;

fn golden() -> Value {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let folder = std::env::var_os("PLANGRAD_GOLDEN").map_or(committed, PathBuf::from);
    serde_json::from_str(&fs::read_to_string(folder.join("quality.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn columns_and_target_are_standardised_as_scikit_learn_does_to_1e_12() {
    let golden = &golden()["standardisation"];
    let (mean, std) = (numbers(&golden["mean"]), numbers(&golden["std"]));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("table.csv");
    fs::write(&file, golden["text"].as_str().unwrap()).unwrap();
    let options = LoadOptions { task: TargetKind::Regression, test_fraction: 0.0, ..LoadOptions::default() };
    let table = load(&DatasetName::Csv(file), &options).unwrap();
    let schema = table.table.unwrap();
    let target = schema.target.unwrap();
    let ours = |of: &[f64], last| [of, &[last]].concat();
    let (our_mean, our_std) = (ours(&schema.mean, target.mean), ours(&schema.std, target.std));
    assert_eq!(mean.len(), our_mean.len());
    for column in 0..mean.len() {
        let (ours, theirs) = ([our_mean[column], our_std[column]], [mean[column], std[column]]);
        assert!((ours[0] - theirs[0]).abs() <= 1e-12 * theirs[0].abs().max(theirs[1]), "{column}: {ours:?}");
        assert!((ours[1] - theirs[1]).abs() <= 1e-12 * theirs[1], "{column}: {ours:?} and {theirs:?}");
    }
    let Samples::F32(samples) = &table.train.samples else { panic!("tables are f32") };
    let cells = golden["text"].as_str().unwrap().lines().skip(1);
    let width = schema.mean.len();
    for (row, line) in cells.enumerate() {
        let theirs = numbers(&golden["standardised"][row]);
        for (column, cell) in line.split(',').enumerate() {
            let number: f64 = cell.parse().unwrap();
            let ours = (number - our_mean[column]) / our_std[column];
            assert!(
                (ours - theirs[column]).abs() < 1e-12 * theirs[column].abs().max(1.0),
                "{column}: {ours}"
            );
            if column < width {
                assert_eq!(samples[row * width + column], ours as f32);
            } else {
                assert_eq!(target.scale().standardize(number), ours as f32);
            }
        }
    }
}
