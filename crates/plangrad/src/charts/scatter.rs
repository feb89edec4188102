//! Numbers and what a model predicts for them: each a dot, on a line where it is right.

use crate::drawing::{Axis, BLUE, Chart, Curve, Drawing, GREY, Mark, Panel, Scale, Stroke};
use crate::numbers::short;

/// Dots drawn at most.
const MOST_DOTS: usize = 2000;

/// Most values written along an axis.
const MOST_TICKS: usize = 8;

/// The drawing, of values and predictions under this title; `None` where none is finite.
pub(crate) fn scatter(title: String, values: &[f64], predictions: &[f64]) -> Option<Drawing> {
    let pairs = values.iter().zip(predictions).map(|(&value, &prediction)| [value, prediction]);
    let pairs: Vec<[f64; 2]> = pairs.filter(|pair| pair.iter().all(|number| number.is_finite())).collect();
    let [low, high] = [f64::min, f64::max].map(|choose| pairs.iter().flatten().copied().reduce(choose));
    let scale = Scale::linear(low?, high?, MOST_TICKS);
    let ticks = scale.ticks(MOST_TICKS);
    let ends = [*ticks.first()?, *ticks.last()?].map(|end| [end, end]);
    let every = pairs.len().div_ceil(MOST_DOTS);
    let shown: Vec<[f64; 2]> = pairs.iter().copied().step_by(every).collect();
    let name = if every > 1 { format!("one of {every} samples") } else { "samples".to_owned() };
    let curve = |name: &str, colour, stroke, mark, points| Curve {
        name: name.to_owned(),
        colour,
        stroke,
        mark,
        points,
    };
    let curves = vec![
        curve("right", GREY, Stroke::Thin, Mark::None, ends.to_vec()),
        curve(&name, BLUE, Stroke::None, Mark::Small, shown),
    ];
    let panel = Panel { title: "predicted".to_owned(), scale, show: short, exact: short, curves };
    let axis = Axis { name: "label".into(), scale, ticks, show: short };
    Some(Chart { title, axis, rule: None, height: 420.0, panels: vec![panel] }.draw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_is_a_dot_and_numbers_that_are_none_are_left_out() {
        let drawing = scatter("t".to_owned(), &[1.0, 2.0, f64::NAN], &[1.5, -2.0, 3.0]).unwrap();
        drawing.assert_legible();
        let svg = drawing.to_svg().unwrap();
        assert!(svg.contains("label 1, samples: 1.5<") && svg.contains("label 2, samples: -2<"), "{svg}");
        assert!(!svg.contains("NaN"));
        assert!(
            scatter(String::new(), &[f64::NAN], &[0.0]).is_none()
                && scatter(String::new(), &[], &[]).is_none()
        );
        assert!(scatter(String::new(), &[5.0], &[5.0]).unwrap().to_picture().is_some());
    }

    #[test]
    fn of_very_many_samples_some_are_drawn() {
        let values: Vec<f64> = (0..9000).map(f64::from).collect();
        let svg = scatter(String::new(), &values, &values).unwrap().to_svg().unwrap();
        assert!(svg.contains("one of 5 samples"));
        assert_eq!(svg.matches("<circle").count(), 1800 + 1, "and one in the legend");
    }
}
