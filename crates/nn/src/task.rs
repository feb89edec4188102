//! A network with its data format and loss, and the plans of one step and of one evaluation batch.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use plangrad_tensor::ndarray::Array1;
use plangrad_tensor::{
    Arrangements, Gradients, Graph, Groups, Hyperparameter, Inputs, Keep, Learning, LearningRate,
    NumberTypes, Parameter, Plan, Recompute, SampleFormat, Session, State, TargetFormat, Tensor, TensorId,
    UpdateRule,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Mode, Module, SplitStep};

/// What is minimised.
///
/// ```
/// use plangrad_nn::Loss;
///
/// assert_eq!("cross-entropy".parse::<Loss>()?, Loss::CrossEntropy);
/// assert!("hinge".parse::<Loss>().is_err());
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Loss {
    /// For classes.
    CrossEntropy,
    /// For values.
    Mse,
}

impl Loss {
    /// All of them, in the order of help texts.
    pub const ALL: [Loss; 2] = [Loss::CrossEntropy, Loss::Mse];
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loss::CrossEntropy => "cross-entropy",
            Loss::Mse => "mse",
        })
    }
}

impl FromStr for Loss {
    type Err = Error;

    fn from_str(name: &str) -> Result<Loss, Error> {
        let known = || Loss::ALL.map(|loss| loss.to_string()).to_vec();
        let unknown = || Error::UnknownLoss { found: name.into(), known: known() };
        Loss::ALL.into_iter().find(|loss| loss.to_string() == name).ok_or_else(unknown)
    }
}

/// A network, the format of the samples it reads, and the loss it minimises.
///
/// ```
/// use std::sync::Arc;
///
/// use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
/// use plangrad_tensor::{DType, Optimizer, SampleFormat, Schedule, Shape};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mlp = Mlp::new(&MlpConfig::new(&[784], 10).hidden(&[128]))?;
/// let samples = SampleFormat::new(Shape::new(&[784])?, DType::U8).normalized([1.0 / 255.0], [0.0]);
/// let task = Task::new(Arc::new(mlp), samples, Loss::CrossEntropy)?.with_clip_norm(1.0)?;
/// let step = task.training_plan(Optimizer::adam(), Schedule::Constant { learning_rate: 1e-3 }, 64)?;
/// let test = task.evaluation_plan(step.state(), 1000)?;
/// println!("{} bytes a step, {} to test", step.bytes(), test.bytes());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Task {
    model: Arc<dyn Module>,
    samples: SampleFormat,
    loss: Loss,
    number_types: NumberTypes,
    gradients: Gradients,
    inputs: Inputs,
    recompute: Recompute,
    levers: Levers,
    arrangements: Arrangements,
}

/// What a step does besides; nothing by default.
#[derive(Clone, Debug, Default)]
struct Levers {
    class_weights: Option<Arc<[f32]>>,
    label_smoothing: f64,
    clip_norm: Option<f64>,
    decayed: Decayed,
    average: Option<f64>,
    rate_factor: Option<RateFactor>,
}

/// Which parameters weight decay is for.
///
/// ```
/// use std::sync::Arc;
///
/// use plangrad_nn::{Decayed, Loss, Mlp, MlpConfig, Task};
/// use plangrad_tensor::{DType, SampleFormat, Shape};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let samples = SampleFormat::new(Shape::new(&[784])?, DType::U8);
/// let task = Task::new(Arc::new(Mlp::new(&MlpConfig::new(&[784], 10))?), samples, Loss::CrossEntropy)?;
/// let task = task.with_decay_of(Decayed::Matrices);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Decayed {
    /// All of them, as in PyTorch.
    #[default]
    All,
    /// Matrices: no biases, and no weights of normalisations.
    Matrices,
}

/// By what the learning rate of a step is multiplied, as a formula of its number.
#[derive(Clone)]
struct RateFactor(Arc<RateFormula>);

type RateFormula = dyn for<'g> Fn(Tensor<'g>) -> Result<Tensor<'g>, plangrad_tensor::Error> + Send + Sync;

