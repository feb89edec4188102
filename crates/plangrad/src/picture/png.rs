//! PNG in and out. Images of any kind of PNG are read: grey, RGB, palette, with alpha, of any depth.
//!
//! The size in a file's header is compared with a limit before anything is allocated.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ::png::{BitDepth, ColorType, Decoder, DecodingError, Encoder, Limits, Transformations};

use super::Picture;

/// The first bytes of every PNG file.
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// What can go wrong with the file of a picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// It cannot be read or written.
    #[error("{}: cannot be {action}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, as a participle.
        action: &'static str,
        /// The system's answer.
        reason: io::Error,
    },
    /// It is no PNG file.
    #[error("{}: expected a PNG image, found {found}", path.display())]
    NotPng {
        /// The file.
        path: PathBuf,
        /// What it is, in words.
        found: String,
    },
    /// It is a PNG file, but broken.
    #[error("{}: the PNG image is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder found.
        reason: String,
    },
    /// It would take too much memory.
    #[error("{}: the image has {width} × {height} pixels, more than the {limit} bytes allowed hold", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// Most bytes of an image.
        limit: usize,
    },
}

impl Picture {
    /// Reads a PNG file. Transparency is laid on white; 16 bits a channel become 8.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn read_png(path: &Path) -> Result<Self, PictureError> {
        let unreadable = |reason| PictureError::Io { path: path.to_path_buf(), action: "read", reason };
        let mut file = File::open(path).map_err(unreadable)?;
        check_signature(path, &mut file)?;
        let refused = |error| refused(path, error);
        let mut decoder = Decoder::new_with_limits(BufReader::new(file), Limits { bytes: Self::MOST_BYTES });
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(refused)?;
        let (width, height) = reader.info().size();
        let size = reader.output_buffer_size().filter(|&size| size <= Self::MOST_BYTES);
        let too_large =
            || PictureError::TooLarge { path: path.to_path_buf(), width, height, limit: Self::MOST_BYTES };
        let mut pixels = vec![0; size.ok_or_else(too_large)?];
        let frame = reader.next_frame(&mut pixels).map_err(refused)?;
        pixels.truncate(frame.buffer_size());
        let (channels, pixels) = match frame.color_type {
            ColorType::GrayscaleAlpha => (1, on_white::<2, 1>(&pixels)),
            ColorType::Rgba => (3, on_white::<4, 3>(&pixels)),
            ColorType::Grayscale => (1, pixels),
            ColorType::Rgb | ColorType::Indexed => (3, pixels),
        };
        Ok(Self { width: frame.width as usize, height: frame.height as usize, channels, pixels })
    }

    /// The bytes of a PNG file with this picture.
    ///
    /// # Errors
    /// [`PictureError::TooLarge`] if PNG cannot count its pixels.
    pub fn to_png(&self, path: &Path) -> Result<Vec<u8>, PictureError> {
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let (width, height) = (side(self.width), side(self.height));
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, width, height);
        encoder.set_color(if self.channels == 1 { ColorType::Grayscale } else { ColorType::Rgb });
        encoder.set_depth(BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.pixels));
        let too_large =
            |_| PictureError::TooLarge { path: path.to_path_buf(), width, height, limit: Self::MOST_BYTES };
        written.map_err(too_large)?;
        Ok(bytes)
    }
}

