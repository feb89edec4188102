//! Charts: panels below each other over one axis of sizes, each with its own scale.
//!
//! Sizes lie on a logarithmic axis and are written where they were measured, as far as there is room. Curves
//! differ in colour and also in stroke and marks, so that they can be distinguished without colours.

use super::scale::Scale;
use crate::drawing::{Anchor, Drawing, INK, LETTER, LINE, Rgb, WHITE, shortened, width_of};
use crate::numbers::grouped;

const GREY: Rgb = [110, 110, 110];
const GRID: Rgb = [228, 228, 228];

/// Points across, and left and right of the curves; the left has room for the values of ticks.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 40.0;

/// Points from top to bottom of a panel's curves, and between those of the axis's ends and the first and last size.
const HEIGHT: f64 = 170.0;
const INSET: f64 = 24.0;

/// Diameter of a mark, and width of a stroke.
const MARK: f64 = 7.0;
const STROKE: f64 = 2.0;

/// Points of a dash and of the gap behind it.
const DASH: [f64; 2] = [7.0, 6.0];

/// Most values written along a vertical axis.
pub(super) const MOST_TICKS: usize = 6;

/// Several panels over one axis.
pub(super) struct Chart {
    pub(super) title: String,
    /// What the axis shows.
    pub(super) axis: &'static str,
    pub(super) sizes: Vec<usize>,
    pub(super) panels: Vec<Panel>,
}

/// Curves to one scale.
pub(super) struct Panel {
    /// What is shown, with its unit where the ticks have none.
    pub(super) title: String,
    pub(super) scale: Scale,
    /// How a value is written.
    pub(super) show: fn(f64) -> String,
    pub(super) curves: Vec<Curve>,
}

/// Values by size.
pub(super) struct Curve {
    /// What it is called; nothing where the panel's title says it.
    pub(super) name: String,
    pub(super) colour: Rgb,
    pub(super) stroke: Stroke,
    pub(super) mark: Mark,
    pub(super) points: Vec<(usize, f64)>,
}

/// How the points of a curve are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stroke {
    Solid,
    Dashed,
    None,
}

/// How each point of a curve is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Full,
    Hollow,
    None,
}

impl Chart {
    /// The drawing.
    pub(super) fn draw(&self) -> Drawing {
        let mut drawing =
            Drawing { title: self.title.clone(), width: WIDTH, height: 0.0, shapes: Vec::new() };
        let title = shortened(&self.title, WIDTH - 32.0);
        drawing.text([WIDTH / 2.0, 26.0], Anchor::Middle, INK, title);
        let mut y = 44.0;
        for panel in &self.panels {
            y = self.panel(&mut drawing, panel, y);
        }
        drawing.text([LEFT + self.across() / 2.0, y], Anchor::Middle, INK, self.axis);
        drawing.height = y + 18.0;
        drawing
    }

    fn across(&self) -> f64 {
        WIDTH - LEFT - RIGHT
    }

    /// Where a size lies.
    fn x(&self, size: usize) -> f64 {
        let [low, high] = [self.sizes.iter().min(), self.sizes.iter().max()];
        let [low, high] = [low, high].map(|size| size.copied().unwrap_or(1) as f64);
        LEFT + INSET + Scale::Logarithmic { low, high }.place(size as f64) * (self.across() - 2.0 * INSET)
    }

    /// A panel from `y` on; returns where the next may begin.
    fn panel(&self, drawing: &mut Drawing, panel: &Panel, y: f64) -> f64 {
        drawing.text([LEFT, y + 14.0], Anchor::Start, INK, &panel.title);
        let top = legend(drawing, panel, y + 14.0) + 12.0;
        let height = |value: f64| top + HEIGHT * (1.0 - panel.scale.place(value));
        for tick in panel.scale.ticks(MOST_TICKS + 1) {
            let y = height(tick);
            drawing.rectangle([LEFT, y - 0.5], [self.across(), 1.0], GRID);
            drawing.text([LEFT - 10.0, y + 4.0], Anchor::End, INK, (panel.show)(tick));
        }
        let bottom = top + HEIGHT;
        drawing.rectangle([LEFT, bottom - 0.5], [self.across(), 1.0], GREY);
        self.sizes_below(drawing, bottom);
        for curve in &panel.curves {
            let mut points: Vec<_> = curve.points.iter().filter(|(_, value)| value.is_finite()).collect();
            points.sort_by_key(|(size, _)| *size);
            let places: Vec<[f64; 2]> =
                points.iter().map(|&&(size, value)| [self.x(size), height(value)]).collect();
            curve.draw(drawing, &places);
        }
        bottom + 40.0
    }

