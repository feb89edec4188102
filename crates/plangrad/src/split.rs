//! The two parts of a dataset.

use std::fmt;

use clap::ValueEnum;
use plangrad_data::Part;

/// One of the two parts of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Split {
    /// The samples that networks learn from.
    #[value(help = None)]
    Train,
    /// The samples that they are tested on.
    #[value(help = None)]
    Test,
}

impl Split {
    /// Its name: `train` or `test`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    /// The same part for loading.
    #[must_use]
    pub fn part(self) -> Part {
        match self {
            Self::Train => Part::Train,
            Self::Test => Part::Test,
        }
    }

    /// This part of a dataset.
    #[must_use]
    pub fn of(self, dataset: &plangrad_data::Dataset) -> &plangrad_data::Split {
        match self {
            Self::Train => &dataset.train,
            Self::Test => &dataset.test,
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
