//! What the trials of a search came to, over their learning rates.

use crate::drawing::{Axis, CURVES, Chart, Curve, Drawing, HEIGHT, MOST_TICKS, Mark, Panel, Scale, Stroke};
use crate::numbers::{percent, short};

/// A trial.
pub(crate) struct Trial {
    /// What it is told apart by: its optimizer.
    pub(crate) kind: String,
    pub(crate) rate: f64,
    pub(crate) accuracy: Option<f64>,
    pub(crate) loss: f64,
}

/// Draws accuracies, or the losses of a regression; `None` without a trial that came to anything.
pub(crate) fn trials(title: String, trials: &[Trial]) -> Option<Drawing> {
    let has_accuracy = trials.iter().any(|trial| trial.accuracy.is_some());
    let value = |trial: &Trial| if has_accuracy { trial.accuracy.unwrap_or(0.0) } else { trial.loss };
    let ends = |of: &dyn Fn(&Trial) -> f64| {
        let values = || trials.iter().map(of).filter(|value| value.is_finite());
        Some((values().reduce(f64::min)?, values().reduce(f64::max)?))
    };
    let ((slowest, fastest), (low, high)) = (ends(&|trial| trial.rate)?, ends(&value)?);
    let mut kinds: Vec<&str> = trials.iter().map(|trial| trial.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let curve = |(kind, &colour): (&&str, &_)| {
        let of_kind = trials.iter().filter(|trial| trial.kind == **kind);
        let points = of_kind.map(|trial| [trial.rate, value(trial)]).collect();
        Curve { name: (*kind).to_owned(), colour, stroke: Stroke::None, mark: Mark::Full, points }
    };
    let curves = kinds.iter().zip(CURVES.iter().cycle()).map(curve).collect();
    let (name, show): (_, fn(f64) -> String) =
        if has_accuracy { ("accuracy", percent) } else { ("loss", short) };
    let scale = Scale::linear(low, high, MOST_TICKS);
    let panel = Panel { title: name.to_owned(), scale, show, exact: show, curves };
    let scale = Scale::logarithmic(slowest, fastest, MOST_TICKS);
    let ticks = scale.ticks(MOST_TICKS);
    let axis = Axis { name: "learning rate".into(), scale, ticks, show: short };
    Some(Chart { title, axis, rule: None, height: 1.6 * HEIGHT, panels: vec![panel] }.draw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trial_is_a_mark_over_its_rate() {
        let trial = |kind: &str, rate, accuracy| Trial { kind: kind.to_owned(), rate, accuracy, loss: 0.5 };
        let all =
            [trial("adam", 1e-3, Some(0.9)), trial("sgd", 1e-1, Some(0.8)), trial("adam", 1e-2, Some(0.7))];
        let drawing = trials("t".to_owned(), &all).unwrap();
        drawing.assert_legible();
        let svg = drawing.to_svg().unwrap();
        assert!(svg.contains("learning rate 0.001, adam: 90.00 %<"), "{svg}");
        assert!(trials(String::new(), &[]).is_none());
        let losses = trials(String::new(), &[trial("sgd", 0.1, None)]).unwrap().to_svg().unwrap();
        assert!(losses.contains("learning rate 0.1, sgd: 0.5<") || losses.contains("0.5<"), "{losses}");
    }
}
