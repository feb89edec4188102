//! Values of options, with their ranges; errors read "expected …, found …".

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::{OsStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};

use plangrad_data::Split;
use plangrad_tensor::backend::cpu::{InstructionSet, MOST_THREADS};

use crate::drawing::PictureFile;

/// Largest factor by which an image is enlarged.
const MOST_SCALE: usize = 64;

/// Most pixels on a side of the images of a folder.
const MOST_IMAGE_SIDE: usize = 4096;

type Parsed<T> = Result<T, String>;

/// A count: at least 1.
pub(super) fn count(text: &str) -> Parsed<usize> {
    ranged(text, "a whole number of at least 1", |&number| number >= 1)
}

/// A number of steps: at least 1.
pub(super) fn steps(text: &str) -> Parsed<u64> {
    ranged(text, "a whole number of at least 1", |&number| number >= 1)
}

/// The number of a sample.
pub(super) fn index(text: &str) -> Parsed<usize> {
    ranged(text, "a whole number of at least 0", |_| true)
}

pub(super) fn seed(text: &str) -> Parsed<u64> {
    ranged(text, "a whole number from 0 to 18446744073709551615", |_| true)
}

pub(super) fn threads(text: &str) -> Parsed<usize> {
    ranged(text, "a whole number from 1 to 1024", |number| (1..=MOST_THREADS).contains(number))
}

/// An instruction set by its name, however it is written: `AVX-512`, `avx512`.
pub(super) fn instruction_set(text: &str) -> Parsed<InstructionSet> {
    let plain = |name: &str| name.to_lowercase().replace('-', "").replace("+fma", "");
    let found = InstructionSet::ALL.into_iter().find(|set| plain(set.name()) == plain(text));
    found.ok_or_else(|| format!("expected avx-512, amx, avx2 or portable, found `{text}`"))
}

pub(super) fn scale(text: &str) -> Parsed<usize> {
    ranged(text, "a whole number from 1 to 64", |number| (1..=MOST_SCALE).contains(number))
}

/// A rate or a factor: finite as 32 bits, at least 0.
pub(super) fn not_negative(text: &str) -> Parsed<f64> {
    ranged(text, "a number of at least 0", |&number: &f64| number >= 0.0 && (number as f32).is_finite())
}

/// A time, or another quantity above 0.
pub(super) fn positive(text: &str) -> Parsed<f64> {
    ranged(text, "a number above 0", |&number: &f64| number > 0.0 && number.is_finite())
}

/// Seconds to wait for somebody: above 0, at most a day.
pub(super) fn wait(text: &str) -> Parsed<f64> {
    ranged(text, "a number of seconds from 0.1 to 86400", |seconds| (0.1..=86_400.0).contains(seconds))
}

/// A norm: finite and above 0 as 32 bits.
pub(super) fn norm(text: &str) -> Parsed<f64> {
    ranged(text, "a number above 0", |&number: &f64| {
        number as f32 >= f32::MIN_POSITIVE && (number as f32).is_finite()
    })
}

/// A share that may be 1 but not 0.
pub(super) fn portion(text: &str) -> Parsed<f64> {
    ranged(text, "a number above 0 and at most 1", |&number| number > 0.0 && number <= 1.0)
}

/// A share that may be 0 but not 1.
pub(super) fn share(text: &str) -> Parsed<f64> {
    ranged(text, "a number of at least 0 and below 1", |number| (0.0..1.0).contains(number))
}

/// The same in single precision, where a number just below 1 rounds to 1.
pub(super) fn share_f32(text: &str) -> Parsed<f32> {
    ranged(text, "a number of at least 0 and below 1", |number| (0.0..1.0).contains(number))
}

/// The values of a row, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<String>);

/// Values separated by commas.
pub(super) fn row(text: &str) -> Parsed<Row> {
    let values: Vec<String> = text.split(',').map(|value| value.trim().to_owned()).collect();
    match values.iter().find(|value| value.parse().is_ok_and(f64::is_infinite)) {
        None => Ok(Row(values)),
        Some(infinite) => Err(format!("expected numbers separated by commas, found `{infinite}`")),
    }
}

