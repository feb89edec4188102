//! The ledger: every reservation a backend makes goes through it, so that what is measured is what was reserved, and
//! never a copy of what was planned.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;
use crate::ir::{Device, MemoryReading, MemoryReport};

/// Counts bytes against a budget.
#[derive(Debug)]
pub(crate) struct Ledger {
    device: Device,
    budget: Option<u64>,
    reserved: AtomicU64,
    peak: AtomicU64,
}

/// Bytes entered in a ledger, taken out again on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    ledger: Arc<Ledger>,
    bytes: u64,
}

impl Ledger {
    pub(crate) fn new(device: Device, budget: Option<u64>) -> Arc<Ledger> {
        Arc::new(Ledger { device, budget, reserved: AtomicU64::new(0), peak: AtomicU64::new(0) })
    }

    pub(crate) fn device(&self) -> Device {
        self.device
    }

    pub(crate) fn reading(&self) -> MemoryReading {
        MemoryReading {
            reserved: self.reserved.load(Ordering::Acquire),
            peak: self.peak.load(Ordering::Acquire),
            budget: self.budget,
        }
    }

    /// Enters `bytes`, or refuses when they do not fit the budget. The peak counts them once they are
    /// [granted](Reservation::granted).
    pub(crate) fn enter(self: &Arc<Ledger>, bytes: u64, report: &MemoryReport) -> Result<Reservation, Error> {
        let limit = self.budget.unwrap_or(u64::MAX);
        let fits = |used: u64| used.checked_add(bytes).filter(|&total| total <= limit);
        match self.reserved.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits) {
            Ok(_) => Ok(Reservation { ledger: self.clone(), bytes }),
            Err(used) => Err(self.out_of_memory(bytes, limit - used, limit, report)),
        }
    }

    pub(crate) fn out_of_memory(
        &self,
        requested: u64,
        free: u64,
        total: u64,
        report: &MemoryReport,
    ) -> Error {
        Error::OutOfMemory { device: self.device, requested, free, total, report: Box::new(*report) }
    }
}

impl Reservation {
    /// The system has given the bytes as well.
    pub(crate) fn granted(self) -> Reservation {
        self.ledger.peak.fetch_max(self.ledger.reserved.load(Ordering::Acquire), Ordering::AcqRel);
        self
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.ledger.reserved.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let ledger = Ledger::new(Device::Cpu, Some(100));
        let report = MemoryReport::default();
        let first = ledger.enter(60, &report).unwrap().granted();
        let refused = ledger.enter(41, &report).unwrap_err();
        assert!(matches!(refused, Error::OutOfMemory { requested: 41, free: 40, total: 100, .. }));
        assert_eq!(ledger.reading(), MemoryReading { reserved: 60, peak: 60, budget: Some(100) });
        drop(first);
        assert_eq!(ledger.enter(100, &report).map(|e| e.granted().ledger.reading().peak).unwrap(), 100);
        assert_eq!(ledger.reading().reserved, 0);
    }
}
