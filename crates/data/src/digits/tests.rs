use super::*;
use sha2::{Digest, Sha256};

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_are_the_same_on_every_machine() {
    let (train, train_labels) = draw(TRAIN).unwrap();
    let (test, test_labels) = draw(TEST).unwrap();
    assert_eq!(sha256(&train), "1cabefda8a71c2d9a71d819a7616490f3a3c9c595d3344e5448bfa6b71ad1aae");
    assert_eq!(sha256(&test), "8758c5fe456962111458b9281dbd54531bfe1981196ae269b0fe2d579f964200");
    assert_eq!(sha256(&train_labels), "f68f95e71efb67e3ce505d152fe6c120cf81fec5281a31ffdc0aee179e5368b8");
    assert_eq!(sha256(&test_labels), "7a5592c84b97b947425b654830b299a27b99ed0cf7af296ad390d1c4f80f1356");
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let series = Series { samples: 300, ..TEST };
    let with = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| draw(series).unwrap())
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn every_digit_occurs_equally_often_in_random_order() {
    for (series, each) in [(TRAIN, TRAIN_SAMPLES / 10), (TEST, TEST_SAMPLES / 10)] {
        let (_, labels) = draw(series).unwrap();
        for digit in 0..10 {
            assert_eq!(labels.iter().filter(|&&label| label == digit).count(), each);
        }
        let repeats = labels.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(repeats * 8 < labels.len() && repeats * 12 > labels.len(), "{repeats} repeats");
    }
}

#[test]
fn mean_and_standard_deviation_are_those_of_the_spec() {
    let (pixels, _) = draw(TRAIN).unwrap();
    let spec = crate::DatasetName::Digits.spec().unwrap();
    let count = pixels.len() as f64;
    let mean = pixels.iter().map(|&pixel| f64::from(pixel) / 255.0).sum::<f64>() / count;
    let square = pixels.iter().map(|&pixel| (f64::from(pixel) / 255.0 - mean).powi(2)).sum::<f64>() / count;
    assert!((mean - f64::from(spec.mean[0])).abs() < 5e-5, "{mean}");
    assert!((square.sqrt() - f64::from(spec.std[0])).abs() < 5e-5, "{}", square.sqrt());
}

#[test]
fn no_two_images_are_equal_and_none_is_empty() {
    let (train, _) = draw(TRAIN).unwrap();
    let (test, _) = draw(TEST).unwrap();
    let images: std::collections::HashSet<&[u8]> =
        train.chunks_exact(SAMPLE_LEN).chain(test.chunks_exact(SAMPLE_LEN)).collect();
    assert_eq!(images.len(), TRAIN_SAMPLES + TEST_SAMPLES);
    assert!(images.iter().all(|image| image.iter().any(|&pixel| pixel > 150)));
}

/// `digits` is not trivial: a model without a hidden layer learns the training images well, and still misclassifies one
/// test image in ten. (That an MLP exceeds 95 % is tested end to end, with the real training.)
#[test]
fn a_linear_model_stays_below_95_percent() {
    let (train, train_labels) = draw(TRAIN).unwrap();
    let (test, test_labels) = draw(TEST).unwrap();
    let mut model = Softmax::new();
    for epoch in 1..=5 {
        model.train_epoch(&train, &train_labels, epoch);
    }
    let (seen, unseen) = (model.accuracy(&train, &train_labels), model.accuracy(&test, &test_labels));
    assert!(seen > 0.92, "the model must have learned something: {seen} on the training images");
    assert!((0.80..0.93).contains(&unseen), "{unseen} on the test images");
}

/// Softmax regression trained by Adam (1e-3, batches of 64).
struct Softmax {
    weights: Vec<[f32; 10]>, // the last row is the bias
    moments: Vec<[[f32; 10]; 2]>,
    step: i32,
}

impl Softmax {
    fn new() -> Self {
        let rows = SAMPLE_LEN + 1;
        Self { weights: vec![[0.0; 10]; rows], moments: vec![[[0.0; 10]; 2]; rows], step: 0 }
    }

    fn logits(&self, image: &[u8]) -> [f32; 10] {
        let mut logits = self.weights[SAMPLE_LEN];
        for (row, &pixel) in self.weights.iter().zip(image) {
            let x = normalized(pixel);
            logits.iter_mut().zip(row).for_each(|(logit, weight)| *logit += x * weight);
        }
        logits
    }

    fn train_epoch(&mut self, pixels: &[u8], labels: &[u8], epoch: u64) {
        let mut order = vec![0; labels.len()];
        Permutation::fill(&mut order, 3, epoch);
        for batch in order.chunks(64) {
            let mut gradient = vec![[0.0; 10]; SAMPLE_LEN + 1];
            for &sample in batch {
                let image = &pixels[sample as usize * SAMPLE_LEN..][..SAMPLE_LEN];
                let error = self.error(image, labels[sample as usize], batch.len());
                for (row, &pixel) in gradient.iter_mut().zip(image) {
                    let x = normalized(pixel);
                    row.iter_mut().zip(error).for_each(|(slot, error)| *slot += x * error);
                }
                gradient[SAMPLE_LEN].iter_mut().zip(error).for_each(|(slot, error)| *slot += error);
            }
            self.update(&gradient);
        }
    }

    /// Gradient of the mean cross-entropy of a batch with respect to the logits of one image.
    fn error(&self, image: &[u8], label: u8, batch: usize) -> [f32; 10] {
        let logits = self.logits(image);
        let top = logits.iter().copied().fold(f32::MIN, f32::max);
        let powers = logits.map(|logit| (logit - top).exp());
        let total: f32 = powers.iter().sum();
        let mut error = powers.map(|power| power / total / batch as f32);
        error[usize::from(label)] -= 1.0 / batch as f32;
        error
    }

    fn update(&mut self, gradient: &[[f32; 10]]) {
        self.step += 1;
        let correct = [1.0 - 0.9_f32.powi(self.step), 1.0 - 0.999_f32.powi(self.step)];
        for ((weights, [first, second]), gradient) in
            self.weights.iter_mut().zip(&mut self.moments).zip(gradient)
        {
            for class in 0..10 {
                first[class] += 0.1 * (gradient[class] - first[class]);
                second[class] += 0.001 * (gradient[class] * gradient[class] - second[class]);
                weights[class] -=
                    1e-3 * (first[class] / correct[0]) / ((second[class] / correct[1]).sqrt() + 1e-8);
            }
        }
    }

    fn accuracy(&self, pixels: &[u8], labels: &[u8]) -> f64 {
        let right = pixels.chunks_exact(SAMPLE_LEN).zip(labels).filter(|(image, label)| {
            let logits = self.logits(image);
            let best = (0..10).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap();
            best == usize::from(**label)
        });
        right.count() as f64 / labels.len() as f64
    }
}

fn normalized(pixel: u8) -> f32 {
    (f32::from(pixel) / 255.0 - 0.1204) / 0.2668
}
