//! The speeds that are promised, and what has to be measured to judge them.

use super::timings::{Peer, Work};

/// A step of the main job's network.
fn small(peer: Peer) -> Work {
    Work { inputs: 784, hidden: 128, batch_size: 64, peer, tf32: false }
}

/// A step of products that keep a GPU busy.
fn large(tf32: bool) -> Work {
    Work { inputs: 784, hidden: 4096, batch_size: 8192, peer: Peer::Plangrad, tf32 }
}

/// The rate that it is compared with.
pub(super) fn product(tf32: bool) -> Work {
    Work { peer: Peer::Product, ..large(tf32) }
}

/// Whether a target is judged by this: it is measured first.
pub(super) fn need(work: &Work) -> bool {
    let small = [Peer::Plangrad, Peer::Eager, Peer::Graph].map(small);
    let large = [false, true].map(|tf32| [large(tf32), product(tf32)]);
    small.iter().chain(large.as_flattened()).any(|needed| needed == work)
}
