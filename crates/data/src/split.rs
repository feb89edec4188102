//! The parts of a dataset.

use std::fmt;

use crate::{Dataset, RowFacts, Subset, TableRows};

/// A part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The samples that networks learn from.
    Train,
    /// Samples taken out of the training part to evaluate a network on while it learns; none unless asked for
    /// ([`LoadOptions::validation_fraction`](crate::LoadOptions::validation_fraction)).
    Validation,
    /// The samples that they are tested on.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Split; 3] = [Split::Train, Split::Validation, Split::Test];
    /// Those that have files of their own.
    pub const IN_FILES: [Split; 2] = [Split::Train, Split::Test];

    /// Its name: `train`, `validation` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The samples and targets of this split.
    #[must_use]
    pub fn of(self, dataset: &Dataset) -> &Subset {
        match self {
            Self::Train => &dataset.train,
            Self::Validation => &dataset.validation,
            Self::Test => &dataset.test,
        }
    }

    /// The same, to be changed.
    pub(crate) fn of_mut(self, dataset: &mut Dataset) -> &mut Subset {
        match self {
            Self::Train => &mut dataset.train,
            Self::Validation => &mut dataset.validation,
            Self::Test => &mut dataset.test,
        }
    }

    /// The part in whose files it is.
    pub(crate) fn in_files(self) -> Split {
        if self == Self::Test { Self::Test } else { Self::Train }
    }

    /// What is known about the rows of this split.
    #[must_use]
    pub fn rows_of(self, rows: &TableRows) -> &RowFacts {
        match self {
            Self::Train => &rows.train,
            Self::Validation => &rows.validation,
            Self::Test => &rows.test,
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
