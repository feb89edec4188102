//! One image: decoded within limits, flattened onto white where it is transparent, brought to a size.

use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use plangrad_formats::open_regular_file;

use super::options::Fit;
use super::resize::Resizer;
use super::room::Room;
use crate::{Error, Result};

/// The most pixels on a side.
const MOST_SIDE: u32 = 65_535;

/// The most pixels of an image.
const MOST_PIXELS: u64 = 1 << 26;

/// The most bytes that a decoder may take beside the image.
const MOST_BYTES: u64 = 1 << 29;

/// Channels of an image in colours.
const RGB: usize = 3;

/// What a header says of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Facts {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) is_grey: bool,
}

/// The target of each image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) fit: Fit,
}

/// What was changed about an image, beside its size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Changes {
    /// It was transparent, and is flattened onto white.
    pub(super) transparent: bool,
    /// It had 16 bits or floating point, and has 8.
    pub(super) deep: bool,
    /// It had colours, and is grey.
    pub(super) greyed: bool,
}

fn limits(most_bytes: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(most_bytes);
    limits
}

fn refused(path: &Path, reason: impl ToString) -> Error {
    Error::Image { path: path.to_path_buf(), reason: reason.to_string() }
}

/// What a decoder reports, as a clause.
fn damaged(path: &Path, error: ImageError) -> Error {
    let reason = match &error {
        ImageError::Limits(_) => format!("the image is too large: {error}"),
        ImageError::Unsupported(_) => format!("an image of a kind that is not read: {error}"),
        ImageError::IoError(reason) if reason.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the image is damaged: the file ends too early".to_owned()
        }
        _ => format!("the image is damaged: {error}"),
    };
    refused(path, reason)
}

/// What decoders read: one type for files and for bytes in memory, so that each decoder is compiled once.
trait Input: BufRead + Seek {}

impl<T: BufRead + Seek> Input for T {}

fn reader<'a>(
    input: impl Input + 'a,
    name: &Path,
    most_bytes: u64,
) -> Result<ImageReader<Box<dyn Input + 'a>>> {
    let reader = ImageReader::new(Box::new(input) as Box<dyn Input>).with_guessed_format();
    let mut reader = reader.map_err(|reason| refused(name, format!("cannot be read: {reason}")))?;
    reader.limits(limits(most_bytes));
    Ok(reader)
}

fn open(path: &Path) -> Result<ImageReader<Box<dyn Input>>> {
    let file =
        open_regular_file(path).map_err(|reason| refused(path, format!("cannot be read: {reason}")))?;
    let reader = reader(BufReader::new(file), path, MOST_BYTES)?;
    if reader.format().is_none() {
        return Err(refused(path, "not a PNG, JPEG, WebP, BMP or GIF image by its first bytes"));
    }
    Ok(reader)
}

/// Bytes that an image takes at its worst moment until it has the channels and size that are wanted, as its header says.
fn working_bytes(decoder: &impl ImageDecoder, format: Option<ImageFormat>, channels: usize) -> u64 {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    let (decoded, color, channels) = (decoder.total_bytes(), decoder.color_type(), channels as u64);
    // What the image is brought to, with how many bytes a pixel, and how many of these are copied from it: see `opaque`.
    let (plain, kept, copied) = match (color.has_alpha(), channels, color.has_color()) {
        (true, ..) => (ColorType::Rgba8, 4, channels),
        (false, 1, false) => (ColorType::L8, 1, 0),
        (false, 1, true) => (ColorType::Rgb8, 3, 1),
        (false, ..) => (ColorType::Rgb8, 3, 0),
    };
    let converted = if color == plain { 0 } else { kept * pixels };
    // Coefficients of a progressive JPEG have two bytes; WebP and GIF are put together from another picture.
    let inside = match format {
        Some(ImageFormat::Png | ImageFormat::Bmp) => 0,
        _ => 2 * decoded,
    };
    let at_its_new_size = 2 * channels * pixels;
    decoded.saturating_add(inside.max(converted)).max((kept + copied) * pixels).max(at_its_new_size)
}

