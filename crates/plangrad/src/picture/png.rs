//! Reads and writes PNG, as `show --out` does. Every kind of PNG is read: grey, RGB, palette, with alpha, of any depth.
//!
//! A few kilobytes can hold gigabytes of pixels. So the size in the header is compared with limits before anything is
//! allocated. (Images that users give are read by `input`, which knows more formats.)

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use ::png::{BitDepth, ColorType, Decoder, DecodingError, Encoder, Limits, Reader, Transformations};
use plangrad_data::open_regular_file;

use super::Picture;
use crate::base64::base64;

/// The first bytes of every PNG file.
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The most pixels on a side.
const MOST_SIDE: u32 = 65_535;

/// The most pixels of an image in a file.
const MOST_PIXELS: u64 = 1 << 27;

/// The most pixels of an image decoded as a whole, of up to four bytes each.
const MOST_PIXELS_AT_ONCE: u64 = 1 << 24;

/// The most bytes of a chunk that does not hold pixels.
const MOST_CHUNK_BYTES: usize = 16 << 20;

/// What can go wrong with an image file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// It cannot be read or written.
    #[error("{}: cannot be {action}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed, as a participle.
        action: &'static str,
        /// The operating system's reason.
        #[source]
        reason: io::Error,
    },
    /// It is not a PNG file.
    #[error("{}: expected a PNG image, found {found}", path.display())]
    NotPng {
        /// The file.
        path: PathBuf,
        /// What was found, in words.
        found: String,
    },
    /// It is a damaged PNG file.
    #[error("{}: the PNG image is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The reason of the decoder.
        reason: String,
    },
    /// It has more pixels than are read or written.
    #[error(
        "{}: the image has {width} × {height} pixels; at most {MOST_SIDE} on a side and {limit} in total are possible",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// The most pixels in total.
        limit: u64,
    },
}

/// A PNG file whose header has been read.
struct PngFile<'a> {
    path: &'a Path,
    reader: Reader<BufReader<File>>,
    channels: usize,
}

impl<'a> PngFile<'a> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`PictureError`].
    fn open(path: &'a Path) -> Result<Self, PictureError> {
        let unreadable = |reason| PictureError::Io { path: path.to_path_buf(), action: "read", reason };
        let mut file = open_regular_file(path).map_err(unreadable)?;
        check_signature(path, &mut file)?;
        let mut decoder = Decoder::new_with_limits(BufReader::new(file), Limits { bytes: MOST_CHUNK_BYTES });
        decoder.set_transformations(Transformations::normalize_to_color8());
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let header = decoder.read_header_info().map_err(|error| refused(path, error))?;
        check_size(path, header.size(), if header.interlaced { MOST_PIXELS_AT_ONCE } else { MOST_PIXELS })?;
        let reader = decoder.read_info().map_err(|error| refused(path, error))?;
        // The rows of an animation's first frame would not fill the image if it were smaller.
        let frame = reader.info().frame_control.map(|frame| (frame.width, frame.height));
        if frame.is_some_and(|size| size != reader.info().size()) {
            let reason = "its first frame is smaller than the image".to_owned();
            return Err(PictureError::Damaged { path: path.to_path_buf(), reason });
        }
        let channels = match reader.output_color_type().0 {
            ColorType::Grayscale | ColorType::GrayscaleAlpha => 1,
            ColorType::Rgb | ColorType::Rgba | ColorType::Indexed => 3,
        };
        Ok(Self { path, reader, channels })
    }

    /// Columns and rows of pixels.
    fn size(&self) -> (usize, usize) {
        let (width, height) = self.reader.info().size();
        (width as usize, height as usize)
    }

    /// Decodes the image and calls `each` with every row, grey or RGB, from top to bottom.
    fn rows(mut self, mut each: impl FnMut(Vec<u8>)) -> Result<(), PictureError> {
        let (width, height) = self.size();
        let colours = self.reader.output_color_type().0;
        let row_bytes = width * colours.samples();
        let path = self.path;
        let mut row = vec![0; row_bytes * if self.reader.info().interlaced { height } else { 1 }];
        if self.reader.info().interlaced {
            self.reader.next_frame(&mut row).map_err(|error| refused(path, error))?;
            row.chunks_exact(row_bytes).for_each(|row| each(opaque(colours, row)));
            return Ok(());
        }
        while self.reader.read_row(&mut row).map_err(|error| refused(path, error))?.is_some() {
            each(opaque(colours, &row));
        }
        Ok(())
    }
}

impl Picture {
    /// Reads a PNG file of up to 2²⁴ pixels. Transparent pixels are flattened onto white; 16 bits per channel become 8.
    ///
    /// # Errors
    /// [`PictureError`].
    pub fn read_png(path: &Path) -> Result<Self, PictureError> {
        let file = PngFile::open(path)?;
        check_size(path, file.reader.info().size(), MOST_PIXELS_AT_ONCE)?;
        let ((width, height), channels) = (file.size(), file.channels);
        let mut pixels = Vec::with_capacity(width * height * channels);
        file.rows(|row| pixels.extend(row))?;
        Ok(Self { width, height, channels, pixels })
    }

