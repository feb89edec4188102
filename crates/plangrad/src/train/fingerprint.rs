//! What a run learnt from, kept as `fingerprint.json` beside its model: whoever asks the model later can tell whether the data have
//! changed since, and which rows of a table it has seen.

use std::fmt::{self, Write};

use plangrad_data::{RowFacts, Samples, Split, Subset, TableRows, Targets, hexadecimal};
use plangrad_tensor::DType;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use super::source::Data;
use crate::numbers::counted;

/// What a run learnt from, and what it was evaluated on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fingerprint {
    format: u32,
    train: PartPrint,
    validation: PartPrint,
    test: PartPrint,
}

/// A part of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartPrint {
    samples: usize,
    /// Of all samples and targets in their order.
    sha256: String,
    /// The hashes of its rows, for a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows: Option<RowHashes>,
}

/// Hashes of rows, sorted; in a file 16 hexadecimal digits for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RowHashes(Vec<u64>);

/// How many rows of a table are new, and how many are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowChanges {
    pub(crate) new: usize,
    pub(crate) gone: usize,
}

impl RowChanges {
    pub(crate) fn is_any(&self) -> bool {
        *self != RowChanges::default()
    }
}

impl fmt::Display for RowChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowChanges { new, gone } = *self;
        let rows = |count| counted(count, "row");
        write!(
            f,
            "the table has changed since the run learnt from it: {} new, {} gone",
            rows(new),
            rows(gone)
        )
    }
}

/// How rows stand to a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// Rows that it learnt from.
    pub learnt: usize,
    /// Rows of its validation part.
    pub validation: usize,
    /// Rows of its test part.
    pub test: usize,
    /// Rows that it did not have.
    pub new: usize,
}

impl Fingerprint {
    const FORMAT: u32 = 1;

    /// That of the data of a run; `rows` are those of a table.
    pub(super) fn of(data: &Data, rows: Option<&TableRows>) -> Fingerprint {
        let part = |split: Split| {
            let source = data.of(split);
            let rows = rows.map(|rows| RowHashes::of(split.rows_of(rows)));
            PartPrint { samples: source.len(), sha256: digest(source.bytes()), rows }
        };
        let [train, validation, test] = Split::ALL.map(part);
        Fingerprint { format: Fingerprint::FORMAT, train, validation, test }
    }

    /// The same from the text of a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Fingerprint, serde_json::Error> {
        let print: Fingerprint = serde_json::from_str(text)?;
        match print.format {
            Fingerprint::FORMAT => Ok(print),
            found => {
                Err(de::Error::custom(format!("expected format {}, found {found}", Fingerprint::FORMAT)))
            }
        }
    }

    /// One digest of everything.
    pub(crate) fn digest(&self) -> String {
        let parts = Split::ALL.map(|split| self.part(split).sha256.as_bytes());
        digest(parts)
    }

    fn part(&self, split: Split) -> &PartPrint {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    /// The number of samples of a part.
    pub(crate) fn samples(&self, split: Split) -> usize {
        self.part(split).samples
    }

    /// Whether these are the samples and targets of a part, in their order, for a network of so many outputs.
    pub(crate) fn is(&self, split: Split, subset: &Subset, outputs: usize) -> bool {
        let part = self.part(split);
        part.samples == subset.len() && part.sha256 == digest_of(subset, outputs)
    }

    /// What has become of the rows since; `None` if they are not of a table.
    pub(crate) fn changes(&self, now: &TableRows) -> Option<RowChanges> {
        let joined = |hashes: [Option<&RowHashes>; 3]| -> Option<Vec<u64>> {
            let lists: Option<Vec<&[u64]>> =
                hashes.into_iter().map(|hashes| Some(hashes?.0.as_slice())).collect();
            let mut all = lists?.concat();
            all.sort_unstable();
            Some(all)
        };
        let was = joined(Split::ALL.map(|split| self.part(split).rows.as_ref()))?;
        let is: [RowHashes; 3] = Split::ALL.map(|split| RowHashes::of(split.rows_of(now)));
        let is = joined(is.each_ref().map(Some))?;
        let common = common(&was, &is);
        Some(RowChanges { new: is.len() - common, gone: was.len() - common })
    }

    /// How rows stand to the run; `None` if it did not learn from a table.
    pub(crate) fn standing(&self, rows: &RowFacts) -> Option<Standing> {
        let [train, validation, test] = Split::ALL.map(|split| self.part(split).rows.as_ref());
        let (train, validation, test) = (train?, validation?, test?);
        let mut standing = Standing::default();
        for hash in &rows.hashes {
            let count = match hash {
                _ if train.contains(*hash) => &mut standing.learnt,
                _ if validation.contains(*hash) => &mut standing.validation,
                _ if test.contains(*hash) => &mut standing.test,
                _ => &mut standing.new,
            };
            *count += 1;
        }
        Some(standing)
    }
}

/// How many numbers two sorted lists have in common, each as often as it is in both.
fn common(a: &[u64], b: &[u64]) -> usize {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        common += usize::from(x == y);
        (i, j) = (i + usize::from(x <= y), j + usize::from(y <= x));
    }
    common
}