    /// Each size beneath its place, as far as there is room: the smallest and the largest in any case.
    fn sizes_below(&self, drawing: &mut Drawing, y: f64) {
        let mut sizes = self.sizes.clone();
        sizes.sort_unstable();
        sizes.dedup();
        let ends = |size: usize| {
            let half = width_of(&grouped(size)) / 2.0;
            [self.x(size) - half, self.x(size) + half]
        };
        let Some((&last, others)) = sizes.split_last() else { return };
        let mut free = f64::NEG_INFINITY;
        for &size in others {
            drawing.rectangle([self.x(size) - 0.5, y], [1.0, 5.0], GREY);
            let [start, end] = ends(size);
            if start >= free && end + LETTER <= ends(last)[0] {
                drawing.text([self.x(size), y + 18.0], Anchor::Middle, INK, grouped(size));
                free = end + LETTER;
            }
        }
        drawing.rectangle([self.x(last) - 0.5, y], [1.0, 5.0], GREY);
        drawing.text([self.x(last), y + 18.0], Anchor::Middle, INK, grouped(last));
    }
}

impl Curve {
    fn draw(&self, drawing: &mut Drawing, places: &[[f64; 2]]) {
        for ends in places.windows(2) {
            self.join(drawing, ends[0], ends[1]);
        }
        for &place in places {
            self.mark(drawing, place);
        }
    }

    fn join(&self, drawing: &mut Drawing, from: [f64; 2], to: [f64; 2]) {
        match self.stroke {
            Stroke::None => {}
            Stroke::Solid => drawing.line(from, to, STROKE, self.colour),
            Stroke::Dashed => {
                let length = (to[0] - from[0]).hypot(to[1] - from[1]);
                let at =
                    |along: f64| [0, 1].map(|axis| from[axis] + (to[axis] - from[axis]) * along / length);
                let dashes = (length / (DASH[0] + DASH[1])).ceil() as usize;
                for start in (0..dashes).map(|dash| dash as f64 * (DASH[0] + DASH[1])) {
                    drawing.line(at(start), at((start + DASH[0]).min(length)), STROKE, self.colour);
                }
            }
        }
    }

    fn mark(&self, drawing: &mut Drawing, place: [f64; 2]) {
        if self.mark != Mark::None {
            drawing.dot(place, MARK, self.colour);
        }
        if self.mark == Mark::Hollow {
            drawing.dot(place, MARK - 2.0 * STROKE + 0.5, WHITE);
        }
    }
}

