//! Clauses of the messages: files, folders, columns and remedies in words.

use std::path::PathBuf;

use super::parts::FailedMirror;
use crate::Missing;
use crate::text::{PLAIN_NUMBERS, counts, excerpt, grouped, is_nearly_a_number};

/// `a and b or c`, as the files are one or several and there may be an archive of them.
pub(super) fn listed_files(files: &[String], archive: Option<&str>) -> String {
    match archive {
        Some(archive) => format!("{} or {archive}", files.join(", ")),
        None => files.join(" and "),
    }
}

/// How to get a dataset, as a clause.
pub(super) fn remedy(dataset: &str) -> String {
    format!("get it with `plangrad download {dataset}`, or give its folder with --data-dir")
}

/// `891 different ones`, of a column of text.
pub(super) fn different(column: Option<&(String, usize)>) -> String {
    column.map_or(String::new(), |(_, texts)| format!("{} different ones", grouped(*texts)))
}

/// The other columns of text, as a clause.
pub(super) fn other_columns(columns: &[(String, usize)]) -> String {
    match columns.get(1..) {
        None | Some([]) => String::new(),
        Some(others) => format!("; so have {}", counts(others)),
    }
}

/// How numbers are to be written, where a text may be meant as one.
pub(super) fn plain_numbers(example: &str) -> String {
    if is_nearly_a_number(example) { format!("; {PLAIN_NUMBERS}") } else { String::new() }
}

/// The number for `--one-hot` that takes all of them.
pub(super) fn most_texts(columns: &[(String, usize)]) -> usize {
    columns.iter().map(|(_, texts)| *texts).max().unwrap_or(0)
}

/// Columns with cells without a value, and the remedy.
pub(super) fn missing_cells(
    columns: &[(String, usize)],
    rows: usize,
    rule: Missing,
    of_model: bool,
) -> String {
    let (all, rows) = (counts(columns), grouped(rows));
    let remedy = match rule {
        Missing::Error if of_model => {
            "the model was trained without such; train it with --missing drop or --missing mean to have them evaluated"
        }
        Missing::Error => {
            "leave such rows out with --missing drop, take the mean of the column with --missing mean, or leave out columns \
             with --drop; --missing-values says which texts stand for none"
        }
        Missing::Drop => "no row would be left; leave out the columns with --drop",
        Missing::Mean => {
            "there is no mean to take; leave out columns with --drop, or rows without a label with --missing drop"
        }
    };
    format!("cells without a value in {rows} rows: {all}; {remedy}")
}

/// A cell's text, shortened and in quotes.
pub(super) fn quoted(text: &str) -> String {
    if text.is_empty() { "an empty cell".to_owned() } else { format!("{:?}", excerpt(text)) }
}

pub(super) fn joined(attempts: &[FailedMirror]) -> String {
    attempts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

pub(super) fn listed_folders(folders: &[PathBuf]) -> String {
    let quoted: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
    match quoted.as_slice() {
        [] => "in no folder".to_owned(),
        [one] => format!("in {one}"),
        [first @ .., last] => format!("in {} and {last}", first.join(", ")),
    }
}
