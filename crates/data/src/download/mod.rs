//! Downloads: every file from the first mirror that has it, resumed, verified, renamed into place.
//!
//! Files stay compressed on the disk, as the loaders read them. There are no parallel connections: the servers are
//! public and one connection fills most lines.

mod catalog;
mod fetch;
mod transfer;
mod verify;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog::{Entry, Remote};
use plangrad_formats::cifar::Variant;
use plangrad_formats::idx;
use transfer::Client;

use crate::locate::{complete_binaries, searched_folders};
use crate::{DatasetName, Error, Result};

/// Where to put downloads and how to get them.
#[derive(Clone, Debug)]
pub struct DownloadOptions {
    /// Folder with the datasets; created if it is not there. Default `data`.
    pub data_dir: PathBuf,
    /// Addresses to try instead of the built-in mirrors, each the folder in which the files lie. Default: none.
    pub mirrors: Vec<String>,
    /// How long a connection may bring nothing before it is given up. Default 30 seconds.
    pub stall_timeout: Duration,
    /// Whether to go through the proxy that the environment names (`HTTPS_PROXY` and its kin). Default yes.
    pub system_proxy: bool,
}

impl Default for DownloadOptions {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            mirrors: Vec::new(),
            stall_timeout: Duration::from_secs(30),
            system_proxy: true,
        }
    }
}

/// What happens during a download, for whoever shows it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A mirror is asked for a file, of which `resumed_at` bytes are there.
    Started {
        /// Where the file will be.
        path: &'a Path,
        /// The address asked.
        mirror: &'a str,
        /// Bytes there already.
        resumed_at: u64,
        /// Bytes of the published file.
        total: u64,
    },
    /// Some of a file has come. Sent often.
    Received {
        /// Where the file will be.
        path: &'a Path,
        /// Bytes there now.
        bytes: u64,
        /// Bytes of the published file.
        total: u64,
    },
    /// A mirror was given up; the next one will be tried.
    MirrorFailed {
        /// Where the file would have been.
        path: &'a Path,
        /// The address asked.
        mirror: &'a str,
        /// Why, as a clause.
        reason: &'a str,
    },
    /// A file is there but does not hold what it should; it is downloaded again.
    Damaged {
        /// The file.
        path: &'a Path,
    },
    /// A file is done.
    Finished(&'a Downloaded),
}

/// A file that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Its dataset.
    pub dataset: DatasetName,
    /// The file, or the folder of an unpacked archive.
    pub path: PathBuf,
    /// How it came there.
    pub outcome: Outcome,
}

/// How a file came to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Downloaded from this address, and verified.
    Fetched(String),
    /// All of it lay in the partial file of an earlier download; verified.
    Completed,
    /// Already downloaded, and verified.
    AlreadyVerified,
    /// Already there, unpacked; there is no checksum of unpacked files of this dataset.
    AlreadyUnpacked,
}

/// Downloads the files of the datasets `names` that are not there yet, and tells `on_event` how it goes.
///
/// Each file is verified by the SHA-256 of its contents. A file that is there is verified too, and replaced if it is
/// damaged. Interrupted at any point, the next call continues.
///
/// # Errors
///
/// [`Error::NotDownloadable`] before anything is done, for `digits` and tables; [`Error::Download`] with what went wrong
/// on each mirror; [`Error::DownloadBusy`]; [`Error::Io`] when the disk cannot be written.
pub fn download(
    names: &[DatasetName],
    options: &DownloadOptions,
    on_event: &mut dyn FnMut(Event<'_>),
) -> Result<Vec<Downloaded>> {
    let entries: Vec<(&DatasetName, Entry)> =
        names.iter().map(|name| Ok((name, entry(name)?))).collect::<Result<_>>()?;
    let job = Job { client: Client::new(options.stall_timeout, options.system_proxy), options };
    let mut done = Vec::new();
    for (name, entry) in entries {
        let mut files = job.found_elsewhere(name, &entry, on_event)?;
        if files.is_empty() {
            files = entry
                .files
                .iter()
                .map(|remote| job.obtain(&entry, remote, on_event))
                .collect::<Result<_>>()?;
        }
        done.extend(files.into_iter().map(|(path, outcome)| {
            let downloaded = Downloaded { dataset: name.clone(), path, outcome };
            on_event(Event::Finished(&downloaded));
            downloaded
        }));
    }
    Ok(done)
}

fn entry(name: &DatasetName) -> Result<Entry> {
    catalog::entry(name).ok_or_else(|| Error::NotDownloadable {
        dataset: name.to_string(),
        reason: match name {
            DatasetName::Csv(_) => "a table is a file of your own",
            _ => "the program draws it",
        },
    })
}

/// What stays the same from file to file.
struct Job<'a> {
    client: Client,
    options: &'a DownloadOptions,
}

