//! Pictures as a page holds them: PNG in the address of an image.

use std::path::Path;

use plangrad_data::Resizer;
use serde::{Serialize, Serializer, ser};

use crate::error::Result;
use crate::picture::Picture;

/// The longest side of a picture on the page, in its own pixels.
const LONGEST: usize = 96;

/// A picture that a page has as the address of an image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown(pub(crate) Picture);

impl Shown {
    /// A sample of this shape; `None` if it is no picture.
    pub(super) fn sample(shape: &[usize], planes: &[u8]) -> Option<Shown> {
        Picture::from_planes(shape, planes).map(|picture| Shown(reduced(picture, shape)))
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&address(&self.0).map_err(ser::Error::custom)?)
    }
}

/// A picture as the address of an image.
fn address(picture: &Picture) -> Result<String> {
    let png = picture.to_png(Path::new("report.html"))?;
    Ok(format!("data:image/png;base64,{}", base64(&png)))
}

/// A picture that is not larger than the page shows it.
fn reduced(picture: Picture, shape: &[usize]) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let longest = width.max(height);
    if longest <= LONGEST {
        return picture;
    }
    let [new_width, new_height] = [width, height].map(|side| (side * LONGEST / longest).max(1));
    let size = width * height;
    let planes = picture.planes();
    let smaller = planes.chunks_exact(size).flat_map(|plane| {
        let mut resizer = Resizer::new((width, height), (new_width, new_height), 1);
        plane.chunks_exact(width).for_each(|row| resizer.push(row));
        resizer.finish()
    });
    let smaller: Vec<u8> = smaller.collect();
    Picture::from_planes(&[shape[0], new_height, new_width], &smaller).unwrap_or(picture)
}

/// Base64 as of RFC 4648, with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let three = [chunk[0], *chunk.get(1).unwrap_or(&0), *chunk.get(2).unwrap_or(&0)];
        let bits = three.iter().fold(0, |bits, &byte| bits << 8 | usize::from(byte));
        for place in 0..4 {
            let is_there = place <= chunk.len();
            text.push(if is_there { char::from(LETTERS[bits >> (18 - 6 * place) & 63]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        let texts = (0..=6).map(|letters| base64(&b"foobar"[..letters])).collect::<Vec<_>>();
        assert_eq!(texts, expected);
        assert_eq!(base64(&[0xff, 0xfe, 0xfb]), "//77");
    }

    #[test]
    fn large_pictures_are_reduced_and_tables_are_none() {
        let large = Picture::from_planes(&[3, 200, 100], &[7; 60_000]).unwrap();
        let small = reduced(large, &[3, 200, 100]);
        assert_eq!((small.width(), small.height(), small.channels()), (48, 96, 3));
        assert!(small.planes().iter().all(|&value| value == 7));
        assert_eq!(Shown::sample(&[4], &[1, 2, 3, 4]), None);
        let address = serde_json::to_string(&Shown::sample(&[1, 2, 2], &[1, 2, 3, 4])).unwrap();
        assert!(address.starts_with("\"data:image/png;base64,iVBOR"), "{address}");
    }
}
