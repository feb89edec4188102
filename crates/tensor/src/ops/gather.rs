//! The batch: rows of the dataset, picked by number, pixels normalised on the way: x = u8 · scale + shift per channel.
//!
//! Images stay bytes in the dataset; this is the first kernel that sees them, and what it writes is the input of the
//! network. Tables, whose values are f32 already, are gathered with scale 1 and shift 0. Nothing here has a gradient:
//! a network's input needs none.

use crate::error::{Error, SourceError};
use crate::graph::{Call, Gradient, Graph, Interpreter, Lower, Lowered, Meaning, ShapeRule, Tensor, one};
use crate::ir::kernel::{Gather, GatherTargets, Samples};
use crate::ir::{Meta, SampleFormat, Shape, TargetFormat};
use ndarray::{ArrayD, IxDyn};

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

impl ShapeRule for GatherSamples {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
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
        one(Meta::f32(Shape::new(&dims)?))
    }
}

impl Gradient for GatherSamples {}

impl Meaning for GatherSamples {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        outputs: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let (channels, pixels) = self.channels();
        let raw = machine.samples(channels * pixels)?;
        let normalise = |(i, x): (usize, f64)| {
            let channel = i / pixels.max(1) % channels;
            x * f64::from(self.format.scale[channel]) + f64::from(self.format.shift[channel])
        };
        let values = raw.into_iter().enumerate().map(normalise).collect();
        let batch = ArrayD::from_shape_vec(IxDyn(outputs[0].dims()), values);
        one(batch.map_err(|_| other_batch(self.batch_size))?)
    }
}

impl Lower for GatherSamples {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (channels, pixels) = self.channels();
        let samples = Samples {
            rows: self.batch_size,
            channels,
            pixels,
            dtype: self.format.dtype,
            scale: self.format.scale.clone(),
            shift: self.format.shift.clone(),
        };
        Lowered::kernel(Gather { output: call.output().value, samples })
    }
}

fn other_batch(batch_size: usize) -> Error {
    SourceError::Rows { batch_size }.into()
}

#[derive(Debug)]
struct GatherTargetsOp {
    format: TargetFormat,
    batch_size: usize,
}

impl ShapeRule for GatherTargetsOp {
    fn name(&self) -> &'static str {
        "gather_targets"
    }

    fn outputs(&self, _: &[Meta]) -> Result<Vec<Meta>, Error> {
        if self.batch_size == 0 {
            return Err(Error::shapes(self.name(), "a batch of at least one sample", &[]));
        }
        one(match self.format {
            TargetFormat::Class | TargetFormat::WideClass => {
                Meta { shape: Shape::new(&[self.batch_size])?, dtype: self.format.dtype() }
            }
            TargetFormat::Values(width) => Meta::f32(Shape::new(&[self.batch_size, width])?),
        })
    }
}

impl Gradient for GatherTargetsOp {}

impl Meaning for GatherTargetsOp {
    fn meaning(
        &self,
        _: &[&ArrayD<f64>],
        outputs: &[Shape],
        machine: &mut Interpreter,
    ) -> Result<Vec<ArrayD<f64>>, Error> {
        let values = machine.targets(self.format)?;
        let batch = ArrayD::from_shape_vec(IxDyn(outputs[0].dims()), values);
        one(batch.map_err(|_| other_batch(self.batch_size))?)
    }
}

impl Lower for GatherTargetsOp {
    fn lower(&self, call: &mut Call<'_>) -> Lowered {
        let (output, rows) = (call.output().value, self.batch_size);
        Lowered::kernel(GatherTargets { output, rows, format: self.format })
    }

    fn is_exact(&self) -> bool {
        true
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

    /// The targets of the current batch: labels `[batch_size]` (u8 or u16), or values `[batch_size, width]` (f32).
    ///
    /// # Errors
    /// If the shape is impossible, or the batch is empty.
    pub fn targets(&self, format: TargetFormat, batch_size: usize) -> Result<Tensor<'_>, Error> {
        self.record(GatherTargetsOp { format, batch_size }, &[])
    }
}

