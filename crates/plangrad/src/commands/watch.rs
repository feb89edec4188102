//! `plangrad watch`: a run that goes on, in the terminal or in a browser.

use std::time::Duration;

use serde::Serialize;

use crate::cli::WatchArgs;
use crate::error::{Error, Result};
use crate::http::{Limits, Server};
use crate::output::Console;
use crate::screen::is_built;
use crate::train::{CONFIG, Interrupts, Settings};
use crate::watch::{News, WatchSite, print_events, show_on_screen};

/// How long a request may take to come, and its response to be taken.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn watch(arguments: &WatchArgs, console: &Console) -> Result<()> {
    let config = arguments.run.join(CONFIG);
    if !config.is_file() {
        return Err(Error::NoRun { path: arguments.run.clone() });
    }
    let settings = Settings::read(&config)?;
    if arguments.serve {
        return serve(arguments, console);
    }
    let interrupts = Interrupts::listen();
    if is_built() && !arguments.plain && !console.is_json() && Console::columns().is_some() {
        let mut news = News::new(&arguments.run, arguments.data_dir.as_deref())?;
        return show_on_screen(&mut news, &settings, &interrupts);
    }
    print_events(&arguments.run, &settings, console, interrupts.stop())
}

fn serve(arguments: &WatchArgs, console: &Console) -> Result<()> {
    let server = Server::bind(arguments.port)?;
    let mut news = News::new(&arguments.run, arguments.data_dir.as_deref())?;
    let interrupts = Interrupts::listen();
    let url = server.url();
    console.text(&format_args!("{url} follows {}; Ctrl-C ends it", arguments.run.display()))?;
    console.json(&Start { url: &url })?;
    let limits = Limits { body: 0, connections: arguments.connections, patience: PATIENCE };
    WatchSite::serve(&server, &mut news, limits, interrupts.stop())
}

#[derive(Serialize)]
struct Start<'a> {
    url: &'a str,
}
