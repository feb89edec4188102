//! Memory against arithmetic: what a step takes with more and more of its activations computed again.

use crate::drawing::{
    Axis, BLUE, Chart, Curve, Drawing, HEIGHT, MOST_TICKS, Mark, Panel, Scale, Stroke, bytes_on_scale,
};
use crate::memory::Trade;
use crate::numbers::{grouped_bytes, percent};

/// Draws the bytes of a step against its arithmetic, as a share of the least there is, under this title.
pub(crate) fn trades(title: String, trades: &[Trade]) -> Drawing {
    let least = trades.iter().map(|trade| trade.operations).min().unwrap_or(1).max(1);
    let share = |trade: &Trade| trade.operations as f64 / least as f64;
    let largest = trades.iter().map(|trade| trade.total_bytes).max().unwrap_or(1);
    let axis = Axis {
        name: "operations of a step, of those with every activation kept".into(),
        scale: Scale::linear(1.0, trades.iter().map(share).fold(1.0, f64::max), MOST_TICKS),
        ticks: trades.iter().map(share).collect(),
        show: percent,
    };
    let points = trades.iter().map(|trade| [share(trade), trade.total_bytes as f64]).collect();
    let curve = Curve { name: String::new(), colour: BLUE, stroke: Stroke::Solid, mark: Mark::Full, points };
    let exact = |bytes: f64| format!("{} bytes", grouped_bytes(bytes as u64));
    let scale = Scale::bytes(largest as f64, MOST_TICKS);
    let panel = Panel { title: "memory".to_owned(), scale, show: bytes_on_scale, exact, curves: vec![curve] };
    Chart { title, axis, rule: None, height: 1.6 * HEIGHT, panels: vec![panel] }.draw()
}
