//! Properties of reading tables, for every input. Shared with the data crate's tests.

use std::collections::BTreeSet;
use std::fs;

use plangrad_data::{
    DatasetName, LabelUse, LoadOptions, Missing, OneHot, Samples, Split, SplitRule, TargetKind, load,
};

/// A target: it panics if a property is violated.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: [(&str, Target); 1] = [("table", table)];

/// Any bytes as a table, read with options that the first byte chooses: no crash; every row is in one part, equal rows in the
/// same; samples are finite; the rows of a part are those that reading it again finds.
pub fn table(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), rest).expect("room for a small file");
    let name = DatasetName::Csv(file.path().to_path_buf());
    let options = options(choice);
    let Ok(table) = load(&name, &options) else { return };
    let rows = table.table_rows.as_ref().expect("a table has rows");
    let parts = Split::ALL.map(|split| (split.of(&table), split.rows_of(rows)));
    for (subset, facts) in parts {
        assert_eq!((facts.numbers.len(), facts.hashes.len()), (subset.len(), subset.len()));
        let Samples::F32(values) = &subset.samples else { panic!("rows are numbers") };
        assert_eq!(values.len(), subset.len() * table.sample_len());
        assert!(values.iter().all(|value| value.is_finite()));
    }
    let dealt: usize = parts.iter().map(|(subset, _)| subset.len()).sum();
    assert_eq!(dealt + rows.left_out.len(), rows.total);
    if options.table.split == SplitRule::Hash {
        let [train, validation, test] =
            parts.map(|(_, facts)| facts.hashes.iter().copied().collect::<BTreeSet<u64>>());
        assert!(train.is_disjoint(&validation) && train.is_disjoint(&test) && validation.is_disjoint(&test));
    }
    let again = LoadOptions { schema: table.table.clone(), ..options };
    if let Ok(again) = load(&name, &again) {
        assert_eq!(again.train.samples, table.train.samples, "with the statistics it has itself");
    }
}

fn options(choice: u8) -> LoadOptions {
    let mut options = LoadOptions::default();
    (options.test_fraction, options.validation_fraction) = (0.25, if choice & 1 == 0 { 0.0 } else { 0.25 });
    options.task = if choice & 2 == 0 { TargetKind::Classification } else { TargetKind::Regression };
    options.table.no_header = choice & 4 != 0;
    options.table.missing =
        [Missing::Error, Missing::Drop, Missing::Mean, Missing::Drop][usize::from(choice >> 3 & 3)];
    options.table.one_hot = [OneHot::Auto, OneHot::AtMost(3)][usize::from(choice >> 5 & 1)];
    options.labels = [LabelUse::Required, LabelUse::Optional][usize::from(choice >> 6 & 1)];
    options.memory = Some(64 << 20);
    options
}
