//! The screen, and the thread that draws it.

use std::io::Stdout;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::SIGINT;
use signal_hook::low_level::raise;

use super::board::{Board, Phase};
use super::draw::draw;
use super::gives_way::GivesWay;
use super::terminal;
use crate::error::{Error, Result};
use crate::train::Stop;

/// How long the thread waits for a key.
const WAIT: Duration = Duration::from_millis(100);

/// Of so many waits one is followed by a look at what is new.
const LOOKS: u32 = 5;

/// A screen.
#[derive(Clone)]
pub(crate) struct Screen {
    shared: Arc<Shared>,
}

struct Shared {
    board: Mutex<Board>,
    is_new: AtomicBool,
    /// Whether the terminal is taken. Held while it is drawn on, so that nothing is drawn once it was given back.
    is_open: Mutex<bool>,
}

/// Whether this program can draw one.
pub(crate) fn is_built() -> bool {
    true
}

impl Screen {
    /// Takes the terminal and shows the board. Whoever presses a key for it, and confirms it, asks to stop as with Ctrl-C; a run
    /// that is watched, or has ended, is left at once.
    ///
    /// # Errors
    /// [`Error::Output`] if the terminal cannot be had.
    pub(crate) fn open(board: Board, stop: &Stop) -> Result<Screen> {
        let terminal = terminal::take().map_err(Error::Output)?;
        let shared = Shared { board: Mutex::new(board), is_new: true.into(), is_open: Mutex::new(true) };
        let screen = Screen { shared: Arc::new(shared) };
        let (own, stop) = (screen.clone(), stop.clone());
        let spawned =
            thread::Builder::new().name("screen".to_owned()).spawn(move || own.show(terminal, &stop));
        spawned.map_err(|reason| {
            screen.close();
            Error::Output(reason)
        })?;
        Ok(screen)
    }

    /// Changes what is shown.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Board)) {
        change(&mut lock(&self.shared.board));
        self.shared.is_new.store(true, Ordering::Release);
    }

    /// Whether it is there.
    pub(crate) fn is_open(&self) -> bool {
        *lock(&self.shared.is_open)
    }

    /// Gives the terminal back.
    pub(crate) fn close(&self) {
        let mut is_open = lock(&self.shared.is_open);
        if std::mem::replace(&mut *is_open, false) {
            terminal::give_back();
        }
    }

    fn show(&self, mut terminal: Terminal<CrosstermBackend<Stdout>>, stop: &Stop) {
        let mut waits = 0;
        while self.is_open() {
            let must_draw = waits % LOOKS == 0 && self.shared.is_new.swap(false, Ordering::AcqRel);
            if must_draw && !self.draw(&mut terminal) {
                return self.close();
            }
            waits += 1;
            match event::poll(WAIT)
                .and_then(|has_come| if has_come { event::read().map(Some) } else { Ok(None) })
            {
                Ok(None) => {}
                Ok(Some(event)) => {
                    self.answer(&event, stop);
                    self.shared.is_new.store(true, Ordering::Release);
                    waits = 0;
                }
                Err(_) => thread::sleep(WAIT), // no keys, then
            }
        }
    }

    /// Draws, unless the terminal was given back; `false` if that fails.
    fn draw(&self, terminal: &mut Terminal<CrosstermBackend<Stdout>>) -> bool {
        let board = lock(&self.shared.board).clone();
        let is_open = lock(&self.shared.is_open);
        !*is_open || terminal.draw(|frame| draw(frame, &board)).is_ok()
    }

    fn answer(&self, event: &Event, stop: &Stop) {
        let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = event else { return };
        let is_control = modifiers.contains(KeyModifiers::CONTROL);
        let mut board = lock(&self.shared.board);
        let ends = match (board.phase, code) {
            (Phase::Going, KeyCode::Char('c')) if is_control => board.ask(),
            (Phase::Going, KeyCode::Char('q') | KeyCode::Esc) => board.ask(),
            (Phase::Asking, KeyCode::Char('y')) => true,
            (Phase::Asking, KeyCode::Char('c')) if is_control => true,
            (Phase::Asking, _) => {
                board.phase = Phase::Going;
                false
            }
            (Phase::Ended, KeyCode::Char('q' | 'c') | KeyCode::Esc) => true,
            _ => false,
        };
        let is_watched = board.is_watched;
        drop(board);
        if ends && is_watched {
            stop.ask();
            self.close();
        } else if ends {
            self.close();
            let _ = raise(SIGINT); // from here on it is an interruption as any other
        }
    }
}

impl GivesWay for Screen {
    fn give_way(&self, write: &mut dyn FnMut()) {
        self.close();
        write();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
