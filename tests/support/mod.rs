//! Shared by the end-to-end tests: running the binary and checking how it ended.

#![allow(dead_code)] // each test file uses its own share of this

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// Exit code and output of a run of the program.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its exit code; −1 if a signal ended it.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// The program, to be run in `folder` on the CPU, without other environment variables that affect it.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plangrad"));
    command.current_dir(folder).stdin(Stdio::null());
    for variable in ["PLANGRAD_DATA", "PLANGRAD_GRAPHICS", "NO_COLOR", "CLICOLOR_FORCE", "COLORTERM"] {
        command.env_remove(variable);
    }
    command.env("PLANGRAD_DEVICE", "cpu").env("LC_ALL", "C");
    command
}

/// Runs the program in `folder`.
pub(crate) fn plangrad<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Run {
    finish(command(folder).args(arguments))
}

/// Runs the program in `folder` with arguments separated by spaces.
pub(crate) fn run(folder: &Path, arguments: &str) -> Run {
    plangrad(folder, arguments.split_whitespace())
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Run {
    ended(command.output().unwrap())
}

fn ended(output: Output) -> Run {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Interrupts a command as Ctrl-C does, as soon as it has installed its handler. Before that a signal would end it like any
/// program; from then on it has to answer, wherever in its work it is.
#[cfg(target_os = "linux")]
pub(crate) fn interrupt(command: &mut Command) -> Run {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && !catches_interrupts(child.id()) {
        std::thread::yield_now();
    }
    send("-INT", child.id());
    ended(child.wait_with_output().unwrap())
}

/// Sends a signal to a process.
#[cfg(unix)]
pub(crate) fn send(signal: &str, process: u32) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Whether a process has a handler for SIGINT.
#[cfg(target_os = "linux")]
fn catches_interrupts(process: u32) -> bool {
    const SIGINT: u32 = 2;
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & 1 << (SIGINT - 1) != 0)
}

impl Run {
    /// Standard output of a run that must have succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// The JSON objects of a run that must have succeeded.
    #[track_caller]
    pub(crate) fn objects(self) -> Vec<Value> {
        self.succeeded().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one JSON object of a run that must have succeeded.
    #[track_caller]
    pub(crate) fn object(self) -> Value {
        let objects = self.objects();
        assert_eq!(objects.len(), 1);
        objects.into_iter().next().unwrap()
    }

    /// The error sentence of a run that must have failed with this exit code and no other output.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{self:?}");
        assert!(self.stderr.ends_with(&format!("{}\n", errors[0])), "{self:?}");
        let others = self.stderr.lines().filter(|line| !line.starts_with("error: "));
        for line in others {
            assert!(!line.contains("panicked") && !line.contains("RUST_BACKTRACE"), "{self:?}");
        }
        assert!(!errors[0].contains("panicked"), "{self:?}");
        errors[0]["error: ".len()..].to_owned()
    }
}

/// Runs the program with and without `--format json` and checks that both fail alike: one sentence on standard error and,
/// in JSON, the error as the only object on standard output. Returns the sentence.
#[track_caller]
pub(crate) fn refusal<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], code: i32) -> String {
    let sentence = plangrad(folder, arguments).refused(code);
    let json = finish(command(folder).args(arguments).args(["--format", "json"]));
    assert_eq!(json.code, code, "{json:?}");
    let lines: Vec<Value> = json.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 1, "{json:?}");
    assert_eq!(lines[0]["event"], "error");
    assert_eq!(lines[0]["message"].as_str(), Some(sentence.as_str()));
    assert_eq!(lines[0]["kind"] == "usage", code == 2, "{json:?}");
    assert!(!sentence.contains('\n') && sentence.len() > 10, "{sentence}");
    sentence
}

/// The folder with real datasets, if the environment names one.
pub(crate) fn real_data() -> Option<PathBuf> {
    let folder = std::env::var_os("PLANGRAD_DATA").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if folder.is_none() {
        eprintln!(
            "SKIPPED: set PLANGRAD_DATA to a folder with mnist and cifar-10-batches-bin to run this test"
        );
    }
    folder
}

/// A folder with `data/mnist`, 1,600 images in each part, which differ between classes in where they are light. Reading it
/// takes milliseconds; drawing the built-in digits takes every process a quarter of a second.
pub(crate) fn small_mnist() -> tempfile::TempDir {
    const IMAGES: u32 = 1_600;
    let folder = tempfile::tempdir().unwrap();
    let mnist = folder.path().join("data/mnist");
    std::fs::create_dir_all(&mnist).unwrap();
    let idx = |dims: &[u32], data: Vec<u8>| {
        let header = [0, 0, 8, dims.len() as u8].into_iter();
        header.chain(dims.iter().flat_map(|dim| dim.to_be_bytes())).chain(data).collect::<Vec<u8>>()
    };
    for part in ["train", "t10k"] {
        let light = |image: u32, pixel: u32| (pixel / 28 + 3 * (image % 10)) % 28 < 9;
        let noise = |image: u32, pixel: u32| (image.wrapping_mul(7919) ^ pixel.wrapping_mul(104_729)) % 61;
        let value = |image, pixel| (if light(image, pixel) { 150 } else { 0 }) + noise(image, pixel) as u8;
        let pixels = (0..IMAGES).flat_map(|image| (0..784).map(move |pixel| value(image, pixel)));
        let files = [
            (format!("{part}-images-idx3-ubyte"), idx(&[IMAGES, 28, 28], pixels.collect())),
            (
                format!("{part}-labels-idx1-ubyte"),
                idx(&[IMAGES], (0..IMAGES).map(|i| (i % 10) as u8).collect()),
            ),
        ];
        files.iter().for_each(|(name, bytes)| std::fs::write(mnist.join(name), bytes).unwrap());
    }
    folder
}

