//! Charts: panels below each other over one horizontal axis, each with its own scale.
//!
//! Values of the axis are written where they are asked for, as far as there is room. Curves differ in colour and also in stroke and
//! marks, so that they can be distinguished without colours.

use std::borrow::Cow;

use super::font::{shortened, width_of};
use super::palette::{GREY, GRID, Rgb, WHITE};
use super::scale::Scale;
use super::shapes::{Anchor, Drawing, LINE, Style, TEXT, TITLE};

/// Points across, and left and right of the curves; the left has room for the values of ticks.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 28.0;

/// Points from top to bottom of the curves of one panel of several.
pub(crate) const HEIGHT: f64 = 170.0;

/// Points between the ends of the axis and its first and last value.
const INSET: f64 = 20.0;

/// Diameter of a mark and of a small one, and width of a stroke and of a thin one.
const MARK: f64 = 7.0;
const SMALL_MARK: f64 = 3.5;
const STROKE: f64 = 2.0;
const THIN: f64 = 1.0;

/// Points of a dash and of the gap behind it.
const DASH: [f64; 2] = [7.0, 6.0];

/// Points between two values below the axis.
const APART: f64 = 10.0;

/// Points from the end of a rule's name to the rule.
const BESIDE: f64 = 6.0;

/// Most values written along a vertical axis.
pub(crate) const MOST_TICKS: usize = 6;

/// Several panels over one axis.
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) axis: Axis,
    /// A place on the axis that matters, and why.
    pub(crate) rule: Option<(f64, String)>,
    /// Points from top to bottom of each panel's curves.
    pub(crate) height: f64,
    pub(crate) panels: Vec<Panel>,
}

/// The horizontal axis.
pub(crate) struct Axis {
    /// What it shows.
    pub(crate) name: Cow<'static, str>,
    pub(crate) scale: Scale,
    /// Values to write below it; the first and the last in any case.
    pub(crate) ticks: Vec<f64>,
    /// How a value is written.
    pub(crate) show: fn(f64) -> String,
}

/// Curves to one scale.
pub(crate) struct Panel {
    /// What is shown.
    pub(crate) title: String,
    pub(crate) scale: Scale,
    /// How a value is written along the scale, and how exactly under the pointer.
    pub(crate) show: fn(f64) -> String,
    pub(crate) exact: fn(f64) -> String,
    pub(crate) curves: Vec<Curve>,
}

/// Values along the axis.
pub(crate) struct Curve {
    /// What it is called; nothing where the panel's title says it.
    pub(crate) name: String,
    pub(crate) colour: Rgb,
    pub(crate) stroke: Stroke,
    pub(crate) mark: Mark,
    pub(crate) points: Vec<[f64; 2]>,
}

/// How the points of a curve are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
    Solid,
    Thin,
    Dashed,
    None,
}

/// How each point of a curve is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Full,
    Small,
    Hollow,
    None,
}

impl Chart {
    /// The drawing.
    pub(crate) fn draw(&self) -> Drawing {
        let mut drawing = Drawing::new(&self.title, [WIDTH, 0.0]);
        drawing.heading([LEFT, 28.0], WIDTH - LEFT - RIGHT, &self.title);
        let mut y = 44.0;
        for (i, panel) in self.panels.iter().enumerate() {
            y = self.panel(&mut drawing, panel, y, i == 0);
        }
        let middle = Style::of(TEXT, Anchor::Middle).coloured(GREY);
        drawing.text([LEFT + across() / 2.0, y - 2.0], middle, &*self.axis.name);
        drawing.height = y + 16.0;
        drawing
    }

    /// Where a value of the axis lies.
    fn x(&self, value: f64) -> f64 {
        LEFT + INSET + self.axis.scale.place(value) * (across() - 2.0 * INSET)
    }

