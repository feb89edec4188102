//! Columns that only number the rows: they say nothing about a row, and a network learns them by heart.

use super::column::{Column, Sequence};
use crate::text::excerpt;

/// Fewer rows than these may well have consecutive numbers by accident.
const FEWEST_ROWS: usize = 10;

/// What to do with a column.
pub(super) enum Verdict {
    /// Nothing.
    Feature,
    /// Say that it looks like a number of the row.
    Doubtful(String),
    /// Leave it out: it is named like one, and is one.
    LeaveOut,
}

/// Assesses a feature column by its name and its cells.
pub(super) fn assess(name: &str, column: &Column, rows: usize) -> Verdict {
    let is_named = is_name_of_index(name);
    let sequence = column.whole_numbers();
    if is_named && sequence == Some(Sequence::Consecutive) {
        return Verdict::LeaveOut;
    }
    let name = excerpt(name);
    let remedy = format!("if it only numbers the rows, leave it out with --drop {name}");
    match sequence {
        _ if is_named && (sequence.is_some() || column.all_texts_differ()) => Verdict::Doubtful(format!(
            "the column `{name}` is named like an index and differs in every row; {remedy}"
        )),
        Some(Sequence::Consecutive) if rows >= FEWEST_ROWS => {
            Verdict::Doubtful(format!("the column `{name}` holds consecutive whole numbers; {remedy}"))
        }
        _ if rows >= FEWEST_ROWS && column.all_texts_differ() => {
            Verdict::Doubtful(format!("the column `{name}` has another text in every row; {remedy}"))
        }
        _ => Verdict::Feature,
    }
}

/// Whether a column is named as those that number rows are: `id`, `Unnamed: 0`, `PassengerId`, `row_id`.
fn is_name_of_index(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "id",
        "ids",
        "index",
        "idx",
        "row",
        "rowid",
        "rowname",
        "rownames",
        "rownum",
        "uuid",
        "guid",
        "unnamed:0",
    ];
    let plain: String = name
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect();
    let ends_with_word =
        ["_id", " id", "-id", "_idx", "_index", " index", "_ID"].iter().any(|end| name.ends_with(end));
    // `PassengerId` and `customerID`, but neither `humid` nor `ACID`.
    let before = |end: &str| name.strip_suffix(end).and_then(|start| start.chars().last());
    let ends_in_capitals = [before("Id"), before("ID")].into_iter().flatten().any(char::is_lowercase);
    NAMES.contains(&plain.as_str()) || ends_with_word || ends_in_capitals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_indices_are_told_from_words_that_end_alike() {
        for name in [
            "Id",
            "ID",
            "index",
            "Unnamed: 0",
            "PassengerId",
            "customer_id",
            "row id",
            "customerID",
            "rownames",
        ] {
            assert!(is_name_of_index(name), "{name}");
        }
        for name in ["humid", "acid", "fluid", "ACID", "width", "x1", "time", "grid"] {
            assert!(!is_name_of_index(name), "{name}");
        }
    }
}
