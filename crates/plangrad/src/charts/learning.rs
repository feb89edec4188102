//! Loss and accuracy over the epochs of a run.

use crate::drawing::{
    Axis, BLUE, Chart, Curve, Drawing, GREEN, HEIGHT, MOST_TICKS, Mark, PALE_BLUE, Panel, Rgb, Scale, Stroke,
    VERMILION,
};
use crate::history::{Epoch, History};
use crate::numbers::{grouped, percent, short};

/// Losses that are so many times apart are drawn on a logarithmic scale.
const WIDE: f64 = 20.0;

/// Most epochs written along the axis, about.
const MOST_EPOCHS: usize = 12;

/// Single batches that an epoch has at least where they are drawn: fewer would look like a curve and be chance.
const FEWEST_BATCHES: usize = 4;

/// Parts of the data: their names, colours, and how their curves are drawn.
const TRAIN: Part = Part("train", BLUE, Stroke::Solid, Mark::Full);
const VALIDATION: Part = Part("validation", GREEN, Stroke::Dashed, Mark::Full);
const TEST: Part = Part("test", VERMILION, Stroke::Solid, Mark::Hollow);

struct Part(&'static str, Rgb, Stroke, Mark);

/// The curves of a run under this title; `None` before its first epoch has ended and its first batch has been reported.
pub(crate) fn learning_curves(title: String, history: &History) -> Option<Drawing> {
    let epochs = &history.epochs;
    let loss = [
        curve(epochs, TRAIN, |epoch| epoch.train_loss),
        curve(epochs, VALIDATION, |epoch| epoch.validation_loss),
        curve(epochs, TEST, |epoch| epoch.test_loss),
    ];
    let accuracy = [
        curve(epochs, VALIDATION, |epoch| epoch.validation_accuracy),
        curve(epochs, TEST, |epoch| epoch.test_accuracy),
    ];
    let mut batches = batches(history);
    if batches.points.len() < epochs.len() * FEWEST_BATCHES {
        batches.points.clear();
    }
    let of_losses: Vec<Curve> = [batches].into_iter().chain(loss).filter(is_drawn).collect();
    let of_accuracies: Vec<Curve> = accuracy.into_iter().filter(is_drawn).collect();
    let places = of_losses.iter().flat_map(|curve| &curve.points).map(|[epoch, _]| *epoch);
    let last = places.max_by(f64::total_cmp)?;
    let panels = [loss_panel(of_losses), accuracy_panel(of_accuracies)];
    let panels = panels.into_iter().filter(|panel| !panel.curves.is_empty()).collect();
    Some(Chart { title, axis: axis(last), rule: best(history), height: HEIGHT, panels }.draw())
}

fn is_drawn(curve: &Curve) -> bool {
    !curve.points.is_empty()
}

/// A value at the end of each epoch that has it.
fn curve(epochs: &[Epoch], part: Part, value: impl Fn(&Epoch) -> Option<f64>) -> Curve {
    let Part(name, colour, stroke, mark) = part;
    let value = |epoch: &Epoch| value(epoch).filter(|value| value.is_finite());
    let points = epochs.iter().filter_map(|epoch| Some([epoch.epoch as f64, value(epoch)?])).collect();
    Curve { name: name.to_owned(), colour, stroke, mark, points }
}

/// Losses of single batches, where they were reported.
fn batches(history: &History) -> Curve {
    let steps = history.steps.iter().filter(|step| step.loss.is_finite());
    let points = steps.map(|step| [step.place(), step.loss]).collect();
    Curve {
        name: "single batches".to_owned(),
        colour: PALE_BLUE,
        stroke: Stroke::Thin,
        mark: Mark::None,
        points,
    }
}

fn loss_panel(curves: Vec<Curve>) -> Panel {
    let (low, high) = range(&curves);
    let is_wide = low > 0.0 && high / low > WIDE;
    let scale = if is_wide {
        Scale::logarithmic(low, high, MOST_TICKS)
    } else {
        Scale::linear(low.min(0.0), high, MOST_TICKS)
    };
    let title = if is_wide { "loss (logarithmic)" } else { "loss" };
    Panel { title: title.to_owned(), scale, show: short, exact: short, curves }
}

fn accuracy_panel(curves: Vec<Curve>) -> Panel {
    let (low, high) = range(&curves);
    let show = |share: f64| format!("{} %", short(100.0 * share));
    let scale = Scale::linear(low, high, MOST_TICKS).within(0.0, 1.0);
    Panel { title: "accuracy".to_owned(), scale, show, exact: percent, curves }
}

/// The smallest and the largest value.
fn range(curves: &[Curve]) -> (f64, f64) {
    let values = || curves.iter().flat_map(|curve| curve.points.iter().map(|[_, value]| *value));
    let least = values().min_by(f64::total_cmp).unwrap_or(0.0);
    (least, values().max_by(f64::total_cmp).unwrap_or(1.0))
}

/// An axis from the start of the run to epoch `last`.
fn axis(last: f64) -> Axis {
    let last = last.ceil().max(1.0);
    let step = match Scale::linear(0.0, last, MOST_EPOCHS) {
        Scale::Linear { step, .. } => step.max(1.0),
        Scale::Logarithmic { .. } => 1.0,
    };
    let ticks = (0..=(last / step) as u64).map(|i| i as f64 * step);
    let ticks: Vec<f64> = ticks.filter(|tick| last - tick >= step / 2.0).chain([last]).collect();
    let show = |epoch: f64| grouped(epoch as usize);
    Axis { name: "epoch".into(), scale: Scale::Linear { low: 0.0, high: last, step }, ticks, show }
}

/// The best of several epochs: that which the run has chosen, else that with the best validation or test figure.
fn best(history: &History) -> Option<(f64, String)> {
    if history.epochs.len() < 2 {
        return None;
    }
    if let Some(best) = history.end.as_ref().and_then(|end| end.best.as_ref()) {
        let value = best.value.map_or(String::new(), |value| format!(" {}", figure(&best.criterion, value)));
        return Some((
            best.epoch as f64,
            format!("best epoch {}: {} {}{value}", best.epoch, best.part, best.criterion),
        ));
    }
    type Figure = fn(&Epoch) -> Option<f64>;
    let figures: [(&str, &str, Figure); 4] = [
        ("validation", "accuracy", |epoch| epoch.validation_accuracy),
        ("validation", "loss", |epoch| epoch.validation_loss),
        ("test", "accuracy", |epoch| epoch.test_accuracy),
        ("test", "loss", |epoch| epoch.test_loss),
    ];
    let found = figures.into_iter().find_map(|(part, name, value)| {
        let sign = if name == "accuracy" { -1.0 } else { 1.0 };
        let epochs = history.epochs.iter().filter_map(|epoch| Some((epoch.epoch, value(epoch)?)));
        let (epoch, value) = epochs.min_by(|(_, one), (_, other)| (sign * one).total_cmp(&(sign * other)))?;
        Some((epoch, format!("best epoch {epoch}: {part} {name} {}", figure(name, value))))
    });
    found.map(|(epoch, words)| (epoch as f64, words))
}

fn figure(criterion: &str, value: f64) -> String {
    if criterion == "accuracy" { percent(value) } else { short(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Best, End, Step};

    fn epoch(epoch: u64, train_loss: f64, test_loss: f64, test_accuracy: Option<f64>) -> Epoch {
        let (train_loss, test_loss) = (Some(train_loss), Some(test_loss));
        Epoch { epoch, train_loss, test_loss, test_accuracy, ..Epoch::default() }
    }

    fn svg(history: &History) -> String {
        let drawing = learning_curves("a <run>".to_owned(), history).unwrap();
        drawing.assert_legible();
        assert!(drawing.to_picture().is_some());
        drawing.to_svg().unwrap()
    }

    fn three_epochs() -> History {
        let epochs = vec![
            epoch(1, 0.9, 0.8, Some(0.7)),
            epoch(2, 0.5, 0.6, Some(0.825)),
            epoch(3, 0.4, 0.65, Some(0.8125)),
        ];
        let step = |epoch, step, loss| Step { epoch, step, loss, of: 10 };
        let steps = (1..=3)
            .flat_map(|epoch| [0, 2, 5, 8].map(|batch| step(epoch, batch, 2.3 / epoch as f64)))
            .collect();
        History { epochs, steps, ..History::default() }
    }

    #[test]
    fn every_figure_of_every_epoch_is_there_and_the_best_one_is_marked() {
        let svg = svg(&three_epochs());
        for text in [
            "a &lt;run&gt;",
            "epoch 2, train: 0.5<",
            "epoch 3, test: 0.65<",
            "epoch 2, test: 82.50 %<",
            "single batches",
            "best epoch 2: test accuracy 82.50 %",
            ">70 %<",
        ] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        assert!(!svg.contains("validation"), "there is none");
    }

    #[test]
    fn the_best_epoch_is_that_which_the_run_chose() {
        let (criterion, part) = ("loss".to_owned(), "validation".to_owned());
        let best = Some(Best { epoch: 3, criterion, part, value: Some(0.25), ..Best::default() });
        let history = History { end: Some(End { best, ..End::default() }), ..three_epochs() };
        assert!(svg(&history).contains("best epoch 3: validation loss 0.25"));
    }

    #[test]
    fn a_regression_has_no_accuracy_and_a_short_run_no_best_epoch() {
        let history = History { epochs: vec![epoch(1, 90.0, 2.0, None)], ..History::default() };
        let svg = svg(&history);
        assert!(
            svg.contains("loss (logarithmic)") && !svg.contains("accuracy") && !svg.contains("best"),
            "{svg}"
        );
        assert!(learning_curves(String::new(), &History::default()).is_none());
    }

    #[test]
    fn long_runs_have_round_epochs_below_and_their_last() {
        let ticks = |last| axis(last).ticks;
        assert_eq!(ticks(3.0), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(0.4), [0.0, 1.0]);
        assert_eq!(ticks(31.0), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 31.0]);
        assert!(ticks(100_000.0).len() <= MOST_EPOCHS + 1);
    }
}
