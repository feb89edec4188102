//! Finds the files of a dataset: in the official layout, in torchvision's, or in the dataset's own folder given directly.
//!
//! Only names are compared here, not contents. Nothing is searched recursively: a folder with the right name in the wrong
//! place is more often a backup than the intended data.

use std::path::{Path, PathBuf};

use plangrad_formats::cifar::Variant;

use crate::{DatasetName, Error, Result, Split};

/// Images and labels of one split of a dataset in IDX files.
#[derive(Debug)]
pub(crate) struct IdxPair {
    pub(crate) images: PathBuf,
    pub(crate) labels: PathBuf,
}

/// The files of one split of CIFAR.
#[derive(Debug)]
pub(crate) enum CifarFiles {
    /// `.bin` files, in the order of their records; some may be missing.
    Binaries(Vec<PathBuf>),
    /// The official archive, which holds both parts.
    Archive(PathBuf),
}

/// The folder that `plangrad download` fills, and that is searched first.
pub(crate) fn official_folder(name: &DatasetName) -> &'static str {
    match name {
        DatasetName::Mnist => "mnist",
        DatasetName::FashionMnist => "fashion-mnist",
        DatasetName::Kmnist => "kmnist",
        DatasetName::Cifar10 => "cifar-10-batches-bin",
        DatasetName::Cifar100 => "cifar-100-binary",
        DatasetName::Digits | DatasetName::Csv(_) => "",
    }
}

/// The archive of a CIFAR dataset.
pub(crate) const fn archive_name(variant: Variant) -> &'static str {
    match variant {
        Variant::Cifar10 => "cifar-10-binary.tar.gz",
        Variant::Cifar100 => "cifar-100-binary.tar.gz",
    }
}

/// The folders searched for the files of a dataset, in order: `data_dir` itself if it has the name of one of the
/// dataset's folders, then those folders in `data_dir`. Empty for `digits` and tables, which have none.
///
/// CIFAR's archives are searched in `data_dir` and in its parent.
pub(crate) fn searched_folders(name: &DatasetName, data_dir: &Path) -> Vec<PathBuf> {
    let torchvision = match name {
        DatasetName::Mnist => "MNIST/raw",
        DatasetName::FashionMnist => "FashionMNIST/raw",
        DatasetName::Kmnist => "KMNIST/raw",
        _ => "",
    };
    let relative: Vec<&str> =
        [official_folder(name), torchvision].into_iter().filter(|folder| !folder.is_empty()).collect();
    let itself = relative.iter().any(|folder| data_dir.ends_with(folder)).then(|| data_dir.to_path_buf());
    itself.into_iter().chain(relative.iter().map(|folder| data_dir.join(folder))).collect()
}

/// Whether all files of a dataset exist, so that loading it will not fail with [`Error::DatasetNotFound`]. Their contents
/// are not checked. Always true for `digits`.
#[must_use]
pub fn available(name: &DatasetName, data_dir: &Path) -> bool {
    let has = |split| match name {
        DatasetName::Digits => true,
        DatasetName::Csv(path) => path.is_file(),
        DatasetName::Cifar10 => cifar_files(name, Variant::Cifar10, data_dir, split).is_ok(),
        DatasetName::Cifar100 => cifar_files(name, Variant::Cifar100, data_dir, split).is_ok(),
        _ => idx_pair(name, data_dir, split).is_ok(),
    };
    Split::ALL.into_iter().all(has)
}

/// Whether `folder` has all `.bin` files of a CIFAR dataset, each with all its records.
pub(crate) fn complete_binaries(variant: Variant, folder: &Path) -> bool {
    let wanted = [variant.train_files(), &[variant.test_file()]].concat();
    complete(variant, &wanted, &binaries(folder, &wanted))
}

fn binaries(folder: &Path, wanted: &[&str]) -> Vec<PathBuf> {
    wanted.iter().filter_map(|file| gz_or_plain(folder, file)).collect()
}

/// Whether `found` are all of `wanted`, judged by their sizes. (Those of compressed files are not checked.)
fn complete(variant: Variant, wanted: &[&str], found: &[PathBuf]) -> bool {
    let length = |file: &str| {
        let records = if file == "train.bin" { 50_000 } else { 10_000 };
        (records * variant.record_bytes()) as u64
    };
    let whole = |(path, file): (&PathBuf, &&str)| {
        path.extension().is_some_and(|extension| extension == "gz")
            || path.metadata().is_ok_and(|data| data.len() == length(file))
    };
    found.len() == wanted.len() && found.iter().zip(wanted).all(whole)
}

/// The two IDX files of one split, in the same folder.
pub(crate) fn idx_pair(name: &DatasetName, data_dir: &Path, split: Split) -> Result<IdxPair> {
    let [images, labels] = idx_names(split);
    let folders = searched_folders(name, data_dir);
    for folder in &folders {
        if let (Some(images), Some(labels)) = (idx_file(folder, images), idx_file(folder, labels)) {
            return Ok(IdxPair { images, labels });
        }
    }
    let files = [images, labels].map(|file| format!("{file}[.gz]")).to_vec();
    Err(not_found(name, data_dir, folders, files, None))
}