#[cfg(test)]
mod tests {
    use super::{SampleFormat, TargetFormat};
    use crate::testing::{backends, net::cpu};
    use crate::{DType, Graph, Parameters, Plan, Samples, Session, Shape, Source, State, Targets};

    fn format(shape: &[usize], dtype: DType, scale: &[f32], shift: &[f32]) -> SampleFormat {
        SampleFormat { shape: Shape::new(shape).unwrap(), dtype, scale: scale.into(), shift: shift.into() }
    }

    #[test]
    fn rows_are_picked_in_order_and_each_channel_has_its_own_scale() {
        let graph = Graph::new();
        let format = format(&[2, 1, 2], DType::U8, &[1.0, 0.5], &[0.0, -1.0]);
        let samples = graph.samples(&format, 3).unwrap();
        let labels = graph.targets(TargetFormat::Class, 3).unwrap();
        let plan =
            Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &[samples, labels]).unwrap();
        let source =
            Source::new(Samples::U8(vec![0, 1, 2, 3, 10, 20, 30, 40]), Targets::Classes(vec![7, 255]), 4);
        let (source, mut session) = (source.unwrap(), Session::new(&cpu(2), vec![plan]).unwrap());
        session.run(0, &source.batches(&[1, 0, 1]).unwrap()).unwrap();
        let found = session.read(0, samples.id()).unwrap();
        assert_eq!(found.shape(), [3, 2, 1, 2]);
        assert!(found.iter().eq(&[10., 20., 14., 19., 0., 1., 0., 0.5, 10., 20., 14., 19.]));
        assert!(session.read(0, labels.id()).unwrap().iter().eq(&[255., 7., 255.]));
    }

    #[test]
    fn values_are_picked_with_their_rows() {
        let graph = Graph::new();
        let targets = graph.targets(TargetFormat::Values(2), 2).unwrap();
        let plan = Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &[targets]).unwrap();
        let values = Targets::Values { values: vec![1., 2., 3., 4., 5., 6.], width: 2 };
        let source = Source::new(Samples::F32(vec![0.0; 3]), values, 1).unwrap();
        let mut session = Session::new(&cpu(1), vec![plan]).unwrap();
        session.run(0, &source.batches(&[2, 0]).unwrap()).unwrap();
        assert!(session.read(0, targets.id()).unwrap().iter().eq(&[5., 6., 1., 2.]));
    }

    #[test]
    fn every_width_type_and_instruction_set_normalises_alike() {
        for width in [1, 7, 8, 15, 16, 17, 33, 100] {
            for dtype in [DType::U8, DType::F32] {
                let graph = Graph::new();
                let samples = graph.samples(&format(&[3, width], dtype, &[0.25; 3], &[-2.0; 3]), 5).unwrap();
                let plan =
                    Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &[samples]).unwrap();
                let bytes: Vec<u8> = (0..6 * 3 * width).map(|i| (i * 37 % 256) as u8).collect();
                let expected: Vec<f32> =
                    bytes[3 * width..].iter().map(|&x| f32::from(x) * 0.25 - 2.0).collect();
                let data = match dtype {
                    DType::U8 => Samples::U8(bytes),
                    _ => Samples::F32(bytes.into_iter().map(f32::from).collect()),
                };
                let source = Source::new(data, Targets::Classes(vec![0; 6]), 3 * width).unwrap();
                for (name, backend) in backends() {
                    let mut session = Session::streaming(&backend, vec![plan.clone()]).unwrap();
                    session.run(0, &source.batches(&[1, 2, 3, 4, 5]).unwrap()).unwrap();
                    let found = session.read(0, samples.id()).unwrap();
                    assert!(found.iter().eq(&expected), "{name}, {width} {dtype}");
                }
            }
        }
    }
}
