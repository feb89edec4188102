//! Networks to test planning and running with: from a description to a recorded step, its data and its oracle.
//!
//! Unit tests use it as a module of the crate, integration tests include it by path, so it speaks of the crate by name.

use ndarray::{ArrayD, IxDyn};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions, InstructionSet};
use plangrad_tensor::reference::Interpreter;
use plangrad_tensor::{
    Backend, DType, Error, FileOrder, Gradients, Graph, Inputs, Keep, NumberTypes, Optimizer, Parameter,
    Parameters, Plan, Recompute, Role, SampleFormat, Samples, Schedule, Session, Shape, Source, State,
    TargetFormat, Targets, Tensor, TensorId, random,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Mutex;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Activation {
    Relu,
    Tanh,
    Sigmoid,
    Gelu,
}

pub(crate) const ACTIVATIONS: [Activation; 4] =
    [Activation::Relu, Activation::Tanh, Activation::Sigmoid, Activation::Gelu];

pub(crate) const SGD: Optimizer = Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 };
pub(crate) const MOMENTUM: Optimizer = Optimizer::Sgd { momentum: 0.9, weight_decay: 0.01 };
pub(crate) const ADAM: Optimizer =
    Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 };
pub(crate) const ADAMW: Optimizer =
    Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };
pub(crate) const OPTIMIZERS: [Optimizer; 4] = [SGD, MOMENTUM, ADAM, ADAMW];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Loss {
    CrossEntropy,
    Mse,
}

/// A multilayer perceptron, its data and its training.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    /// Shape of a sample; its first dimension is the channels where there are several.
    pub(crate) sample: Vec<usize>,
    pub(crate) channels: usize,
    pub(crate) dtype: DType,
    pub(crate) hidden: Vec<usize>,
    pub(crate) outputs: usize,
    pub(crate) activation: Activation,
    pub(crate) dropout: f32,
    pub(crate) loss: Loss,
    pub(crate) optimizer: Optimizer,
    pub(crate) learning_rate: f64,
    pub(crate) number_types: NumberTypes,
    pub(crate) gradients: Gradients,
    pub(crate) inputs: Inputs,
    pub(crate) recompute: Recompute,
    pub(crate) levers: Levers,
}

/// What a step may do besides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Levers {
    pub(crate) clip_norm: Option<f64>,
    /// For classes.
    pub(crate) smoothing: f64,
    /// Whether classes have weights.
    pub(crate) weighted: bool,
    pub(crate) warmup: u64,
}

impl Levers {
    /// All at once. The norm is one that gradients of these networks exceed in some steps.
    pub(crate) const ALL: Levers = Levers { clip_norm: Some(0.5), smoothing: 0.2, weighted: true, warmup: 3 };
}

/// A weight and a bias for each layer.
fn declare(widths: &[usize]) -> Parameters {
    let mut list = Parameters::new();
    for (i, pair) in widths.windows(2).enumerate() {
        let mut add = |part: &str, dims: &[usize], order| {
            let name = format!("layer{}.{part}", i + 1);
            list.add(&name, Shape::new(dims).unwrap(), Role::Trained, order).unwrap()
        };
        add("weight", pair, FileOrder::Transposed);
        add("bias", &pair[1..], FileOrder::AsInGraph);
    }
    list
}

impl Net {
    /// Bytes in, classes out, ReLU, SGD.
    pub(crate) fn classifier(sample: &[usize], hidden: &[usize], classes: usize) -> Net {
        Net {
            sample: sample.to_vec(),
            channels: 1,
            dtype: DType::U8,
            hidden: hidden.to_vec(),
            outputs: classes,
            activation: Activation::Relu,
            dropout: 0.0,
            loss: Loss::CrossEntropy,
            optimizer: SGD,
            learning_rate: 0.05,
            number_types: NumberTypes::default(),
            gradients: Gradients::Kept,
            inputs: Inputs::Gathered,
            recompute: Recompute::Nothing,
            levers: Levers::default(),
        }
    }

