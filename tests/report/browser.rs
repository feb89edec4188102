//! A page looked at in headless Chromium, where there is one.

#![allow(dead_code)] // each test file uses its own share of this

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) is_dark: bool,
}

/// A browser.
pub(crate) struct Browser {
    program: PathBuf,
}

impl Browser {
    /// The one that `PLANGRAD_BROWSER` names, or one that is installed. Says loudly that there is none; where no test may be
    /// skipped, that is a failure.
    pub(crate) fn find() -> Option<Browser> {
        let named = std::env::var_os("PLANGRAD_BROWSER").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
        let installed = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
        let found = named.into_iter().chain(installed).find(|program| program.is_file());
        if found.is_none() {
            assert!(std::env::var_os("PLANGRAD_CI").is_none(), "no Chromium is installed");
            eprintln!(
                "SKIPPED: install Chromium, or name a browser with PLANGRAD_BROWSER, to look at pages in it"
            );
        }
        found.map(|program| Browser { program })
    }

    /// Opens the page at `address`. Returns its elements once its script has run, and what it wrote to the console.
    pub(crate) fn open(&self, address: &str, view: View) -> (String, Vec<String>) {
        self.dump(address, view, &[])
    }

    fn dump(&self, address: &str, View { width, is_dark }: View, more: &[&str]) -> (String, Vec<String>) {
        let profile = tempfile::tempdir().unwrap();
        let scheme = u8::from(!is_dark);
        let mut command = Command::new(&self.program);
        command.args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
        ]);
        command.args(["--enable-logging=stderr", "--v=0", "--virtual-time-budget=5000", "--dump-dom"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.arg(format!("--window-size={width},900"));
        command.arg(format!("--blink-settings=preferredColorScheme={scheme}"));
        command.args(more).arg(address).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let console = errors.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
        (String::from_utf8_lossy(&output.stdout).into_owned(), console)
    }

    /// Uses a copy of the report at `path` as a reader does, and returns what there was to see.
    pub(crate) fn probe(&self, path: &Path, view: View) -> Value {
        let page = fs::read_to_string(path).unwrap();
        let (before, rest) = page.split_once("script-src '").unwrap();
        let (_, after) = rest.split_once('\'').unwrap();
        let page = format!("{before}script-src 'unsafe-inline'{after}");
        self.probe_with(&page, include_str!("probe.js"), view)
    }

    /// Uses a copy of a page, whose policy lets any script run, as this script does.
    pub(crate) fn probe_with(&self, page: &str, probe: &str, view: View) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("page.html");
        fs::write(&copy, framed(&with_probe(page, probe), view.width)).unwrap();
        // The copy of a page that is served is a file, and talks to the server all the same.
        let more = ["--disable-web-security"];
        let (page, console) = self.dump(&of_file(&copy), View { width: 1600, ..view }, &more);
        assert_eq!(console, Vec::<String>::new());
        let found = page.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split('<').next());
        let digits = found.expect("the probe has run");
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// A page that shows another in a frame of this width: the window of a browser cannot be as narrow as a phone.
fn framed(page: &str, width: u32) -> String {
    let text = page.replace('&', "&amp;").replace('"', "&quot;");
    format!(
        "<!DOCTYPE html><meta name=\"color-scheme\" content=\"light dark\"><iframe width={width} height=900 frameborder=0 srcdoc=\"{text}\"></iframe>"
    )
}

/// The address of a file.
pub(crate) fn of_file(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// The page with a probe's script behind its own.
fn with_probe(page: &str, probe: &str) -> String {
    let looks = include_str!("looks.js");
    page.replace("</body>", &format!("<script>{{{looks}\n{probe}}}</script></body>"))
}
