//! A run of another process on the screen.

use std::path::Path;
use std::thread;

use super::inspector::show_mistakes;
use super::news::{Change, News, POLL};
use crate::error::Result;
use crate::output::untrusted;
use crate::screen::{Board, Phase, Screen};
use crate::train::{Interrupts, Settings};

/// Shows the run on the screen until somebody leaves it.
///
/// # Errors
/// If there is no screen.
pub(crate) fn show_on_screen(news: &mut News, settings: &Settings, interrupts: &Interrupts) -> Result<()> {
    let mut board = Board::titled(title(news.folder(), settings));
    board.is_watched = true;
    fill_in(&mut board, news, settings, Change::Whole);
    let screen = Screen::open(board, interrupts.stop())?;
    interrupts.shows(screen.clone());
    while screen.is_open() && !interrupts.stop().asked() {
        thread::sleep(POLL);
        match news.look() {
            Ok(Change::Nothing) => {}
            Ok(change) => screen.update(|board| fill_in(board, news, settings, change)),
            Err(error) => screen.update(|board| board.shown = untrusted(&error.sentence())),
        }
    }
    screen.close();
    Ok(())
}

fn title(folder: &Path, settings: &Settings) -> String {
    untrusted(&format!("{}: {}", folder.display(), settings.dataset))
}

fn fill_in(board: &mut Board, news: &News, settings: &Settings, change: Change) {
    let history = news.history();
    let samples = history.start.as_ref().map_or(0, |start| start.train_samples as u64);
    board.lasts(settings, samples);
    board.follow(history);
    board.phase = if history.end.is_some() { Phase::Ended } else { Phase::Going };
    if change == Change::Whole {
        board.memory = news.report().memory();
        news.report().examined().into_iter().for_each(|examined| show_mistakes(board, examined));
    }
}