impl fmt::Debug for RateFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a formula")
    }
}

/// What is added to the weight of a batch, so that it is not 0: below the last place of any weight that is not absurd.
const LEAST_WEIGHT: f32 = 1e-30;

/// What a training batch costs.
struct TrainingLosses<'g> {
    /// One for each sample, times the weight of its label.
    losses: Tensor<'g>,
    /// Σ of the weights of the labels, a scalar, if classes have weights.
    weight: Option<Tensor<'g>>,
}

/// Refuses weights that are not one for each class, finite, at least 0, and not all 0.
fn check_class_weights(weights: &[f64], classes: usize) -> Result<(), Error> {
    if weights.len() != classes {
        return Err(Error::ClassWeightCount { expected: classes, found: weights.len() });
    }
    let fits = |weight: f64| weight >= 0.0 && (weight as f32).is_finite();
    if let Some(class) = weights.iter().position(|&weight| !fits(weight)) {
        return Err(Error::ClassWeight { class, weight: weights[class] });
    }
    if weights.iter().all(|&weight| weight == 0.0) { Err(Error::NoClassWeight) } else { Ok(()) }
}

/// The number, if it is one that can be worked with.
fn check_number<T>(checked: Result<T, Hyperparameter>) -> Result<T, Error> {
    Ok(checked.map_err(plangrad_tensor::Error::from)?)
}

/// A graph for the evaluation of a network: by its averages, where there are some.
fn evaluation_graph(state: &State) -> Graph {
    if state.keeps_averages() { Graph::of_averages() } else { Graph::new() }
}

/// A plan that predicts a batch, with the outputs that can be read after it has run.
///
/// ```
/// use std::sync::Arc;
///
/// use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
/// use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
/// use plangrad_tensor::{DType, SampleFormat, Samples, Session, Shape, Source, Targets};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let samples = SampleFormat::new(Shape::new(&[4])?, DType::F32);
/// let task = Task::new(Arc::new(Mlp::new(&MlpConfig::new(&[4], 3))?), samples, Loss::CrossEntropy)?;
/// let prediction = task.prediction_plan(&task.inference_state()?, 2)?;
/// let mut session = Session::new(&Cpu::open(CpuOptions::default())?, vec![prediction.plan])?;
/// task.initialise(&mut session, 42)?;
/// let source = Source::new(Samples::F32(vec![0.5; 8]), Targets::Classes(vec![0, 0]), 4)?;
/// session.run(0, &source.batches(&[0, 1])?)?;
/// assert_eq!(session.read(0, prediction.scores)?.shape(), [2, 3]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PredictionPlan {
    /// The plan.
    pub plan: Plan,
    /// Scores `[batch, outputs]`: logits, or predicted values.
    pub scores: TensorId,
    /// Class probabilities `[batch, outputs]`, for a classification.
    pub probabilities: Option<TensorId>,
}

impl Task {
    /// Minimises `loss` of `model` on samples of this format.
    ///
    /// # Errors
    /// [`Error::SampleShape`] if the network reads samples of another shape.
    pub fn new(model: Arc<dyn Module>, samples: SampleFormat, loss: Loss) -> Result<Task, Error> {
        let (expected, found) = (model.sample_shape(), samples.shape.dims());
        if expected != found {
            return Err(Error::SampleShape { expected: expected.to_vec(), found: found.to_vec() });
        }
        let (number_types, levers) = (NumberTypes::default(), Levers::default());
        let (gradients, inputs) = (Gradients::default(), Inputs::default());
        let arrangements = Arrangements::default();
        let recompute = Recompute::default();
        Ok(Task { model, samples, loss, number_types, gradients, inputs, recompute, levers, arrangements })
    }

