//! `plangrad download`: datasets fetched and verified, with a progress bar on a terminal and lines elsewhere.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use plangrad_data::{DatasetName, DownloadEvent, DownloadOptions, DownloadOutcome, Downloaded};
use serde::Serialize;

use crate::cli::{DownloadArgs, DownloadName};
use crate::error::Result;
use crate::output::Console;

pub(super) fn download(arguments: &DownloadArgs, console: &mut Console) -> Result<()> {
    let options = DownloadOptions {
        data_dir: arguments.folder().to_path_buf(),
        mirrors: arguments.mirror.clone(),
        ..DownloadOptions::default()
    };
    let mut display = Display::new(*console);
    let done =
        plangrad_data::download(&names(&arguments.datasets), &options, &mut |event| display.show(event));
    display.bar.finish_and_clear();
    display.output?;
    done?;
    Ok(())
}

/// Every name once, in the order given.
fn names(asked: &[DownloadName]) -> Vec<DatasetName> {
    let mut names = Vec::new();
    for asked in asked {
        let meant = match asked {
            DownloadName::One(name) => vec![name.clone()],
            DownloadName::All => DownloadName::each().collect(),
        };
        names.extend(meant);
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// Shows what happens.
struct Display {
    console: Console,
    bar: ProgressBar,
    /// The result of writing the output: a download continues if nobody reads it.
    output: Result<()>,
}

impl Display {
    fn new(console: Console) -> Self {
        let bar = if Console::is_watched() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template(
            "{msg}  {bar:24}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
        ) {
            bar.set_style(style);
        }
        Self { console, bar, output: Ok(()) }
    }

    fn show(&mut self, event: DownloadEvent<'_>) {
        match event {
            DownloadEvent::Started { path, mirror, resumed_at, total } => {
                let how = if resumed_at > 0 {
                    format!("resumes at byte {resumed_at} of {total}")
                } else {
                    format!("{total} bytes")
                };
                self.remark(&format!("{}: {how} from {mirror}", path.display()));
                self.bar.reset();
                self.bar.set_length(total);
                self.bar.set_position(resumed_at);
                self.bar.set_message(file_name(path));
            }
            DownloadEvent::Received { bytes, .. } => self.bar.set_position(bytes),
            DownloadEvent::MirrorFailed { mirror, reason, .. } => {
                self.remark(&format!("warning: {mirror}: {reason}"))
            }
            DownloadEvent::Damaged { path } => {
                self.remark(&format!(
                    "warning: {}: does not hold what it should; fetching it again",
                    path.display()
                ));
            }
            DownloadEvent::Finished(file) => {
                self.bar.finish_and_clear();
                if self.output.is_ok() {
                    self.output = report(file, &self.console);
                }
            }
            _ => {}
        }
    }

    fn remark(&self, text: &str) {
        self.bar.suspend(|| Console::remark(&text));
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn report(file: &Downloaded, console: &Console) -> Result<()> {
    let (outcome, words, mirror) = match &file.outcome {
        DownloadOutcome::Fetched(mirror) => ("fetched", "downloaded and verified", Some(mirror.as_str())),
        DownloadOutcome::Completed => ("completed", "completed from an earlier download and verified", None),
        DownloadOutcome::AlreadyVerified => ("already-verified", "already downloaded and verified", None),
        DownloadOutcome::AlreadyUnpacked => ("already-unpacked", "already there, unpacked", None),
        _ => ("done", "done", None),
    };
    console.text(&format_args!("{}: {words}", file.path.display()))?;
    let (dataset, path) = (file.dataset.to_string(), file.path.display().to_string());
    console.json(&FileEvent { event: "file", dataset, path, outcome, mirror })
}

#[derive(Serialize)]
struct FileEvent<'a> {
    event: &'static str,
    dataset: String,
    path: String,
    outcome: &'static str,
    mirror: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_means_every_dataset_once_and_not_the_built_in_one() {
        let all = names(&[DownloadName::One(DatasetName::Kmnist), DownloadName::All]);
        assert_eq!(all.len(), 5);
        assert_eq!(all[0], DatasetName::Kmnist);
        assert!(!all.contains(&DatasetName::Digits));
    }
}
