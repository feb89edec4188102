//! Draws a board on as many columns and lines as there are: what does not fit is left out, the least important first.

use std::time::Duration;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Widget};

use super::board::{Board, Mistake, Phase};
use crate::colour::{Colour, indexed};
use crate::history::Epoch;
use crate::numbers::{grouped, percent, size};
use crate::picture::Picture;

/// Columns and lines from which on charts stand side by side with memory and mistakes below, and from which on these have
/// pictures.
const MEDIUM: (u16, u16) = (70, 20);
const LARGE: (u16, u16) = (100, 30);

const TRAIN: Color = Color::Cyan;
const EVALUATED: Color = Color::Yellow;
const BATCHES: Color = Color::DarkGray;
const QUIET: Style = Style::new().fg(Color::DarkGray);

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, board: &Board) {
    let area = frame.area();
    let figures = wrapped(&figures(board), ", ", usize::from(area.width));
    let head = 2 + figures.len() as u16;
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(head), Constraint::Min(0), Constraint::Length(1)]).areas(area);
    draw_head(frame, head, board, figures);
    if fits(area, MEDIUM) {
        draw_parts(frame, body, board, fits(area, LARGE));
    } else {
        draw_few(frame, body, board);
    }
    frame.render_widget(foot_line(board, foot.width), foot);
}

fn fits(area: Rect, (columns, lines): (u16, u16)) -> bool {
    area.width >= columns && area.height >= lines
}

fn draw_head(frame: &mut Frame<'_>, area: Rect, board: &Board, figures: Vec<String>) {
    let [title, bar, rest] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(0)]).areas(area);
    frame.render_widget(Line::styled(board.title.as_str(), Modifier::BOLD), title);
    let share = board.share().clamp(0.0, 1.0);
    let gauge = Gauge::default().ratio(share).label(percent(share)).gauge_style(Style::new().fg(TRAIN));
    frame.render_widget(gauge, bar);
    frame.render_widget(Paragraph::new(figures.into_iter().map(Line::raw).collect::<Vec<_>>()), rest);
}

/// `epoch 3/10`, `loss 0.1234`, `61,234 samples/s`, `12 s left`
fn figures(board: &Board) -> Vec<String> {
    let mut figures = Vec::new();
    if let Some((epoch, _, loss)) = board.position {
        figures.push(format!("epoch {epoch}/{}", board.epochs));
        figures.push(format!("loss {loss:.4}"));
    }
    if let Some(accuracy) = board.last_epoch().and_then(accuracy) {
        figures.push(format!("accuracy {}", percent(accuracy)));
    }
    figures.extend(board.samples_per_second().map(|rate| format!("{} samples/s", grouped(rate as usize))));
    figures.extend(board.time_left().map(|left| format!("{} left", time(left))));
    figures
}

/// `12 s`, `3 min 20 s`, `2 h 5 min`
fn time(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

fn accuracy(epoch: &Epoch) -> Option<f64> {
    epoch.validation_accuracy.or(epoch.test_accuracy)
}

fn loss(epoch: &Epoch) -> Option<f64> {
    epoch.validation_loss.or(epoch.test_loss)
}

/// Words on lines of so many columns, with this between two on the same line.
fn wrapped(words: &[String], between: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if (line.chars().chain(between.chars()).chain(word.chars())).count() <= columns => {
                line.push_str(between);
                line.push_str(word);
            }
            _ => lines.push(word.clone()),
        }
    }
    lines
}

fn draw_few(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let total: u64 = board.memory.iter().map(|(_, bytes)| bytes).sum();
    let [chart, memory] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(area);
    draw_losses(frame, chart, board);
    frame.render_widget(Line::raw(format!("memory {}", size(total))), memory);
}

fn draw_parts(frame: &mut Frame<'_>, area: Rect, board: &Board, has_pictures: bool) {
    let below = if has_pictures { area.height * 9 / 20 } else { board.memory.len() as u16 + 3 };
    let [charts, below] = Layout::vertical([Constraint::Min(6), Constraint::Length(below)]).areas(area);
    let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(charts);
    draw_losses(frame, left, board);
    draw_accuracies(frame, right, board);
    let [left, right] =
        Layout::horizontal([Constraint::Length(34), Constraint::Min(0)]).spacing(1).areas(below);
    draw_memory(frame, left, board);
    draw_mistakes(frame, right, board, has_pictures);
}

