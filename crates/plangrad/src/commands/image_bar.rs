//! How far the decoding of images is: a bar on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use plangrad_data::ImageProgress;

use crate::output::Console;

/// A bar that appears with the first image.
pub(super) struct ImageBar(ProgressBar);

impl ImageBar {
    pub(super) fn new() -> Self {
        let bar = if Console::is_watched() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("decoding images  {bar:24}  {pos}/{len}  {eta} left")
        {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn show(&self, reached: ImageProgress) {
        if self.0.length() != Some(reached.total as u64) {
            self.0.set_length(reached.total as u64);
        }
        self.0.inc(1);
    }

    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