type Found = (PathBuf, Outcome);

impl Job<'_> {
    /// All files of a dataset in a folder that is not the one downloads go to, such as torchvision's; none if any is
    /// missing or damaged there.
    fn found_elsewhere(
        &self,
        name: &DatasetName,
        entry: &Entry,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<Found>> {
        let data_dir = &self.options.data_dir;
        if let Some(folder) = unpacked_archive(name, data_dir) {
            return Ok(vec![(folder, Outcome::AlreadyUnpacked)]);
        }
        let own = data_dir.join(entry.folder);
        for folder in searched_folders(name, data_dir).iter().filter(|folder| **folder != own) {
            if !entry.files.iter().all(|remote| !candidates(folder, remote).is_empty()) {
                continue;
            }
            let files: Option<Vec<Found>> =
                entry.files.iter().map(|remote| present(folder, remote, on_event)).collect::<Result<_>>()?;
            if let Some(files) = files {
                return Ok(files);
            }
        }
        Ok(Vec::new())
    }

    /// One file: found and verified, or fetched.
    fn obtain(
        &self,
        entry: &Entry,
        remote: &Remote<'_>,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Found> {
        let folder = self.options.data_dir.join(entry.folder);
        if let Some(found) = present(&folder, remote, on_event)? {
            return Ok(found);
        }
        let built_in = || entry.mirrors.iter().map(|&mirror| mirror.to_owned()).collect();
        let own = &self.options.mirrors;
        let mirrors = if own.is_empty() { built_in() } else { own.clone() };
        let path = folder.join(remote.name);
        let mirror = fetch::fetch(&self.client, remote, &mirrors, &path, on_event)?;
        Ok((path, mirror.map_or(Outcome::Completed, Outcome::Fetched)))
    }
}

/// The file in `folder`, packed or not, if it is there and as it should be.
fn present(folder: &Path, remote: &Remote<'_>, on_event: &mut dyn FnMut(Event<'_>)) -> Result<Option<Found>> {
    for path in candidates(folder, remote) {
        let checked = check(&path, remote);
        match checked.map_err(|reason| Error::Io { path: path.clone(), action: "read", reason })? {
            Some(outcome) => return Ok(Some((path, outcome))),
            None => on_event(Event::Damaged { path: &path }),
        }
    }
    Ok(None)
}

/// The files in `folder` that may be `remote`: as published, or unpacked (an archive unpacks to other names).
fn candidates(folder: &Path, remote: &Remote<'_>) -> Vec<PathBuf> {
    let unpacked = remote.name.strip_suffix(".gz").filter(|name| !name.ends_with(".tar"));
    let names = [Some(remote.name), unpacked].into_iter().flatten();
    names.map(|name| folder.join(name)).filter(|path| path.is_file()).collect()
}

/// How a file is known to be right, if it is.
fn check(path: &Path, remote: &Remote<'_>) -> io::Result<Option<Outcome>> {
    if path.ends_with(remote.name) {
        return Ok(verify::verify(path, remote)?.is_ok().then_some(Outcome::AlreadyVerified));
    }
    Ok(match verify::verify_unpacked(path, remote)? {
        Some(same) => same.then_some(Outcome::AlreadyVerified),
        None => idx::open(path).is_ok().then_some(Outcome::AlreadyUnpacked),
    })
}

/// The folder with all `.bin` files of a CIFAR dataset, each of its full size.
fn unpacked_archive(name: &DatasetName, data_dir: &Path) -> Option<PathBuf> {
    let variant = match name {
        DatasetName::Cifar10 => Variant::Cifar10,
        DatasetName::Cifar100 => Variant::Cifar100,
        _ => return None,
    };
    searched_folders(name, data_dir).into_iter().find(|folder| complete_binaries(variant, folder))
}

#[cfg(test)]
mod tests;
