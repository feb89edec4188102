//! What errors are made of, as values that can be matched on.

use std::fmt;

use crate::text::{excerpt, grouped, listed};

/// The shape that an IDX file of a dataset must have. Prints as a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpectedShape {
    /// `[count, height, width]`
    Images {
        /// Pixels of a column.
        height: usize,
        /// Pixels of a row.
        width: usize,
    },
    /// `[count]`
    Labels,
}

impl fmt::Display for ExpectedShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Images { height, width } => {
                write!(f, "images of {height} × {width} pixels, the shape [count, {height}, {width}]")
            }
            Self::Labels => f.write_str("one label for each image, the shape [count]"),
        }
    }
}

/// What is wrong with a user's own files. Prints as a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OwnFilesProblem {
    /// No file for a purpose.
    Missing {
        /// What was looked for, in words.
        expected: String,
        /// Some of the names that are there.
        found: Vec<String>,
    },
    /// Several files for the same purpose.
    Ambiguous {
        /// The purpose, in words.
        purpose: &'static str,
        /// Their names.
        found: Vec<String>,
    },
    /// Arrays or files of a shape that is not that of images or labels.
    Shape {
        /// What was expected.
        expected: &'static str,
        /// The shape.
        found: Vec<usize>,
    },
    /// Pixels that are not bytes.
    Pixels {
        /// What was found instead.
        found: String,
    },
    /// Parts whose images differ in size.
    Sizes {
        /// Of the training part: channels, height, width.
        train: Vec<usize>,
        /// Of the test part.
        test: Vec<usize>,
    },
    /// More classes than a label can have.
    Classes {
        /// How many there are.
        found: usize,
    },
    /// Images of many sizes, and no size to bring them to.
    NoSize {
        /// Width and height of the smallest by pixels.
        smallest: (u32, u32),
        /// Of the largest.
        largest: (u32, u32),
    },
    /// A size that cannot be.
    ImpossibleSize {
        /// The bytes that the images would take.
        bytes: u64,
    },
    /// No image could be read.
    NoneReadable {
        /// How many were tried.
        tried: usize,
        /// The first reason.
        reason: String,
    },
}

impl fmt::Display for OwnFilesProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { expected, found } if found.is_empty() => {
                write!(f, "expected {expected}, found nothing of the kind")
            }
            Self::Missing { expected, found } => {
                write!(f, "expected {expected}, found {}", listed(found, |name| name))
            }
            Self::Ambiguous { purpose, found } => write!(
                f,
                "several files could be the {purpose}: {}; leave one of them in the folder, or name the four files as \
                 idx:IMAGES,LABELS,TEST_IMAGES,TEST_LABELS",
                listed(found, |name| name)
            ),
            Self::Shape { expected, found } => write!(f, "expected {expected}, found the shape {found:?}"),
            Self::Pixels { found } => write!(
                f,
                "expected pixels as bytes (u8, 0 to 255), found {found}; convert them first, for example with \
                 array.astype('uint8')"
            ),
            Self::Sizes { train, test } => write!(
                f,
                "the images to learn from have the shape {train:?}, those to test on {test:?}: they do not belong together"
            ),
            Self::Classes { found } => {
                let (most, found) = (grouped(crate::MOST_CLASSES), grouped(*found));
                write!(f, "expected at most {most} different labels, found {found}; are these the labels?")
            }
            Self::NoSize { smallest, largest } => write!(
                f,
                "the images differ in size, from {} × {} to {} × {} pixels; say to which they are to be brought, for \
                 example with --image-size 64x64",
                smallest.0, smallest.1, largest.0, largest.1
            ),
            Self::ImpossibleSize { bytes } => {
                write!(f, "the images would take {bytes} bytes of memory; take a smaller --image-size")
            }
            Self::NoneReadable { tried, reason } => {
                write!(f, "none of {tried} images could be read; the first: {reason}")
            }
        }
    }
}

/// What is wrong with a table's header row. Prints as a clause; names from the file are shortened there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderProblem {
    /// More columns than are read.
    TooManyColumns {
        /// The most that are read.
        most: usize,
        /// Columns of the header row.
        found: usize,
    },
    /// A label without features, or features without a label.
    OneColumn {
        /// The column's name.
        name: String,
    },
    /// A column without a name that has cells.
    Unnamed {
        /// The line of the first one, from 1.
        line: u64,
        /// Its text.
        found: String,
    },
    /// A column with the name of an earlier one.
    Repeated {
        /// The name.
        name: String,
        /// The earlier column, from 1.
        first: usize,
    },
    /// The same in a row that consists mostly of numbers.
    LooksLikeData {
        /// The name.
        name: String,
        /// The earlier column, from 1.
        first: usize,
    },
}

