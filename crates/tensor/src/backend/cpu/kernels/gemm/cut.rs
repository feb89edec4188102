//! How products are cut.

use std::ops::Range;

use crate::ir::kernel::Gemm;

/// Columns of C in a panel, the same for all instruction sets so that layouts are.
pub(in super::super::super) const PANEL: usize = 64;

/// Rows of C in a unit.
pub(super) const BAND: usize = 16;

/// Most rows that are completed together, a multiple of a band.
pub(super) const CHUNK: usize = 64;

/// Bands of a product; one for its column sums where it has no rows.
pub(super) fn bands(gemm: &Gemm) -> usize {
    gemm.m.div_ceil(BAND).max(usize::from(gemm.column_sum.is_some()))
}

/// Steps of k between two visits to memory.
pub(super) const DEPTH: usize = 128;

/// Most numbers of the first operand that are held ready, which stay in the second-level cache.
pub(super) const READY: usize = CHUNK * 1536;

/// Rows of so many steps of which that is all, so that all panels read what has been made ready once: at least so many that a
/// block of B serves some tiles.
pub(super) fn ready_rows(k: usize) -> usize {
    const FEWEST: usize = 24;
    if k * CHUNK <= READY { CHUNK } else { (READY / k).clamp(FEWEST, CHUNK) }
}

/// The columns of a panel of C.
pub(super) fn columns(gemm: &Gemm, panel: usize) -> Range<usize> {
    panel * PANEL..gemm.n.min((panel + 1) * PANEL)
}

/// A rectangle of C: some bands of some panels.
pub(super) struct Tract {
    pub(super) panels: Range<usize>,
    pub(super) bands: Range<usize>,
}

impl Tract {
    /// Its rows.
    pub(super) fn rows(&self, gemm: &Gemm) -> Range<usize> {
        self.bands.start * BAND..gemm.m.min(self.bands.end * BAND)
    }
}

/// The units of a share, which run down one panel after the other, as rectangles: the end of a panel, whole panels, the
/// start of one.
pub(super) fn tracts(share: &Range<usize>, bands: usize) -> impl Iterator<Item = Tract> {
    let (first, last) = (share.start.div_ceil(bands), share.end / bands); // whole panels
    let part = |start: usize, end: usize| Tract {
        panels: start / bands..start / bands + 1,
        bands: start % bands..start % bands + (end - start),
    };
    let tracts = match first <= last {
        true => [
            part(share.start, first * bands),
            Tract { panels: first..last, bands: 0..bands },
            part(last * bands, share.end),
        ],
        false => [part(share.start, share.end), part(share.end, share.end), part(share.end, share.end)],
    };
    tracts.into_iter().filter(|tract| !tract.panels.is_empty() && !tract.bands.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rectangles_of_a_share_are_its_units_in_order() {
        for (bands, units) in [(1, 5), (3, 12), (4, 4), (5, 20)] {
            for start in 0..=units {
                for end in start..=units {
                    let of = |tract: Tract| {
                        let panels = tract.panels.clone();
                        panels
                            .flat_map(move |panel| tract.bands.clone().map(move |band| panel * bands + band))
                    };
                    let found: Vec<usize> = tracts(&(start..end), bands).flat_map(of).collect();
                    assert_eq!(found, (start..end).collect::<Vec<_>>(), "{bands} bands");
                }
            }
        }
    }
}
