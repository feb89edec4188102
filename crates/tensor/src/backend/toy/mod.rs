//! A third backend, for tests: it interprets a plan's kernels one element after another, in f64 between one rounding and
//! the next, over a plain vector of bytes. It has its own memory and nothing wider than 32 bits to count with, so that
//! what the other two take for granted is not.

mod kernels;
mod number_types;

use std::sync::Arc;

use super::{Arena, Backend, Memory, Origin, Provider};
use crate::dataset::DatasetRows;
use crate::device::{Ledger, Reservation};
use crate::error::Error;
use crate::ir::kernel::dispatch;
use crate::ir::{
    DType, Device, Extent, MemoryReading, MemoryReport, Meta, NumberTypes, Numbers, Program, Value,
};
use kernels::Interpret;

/// The backend.
pub(crate) fn open() -> Backend {
    Backend::new(Toy { ledger: Ledger::new(Device::Accelerator, None) })
}

struct Toy {
    ledger: Arc<Ledger>,
}

impl Toy {
    fn bytes(&self, bytes: usize, report: &MemoryReport) -> Result<Bytes, Error> {
        let entry = self.ledger.enter(bytes as u64, report)?.granted();
        Ok(Bytes { bytes: vec![0; bytes], _entry: entry })
    }
}

impl Provider for Toy {
    fn device(&self) -> Device {
        self.ledger.device()
    }

    fn memory(&self) -> MemoryReading {
        self.ledger.reading()
    }

    fn computes_with(&self, _: NumberTypes) -> bool {
        true
    }

    fn panel_columns(&self) -> Option<usize> {
        Some(5)
    }

    fn reserve_memory(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Memory>, Error> {
        Ok(Box::new(self.bytes(bytes, report)?))
    }

    fn reserve_arena(&self, bytes: usize, report: &MemoryReport) -> Result<Box<dyn Arena>, Error> {
        Ok(Box::new(ToyArena { memory: self.bytes(bytes, report)? }))
    }
}

/// Memory that the host cannot read in place.
struct Bytes {
    bytes: Vec<u8>,
    _entry: Reservation,
}

impl Memory for Bytes {
    fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.copy_from_slice(&self.bytes[offset..offset + bytes.len()]);
        Ok(())
    }
}

struct ToyArena {
    memory: Bytes,
}

impl Arena for ToyArena {
    fn memory(&self) -> &dyn Memory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut dyn Memory {
        &mut self.memory
    }

    fn numbers(&self) -> Numbers {
        kernels::NUMBERS
    }

    fn run(&mut self, program: &Program, feed: &Origin<'_>, steps: usize) -> Result<(), Error> {
        for step in 0..steps {
            let batch = Batch::of(feed, step, program.batch_size);
            let mut machine = Machine { bytes: &mut self.memory.bytes, program, batch };
            for kernel in program.stages.iter().flatten() {
                dispatch!(kernel, k => k.interpret(&mut machine));
            }
        }
        Ok(())
    }
}

/// A copy of the dataset, and the rows of it that a step takes.
#[derive(Default)]
struct Batch {
    samples: Vec<u8>,
    targets: Vec<u8>,
    rows: Vec<u32>,
}

impl Batch {
    fn of(feed: &Origin<'_>, step: usize, size: usize) -> Batch {
        let (samples, targets, order) = match feed {
            Origin::None => return Batch::default(),
            Origin::Host(DatasetRows { data, order })
            | Origin::Staged { rows: DatasetRows { data, order }, .. } => {
                (data.sample_bytes().to_vec(), data.target_bytes().to_vec(), order.to_vec())
            }
            Origin::Resident { memory, parts, .. } => {
                let part = |extent: Extent| {
                    let mut bytes = vec![0; extent.bytes];
                    memory.read(extent.offset, &mut bytes).expect("memory of this backend never fails");
                    bytes
                };
                let order =
                    part(parts.order).as_chunks().0.iter().map(|row| u32::from_ne_bytes(*row)).collect();
                (part(parts.samples), part(parts.targets), order)
            }
        };
        Batch { samples, targets, rows: order[step * size..][..size].to_vec() }
    }