    /// The same with the gradients of a step kept or consumed. Steps in parts need gradients that are kept.
    ///
    /// ```
    /// use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
    /// use plangrad_tensor::{Category, DType, Gradients, Optimizer, SampleFormat, Schedule, Shape};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = Mlp::new(&MlpConfig::new(&[784], 10).hidden(&[128]))?;
    /// let samples = SampleFormat::new(Shape::new(&[784])?, DType::U8);
    /// let task = Task::new(std::sync::Arc::new(model), samples, Loss::CrossEntropy)?;
    /// let rate = Schedule::Constant { learning_rate: 1e-3 };
    /// let kept = task.training_plan(Optimizer::adam(), rate, 64)?.report();
    /// let consumed = task.with_gradients(Gradients::Consumed).training_plan(Optimizer::adam(), rate, 64)?.report();
    /// assert_eq!([kept, consumed].map(|report| report.get(Category::Gradients)), [407_080, 0]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_gradients(self, gradients: Gradients) -> Task {
        Task { gradients, ..self }
    }

    /// The same with the samples of a batch gathered, or read where the dataset has them.
    ///
    /// ```
    /// use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
    /// use plangrad_tensor::{Category, DType, Inputs, Optimizer, SampleFormat, Schedule, Shape};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = Mlp::new(&MlpConfig::new(&[784], 10).hidden(&[128]))?;
    /// let samples = SampleFormat::new(Shape::new(&[784])?, DType::U8);
    /// let task = Task::new(std::sync::Arc::new(model), samples, Loss::CrossEntropy)?;
    /// let rate = Schedule::Constant { learning_rate: 1e-3 };
    /// let gathered = task.training_plan(Optimizer::adam(), rate, 64)?.report();
    /// let in_place = task.with_inputs(Inputs::InPlace).training_plan(Optimizer::adam(), rate, 64)?.report();
    /// let labels = 64;
    /// assert_eq!([gathered, in_place].map(|report| report.get(Category::Batch)), [64 * 784 * 4 + labels, labels]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_inputs(self, inputs: Inputs) -> Task {
        Task { inputs, ..self }
    }

    /// The same with activations that are computed again in the backward pass instead of being kept.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use plangrad_nn::{Activation, Loss, Mlp, MlpConfig, Task};
    /// use plangrad_tensor::{DType, Optimizer, Recompute, SampleFormat, Schedule, Shape};
    ///
    /// let config = MlpConfig::new(&[784], 10).hidden(&[300; 12]).activation(Activation::Gelu);
    /// let samples = SampleFormat::new(Shape::new(&[784])?, DType::U8);
    /// let task = Task::new(Arc::new(Mlp::new(&config)?), samples, Loss::CrossEntropy)?;
    /// let rate = Schedule::Constant { learning_rate: 0.001 };
    /// let kept = task.training_plan(Optimizer::adam(), rate, 512)?;
    /// let recompute = Recompute::Segments { period: 4, first: 3 };
    /// let again = task.with_recompute(recompute).training_plan(Optimizer::adam(), rate, 512)?;
    /// assert!(again.bytes() < kept.bytes() && again.operations() < kept.operations() * 4 / 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_recompute(self, recompute: Recompute) -> Task {
        Task { recompute, ..self }
    }

    /// The same with numbers kept in other types than f32: what its plans take is then known to the byte, whether or not
    /// there is a device yet that runs them.
    ///
    /// ```
    /// use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
    /// use plangrad_tensor::{Category, DType, NumberTypes, Optimizer, SampleFormat, Schedule, Shape};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = Mlp::new(&MlpConfig::new(&[784], 10).hidden(&[128]))?;
    /// let samples = SampleFormat::new(Shape::new(&[784])?, DType::U8);
    /// let task = Task::new(std::sync::Arc::new(model), samples, Loss::CrossEntropy)?;
    /// let schedule = Schedule::Constant { learning_rate: 0.001 };
    /// let batch = |task: &Task| -> Result<u64, plangrad_nn::Error> {
    ///     Ok(task.training_plan(Optimizer::adam(), schedule, 64)?.report().get(Category::Batch))
    /// };
    /// let labels = 64;
    /// assert_eq!(batch(&task)?, 64 * 784 * 4 + labels);
    /// let task = task.with_number_types(NumberTypes::default().storage(DType::Bf16));
    /// assert_eq!(batch(&task)?, 64 * 784 * 2 + labels);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_number_types(self, number_types: NumberTypes) -> Task {
        Task { number_types, arrangements: Arrangements::default(), ..self }
    }

    /// The same with a weight for each class: PyTorch's `CrossEntropyLoss(weight=…)`. The gradient of a batch is that of
    /// Σ wᵢ lossᵢ / Σ wᵢ, where wᵢ is the weight of sample i's label; a batch whose labels all weigh nothing has none.
    /// Metrics of training sum wᵢ lossᵢ; evaluation takes the loss without weights.
    ///
    /// A session then keeps Σ wᵢ ∂lossᵢ for each parameter, which the update divides. In parts, Σ wᵢ is that of the whole
    /// batch, summed over the parts, so a step may differ in its last bits from the one that is not in parts.
    ///
    /// # Errors
    /// [`Error::OnlyCrossEntropy`] for another loss; [`Error::ClassWeightCount`], [`Error::ClassWeight`] or
    /// [`Error::NoClassWeight`] for weights that are not one for each class, finite, at least 0, and not all 0.
    pub fn with_class_weights(self, weights: &[f64]) -> Result<Task, Error> {
        self.check_loss("class weights")?;
        check_class_weights(weights, self.model.outputs())?;
        let class_weights = Some(weights.iter().map(|&weight| weight as f32).collect());
        Ok(self.with_levers(|levers| Levers { class_weights, ..levers }))
    }

    /// The same with label smoothing ε, at least 0 and below 1: a share ε of each training sample's loss is spread evenly over
    /// all classes (PyTorch's `CrossEntropyLoss(label_smoothing=ε)`; Szegedy et al.,
    /// [arXiv:1512.00567](https://arxiv.org/abs/1512.00567)). Evaluation takes the loss without.
    ///
    /// # Errors
    /// [`Error::OnlyCrossEntropy`] for another loss; [`plangrad_tensor::Error::Hyperparameter`] for another ε.
    pub fn with_label_smoothing(self, label_smoothing: f64) -> Result<Task, Error> {
        if label_smoothing != 0.0 {
            self.check_loss("label smoothing")?;
        }
        check_number(Hyperparameter::share("label_smoothing", label_smoothing))?;
        Ok(self.with_levers(|levers| Levers { label_smoothing, ..levers }))
    }

    /// The same with the gradients of a step scaled down to this norm where it is larger, all trained parameters together:
    /// PyTorch's `clip_grad_norm_` ([`Graph::clip_divisor`]). The gradients that a session keeps stay as they were.
    ///
    /// # Errors
    /// [`plangrad_tensor::Error::Hyperparameter`] for a norm that is not above 0 and finite.
    pub fn with_clip_norm(self, max_norm: f64) -> Result<Task, Error> {
        let clip_norm = Some(check_number(Hyperparameter::positive("clip_norm", max_norm))?);
        Ok(self.with_levers(|levers| Levers { clip_norm, ..levers }))
    }

    /// The same with weight decay for some parameters only.
    #[must_use]
    pub fn with_decay_of(self, decayed: Decayed) -> Task {
        self.with_levers(|levers| Levers { decayed, ..levers })
    }

    /// The same with a running average of each trained parameter behind each step: a ← βa + (1 − β)p, which begins at the first
    /// weights. Evaluation and predictions over the state of such a training are by the averages, and models are saved with these;
    /// checkpoints have both. PyTorch: `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn(β)`. Running
    /// statistics are those of the steps.
    ///
    /// ```
    /// use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
    /// use plangrad_tensor::{Category, DType, Optimizer, SampleFormat, Schedule, Shape};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = Mlp::new(&MlpConfig::new(&[784], 10).hidden(&[128]))?;
    /// let samples = SampleFormat::new(Shape::new(&[784])?, DType::U8);
    /// let task = Task::new(std::sync::Arc::new(model), samples, Loss::CrossEntropy)?.with_average(0.999)?;
    /// let plan = task.training_plan(Optimizer::adam(), Schedule::Constant { learning_rate: 1e-3 }, 64)?;
    /// assert_eq!(plan.report().get(Category::OptimizerState), 3 * 407_080); // two moments, and the average
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`plangrad_tensor::Error::Hyperparameter`] unless 0 ≤ β < 1.
    pub fn with_average(self, decay: f64) -> Result<Task, Error> {
        check_number(Hyperparameter::share("the decay of the average", decay))?;
        Ok(self.with_levers(|levers| Levers { average: Some(decay), ..levers }))
    }

    /// The same with the learning rate of each step times `factor`, a formula of the step's number t (a scalar, counted from 1): a
    /// schedule of one's own, recorded in the graph of the step. PyTorch: `LambdaLR`, whose function is given t − 1.
    ///
    /// ```
    /// use plangrad_nn::{Loss, Mlp, MlpConfig, Task};
    /// use plangrad_tensor::{DType, SampleFormat, Shape};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let model = Mlp::new(&MlpConfig::new(&[784], 10))?;
    /// let samples = SampleFormat::new(Shape::new(&[784])?, DType::U8);
    /// let task = Task::new(std::sync::Arc::new(model), samples, Loss::CrossEntropy)?;
    /// let task = task.with_rate_factor(|t| t.pow(-0.5)); // 1 / √t
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_rate_factor(
        self,
        factor: impl for<'g> Fn(Tensor<'g>) -> Result<Tensor<'g>, plangrad_tensor::Error> + Send + Sync + 'static,
    ) -> Task {
        self.with_levers(|levers| Levers { rate_factor: Some(RateFactor(Arc::new(factor))), ..levers })
    }

    fn with_levers(self, change: impl FnOnce(Levers) -> Levers) -> Task {
        Task { levers: change(self.levers), arrangements: Arrangements::default(), ..self }
    }

    /// Whether parts of a batch may give a step other bits than the whole batch does.
    #[must_use]
    pub fn parts_differ(&self) -> bool {
        self.model.weights().has_statistics() || self.levers.class_weights.is_some()
    }

    fn check_loss(&self, lever: &'static str) -> Result<(), Error> {
        match self.loss {
            Loss::CrossEntropy => Ok(()),
            Loss::Mse => Err(Error::OnlyCrossEntropy { lever }),
        }
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &dyn Module {
        &*self.model
    }

    /// How samples are stored and normalised.
    #[must_use]
    pub fn samples(&self) -> &SampleFormat {
        &self.samples
    }

    /// The loss.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The format of the dataset's targets.
    #[must_use]
    pub fn targets(&self) -> TargetFormat {
        match self.loss {
            Loss::CrossEntropy => TargetFormat::class_of(self.model.outputs()),
            Loss::Mse => TargetFormat::Values(self.model.outputs()),
        }
    }

    /// Sets the weights in a session to their first values, a function of `seed` alone.
    ///
    /// # Errors
    /// If the session holds another network; [`plangrad_tensor::Error::Device`] if the device has failed.
    pub fn initialise(&self, session: &mut Session, seed: u64) -> Result<(), Error> {
        self.model.weights().initialise(session, seed)
    }

    /// The persistent memory of a training session: weights, gradients and moments.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn training_state(&self, rule: impl UpdateRule) -> Result<State, Error> {
        let list = self.model.weights().list();
        let state = State::training_in_groups(list, rule, &self.groups()?)?
            .with_number_types(self.number_types)?
            .with_gradients(self.gradients)?
            .with_inputs(self.inputs)?
            .with_recompute(self.recompute);
        let Levers { class_weights, average, rate_factor, .. } = &self.levers;
        let state = if class_weights.is_some() { state.with_batch_weight()? } else { state };
        let state = if average.is_some() { state.with_averages()? } else { state };
        Ok(if rate_factor.is_some() { state.with_step_number()? } else { state })
    }

    /// The persistent memory of a session that only evaluates or predicts: weights.
    ///
    /// # Errors
    /// If the sizes overflow.
    pub fn inference_state(&self) -> Result<State, Error> {
        let state = State::inference(self.model.weights().list())?;
        Ok(state.with_number_types(self.number_types)?.with_inputs(self.inputs)?)
    }

    /// One step on a batch: advance, forward, loss, metrics, backward, update.
    ///
    /// # Errors
    /// What the network's [`Module::record`] reports; [`Error::Scores`] if it does not return scores; if the sizes overflow.
    pub fn training_plan(
        &self,
        rule: impl UpdateRule,
        learning_rate: impl Into<LearningRate>,
        batch_size: usize,
    ) -> Result<Plan, Error> {
        let learning_rate = learning_rate.into();
        self.arranged("training", batch_size, |size| self.whole_plan(&rule, learning_rate, size))
    }

    /// The plan for a batch size, with its buffers where they take the least memory that is found.
    fn arranged(
        &self,
        name: &'static str,
        batch_size: usize,
        plan: impl Fn(usize) -> Result<Plan, Error>,
    ) -> Result<Plan, Error> {
        Ok(self.arrangements.arrange(name, plan(batch_size)?, plan))
    }

    /// A step on a whole batch.
    fn whole_plan(
        &self,
        rule: &dyn UpdateRule,
        learning_rate: LearningRate,
        batch_size: usize,
    ) -> Result<Plan, Error> {
        let graph = Graph::new();
        self.advance(&graph, rule, learning_rate)?;
        let TrainingLosses { losses, weight } = self.training_losses(&graph, batch_size)?;
        losses.accumulate_metrics(None)?;
        let loss = if weight.is_some() { losses.sum()? } else { losses.mean()? };
        let kept = self.keep_gradients(&graph, loss, Keep::Replace)?;
        self.update(&graph, rule, &kept, weight)?;
        Ok(Plan::new(&graph, &self.training_state(rule)?, &[])?)
    }

    /// A step on a batch of `rows` in parts of at most `part` rows, with the gradient summed over the parts before one
    /// update. The loss of each sample weighs 1 / `rows` whatever part it is in, so the step is that of the whole batch.
    ///
    /// A network with statistics of the batch takes a different step: each part has statistics of its own, and assigns
    /// running ones once (see [`Module`]).
    ///
    /// # Errors
    /// As [`Task::training_plan`].
    pub fn split_step(
        &self,
        rule: impl UpdateRule,
        learning_rate: impl Into<LearningRate>,
        rows: usize,
        part: usize,
    ) -> Result<SplitStep, Error> {
        let learning_rate = learning_rate.into();
        let part = part.clamp(1, rows.max(1));
        let plan = |size, keep| {
            let name = if keep == Keep::Add { "next part" } else { "first part" };
            self.arranged(name, size, |size| self.part_plan(&rule, learning_rate, rows, size, keep))
        };
        let whole_parts = (rows / part).max(1);
        let left_over = if rows > part { rows % part } else { 0 };
        Ok(SplitStep {
            first: plan(part.min(rows), Keep::Replace)?,
            next: (whole_parts > 1).then(|| plan(part, Keep::Add)).transpose()?,
            next_count: whole_parts - 1,
            last: (left_over > 0).then(|| plan(left_over, Keep::Add)).transpose()?,
            update: self.update_plan(&rule)?,
        })
    }

    /// Gradients of `size` rows of a batch of `rows`, in place of those kept (the first part) or added to them.
    fn part_plan(
        &self,
        rule: &dyn UpdateRule,
        learning_rate: LearningRate,
        rows: usize,
        size: usize,
        keep: Keep,
    ) -> Result<Plan, Error> {
        let graph = Graph::new();
        if keep == Keep::Replace {
            self.advance(&graph, rule, learning_rate)?;
        }
        let TrainingLosses { losses, weight } = self.training_losses(&graph, size)?;
        match keep {
            Keep::Replace => losses.accumulate_metrics(None)?,
            Keep::Add => losses.continue_metrics(None)?,
        }
        let share = match weight {
            None => losses.sum()?.affine((1.0 / rows as f64) as f32, 0.0)?,
            Some(weight) => {
                graph.store_batch_weight(weight, keep)?;
                losses.sum()?
            }
        };
        self.keep_gradients(&graph, share, keep)?;
        graph.proceed(size)?;
        Ok(Plan::new(&graph, &self.training_state(rule)?, &[])?)
    }

    /// Moves all parameters along the gradients kept for them.
    fn update_plan(&self, rule: &dyn UpdateRule) -> Result<Plan, Error> {
        let graph = Graph::new();
        let kept = self.trained().map(|parameter| graph.kept_gradient(parameter));
        let kept = kept.collect::<Result<Vec<_>, _>>()?;
        let weight = self.levers.class_weights.as_ref().map(|_| graph.batch_weight()).transpose()?;
        self.update(&graph, rule, &kept, weight)?;
        Ok(Plan::new(&graph, &self.training_state(rule)?, &[])?)
    }

    /// Evaluates one batch: its losses and (for classes) correct predictions are added to the metrics.
    ///
    /// # Errors
    /// As [`Task::training_plan`].
    pub fn evaluation_plan(&self, state: &State, batch_size: usize) -> Result<Plan, Error> {
        self.arranged("evaluation", batch_size, |size| {
            let graph = evaluation_graph(state);
            self.evaluate(&graph, size)?;
            Ok(Plan::new(&graph, state, &[])?)
        })
    }

    /// Evaluates one batch like [`Task::evaluation_plan`], with scores and probabilities to read.
    ///
    /// # Errors
    /// As [`Task::training_plan`].
    pub fn prediction_plan(&self, state: &State, batch_size: usize) -> Result<PredictionPlan, Error> {
        let PredictionPlan { plan, scores, probabilities } = self.scoring_plan(state, batch_size)?;
        let alike = |size| self.scoring_plan(state, size).map(|scoring| scoring.plan);
        let plan = self.arrangements.arrange("prediction", plan, alike);
        Ok(PredictionPlan { plan, scores, probabilities })
    }

    fn scoring_plan(&self, state: &State, batch_size: usize) -> Result<PredictionPlan, Error> {
        let graph = evaluation_graph(state);
        let scores = self.evaluate(&graph, batch_size)?;
        let probabilities = match self.loss {
            Loss::CrossEntropy => Some(scores.softmax()?),
            Loss::Mse => None,
        };
        let outputs: Vec<Tensor<'_>> = [Some(scores), probabilities].into_iter().flatten().collect();
        let plan = Plan::new(&graph, state, &outputs)?;
        Ok(PredictionPlan { plan, scores: scores.id(), probabilities: probabilities.map(|p| p.id()) })
    }

    /// Records forward pass and metrics of a batch; returns the scores.
    fn evaluate<'g>(&self, graph: &'g Graph, batch_size: usize) -> Result<Tensor<'g>, Error> {
        let x = graph.samples(&self.samples, batch_size)?;
        let targets = graph.targets(self.targets(), batch_size)?;
        let scores = self.scores(graph, x, Mode::Evaluate)?;
        let correct = match self.loss {
            Loss::CrossEntropy => Some(scores.correct(targets)?),
            Loss::Mse => None,
        };
        self.losses(scores, targets)?.accumulate_metrics(correct)?;
        Ok(scores)
    }

    /// Records forward pass and losses of a training batch.
    fn training_losses<'g>(&self, graph: &'g Graph, batch_size: usize) -> Result<TrainingLosses<'g>, Error> {
        let x = graph.samples(&self.samples, batch_size)?;
        let targets = graph.targets(self.targets(), batch_size)?;
        let scores = self.scores(graph, x, Mode::Train)?;
        let Levers { class_weights, label_smoothing, .. } = &self.levers;
        if class_weights.is_none() && *label_smoothing == 0.0 {
            return Ok(TrainingLosses { losses: self.losses(scores, targets)?, weight: None });
        }
        let weights = class_weights.as_ref().map(|weights| graph.constant(Array1::from(weights.to_vec())));
        let weights = weights.transpose()?;
        let losses = scores.smoothed_cross_entropy_losses(targets, weights, *label_smoothing)?;
        let weight = weights.map(|weights| weights.pick(targets)?.sum()).transpose()?;
        Ok(TrainingLosses { losses, weight })
    }

    /// Records the network, whose scores must be one row per sample.
    fn scores<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        let expected = [x.dims()[0], self.model.outputs()];
        let scores = self.model.record(graph, x, mode)?;
        if scores.dims() != expected {
            return Err(Error::Scores { expected, found: scores.dims().to_vec() });
        }
        Ok(scores)
    }

    /// The trained parameters by how they follow their gradients.
    fn groups(&self) -> Result<Groups, Error> {
        let is_decayed = |parameter: &Parameter| match self.levers.decayed {
            Decayed::All => true,
            Decayed::Matrices => parameter.shape().rank() > 1,
        };
        let learning = |(parameter, learning): (&Parameter, Learning)| {
            (parameter.id(), Learning { decays: learning.decays && is_decayed(parameter), ..learning })
        };
        check_number(Groups::new(self.model.weights().learning().map(learning)))
    }

    /// Begins a step.
    fn advance(
        &self,
        graph: &Graph,
        rule: &dyn UpdateRule,
        learning_rate: LearningRate,
    ) -> Result<(), Error> {
        let groups = self.groups()?;
        graph.advance_groups(rule, learning_rate, &groups)?;
        if let Some(RateFactor(factor)) = &self.levers.rate_factor {
            graph.scale_learning_rate(factor(graph.step_number()?)?, &groups)?;
        }
        Ok(())
    }

    /// The parameters that the optimizer trains.
    fn trained(&self) -> impl Iterator<Item = &Parameter> {
        self.model.weights().trained_parameters()
    }

    /// The gradient of `loss` with respect to each trained parameter, in their order.
    fn gradients<'g>(&self, graph: &'g Graph, loss: Tensor<'g>) -> Result<Vec<Tensor<'g>>, Error> {
        let variables = self.trained().map(|p| graph.parameter(p)).collect::<Result<Vec<_>, _>>()?;
        Ok(graph.gradients(loss, &variables)?)
    }

    /// Keeps the gradient of `loss` with respect to each trained parameter; returns what is kept.
    fn keep_gradients<'g>(
        &self,
        graph: &'g Graph,
        loss: Tensor<'g>,
        keep: Keep,
    ) -> Result<Vec<Tensor<'g>>, Error> {
        let gradients = self.trained().zip(self.gradients(graph, loss)?);
        let kept = gradients.map(|(parameter, gradient)| graph.store_gradient(parameter, gradient, keep));
        Ok(kept.collect::<Result<_, _>>()?)
    }

    /// Moves each trained parameter along its kept gradient, divided by the weight of the batch, if it has one, and clipped; and
    /// its average behind it, if one is kept.
    fn update<'g>(
        &self,
        graph: &'g Graph,
        rule: &dyn UpdateRule,
        kept: &[Tensor<'g>],
        weight: Option<Tensor<'g>>,
    ) -> Result<(), Error> {
        // A batch without weight has gradients of 0, which anything may divide.
        let mut divisor = weight.map(|weight| weight.affine(1.0, LEAST_WEIGHT)).transpose()?;
        if let (Some(max_norm), false) = (self.levers.clip_norm, kept.is_empty()) {
            divisor = Some(graph.clip_divisor(kept, max_norm, divisor)?);
        }
        let groups = self.groups()?;
        for (parameter, gradient) in self.trained().zip(kept) {
            graph.update_in_group(rule, parameter, *gradient, divisor, &groups)?;
        }
        self.levers.average.map_or(Ok(()), |decay| Ok(graph.average(self.trained(), decay)?))
    }

    /// One loss per sample.
    fn losses<'g>(&self, scores: Tensor<'g>, targets: Tensor<'g>) -> Result<Tensor<'g>, Error> {
        Ok(match self.loss {
            Loss::CrossEntropy => scores.cross_entropy_losses(targets)?,
            Loss::Mse => scores.mse_losses(targets)?,
        })
    }
}
