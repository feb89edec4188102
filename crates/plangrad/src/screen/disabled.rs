//! Without the feature `tui`: nothing to draw with.

use super::board::Board;
use super::gives_way::GivesWay;
use crate::error::{Error, Result};
use crate::train::Stop;

/// No screen.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    never: std::convert::Infallible,
}

/// Whether this program can draw one.
pub(crate) fn is_built() -> bool {
    false
}

impl Screen {
    /// Says that there is none.
    ///
    /// # Errors
    /// [`Error::Option`], always.
    pub(crate) fn open(_: Board, _: &Stop) -> Result<Screen> {
        Err(Error::option("--progress", "tui is not in this program; build it with --features tui"))
    }

    pub(crate) fn update(&self, _: impl FnOnce(&mut Board)) {
        match self.never {}
    }

    pub(crate) fn is_open(&self) -> bool {
        match self.never {}
    }

    pub(crate) fn close(&self) {
        match self.never {}
    }
}

impl GivesWay for Screen {
    fn give_way(&self, _: &mut dyn FnMut()) {
        match self.never {}
    }
}