/// Refuses what does not begin as PNG does, and says what it is if that is known.
fn check_signature(path: &Path, file: &mut File) -> Result<(), PictureError> {
    let unreadable = |reason| PictureError::Io { path: path.to_path_buf(), action: "read", reason };
    let mut start = Vec::new();
    file.by_ref().take(SIGNATURE.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
    if start == SIGNATURE {
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        return Ok(());
    }
    let found = match start.as_slice() {
        [] => "an empty file".to_owned(),
        [0xff, 0xd8, 0xff, ..] => "a JPEG file; convert it first".to_owned(),
        [b'G', b'I', b'F', b'8', ..] => "a GIF file; convert it first".to_owned(),
        [b'B', b'M', ..] => "a BMP file; convert it first".to_owned(),
        [b'R', b'I', b'F', b'F', ..] => "a WebP file; convert it first".to_owned(),
        other => format!(
            "the bytes {}",
            other.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
        ),
    };
    Err(PictureError::NotPng { path: path.to_path_buf(), found })
}

fn refused(path: &Path, error: DecodingError) -> PictureError {
    let path = path.to_path_buf();
    match error {
        DecodingError::IoError(reason) if reason.kind() != io::ErrorKind::UnexpectedEof => {
            PictureError::Io { path, action: "read", reason }
        }
        DecodingError::IoError(_) => PictureError::Damaged { path, reason: "it ends too early".to_owned() },
        other => PictureError::Damaged { path, reason: other.to_string() },
    }
}

/// Pixels of `N` bytes, the last of which is opacity, on a white ground: `M = N − 1` bytes each.
fn on_white<const N: usize, const M: usize>(pixels: &[u8]) -> Vec<u8> {
    let blend = |value: u8, opacity: u8| {
        let (value, opacity) = (u32::from(value), u32::from(opacity));
        ((value * opacity + 255 * (255 - opacity) + 127) / 255) as u8
    };
    let laid = |pixel: &[u8; N]| {
        pixel.first_chunk::<M>().map(|colour| colour.map(|value| blend(value, pixel[N - 1])))
    };
    pixels.as_chunks::<N>().0.iter().filter_map(laid).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Picture, PictureError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.png");
        std::fs::write(&path, bytes).unwrap();
        Picture::read_png(&path)
    }

    fn encoded(color: ColorType, depth: BitDepth, width: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, width, 1);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == ColorType::Indexed {
            encoder.set_palette(vec![1, 2, 3, 4, 5, 6]);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (shape, planes) in
            [([1, 2, 3], vec![0, 1, 2, 253, 254, 255]), ([3, 1, 2], vec![1, 2, 3, 4, 5, 6])]
        {
            let picture = Picture::from_planes(&shape, &planes).unwrap();
            assert_eq!(read(&picture.to_png(Path::new("")).unwrap()).unwrap(), picture);
        }
    }

    #[test]
    fn every_kind_of_png_becomes_grey_or_rgb() {
        let pixels = |color, depth, data: &[u8]| {
            let picture = read(&encoded(color, depth, 2, data)).unwrap();
            (picture.channels, picture.pixels)
        };
        assert_eq!(pixels(ColorType::Grayscale, BitDepth::One, &[0b1000_0000]), (1, vec![255, 0]));
        assert_eq!(pixels(ColorType::Grayscale, BitDepth::Sixteen, &[7, 99, 8, 99]), (1, vec![7, 8]));
        assert_eq!(pixels(ColorType::Indexed, BitDepth::Eight, &[1, 0]), (3, vec![4, 5, 6, 1, 2, 3]));
        assert_eq!(pixels(ColorType::GrayscaleAlpha, BitDepth::Eight, &[9, 255, 9, 0]), (1, vec![9, 255]));
        let rgba = [10, 20, 30, 255, 0, 0, 0, 128];
        assert_eq!(pixels(ColorType::Rgba, BitDepth::Eight, &rgba), (3, vec![10, 20, 30, 127, 127, 127]));
    }

    #[test]
    fn files_that_are_no_png_are_named_by_what_they_are() {
        let message = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(message(b"").ends_with("expected a PNG image, found an empty file"));
        assert!(message(b"\xff\xd8\xff\xe0JFIF..").ends_with("found a JPEG file; convert it first"));
        assert!(message(b"<html>").ends_with("found the bytes 3c 68 74 6d 6c 3e"));
    }

    #[test]
    fn cut_and_huge_images_are_refused() {
        let whole = encoded(ColorType::Rgb, BitDepth::Eight, 64, &[5; 192]);
        for length in 8..whole.len() - 12 {
            assert!(matches!(read(&whole[..length]), Err(PictureError::Damaged { .. })), "{length} bytes");
        }
        let mut huge = whole;
        huge[16..24].copy_from_slice(&[0x7f; 8]);
        assert!(read(&huge).is_err());
    }
}
