//! An image that a user gives, brought to what a model reads, with every change named.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use plangrad_data::{DecodedImage, Fit, decode_image};

use super::Picture;
use super::place::centred;
use crate::error::{Error, Result};
use crate::loading;
use crate::numbers::size;

/// The most bytes of a file.
const MOST_BYTES: u64 = 256 << 20;

/// Part of the memory that a picture may take if it is to be placed: it is then copied some times at its own size.
const CENTRING: u64 = 4;

/// Values that differ by at most this much show nothing.
const BLANK: u8 = 8;

/// What a model reads, and what is to be done for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Channels, height, width.
    pub(crate) shape: [usize; 3],
    pub(crate) fit: Fit,
    pub(crate) invert: bool,
    pub(crate) centre: bool,
}

/// An image as a model reads it.
pub(crate) struct ImageInput {
    pub(crate) picture: Picture,
    /// Its name and every change, in words.
    pub(crate) what: String,
    /// A sentence if nothing can be seen in it.
    pub(crate) blank: Option<String>,
    /// It is grey, not inverted, and has a light edge.
    pub(crate) is_dark_on_light: bool,
}

impl ImageInput {
    /// Reads a file, a pipe, or standard input (`-`).
    ///
    /// # Errors
    /// If it cannot be read or decoded.
    pub(crate) fn read(path: &Path, wanted: Wanted) -> Result<Self> {
        let bytes = bytes(path)?;
        let name = if is_standard_input(path) { Path::new("standard input") } else { path };
        Self::decode(name, &bytes, loading::memory(), wanted)
    }

    /// Decodes the bytes of a file, within `memory` bytes if there is a limit.
    ///
    /// # Errors
    /// If they are no image, or too large a one.
    pub(crate) fn decode(name: &Path, bytes: &[u8], memory: Option<u64>, wanted: Wanted) -> Result<Self> {
        // A picture that is placed as MNIST's digits are has its own size until then.
        let copies = if wanted.centre { CENTRING } else { 1 };
        let image = decode_image(name, bytes, memory.map(|bytes| bytes / copies))?;
        Ok(Self::of(name, &image, wanted))
    }

    fn of(name: &Path, image: &DecodedImage, wanted: Wanted) -> Self {
        let [channels, height, width] = wanted.shape;
        let mut changes = Vec::new();
        if image.transparent {
            changes.push("flattened onto white where it is transparent".to_owned());
        }
        if image.deep {
            changes.push("brought to 8 bits per channel".to_owned());
        }
        match (image.channels, channels) {
            (3, 1) => changes.push("converted to grey".to_owned()),
            (1, 3) => changes.push("grey taken for all three channels".to_owned()),
            _ => {}
        }
        let is_centred = wanted.centre && channels == 1;
        let shape = if is_centred { [1, image.height, image.width] } else { wanted.shape };
        if !is_centred && (image.width, image.height) != (width, height) {
            changes.push(resized(image, (width, height), wanted.fit));
        }
        let planes = image.planes(shape, wanted.fit);
        let picture = Picture::from_planes(&shape, &planes).expect("as many values as the shape has");
        let blank = blank(&planes, image);
        let is_dark_on_light = channels == 1 && !wanted.invert && blank.is_none() && picture.has_light_edge();
        let picture = if wanted.invert { picture.inverted() } else { picture };
        if wanted.invert {
            changes.push("inverted".to_owned());
        }
        let picture = if is_centred {
            changes.push(format!(
                "placed as MNIST's digits are, from {} × {} to {width} × {height} pixels",
                image.width, image.height
            ));
            centred(&picture, width, height)
        } else {
            picture
        };
        let changes: String = changes.iter().map(|change| format!(", {change}")).collect();
        Self { picture, what: format!("{}{changes}", name.display()), blank, is_dark_on_light }
    }
}

