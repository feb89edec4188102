//! Drawings of rectangles, straight lines and words, as SVG and as PNG from one description.
//!
//! A drawing is measured in points, and its letters are [`LETTER`] points wide, so that what fits is known without a font.
//! SVG leaves the letters to the reader's own monospaced font; PNG has them from a font of 8 × 8 pixels. No curves, no
//! transparency, no other font: charts of memory and time need none.

mod file;
mod raster;
mod shapes;
mod svg;

pub use file::PictureFile;
pub(crate) use shapes::*;
