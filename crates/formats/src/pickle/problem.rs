//! What can be wrong with a pickle, as values that can be matched on.

use std::fmt;

/// Why a pickle cannot be read. Prints as a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PickleProblem {
    /// No instruction has this number.
    UnknownOpcode {
        /// The number.
        found: u8,
    },
    /// An instruction that makes objects of classes, sets, or reads what is outside.
    Refused,
    /// A function or class that is not data.
    Global {
        /// Module and name.
        name: String,
    },
    /// The pickle ends within an instruction, or before the one that ends it.
    Truncated,
    /// The instruction needs values that no earlier one left.
    MissingValues,
    /// The value has another type than the instruction works on.
    WrongType {
        /// What it works on.
        expected: &'static str,
    },
    /// A number or text that cannot be read.
    Malformed {
        /// What was expected.
        expected: &'static str,
    },
    /// A value is taken from the memo that was never put there.
    Memo {
        /// Its number.
        index: u64,
    },
    /// A protocol that did not exist.
    Protocol {
        /// Its number.
        found: u8,
    },
}

impl fmt::Display for PickleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOpcode { found } => write!(f, "no instruction has the number {found:02x}"),
            Self::Refused => f.write_str("it makes an object by running code, and only data is read"),
            Self::Global { name } => {
                write!(f, "it names `{name}`, which is code and not data: nothing of a pickle is ever run")
            }
            Self::Truncated => f.write_str("the pickle ends there"),
            Self::MissingValues => f.write_str("it needs values that are not there"),
            Self::WrongType { expected } => write!(f, "it needs {expected}, found something else"),
            Self::Malformed { expected } => write!(f, "expected {expected}"),
            Self::Memo { index } => write!(f, "it takes value {index}, which was never stored"),
            Self::Protocol { found } => write!(f, "expected a protocol of at most 5, found {found}"),
        }
    }
}