/// A curve.
struct Curve {
    name: &'static str,
    colour: Color,
    points: Vec<(f64, f64)>,
}

impl Curve {
    fn dataset(&self) -> Dataset<'_> {
        let lines = if self.points.len() == 1 { GraphType::Scatter } else { GraphType::Line };
        let dataset = Dataset::default().marker(Marker::Braille).graph_type(lines);
        dataset.style(Style::new().fg(self.colour)).data(&self.points)
    }
}

fn of_epochs(board: &Board, value: fn(&Epoch) -> Option<f64>) -> Vec<(f64, f64)> {
    let points = board.history.epochs.iter().map(|epoch| (epoch.epoch as f64, value(epoch)));
    points.filter_map(|(x, y)| Some((x, y.filter(|y| y.is_finite())?))).collect()
}

fn draw_losses(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let steps = board.history.steps.iter().map(|step| (step.place(), step.loss));
    let curves = [
        Curve { name: "batches", colour: BATCHES, points: steps.filter(|(_, y)| y.is_finite()).collect() },
        Curve { name: "train", colour: TRAIN, points: of_epochs(board, |epoch| epoch.train_loss) },
        Curve { name: evaluated(board), colour: EVALUATED, points: of_epochs(board, loss) },
    ];
    draw_chart(frame, area, "loss", &curves, |loss| format!("{loss:.2}"));
}

fn draw_accuracies(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let curve = Curve { name: evaluated(board), colour: EVALUATED, points: of_epochs(board, accuracy) };
    draw_chart(frame, area, "accuracy", &[curve], |share| format!("{:.1} %", 100.0 * share));
}

fn evaluated(board: &Board) -> &'static str {
    match board.last_epoch() {
        Some(epoch) if epoch.validation_loss.is_some() => "validation",
        _ => "test",
    }
}

fn draw_chart(frame: &mut Frame<'_>, area: Rect, title: &str, curves: &[Curve], label: fn(f64) -> String) {
    let shown: Vec<&Curve> = curves.iter().filter(|curve| !curve.points.is_empty()).collect();
    let mut legend = vec![Span::styled(title.to_owned(), Modifier::BOLD)];
    legend.extend(shown.iter().map(|curve| Span::styled(format!("  {}", curve.name), curve.colour)));
    let block = Block::new().title(Line::from(legend));
    let points = || shown.iter().flat_map(|curve| &curve.points);
    if points().next().is_none() {
        return frame.render_widget(Paragraph::new("no epoch has ended yet").style(QUIET).block(block), area);
    }
    let last = points().map(|(x, _)| x.ceil()).fold(1.0, f64::max);
    let [mut low, mut high] =
        [f64::min, f64::max].map(|of| points().map(|&(_, y)| y).reduce(of).unwrap_or(0.0));
    if title == "loss" {
        low = low.min(0.0);
    }
    if high - low < 1e-9 {
        (low, high) = (low - 0.005, high + 0.005);
    }
    let first = if title == "loss" { 0.0 } else { 1.0_f64.min(last - 1.0) };
    let chart = Chart::new(shown.into_iter().map(Curve::dataset).collect())
        .block(block)
        .x_axis(
            Axis::default()
                .style(QUIET)
                .bounds([first, last])
                .labels([format!("{first}"), format!("epoch {last}")]),
        )
        .y_axis(Axis::default().style(QUIET).bounds([low, high]).labels([label(low), label(high)]));
    frame.render_widget(chart, area);
}

