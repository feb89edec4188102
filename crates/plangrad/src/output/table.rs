//! Tables of text: columns as wide as their widest cell.

use std::fmt;

/// Which side of a column its cells keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of cells under headings.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
    gap: usize,
}

impl Table {
    /// A table with these headings, one for each column.
    pub(crate) fn new<'a>(headings: impl IntoIterator<Item = (&'a str, Align)>) -> Self {
        let (headings, columns): (Vec<&str>, _) = headings.into_iter().unzip();
        let mut table = Self { columns, rows: Vec::new(), gap: 2 };
        table.row(headings);
        table
    }

    /// Puts another number of spaces between columns than 2.
    pub(crate) fn gap(self, gap: usize) -> Self {
        Self { gap, ..self }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        (0..self.columns.len()).map(|column| width(column).unwrap_or(0)).collect()
    }

    /// Columns of text it takes.
    pub(crate) fn width(&self) -> usize {
        self.widths().iter().sum::<usize>() + self.gap * self.columns.len().saturating_sub(1)
    }
}

impl fmt::Display for Table {
    /// Lines without a line break after the last, and without spaces at their ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).zip(&self.columns);
            let cells: Vec<String> = cells
                .map(|((cell, &width), align)| match align {
                    Align::Left => format!("{cell:<width$}"),
                    Align::Right => format!("{cell:>width$}"),
                })
                .collect();
            let line = cells.join(&" ".repeat(self.gap));
            write!(f, "{}{}", if number > 0 { "\n" } else { "" }, line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_lines_end_with_text() {
        let mut table = Table::new([("name", Align::Left), ("n", Align::Right), ("", Align::Left)]);
        table.row(["tsu", "1,000", ""]);
        assert_eq!(table.to_string(), "name      n\ntsu   1,000");
        assert_eq!(table.width(), 4 + 2 + 5 + 2);
    }
}
