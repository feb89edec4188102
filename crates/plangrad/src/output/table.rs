//! Tables of text: columns as wide in a terminal as their widest cell.

use std::fmt;

use super::console::Console;
use super::untrusted::untrusted;
use super::width::columns;

/// The alignment of a column.
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
    /// A table with these headings, one per column.
    pub(crate) fn new(headings: impl IntoIterator<Item = (impl AsRef<str>, Align)>) -> Self {
        let (headings, columns): (Vec<_>, _) = headings.into_iter().unzip();
        let mut table = Self { columns, rows: Vec::new(), gap: 2 };
        table.row(headings);
        table
    }

    /// Sets the number of spaces between columns, 2 by default.
    pub(crate) fn gap(self, gap: usize) -> Self {
        Self { gap, ..self }
    }

    /// Adds a row. Cells may hold names from outside: they are shortened and made safe to print.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.rows.push(cells.into_iter().map(|cell| untrusted(cell.as_ref())).collect());
    }

    /// Adds a row whose last cell is drawn by the program itself, with colours and of any length.
    pub(crate) fn row_with_drawing(
        &mut self,
        cells: impl IntoIterator<Item = impl AsRef<str>>,
        drawing: String,
    ) {
        self.row(cells);
        self.rows.last_mut().expect("the row just added").push(drawing);
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell)).max()
        };
        (0..self.columns.len()).map(|column| width(column).unwrap_or(0)).collect()
    }

    /// Its width in columns of a terminal.
    pub(crate) fn width(&self) -> usize {
        self.widths().iter().sum::<usize>() + self.gap * self.columns.len().saturating_sub(1)
    }

    /// The table with rows as columns.
    fn turned(&self) -> Table {
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let column = |column| self.rows.iter().map(|row| cell(row, column)).collect::<Vec<String>>();
        let all = (0..self.columns.len()).map(column);
        let rows = all.filter(|cells| cells.iter().any(|cell| !cell.is_empty())).collect();
        let mut columns = vec![Align::Right; self.rows.len()];
        columns[0] = Align::Left;
        Table { columns, rows, gap: self.gap }
    }

    /// The text for a terminal with so many columns: as it is if it fits, else turned, else a block of lines for each row.
    fn fitted(&self, width: Option<usize>) -> String {
        let turned = self.turned();
        match width {
            Some(width) if self.width() > width && turned.width() <= width => turned.grid(),
            Some(width) if self.width() > width => self.blocks(),
            _ => self.grid(),
        }
    }

    /// Lines without trailing spaces, and without a line break after the last one.
    fn grid(&self) -> String {
        let widths = self.widths();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).zip(&self.columns);
            let cells: Vec<String> = cells
                .map(|((cell, &width), align)| {
                    let padding = " ".repeat(width.saturating_sub(columns(cell)));
                    match align {
                        Align::Left => format!("{cell}{padding}"),
                        Align::Right => format!("{padding}{cell}"),
                    }
                })
                .collect();
            cells.join(&" ".repeat(self.gap)).trim_end().to_owned()
        };
        self.rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// A block for each row: its cells one below the other, each after its heading.
    fn blocks(&self) -> String {
        let Some((headings, rows)) = self.rows.split_first() else { return String::new() };
        let block = |row: &Vec<String>| {
            let cells = headings.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
            let mut table = Table { columns: vec![Align::Left; 2], rows: Vec::new(), gap: self.gap };
            table.rows.extend(cells.map(|(heading, cell)| vec![heading.clone(), cell.clone()]));
            table.grid()
        };
        rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
    }
}

impl fmt::Display for Table {
    /// As wide as it is, or fitted into the terminal that standard output is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fitted(Console::columns()))
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

    #[test]
    fn columns_line_up_under_wide_letters() {
        let mut table = Table::new([("class", Align::Left), ("n", Align::Right)]);
        table.row(["大きさ", "12"]);
        table.row(["🦆", "3"]);
        assert_eq!(table.to_string(), "class    n\n大きさ  12\n🦆       3");
        assert_eq!(table.width(), 10);
    }

    #[test]
    fn a_table_that_is_too_wide_is_turned_or_becomes_blocks() {
        let mut table =
            Table::new([("batch size", Align::Right), ("total", Align::Right), ("fits", Align::Left)]);
        table.row(["64", "1,905,344", "yes"]);
        table.row(["4,096", "19,021,184", ""]);
        assert_eq!(table.fitted(Some(40)), table.grid());
        let two =
            "batch size         64       4,096\ntotal       1,905,344  19,021,184\nfits              yes";
        assert_eq!(table.turned().grid(), two);
        table.row(["8,192", "36,000,000", "no"]);
        table.rows.truncate(2);
        let one = "batch size         64\ntotal       1,905,344\nfits              yes";
        assert_eq!(
            (table.width(), table.fitted(Some(25))),
            (27, one.to_owned()),
            "it is turned where that fits"
        );
        table.row(["4,096", "19,021,184", ""]);
        let blocks = "batch size  64\ntotal       1,905,344\nfits        yes\n\nbatch size  4,096\ntotal       19,021,184";
        assert_eq!(table.fitted(Some(25)), blocks);
    }

    #[test]
    fn cells_from_outside_are_shortened_and_harmless_and_drawings_unchanged() {
        let long = "x".repeat(70_000);
        let mut table = Table::new([(long.as_str(), Align::Right), ("\u{1b}[2J", Align::Left)]);
        table.row_with_drawing(["a\nb"], format!("\u{1b}[31m{long}"));
        let lines: Vec<String> = table.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], format!("{}…   [2J", "x".repeat(99)));
        assert_eq!(lines[1], format!("{}a b  \u{1b}[31m{long}", " ".repeat(97)));
    }
}
