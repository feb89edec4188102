//! The samples of a batch, picked from the dataset and normalised.

use crate::backend::launch::shared::{Input, Output, shared};
use crate::backend::launch::common::Feed;
use crate::backend::launch::lowering::{Lower, Lowering, StepBuilder, Job};
use crate::ir::kernel;

shared! {
    /// Most channels of one item.
    const MOST_CHANNELS: u32 = 8;

    /// x · scale + shift for some channels of a batch's samples.
    struct Gather {
        feed: Input<Feed>,
        output: Output<f32>,
        rows: u64,
        /// Elements of a sample.
        width: u64,
        /// Elements of a channel.
        pixels: u64,
        first_channel: u64,
        channels: u32,
        bytes_per_element: u32,
        scale: [f32; MOST_CHANNELS as usize],
        shift: [f32; MOST_CHANNELS as usize],
    }
}

/// A job for as many channels as an item has room for.
impl Lower for kernel::Gather {
    fn lower(&self, lowering: &Lowering<'_>, step: &mut StepBuilder) {
        let parts = |of: &[f32]| of.chunks(MOST_CHANNELS as usize).map(padded).collect::<Vec<_>>();
        let samples = &self.samples;
        let (scales, shifts) = (parts(&samples.scale), parts(&samples.shift));
        for (first_channel, (scale, shift)) in
            (0..samples.channels).step_by(MOST_CHANNELS as usize).zip(scales.into_iter().zip(shifts))
        {
            let work = Gather {
                feed: lowering.feed(),
                output: lowering.at(self.output),
                rows: samples.rows as u64,
                width: samples.width() as u64,
                pixels: samples.pixels as u64,
                first_channel: first_channel as u64,
                channels: MOST_CHANNELS.min((samples.channels - first_channel) as u32),
                bytes_per_element: samples.dtype.size() as u32,
                scale,
                shift,
            };
            step.push(Job::new(work, samples.rows as u64).gathering());
        }
    }
}

fn padded(numbers: &[f32]) -> [f32; MOST_CHANNELS as usize] {
    std::array::from_fn(|i| numbers.get(i).copied().unwrap_or(0.0))
}