/// The files of one split of CIFAR: from a folder with all of them, else the archive, else a folder with some of them.
pub(crate) fn cifar_files(
    name: &DatasetName,
    variant: Variant,
    data_dir: &Path,
    split: Split,
) -> Result<CifarFiles> {
    let wanted = match split {
        Split::Test => &[variant.test_file()][..],
        Split::Train => variant.train_files(),
    };
    let folders = searched_folders(name, data_dir);
    let found = folders.iter().map(|folder| binaries(folder, wanted)).find(|found| !found.is_empty());
    let archive = archive_name(variant);
    let places = [Some(data_dir), data_dir.parent()].into_iter().flatten();
    let packed = places.map(|folder| folder.join(archive)).find(|path| path.is_file());
    match (found, packed) {
        (Some(found), None) => return Ok(CifarFiles::Binaries(found)),
        (Some(found), Some(_)) if complete(variant, wanted, &found) => {
            return Ok(CifarFiles::Binaries(found));
        }
        (_, Some(packed)) => return Ok(CifarFiles::Archive(packed)),
        (None, None) => {}
    }
    let files = wanted.iter().map(|&file| file.to_owned()).collect();
    Err(not_found(name, data_dir, folders, files, Some(archive)))
}

/// The official file names of images and labels, without `.gz`.
pub(crate) fn idx_names(split: Split) -> [&'static str; 2] {
    match split {
        Split::Test => ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
        Split::Train => ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    }
}

/// The file with this name, or with the variant that some archivers unpack (`train-images.idx3-ubyte`).
fn idx_file(folder: &Path, name: &str) -> Option<PathBuf> {
    gz_or_plain(folder, name).or_else(|| gz_or_plain(folder, &name.replacen("-idx", ".idx", 1)))
}

/// The compressed file is preferred: it is the one that a download verifies and replaces.
fn gz_or_plain(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(format!("{name}.gz")), folder.join(name)].into_iter().find(|path| path.is_file())
}

fn not_found(
    name: &DatasetName,
    data_dir: &Path,
    folders: Vec<PathBuf>,
    files: Vec<String>,
    archive: Option<&str>,
) -> Error {
    let (archive, pickles) = (archive.map(str::to_owned), pickles(name, data_dir));
    Error::DatasetNotFound { dataset: name.kind(), files, archive, folders, pickles }
}

/// torchvision's CIFAR: Python pickles, which are programs and are not executed here.
fn pickles(name: &DatasetName, data_dir: &Path) -> Option<PathBuf> {
    let names = match name {
        DatasetName::Cifar10 => ["cifar-10-batches-py", "cifar-10-python.tar.gz"],
        DatasetName::Cifar100 => ["cifar-100-python", "cifar-100-python.tar.gz"],
        _ => return None,
    };
    names.map(|name| data_dir.join(name)).into_iter().find(|path| path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn touch(folder: &Path, files: &[&str]) {
        fs::create_dir_all(folder).unwrap();
        files.iter().for_each(|file| fs::write(folder.join(file), "").unwrap());
    }

    #[test]
    fn official_and_torchvision_layouts_and_the_dataset_folder_itself_are_found() {
        let data = tempfile::tempdir().unwrap();
        let names = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"];
        touch(&data.path().join("MNIST/raw"), &names);
        touch(&data.path().join("fashion-mnist"), &["t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"]);
        let train = idx_pair(&DatasetName::Mnist, data.path(), Split::Train).unwrap();
        assert!(train.labels.ends_with("MNIST/raw/train-labels-idx1-ubyte.gz"));
        assert!(idx_pair(&DatasetName::Mnist, &data.path().join("MNIST/raw"), Split::Train).is_ok());
        assert!(idx_pair(&DatasetName::FashionMnist, data.path(), Split::Test).is_ok());
        assert!(idx_pair(&DatasetName::Kmnist, &data.path().join("MNIST/raw"), Split::Train).is_err());
        assert!(!available(&DatasetName::Mnist, data.path()), "the test part is missing");
    }

    #[test]
    fn partial_cifar_folders_and_archives_are_found() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("cifar-10-batches-bin");
        touch(&folder, &["data_batch_3.bin", "data_batch_1.bin", "test_batch.bin"]);
        touch(data.path(), &["cifar-100-binary.tar.gz"]);
        let CifarFiles::Binaries(files) =
            cifar_files(&DatasetName::Cifar10, Variant::Cifar10, &folder, Split::Train).unwrap()
        else {
            panic!("expected .bin files");
        };
        assert_eq!(files, [folder.join("data_batch_1.bin"), folder.join("data_batch_3.bin")]);
        assert!(available(&DatasetName::Cifar10, data.path()));
        assert!(available(&DatasetName::Cifar100, data.path()));
    }

    #[test]
    fn a_missing_dataset_lists_the_searched_folders_and_the_remedy() {
        let message = |name: DatasetName, data: &Path| match name {
            DatasetName::Cifar10 => {
                cifar_files(&name, Variant::Cifar10, data, Split::Test).unwrap_err().to_string()
            }
            _ => idx_pair(&name, data, Split::Train).unwrap_err().to_string(),
        };
        assert_eq!(
            message(DatasetName::Mnist, Path::new("nowhere")),
            "mnist was not found: looked for train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz] in \
             nowhere/mnist and nowhere/MNIST/raw; get it with `plangrad download mnist`, or give its folder with \
             --data-dir"
        );
        let data = tempfile::tempdir().unwrap();
        touch(data.path(), &["cifar-10-python.tar.gz"]);
        assert!(
            message(DatasetName::Cifar10, data.path())
                .contains("is the Python version, which is not supported")
        );
    }
}
