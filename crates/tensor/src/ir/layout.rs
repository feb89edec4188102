//! Layouts: where in memory the elements of a value lie.
//!
//! Users and files speak of elements in row-major order. A kernel may want them in another one; then the planner gives the
//! value that layout, and [`Layout::place`] is the one translation between the two.

use super::Shape;

/// Where in memory the elements of a value lie. Every layout takes as many bytes as there are elements, so that a plan's
/// memory does not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The last index runs fastest, without gaps.
    #[default]
    RowMajor,
    /// The last dimension is cut into panels of so many columns, the last of which may be narrower. Each panel is row-major,
    /// and the panels follow one another: what a product wants that walks down a panel, and a thread that owns one.
    Panels {
        /// Columns of a panel, at least 1.
        columns: usize,
    },
}

impl Layout {
    /// Columns of a panel of a value with rows of `width` elements; row-major values are one panel.
    pub(crate) fn panel(self, width: usize) -> usize {
        match self {
            Layout::RowMajor => width.max(1),
            Layout::Panels { columns } => columns,
        }
    }

    /// The place, counted in elements, of row-major element `i` of a value of `shape`.
    pub(crate) fn place(self, shape: &Shape, i: usize) -> usize {
        let (rows, width) = shape.rows();
        let panel = self.panel(width);
        let (row, column) = (i / width, i % width);
        let first = column / panel * panel;
        first * rows + row * panel.min(width - first) + column - first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new(dims).unwrap()
    }

    #[test]
    fn row_major_elements_lie_where_they_are_counted() {
        let matrix = shape(&[3, 5]);
        assert!((0..15).all(|i| Layout::RowMajor.place(&matrix, i) == i));
    }

    #[test]
    fn a_panel_is_row_major_and_follows_the_one_to_its_left() {
        let (matrix, panels) = (shape(&[2, 5]), Layout::Panels { columns: 2 });
        let places: Vec<usize> = (0..10).map(|i| panels.place(&matrix, i)).collect();
        assert_eq!(places, [0, 1, 4, 5, 8, 2, 3, 6, 7, 9]);
    }

    #[test]
    fn every_element_has_a_place_of_its_own_and_no_place_is_left_over() {
        for (rows, width, columns) in [(1, 1, 1), (3, 7, 4), (4, 8, 4), (5, 3, 16), (2, 33, 16)] {
            let (matrix, panels) = (shape(&[rows, width]), Layout::Panels { columns });
            let mut places: Vec<usize> = (0..rows * width).map(|i| panels.place(&matrix, i)).collect();
            places.sort_unstable();
            assert!(places.into_iter().eq(0..rows * width));
        }
    }
}
