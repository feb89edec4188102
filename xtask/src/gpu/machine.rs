//! The machine with the GPU: programs are started on it, waited for so long and no longer, and ended with all they started.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::findings::{Known, Trouble};

/// Between two looks at a program that runs.
const POLL: Duration = Duration::from_millis(10);

/// The machine, and how long this start may take.
pub(super) struct Machine {
    /// What was packed.
    pub(super) folder: PathBuf,
    /// Where all that programs print is kept.
    pub(super) out: PathBuf,
    pub(super) python: String,
    pub(super) compute_sanitizer: String,
    /// How long a part may take at most.
    pub(super) limit: Duration,
    /// When this start ends, whatever is going on.
    pub(super) end: Instant,
}

impl Machine {
    /// What is trained on: MNIST if it was packed.
    pub(super) fn dataset(&self) -> &'static str {
        if self.folder.join("data/mnist").is_dir() { "mnist" } else { "digits" }
    }

    /// A part's turn, which begins now and takes no longer than `limit`.
    pub(super) fn turn(&self, limit: Duration) -> Turn<'_> {
        let limit = limit.min(self.limit);
        Turn { machine: self, limit, end: Instant::now() + limit }
    }

    /// Whether there is no time left.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }
}

/// The time that a part has, for all its programs together.
pub(super) struct Turn<'a> {
    pub(super) machine: &'a Machine,
    limit: Duration,
    end: Instant,
}

impl Turn<'_> {
    /// The events of a run.
    pub(super) fn train(&self, name: &str, options: &[&str]) -> Known<Vec<Value>> {
        let arguments = ["train", "--dataset", self.machine.dataset(), "--data-dir", "data", "--overwrite"];
        self.lines(name, &[&arguments, options].concat())
    }

    /// What a command of plangrad prints: an object in each line.
    pub(super) fn lines(&self, name: &str, arguments: &[&str]) -> Known<Vec<Value>> {
        let text = self.output(name, "./plangrad", &[arguments, &["--format", "json"]].concat())?;
        let objects = text.lines().map(serde_json::from_str).collect::<serde_json::Result<_>>();
        objects.map_err(|error| Trouble::Failed(format!("{name}: {error}")))
    }

    /// The only one.
    pub(super) fn object(&self, name: &str, arguments: &[&str]) -> Known<Value> {
        let object = self.lines(name, arguments)?.pop();
        object.ok_or_else(|| Trouble::Failed(format!("{name} printed nothing")))
    }

    /// What a program prints that ends well.
    pub(super) fn output(&self, name: &str, program: &str, arguments: &[&str]) -> Known<String> {
        let (status, text) = self.call(name, program, arguments)?;
        if status.success() {
            return Ok(text);
        }
        Err(Trouble::Failed(format!("{name} ended with {status}; see out/{name}.err")))
    }

    /// Runs a program; returns how it ended, and its standard output. All it prints is kept in `out/`.
    pub(super) fn call(&self, name: &str, program: &str, arguments: &[&str]) -> Known<(ExitStatus, String)> {
        let [out, err] = ["out", "err"].map(|ending| self.machine.out.join(format!("{name}.{ending}")));
        let open =
            |path: &PathBuf| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.machine.folder).stdin(Stdio::null());
        command.stdout(open(&out)?).stderr(open(&err)?);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let failed = |error: std::io::Error| format!("{program}: {error}");
        let mut child = command.spawn().map_err(failed)?;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                break status;
            }
            if let Some(trouble) = self.late() {
                end(&mut child);
                return Err(trouble);
            }
            std::thread::sleep(POLL);
        };
        let text = fs::read(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        Ok((status, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Who is late: the part, or, with a part that had less time than is its due, this start.
    fn late(&self) -> Option<Trouble> {
        let is_over = Instant::now() >= self.end.min(self.machine.end);
        let trouble = || match self.end <= self.machine.end {
            true => Trouble::Late(self.limit.as_secs()),
            false => Trouble::OutOfTime,
        };
        is_over.then(trouble)
    }
}

/// Ends a program and all of its group: tools that watch a program, and compilers, run others, which would stay on the GPU.
/// One that a driver holds fast is not waited for: the machine's time is short.
fn end(child: &mut Child) {
    #[cfg(unix)]
    let _ = Command::new("sh").args(["-c", &format!("kill -KILL -{}", child.id())]).status();
    let _ = child.kill();
    let patience = Instant::now() + Duration::from_secs(5);
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < patience {
        std::thread::sleep(POLL);
    }
}
