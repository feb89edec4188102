//! A download from start to end: files that exist already are verified, the others fetched.

use std::io;
use std::path::{Path, PathBuf};

use plangrad_formats::cifar::Variant;
use plangrad_formats::{idx, open_regular_file};

use super::catalog::{self, CatalogEntry, Remote};
use super::event::{DownloadEvent, DownloadOutcome, Downloaded};
use super::options::DownloadOptions;
use super::proxy::NamedProxy;
use super::transfer::Client;
use super::{fetch, verify};
use crate::locate::{complete_binaries, searched_folders};
use crate::{DatasetName, Error, Result};

/// Downloads the missing files of the datasets `names`, reporting progress to `on_event`.
///
/// Each file is verified by its SHA-256. Existing files are verified too, and replaced if they are damaged. A download that
/// was interrupted at any point is continued by the next call.
///
/// # Errors
///
/// [`Error::NotDownloadable`] for `digits` and tables and [`Error::UnsupportedProxy`], both before anything is done;
/// [`Error::Download`] with the reason for each mirror; [`Error::DownloadBusy`]; [`Error::Io`] if a file cannot be read or
/// written.
pub fn download(
    names: &[DatasetName],
    options: &DownloadOptions,
    on_event: &mut dyn FnMut(DownloadEvent<'_>),
) -> Result<Vec<Downloaded>> {
    let entries: Vec<(&DatasetName, CatalogEntry)> =
        names.iter().map(|name| Ok((name, entry(name)?))).collect::<Result<_>>()?;
    let proxy = if options.system_proxy { NamedProxy::of_environment()? } else { None };
    let job = DownloadJob { client: Client::new(options.stall_timeout, proxy), options };
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
            on_event(DownloadEvent::Finished(&downloaded));
            downloaded
        }));
    }
    Ok(done)
}

fn entry(name: &DatasetName) -> Result<CatalogEntry> {
    catalog::entry(name).ok_or_else(|| Error::NotDownloadable {
        dataset: name.to_string(),
        reason: match name {
            DatasetName::Csv(_) => "a table is a file of your own",
            DatasetName::Qmnist | DatasetName::Emnist(_) => {
                "plangrad has no mirror of it; unpack its files into the data folder"
            }
            DatasetName::Idx(_) | DatasetName::Npz(_) | DatasetName::Folder(_) => {
                "it is made of files of your own"
            }
            _ => "the program generates it",
        },
    })
}

/// What all files of a download have in common.
struct DownloadJob<'a> {
    client: Client,
    options: &'a DownloadOptions,
}

type Found = (PathBuf, DownloadOutcome);

impl DownloadJob<'_> {
    /// All files of a dataset in a folder other than the one for downloads, such as torchvision's; none if any is missing
    /// or damaged there.
    fn found_elsewhere(
        &self,
        name: &DatasetName,
        entry: &CatalogEntry,
        on_event: &mut dyn FnMut(DownloadEvent<'_>),
    ) -> Result<Vec<Found>> {
        let data_dir = &self.options.data_dir;
        if let Some(folder) = unpacked_archive(name, data_dir) {
            return Ok(vec![(folder, DownloadOutcome::AlreadyUnpacked)]);
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

    /// One file: verified if it exists, otherwise fetched.
    fn obtain(
        &self,
        entry: &CatalogEntry,
        remote: &Remote<'_>,
        on_event: &mut dyn FnMut(DownloadEvent<'_>),
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
        Ok((path, mirror.map_or(DownloadOutcome::Completed, DownloadOutcome::Fetched)))
    }
}

/// The file in `folder`, compressed or not, if it exists and is right.
fn present(
    folder: &Path,
    remote: &Remote<'_>,
    on_event: &mut dyn FnMut(DownloadEvent<'_>),
) -> Result<Option<Found>> {
    for path in candidates(folder, remote) {
        let checked = check(&path, remote);
        match checked.map_err(|reason| Error::Io { path: path.clone(), action: "read", reason })? {
            Some(outcome) => return Ok(Some((path, outcome))),
            None => on_event(DownloadEvent::Damaged { path: &path }),
        }
    }
    Ok(None)
}

/// The files in `folder` that may be `remote`: as published, or decompressed (an archive unpacks to other names).
fn candidates(folder: &Path, remote: &Remote<'_>) -> Vec<PathBuf> {
    let unpacked = remote.name.strip_suffix(".gz").filter(|name| !name.ends_with(".tar"));
    let names = [Some(remote.name), unpacked].into_iter().flatten();
    names.map(|name| folder.join(name)).filter(|path| path.is_file()).collect()
}

/// How a file was found to be right; `None` if it is not.
fn check(path: &Path, remote: &Remote<'_>) -> io::Result<Option<DownloadOutcome>> {
    let file = open_regular_file(path)?;
    if path.ends_with(remote.name) {
        return Ok(verify::matches(&file, remote)?.then_some(DownloadOutcome::AlreadyVerified));
    }
    Ok(match verify::unpacked_matches(&file, remote)? {
        Some(same) => same.then_some(DownloadOutcome::AlreadyVerified),
        None => idx::open(path).is_ok().then_some(DownloadOutcome::AlreadyUnpacked),
    })
}

/// The folder with all `.bin` files of a CIFAR dataset, each of full size.
fn unpacked_archive(name: &DatasetName, data_dir: &Path) -> Option<PathBuf> {
    let variant = match name {
        DatasetName::Cifar10 => Variant::Cifar10,
        DatasetName::Cifar100 | DatasetName::Cifar100Coarse => Variant::Cifar100,
        _ => return None,
    };
    searched_folders(name, data_dir).into_iter().find(|folder| complete_binaries(variant, folder))
}