impl RowHashes {
    fn of(rows: &RowFacts) -> RowHashes {
        let mut hashes = rows.hashes.clone();
        hashes.sort_unstable();
        RowHashes(hashes)
    }

    fn contains(&self, hash: u64) -> bool {
        self.0.binary_search(&hash).is_ok()
    }
}

impl Serialize for RowHashes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(16 * self.0.len());
        self.0.iter().for_each(|hash| write!(text, "{hash:016x}").expect("a string takes what is written"));
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for RowHashes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hashes = text.as_bytes().chunks(16).map(|digits| {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 16);
            digits.and_then(|digits| u64::from_str_radix(digits, 16).ok())
        });
        let hashes: Option<Vec<u64>> = hashes.collect();
        match hashes.filter(|hashes| hashes.is_sorted()) {
            Some(hashes) => Ok(RowHashes(hashes)),
            None => Err(de::Error::custom("expected sorted hashes of 16 hexadecimal digits each")),
        }
    }
}

/// SHA-256 of these bytes, each run of them preceded by its length.
fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut sum = Sha256::new();
    for part in parts {
        sum.update((part.len() as u64).to_le_bytes());
        sum.update(part);
    }
    hexadecimal(&sum.finalize())
}

/// Labels as a session of so many outputs has them.
fn label_bytes(labels: &[u16], outputs: usize) -> Vec<u8> {
    match DType::of_labels(outputs) {
        DType::U8 => labels.iter().map(|&label| label as u8).collect(),
        _ => bytemuck::cast_slice(labels).to_vec(),
    }
}

/// The digest of a part that no session reads yet, and whose numbers to be predicted are not scaled.
fn digest_of(subset: &Subset, outputs: usize) -> String {
    let samples: &[u8] = match &subset.samples {
        Samples::U8(bytes) => bytes,
        Samples::F32(values) => bytemuck::cast_slice(values),
    };
    match &subset.targets {
        Targets::Classes(labels) => digest([samples, &label_bytes(labels, outputs)]),
        Targets::Values(values) => {
            let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
            digest([samples, bytemuck::cast_slice(&values)])
        }
    }
}

#[cfg(test)]
mod tests {
    use plangrad_data::TargetScale;

    use super::*;
    use crate::train::source;

    fn print(hashes: [&[u64]; 3]) -> Fingerprint {
        let part = |hashes: &[u64]| PartPrint {
            samples: hashes.len(),
            sha256: String::new(),
            rows: Some(RowHashes(hashes.to_vec())),
        };
        let [train, validation, test] = hashes.map(part);
        Fingerprint { format: Fingerprint::FORMAT, train, validation, test }
    }

    fn facts(hashes: &[u64]) -> RowFacts {
        let mut facts = RowFacts::default();
        facts.hashes = hashes.to_vec();
        facts
    }

    #[test]
    fn rows_are_compared_as_often_as_they_are_there() {
        let was = print([&[1, 2, 2, 9], &[3], &[4, 5]]);
        let mut now = TableRows::default();
        (now.train, now.test) = (facts(&[9, 2, 1]), facts(&[5, 7, 3, 4, 7]));
        assert_eq!(was.changes(&now), Some(RowChanges { new: 2, gone: 1 }));
        let standing = was.standing(&facts(&[2, 2, 2, 3, 4, 8])).unwrap();
        assert_eq!(standing, Standing { learnt: 3, validation: 1, test: 1, new: 1 });
    }

    #[test]
    fn it_is_read_as_it_was_written_and_damage_is_refused() {
        let print = print([&[1, 0xffff_ffff_ffff_ffff], &[], &[7]]);
        let text = serde_json::to_string(&print).unwrap();
        assert_eq!(Fingerprint::parse(&text).unwrap(), print);
        for (from, to) in [
            ("\"format\":1", "\"format\":2"),
            ("0000000000000007", "7"),
            ("ffff", "gfff"),
            ("\"test\"", "\"rest\""),
        ] {
            assert!(text.contains(from), "{text}");
            assert!(Fingerprint::parse(&text.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn a_part_is_known_by_its_samples_and_targets() {
        let subset =
            |pixels: Vec<u8>, labels| Subset::new(Samples::U8(pixels), Targets::Classes(labels), 2).unwrap();
        for outputs in [2, 300] {
            let (train, none) = (subset(vec![1, 2, 3, 4], vec![0, 1]), subset(Vec::new(), Vec::new()));
            let [of_train, of_none, of_test] =
                [&train, &none, &none].map(|subset| source(subset.clone(), outputs).unwrap());
            let target_scale = TargetScale::IDENTITY;
            let data = Data { train: of_train, validation: of_none, test: of_test, target_scale };
            let print = Fingerprint::of(&data, None);
            assert!(print.is(Split::Train, &train, outputs) && print.is(Split::Test, &none, outputs));
            assert!(!print.is(Split::Train, &subset(vec![1, 2, 3, 4], vec![1, 0]), outputs));
            assert!(!print.is(Split::Train, &subset(vec![3, 4, 1, 2], vec![0, 1]), outputs));
        }
    }
}
