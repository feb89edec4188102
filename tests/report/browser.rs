//! A page looked at in headless Chromium, where there is one.

#![allow(dead_code)] // each test file uses its own share of this

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
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

    /// The same as soon as the page is loaded, for a page that goes on listening: the time of such a page cannot be advanced.
    pub(crate) fn open_at_once(&self, address: &str, view: View) -> (String, Vec<String>) {
        let profile = tempfile::tempdir().unwrap();
        let output = self.command(profile.path(), address, view).arg("--dump-dom").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), console(&output.stderr))
    }

    fn dump(&self, address: &str, view: View, more: &[&str]) -> (String, Vec<String>) {
        let profile = tempfile::tempdir().unwrap();
        let mut command = self.command(profile.path(), address, view);
        command.args(["--virtual-time-budget=5000", "--dump-dom"]).args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        (String::from_utf8_lossy(&output.stdout).into_owned(), console(&output.stderr))
    }

    fn command(&self, profile: &Path, address: &str, View { width, is_dark }: View) -> Command {
        let scheme = u8::from(!is_dark);
        let mut command = Command::new(&self.program);
        command.args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
        ]);
        command.args(["--enable-logging=stderr", "--v=0"]);
        command.arg(format!("--user-data-dir={}", profile.display()));
        command.arg(format!("--window-size={width},900"));
        command.arg(format!("--blink-settings=preferredColorScheme={scheme}"));
        command.arg(address).stdin(Stdio::null());
        command
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
        from_digits(found.expect("the probe has run"))
    }

    /// The same for a page that goes on listening to its server: the probe sends what it found.
    pub(crate) fn probe_live(&self, page: &str, probe: &str, view: View) -> Value {
        let (folder, listener) = (tempfile::tempdir().unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (copy, errors) = (folder.path().join("page.html"), folder.path().join("errors"));
        let send = format!(
            "<script>new MutationObserver(() => {{ const found = document.getElementById('found'); if (found) fetch('http://{}', {{ \
             method: 'POST', body: found.textContent }}); }}).observe(document, {{ childList: true, subtree: true }});</script>",
            listener.local_addr().unwrap()
        );
        fs::write(&copy, send + &framed(&with_probe(page, probe), view.width)).unwrap();
        let mut command =
            self.command(&folder.path().join("profile"), &of_file(&copy), View { width: 1600, ..view });
        command.args(["--disable-web-security", "--remote-debugging-port=0"]);
        let mut child = command.stderr(File::create(&errors).unwrap()).spawn().unwrap();
        let found = posted(&listener);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(console(&fs::read(&errors).unwrap()), Vec::<String>::new());
        from_digits(&found)
    }
}

/// What a browser wrote to its console.
fn console(errors: &[u8]) -> Vec<String> {
    let errors = String::from_utf8_lossy(errors);
    errors.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect()
}

/// The body of the next request.
fn posted(listener: &TcpListener) -> String {
    let mut stream = BufReader::new(listener.accept().unwrap().0);
    let (mut line, mut length) = (String::new(), 0);
    while stream.read_line(&mut line).unwrap() > 2 {
        let field = line.to_ascii_lowercase();
        length = field.strip_prefix("content-length: ").map_or(length, |text| text.trim().parse().unwrap());
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let _ = stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
    String::from_utf8(body).unwrap()
}

fn from_digits(digits: &str) -> Value {
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    serde_json::from_slice(&bytes).unwrap()
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
