//! A run watched while it goes on: in a terminal, or in a browser.
//!
//! Whoever watches reads what the run writes into its folder, and nothing else: the run neither knows nor waits. Logs are read
//! on as they grow. What costs more, such as having the model predict samples, is done so seldom that it takes a hundredth of
//! one processor's time at most (`Sparing`).

mod broadcast;
mod examples;
mod inspector;
mod lines;
mod news;
mod screen;
mod site;
mod sparing;

pub(crate) use examples::Examples;
pub(crate) use inspector::inspect;
pub(crate) use lines::print_events;
pub(crate) use news::News;
pub(crate) use screen::show_on_screen;
pub(crate) use site::WatchSite;
