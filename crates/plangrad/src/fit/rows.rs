//! The rows of the dataset that steps are tried with.
//!
//! A run has an order of its samples in host memory, beside the dataset. A batch that repeats samples, which no run has,
//! would need a longer one: if the device's memory is the host's, it is reserved like everything else, so that nothing
//! exceeds the budget.

use plangrad_tensor::backend::CountedOrder;
use plangrad_tensor::{Backend, Device, Error as TensorError, SystemMemory};

use crate::error::Result;

/// Rows scattered over the dataset, repeated as often as needed, so that kernels do not find each sample beside the last one.
pub(super) enum TrialRows {
    /// Beside the dataset.
    Host(Vec<u32>),
    /// In the device's ledger.
    Counted(CountedOrder),
}

impl TrialRows {
    /// Rows for `steps` steps on a dataset of `samples`, or of one step if they count against the budget.
    ///
    /// # Errors
    /// If memory runs out, the host's as well as the device's.
    pub(super) fn reserve(
        backend: &Backend,
        samples: usize,
        batch_size: usize,
        steps: usize,
    ) -> Result<TrialRows> {
        if TrialRows::counted_bytes(backend, samples, batch_size) > 0
            && let Some(mut order) = backend.reserve_order(batch_size)?
        {
            fill(order.rows_mut(), samples);
            return Ok(TrialRows::Counted(order));
        }
        let (mut rows, count) = (Vec::new(), batch_size * steps);
        rows.try_reserve_exact(count).map_err(|_| {
            let SystemMemory { free, total, .. } = SystemMemory::now();
            let (device, requested, report) = (Device::Cpu, 4 * count as u64, Box::default());
            TensorError::OutOfMemory { device, requested, free, total, report }
        })?;
        rows.resize(count, 0);
        fill(&mut rows, samples);
        Ok(TrialRows::Host(rows))
    }

    /// Bytes of the device's memory that the rows of a step take.
    pub(super) fn counted_bytes(backend: &Backend, samples: usize, batch_size: usize) -> u64 {
        if backend.device().is_host() && batch_size > samples { 4 * batch_size as u64 } else { 0 }
    }

    /// The rows.
    pub(super) fn get(&self) -> &[u32] {
        match self {
            TrialRows::Host(rows) => rows,
            TrialRows::Counted(order) => order.rows(),
        }
    }
}

fn fill(rows: &mut [u32], samples: usize) {
    const STRIDE: u64 = 2_654_435_761; // a prime beyond most numbers of samples: it leads to all of them
    for (i, row) in rows.iter_mut().enumerate() {
        *row = (i as u64 * STRIDE % samples as u64) as u32;
    }
}

#[cfg(test)]
mod tests {
    use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};

    use super::*;

    #[test]
    fn rows_lie_all_over_the_dataset() {
        let backend: Backend = Cpu::open(CpuOptions::default()).unwrap();
        let rows = TrialRows::reserve(&backend, 100, 50, 5).unwrap();
        let mut rows = rows.get().to_vec();
        assert_eq!(rows[..100], rows[100..200]);
        rows.truncate(100);
        rows.sort_unstable();
        assert_eq!(rows, Vec::from_iter(0..100));
    }

    #[test]
    fn rows_that_repeat_samples_are_in_the_ledger_and_others_are_not() {
        for accelerator in [false, true] {
            let options = CpuOptions::default().budget(400).accelerator(accelerator);
            let backend: Backend = Cpu::open(options).unwrap();
            let held = |samples| {
                let rows = TrialRows::reserve(&backend, samples, 100, 1).unwrap();
                assert_eq!(rows.get().len(), 100);
                assert!(rows.get().iter().all(|&row| (row as usize) < samples));
                (backend.memory().reserved, TrialRows::counted_bytes(&backend, samples, 100))
            };
            assert_eq!((held(100), held(99), held(1)), ((0, 0), (400, 400), (400, 400)));
            assert!(
                TrialRows::reserve(&backend, 100, 101, 1).is_err(),
                "it is refused what is beyond the budget"
            );
        }
    }
}
