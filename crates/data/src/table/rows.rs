//! What is known about the rows of a table besides their values.

/// The rows of a table: where each went, and what it was.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct TableRows {
    /// Those of the training part.
    pub train: RowFacts,
    /// Those of the validation part.
    pub validation: RowFacts,
    /// Those of the test part.
    pub test: RowFacts,
    /// Rows in the file.
    pub total: usize,
    /// Numbers of the rows that were left out because a cell has no value, from 0 in the order of the file.
    pub left_out: Vec<u32>,
    /// Whether the file has the label column.
    pub has_labels: bool,
    /// Whole sentences about what was decided while reading; nothing to worry about.
    pub remarks: Vec<String>,
}

/// Facts about the rows of a part, in the order of its samples.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RowFacts {
    /// The number of each row in the file, from 0.
    pub numbers: Vec<u32>,
    /// The hash of each row's cells, equal for equal rows; the documentation defines it.
    pub hashes: Vec<u64>,
    /// Whether its target is what the file says; without it the target is a placeholder.
    pub labelled: Vec<bool>,
    /// The texts of its feature cells as they are in the file, if [`LoadOptions::keep_texts`](crate::LoadOptions::keep_texts)
    /// asked for them.
    pub texts: Vec<Vec<String>>,
}
