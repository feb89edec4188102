//! Judging a model within the memory of its training.

use plangrad_tensor::{Metrics, Session, Source};

use crate::Result;

/// Judges all of `source` in its own order with the plans `whole` and `rest` of the session. The session's metrics are
/// as before afterwards.
pub(super) fn evaluate(
    session: &mut Session,
    whole: usize,
    rest: Option<usize>,
    source: &Source,
    order: &[u32],
) -> Result<Metrics> {
    let before = session.metrics();
    session.set_metrics(Metrics::default());
    let batch_size = session.plans()[whole].batch_size().max(1);
    let (batches, left_over) = order.split_at(order.len() / batch_size * batch_size);
    let mut run = |plan, rows| -> Result<()> { Ok(session.run(plan, &source.batches(rows)?)?) };
    let result = run(whole, batches).and_then(|()| rest.map_or(Ok(()), |rest| run(rest, left_over)));
    let metrics = session.metrics();
    session.set_metrics(before);
    result.map(|()| metrics)
}
