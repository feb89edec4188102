//! Pictures as a page holds them: PNG in the address of an image.

use std::path::Path;

use plangrad_data::Resizer;
use serde::{Serialize, Serializer, ser};

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
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let address = self.0.to_address(Path::new("report.html"));
        serializer.serialize_str(&address.map_err(ser::Error::custom)?)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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