/// Reads the header.
pub(super) fn facts(path: &Path) -> Result<Facts> {
    let decoder = open(path)?.into_decoder().map_err(|error| damaged(path, error))?;
    let (width, height) = decoder.dimensions();
    check_size(path, width, height)?;
    let is_grey =
        matches!(decoder.color_type(), ColorType::L8 | ColorType::La8 | ColorType::L16 | ColorType::La16);
    Ok(Facts { width, height, is_grey })
}

fn check_size(path: &Path, width: u32, height: u32) -> Result<()> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > MOST_PIXELS {
        let reason = format!("{width} × {height} pixels; at least 1 and at most {MOST_PIXELS} are possible");
        return Err(refused(path, reason));
    }
    Ok(())
}

/// Decodes an image and writes it to `planes`, channels one after another. Waits for the memory that it takes.
pub(super) fn decode_into(path: &Path, target: Target, room: &Room, planes: &mut [u8]) -> Result<Changes> {
    let reader = open(path)?;
    let format = reader.format();
    let decoder = reader.into_decoder().map_err(|error| damaged(path, error))?;
    let (width, height) = decoder.dimensions();
    check_size(path, width, height)?;
    let _taken = room.take(working_bytes(&decoder, format, target.channels), path)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|error| damaged(path, error))?;
    let mut changes = Changes::default();
    let pixels = opaque(image, target.channels, &mut changes);
    let pixels = fitted(&pixels, (width as usize, height as usize), target);
    planes_of(&pixels, target.channels, planes);
    Ok(changes)
}

/// Writes the channels of pixels one after another.
fn planes_of(pixels: &[u8], channels: usize, planes: &mut [u8]) {
    let size = (planes.len() / channels).max(1);
    for (channel, plane) in planes.chunks_exact_mut(size).enumerate() {
        let from = pixels.iter().skip(channel).step_by(channels);
        plane.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
    }
}

/// Bytes of `channels` per pixel, flattened onto white where they are transparent.
fn opaque(image: DynamicImage, channels: usize, changes: &mut Changes) -> Vec<u8> {
    let color = image.color();
    changes.deep = color.bytes_per_pixel() > color.channel_count();
    changes.greyed = channels == 1 && color.has_color();
    let (bytes, found) = eight_bits(image);
    match (found, channels) {
        (1, 1) | (3, 3) => bytes,
        (1, _) => bytes.iter().flat_map(|&grey| [grey; 3]).collect(),
        (3, _) => bytes.as_chunks::<3>().0.iter().map(|&rgb| brightness(rgb)).collect(),
        (2, _) => {
            let pixels = bytes.as_chunks::<2>().0;
            changes.transparent = pixels.iter().any(|&[_, opacity]| opacity != 255);
            let greys = pixels.iter().map(|&[grey, opacity]| on_white(grey, opacity));
            if channels == 1 { greys.collect() } else { greys.flat_map(|grey| [grey; 3]).collect() }
        }
        _ => {
            let pixels = bytes.as_chunks::<4>().0;
            changes.transparent = pixels.iter().any(|&[.., opacity]| opacity != 255);
            let colours =
                pixels.iter().map(|&[r, g, b, opacity]| [r, g, b].map(|value| on_white(value, opacity)));
            if channels == 1 { colours.map(brightness).collect() } else { colours.flatten().collect() }
        }
    }
}

