//! What of its operands a share of a product touches.

use std::ops::Range;

use super::super::super::floats::Floats;
use super::super::super::matrix::Matrix;
use super::cut::{BAND, PANEL, bands};
use crate::ir::kernel::{Gemm, Sink};
use crate::ir::{Program, Value};

/// The part of C that a share of a product makes.
pub(super) struct Reach<'k> {
    gemm: &'k Gemm,
    program: &'k Program,
    /// Whole panels, but for the bands that are missing from the first and the last.
    columns: Range<usize>,
    /// The columns that it sums: of panels whose first band it has.
    sums: Range<usize>,
    /// The first row of the first panel, and the end of the last one's.
    rows: Range<usize>,
    is_one_panel: bool,
}

impl Reach<'_> {
    pub(super) fn new<'k>(gemm: &'k Gemm, program: &'k Program, share: &Range<usize>) -> Reach<'k> {
        let (bands, last) = (bands(gemm), share.end - 1);
        let (first_panel, last_panel) = (share.start / bands, last / bands);
        let end = gemm.n.min((last_panel + 1) * PANEL);
        Reach {
            gemm,
            program,
            columns: first_panel * PANEL..end,
            sums: end.min(share.start.div_ceil(bands) * PANEL)..end,
            rows: share.start % bands * BAND..gemm.m.min((last % bands + 1) * BAND),
            is_one_panel: first_panel == last_panel,
        }
    }

    /// Which elements of an operand it touches; `None` for all.
    pub(super) fn of(&self, operand: Value) -> Option<Range<usize>> {
        let Gemm { a, b, c, epilogue, column_sum, .. } = self.gemm;
        let sums: Vec<Value> = column_sum.iter().flat_map(results).collect();
        let others = epilogue.steps().filter_map(|step| step.other);
        let like_c: Vec<Value> = results(c).into_iter().chain(others).collect();
        let a = a.value();
        let roles = a.into_iter().chain([*b]).chain(epilogue.bias).chain(sums.iter().copied()).chain(like_c);
        match roles.filter(|&value| value == operand).count() {
            1 if a == Some(operand) => self.of_a(operand),
            1 if operand == *b => self.of_b(),
            1 if epilogue.bias == Some(operand) => Some(self.columns.clone()),
            1 if sums.contains(&operand) => Some(self.sums.clone()),
            1 => self.like_c(operand),
            _ => None, // in several roles, or one number or block that every unit reads
        }
    }

    fn matrix(&self, value: Value, rows: usize, columns: usize) -> Matrix {
        let panel = self.program.layouts[value.index()].panel(columns);
        Matrix { start: Floats::nowhere(), rows, columns, panel }
    }

    fn like_c(&self, value: Value) -> Option<Range<usize>> {
        let c = self.matrix(value, self.gemm.m, self.gemm.n);
        let (first, last) = (self.columns.start, self.columns.end.checked_sub(1)?);
        let last_panel = last / PANEL * PANEL;
        let end = c.offset(0, last_panel) + self.rows.end * c.stride(last_panel);
        (c.stride(first) <= PANEL).then(|| c.offset(self.rows.start, first)..end)
    }

    fn of_b(&self) -> Option<Range<usize>> {
        let Gemm { b, k, n, .. } = *self.gemm;
        let is_cut = self.matrix(b, k, n).panel <= PANEL;
        is_cut.then(|| self.columns.start * k..self.columns.end * k)
    }

    fn of_a(&self, a: Value) -> Option<Range<usize>> {
        let Gemm { m, k, transpose_a, .. } = *self.gemm;
        if !self.is_one_panel || self.rows.is_empty() {
            return None;
        }
        if transpose_a {
            // The panels of A in which its columns lie that are these rows.
            let a = self.matrix(a, k, m);
            let first = self.rows.start / a.panel * a.panel;
            return Some(first * k..a.end(self.rows.end - 1) * k);
        }
        let is_whole = self.matrix(a, m, k).panel >= k;
        is_whole.then(|| self.rows.start * k..self.rows.end * k)
    }
}

/// What is written where sums go: all that lies like them.
fn results(sink: &Sink) -> Vec<Value> {
    match sink {
        Sink::Store(value) | Sink::Add(value) => vec![*value],
        Sink::Update(target) => target.changed().collect(),
    }
}
