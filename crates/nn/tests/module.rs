//! A network that this crate does not know: a linear model behind inputs whose running mean is subtracted.

use std::sync::Arc;

use plangrad_nn::checkpoint::{self, Description, Folder, Progress};
use plangrad_nn::{
    Architecture, Architectures, Block, Error, Initial, Linear, Loss, Mode, Module, Task, Weights,
};
use plangrad_tensor::backend::cpu::{Cpu, CpuOptions};
use plangrad_tensor::{
    DType, Graph, Optimizer, Parameter, Plan, SampleFormat, Samples, Schedule, Session, Shape, Source,
    Targets, Tensor, UpdateRule, UpdateStep, Updated,
};

const INPUTS: usize = 3;
const ROWS: usize = 4;
const SCHEDULE: Schedule = Schedule::Constant { learning_rate: 0.01 };

/// What [`Centred`] records in the end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scores {
    OfEachSample,
    OfTheBatch,
}

#[derive(Debug)]
struct Centred {
    weights: Weights,
    mean: Parameter,
    linear: Linear,
    scores: Scores,
}

impl Centred {
    fn new(scores: Scores) -> Centred {
        let mut weights = Weights::new();
        let mean = weights.statistic("mean", &[INPUTS], Initial::Constant(2.0)).unwrap();
        let linear = Linear::new(&mut weights, "linear", INPUTS, 1).unwrap();
        Centred { weights, mean, linear, scores }
    }
}

impl Module for Centred {
    fn architecture(&self) -> Result<Architecture, Error> {
        Architecture::new("centred", &())
    }

    fn sample_shape(&self) -> &[usize] {
        &[INPUTS]
    }

    fn outputs(&self) -> usize {
        1
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn record<'g>(&self, graph: &'g Graph, x: Tensor<'g>, mode: Mode) -> Result<Tensor<'g>, Error> {
        let mean = match mode {
            Mode::Train => {
                let mean = x.sum_axis(0)?.affine(1.0 / x.dims()[0] as f32, 0.0)?;
                graph.assign(&self.mean, mean)?;
                mean
            }
            _ => graph.parameter(&self.mean)?,
        };
        let scores = self.linear.record(graph, x.sub(mean)?, mode)?;
        match self.scores {
            Scores::OfEachSample => Ok(scores),
            Scores::OfTheBatch => Ok(scores.sum_axis(0)?),
        }
    }
}

fn samples(inputs: usize) -> SampleFormat {
    let shape = Shape::new(&[inputs]).unwrap();
    SampleFormat::new(shape, DType::F32)
}

fn task(scores: Scores) -> Task {
    Task::new(Arc::new(Centred::new(scores)), samples(INPUTS), Loss::Mse).unwrap()
}

fn source() -> Source {
    let values = (0..ROWS * INPUTS).map(|i| i as f32).collect();
    Source::new(Samples::F32(values), Targets::Values { values: vec![1.0; ROWS], width: 1 }, INPUTS).unwrap()
}

fn session(task: &Task, plans: Vec<Plan>) -> Session {
    let mut session = Session::new(&Cpu::open(CpuOptions::default()).unwrap(), plans).unwrap();
    task.initialise(&mut session, 5).unwrap();
    session
}

fn all(task: &Task, session: &Session) -> Vec<Vec<f32>> {
    let parameters = task.model().weights().parameters();
    parameters.iter().map(|parameter| session.parameter(parameter.id()).unwrap()).collect()
}

#[test]
fn training_assigns_a_statistic_and_evaluation_reads_it() {
    let (task, source) = (task(Scores::OfEachSample), source());
    let rows: Vec<u32> = (0..ROWS as u32).collect();
    let train = task.training_plan(Optimizer::adam(), SCHEDULE, ROWS).unwrap();
    let evaluate = task.prediction_plan(train.state(), ROWS).unwrap();
    let mut session = session(&task, vec![train, evaluate.plan]);
    assert_eq!(all(&task, &session)[0], [2.0; INPUTS]);
    session.run(0, &source.batches(&rows).unwrap()).unwrap();
    assert_eq!(all(&task, &session)[0], [4.5, 5.5, 6.5]);

    session.run(1, &source.batches(&rows).unwrap()).unwrap();
    let [mean, weight, bias] = <[Vec<f32>; 3]>::try_from(all(&task, &session)).unwrap();
    let scores = session.read(1, evaluate.scores).unwrap();
    for row in 0..ROWS {
        let input = |i: usize| (row * INPUTS + i) as f32 - mean[i];
        let expected = bias[0] + (0..INPUTS).map(|i| input(i) * weight[i]).sum::<f32>();
        assert!((scores[[row, 0]] - expected).abs() < 1e-5, "{} instead of {expected}", scores[[row, 0]]);
    }
}

#[test]
fn a_checkpoint_restores_statistics_and_names_the_architecture() {
    let (folder, source) = (tempfile::tempdir().unwrap(), source());
    let path = folder.path().join("checkpoint.safetensors");
    let trained = task(Scores::OfEachSample);
    let plan = |task: &Task| vec![task.training_plan(Optimizer::adam(), SCHEDULE, ROWS).unwrap()];
    let mut before = session(&trained, plan(&trained));
    before.run(0, &source.batches(&[0, 1, 2, 3]).unwrap()).unwrap();
    let description = Description::new(&trained, "rows", Vec::new(), "none").unwrap();
    let mut progress = Progress::default();
    (progress.step, progress.position, progress.seed) = (1, 4, 5);
    (progress.samples, progress.batch_size) = (4, 4);
    let file = (&Folder::open(folder.path()).unwrap(), "checkpoint.safetensors");
    let staged =
        checkpoint::stage_checkpoint(file.0, file.1, trained.model(), &before, &description, progress);
    staged.unwrap().place().unwrap();

    let loaded = checkpoint::read(&path).unwrap();
    let unknown = loaded.network(&Architectures::new()).unwrap_err();
    let reason = std::error::Error::source(&unknown).unwrap().downcast_ref::<Error>().unwrap();
    assert!(
        matches!(reason, Error::UnknownArchitecture { known, .. } if known == &["layers", "mlp"]),
        "{reason}"
    );
    let known = Architectures::new().with("centred", |()| Ok(Centred::new(Scores::OfEachSample)));
    let again = Task::new(loaded.network(&known).unwrap(), samples(INPUTS), Loss::Mse).unwrap();
    let mut after = session(&again, plan(&again));
    assert_eq!(checkpoint::restore(&loaded, again.model(), &mut after).unwrap(), progress);
    assert_eq!(all(&again, &after), all(&trained, &before));
}

/// RMSprop without its mean, as one of the user's own: v ← αv + (1 − α)g²; p ← p − η g / (√v + ε), where η falls as 1 / t.
#[derive(Debug)]
struct RmsProp;

impl UpdateRule for RmsProp {
    fn state_names(&self) -> &'static [&'static str] {
        &["mean squares"]
    }

