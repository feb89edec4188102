//! A digit placed as MNIST's are: as large as fits into 20 × 20 of 28 × 28 pixels, its centre of mass in the middle.
//!
//! Source: "The MNIST database", Y. LeCun, C. Cortes, C. Burges. Other sizes are taken in proportion.

use plangrad_data::Resizer;

use super::Picture;

/// Ink, in a picture that is light on dark.
const INK: u8 = 32;

/// The picture, grey and light on dark, placed in `width` × `height` pixels.
pub(super) fn centred(picture: &Picture, width: usize, height: usize) -> Picture {
    let whole = Picture::filled(width, height, 1, 0);
    let Some((left, top, right, bottom)) = bounds(picture) else { return whole };
    let (ink_width, ink_height) = (right - left, bottom - top);
    let (box_width, box_height) = ((width * 20 / 28).max(1), (height * 20 / 28).max(1));
    let scale = (box_width as f64 / ink_width as f64).min(box_height as f64 / ink_height as f64);
    let scaled = |ink: usize, most: usize| ((ink as f64 * scale).round() as usize).clamp(1, most);
    let size = (scaled(ink_width, box_width), scaled(ink_height, box_height));
    let mut resizer = Resizer::new((ink_width, ink_height), size, 1);
    picture.pixels.chunks_exact(picture.width).skip(top).take(ink_height).for_each(|row| {
        resizer.push(&row[left..right]);
    });
    let ink = Picture { width: size.0, height: size.1, channels: 1, pixels: resizer.finish() };
    let (x, y) = centre_of_mass(&ink);
    let place = |middle: usize, mass: f64, ink: usize, most: usize| {
        ((middle as f64 - mass).round().max(0.0) as usize).min(most - ink)
    };
    let mut placed = whole;
    placed.paste(&ink, place(width / 2, x, size.0, width), place(height / 2, y, size.1, height));
    placed
}

/// The rectangle that holds all ink: from column and row, to column and row.
fn bounds(picture: &Picture) -> Option<(usize, usize, usize, usize)> {
    let inked = || picture.pixels.iter().enumerate().filter(|&(_, &value)| value >= INK);
    let columns = || inked().map(|(place, _)| place % picture.width);
    let rows = || inked().map(|(place, _)| place / picture.width);
    Some((columns().min()?, rows().min()?, columns().max()? + 1, rows().max()? + 1))
}

/// Where the mean of the ink lies, in pixels from the upper left corner.
fn centre_of_mass(picture: &Picture) -> (f64, f64) {
    let (mut mass, mut x, mut y) = (0.0, 0.0, 0.0);
    for (place, &value) in picture.pixels.iter().enumerate() {
        let value = f64::from(value);
        mass += value;
        x += value * ((place % picture.width) as f64 + 0.5);
        y += value * ((place / picture.width) as f64 + 0.5);
    }
    if mass > 0.0 { (x / mass, y / mass) } else { (0.0, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_is_scaled_to_the_box_and_its_mass_is_in_the_middle() {
        // A bar of 10 × 40 in the corner of 100 × 100.
        let mut pixels = vec![0; 10_000];
        (0..40).for_each(|y| pixels[y * 100..y * 100 + 10].fill(255));
        let placed = centred(&Picture::from_planes(&[1, 100, 100], &pixels).unwrap(), 28, 28);
        assert_eq!(bounds(&placed), Some((12, 4, 17, 24)));
        let (x, y) = centre_of_mass(&placed);
        assert!((x - 14.5).abs() < 0.6 && (y - 14.0).abs() < 0.6, "{x} {y}");
        assert_eq!(placed.pixels.iter().filter(|&&value| value == 255).count(), 100);
    }

    #[test]
    fn an_empty_picture_stays_empty() {
        let placed = centred(&Picture::from_planes(&[1, 2, 2], &[0; 4]).unwrap(), 28, 28);
        assert_eq!(placed.pixels, [0; 784]);
    }
}
