//! What came out of the rounds of one work.

use std::collections::BTreeMap;

use super::measured::Measured;
use super::peak::Peak;
use super::programs::OWN;
use super::work::Work;

/// All programs' measurements of one work, from the same rounds.
pub(super) struct Outcome {
    pub(super) work: Work,
    pub(super) programs: BTreeMap<String, Measured>,
    /// Of the processor, with as many threads.
    pub(super) peak: Peak,
}

impl Outcome {
    pub(super) fn own(&self) -> Option<&Measured> {
        self.programs.get(OWN)
    }

    /// The median of the fastest peer, and its name.
    pub(super) fn fastest_peer(&self) -> Option<(&str, &Measured)> {
        let peers = self.programs.iter().filter(|(name, _)| *name != OWN);
        let fastest = peers.min_by(|a, b| a.1.median().total_cmp(&b.1.median()));
        fastest.map(|(name, measured)| (name.as_str(), measured))
    }

    /// Operations per second at this time.
    pub(super) fn rate(&self, seconds: f64) -> f64 {
        self.work.operations() / seconds
    }
}