    /// A panel from `y` on; returns where the next may begin.
    fn panel(&self, drawing: &mut Drawing, panel: &Panel, y: f64, is_first: bool) -> f64 {
        drawing.text([LEFT, y + 14.0], Style::of(TEXT, Anchor::Start), &panel.title);
        let top = legend(drawing, panel, y + 14.0) + 12.0;
        let height = |value: f64| top + self.height * (1.0 - panel.scale.place(value));
        for tick in panel.scale.ticks(MOST_TICKS + 1) {
            let y = height(tick);
            drawing.rectangle([LEFT, y - 0.5], [across(), 1.0], GRID);
            let end = Style::of(TEXT, Anchor::End).coloured(GREY);
            drawing.text([LEFT - 8.0, y + 4.0], end, (panel.show)(tick));
        }
        let bottom = top + self.height;
        drawing.rectangle([LEFT, bottom - 0.5], [across(), 1.0], GREY);
        self.values_below(drawing, bottom);
        self.draw_rule(drawing, [top, bottom], is_first);
        for curve in &panel.curves {
            let points = curve.points.iter().filter(|[x, y]| x.is_finite() && y.is_finite());
            let mut points: Vec<[f64; 2]> = points.copied().collect();
            points.sort_by(|[one, _], [other, _]| one.total_cmp(other));
            let name = if curve.name.is_empty() { &panel.title } else { &curve.name };
            drawing.group(name, |drawing| {
                let place = |&[x, y]: &[f64; 2]| [self.x(x), height(y)];
                points.windows(2).for_each(|ends| curve.join(drawing, place(&ends[0]), place(&ends[1])));
                for point in points.iter().filter(|_| curve.mark != Mark::None) {
                    let [x, y] = [(self.axis.show)(point[0]), (panel.exact)(point[1])];
                    let title = format!("{} {x}, {name}: {y}", self.axis.name);
                    drawing.group(title, |drawing| curve.mark(drawing, place(point)));
                }
            });
        }
        bottom + 40.0
    }

    /// Each value of the axis beneath its place, as far as there is room: the first and the last in any case.
    fn values_below(&self, drawing: &mut Drawing, y: f64) {
        let written = |value: f64| (self.axis.show)(value);
        let ends = |value: f64| {
            let half = width_of(&written(value), TEXT) / 2.0;
            [self.x(value) - half, self.x(value) + half]
        };
        let Some((&last, others)) = self.axis.ticks.split_last() else { return };
        let style = Style::of(TEXT, Anchor::Middle).coloured(GREY);
        let mut free = f64::NEG_INFINITY;
        for &value in others {
            drawing.rectangle([self.x(value) - 0.5, y], [1.0, 5.0], GREY);
            let [start, end] = ends(value);
            if start >= free && end + APART <= ends(last)[0] {
                drawing.text([self.x(value), y + 19.0], style, written(value));
                free = end + APART;
            }
        }
        drawing.rectangle([self.x(last) - 0.5, y], [1.0, 5.0], GREY);
        drawing.text([self.x(last), y + 19.0], style, written(last));
    }

    /// The place that matters, with its name in the first panel, on the side where there is more room.
    fn draw_rule(&self, drawing: &mut Drawing, [top, bottom]: [f64; 2], is_named: bool) {
        let Some((value, name)) = &self.rule else { return };
        let x = self.x(*value);
        drawing.group(name, |drawing| dashed(drawing, [x, top], [x, bottom], THIN, GREY));
        if is_named {
            let is_right = x - LEFT > across() / 2.0;
            let (x, anchor) = if is_right { (x - BESIDE, Anchor::End) } else { (x + BESIDE, Anchor::Start) };
            drawing.text([x, top + 10.0], Style::of(TEXT, anchor).coloured(GREY), name);
        }
    }
}

impl Drawing {
    /// Adds a title that keeps to a width: in smaller letters where it has to, and without its middle as a last resort.
    pub(crate) fn heading(&mut self, place: [f64; 2], width: f64, title: &str) {
        let sizes = [TITLE, 14.0, TEXT];
        let size = sizes.into_iter().find(|&size| width_of(title, size) <= width).unwrap_or(TEXT);
        self.text(place, Style::of(size, Anchor::Start), shortened(title, size, width));
    }
}

