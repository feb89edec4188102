//! Parameters, gradients and moments as files have them: the one conversion between their order and number type in memory
//! and those of files and accessors.

use std::borrow::Cow;

use crate::ir::{Extent, Layout, Parameter};
use crate::plan::SlotEntry;

/// How files see what lies in a slot of a parameter.
#[derive(Clone, Debug)]
pub(crate) struct FileView {
    parameter: Parameter,
    entry: SlotEntry,
    layout: Layout,
}

impl FileView {
    pub(crate) fn new(parameter: Parameter, entry: SlotEntry, layout: Layout) -> FileView {
        FileView { parameter, entry, layout }
    }

    /// Where it lies in the arena.
    pub(crate) fn extent(&self) -> Extent {
        self.entry.extent
    }

    /// How many numbers files have of it.
    pub(crate) fn len(&self) -> usize {
        self.entry.meta.shape.elements()
    }

    /// Where in memory element `i` of files lies.
    fn range(&self, i: usize) -> std::ops::Range<usize> {
        let size = self.entry.meta.dtype.size();
        let place = self.layout.place(&self.entry.meta.shape, self.parameter.graph_place(i));
        place * size..(place + 1) * size
    }

    /// Puts numbers, given by their place in files, into memory.
    pub(crate) fn fill(&self, stored: &mut [u8], value: impl Fn(usize) -> f32) {
        (0..self.len()).for_each(|i| self.entry.meta.dtype.encode(value(i), &mut stored[self.range(i)]));
    }

    /// Numbers read where they lie.
    pub(crate) fn borrow(self, stored: &[u8]) -> Values<'_> {
        Values { stored: Cow::Borrowed(stored), view: self }
    }

    /// Numbers read from a copy of the memory.
    pub(crate) fn own(self, stored: Vec<u8>) -> Values<'static> {
        Values { stored: Cow::Owned(stored), view: self }
    }
}

/// A parameter, or a gradient or moment of one, in the order of files.
///
/// Example: [`Session`](crate::Session).
#[derive(Clone, Debug)]
pub struct Values<'a> {
    stored: Cow<'a, [u8]>,
    view: FileView,
}

impl Values<'_> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, one after another.
    pub fn iter(&self) -> impl Iterator<Item = f32> {
        let dtype = self.view.entry.meta.dtype;
        (0..self.len()).map(move |i| dtype.decode(&self.stored[self.view.range(i)]))
    }

    /// All of them.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f32> {
        self.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Parameters;
    use crate::ir::{DType, FileOrder, Layout, Meta, Role, Shape};

    /// Every order of files over every layout and type gives back what was put in.
    #[test]
    fn what_files_put_in_comes_out_whatever_the_layout() {
        for order in [FileOrder::AsInGraph, FileOrder::Transposed] {
            for layout in [Layout::RowMajor, Layout::Panels { columns: 4 }] {
                for dtype in [DType::F32, DType::U8, DType::Bf16] {
                    let shape = Shape::new(&[3, 7]).unwrap();
                    let parameter = Parameters::new().add("w", shape, Role::Trained, order).unwrap();
                    let meta = Meta { shape, dtype };
                    let extent = Extent { offset: 0, bytes: meta.bytes() };
                    let view = FileView::new(parameter, SlotEntry { meta, extent }, layout);
                    let mut stored = vec![0xFF; extent.bytes];
                    view.fill(&mut stored, |i| i as f32);
                    let read = view.borrow(&stored).to_vec();
                    assert!(
                        read.iter().enumerate().all(|(i, &x)| x == i as f32),
                        "{order:?} {layout:?} {dtype}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_transposed_matrix_lies_row_major_in_the_graphs_shape() {
        let shape = Shape::new(&[2, 3]).unwrap();
        let parameter = Parameters::new().add("w", shape, Role::Trained, FileOrder::Transposed).unwrap();
        let (meta, layout) = (Meta::f32(shape), Layout::RowMajor);
        let entry = SlotEntry { meta, extent: Extent { offset: 0, bytes: 24 } };
        let view = FileView::new(parameter, entry, layout);
        let mut stored = vec![0; 24];
        view.fill(&mut stored, |i| i as f32); // files have [[0, 1], [2, 3], [4, 5]]
        assert_eq!(DType::F32.decode_all(&stored), [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
    }
}
