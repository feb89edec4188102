//! Colours: those of Okabe and Ito (<https://jfly.uni-koeln.de/color/>), which colour-blind readers can tell apart, and shades of
//! one colour for amounts.

/// A colour: red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// The colour of words and axes.
pub(crate) const INK: Rgb = [34, 34, 34];

/// The colour of what matters less.
pub(crate) const GREY: Rgb = [100, 100, 100];

/// The colour of lines behind curves.
pub(crate) const GRID: Rgb = [228, 228, 228];

/// The colour that everything is drawn on.
pub(crate) const WHITE: Rgb = [255, 255, 255];

pub(crate) const BLUE: Rgb = [0, 114, 178];
pub(crate) const VERMILION: Rgb = [213, 94, 0];
pub(crate) const GREEN: Rgb = [0, 158, 115];
pub(crate) const PURPLE: Rgb = [204, 121, 167];
pub(crate) const ORANGE: Rgb = [230, 159, 0];
pub(crate) const SKY: Rgb = [86, 180, 233];
pub(crate) const YELLOW: Rgb = [240, 228, 66];
pub(crate) const TAUPE: Rgb = [186, 180, 174];

/// The colour of what lies behind curves and is one of them.
pub(crate) const PALE_BLUE: Rgb = [168, 200, 224];

/// Colours of curves, in the order in which they are given.
pub(crate) const CURVES: [Rgb; 6] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY];

/// A shade for a share from 0, which is white, to 1, which is `full`.
pub(crate) fn shade(full: Rgb, share: f64) -> Rgb {
    let share = share.clamp(0.0, 1.0);
    full.map(|value| (255.0 - (255.0 - f64::from(value)) * share).round() as u8)
}

/// The colour of letters on this ground: ink or white, whichever has more contrast.
pub(crate) fn letters_on(ground: Rgb) -> Rgb {
    // Contrast with white equals contrast with ink at a luminance of 0.213 (WCAG 2.1).
    if luminance(ground) > 0.213 { INK } else { WHITE }
}

/// Relative luminance as of WCAG 2.1, from 0 to 1.
fn luminance(colour: Rgb) -> f64 {
    let linear = |value: u8| match f64::from(value) / 255.0 {
        v if v <= 0.040_45 => v / 12.92,
        v => ((v + 0.055) / 1.055).powf(2.4),
    };
    let [red, green, blue] = colour.map(linear);
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_go_from_white_to_the_colour() {
        assert_eq!([0.0, 1.0, 7.0].map(|share| shade(BLUE, share)), [WHITE, BLUE, BLUE]);
        assert_eq!(shade([55, 155, 255], 0.5), [155, 205, 255]);
    }

    #[test]
    fn letters_contrast_with_every_colour_they_stand_on() {
        let contrast = |a: Rgb, b: Rgb| {
            let (a, b) = (luminance(a), luminance(b));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        let shades = (0..=20).map(|i| shade(BLUE, f64::from(i) / 20.0));
        for ground in CURVES.into_iter().chain([YELLOW, TAUPE, WHITE]).chain(shades) {
            assert!(contrast(letters_on(ground), ground) >= 3.9, "{ground:?}");
        }
    }

    #[test]
    fn curves_differ_in_lightness_or_hue_for_those_who_see_no_red_or_green() {
        // What is left of a colour without red and green apart: their mean, and blue (as of a deuteranope, roughly).
        let seen = |[red, green, blue]: Rgb| [(i32::from(red) + i32::from(green)) / 2, i32::from(blue)];
        for (i, &one) in CURVES.iter().enumerate() {
            for &other in &CURVES[i + 1..] {
                let (a, b) = (seen(one), seen(other));
                assert!((a[0] - b[0]).abs() + (a[1] - b[1]).abs() >= 40, "{one:?} {other:?}");
            }
        }
    }
}
