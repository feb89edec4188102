//! Buffers stacked in one order after another.

use std::ops::Range;

use super::buffer::{Buffer, Packing, TooLarge, check};

/// Buffers, with what all their stacks have in common.
#[derive(Debug)]
pub(crate) struct Stacks<'b> {
    buffers: &'b [Buffer],
    /// The moments at which each is needed, by their numbers among the moments at which a buffer begins to be.
    moments: Vec<Range<usize>>,
    most_alive: usize,
}

impl Stacks<'_> {
    /// # Errors
    /// [`TooLarge`] if all sizes together overflow.
    pub(crate) fn new(buffers: &[Buffer]) -> Result<Stacks<'_>, TooLarge> {
        check(buffers)?;
        let mut starts: Vec<usize> = buffers.iter().map(|buffer| buffer.lower).collect();
        starts.sort_unstable();
        starts.dedup();
        let at = |moment: usize| starts.partition_point(|&start| start < moment);
        let moments: Vec<Range<usize>> =
            buffers.iter().map(|buffer| at(buffer.lower)..at(buffer.upper)).collect();
        let mut alive = vec![0; starts.len()];
        for (buffer, moments) in buffers.iter().zip(&moments) {
            alive.get_mut(moments.clone()).into_iter().flatten().for_each(|sum| *sum += buffer.size);
        }
        Ok(Stacks { buffers, moments, most_alive: alive.into_iter().max().unwrap_or(0) })
    }

    /// The most bytes alive at once.
    pub(crate) fn most_alive(&self) -> usize {
        self.most_alive
    }

    /// See [`super::stack`].
    pub(crate) fn stack(&self, order: &[usize]) -> Packing {
        let mut offsets = vec![0; self.buffers.len()];
        let mut tops = vec![0; self.moments.iter().map(|moments| moments.end).max().unwrap_or(0)];
        let mut total = 0;
        for &number in order {
            let Some(buffer) = self.buffers.get(number).filter(|buffer| buffer.lower < buffer.upper) else {
                continue;
            };
            let tops = &mut tops[self.moments[number].clone()];
            let offset = tops.iter().copied().max().unwrap_or(0);
            let top = offset + buffer.size;
            if buffer.size > 0 {
                tops.fill(top);
            }
            offsets[number] = offset;
            total = total.max(top);
        }
        Packing { offsets, total, bound: self.most_alive }
    }
}
