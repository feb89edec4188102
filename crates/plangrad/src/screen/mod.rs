//! A run drawn on the whole terminal while it goes on: curves, pace, memory, mistakes.
//!
//! What is drawn is plain data (`Board`), which whoever trains or watches fills in; a thread of its own draws it twice a
//! second, where there is something new, so that training waits for nothing but a lock. The terminal is given back however the
//! program ends, be it by a panic or a signal. Without the feature `tui` there is no screen, and whoever asks is told so.

#[cfg_attr(not(feature = "tui"), expect(dead_code, reason = "nothing draws it"))]
mod board;
#[cfg(not(feature = "tui"))]
mod disabled;
#[cfg(feature = "tui")]
mod draw;
#[cfg(feature = "tui")]
mod enabled;
mod gives_way;
mod pace;
#[cfg(feature = "tui")]
mod terminal;

pub(crate) use board::{Board, Mistake, Phase};
#[cfg(not(feature = "tui"))]
pub(crate) use disabled::{Screen, is_built};
#[cfg(feature = "tui")]
pub(crate) use enabled::{Screen, is_built};
pub use gives_way::GivesWay;
