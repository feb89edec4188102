//! Whether the files of a dataset are there, without reading them.

use std::path::Path;

use plangrad_formats::cifar::Variant;

use crate::locate::{cifar_files, idx_pair};
use crate::name::idx_paths;
use crate::{DatasetName, Split, own_idx};

/// Whether all files of a dataset exist, so that loading it will not fail with [`Error::DatasetNotFound`](crate::Error::DatasetNotFound). Their contents
/// are not checked. Always true for `digits`.
#[must_use]
pub fn available(name: &DatasetName, data_dir: &Path) -> bool {
    let has = |split| match name {
        DatasetName::Digits => true,
        DatasetName::Csv(path) => path.is_file(),
        DatasetName::Idx(path) => idx_paths(path).iter().all(|path| path.exists()),
        DatasetName::Npz(path) | DatasetName::Folder(path) => path.exists(),
        DatasetName::Qmnist | DatasetName::Emnist(_) => own_idx::available(name, data_dir),
        DatasetName::Cifar10 => cifar_files(name, Variant::Cifar10, data_dir, split).is_ok(),
        DatasetName::Cifar100 | DatasetName::Cifar100Coarse => {
            cifar_files(name, Variant::Cifar100, data_dir, split).is_ok()
        }
        _ => idx_pair(name, data_dir, split).is_ok(),
    };
    Split::IN_FILES.into_iter().all(has)
}
