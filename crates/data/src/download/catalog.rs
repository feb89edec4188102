//! The files of each dataset, their mirrors, and what they must contain.
//!
//! SHA-256 checksums and sizes of the published files are those recorded by TensorFlow Datasets (`url_checksums/` in
//! <https://github.com/tensorflow/datasets>). MNIST is served with different gzip wrappings of the same contents, so the
//! checksums of its contents are here too, and either one is accepted.

use sha2::{Digest, Sha256};

use crate::DatasetName;
use crate::locate::{archive_name, official_folder};
use crate::text::hexadecimal;
use plangrad_formats::cifar::Variant;

/// A file on a mirror.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remote<'a> {
    /// Its name, on every mirror and on disk.
    pub(super) name: &'a str,
    /// Its published size.
    pub(super) bytes: u64,
    /// SHA-256 of the published file, in lower-case hexadecimal.
    pub(super) sha256: &'a str,
    /// What the file contains once decompressed, if it is published with different gzip wrappings.
    pub(super) contents: Option<Contents<'a>>,
}

/// The decompressed contents of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contents<'a> {
    /// Their size.
    pub(super) bytes: u64,
    /// Their SHA-256, in lower-case hexadecimal.
    pub(super) sha256: &'a str,
}

impl Remote<'_> {
    /// The most bytes that the file may have. Gzip wrappings differ in size, though not by much.
    pub(super) fn most_bytes(&self) -> u64 {
        if self.contents.is_some() { self.bytes.saturating_mul(2) } else { self.bytes }
    }
}

/// What to fetch for a dataset.
#[derive(Debug)]
pub(super) struct CatalogEntry {
    /// The folder for the files, relative to the data folder; empty for the data folder itself.
    pub(super) folder: &'static str,
    /// Folders on servers, in the order in which they are tried.
    pub(super) mirrors: &'static [&'static str],
    pub(super) files: &'static [Remote<'static>],
}

/// The entry of a dataset; `None` if it needs no download.
pub(super) fn entry(name: &DatasetName) -> Option<CatalogEntry> {
    let (mirrors, files): (&[_], &[_]) = match name {
        DatasetName::Mnist => (&MNIST_MIRRORS, &MNIST),
        DatasetName::FashionMnist => (&FASHION_MIRRORS, &FASHION),
        DatasetName::Kmnist => (&KMNIST_MIRRORS, &KMNIST),
        DatasetName::Cifar10 => (&CIFAR_MIRRORS, &CIFAR10),
        DatasetName::Cifar100 | DatasetName::Cifar100Coarse => (&CIFAR_MIRRORS, &CIFAR100),
        _ => return None,
    };
    let is_archive =
        matches!(name, DatasetName::Cifar10 | DatasetName::Cifar100 | DatasetName::Cifar100Coarse);
    Some(CatalogEntry { folder: if is_archive { "" } else { official_folder(name) }, mirrors, files })
}

/// The dataset whose published file of labels this is, by the checksum of the file or of its decompressed contents.
pub(crate) fn published_labels(file: &[u8], contents: &[u8]) -> Option<DatasetName> {
    let [file, contents] = [file, contents].map(|bytes| hexadecimal(&Sha256::digest(bytes)));
    let is_there = |name: &DatasetName| {
        let files = entry(name).map_or(&[][..], |entry| entry.files);
        files.iter().filter(|remote| remote.name.contains("-labels-")).any(|remote| {
            let of_contents = remote.contents.is_some_and(|published| published.sha256 == contents);
            remote.sha256 == file || (of_contents && !contents.is_empty())
        })
    };
    [DatasetName::Mnist, DatasetName::FashionMnist, DatasetName::Kmnist].into_iter().find(is_there)
}

const MNIST_MIRRORS: [&str; 3] = [
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
];

const FASHION_MIRRORS: [&str; 2] = [
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
];

const KMNIST_MIRRORS: [&str; 2] =
    ["https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"];

const CIFAR_MIRRORS: [&str; 2] = ["https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"];

const MNIST: [Remote<'static>; 4] = [
    Remote {
        name: "train-images-idx3-ubyte.gz",
        bytes: 9_912_422,
        sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        contents: Some(Contents {
            bytes: 47_040_016,
            sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        }),
    },
    Remote {
        name: "train-labels-idx1-ubyte.gz",
        bytes: 28_881,
        sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        contents: Some(Contents {
            bytes: 60_008,
            sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        }),
    },
    Remote {
        name: "t10k-images-idx3-ubyte.gz",
        bytes: 1_648_877,
        sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        contents: Some(Contents {
            bytes: 7_840_016,
            sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        }),
    },
    Remote {
        name: "t10k-labels-idx1-ubyte.gz",
        bytes: 4_542,
        sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        contents: Some(Contents {
            bytes: 10_008,
            sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        }),
    },
];

const FASHION: [Remote<'static>; 4] = [
    published(
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    published(
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    published(
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    published(
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
];

const KMNIST: [Remote<'static>; 4] = [
    published(
        "train-images-idx3-ubyte.gz",
        18_165_135,
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    ),
    published(
        "train-labels-idx1-ubyte.gz",
        29_497,
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    ),
    published(
        "t10k-images-idx3-ubyte.gz",
        3_041_136,
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    ),
    published(
        "t10k-labels-idx1-ubyte.gz",
        5_120,
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
];

const CIFAR10: [Remote<'static>; 1] = [published(
    archive_name(Variant::Cifar10),
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)];

const CIFAR100: [Remote<'static>; 1] = [published(
    archive_name(Variant::Cifar100),
    168_513_733,
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
)];

const fn published(name: &'static str, bytes: u64, sha256: &'static str) -> Remote<'static> {
    Remote { name, bytes, sha256, contents: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Split;
    use crate::locate::idx_names;

    #[test]
    fn every_entry_has_two_mirrors_and_valid_checksums() {
        for name in DatasetName::NAMED.iter().filter(|name| **name != DatasetName::Digits) {
            let entry = entry(name).unwrap();
            assert!(entry.mirrors.len() >= 2 && entry.mirrors.iter().all(|mirror| mirror.ends_with('/')));
            for file in entry.files {
                for sum in std::iter::once(file.sha256).chain(file.contents.map(|contents| contents.sha256)) {
                    assert!(sum.len() == 64 && sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
                }
            }
        }
    }

    #[test]
    fn the_downloaded_files_are_those_searched_for() {
        let wanted: Vec<String> = [Split::Train, Split::Test]
            .into_iter()
            .flat_map(idx_names)
            .map(|name| format!("{name}.gz"))
            .collect();
        for name in [DatasetName::Mnist, DatasetName::FashionMnist, DatasetName::Kmnist] {
            let names: Vec<&str> = entry(&name).unwrap().files.iter().map(|file| file.name).collect();
            assert_eq!(names, wanted);
        }
    }
}
