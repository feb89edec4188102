//! The letters of drawings: DejaVu Sans, as far as Latin, Greek and Cyrillic texts need it. Others are drawn as the font's box.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, GlyphId, OutlinedGlyph, PxScale, ScaleFont, point};

static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    let bytes = include_bytes!("../../fonts/DejaVuSans.ttf");
    FontRef::try_from_slice(bytes).expect("the font in the program is one; a test reads it")
});

/// Points that `text` is wide in letters of this size.
pub(crate) fn width_of(text: &str, size: f64) -> f64 {
    let font = FONT.as_scaled(scale(size));
    text.chars().map(|letter| f64::from(font.h_advance(FONT.glyph_id(letter)))).sum()
}

/// `text`, without its middle if it is wider than `width` points in letters of this size.
pub(crate) fn shortened(text: &str, size: f64, width: f64) -> String {
    let letters: Vec<char> = text.chars().collect();
    if width_of(text, size) <= width {
        return text.to_owned();
    }
    let cut = |kept: usize| {
        let (start, end) = (&letters[..kept.div_ceil(2)], &letters[letters.len() - kept / 2..]);
        format!("{}…{}", String::from_iter(start), String::from_iter(end))
    };
    // More letters are never narrower, so the most that fit are found by halving.
    let (mut fits, mut too_many) = (0, letters.len());
    while too_many - fits > 1 {
        let middle = fits.midpoint(too_many);
        if width_of(&cut(middle), size) <= width { fits = middle } else { too_many = middle }
    }
    cut(fits)
}

/// The outlines of the letters of `text` in a line that begins at 0 and stands on 0, in pixels.
pub(super) fn outlines(text: &str, pixels: f64) -> Vec<OutlinedGlyph> {
    let scale = scale(pixels);
    let font = FONT.as_scaled(scale);
    let mut x = 0.0;
    let letters = text.chars().filter_map(|letter| {
        let id: GlyphId = FONT.glyph_id(letter);
        let glyph = id.with_scale_and_position(scale, point(x, 0.0));
        x += font.h_advance(id);
        FONT.outline_glyph(glyph)
    });
    letters.collect()
}

/// The scale at which an em is `size` high.
fn scale(size: f64) -> PxScale {
    let per_em = FONT.units_per_em().unwrap_or(2048.0);
    PxScale::from(size as f32 * FONT.height_unscaled() / per_em)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        // Of 2048 units DejaVu Sans has 1401 for `A`, 1303 for `0`, 569 for `i` and 651 for a space.
        let width = |text| width_of(text, 2048.0);
        assert!((width("A") - 1401.0).abs() < 1.0 && (width("0") - 1303.0).abs() < 1.0, "{}", width("A"));
        assert!((width("i A") - (569.0 + 651.0 + 1401.0)).abs() < 2.0, "{}", width("i A"));
        assert_eq!(width(""), 0.0);
    }

    #[test]
    fn digits_are_equally_wide_so_that_columns_of_numbers_align() {
        assert!("0123456789".chars().all(|digit| width_of(&digit.to_string(), 13.0) == width_of("0", 13.0)));
    }

    #[test]
    fn the_letters_of_texts_are_there_and_others_have_a_box() {
        let missing = FONT.glyph_id('\u{0}');
        for letter in ('!'..='~').chain("×…–−→≈≤≥%€µβεÄßéñçøÅłżěšůğАяЯё".chars())
        {
            assert_ne!(FONT.glyph_id(letter), missing, "{letter}");
        }
        assert_eq!(FONT.glyph_id('猫'), missing);
        assert_eq!(outlines("猫", 26.0).len(), 1, "a box can be seen");
    }

    #[test]
    fn a_text_that_is_too_wide_loses_its_middle() {
        let exact = width_of("batch sizes", 13.0);
        assert_eq!(shortened("batch sizes", 13.0, exact), "batch sizes");
        assert_eq!(shortened("batch sizes", 13.0, exact - 1.0), "batc…izes");
        assert_eq!(shortened("batch sizes", 13.0, 0.0), "…");
        for width in 20..80 {
            assert!(width_of(&shortened("batch sizes", 13.0, width.into()), 13.0) <= width.into());
        }
    }
}
