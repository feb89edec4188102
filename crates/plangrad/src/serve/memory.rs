//! What follows from the limits on requests for the memory of the server.

use plangrad_tensor::MemoryReport;

use crate::http::{Limits, MOST_HEAD};
use crate::model::Model;
use crate::numbers::size;

/// The most that decoding an image or reading a table may take: an image of 12 megapixels.
const MOST_DECODING: u64 = 160 << 20;

/// Bodies of the largest size that there is room for at a time.
const BODIES: u64 = 8;

/// What one thread and its buffers take beside a head.
const THREAD: u64 = 48 << 10;

/// Bytes of a probability in JSON, at most: `1.17549435e-38` and a comma.
const PROBABILITY: u64 = 16;

/// Bytes of a prediction in JSON and in memory besides its probabilities and the name of its class.
const PREDICTION: u64 = 256;

/// What a server may take, as planned.
#[derive(Clone, Debug)]
pub(crate) struct ServingMemory {
    /// The model's session.
    pub(crate) session: Box<MemoryReport>,
    /// Bodies and responses, together.
    pub(super) room: u64,
    /// Decoding of one image, or reading of one table.
    pub(super) decoding: u64,
    /// Samples and answers of one request.
    answering: u64,
    /// Threads with the heads they read.
    threads: u64,
    /// Rows of a request.
    pub(super) most_rows: usize,
}

impl ServingMemory {
    /// The plan for a model whose session takes what `session` says, on a machine that has `free` bytes, if that is known.
    pub(crate) fn plan(model: &Model, session: MemoryReport, limits: Limits, free: Option<u64>) -> Self {
        let names = &model.description().classes;
        // A character in JSON takes six bytes at most.
        let name = 6 * names.iter().map(String::len).max().unwrap_or(0) as u64;
        let outputs = model.outputs() as u64;
        let text = PREDICTION + name + PROBABILITY * outputs;
        let values =
            size_of::<f32>() as u64 * (model.sample_shape().iter().product::<usize>() as u64 + outputs);
        // A response is no larger than the largest body, but for one row.
        let most_rows = (limits.body / (text + values)).max(1);
        let room = BODIES.saturating_mul(limits.body.max(text));
        Self {
            session: Box::new(session),
            room,
            decoding: free.map_or(MOST_DECODING, |free| MOST_DECODING.min(free / 4)),
            answering: most_rows.saturating_mul(text + values),
            threads: (limits.connections as u64 + 3) * (MOST_HEAD as u64 + THREAD),
            most_rows: usize::try_from(most_rows).unwrap_or(usize::MAX),
        }
    }

    /// Bytes in all.
    pub(crate) fn total(&self) -> u64 {
        self.session.total().saturating_add(self.beside())
    }

    /// Bytes beside the session, which are the host's.
    pub(crate) fn beside(&self) -> u64 {
        self.room.saturating_add(self.decoding).saturating_add(self.answering).saturating_add(self.threads)
    }

    /// The plan in words.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "memory {} planned at most: {} session, {} bodies and responses, {} decoding, {} samples and predictions, {} \
             connections",
            size(self.total()),
            size(self.session.total()),
            size(self.room),
            size(self.decoding),
            size(self.answering),
            size(self.threads)
        )
    }
}