    fn update<'g>(&self, step: &UpdateStep<'g>) -> Result<Updated<'g>, plangrad_tensor::Error> {
        let g = step.gradient;
        let squares = step.state[0].affine(0.9, 0.0)?.add(g.mul(g)?.affine(0.1, 0.0)?)?;
        let rate = step.learning_rate.div(step.number)?;
        let change = g.div(squares.sqrt()?.affine(1.0, 1e-6)?)?.mul(rate)?;
        Ok(Updated { parameter: step.parameter.sub(change)?, state: vec![squares] })
    }
}

/// Everything that a training by a rule of one's own keeps: weights, its state, averages, the number of the step.
#[test]
fn a_run_by_an_optimizer_of_ones_own_is_resumed_to_the_bit() {
    let (folder, source) = (tempfile::tempdir().unwrap(), source());
    let task = task(Scores::OfEachSample).with_average(0.9).unwrap();
    let plan = || vec![task.training_plan(RmsProp, SCHEDULE, ROWS).unwrap()];
    assert_eq!(plan()[0].state().moments(), 1);
    let step = |session: &mut Session| session.run(0, &source.batches(&[0, 1, 2, 3]).unwrap()).unwrap();
    let kept = |session: &Session| {
        let of =
            |p: &Parameter| [session.moment(0, p.id()).unwrap(), session.average(p.id()).unwrap()].concat();
        let trained: Vec<Vec<f32>> = task.model().weights().trained_parameters().map(of).collect();
        (all(&task, session), trained)
    };
    let mut whole = session(&task, plan());
    (0..3).for_each(|_| step(&mut whole));

    let mut first = session(&task, plan());
    (0..2).for_each(|_| step(&mut first));
    let description = Description::new(&task, "rows", Vec::new(), "none").unwrap();
    let (files, mut progress) = (Folder::open(folder.path()).unwrap(), Progress::default());
    (progress.step, progress.samples, progress.batch_size) = (2, 4, 4);
    let stage = checkpoint::stage_checkpoint(&files, "c", task.model(), &first, &description, progress);
    stage.unwrap().place().unwrap();
    let model = checkpoint::stage_model(&files, "m", task.model(), &first, &description);
    model.unwrap().place().unwrap();

    let mut resumed = session(&task, plan());
    step(&mut resumed); // which restoring undoes
    let loaded = checkpoint::read(&folder.path().join("c")).unwrap();
    checkpoint::restore(&loaded, task.model(), &mut resumed).unwrap();
    assert_eq!(kept(&resumed), kept(&first));
    step(&mut resumed);
    assert_eq!(kept(&resumed), kept(&whole));

    // The model is that of the averages.
    let model = checkpoint::read(&folder.path().join("m")).unwrap();
    for p in task.model().weights().trained_parameters() {
        assert_eq!(model.values(p.name(), &p.file_shape()).unwrap(), first.average(p.id()).unwrap());
    }
}

#[test]
fn a_step_in_parts_runs_in_its_own_session_only() {
    let (source, task) = (source(), task(Scores::OfEachSample));
    let split = || task.split_step(Optimizer::adam(), SCHEDULE, ROWS, 2).unwrap();
    let (mut plans, mut others) = (Vec::new(), Vec::new());
    let parts = split().add_to(&mut plans);
    split().add_to(&mut others);
    let rows: Vec<u32> = (0..ROWS as u32).collect();
    parts.step(&mut session(&task, plans), &source, &rows).unwrap();
    let refused = parts.step(&mut session(&task, others), &source, &rows).unwrap_err();
    let expected = "plan 0 of this session was made of another graph than the parts of this step";
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn a_network_that_does_not_record_scores_is_refused() {
    let refused = task(Scores::OfTheBatch).training_plan(Optimizer::adam(), SCHEDULE, ROWS).unwrap_err();
    assert!(matches!(&refused, Error::Scores { expected: [ROWS, 1], found } if found == &[1]), "{refused}");
}

#[test]
fn samples_of_another_shape_are_refused() {
    let network = Arc::new(Centred::new(Scores::OfEachSample));
    let refused = Task::new(network, samples(INPUTS + 1), Loss::Mse).unwrap_err();
    assert!(matches!(refused, Error::SampleShape { .. }), "{refused}");
}