    pub(crate) fn format(&self) -> SampleFormat {
        let scale = match self.dtype {
            DType::U8 => 1.0 / 128.0,
            _ => 1.0,
        };
        let per_channel =
            |f: fn(f32, f32) -> f32| (0..self.channels).map(|c| f(scale, c as f32)).collect::<Vec<f32>>();
        SampleFormat::new(Shape::new(&self.sample).unwrap(), self.dtype)
            .normalized(per_channel(|scale, c| scale * (1.0 + 0.5 * c)), per_channel(|_, c| 0.1 * c - 0.9))
    }

    pub(crate) fn targets(&self) -> TargetFormat {
        match self.loss {
            Loss::CrossEntropy => TargetFormat::class_of(self.outputs),
            Loss::Mse => TargetFormat::Values(self.outputs),
        }
    }

    /// The parameters: the same list for all networks of these widths.
    pub(crate) fn list(&self) -> Parameters {
        static LISTS: Mutex<BTreeMap<Vec<usize>, Parameters>> = Mutex::new(BTreeMap::new());
        let inputs = self.sample.iter().product();
        let widths: Vec<usize> = [&[inputs], &self.hidden[..], &[self.outputs]].concat();
        LISTS.lock().unwrap().entry(widths).or_insert_with_key(|widths| declare(widths)).clone()
    }

    pub(crate) fn parameters(&self) -> Vec<Parameter> {
        self.list().as_slice().to_vec()
    }

