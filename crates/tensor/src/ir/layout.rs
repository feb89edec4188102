//! Layouts: where in memory the elements of a value lie.
//!
//! Users and files speak of elements in row-major order. A kernel may want them in another one; then the planner gives the
//! value that layout, and [`Layout::place`] is the one translation between the two.

use super::{Meta, Shape};

/// Where in memory the elements of a value lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The last index runs fastest, without gaps.
    #[default]
    RowMajor,
    /// The last dimension is cut into panels of so many columns. Each panel is row-major and as wide as the others: the
    /// columns that the last one lacks are padding. What a product wants that streams a panel from top to bottom.
    #[cfg_attr(not(test), expect(dead_code, reason = "no kernel reads panels yet"))]
    Panels {
        /// Columns of a panel, at least 1.
        columns: usize,
    },
}

impl Layout {
    /// Elements that a value of `shape` has room for, padding included.
    pub(crate) fn elements(self, shape: &Shape) -> usize {
        match self {
            Layout::RowMajor => shape.elements(),
            Layout::Panels { columns } => {
                let (rows, width) = shape.rows();
                rows * width.next_multiple_of(columns)
            }
        }
    }

    /// Bytes of a value, padding included.
    pub(crate) fn bytes(self, meta: &Meta) -> usize {
        self.elements(&meta.shape) * meta.dtype.size()
    }

    /// The place, counted in elements, of row-major element `i` of a value of `shape`.
    pub(crate) fn place(self, shape: &Shape, i: usize) -> usize {
        match self {
            Layout::RowMajor => i,
            Layout::Panels { columns } => {
                let (rows, width) = shape.rows();
                let (row, column) = (i / width, i % width);
                column / columns * rows * columns + row * columns + column % columns
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new(dims).unwrap()
    }

    #[test]
    fn row_major_elements_lie_where_they_are_counted() {
        let matrix = shape(&[3, 5]);
        assert!((0..15).all(|i| Layout::RowMajor.place(&matrix, i) == i));
        assert_eq!(Layout::RowMajor.bytes(&Meta { shape: matrix, dtype: DType::U8 }), 15);
    }

    #[test]
    fn a_panel_is_row_major_and_follows_the_one_to_its_left() {
        let (matrix, panels) = (shape(&[2, 5]), Layout::Panels { columns: 2 });
        let places: Vec<usize> = (0..10).map(|i| panels.place(&matrix, i)).collect();
        assert_eq!(places, [0, 1, 4, 5, 8, 2, 3, 6, 7, 10]);
        assert_eq!(panels.bytes(&Meta::f32(matrix)), 4 * 12);
    }

    #[test]
    fn no_two_elements_share_a_place_and_all_lie_within_the_room() {
        for (rows, width, columns) in [(1, 1, 1), (3, 7, 4), (4, 8, 4), (5, 3, 16), (2, 33, 16)] {
            let (matrix, panels) = (shape(&[rows, width]), Layout::Panels { columns });
            let mut places: Vec<usize> = (0..rows * width).map(|i| panels.place(&matrix, i)).collect();
            places.sort_unstable();
            places.dedup();
            assert_eq!(places.len(), rows * width);
            assert!(places.iter().all(|&place| place < panels.elements(&matrix)));
        }
    }
}
