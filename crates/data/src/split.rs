//! The two splits of a dataset.

use std::fmt;

use crate::{Dataset, RowFacts, Subset, TableRows};

/// One of the two splits of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The samples that networks learn from.
    Train,
    /// The samples that they are tested on.
    Test,
}

impl Split {
    /// Both.
    pub const ALL: [Split; 2] = [Split::Train, Split::Test];

    /// Its name: `train` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    /// The samples and targets of this split.
    #[must_use]
    pub fn of(self, dataset: &Dataset) -> &Subset {
        match self {
            Self::Train => &dataset.train,
            Self::Test => &dataset.test,
        }
    }

    /// What is known about the rows of this split.
    #[must_use]
    pub fn rows_of(self, rows: &TableRows) -> &RowFacts {
        match self {
            Self::Train => &rows.train,
            Self::Test => &rows.test,
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