impl fmt::Display for HeaderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyColumns { most, found } => {
                write!(f, "expected at most {most} columns, found {found}")
            }
            Self::OneColumn { name } => {
                let blanks = if name.contains(' ') { " (blanks separate no cells)" } else { "" };
                let name = excerpt(name);
                write!(
                    f,
                    "expected at least two columns, features and a label, separated by , ; | or tabs, found only `{name}`{blanks}; \
                     the first line must have the names of the columns"
                )
            }
            Self::Unnamed { line, found } => {
                write!(f, "expected a name for the column, which has \"{found}\" in line {line}, found none")
            }
            Self::Repeated { name, first } => {
                let name = excerpt(name);
                write!(f, "column {first} has the same name `{name}`; column names must differ")
            }
            Self::LooksLikeData { name, first } => {
                let name = excerpt(name);
                let remedy = "if line 1 is data, say so with --no-header";
                write!(f, "column {first} has the same name `{name}`; column names must differ ({remedy})")
            }
        }
    }
}

/// What a cell of a table must hold. Prints as a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpectedCell {
    /// A number.
    Number,
    /// A number, as elsewhere in the column.
    NumberAs {
        /// The line of one, from 1.
        line: u64,
    },
    /// A number that 32 bits can hold.
    NumberInRange,
    /// A word for yes or no.
    Boolean,
    /// The name of one of a model's classes.
    Class {
        /// Their names.
        known: Vec<String>,
    },
}

impl fmt::Display for ExpectedCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number => f.write_str("a number"),
            Self::NumberAs { line } => write!(f, "a number, as in line {line}"),
            Self::NumberInRange => f.write_str("a number between -3.4e38 and 3.4e38"),
            Self::Boolean => f.write_str("true, false, yes or no"),
            Self::Class { known } => {
                let classes = listed(known, |class| class);
                write!(f, "one of the model's {} classes ({classes})", known.len())
            }
        }
    }
}

/// Why a row of a table cannot be read. Prints as a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowProblem {
    /// A row that is too long.
    TooLong {
        /// MiB of the longest row that is read.
        most_mib: u64,
    },
    /// Bytes that are not text in the file's encoding.
    NotText {
        /// The encoding's name.
        encoding: String,
    },
    /// A file that is not text.
    Binary {
        /// What it is, or what was found.
        what: String,
    },
    /// A compressed file that holds far more than its size.
    Inflated {
        /// The most bytes for each byte of the file.
        most_ratio: u64,
    },
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { most_mib } => {
                write!(f, "expected rows of at most {most_mib} MiB, found a longer one")
            }
            Self::NotText { encoding } => {
                write!(f, "expected {encoding} text, found other bytes; --encoding names another encoding")
            }
            Self::Binary { what } => write!(f, "expected a table as text, found {what}"),
            Self::Inflated { most_ratio } => {
                write!(f, "expected at most {most_ratio} bytes for each compressed one, found more")
            }
        }
    }
}

/// What is wrong with a quote. Prints as a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuoteProblem {
    /// It never closes, or not within the longest row that is read.
    NeverCloses,
    /// It closes, and more of the cell follows.
    ClosesWithin {
        /// The line on which it closes, from 1.
        line: u64,
    },
    /// The lines up to where it closes are rows by themselves.
    Swallows {
        /// How many.
        rows: usize,
    },
}

impl fmt::Display for QuoteProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverCloses => f.write_str("never closes"),
            Self::ClosesWithin { line } => write!(
                f,
                "closes within the cell, in line {line}; a quote inside a quoted cell is written twice, and a stray one \
                 must go"
            ),
            Self::Swallows { rows } => write!(f, "swallows {rows} lines, each of which is a row by itself"),
        }
    }
}

/// A mirror that was given up. Prints as a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedMirror {
    /// The file's address there, without credentials and query.
    pub address: String,
    /// Why, as a clause.
    pub reason: String,
}

#[cfg(feature = "download")]
impl FailedMirror {
    pub(crate) fn new(address: String, reason: String) -> Self {
        Self { address, reason }
    }
}

impl fmt::Display for FailedMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.reason)
    }
}