fn resized(image: &DecodedImage, (width, height): (usize, usize), fit: Fit) -> String {
    let sizes = format!("{} × {} to {width} × {height} pixels", image.width, image.height);
    let is_same_shape = image.width * height == image.height * width;
    match fit {
        _ if is_same_shape => format!("resized from {sizes}"),
        Fit::Pad => format!("resized from {sizes} with black beside it"),
        Fit::Crop => format!("resized from {sizes}, the overhang cut off"),
        Fit::Stretch => format!("resized from {sizes}, its proportions changed"),
    }
}

/// A warning about a picture in which nothing can be seen.
fn blank(planes: &[u8], image: &DecodedImage) -> Option<String> {
    let (least, most) = (planes.iter().min()?, planes.iter().max()?);
    if most - least > BLANK {
        return None;
    }
    let reason = match () {
        () if image.transparent && *least > 255 - BLANK => {
            "it is transparent and was flattened onto white: if its ink is white, save it without transparency, on black"
        }
        () if image.deep && *most <= BLANK => {
            "it has 16 bits per channel, of which only the lowest are used: values from 0 to 255 belong into 8 bits, or \
             must be multiplied by 257"
        }
        () => "is it the right file?",
    };
    Some(format!("the picture is blank: its values are all from {least} to {most}; {reason}"))
}

/// Whether a name stands for standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let unreadable = Error::io(path, "read");
    let read = || -> io::Result<Vec<u8>> {
        let mut source: Box<dyn Read> = match is_standard_input(path) {
            true => Box::new(io::stdin().lock()),
            false => Box::new(File::open(path)?),
        };
        let mut bytes = Vec::new();
        let most = loading::memory().map_or(MOST_BYTES, |memory| MOST_BYTES.min(memory / 2));
        source.by_ref().take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {}", size(most))));
        }
        Ok(bytes)
    };
    read().map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(channels: usize, pixels: &[u8]) -> DecodedImage {
        let bytes = Picture::from_planes(&[1, 1, 1], &[0]).unwrap().to_png(Path::new("")).unwrap();
        let decoded = decode_image(Path::new("x.png"), &bytes, None).unwrap();
        let (width, height) = (pixels.len() / channels / 2, 2);
        DecodedImage { width, height, channels, pixels: pixels.to_vec(), ..decoded }
    }

    fn wanted(shape: [usize; 3], fit: Fit) -> Wanted {
        Wanted { shape, fit, invert: false, centre: false }
    }

    #[test]
    fn every_change_is_named() {
        let grey = [0, 9, 99, 200];
        let of = |image: &DecodedImage, wanted| ImageInput::of(Path::new("x.png"), image, wanted).what;
        assert_eq!(of(&image(1, &grey), wanted([1, 2, 2], Fit::Pad)), "x.png");
        let inverted = Wanted { invert: true, ..wanted([3, 4, 8], Fit::Pad) };
        assert_eq!(
            of(&image(1, &grey), inverted),
            "x.png, grey taken for all three channels, resized from 2 × 2 to 8 × 4 pixels with black beside it, inverted"
        );
        let deep = DecodedImage { deep: true, transparent: true, ..image(3, &[7; 12]) };
        assert_eq!(
            of(&deep, wanted([1, 1, 1], Fit::Stretch)),
            "x.png, flattened onto white where it is transparent, brought to 8 bits per channel, converted to grey, resized \
             from 2 × 2 to 1 × 1 pixels"
        );
    }

    #[test]
    fn a_blank_picture_is_told_with_the_likely_reason() {
        let remarks = |image: &DecodedImage| {
            ImageInput::of(Path::new("x"), image, wanted([1, 2, 2], Fit::Pad)).blank.unwrap_or_default()
        };
        assert!(
            remarks(&DecodedImage { deep: true, ..image(1, &[0, 1, 0, 0]) }).contains("multiplied by 257")
        );
        assert!(remarks(&DecodedImage { transparent: true, ..image(1, &[255; 4]) }).contains("on black"));
        assert!(remarks(&image(1, &[90; 4])).contains("is it the right file?"));
        assert_eq!(remarks(&image(1, &[0, 0, 0, 99])), "");
    }
}
