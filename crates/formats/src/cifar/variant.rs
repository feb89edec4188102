//! How CIFAR-10 and CIFAR-100 differ: labels, class names and files. Their images have the same layout.

use std::fmt;

use super::names;

/// Red, green, blue.
pub const CHANNELS: usize = 3;
/// Rows and columns of an image.
pub const IMAGE_SIDE: usize = 32;
/// Bytes of an image: channel, row, column, the column fastest.
pub const IMAGE_BYTES: usize = CHANNELS * IMAGE_SIDE * IMAGE_SIDE;

/// Which of the two datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// 10 classes, one label byte per record.
    Cifar10,
    /// 100 fine classes in 20 coarse ones, two label bytes per record.
    Cifar100,
}

impl Variant {
    /// The number of classes (of fine classes, for CIFAR-100).
    #[must_use]
    pub const fn classes(self) -> usize {
        match self {
            Self::Cifar10 => 10,
            Self::Cifar100 => 100,
        }
    }

    /// The number of coarse classes; 0 for CIFAR-10.
    #[must_use]
    pub const fn coarse_classes(self) -> usize {
        match self {
            Self::Cifar10 => 0,
            Self::Cifar100 => 20,
        }
    }

    /// Label bytes before each image.
    #[must_use]
    pub const fn label_bytes(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            Self::Cifar100 => 2,
        }
    }

    /// Bytes per record: labels and image.
    #[must_use]
    pub const fn record_bytes(self) -> usize {
        self.label_bytes() + IMAGE_BYTES
    }

    /// The official names of the classes (of the fine classes, for CIFAR-100), by label.
    #[must_use]
    pub const fn class_names(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => &names::CIFAR10,
            Self::Cifar100 => &names::CIFAR100_FINE,
        }
    }

    /// The official names of the coarse classes, by coarse label; empty for CIFAR-10.
    #[must_use]
    pub const fn coarse_class_names(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => &[],
            Self::Cifar100 => &names::CIFAR100_COARSE,
        }
    }

    /// The training files of the official archive, in the order of their records.
    #[must_use]
    pub const fn train_files(self) -> &'static [&'static str] {
        match self {
            Self::Cifar10 => &[
                "data_batch_1.bin",
                "data_batch_2.bin",
                "data_batch_3.bin",
                "data_batch_4.bin",
                "data_batch_5.bin",
            ],
            Self::Cifar100 => &["train.bin"],
        }
    }

    /// The test file of the official archive.
    #[must_use]
    pub const fn test_file(self) -> &'static str {
        match self {
            Self::Cifar10 => "test_batch.bin",
            Self::Cifar100 => "test.bin",
        }
    }

    /// The file of class names in the official archive.
    #[must_use]
    pub const fn class_names_file(self) -> &'static str {
        match self {
            Self::Cifar10 => "batches.meta.txt",
            Self::Cifar100 => "fine_label_names.txt",
        }
    }

    /// The file of coarse class names in the official archive; CIFAR-10 has none.
    #[must_use]
    pub const fn coarse_class_names_file(self) -> Option<&'static str> {
        match self {
            Self::Cifar10 => None,
            Self::Cifar100 => Some("coarse_label_names.txt"),
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 => "CIFAR-100",
        })
    }
}
