//! What shows progress on the terminal, and gives way to lines that others write there.

use indicatif::ProgressBar;

/// Something on the terminal that a line would tear.
pub trait GivesWay: Send + Sync {
    /// Makes room, has a line written, and goes on as it can.
    fn give_way(&self, write: &mut dyn FnMut());
}

impl GivesWay for ProgressBar {
    fn give_way(&self, write: &mut dyn FnMut()) {
        self.suspend(write);
    }
}