    /// The bytes of a PNG file with this picture.
    ///
    /// # Errors
    /// [`PictureError::TooLarge`] if PNG cannot encode its size.
    pub fn to_png(&self, path: &Path) -> Result<Vec<u8>, PictureError> {
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let (width, height) = (side(self.width), side(self.height));
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, width, height);
        encoder.set_color(if self.channels == 1 { ColorType::Grayscale } else { ColorType::Rgb });
        encoder.set_depth(BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&self.pixels));
        let too_large =
            |_| PictureError::TooLarge { path: path.to_path_buf(), width, height, limit: MOST_PIXELS };
        written.map_err(too_large)?;
        Ok(bytes)
    }
}

impl Picture {
    /// The picture as the address of an image in a page or a drawing, which `path` names in errors.
    pub(crate) fn to_address(&self, path: &Path) -> Result<String, PictureError> {
        Ok(format!("data:image/png;base64,{}", base64(&self.to_png(path)?)))
    }
}

/// Refuses a size beyond the limits.
fn check_size(path: &Path, (width, height): (u32, u32), limit: u64) -> Result<(), PictureError> {
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) <= MOST_SIDE && pixels <= limit {
        return Ok(());
    }
    Err(PictureError::TooLarge { path: path.to_path_buf(), width, height, limit })
}

/// Refuses a file that does not begin with the signature, and names its format if that is known.
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
        DecodingError::IoError(_) => {
            PictureError::Damaged { path, reason: "the file ends too early".to_owned() }
        }
        other => PictureError::Damaged { path, reason: other.to_string() },
    }
}

/// A decoded row without its opacity.
fn opaque(colours: ColorType, row: &[u8]) -> Vec<u8> {
    match colours {
        ColorType::GrayscaleAlpha => on_white::<2, 1>(row),
        ColorType::Rgba => on_white::<4, 3>(row),
        ColorType::Grayscale | ColorType::Rgb | ColorType::Indexed => row.to_vec(),
    }
}

/// Lays pixels of `N` bytes, the last of which is the opacity, on white: `M = N − 1` bytes remain.
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
    fn a_written_picture_is_read_back() {
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
    fn other_files_are_refused_with_their_format() {
        let message = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(message(b"").ends_with("expected a PNG image, found an empty file"));
        assert!(message(b"\xff\xd8\xff\xe0JFIF..").ends_with("found a JPEG file; convert it first"));
        assert!(message(b"<html>").ends_with("found the bytes 3c 68 74 6d 6c 3e"));
    }

    #[test]
    fn truncated_images_are_refused() {
        let whole = encoded(ColorType::Rgb, BitDepth::Eight, 64, &[5; 192]);
        for length in 8..whole.len() - 12 {
            assert!(matches!(read(&whole[..length]), Err(PictureError::Damaged { .. })), "{length} bytes");
        }
    }

    /// The file `whole` with another size in its header.
    fn with_size(mut whole: Vec<u8>, width: u32, height: u32) -> Vec<u8> {
        whole[16..20].copy_from_slice(&width.to_be_bytes());
        whole[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc(&whole[12..29]);
        whole[29..33].copy_from_slice(&checksum.to_be_bytes());
        whole
    }

    fn crc(bytes: &[u8]) -> u32 {
        let shift = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), shift))
    }

    #[test]
    fn images_with_too_many_pixels_are_refused_by_their_header() {
        let whole = encoded(ColorType::Grayscale, BitDepth::Eight, 64, &[5; 64]);
        let at_once = 1 << 24;
        for (width, height, limit) in [
            (1, 65_536, MOST_PIXELS),
            (u32::MAX >> 1, 1, MOST_PIXELS),
            (60_000, 60_000, MOST_PIXELS),
            (5_000, 5_000, at_once),
        ] {
            let error = read(&with_size(whole.clone(), width, height)).unwrap_err().to_string();
            let expected = format!(
                "the image has {width} × {height} pixels; at most 65535 on a side and {limit} in total are possible"
            );
            assert!(error.ends_with(&expected), "{error}");
        }
        let mut interlaced = with_size(whole, 5_000, 5_000);
        interlaced[28] = 1;
        let interlaced = with_size(interlaced, 5_000, 5_000);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.png");
        std::fs::write(&path, interlaced).unwrap();
        assert!(matches!(PngFile::open(&path), Err(PictureError::TooLarge { limit: 0x100_0000, .. })));
    }

    #[test]
    #[cfg(unix)]
    fn pipes_and_devices_are_refused_without_reading_them() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, Path::new("/dev/zero")] {
            let error = Picture::read_png(path).unwrap_err().to_string();
            assert!(error.ends_with("expected a regular file, found a pipe or a device"), "{error}");
        }
    }
}
