//! The facts about a dataset that need no file: enough to plan a training run and to summarise a model.

use crate::{DatasetName, classes, digits};

/// The fixed facts of a named dataset.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Spec {
    /// Which dataset.
    pub name: DatasetName,
    /// Shape of one sample: `[channels, height, width]`.
    pub sample_shape: Vec<usize>,
    /// Official class names in label order.
    pub classes: Vec<String>,
    /// Number of samples in the complete training part.
    pub train_samples: usize,
    /// Number of samples in the complete test part.
    pub test_samples: usize,
    /// Mean of each channel over the training part, of `pixel / 255`.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel over the training part, of `pixel / 255`.
    pub std: Vec<f32>,
}

impl Spec {
    /// Values per sample: the product of its shape.
    #[must_use]
    pub fn sample_len(&self) -> usize {
        self.sample_shape.iter().product()
    }
}

impl DatasetName {
    /// The fixed facts of the dataset; `None` for a table or a user's own files, about which nothing is
    /// known before they are read.
    ///
    /// Means and standard deviations are the well-known ones: MNIST's as in PyTorch's example; those of Fashion-MNIST,
    /// KMNIST and CIFAR are taken over every pixel of the training part. (The values 0.2023, 0.1994, 0.2010 that are
    /// also in use for CIFAR-10 are the means of the standard deviations of single images.)
    #[must_use]
    pub fn spec(&self) -> Option<Spec> {
        let (sample_shape, train_samples, test_samples): (&[usize], _, _) = match self {
            Self::Mnist | Self::FashionMnist | Self::Kmnist => (&[1, 28, 28], 60_000, 10_000),
            Self::Cifar10 | Self::Cifar100 | Self::Cifar100Coarse => (&[3, 32, 32], 50_000, 10_000),
            Self::Digits => (&[1, 28, 28], digits::TRAIN_SAMPLES, digits::TEST_SAMPLES),
            _ => return None,
        };
        let (mean, std): (&[f32], &[f32]) = match self {
            Self::Mnist => (&[0.1307], &[0.3081]),
            Self::FashionMnist => (&[0.2860], &[0.3530]),
            Self::Kmnist => (&[0.1918], &[0.3483]),
            Self::Cifar10 => (&[0.4914, 0.4822, 0.4465], &[0.2470, 0.2435, 0.2616]),
            Self::Cifar100 | Self::Cifar100Coarse => (&[0.5071, 0.4865, 0.4409], &[0.2673, 0.2564, 0.2762]),
            Self::Digits => (&[0.1204], &[0.2668]),
            _ => return None,
        };
        Some(Spec {
            name: self.clone(),
            sample_shape: sample_shape.to_vec(),
            classes: classes::official(self).iter().map(|&class| class.to_owned()).collect(),
            train_samples,
            test_samples,
            mean: mean.to_vec(),
            std: std.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_of_every_named_dataset_are_consistent() {
        for name in DatasetName::NAMED {
            let spec = name.spec().unwrap();
            assert_eq!(spec.name, name);
            assert_eq!(spec.mean.len(), spec.sample_shape[0]);
            assert_eq!(spec.std.len(), spec.sample_shape[0]);
            assert_eq!(spec.classes.len(), if name == DatasetName::Cifar100 { 100 } else { 10 });
        }
        assert_eq!(DatasetName::Csv("a.csv".into()).spec(), None);
        assert_eq!(DatasetName::Cifar10.spec().unwrap().sample_len(), 3_072);
    }
}