    /// Number of trained numbers.
    pub(crate) fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|p| p.shape().elements()).sum()
    }

    pub(crate) fn state(&self) -> State {
        let state = State::training(&self.list(), self.optimizer).unwrap();
        let state = state.with_number_types(self.number_types).unwrap().with_inputs(self.inputs).unwrap();
        let state = state.with_recompute(self.recompute);
        state.with_gradients(self.gradients).unwrap()
    }

    fn forward<'g>(&self, graph: &'g Graph, batch_size: usize, train: bool) -> Result<Tensor<'g>, Error> {
        let mut x = graph.samples(&self.format(), batch_size)?.flatten(1)?;
        let layers = self.hidden.len() + 1;
        let parameters = self.parameters();
        for (i, layer) in parameters.chunks(2).enumerate() {
            x = x.matmul(graph.parameter(&layer[0])?)?.add(graph.parameter(&layer[1])?)?;
            if i + 1 == layers {
                break;
            }
            x = match self.activation {
                Activation::Relu => x.relu()?,
                Activation::Tanh => x.tanh()?,
                Activation::Sigmoid => x.sigmoid()?,
                Activation::Gelu => x.gelu()?,
            };
            if train {
                x = x.dropout(self.dropout, i as u32)?;
            }
        }
        Ok(x)
    }

    /// A weight for each class, 0 among them.
    fn class_weights<'g>(&self, graph: &'g Graph) -> Result<Tensor<'g>, Error> {
        graph.constant(ndarray::Array1::from_shape_fn(self.outputs, |class| 0.5 * ((class + 1) % 4) as f32))
    }

    /// Records losses and metrics; returns the scores, the losses and the targets.
    fn record_losses<'g>(
        &self,
        graph: &'g Graph,
        batch_size: usize,
        train: bool,
    ) -> Result<[Tensor<'g>; 3], Error> {
        let scores = self.forward(graph, batch_size, train)?;
        let targets = graph.targets(self.targets(), batch_size)?;
        let losses = match self.loss {
            Loss::CrossEntropy if train && self.levers != Levers::default() => {
                let weights = self.levers.weighted.then(|| self.class_weights(graph)).transpose()?;
                scores.smoothed_cross_entropy_losses(targets, weights, self.levers.smoothing)?
            }
            Loss::CrossEntropy => scores.cross_entropy_losses(targets)?,
            Loss::Mse => scores.mse_losses(targets)?,
        };
        let correct = match self.loss {
            Loss::CrossEntropy => Some(scores.correct(targets)?),
            Loss::Mse => None,
        };
        losses.accumulate_metrics(correct)?;
        Ok([scores, losses, targets])
    }

    /// Records a whole step: advance, forward, loss, metrics, backward, update.
    pub(crate) fn record_step(&self, graph: &Graph, batch_size: usize) -> Result<(), Error> {
        let schedule = Schedule::Constant { learning_rate: self.learning_rate };
        graph.advance(self.optimizer, schedule.after_warmup(self.levers.warmup))?;
        let [_, losses, targets] = self.record_losses(graph, batch_size, true)?;
        let parameters = self.parameters();
        let variables: Vec<Tensor<'_>> =
            parameters.iter().map(|p| graph.parameter(p)).collect::<Result<_, _>>()?;
        if self.levers != Levers::default() {
            return self.update_by_levers(graph, losses, targets, &variables);
        }
        for (parameter, gradient) in parameters.iter().zip(graph.gradients(losses.mean()?, &variables)?) {
            graph.update(self.optimizer, parameter, gradient)?;
        }
        Ok(())
    }

    fn update_by_levers<'g>(
        &self,
        graph: &'g Graph,
        losses: Tensor<'g>,
        targets: Tensor<'g>,
        variables: &[Tensor<'g>],
    ) -> Result<(), Error> {
        let weighted = self.levers.weighted && self.loss == Loss::CrossEntropy;
        let loss = if weighted { losses.sum()? } else { losses.mean()? };
        let parameters = self.parameters();
        let mut kept = Vec::new();
        for (parameter, gradient) in parameters.iter().zip(graph.gradients(loss, variables)?) {
            kept.push(graph.store_gradient(parameter, gradient, Keep::Replace)?);
        }
        let mut divisor = None;
        if weighted {
            // A batch may have no weight at all.
            divisor = Some(self.class_weights(graph)?.pick(targets)?.sum()?.affine(1.0, 1e-3)?);
        }
        if let Some(max_norm) = self.levers.clip_norm {
            divisor = Some(graph.clip_divisor(&kept, max_norm, divisor)?);
        }
        let mut updates = parameters.iter().zip(kept);
        updates.try_for_each(|(p, gradient)| graph.update_divided(self.optimizer, p, gradient, divisor))
    }

    pub(crate) fn try_training_plan(&self, batch_size: usize) -> Result<Plan, Error> {
        let graph = Graph::new();
        self.record_step(&graph, batch_size)?;
        Plan::new(&graph, &self.state(), &[])
    }

    pub(crate) fn training_plan(&self, batch_size: usize) -> Plan {
        self.try_training_plan(batch_size).unwrap()
    }

    /// A plan that evaluates a batch, and the node of the scores.
    pub(crate) fn evaluation_plan(&self, batch_size: usize) -> (Plan, TensorId) {
        let graph = Graph::new();
        let [scores, ..] = self.record_losses(&graph, batch_size, false).unwrap();
        (Plan::new(&graph, &self.state(), &[scores]).unwrap(), scores.id())
    }

    /// A dataset of so many samples.
    pub(crate) fn source(&self, len: usize) -> Source {
        let elements: usize = self.sample.iter().product();
        let number = |stream: u32, i: usize| random::uniform(5, stream, i as u64, 0.0, 1.0);
        let samples = match self.dtype {
            DType::U8 => Samples::U8((0..len * elements).map(|i| (256.0 * number(0, i)) as u8).collect()),
            _ => Samples::F32((0..len * elements).map(|i| 2.0 * number(0, i)).collect()),
        };
        let targets = match self.loss {
            Loss::CrossEntropy => {
                let classes = (0..len).map(|i| number(1, i) * self.outputs as f32);
                match self.targets() {
                    TargetFormat::WideClass => {
                        Targets::WideClasses(classes.map(|class| class as u16).collect())
                    }
                    _ => Targets::Classes(classes.map(|class| class as u8).collect()),
                }
            }
            Loss::Mse => Targets::Values {
                values: (0..len * self.outputs).map(|i| number(1, i)).collect(),
                width: self.outputs,
            },
        };
        Source::new(samples, targets, elements).unwrap()
    }

    /// First values of a parameter, in the order of the graph.
    fn initial(&self, parameter: &Parameter) -> ArrayD<f32> {
        let bound = 1.0 / (parameter.shape().dims()[0] as f32).sqrt();
        let number = |i| random::uniform(9, parameter.id().number(), i, -bound, bound);
        let values = (0..parameter.shape().elements() as u64).map(number).collect();
        ArrayD::from_shape_vec(IxDyn(parameter.shape().dims()), values).unwrap()
    }

    /// Sets parameters, step and seed.
    pub(crate) fn initialise(&self, session: &mut Session) {
        for parameter in self.parameters() {
            let values = self.initial(&parameter);
            session.set_parameter(parameter.id(), &in_file_order(&parameter, &values)).unwrap();
        }
        session.set_step(0, SEED).unwrap();
    }

    /// A session of `plans` with initial parameters, on any device.
    pub(crate) fn session(&self, backend: &Backend, plans: Vec<Plan>) -> Session {
        let mut session = Session::streaming(backend, plans).unwrap();
        self.initialise(&mut session);
        session
    }

    /// The same steps by the f64 interpreter.
    pub(crate) fn interpret(&self, source: &Source, rows: &[u32], batch_size: usize) -> Interpreter {
        let graph = Graph::new();
        self.record_step(&graph, batch_size).unwrap();
        let mut machine = Interpreter::new();
        machine.seed = SEED;
        for parameter in self.parameters() {
            machine.set_parameter(parameter.id(), self.initial(&parameter).mapv(f64::from));
        }
        for rows in rows.chunks(batch_size) {
            machine.set_batch(&source.batches(rows).unwrap());
            machine.run(&graph, &[]).unwrap();
        }
        machine
    }
}