/// The values of an image in 8 bits, and how many a pixel has. The crate's own conversions would be compiled for every pair of
/// types; this is all that files hold.
fn eight_bits(image: DynamicImage) -> (Vec<u8>, usize) {
    let narrowed =
        |wide: Vec<u16>| wide.iter().map(|&value| ((u32::from(value) + 128) / 257) as u8).collect();
    match image {
        DynamicImage::ImageLuma8(image) => (image.into_raw(), 1),
        DynamicImage::ImageLumaA8(image) => (image.into_raw(), 2),
        DynamicImage::ImageRgb8(image) => (image.into_raw(), 3),
        DynamicImage::ImageRgba8(image) => (image.into_raw(), 4),
        DynamicImage::ImageLuma16(image) => (narrowed(image.into_raw()), 1),
        DynamicImage::ImageLumaA16(image) => (narrowed(image.into_raw()), 2),
        DynamicImage::ImageRgb16(image) => (narrowed(image.into_raw()), 3),
        DynamicImage::ImageRgba16(image) => (narrowed(image.into_raw()), 4),
        image => (image.into_rgba8().into_raw(), 4),
    }
}

/// A value flattened onto white.
fn on_white(value: u8, opacity: u8) -> u8 {
    let opacity = u32::from(opacity);
    ((u32::from(value) * opacity + 255 * (255 - opacity) + 127) / 255) as u8
}

/// How bright a colour looks: 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), as Pillow converts to `L`.
#[must_use]
pub fn brightness([red, green, blue]: [u8; 3]) -> u8 {
    ((299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) + 500) / 1000) as u8
}

/// The picture brought to the size: pixels of `channels` values in rows.
fn fitted(pixels: &[u8], (width, height): (usize, usize), target: Target) -> Vec<u8> {
    let Target { channels, height: new_height, width: new_width, fit } = target;
    if (width, height) == (new_width, new_height) {
        return pixels.to_vec();
    }
    let scale_x = new_width as f64 / width as f64;
    let scale_y = new_height as f64 / height as f64;
    let scaled = |scale: f64, old: usize, most: usize| ((old as f64 * scale).round() as usize).clamp(1, most);
    match fit {
        Fit::Stretch => resized(pixels, (width, 0, 0), (width, height), (new_width, new_height), channels),
        Fit::Crop => {
            let scale = scale_x.max(scale_y);
            let kept = |new: usize, old: usize| ((new as f64 / scale).round() as usize).clamp(1, old);
            let (kept_width, kept_height) = (kept(new_width, width), kept(new_height, height));
            let start = (width, (width - kept_width) / 2, (height - kept_height) / 2);
            resized(pixels, start, (kept_width, kept_height), (new_width, new_height), channels)
        }
        Fit::Pad => {
            let scale = scale_x.min(scale_y);
            let inner = (scaled(scale, width, new_width), scaled(scale, height, new_height));
            let small = resized(pixels, (width, 0, 0), (width, height), inner, channels);
            let mut whole = vec![0; new_width * new_height * channels];
            let (left, top) = ((new_width - inner.0) / 2, (new_height - inner.1) / 2);
            for (y, row) in small.chunks_exact(inner.0 * channels).enumerate() {
                let start = ((top + y) * new_width + left) * channels;
                whole[start..start + row.len()].copy_from_slice(row);
            }
            whole
        }
    }
}

/// A rectangle of the picture, which has rows of `stride` pixels and begins at `left`, `top`, brought to a size.
fn resized(
    pixels: &[u8],
    (stride, left, top): (usize, usize, usize),
    old: (usize, usize),
    new: (usize, usize),
    channels: usize,
) -> Vec<u8> {
    let mut resizer = Resizer::new(old, new, channels);
    for row in pixels.chunks_exact(stride * channels).skip(top).take(old.1) {
        resizer.push(&row[left * channels..(left + old.0) * channels]);
    }
    resizer.finish()
}

/// A picture in memory, decoded like an image of a folder but at its own size.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodedImage {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Rows of pixels.
    pub pixels: Vec<u8>,
    /// Transparent pixels were flattened onto white.
    pub transparent: bool,
    /// 16 bits or floating point became 8 bits.
    pub deep: bool,
    /// The format's name: `JPEG`.
    pub format: &'static str,
}

