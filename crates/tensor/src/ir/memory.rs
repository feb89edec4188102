//! Ranges of bytes, what they are for, and the report in which every byte of an arena is counted once, under the most
//! important thing that ever lies there.

use std::fmt;
use std::ops::Range;

/// Every buffer starts at a multiple of this many bytes: a cache line, and the widest vector.
pub(crate) const ALIGNMENT: usize = 64;

/// No arena can be larger: a quarter of the address space, so that sums of two sizes never overflow.
pub(crate) const MOST_BYTES: usize = isize::MAX as usize / 2;

/// Rounds up to the next multiple of [`ALIGNMENT`].
pub(crate) fn align(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGNMENT)
}

/// A range of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) offset: usize,
    pub(crate) bytes: usize,
}

impl Extent {
    pub(crate) fn end(&self) -> usize {
        self.offset + self.bytes
    }

    pub(crate) fn overlaps(&self, other: &Extent) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }
}

/// What a byte of memory is for, most important first.
///
/// Example: [`MemoryReport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Category {
    /// The model: exactly 4 bytes a parameter.
    Parameters,
    /// Gradients of the parameters.
    Gradients,
    /// The optimizer's moments.
    OptimizerState,
    /// The normalised inputs and the labels of one batch.
    Batch,
    /// Results of the forward pass that the backward pass reads.
    Activations,
    /// Temporaries, second copies, step scalars, alignment and fragmentation.
    Workspace,
    /// The dataset, where it is resident on the device.
    Dataset,
}

impl Category {
    /// All of them, most important first.
    pub const ALL: [Category; 7] = [
        Category::Parameters,
        Category::Gradients,
        Category::OptimizerState,
        Category::Batch,
        Category::Activations,
        Category::Workspace,
        Category::Dataset,
    ];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Category::Parameters => "parameters",
            Category::Gradients => "gradients",
            Category::OptimizerState => "optimizer state",
            Category::Batch => "batch",
            Category::Activations => "activations",
            Category::Workspace => "workspace",
            Category::Dataset => "dataset",
        }
    }
}

/// Bytes by category. The parts add up to the total.
///
/// ```
/// use plangrad_tensor::{Category, FileOrder, Graph, Optimizer, Parameters, Plan, Role, Shape, State};
///
/// let mut list = Parameters::new();
/// list.add("w", Shape::new(&[1000])?, Role::Trained, FileOrder::AsInGraph)?;
/// let plan = Plan::new(&Graph::new(), &State::training(&list, Optimizer::adam())?, &[])?;
/// let report = plan.report();
/// assert_eq!(report.get(Category::Parameters), 4000);
/// assert_eq!(report.get(Category::OptimizerState), 8000);
/// assert_eq!(Category::ALL.map(|category| report.get(category)).iter().sum::<u64>(), report.total());
/// assert_eq!(plan.buffers()[0].name, "parameters");
/// assert_eq!(plan.segments()[0].category, Category::Parameters);
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryReport {
    bytes: [u64; Category::ALL.len()],
}

impl MemoryReport {
    /// Bytes of one category.
    #[must_use]
    pub fn get(&self, category: Category) -> u64 {
        self.bytes[category as usize]
    }

    /// Bytes of all categories.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.bytes.iter().sum()
    }

    /// The bytes of both, category by category.
    #[must_use]
    pub fn plus(&self, other: &MemoryReport) -> MemoryReport {
        MemoryReport { bytes: std::array::from_fn(|i| self.bytes[i] + other.bytes[i]) }
    }

    /// Adds the bytes of `range`, as the `labelled` ranges of an arena say what they are for; what no range covers is
    /// workspace.
    pub(crate) fn count(&mut self, labelled: &[(Category, Extent)], range: Range<usize>) {
        let mut cuts: Vec<usize> = labelled
            .iter()
            .flat_map(|(_, e)| [e.offset, e.end()])
            .filter(|cut| range.contains(cut))
            .chain([range.start, range.end])
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        for piece in cuts.windows(2).filter(|piece| piece[1] <= range.end) {
            let extent = Extent { offset: piece[0], bytes: piece[1] - piece[0] };
            let covering =
                labelled.iter().filter(|(_, e)| e.overlaps(&extent)).map(|&(category, _)| category);
            self.bytes[covering.min().unwrap_or(Category::Workspace) as usize] += extent.bytes as u64;
        }
    }
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for category in Category::ALL {
            writeln!(f, "{:<16} {:>14} B", category.name(), self.get(category))?;
        }
        write!(f, "{:<16} {:>14} B", "total", self.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_counted_once_under_the_most_important_category() {
        let extent = |offset, bytes| Extent { offset, bytes };
        let labelled = [
            (Category::Parameters, extent(0, 10)),
            (Category::Batch, extent(64, 30)),
            (Category::Workspace, extent(64, 50)),
            (Category::Activations, extent(80, 40)),
        ];
        let mut report = MemoryReport::default();
        report.count(&labelled, 0..128);
        assert_eq!(report.get(Category::Parameters), 10);
        assert_eq!(report.get(Category::Batch), 30);
        assert_eq!(report.get(Category::Activations), 26);
        assert_eq!(report.get(Category::Workspace), 54 + 8);
        assert_eq!(report.total(), 128);
    }

    #[test]
    fn of_a_range_only_its_own_bytes_are_counted() {
        let labelled = [(Category::Batch, Extent { offset: 0, bytes: 100 })];
        let mut report = MemoryReport::default();
        report.count(&labelled, 64..128);
        let (reached, smaller) = (128, 64);
        report.count(&labelled, reached..smaller);
        assert_eq!((report.get(Category::Batch), report.get(Category::Workspace)), (36, 28));
    }
}