/// Points from left to right of the curves.
fn across() -> f64 {
    WIDTH - LEFT - RIGHT
}

impl Curve {
    fn join(&self, drawing: &mut Drawing, from: [f64; 2], to: [f64; 2]) {
        match self.stroke {
            Stroke::None => {}
            Stroke::Solid => drawing.line(from, to, STROKE, self.colour),
            Stroke::Thin => drawing.line(from, to, THIN, self.colour),
            Stroke::Dashed => dashed(drawing, from, to, STROKE, self.colour),
        }
    }

    fn mark(&self, drawing: &mut Drawing, place: [f64; 2]) {
        match self.mark {
            Mark::None => {}
            Mark::Full => drawing.dot(place, MARK, self.colour),
            Mark::Small => drawing.dot(place, SMALL_MARK, self.colour),
            Mark::Hollow => {
                drawing.dot(place, MARK, self.colour);
                drawing.dot(place, MARK - 2.0 * STROKE + 0.5, WHITE);
            }
        }
    }
}

fn dashed(drawing: &mut Drawing, from: [f64; 2], to: [f64; 2], width: f64, colour: Rgb) {
    let length = (to[0] - from[0]).hypot(to[1] - from[1]);
    let at = |along: f64| [0, 1].map(|axis| from[axis] + (to[axis] - from[axis]) * along / length);
    let dashes = (length / (DASH[0] + DASH[1])).ceil() as usize;
    for start in (0..dashes).map(|dash| dash as f64 * (DASH[0] + DASH[1])) {
        drawing.line(at(start), at((start + DASH[0]).min(length)), width, colour);
    }
}