impl DecodedImage {
    /// The image with these channels (1 or 3), height and width, channels one after another.
    #[must_use]
    pub fn planes(&self, [channels, height, width]: [usize; 3], fit: Fit) -> Vec<u8> {
        let pixels: Vec<u8> = match (self.channels, channels) {
            (1, 3) => self.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
            (3, 1) => self.pixels.as_chunks::<3>().0.iter().map(|&rgb| brightness(rgb)).collect(),
            _ => self.pixels.clone(),
        };
        let target = Target { channels, height, width, fit };
        let mut planes = vec![0; channels * height * width];
        planes_of(&fitted(&pixels, (self.width, self.height), target), channels, &mut planes);
        planes
    }
}

/// Decodes a PNG, JPEG, WebP, BMP or GIF image (its first picture) within `memory` bytes, if there is a limit.
///
/// # Errors
///
/// [`Error::Image`] with `name`; [`Error::MemoryLimit`], before the pixels are read.
pub fn decode_image(name: &Path, bytes: &[u8], memory: Option<u64>) -> Result<DecodedImage> {
    // What a file packs beside its pixels, such as a colour profile, may unpack to as much; the image has the rest.
    let beside = memory.map_or(MOST_BYTES, |memory| MOST_BYTES.min(memory / 4));
    let reader = reader(Cursor::new(bytes), name, beside)?;
    let guessed = reader.format();
    let format = match guessed {
        Some(ImageFormat::Png) => "PNG",
        Some(ImageFormat::Jpeg) => "JPEG",
        Some(ImageFormat::WebP) => "WebP",
        Some(ImageFormat::Bmp) => "BMP",
        Some(ImageFormat::Gif) => "GIF",
        _ => {
            let start: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            let found = if start.is_empty() {
                "an empty file".to_owned()
            } else {
                format!("the bytes {}", start.join(" "))
            };
            return Err(refused(
                name,
                format!("expected a PNG, JPEG, WebP, BMP or GIF image, found {found}"),
            ));
        }
    };
    let decoder = reader.into_decoder().map_err(|error| damaged(name, error))?;
    let (width, height) = decoder.dimensions();
    check_size(name, width, height)?;
    let channels = if decoder.color_type().has_color() { RGB } else { 1 };
    let room = Room::new(memory.map(|memory| memory - beside));
    let _taken = room.take(working_bytes(&decoder, guessed, channels), name)?;
    let image = DynamicImage::from_decoder(decoder).map_err(|error| damaged(name, error))?;
    let mut changes = Changes::default();
    let pixels = opaque(image, channels, &mut changes);
    let Changes { transparent, deep, .. } = changes;
    Ok(DecodedImage {
        width: width as usize,
        height: height as usize,
        channels,
        pixels,
        transparent,
        deep,
        format,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(height: usize, width: usize, fit: Fit) -> Target {
        Target { channels: 1, height, width, fit }
    }

    #[test]
    fn proportions_are_kept_by_padding_and_cropping_and_lost_by_stretching() {
        // Four columns, two rows: 10 20 30 40 in both.
        let wide = [10, 20, 30, 40, 10, 20, 30, 40];
        assert_eq!(fitted(&wide, (4, 2), target(4, 4, Fit::Pad))[..4], [0; 4]);
        assert_eq!(fitted(&wide, (4, 2), target(4, 4, Fit::Pad))[4..8], [10, 20, 30, 40]);
        assert_eq!(fitted(&wide, (4, 2), target(2, 2, Fit::Crop)), [20, 30, 20, 30]);
        assert_eq!(fitted(&wide, (4, 2), target(1, 1, Fit::Stretch)), [25]);
        assert_eq!(fitted(&wide, (4, 2), target(2, 4, Fit::Pad)), wide);
    }

    #[test]
    fn a_thin_image_keeps_a_pixel() {
        assert_eq!(
            fitted(&[200; 100], (100, 1), target(4, 4, Fit::Pad)).iter().filter(|&&v| v > 0).count(),
            4
        );
    }
}
