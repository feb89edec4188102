//! A build that does not read image files.

use std::path::Path;

use super::options::ImageProgress;
use crate::{Dataset, Error, LoadOptions, Result};

pub(crate) fn load(path: &Path, _: &LoadOptions, _: &(dyn Fn(ImageProgress) + Sync)) -> Result<Dataset> {
    let reason = "this build does not read image files (feature `images`)".to_owned();
    Err(Error::Image { path: path.to_path_buf(), reason })
}
