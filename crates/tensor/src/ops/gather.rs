//! The batch: rows of the dataset, picked by number, pixels normalised on the way: x = u8 · scale + shift per channel.
//!
//! Images stay bytes in the dataset; this is the first kernel that sees them, and what it writes is the input of the
//! network. Tables, whose values are f32 already, are gathered with scale 1 and shift 0. Nothing here has a gradient:
//! a network's input needs none.

use std::sync::Arc;

use ndarray::{ArrayD, IxDyn};

use crate::backend::reference::Interpreter;
use crate::graph::{Call, Lowered, Meta, Op};
use crate::plan::{Gather, GatherTargets, Kernel};
use crate::{DType, Error, Graph, Shape, Tensor};

/// What the samples of a dataset look like, and how they are normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleFormat {
    /// Shape of one sample: `[channels, height, width]` or `[features]`.
    pub shape: Shape,
    /// Element type in the dataset.
    pub dtype: DType,
    /// Factor per channel (one entry: the same for all).
    pub scale: Arc<[f32]>,
    /// Summand per channel, as many as factors.
    pub shift: Arc<[f32]>,
}

/// What a dataset says about a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetFormat {
    /// One class label, a byte.
    Class,
    /// This many f32 values.
    Values(usize),
}

#[derive(Debug)]
struct GatherSamples {
    format: SampleFormat,
    batch_size: usize,
}

impl GatherSamples {
    /// Number of channels and of elements in each.
    fn channels(&self) -> (usize, usize) {
        let channels = self.format.scale.len().max(1);
        (channels, self.format.shape.elements() / channels)
    }
}

impl Op for GatherSamples {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn output(&self, _: &[Meta]) -> Result<Meta, Error> {
        let (channels, _) = self.channels();
        if self.batch_size == 0 {
            return Err(Error::shapes(self.name(), "a batch of at least one sample", &[]));
        }
        let fits = self.format.scale.len() == self.format.shift.len()
            && !self.format.scale.is_empty()
            && (channels == 1 || self.format.shape.dims().first() == Some(&channels));
        if !fits {
            let expected = "a scale and a shift for each channel, or one of each for all";
            return Err(Error::shapes(self.name(), expected, &[self.format.shape]));
        }
        let dims: Vec<usize> = [self.batch_size].iter().chain(self.format.shape.dims()).copied().collect();
        Ok(Meta::f32(Shape::new(&dims)?))
    }

    fn reference(
        &self,
        _: &[&ArrayD<f64>],
        output: Shape,
        machine: &mut Interpreter,
    ) -> Result<ArrayD<f64>, Error> {
        let (channels, pixels) = self.channels();
        let raw = machine.samples(channels * pixels)?;
        let normalise = |(i, x): (usize, f64)| {
            let channel = i / pixels.max(1) % channels;
            x * f64::from(self.format.scale[channel]) + f64::from(self.format.shift[channel])
        };
        let values = raw.into_iter().enumerate().map(normalise).collect();
        ArrayD::from_shape_vec(IxDyn(output.dims()), values).map_err(|_| Error::Source {
            expected: format!("batches of {}", self.batch_size),
            found: "another number of rows".into(),
        })
    }

    fn lower(&self, call: &Call) -> Lowered {
        let (channels, pixels) = self.channels();
        Lowered::Kernel(Kernel::Gather(Gather {
            output: call.output.value,
            rows: self.batch_size,
            channels,
            pixels,
            dtype: self.format.dtype,
            scale: self.format.scale.clone(),
            shift: self.format.shift.clone(),
        }))
    }
}

#[derive(Debug)]
struct GatherTargetsOp {
    format: TargetFormat,
    batch_size: usize,
}

impl Op for GatherTargetsOp {
    fn name(&self) -> &'static str {
        "gather_targets"
    }

    fn output(&self, _: &[Meta]) -> Result<Meta, Error> {
        if self.batch_size == 0 {
            return Err(Error::shapes(self.name(), "a batch of at least one sample", &[]));
        }
        Ok(match self.format {
            TargetFormat::Class => Meta { shape: Shape::new(&[self.batch_size])?, dtype: DType::U8 },
            TargetFormat::Values(width) => Meta::f32(Shape::new(&[self.batch_size, width])?),
        })
    }

    fn reference(
        &self,
        _: &[&ArrayD<f64>],
        output: Shape,
        machine: &mut Interpreter,
    ) -> Result<ArrayD<f64>, Error> {
        let values = machine.targets(self.format)?;
        ArrayD::from_shape_vec(IxDyn(output.dims()), values).map_err(|_| Error::Source {
            expected: format!("batches of {}", self.batch_size),
            found: "another number of rows".into(),
        })
    }

    fn lower(&self, call: &Call) -> Lowered {
        let (output, rows) = (call.output.value, self.batch_size);
        Lowered::Kernel(Kernel::GatherTargets(GatherTargets { output, rows, format: self.format }))
    }
}

impl Graph {
    /// The samples of the current batch, normalised: `[batch_size, sample shape…]`.
    ///
    /// # Errors
    /// If scale and shift do not fit the channels, or the batch is empty.
    pub fn samples(&self, format: &SampleFormat, batch_size: usize) -> Result<Tensor<'_>, Error> {
        self.record(GatherSamples { format: format.clone(), batch_size }, &[])
    }

    /// The targets of the current batch: labels `[batch_size]` (u8), or values `[batch_size, width]` (f32).
    ///
    /// # Errors
    /// If the shape is impossible, or the batch is empty.
    pub fn targets(&self, format: TargetFormat, batch_size: usize) -> Result<Tensor<'_>, Error> {
        self.record(GatherTargetsOp { format, batch_size }, &[])
    }
}
