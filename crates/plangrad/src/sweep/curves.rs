//! Times against any size as curves, for measurements that are no sweep: the benchmarks' charts.

use super::plots::{range, seconds, sizes};
use crate::drawing::{CURVES, Chart, Curve, HEIGHT, MOST_TICKS, Mark, Panel, Scale, Stroke};
use crate::picture::PictureError;

/// Seconds of one program at several sizes.
pub struct Times {
    /// What the curve is called.
    pub name: String,
    /// Sizes and seconds.
    pub points: Vec<(usize, f64)>,
}

/// Curves as the text of an SVG file: `title` above, `panel` says what is timed and `axis` what the sizes are.
///
/// # Errors
/// [`PictureError`] as for any drawing.
pub fn curves_svg(title: &str, panel: &str, axis: &str, times: Vec<Times>) -> Result<String, PictureError> {
    let places = times.iter().flat_map(|times| times.points.iter().map(|(size, _)| *size));
    let axis = sizes(axis.to_owned(), places);
    let curves: Vec<Curve> = times.into_iter().enumerate().map(|(i, times)| curve(i, times)).collect();
    let (low, high) = range(&curves).unwrap_or((0.1, 1.0));
    let scale = Scale::logarithmic(low.max(1e-9), high.max(1e-9), MOST_TICKS);
    let panels = vec![Panel { title: panel.to_owned(), scale, show: seconds, exact: seconds, curves }];
    Chart { title: title.to_owned(), axis, rule: None, height: HEIGHT, panels }.draw().to_svg()
}

/// The colour says which curve it is, and a stroke where colours come again.
fn curve(i: usize, times: Times) -> Curve {
    let points = times.points.into_iter().map(|(size, seconds)| [size as f64, seconds]).collect();
    let is_again = i / CURVES.len() % 2 == 1;
    let (stroke, mark) = if is_again { (Stroke::Dashed, Mark::Hollow) } else { (Stroke::Solid, Mark::Full) };
    Curve { name: times.name, colour: CURVES[i % CURVES.len()], stroke, mark, points }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_curve_is_named_and_has_a_mark_for_every_point() {
        let times = |name: &str, scale: f64| Times {
            name: name.to_owned(),
            points: vec![(1, scale), (64, 8.0 * scale), (8192, f64::NAN)],
        };
        let svg =
            curves_svg("a title", "time of a step", "batch size", vec![times("a", 1e-5), times("b", 0.1)])
                .unwrap();
        for text in ["<title>a title</title>", ">time of a step<", ">batch size<", ">a<", ">b<", ">8,192<"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        assert_eq!(svg.matches("<circle").count(), 2 + 4, "two in the legend and one for each number: {svg}");
    }
}
