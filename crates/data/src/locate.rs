//! Finds the files of a dataset: in the official layout, in torchvision's, or in the folder given, whatever its name.
//!
//! Only names are compared here, not contents (see `recognise`). Nothing is searched recursively: a folder with the right name in the wrong
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
    /// The pickles of the Python version, in the order of their records.
    Pickles(Vec<PathBuf>),
    /// An official archive, which holds both parts.
    Archive(PathBuf),
}

/// The folder that `plangrad download` fills, and that is searched first.
pub(crate) fn official_folder(name: &DatasetName) -> &'static str {
    match name {
        DatasetName::Mnist => "mnist",
        DatasetName::FashionMnist => "fashion-mnist",
        DatasetName::Kmnist => "kmnist",
        DatasetName::Cifar10 => "cifar-10-batches-bin",
        DatasetName::Cifar100 | DatasetName::Cifar100Coarse => "cifar-100-binary",
        DatasetName::Qmnist => "qmnist",
        DatasetName::Emnist(_) => "emnist",
        _ => "",
    }
}

/// The archive of a CIFAR dataset.
pub(crate) const fn archive_name(variant: Variant) -> &'static str {
    match variant {
        Variant::Cifar10 => "cifar-10-binary.tar.gz",
        Variant::Cifar100 => "cifar-100-binary.tar.gz",
    }
}

/// The archive of the Python version.
const fn python_archive(variant: Variant) -> &'static str {
    match variant {
        Variant::Cifar10 => "cifar-10-python.tar.gz",
        Variant::Cifar100 => "cifar-100-python.tar.gz",
    }
}

/// The folder that the Python version unpacks to.
const fn python_folder(variant: Variant) -> &'static str {
    match variant {
        Variant::Cifar10 => "cifar-10-batches-py",
        Variant::Cifar100 => "cifar-100-python",
    }
}

/// The folders searched for the files of a dataset, in order: `data_dir` itself if it has the name of one of the
/// dataset's folders, then those folders in `data_dir`, then `data_dir` whatever its name. Empty for `digits` and tables,
/// which have none.
///
/// CIFAR's archives are searched in `data_dir` and in its parent.
pub(crate) fn searched_folders(name: &DatasetName, data_dir: &Path) -> Vec<PathBuf> {
    let torchvision = match name {
        DatasetName::Mnist => "MNIST/raw",
        DatasetName::FashionMnist => "FashionMNIST/raw",
        DatasetName::Kmnist => "KMNIST/raw",
        DatasetName::Qmnist => "QMNIST/raw",
        DatasetName::Emnist(_) => "EMNIST/raw",
        _ => "",
    };
    let relative: Vec<&str> =
        [official_folder(name), torchvision].into_iter().filter(|folder| !folder.is_empty()).collect();
    let is_named = relative.iter().any(|folder| data_dir.ends_with(folder));
    let mut folders: Vec<PathBuf> = relative.iter().map(|folder| data_dir.join(folder)).collect();
    match is_named {
        true => folders.insert(0, data_dir.to_path_buf()),
        false if folders.is_empty() => {}
        false => folders.push(data_dir.to_path_buf()),
    }
    folders
}

/// Whether `folder` has all `.bin` files of a CIFAR dataset, each with all its records.
#[cfg(feature = "download")]
pub(crate) fn complete_binaries(variant: Variant, folder: &Path) -> bool {
    let wanted = [variant.train_files(), &[variant.test_file()]].concat();
    complete(variant, &wanted, &binaries(folder, &wanted))
}

fn binaries(folder: &Path, wanted: &[&str]) -> Vec<PathBuf> {
    wanted.iter().filter_map(|file| gz_or_plain(folder, file)).collect()
}

