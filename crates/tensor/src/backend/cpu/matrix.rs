//! A matrix in the arena, by rows or in panels.

use super::floats::Floats;

/// A matrix whose columns are cut into panels, each row-major and behind the one to its left. One that is row-major as a
/// whole is a single panel.
#[derive(Clone, Copy)]
pub(super) struct Matrix {
    pub(super) start: Floats,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Columns of a panel; the last one may be narrower.
    pub(super) panel: usize,
}

impl Matrix {
    /// A row-major one.
    pub(super) fn by_rows(start: Floats, (rows, columns): (usize, usize)) -> Matrix {
        Matrix { start, rows, columns, panel: columns.max(1) }
    }

    /// First column of the panel in which a column lies.
    fn first(self, column: usize) -> usize {
        column / self.panel * self.panel
    }

    /// First column behind the panel in which a column lies.
    pub(super) fn end(self, column: usize) -> usize {
        (self.first(column) + self.panel).min(self.columns)
    }

    /// Elements from a row to the next, in the panel of a column.
    pub(super) fn stride(self, column: usize) -> usize {
        self.end(column) - self.first(column)
    }

    /// How far from the first element one lies, which may be behind the last.
    pub(super) fn offset(self, row: usize, column: usize) -> usize {
        if column >= self.columns {
            return self.rows * self.columns;
        }
        let first = self.first(column);
        first * self.rows + row * self.stride(column) + column - first
    }

    /// Where an element lies.
    pub(super) fn at(self, row: usize, column: usize) -> Floats {
        self.start.offset(self.offset(row, column))
    }
}
