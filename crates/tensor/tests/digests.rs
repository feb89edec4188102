//! The bits of short training runs on each instruction set, as they were recorded: `digests.txt`. They must be the same on
//! every processor that has the set, whoever made it, and on every system.
//!
//! A change that alters them on purpose says so in CHANGELOG.md and records them anew, on a machine with all sets:
//!
//! ```sh
//! PLANGRAD_RECORD=1 cargo test -p plangrad-tensor --test digests
//! ```

#[allow(dead_code)]
#[path = "../src/testing/net.rs"]
mod net;

use std::collections::BTreeMap;

use net::{ACTIVATIONS, ADAM, Activation, Loss, Net, OPTIMIZERS, all_cpus, mixed_rows};
use plangrad_tensor::backend::Backend;
use plangrad_tensor::backend::cpu::InstructionSet;
use plangrad_tensor::{DType, Graph, Optimizer, Parameters, Plan, Schedule, Session, State};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/digests.txt");

/// FNV-1a over 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn digest(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3);
    bytes.into_iter().fold(0xCBF2_9CE4_8422_2325, mix)
}

/// Networks that together run every activation, optimizer, loss and type of sample, with sizes that no vector divides.
fn networks() -> Vec<(String, Net)> {
    let base = Net { learning_rate: 0.01, ..Net::classifier(&[3, 5, 5], &[33, 18], 10) };
    let by_activation = ACTIVATIONS.map(|activation| {
        let net = Net { activation, optimizer: ADAM, dropout: 0.1, channels: 3, ..base.clone() };
        (format!("{activation:?}").to_lowercase(), net)
    });
    let by_optimizer = OPTIMIZERS.map(|optimizer| {
        let net = Net {
            optimizer,
            loss: Loss::Mse,
            dtype: DType::F32,
            activation: Activation::Tanh,
            ..base.clone()
        };
        (name(optimizer).to_owned(), net)
    });
    by_activation.into_iter().chain(by_optimizer).collect()
}

fn name(optimizer: Optimizer) -> &'static str {
    match optimizer {
        Optimizer::Sgd { momentum: 0.0, .. } => "sgd",
        Optimizer::Sgd { .. } => "momentum",
        Optimizer::Adam { .. } => "adam",
        Optimizer::AdamW { .. } => "adamw",
        _ => "other",
    }
}

/// Parameters, moments and the sum of losses after 60 steps.
fn after_training(net: &Net, backend: &Backend) -> u64 {
    let (source, rows) = (net.source(50), mixed_rows(60 * 7, 50));
    let mut session = net.session(backend, vec![net.training_plan(7)]);
    session.run(0, &source.batches(&rows).unwrap()).unwrap();
    let values = |id| {
        let moments = (0..net.optimizer.moments()).map(move |i| (Some(i), id));
        [(None, id)].into_iter().chain(moments)
    };
    let ids = net.parameters().into_iter().map(|parameter| parameter.id());
    let numbers = ids.flat_map(values).flat_map(|(moment, id)| match moment {
        None => session.parameter(id).unwrap(),
        Some(i) => session.moment(i, id).unwrap(),
    });
    let loss = session.metrics().unwrap().loss_sum.to_le_bytes();
    digest(numbers.flat_map(f32::to_le_bytes).chain(loss))
}

/// Softmax and its logarithm, functions of single numbers, reductions and a permutation, of a range of numbers.
fn of_operations(backend: &Backend) -> u64 {
    let graph = Graph::new();
    let numbers = (0..12 * 70).map(|i| (i as f32 - 400.0) * 0.021).collect();
    let x = graph.variable(ndarray::ArrayD::from_shape_vec(vec![12, 70], numbers).unwrap()).unwrap();
    let positive =
        x.mul(x).unwrap().add(graph.variable(ndarray::arr1(&[0.001]).into_dyn()).unwrap()).unwrap();
    let outputs = [
        x.softmax().unwrap(),
        x.log_softmax().unwrap(),
        x.exp().unwrap(),
        positive.ln().unwrap(),
        positive.sqrt().unwrap(),
        x.div(positive).unwrap(),
        x.sum_axis(0).unwrap(),
        x.mean().unwrap(),
    ];
    let plan = Plan::new(&graph, &State::inference(&Parameters::default()).unwrap(), &outputs).unwrap();
    let mut session = Session::new(backend, vec![plan]).unwrap();
    session.run_once(0).unwrap();
    let values = outputs.iter().flat_map(|output| session.read(0, output.id()).unwrap());
    digest(values.flat_map(f32::to_le_bytes))
}

/// Learning rates of a cosine.
fn of_schedules() -> u64 {
    let schedule = Schedule::Cosine { learning_rate: 0.1, minimum: 0.001, steps: 997 };
    digest((1..=1000).flat_map(|t| schedule.at(t).to_le_bytes()))
}

/// Lines of the file: `set case digest`.
fn recorded() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(FILE).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(case, hex)| (case.into(), hex.into()))
        .collect()
}

fn computed() -> BTreeMap<String, String> {
    let mut digests = vec![("any schedules".to_owned(), of_schedules())];
    for (set, backends) in all_cpus() {
        let backend = &backends[1];
        digests.push((format!("{} operations", set.name()), of_operations(backend)));
        for (name, net) in networks() {
            digests.push((format!("{} {name}", set.name()), after_training(&net, backend)));
        }
    }
    digests.into_iter().map(|(case, digest)| (case, format!("{digest:016x}"))).collect()
}

#[test]
fn short_runs_end_with_the_recorded_bits_on_every_instruction_set() {
    let computed = computed();
    if std::env::var_os("PLANGRAD_RECORD").is_some() {
        let lines: String = computed.iter().map(|(case, digest)| format!("{case} {digest}\n")).collect();
        return std::fs::write(FILE, lines).unwrap();
    }
    let recorded = recorded();
    for set in InstructionSet::ALL {
        let cases = recorded.keys().filter(|case| case.starts_with(set.name())).count();
        assert_eq!(cases, networks().len() + 1, "digests recorded for {}", set.name());
        if !InstructionSet::available().contains(&set) {
            eprintln!(
                "SKIPPED: this processor has no {}, so its {cases} digests are not checked",
                set.name()
            );
        }
    }
    for (case, digest) in &computed {
        assert_eq!(Some(digest), recorded.get(case), "{case} (found, recorded)");
    }
}