/// What each curve is, right of the title and on as many lines as it takes; returns where the last one stands.
fn legend(drawing: &mut Drawing, panel: &Panel, mut y: f64) -> f64 {
    const SAMPLE: f64 = 26.0;
    const GAP: f64 = 18.0;
    const BEHIND: f64 = 6.0;
    let first = LEFT + width_of(&panel.title, TEXT) + GAP;
    let mut x = first;
    for curve in panel.curves.iter().filter(|curve| !curve.name.is_empty()) {
        let name = shortened(&curve.name, TEXT, WIDTH - RIGHT - first - SAMPLE - BEHIND);
        let width = SAMPLE + BEHIND + width_of(&name, TEXT);
        if x + width > WIDTH - RIGHT && x > first {
            (x, y) = (first, y + LINE);
        }
        let (start, end) = ([x, y - 4.0], [x + SAMPLE, y - 4.0]);
        curve.join(drawing, start, end);
        curve.mark(drawing, [x + SAMPLE / 2.0, y - 4.0]);
        drawing.text([x + SAMPLE + BEHIND, y], Style::of(TEXT, Anchor::Start), name);
        x += width + GAP;
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::Primitive;
    use crate::numbers::{grouped, short};

    fn curve(name: &str, points: &[[f64; 2]]) -> Curve {
        let (colour, stroke, mark) = ([1, 2, 3], Stroke::Solid, Mark::Full);
        Curve { name: name.to_owned(), colour, stroke, mark, points: points.to_vec() }
    }

    fn chart(ticks: &[f64], curves: Vec<Curve>) -> Chart {
        let (low, high) = (ticks.first().copied().unwrap_or(1.0), ticks.last().copied().unwrap_or(1.0));
        let scale = Scale::Logarithmic { low, high };
        let show = |value: f64| grouped(value as usize);
        let axis = Axis { name: "size".into(), scale, ticks: ticks.to_vec(), show };
        let scale = Scale::linear(0.0, 10.0, 5);
        let panels = vec![Panel { title: "height".to_owned(), scale, show: short, exact: short, curves }];
        Chart { title: "title".to_owned(), axis, rule: None, height: HEIGHT, panels }
    }

    fn dots(drawing: &Drawing) -> Vec<[f64; 2]> {
        let lines = drawing.flat().into_iter().filter_map(|shape| match shape {
            Primitive::Line { from, to, .. } if from == to => Some(*from),
            _ => None,
        });
        lines.collect()
    }

    #[test]
    fn equal_ratios_of_sizes_are_equally_far_apart_and_values_lie_on_their_scale() {
        let curves = vec![curve("", &[[49.0, 0.0], [1.0, 10.0], [7.0, 5.0]])];
        let drawing = chart(&[1.0, 7.0, 49.0], curves).draw();
        let dots = dots(&drawing);
        assert_eq!(dots.len(), 3);
        assert!((dots[1][0] - dots[0][0] - (dots[2][0] - dots[1][0])).abs() < 1e-9, "{dots:?}");
        assert!((dots[1][1] - dots[0][1] - HEIGHT / 2.0).abs() < 1e-9, "{dots:?}");
        let texts = drawing.texts();
        let ([start, end, _], _) = texts.iter().find(|(_, text)| text == "7").unwrap();
        assert!(((start + end) / 2.0 - dots[1][0]).abs() < 1e-4, "it stands beneath its mark");
    }

    #[test]
    fn each_mark_says_what_it_is() {
        let svg = chart(&[1.0, 7.0], vec![curve("cpu", &[[7.0, 2.5]])]).draw().to_svg().unwrap();
        assert!(svg.contains("<g><title>cpu</title>\n<g><title>size 7, cpu: 2.5</title>\n<circle"), "{svg}");
    }

    #[test]
    fn no_text_lies_on_another_or_outside_however_many_values_and_curves() {
        let sizes: Vec<f64> = (1..400).map(|i| f64::from(i * i)).chain([1e6, 1e6 + 1.0]).collect();
        let names = (0..9).map(|i| format!("accelerator, after {i} epochs"));
        let names = names.chain(["a name that is longer than there is room for ".repeat(9)]);
        let mut chart = chart(&sizes, names.map(|name| curve(&name, &[[1.0, 1.0]])).collect());
        chart.title = "a title that is longer than there is room for ".repeat(9);
        for rule in [1.0, 30.0, 1e6] {
            chart.rule = Some((rule, "a place that matters".to_owned()));
            let drawing = chart.draw();
            drawing.assert_legible();
            assert!(drawing.texts().iter().any(|(_, text)| text == "1,000,001"), "the largest size is there");
        }
    }

    #[test]
    fn a_single_value_and_values_that_are_no_numbers_are_drawn_without_harm() {
        let curves = vec![curve("a", &[[64.0, f64::NAN]]), curve("b", &[[64.0, 3.0]])];
        let drawing = chart(&[64.0], curves).draw();
        assert!(drawing.to_picture().is_some());
        let marks = dots(&drawing).len();
        assert_eq!(marks, 3, "two in the legend and one for the number");
        assert!(chart(&[], Vec::new()).draw().to_picture().is_some());
    }

    #[test]
    fn a_dashed_line_ends_where_it_should() {
        let mut dashed = curve("", &[[1.0, 1.0], [16.0, 9.0]]);
        (dashed.stroke, dashed.mark) = (Stroke::Dashed, Mark::Hollow);
        let drawing = chart(&[1.0, 16.0], vec![dashed]).draw();
        let ends = dots(&drawing);
        let lines = drawing.flat().into_iter().filter_map(|shape| match shape {
            Primitive::Line { from, to, .. } if from != to => Some((from, to)),
            _ => None,
        });
        let lines: Vec<_> = lines.collect();
        assert!(lines.len() > 10 && *lines[0].0 == ends[0], "{lines:?}");
        assert!(lines.iter().all(|(from, to)| from[0] < to[0] && to[0] <= ends[2][0] + 1e-9), "{lines:?}");
    }
}
