//! Mistakes of the model while its run goes on, for the screen of the program that trains it.

use std::fs;
use std::path::Path;
use std::thread;

use super::examples::Examples;
use super::news::POLL;
use super::sparing::Sparing;
use crate::error::Result;
use crate::model::Model;
use crate::report::Examined;
use crate::screen::{Board, Mistake, Screen};
use crate::train::CHECKPOINT;

/// As long as the screen is there, has the model of each new checkpoint in `folder` predict the examples, and shows its mistakes.
pub(crate) fn inspect(screen: &Screen, folder: &Path, examples: &Examples) {
    let (checkpoint, mut sparing, mut seen) = (folder.join(CHECKPOINT), Sparing::new(), None);
    while screen.is_open() {
        thread::sleep(POLL);
        let written = fs::metadata(&checkpoint).and_then(|file| file.modified()).ok();
        if written == seen || !sparing.is_due() {
            continue;
        }
        seen = written;
        // What cannot be read now may be readable next time.
        if let Ok(Some(examined)) = sparing.work(|| predict(&checkpoint, examples)) {
            screen.update(|board| show_mistakes(board, &examined));
        }
    }
}

/// `None` before the first epoch, when the model knows nothing.
fn predict(checkpoint: &Path, examples: &Examples) -> Result<Option<Examined>> {
    let model = Model::open(checkpoint)?;
    let has_learnt = model.description().progress.as_ref().is_some_and(|progress| progress.epoch > 0);
    has_learnt.then(|| examples.examine(&model)).transpose()
}

/// Shows the most confident mistakes.
pub(super) fn show_mistakes(board: &mut Board, examined: &Examined) {
    examined.what().clone_into(&mut board.shown);
    let mistake = |(title, picture): (String, Option<&_>)| Mistake { title, picture: picture.cloned() };
    board.mistakes = examined.mistakes().map(mistake).collect();
}