    /// The rows of the step, one after another, out of `all` rows of `width` bytes.
    fn pick(&self, all: &[u8], width: usize) -> Vec<u8> {
        self.rows.iter().flat_map(|&row| &all[row as usize * width..][..width]).copied().collect()
    }
}

/// What a kernel sees.
struct Machine<'a> {
    bytes: &'a mut [u8],
    program: &'a Program,
    batch: Batch,
}

impl Machine<'_> {
    fn read(&self, value: Value, bytes: usize) -> &[u8] {
        &self.bytes[self.program.offsets[value.index()]..][..bytes]
    }

    fn write(&mut self, value: Value, bytes: &[u8]) {
        self.bytes[self.program.offsets[value.index()]..][..bytes.len()].copy_from_slice(bytes);
    }

    /// The labels of so many classes that a value holds.
    fn labels(&self, value: Value, count: usize, classes: usize) -> Vec<usize> {
        let dtype = DType::of_labels(classes);
        let labels = dtype.decode_all(self.read(value, count * dtype.size()));
        labels.into_iter().map(|label| label as usize).collect()
    }

    fn numbers(&self, value: Value, count: usize) -> Vec<f64> {
        let Meta { dtype, shape } = self.program.metas[value.index()];
        let stored = dtype.decode_all(self.read(value, dtype.size() * count));
        let layout = self.program.layouts[value.index()];
        (0..count).map(|i| f64::from(stored[layout.place(&shape, i)])).collect()
    }

    /// Numbers as products multiply them.
    fn factors(&self, numbers: Vec<f64>) -> Vec<f64> {
        let dtype = self.program.compute;
        let mut bytes = vec![0; dtype.size()];
        let mut rounded = |x: f64| {
            dtype.encode(x as f32, &mut bytes);
            f64::from(dtype.decode(&bytes))
        };
        match dtype {
            DType::F32 => numbers,
            _ => numbers.into_iter().map(&mut rounded).collect(),
        }
    }

    fn set_numbers(&mut self, value: Value, numbers: &[f64]) {
        let Meta { dtype, shape } = self.program.metas[value.index()];
        let layout = self.program.layouts[value.index()];
        let mut bytes = vec![0; dtype.size() * numbers.len()];
        for (i, &x) in numbers.iter().enumerate() {
            let place = layout.place(&shape, i) * dtype.size();
            dtype.encode(x as f32, &mut bytes[place..place + dtype.size()]);
        }
        self.write(value, &bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::net::{Net, mixed_rows};
    use crate::{DType, Gradients, Graph, Plan, Session};

    #[test]
    fn what_a_product_updates_it_updates_as_the_reference_does() {
        let net = Net { gradients: Gradients::Consumed, ..Net::classifier(&[12], &[8], 3) };
        let (source, rows) = (net.source(30), mixed_rows(24, 30));
        let mut session = net.session(&open(), vec![net.training_plan(6)]);
        session.run(0, &source.batches(&rows).unwrap()).unwrap();
        let machine = net.interpret(&source, &rows, 6);
        for parameter in net.parameters() {
            let expected = machine.parameter(parameter.id()).unwrap();
            let expected = crate::testing::net::in_file_order(&parameter, expected);
            let found = session.parameter(parameter.id()).unwrap();
            assert!(found.iter().zip(expected).all(|(x, y)| (f64::from(*x) - y).abs() < 1e-6));
        }
    }

    #[test]
    fn room_for_a_longer_order_does_not_change_which_samples_are_taken() {
        let net = Net { dtype: DType::U8, ..Net::classifier(&[12], &[8], 3) };
        let (toy, mut source, rows) = (open(), net.source(10), mixed_rows(64, 10));
        let graph = Graph::new();
        let samples = graph.samples(&net.format(), 64).unwrap();
        let plan = Plan::new(&graph, &net.state(), &[samples]).unwrap();
        let mut streaming = Session::streaming(&toy, vec![plan.clone()]).unwrap();
        streaming.run(0, &source.batches(&rows).unwrap()).unwrap();
        source.upload_for(&toy, 64).unwrap();
        let mut session = Session::new(&toy, vec![plan]).unwrap();
        session.run(0, &source.batches(&rows).unwrap()).unwrap();
        assert_eq!(session.read(0, samples.id()).unwrap(), streaming.read(0, samples.id()).unwrap());
    }
}
