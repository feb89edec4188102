//! A network as the rest of the crate sees it: anything that declares weights and records itself.

use std::fmt;

use plangrad_tensor::{Graph, Tensor};

use crate::layer::Layer;
use crate::{Architecture, Error, Weights};

/// What a network is recorded for. A network that meets a mode it does not know treats it as [`Mode::Evaluate`].
///
/// Example: [`Module`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// With dropout, and with the statistics of the batch.
    Train,
    /// Without dropout, and with running statistics.
    Evaluate,
}

/// A network. [`crate::Task`] plans its training, evaluation and prediction; [`crate::checkpoint`] writes and reads its
/// files; [`crate::summary`] lists its layers.
///
/// A module holds shapes and names only: its numbers live in a session. It is made once and shared as
/// `Arc<dyn Module>`.
///
/// # Running statistics
///
/// A module with statistics ([`Weights::statistic`], such as those of [`crate::BatchNorm`]) assigns them when it is recorded with
/// [`Mode::Train`] ([`Graph::assign`]) and reads them with [`Mode::Evaluate`]. Whenever a training plan has run on a batch they have
/// been assigned once. A step in parts ([`crate::Task::split_step`]) runs one plan per part: every part then is a batch
/// of its own, with its own batch statistics, and assigns the running ones once. So the bits differ from those of the whole
/// batch, and running averages move once per part.
///
/// # Example
///
/// A linear model that scales its inputs by a trained factor:
///
/// ```
/// use std::sync::Arc;
///
/// use plangrad_nn::{Architecture, Block, Error, Initial, Linear, Loss, Mode, Module, Task, Weights};
/// use plangrad_tensor::{DType, Graph, Optimizer, Parameter, SampleFormat, Schedule, Shape, Tensor};
///
/// #[derive(Debug)]
/// struct Scaled {
///     inputs: [usize; 1],
///     weights: Weights,
///     scale: Parameter,
///     linear: Linear,
/// }
///
/// impl Scaled {
///     fn new(inputs: usize) -> Result<Scaled, Error> {
///         let mut weights = Weights::new();
///         let scale = weights.trained("scale", &[inputs], Initial::ONES)?;
///         let linear = Linear::new(&mut weights, "linear", inputs, 1)?;
///         Ok(Scaled { inputs: [inputs], weights, scale, linear })
///     }
/// }
///
/// impl Module for Scaled {
///     fn architecture(&self) -> Result<Architecture, Error> {
///         Architecture::new("scaled", &self.inputs[0])
///     }
///
///     fn sample_shape(&self) -> &[usize] {
///         &self.inputs
///     }
///
///     fn outputs(&self) -> usize {
///         1
///     }
///
///     fn weights(&self) -> &Weights {
///         &self.weights
///     }
///
///     fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
///         self.linear.record(graph, x.mul(graph.parameter(&self.scale)?)?, mode)
///     }
/// }
///
/// let shape = Shape::new(&[4])?;
/// let samples = SampleFormat::new(shape, DType::F32);
/// let task = Task::new(Arc::new(Scaled::new(4)?), samples, Loss::Mse)?;
/// let plan = task.training_plan(Optimizer::adam(), Schedule::Constant { learning_rate: 0.001 }, 32)?;
/// println!("{}", plan.report());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Module: fmt::Debug + Send + Sync {
    /// Its name and configuration, from which [`crate::Architectures`] makes it again when a file is loaded.
    ///
    /// # Errors
    /// If the configuration cannot be serialised.
    fn architecture(&self) -> Result<Architecture, Error>;

    /// Shape of one sample, e.g. `[1, 28, 28]`.
    fn sample_shape(&self) -> &[usize];

    /// Scores per sample: classes, or values for a regression.
    fn outputs(&self) -> usize;

    /// Its weights. Always the same ones: parameters know the list they belong to.
    fn weights(&self) -> &Weights;

    /// Records the network applied to `x` (f32, `[batch, …sample shape]`): scores `[batch, outputs]`. It is called once for
    /// each plan, with different batch sizes.
    ///
    /// # Errors
    /// If an operation refuses its operands; [`Error::module`] makes one of an error of your own.
    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error>;

    /// Its layers from the input on, for summaries: one that stands for all of it unless this method says more.
    fn layers(&self) -> Vec<Layer> {
        let name = self.architecture().map_or_else(|_| "Network".into(), |it| it.name().to_owned());
        vec![Layer::new(name, &[self.outputs()], self.weights().trained_elements())]
    }
}