/// What each curve is, right of the title and on as many lines as it takes; returns where the last one stands.
fn legend(drawing: &mut Drawing, panel: &Panel, mut y: f64) -> f64 {
    const SAMPLE: f64 = 30.0;
    const GAP: f64 = 20.0;
    let first = LEFT + width_of(&panel.title) + GAP;
    let mut x = first;
    for curve in panel.curves.iter().filter(|curve| !curve.name.is_empty()) {
        let width = SAMPLE + 8.0 + width_of(&curve.name);
        if x + width > WIDTH - RIGHT && x > first {
            (x, y) = (first, y + LINE + 2.0);
        }
        let (start, end) = ([x, y - 4.0], [x + SAMPLE, y - 4.0]);
        curve.join(drawing, start, end);
        curve.mark(drawing, [x + SAMPLE / 2.0, y - 4.0]);
        drawing.text([x + SAMPLE + 8.0, y], Anchor::Start, INK, &curve.name);
        x += width + GAP;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::Primitive;

    fn curve(name: &str, points: &[(usize, f64)]) -> Curve {
        let (colour, stroke, mark) = ([1, 2, 3], Stroke::Solid, Mark::Full);
        Curve { name: name.to_owned(), colour, stroke, mark, points: points.to_vec() }
    }

    fn chart(sizes: &[usize], curves: Vec<Curve>) -> Drawing {
        let (scale, show) = (Scale::linear(0.0, 10.0, 5), |value: f64| value.to_string());
        let panels = vec![Panel { title: "height".to_owned(), scale, show, curves }];
        Chart { title: "title".to_owned(), axis: "size", sizes: sizes.to_vec(), panels }.draw()
    }

    /// Left, right and text of everything written, with the line on which it stands.
    fn texts(drawing: &Drawing) -> Vec<([f64; 3], String)> {
        let texts = drawing.shapes.iter().filter_map(|shape| match shape {
            Primitive::Text { x, y, anchor, text, .. } => {
                let start = match anchor {
                    Anchor::Start => *x,
                    Anchor::Middle => x - width_of(text) / 2.0,
                    Anchor::End => x - width_of(text),
                };
                Some(([start, start + width_of(text), *y], text.clone()))
            }
            _ => None,
        });
        texts.collect()
    }

    fn dots(drawing: &Drawing) -> Vec<[f64; 2]> {
        let lines = drawing.shapes.iter().filter_map(|shape| match shape {
            Primitive::Line { from, to, .. } if from == to => Some(*from),
            _ => None,
        });
        lines.collect()
    }

    #[test]
    fn equal_ratios_of_sizes_are_equally_far_apart_and_values_lie_on_their_scale() {
        let drawing = chart(&[1, 7, 49], vec![curve("", &[(49, 0.0), (1, 10.0), (7, 5.0)])]);
        let dots = dots(&drawing);
        assert_eq!(dots.len(), 3);
        assert!((dots[1][0] - dots[0][0] - (dots[2][0] - dots[1][0])).abs() < 1e-9, "{dots:?}");
        assert!((dots[1][1] - dots[0][1] - HEIGHT / 2.0).abs() < 1e-9, "{dots:?}");
        let texts = texts(&drawing);
        let ([start, end, _], _) = texts.iter().find(|(_, text)| text == "7").unwrap();
        assert!(((start + end) / 2.0 - dots[1][0]).abs() < 1e-9, "it stands beneath its mark");
    }

    #[test]
    fn no_text_lies_on_another_or_outside_however_many_sizes_and_curves() {
        let sizes: Vec<usize> = (1..400).map(|i| i * i).chain([1_000_000, 1_000_001]).collect();
        let names = (0..9).map(|i| format!("accelerator, after {i} epochs"));
        let drawing = chart(&sizes, names.map(|name| curve(&name, &[(1, 1.0)])).collect());
        let texts = texts(&drawing);
        for (i, ([start, end, y], text)) in texts.iter().enumerate() {
            assert!(*start >= 0.0 && *end <= WIDTH && *y < drawing.height, "{text}");
            for ([other_start, other_end, other_y], other) in &texts[i + 1..] {
                let apart = end <= other_start || other_end <= start || (y - other_y).abs() >= 8.0;
                assert!(apart, "{text} / {other}");
            }
        }
        assert!(texts.iter().any(|(_, text)| text == "1,000,001"), "the largest size is there");
    }

    #[test]
    fn a_single_size_and_values_that_are_no_numbers_are_drawn_without_harm() {
        let drawing = chart(&[64], vec![curve("a", &[(64, f64::NAN)]), curve("b", &[(64, 3.0)])]);
        assert!(drawing.to_picture().is_some());
        let marks = dots(&drawing).len();
        assert_eq!(marks, 3, "two in the legend and one for the number");
        assert!(chart(&[], Vec::new()).to_picture().is_some());
    }

    #[test]
    fn a_dashed_line_ends_where_it_should() {
        let mut dashed = curve("", &[(1, 1.0), (16, 9.0)]);
        (dashed.stroke, dashed.mark) = (Stroke::Dashed, Mark::Hollow);
        let drawing = chart(&[1, 16], vec![dashed]);
        let ends = dots(&drawing);
        let lines = drawing.shapes.iter().filter_map(|shape| match shape {
            Primitive::Line { from, to, .. } if from != to => Some((from, to)),
            _ => None,
        });
        let lines: Vec<_> = lines.collect();
        assert!(lines.len() > 10 && *lines[0].0 == ends[0], "{lines:?}");
        assert!(lines.iter().all(|(from, to)| from[0] < to[0] && to[0] <= ends[2][0] + 1e-9), "{lines:?}");
    }
}