fn ranged<T: FromStr + PartialOrd>(text: &str, expected: &str, fits: impl Fn(&T) -> bool) -> Parsed<T> {
    text.parse().ok().filter(fits).ok_or_else(|| format!("expected {expected}, found `{text}`"))
}

/// Height and width: `28x28`, or one number for both.
pub(super) fn image_size(text: &str) -> Parsed<[usize; 2]> {
    let side = |text: &str| text.trim().parse().ok().filter(|side| (1..=MOST_IMAGE_SIDE).contains(side));
    let sides = match text.split_once(['x', 'X', '×']) {
        Some((height, width)) => side(height).zip(side(width)),
        None => side(text).map(|side| (side, side)),
    };
    let expected = || {
        format!("expected height and width such as 64x64, each from 1 to {MOST_IMAGE_SIDE}, found `{text}`")
    };
    sides.map(|(height, width)| [height, width]).ok_or_else(expected)
}

/// Channels of an image.
pub(super) fn channels(text: &str) -> Parsed<usize> {
    ranged(text, "1 for grey or 3 for colours", |number| matches!(number, 1 | 3))
}

/// One of these names, parsed.
pub(super) fn one_of<T, const N: usize>(values: [T; N]) -> impl TypedValueParser<Value = T>
where
    T: FromStr + Display + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let names = values.map(|value| PossibleValue::new(value.to_string()));
    PossibleValuesParser::new(names).try_map(|name| name.parse())
}

/// One of these splits of a dataset, by its name.
pub(super) fn split<const N: usize>(splits: [Split; N]) -> impl TypedValueParser<Value = Split> {
    let of = move |name: String| splits.into_iter().find(|split| split.name() == name);
    PossibleValuesParser::new(splits.map(Split::name))
        .try_map(move |name| of(name).ok_or("expected the name of a part"))
}

/// A folder; may be empty, as an empty environment variable is. Read it with [`named`].
pub(super) fn folder() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// The folder, if one was named: an empty name names none.
pub(super) fn named(folder: Option<&PathBuf>) -> Option<&Path> {
    folder.map(PathBuf::as_path).filter(|folder| !folder.as_os_str().is_empty())
}

/// A file to be written, whose name must end with .png: a typo must not overwrite another file.
pub(super) fn png_file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|name| {
        let path = PathBuf::from(name);
        let is_png = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
        if is_png {
            Ok(path)
        } else {
            Err(format!("expected a name that ends with .png, found `{}`", path.display()))
        }
    })
}

/// Drawings to be written.
pub(super) fn drawing() -> impl TypedValueParser<Value = PictureFile> {
    OsStringValueParser::new().try_map(picture_file)
}

/// A drawing to be written, whose name must end with its format.
pub(super) fn picture_file(name: OsString) -> Parsed<PictureFile> {
    let path = PathBuf::from(name);
    let expected = format!("expected a name that ends with .svg or .png, found `{}`", path.display());
    PictureFile::named(path).ok_or(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_their_range_are_answered_with_the_range() {
        assert_eq!(count("0").unwrap_err(), "expected a whole number of at least 1, found `0`");
        for text in ["0", "-1", "1.5", "", "18446744073709551616", "NaN"] {
            assert!(count(text).is_err() && steps(text).is_err() && threads(text).is_err(), "{text}");
        }
        for text in ["-0.1", "nan", "inf", "1e39", "", "x"] {
            assert!(not_negative(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "inf", "nan", ""] {
            assert!(positive(text).is_err(), "{text}");
        }
        for text in ["0", "-0.5", "1.01", "2", "nan", "inf", ""] {
            assert!(portion(text).is_err(), "{text}");
        }
        for text in ["1", "-0.1", "nan", "inf", "0.99999999999"] {
            assert!(share_f32(text).is_err(), "{text}");
        }
        assert_eq!((share("0.999"), not_negative("0"), index("0")), (Ok(0.999), Ok(0.0), Ok(0)));
        assert_eq!((image_size("28x32"), image_size("64")), (Ok([28, 32]), Ok([64, 64])));
        assert!(image_size("0x3").is_err() && image_size("x").is_err() && channels("2").is_err());
        assert!(threads("1025").is_err() && scale("65").is_err());
    }
}
