//! The program under attack, in a folder of its own, and how a run of it ended.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// Seconds after which a run counts as hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program, a folder, and numbers to choose by.
pub(super) struct Target {
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    numbers: u64,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// `None` if a signal ended it, or it hung.
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) stderr: String,
}

impl Ended {
    /// What is wrong with it, if it is neither a success nor an error in a sentence.
    pub(super) fn misbehaviour(&self) -> Option<String> {
        let says = self.stderr.lines().any(|line| line.starts_with("error: "));
        match self.code {
            _ if self.stderr.contains("panicked") => Some(format!("panicked: {}", self.last_line())),
            Some(0) => None,
            Some(1 | 2 | 130) if says => None,
            Some(code) => Some(format!("exit code {code}: {}", self.last_line())),
            None => Some(match self.signal {
                Some(signal) => format!("ended by signal {signal}: {}", self.last_line()),
                None => "did not end".to_owned(),
            }),
        }
    }

    pub(super) fn last_line(&self) -> &str {
        self.stderr.lines().last().unwrap_or_default()
    }
}

impl Target {
    pub(super) fn new(program: PathBuf, seed: u64) -> Result<Target> {
        let folder = std::env::temp_dir().join(format!("plangrad-attack-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Target { program, folder, numbers: seed.wrapping_mul(2).wrapping_add(1) })
    }

    /// A number below `bound`: Knuth's generator for 64 bits, of which the upper ones are good.
    pub(super) fn number(&mut self, bound: usize) -> usize {
        self.numbers =
            self.numbers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.numbers >> 33) as usize % bound.max(1)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The program with these arguments, behind another program and its arguments, if any.
    pub(super) fn command(&self, behind: &[&str], arguments: &str) -> Command {
        let program = self.program.to_string_lossy();
        let words = behind.iter().copied().chain([&*program]).chain(arguments.split_whitespace());
        let words: Vec<&str> = words.collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(&self.folder).env("PLANGRAD_DEVICE", "cpu").env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(super) fn run(&self, arguments: &str) -> Result<Ended> {
        self.run_behind(&[], arguments)
    }

    pub(super) fn run_behind(&self, behind: &[&str], arguments: &str) -> Result<Ended> {
        let child =
            self.command(behind, arguments).spawn().map_err(|error| format!("{behind:?}: {error}"))?;
        end(child, None)
    }

    /// Runs it under limits that a shell sets.
    pub(super) fn run_limited(&self, limit: &str, arguments: &str) -> Result<Ended> {
        self.run_behind(&["sh", "-c", &format!("{limit}; exec \"$0\" \"$@\"")], arguments)
    }

    /// Starts it and sends it a signal after some time.
    pub(super) fn run_and_signal(&self, arguments: &str, signal: &str, after: Duration) -> Result<Ended> {
        let child = self.command(&[], arguments).spawn().map_err(|error| error.to_string())?;
        end(child, Some((signal, after)))
    }

    /// Puts a copy of folder `from` in the place of `to`.
    pub(super) fn copy(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        self.remove(&to);
        let failed = |error| format!("{}: {error}", from.display());
        fs::create_dir(&to).map_err(failed)?;
        for entry in fs::read_dir(&from).map_err(failed)?.flatten() {
            fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed)?;
        }
        Ok(())
    }

    pub(super) fn remove(&self, path: &Path) {
        let _ = fs::remove_dir_all(path);
    }

    pub(super) fn bytes(&self, file: &str) -> Result<Vec<u8>> {
        fs::read(self.path(file)).map_err(|error| format!("{file}: {error}"))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.remove(&self.folder);
    }
}

fn end(mut child: std::process::Child, signal: Option<(&str, Duration)>) -> Result<Ended> {
    let (started, mut signal) = (Instant::now(), signal);
    let id = child.id().to_string();
    let send = |name: &str| Command::new("kill").args([name, &id]).stderr(Stdio::null()).status();
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if let Some((name, _)) = signal.take_if(|(_, after)| started.elapsed() >= *after) {
            let _ = send(name);
        }
        if started.elapsed() > PATIENCE {
            let _ = send("-KILL");
            let stderr = "the program did not end".to_owned();
            let _ = child.wait();
            return Ok(Ended { code: None, signal: None, stderr });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let Output { status, stderr, .. } = child.wait_with_output().map_err(|error| error.to_string())?;
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    Ok(Ended { code: status.code(), signal: status.signal(), stderr })
}