const SEED: u64 = 0x1234_5678_9ABC;

/// Row-major elements in the order that files have.
pub(crate) fn in_file_order<T: Clone>(parameter: &Parameter, values: &ArrayD<T>) -> Vec<T> {
    if parameter.file_order() == FileOrder::Transposed {
        values.t().iter().cloned().collect()
    } else {
        values.iter().cloned().collect()
    }
}

/// `count` rows of a dataset of `len`, in a mixed order.
pub(crate) fn mixed_rows(count: usize, len: usize) -> Vec<u32> {
    (0..count).map(|i| ((i * 7 + 3) % len) as u32).collect()
}

pub(crate) fn cpu(threads: usize) -> Backend {
    Cpu::open(CpuOptions::default().threads(threads)).unwrap()
}

/// Every instruction set of this machine with 1, 2 and 3 threads.
pub(crate) fn all_cpus() -> Vec<(InstructionSet, Vec<Backend>)> {
    let open = |set, threads| Cpu::open(CpuOptions::default().threads(threads).instruction_set(set)).unwrap();
    InstructionSet::available()
        .into_iter()
        .map(|set| (set, (1..=3).map(|n| open(set, n)).collect()))
        .collect()
}

/// The types of numbers that the CPU computes with.
pub(crate) fn number_types() -> impl Strategy<Value = NumberTypes> {
    prop_oneof![Just(NumberTypes::default()), Just(NumberTypes::bf16())]
}

/// Nets of all kinds, small enough to plan by the hundred.
pub(crate) fn nets() -> impl Strategy<Value = Net> {
    let sample = prop_oneof![
        (1usize..40).prop_map(|n| (vec![n], 1)),
        (1usize..6, 1usize..6).prop_map(|(h, w)| (vec![1, h, w], 1)),
        (1usize..6, 1usize..6).prop_map(|(h, w)| (vec![3, h, w], 3)),
    ];
    let width = prop_oneof![4 => 1usize..70, 1 => 70usize..200]; // some of several panels
    let hidden = prop::collection::vec(width, 0..4);
    let loss = prop_oneof![Just(Loss::CrossEntropy), Just(Loss::Mse)];
    let dtype = prop_oneof![Just(DType::U8), Just(DType::F32)];
    let dropout = prop_oneof![Just(0.0f32), Just(0.25)];
    let levers = prop_oneof![3 => Just(Levers::default()), 1 => Just(Levers::ALL)];
    let choices = (loss, dtype, dropout, 0usize..4, 0usize..4, levers);
    (sample, hidden, 1usize..20, choices).prop_map(
        |((sample, channels), hidden, outputs, (loss, dtype, dropout, activation, optimizer, levers))| Net {
            sample,
            channels,
            dtype,
            hidden,
            outputs,
            activation: ACTIVATIONS[activation],
            dropout,
            loss,
            optimizer: OPTIMIZERS[optimizer],
            learning_rate: 0.01,
            number_types: NumberTypes::default(),
            gradients: Gradients::Kept,
            inputs: Inputs::Gathered,
            recompute: Recompute::Nothing,
            levers,
        },
    )
}
