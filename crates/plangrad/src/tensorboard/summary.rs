//! What an event can show: a number, a histogram, a picture, a text.

use crate::picture::Picture;
use crate::protobuf::Message;

/// Buckets of a histogram.
const BUCKETS: usize = 30;

/// TensorFlow's number for tensors of text.
const TEXT: i64 = 7;

/// A number.
pub(super) fn scalar(tag: &str, value: f64) -> Message {
    Message::new().text(1, tag).single(2, value as f32)
}

/// How values are distributed.
pub(super) fn histogram(tag: &str, values: &[f32]) -> Message {
    let values = || values.iter().map(|&value| f64::from(value));
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let (limits, counts) = buckets(values(), low, high);
    let histogram = Message::new()
        .double(1, low)
        .double(2, high)
        .double(3, values().count() as f64)
        .double(4, values().sum())
        .double(5, values().map(|value| value * value).sum())
        .doubles(6, &limits)
        .doubles(7, &counts);
    Message::new().text(1, tag).message(5, &histogram)
}

/// The upper ends of buckets of equal width, and how many values are in each.
fn buckets(values: impl Iterator<Item = f64>, low: f64, high: f64) -> (Vec<f64>, Vec<f64>) {
    let width = if high > low { (high - low) / BUCKETS as f64 } else { 1.0 };
    let end = |bucket: usize| {
        if bucket + 1 == BUCKETS && high > low { high } else { low + width * (bucket + 1) as f64 }
    };
    let mut counts = vec![0.0; BUCKETS];
    values.for_each(|value| counts[(((value - low) / width) as usize).min(BUCKETS - 1)] += 1.0);
    ((0..BUCKETS).map(end).collect(), counts)
}

/// A picture, whose file is this PNG.
pub(super) fn image(tag: &str, picture: &Picture, png: &[u8]) -> Message {
    let image = Message::new()
        .integer(1, picture.height() as i64)
        .integer(2, picture.width() as i64)
        .integer(3, picture.channels() as i64)
        .bytes(4, png);
    Message::new().text(1, tag).message(4, &image)
}

/// A text in Markdown.
pub(super) fn text(tag: &str, markdown: &str) -> Message {
    let plugin = Message::new().message(1, &Message::new().text(1, "text"));
    let one = Message::new().message(2, &Message::new().integer(1, 1));
    let tensor = Message::new().integer(1, TEXT).message(2, &one).text(8, markdown);
    Message::new().text(1, tag).message(9, &plugin).message(8, &tensor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_one_bucket_and_the_last_ends_at_the_largest() {
        let values = [-1.0, -0.5, 0.0, 0.25, 2.0];
        let (limits, counts) = buckets(values.into_iter(), -1.0, 2.0);
        assert_eq!((limits.len(), counts.iter().sum::<f64>()), (BUCKETS, 5.0));
        assert_eq!((limits[BUCKETS - 1], counts[0], counts[BUCKETS - 1]), (2.0, 1.0, 1.0));
        assert!(limits.is_sorted());
        let (_, counts) = buckets([3.0; 4].into_iter(), 3.0, 3.0);
        assert_eq!(counts[0], 4.0, "all values are equal");
    }
}