fn draw_memory(frame: &mut Frame<'_>, area: Rect, board: &Board) {
    let total: u64 = board.memory.iter().map(|(_, bytes)| bytes).sum();
    let widest = board.memory.iter().map(|(_, bytes)| *bytes).max().unwrap_or(1).max(1);
    let mut lines = vec![Line::styled(format!("memory {}", size(total)), Modifier::BOLD)];
    for (name, bytes) in &board.memory {
        let bar = "▇".repeat((7 * bytes).div_ceil(widest) as usize);
        lines.push(Line::from(vec![
            Span::raw(format!("{name:<16}{:>10} ", size(*bytes))),
            Span::styled(bar, TRAIN),
        ]));
    }
    if let Some(bytes) = board.last_epoch().and_then(|epoch| epoch.measured_bytes) {
        lines.push(Line::styled(format!("{:<16}{:>10}", "measured", size(bytes)), QUIET));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn draw_mistakes(frame: &mut Frame<'_>, area: Rect, board: &Board, has_pictures: bool) {
    let title = if board.mistakes.is_empty() { "mistakes: none seen yet" } else { "last mistakes" };
    let mut lines = vec![Line::from(vec![
        Span::styled(title, Modifier::BOLD),
        Span::styled(format!("  {}", board.shown), QUIET),
    ])];
    let colour = Colour::detect(true);
    if has_pictures && colour != Colour::None && !board.mistakes.is_empty() {
        frame.render_widget(Paragraph::new(lines), area);
        let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        return draw_pictures(frame.buffer_mut(), below, &board.mistakes, colour);
    }
    lines.extend(board.mistakes.iter().map(|mistake| Line::raw(mistake.title.as_str())));
    frame.render_widget(Paragraph::new(lines), area);
}

/// Columns of a picture with its title, and lines of the title.
const PICTURE: u16 = 22;
const TITLE: u16 = 2;

fn draw_pictures(buffer: &mut Buffer, area: Rect, mistakes: &[Mistake], colour: Colour) {
    let across = (area.width / (PICTURE + 1)).max(1);
    let lines = area.height.saturating_sub(TITLE);
    for (place, mistake) in (0..across).zip(mistakes) {
        let left = area.x + place * (PICTURE + 1);
        let place = Rect { x: left, y: area.y, width: PICTURE.min(area.right() - left), height: area.height };
        let title = Rect { height: TITLE.min(place.height), ..place };
        let words: Vec<String> = mistake.title.split(' ').map(str::to_owned).collect();
        let text = wrapped(&words, " ", usize::from(place.width));
        Paragraph::new(text.into_iter().map(Line::raw).collect::<Vec<_>>()).render(title, buffer);
        let below = Rect { y: place.y + title.height, height: lines, ..place };
        mistake.picture.iter().for_each(|picture| draw_picture(buffer, below, picture, colour));
    }
}

/// Two pixels to a letter, as large as fits.
fn draw_picture(buffer: &mut Buffer, area: Rect, picture: &Picture, colour: Colour) {
    let (width, height) = (picture.width().max(1), picture.height().max(1));
    let scale = (f64::from(area.width) / width as f64).min(2.0 * f64::from(area.height) / height as f64);
    let columns = ((width as f64 * scale) as u16).min(area.width);
    let lines = ((height as f64 * scale / 2.0) as u16).min(area.height);
    let pixel = |x: u16, y: u16| {
        let [x, y] = [x, y].map(|place| ((f64::from(place) + 0.5) / scale) as usize);
        shade(picture.rgb(x.min(width - 1), y.min(height - 1)), colour)
    };
    for line in 0..lines {
        for column in 0..columns {
            let [above, below] = [2 * line, 2 * line + 1].map(|y| pixel(column, y));
            if let Some(cell) = buffer.cell_mut((area.x + column, area.y + line)) {
                cell.set_symbol("▀").set_fg(above).set_bg(below);
            }
        }
    }
}

fn shade(rgb: [u8; 3], colour: Colour) -> Color {
    match colour {
        Colour::True => Color::Rgb(rgb[0], rgb[1], rgb[2]),
        _ => Color::Indexed(indexed(rgb)),
    }
}

fn foot_line(board: &Board, columns: u16) -> Line<'static> {
    let is_narrow = columns < 64;
    match board.phase {
        Phase::Asking if is_narrow => Line::styled("Stop and save? y: yes, else go on", Modifier::REVERSED),
        Phase::Asking => {
            Line::styled("Stop the run? It is saved first. y: yes, any other key: go on", Modifier::REVERSED)
        }
        Phase::Going if board.is_watched => Line::styled("q: leave; the run goes on", QUIET),
        Phase::Going => Line::styled("q: stop", QUIET),
        Phase::Ended => Line::styled("the run has ended; q: leave", QUIET),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::history::{History, Line as Event};

    fn board() -> Board {
        let mut history = History::default();
        let mut add = |line: &str| history.add(serde_json::from_str::<Event>(line).unwrap());
        add(r#"{"event":"start","train_samples":6400,"batch_size":64}"#);
        for epoch in 1..=3 {
            for step in [0, 50] {
                let loss = 2.0 / f64::from(epoch) - f64::from(step) / 100.0;
                add(&format!(r#"{{"event":"step","epoch":{epoch},"step":{step},"loss":{loss}}}"#));
            }
            let (loss, accuracy) = (1.0 / f64::from(epoch), 0.9 + f64::from(epoch) / 100.0);
            add(&format!(
                r#"{{"event":"epoch","epoch":{epoch},"train_loss":{loss},"test_loss":{loss},"test_accuracy":{accuracy},"samples_per_second":61234,"measured_bytes":1264768}}"#
            ));
        }
        let picture = Picture::from_planes(&[1, 28, 28], &[200; 784]).unwrap();
        let mistake = |title: &str| Mistake { title: title.to_owned(), picture: Some(picture.clone()) };
        let mut board = Board::titled("digits, 784-128-10, Adam 0.001, batch size 64".to_owned());
        (board.epochs, board.samples_per_epoch, board.samples) = (4, 6400, 4 * 6400);
        (board.history, board.position) = (history, Some((4, 3200, 0.1234)));
        board.memory = vec![("parameters", 407_080), ("optimizer state", 814_160), ("activations", 43_528)];
        board.shown = "256 samples of digits test, after epoch 3".to_owned();
        board.mistakes = vec![mistake("sample 7: 9, predicted 4"), mistake("sample 12: 3, predicted 8")];
        board
    }

    /// What the terminal shows, line by line.
    fn shown(board: &Board, columns: u16, lines: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        terminal.draw(|frame| draw(frame, board)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y| (0..columns).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
        (0..lines).map(|y| line(y).trim_end().to_owned()).collect()
    }

    #[test]
    fn a_narrow_terminal_has_figures_a_curve_and_the_memory() {
        let lines = shown(&board(), 40, 15);
        assert_eq!(lines[2], "epoch 4/4, loss 0.1234, accuracy 93.00 %");
        assert_eq!(lines[3], "61,234 samples/s, 0 s left");
        assert!(lines.iter().any(|line| line.starts_with("loss  batches  train  test")), "{lines:#?}");
        assert_eq!((lines[13].as_str(), lines[14].as_str()), ("memory 1.21 MiB", "q: stop"));
    }

    #[test]
    fn a_larger_terminal_has_both_curves_memory_by_category_and_mistakes() {
        for (columns, lines) in [(80, 24), (120, 40)] {
            let shown = shown(&board(), columns, lines);
            let text = shown.join("\n");
            for part in
                ["accuracy  test", "optimizer state", "795.1 KiB", "measured", "last mistakes", "sample 7: 9"]
            {
                assert!(text.contains(part), "{part} is missing at {columns}x{lines}:\n{text}");
            }
            assert_eq!(text.contains('▀'), columns == 120 && Colour::detect(true) != Colour::None, "{text}");
        }
    }

    #[test]
    fn nothing_is_stopped_without_being_asked_for_twice() {
        let mut board = board();
        assert!(!board.ask());
        assert_eq!(shown(&board, 40, 15)[14], "Stop and save? y: yes, else go on");
        assert!(shown(&board, 80, 24)[23].starts_with("Stop the run? It is saved first."));
        board.is_watched = true;
        assert!(board.ask(), "a run that is watched is not stopped");
    }

    #[test]
    fn a_run_that_has_just_begun_and_a_terminal_without_room_are_drawn_too() {
        for (columns, lines) in [(1, 1), (3, 2), (20, 5), (70, 20), (200, 60)] {
            shown(&Board::default(), columns, lines);
            shown(&board(), columns, lines);
        }
        let mut damaged = board();
        damaged.history.epochs[0].train_loss = Some(f64::INFINITY);
        damaged.samples = 0;
        shown(&damaged, 80, 24);
    }
}
