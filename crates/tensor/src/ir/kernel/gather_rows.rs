//! Rows of a table, picked by index, and the sums of rows by index.

use std::fmt;

use super::describe::{Content, Describe, Visit};
use crate::ir::{Access, DType, Value};

/// output\[i, ·\] = table\[indices\[i\], ·\], NaN where there is no such row
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GatherRows {
    pub(crate) table: Value,
    pub(crate) indices: Indices,
    pub(crate) output: Value,
    /// Rows of the table.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// Numbers of rows: of type u8 or u16, or whole numbers in f32.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Indices {
    pub(crate) value: Value,
    pub(crate) dtype: DType,
    pub(crate) count: usize,
}

/// The row that an index names, of so many; `None` where there is no such row.
#[inline(always)]
pub(crate) fn row_at(index: f32, rows: usize) -> Option<usize> {
    let row = index as usize; // of what is below 0 or not a number: 0
    (row < rows && row as f32 == index).then_some(row)
}

impl Describe for GatherRows {
    fn operands(&mut self, visit: Visit<'_>) {
        visit(Access::Read, &mut self.table, self.rows * self.columns);
        visit(Access::Read, &mut self.indices.value, self.indices.count);
        visit(Access::Write, &mut self.output, self.indices.count * self.columns);
    }

    fn result(&self, _: Value) -> Content {
        Content::new("rows of a table", &[self.indices.count, self.columns])
    }
}

impl fmt::Display for GatherRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gather {} rows of {}×{}", self.indices.count, self.rows, self.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::row_at;

    #[test]
    fn an_index_names_a_row_if_it_is_whole_and_within() {
        assert_eq!([0.0, -0.0, 2.0].map(|index| row_at(index, 3)), [Some(0), Some(0), Some(2)]);
        for index in [3.0, -1.0, 0.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(row_at(index, 3), None, "{index}");
        }
        assert_eq!(row_at(0.0, 0), None);
    }
}