/// Whether `found` are all of `wanted`, by their sizes. (Those of compressed files are not checked.)
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
    Err(not_found(name, folders, files, None))
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
        _ => variant.train_files(),
    };
    let folders = searched_folders(name, data_dir);
    let found = folders.iter().map(|folder| binaries(folder, wanted)).find(|found| !found.is_empty());
    let archive = archive_name(variant);
    let places = [Some(data_dir), data_dir.parent()].into_iter().flatten();
    let packed = places.clone().map(|folder| folder.join(archive)).find(|path| path.is_file());
    let python = python_archive(variant);
    let python_packed = places.map(|folder| folder.join(python)).find(|path| path.is_file());
    let pickles = pickles(variant, data_dir, split);
    match (found, packed, pickles, python_packed) {
        (Some(found), ..) if complete(variant, wanted, &found) => return Ok(CifarFiles::Binaries(found)),
        (_, Some(packed), ..) => return Ok(CifarFiles::Archive(packed)),
        (_, _, Some(pickles), _) => return Ok(CifarFiles::Pickles(pickles)),
        (_, _, _, Some(packed)) => return Ok(CifarFiles::Archive(packed)),
        (Some(found), ..) => return Ok(CifarFiles::Binaries(found)),
        (None, None, None, None) => {}
    }
    let files = wanted.iter().map(|&file| file.to_owned()).collect();
    Err(not_found(name, folders, files, Some(&format!("{archive} or {python}"))))
}

/// The official file names of images and labels, without `.gz`.
pub(crate) fn idx_names(split: Split) -> [&'static str; 2] {
    match split {
        Split::Test => ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
        _ => ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
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

fn not_found(name: &DatasetName, folders: Vec<PathBuf>, files: Vec<String>, archive: Option<&str>) -> Error {
    let dataset = if *name == DatasetName::Cifar100Coarse { "cifar100" } else { name.kind() };
    Error::DatasetNotFound { dataset, files, archive: archive.map(str::to_owned), folders }
}

/// The files of one split of the Python version, if all are in a folder: the one it unpacks to, or that given.
fn pickles(variant: Variant, data_dir: &Path, split: Split) -> Option<Vec<PathBuf>> {
    let wanted = match split {
        Split::Test => &[variant.python_test_file()][..],
        _ => variant.python_train_files(),
    };
    let folders = [data_dir.join(python_folder(variant)), data_dir.to_path_buf()];
    folders.into_iter().find_map(|folder| {
        let files: Vec<PathBuf> =
            wanted.iter().map(|file| folder.join(file)).filter(|path| path.is_file()).collect();
        // `train` and `test` are also what folders of images are called.
        (files.len() == wanted.len()).then_some(files)
    })
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
        assert!(idx_pair(&DatasetName::Kmnist, &data.path().join("elsewhere"), Split::Train).is_err());
        assert!(idx_pair(&DatasetName::Mnist, data.path(), Split::Test).is_err(), "the test part is missing");
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
        assert!(cifar_files(&DatasetName::Cifar10, Variant::Cifar10, data.path(), Split::Test).is_ok());
        assert!(cifar_files(&DatasetName::Cifar100, Variant::Cifar100, data.path(), Split::Test).is_ok());
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
             nowhere/mnist, nowhere/MNIST/raw and nowhere; get it with `plangrad download mnist`, or give its folder with \
             --data-dir"
        );
        assert!(message(DatasetName::Cifar10, Path::new("nowhere")).starts_with(
            "cifar10 was not found: looked for test_batch.bin or cifar-10-binary.tar.gz or cifar-10-python.tar.gz in"
        ));
    }

    #[test]
    fn the_folder_that_holds_the_files_may_have_any_name() {
        let data = tempfile::tempdir().unwrap();
        touch(data.path(), &["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]);
        let pair = idx_pair(&DatasetName::Mnist, data.path(), Split::Train).unwrap();
        assert_eq!(pair.images, data.path().join("train-images-idx3-ubyte"));
    }

    #[test]
    fn the_python_version_of_cifar_is_found_unpacked_and_packed() {
        let data = tempfile::tempdir().unwrap();
        let find = |split| cifar_files(&DatasetName::Cifar100, Variant::Cifar100, data.path(), split);
        touch(data.path(), &["cifar-100-python.tar.gz"]);
        assert!(matches!(find(Split::Train), Ok(CifarFiles::Archive(_))));
        touch(&data.path().join("cifar-100-python"), &["train", "test", "meta"]);
        assert!(matches!(find(Split::Test), Ok(CifarFiles::Pickles(files)) if files[0].ends_with("test")));
    }
}
