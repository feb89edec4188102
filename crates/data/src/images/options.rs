//! What images of many sizes and kinds become.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::UnknownWord;

/// What each image of a folder becomes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageOptions {
    /// Height and width; if absent, those of the images, which must agree then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// 1 for grey, 3 for colours; if absent, 1 if every image is grey, else 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// How an image of other proportions is brought to the size.
    #[serde(skip_serializing_if = "Fit::is_default")]
    pub fit: Fit,
    /// A file that keeps the decoded images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
}

impl ImageOptions {
    /// Whether nothing was chosen.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How an image of other proportions is brought to a size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The whole image in the middle, black beside it.
    #[default]
    Pad,
    /// The middle of the image, as much as fills the size.
    Crop,
    /// The whole image, its proportions changed.
    Stretch,
}

impl Fit {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Pad, Self::Crop, Self::Stretch];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pad => "pad",
            Self::Crop => "crop",
            Self::Stretch => "stretch",
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fit {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|fit| fit.name() == text);
        found.ok_or_else(|| UnknownWord { expected: "pad, crop or stretch", found: text.to_owned() })
    }
}

/// How far the decoding of a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageProgress {
    /// Images decoded.
    pub done: usize,
    /// Images in all.
    pub total: usize,
}
