//! All charts and titled pictures, as SVG and as PNG from one description.
//!
//! A drawing is measured in points and made of rectangles, straight lines, pictures and words. Words are set in one font, DejaVu
//! Sans, of which the letters that are needed lie in the program (`crates/plangrad/fonts`): their widths say what fits, and PNG has
//! their outlines. SVG names the font, and others of the same widths, and leaves the letters to the reader, so they can be searched
//! and read aloud; there a group of marks has a title, which browsers show under the pointer. [`Chart`] draws curves, [`Scale`]
//! says where values lie. No curves between points, no transparency, no second font: charts of memory, time and learning need none.

mod chart;
mod file;
mod font;
mod palette;
mod raster;
mod scale;
mod shapes;
mod svg;

pub(crate) use chart::{Axis, Chart, Curve, HEIGHT, MOST_TICKS, Mark, Panel, Stroke};
pub use file::PictureFile;
pub(crate) use font::{shortened, width_of};
pub(crate) use palette::*;
pub(crate) use scale::{Scale, binary_step, bytes_in_steps, bytes_on_scale};
#[cfg(test)]
pub(crate) use shapes::Primitive;
pub(crate) use shapes::{Anchor, Drawing, LINE, Style, TEXT};