/// The events of one kind, in order.
pub(crate) fn select<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

/// The lines of a run's `metrics.jsonl` without times and memory of the process, which differ between equal runs.
pub(crate) fn metrics(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &mut lines {
        let entries = line.as_object_mut().unwrap();
        entries.retain(|key, _| {
            !key.contains("second")
                && !["peak_resident_bytes", "resident_bytes", "run", "model"].contains(&key.as_str())
        });
    }
    lines
}

/// The files of a run: checkpoint, model, and its log without times.
pub(crate) struct Left {
    checkpoint: Vec<u8>,
    model: Vec<u8>,
    /// As [`metrics`] has them.
    pub(crate) metrics: Vec<Value>,
}

impl Left {
    /// Reads what is in a run folder.
    pub(crate) fn by(run: &Path) -> Left {
        Left {
            checkpoint: std::fs::read(run.join("checkpoint.safetensors")).unwrap(),
            model: std::fs::read(run.join("model.safetensors")).unwrap(),
            metrics: metrics(run),
        }
    }

    /// Whether model and checkpoint are the same, whatever the log says.
    pub(crate) fn has_the_bytes_of(&self, other: &Left) -> bool {
        self.model == other.model && self.checkpoint == other.checkpoint
    }

    /// Fails unless `run` holds the same and no partial files.
    #[track_caller]
    pub(crate) fn assert_same(&self, run: &Path) {
        let found = Left::by(run);
        assert_eq!(found.metrics, self.metrics);
        assert!(found.model == self.model, "the models differ");
        assert!(found.checkpoint == self.checkpoint, "the checkpoints differ");
        let names = files(run);
        assert!(names.iter().all(|name| name.extension().unwrap() != "tmp"), "{names:?}");
    }
}

/// The files of an undisturbed run in `folder`.
pub(crate) fn undisturbed(folder: &Path, arguments: &str) -> Left {
    run(folder, &format!("{arguments} --out undisturbed")).succeeded();
    Left::by(&folder.join("undisturbed"))
}

/// Every file and folder below `folder`, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// A tensor for [`safetensors`].
pub(crate) struct Tensor<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its shape.
    pub(crate) shape: &'a [usize],
    /// Its values.
    pub(crate) values: &'a [f32],
}

/// The bytes of a safetensors file, written without a library.
pub(crate) fn safetensors(description: Option<&Value>, tensors: &[Tensor<'_>]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    if let Some(description) = description {
        header.insert("__metadata__".to_owned(), json!({ "plangrad": description.to_string() }));
    }
    let mut data = Vec::new();
    for tensor in tensors {
        let start = data.len();
        data.extend(tensor.values.iter().flat_map(|value| value.to_le_bytes()));
        let entry = json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": [start, data.len()] });
        header.insert(tensor.name.to_owned(), entry);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// The description of a linear model of 28 × 28 images with ten classes, as plangrad writes it.
pub(crate) fn digits_description() -> Value {
    let classes: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    json!({
        "format": 1,
        "model": { "sample_shape": [1, 28, 28], "hidden": [], "outputs": 10, "activation": "relu", "dropout": 0.0 },
        "loss": "cross-entropy",
        "dataset": "digits",
        "classes": classes,
        "normalize": "none",
        "scale": [1.0 / 255.0],
        "shift": [0.0]
    })
}

/// Names of a JSON object's fields.
pub(crate) type Keys = BTreeSet<String>;

/// The keys under each heading of `docs/json.md`: the first column of its tables.
pub(crate) fn documented() -> BTreeMap<String, Keys> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
    let mut sections: BTreeMap<String, Keys> = BTreeMap::new();
    let mut heading = String::new();
    for line in std::fs::read_to_string(page).unwrap().lines() {
        if let Some(name) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            heading = name.to_owned();
        } else if let Some(key) = line.strip_prefix("| `").and_then(|rest| rest.split('`').next()) {
            sections.entry(heading.clone()).or_default().insert(key.to_owned());
        }
    }
    sections
}

/// The keys of an object.
pub(crate) fn keys(object: &Value) -> Keys {
    object.as_object().unwrap().keys().cloned().collect()
}

/// Fails unless every element is closed by itself or in turn, attributes are quoted, and text has no stray brackets: as
/// much of XML as SVG files here use.
pub(crate) fn check_svg(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a stray bracket in {:?}", &rest[..start]);
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
}

/// Letters, or parts of them, that stand apart in these rows of a picture.
pub(crate) fn letters(picture: &plangrad::Picture, rows: std::ops::Range<usize>) -> usize {
    let (width, planes) = (picture.width(), picture.planes());
    let is_inked = |x: usize| rows.clone().any(|y| planes[y * width + x] < 128);
    (1..width).filter(|&x| is_inked(x) && !is_inked(x - 1)).count()
}
