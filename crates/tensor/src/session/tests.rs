//! What only the inside of a session can show: no kernel reads memory that the run has not written.

use proptest::prelude::*;

use super::*;
use crate::testing::emulator;
use crate::testing::net::{ADAM, Activation, Loss, Net, all_cpus, cpu, mixed_rows, nets, number_types};

/// Fills temporaries and gradients, which every run must write anew, with one byte; 0xFF makes them NaN.
fn fill(session: &mut Session, byte: u8) {
    let persistent = session.state.bytes();
    let transient = vec![byte; session.reserved_bytes() - persistent];
    session.arena.memory_mut().write(persistent, &transient).unwrap();
    for parameter in session.state.parameters() {
        let gradient = session.state.entry(Slot::Gradient(parameter.id())).expect("a training state").extent;
        session.arena.memory_mut().write(gradient.offset, &vec![byte; gradient.bytes]).unwrap();
    }
}

/// All that persists after two training steps, and the bits of the scores and sums of an evaluation after them, each
/// begun in memory full of `byte`.
fn run_over(net: &Net, backend: &Backend, batch_size: usize, byte: u8) -> (Vec<u8>, Vec<u32>) {
    let (evaluation, scores) = net.evaluation_plan(batch_size);
    let mut session = net.session(backend, vec![net.training_plan(batch_size), evaluation]);
    let source = net.source(2 * batch_size);
    let rows = mixed_rows(2 * batch_size, source.len());
    for rows in rows.chunks(batch_size) {
        fill(&mut session, byte);
        session.run(0, &source.batches(rows).unwrap()).unwrap();
    }
    let persistent = session.read_bytes(Extent { offset: 0, bytes: session.state.bytes() }).unwrap();
    fill(&mut session, byte);
    session.run(1, &source.batches(&rows).unwrap()).unwrap();
    let mut bits: Vec<u32> = session.read(1, scores).unwrap().iter().map(|x| x.to_bits()).collect();
    bits.extend(session.metrics().unwrap().loss_sum.to_bits().to_ne_bytes().map(u32::from));
    (persistent, bits)
}

fn assert_memory_does_not_matter(net: &Net, backend: &Backend, batch_size: usize) {
    let clean = run_over(net, backend, batch_size, 0);
    let dirty = run_over(net, backend, batch_size, 0xFF);
    assert!(clean == dirty, "{net:?} in batches of {batch_size} reads what it has not written");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_run_reads_what_it_has_not_written(
        net in nets(), number_types in number_types(), batch_size in 1usize..40,
    ) {
        let net = Net { number_types, ..net };
        assert_memory_does_not_matter(&net, &cpu(1), batch_size);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn no_run_on_a_gpu_reads_what_it_has_not_written(net in nets(), batch_size in 1usize..40) {
        let Some(emulator) = emulator(0) else { return Ok(()) };
        assert_memory_does_not_matter(&net, &emulator.backend(None), batch_size);
    }
}

#[test]
fn no_instruction_set_reads_what_the_run_has_not_written() {
    let classes = Net {
        optimizer: ADAM,
        activation: Activation::Gelu,
        dropout: 0.3,
        ..Net::classifier(&[1, 9, 9], &[35, 18], 11)
    };
    let values = Net { loss: Loss::Mse, outputs: 3, ..classes.clone() };
    for (_, backends) in all_cpus() {
        for backend in &backends[..2] {
            assert_memory_does_not_matter(&classes, backend, 13);
            assert_memory_does_not_matter(&values, backend, 13);
        }
    }
}

#[test]
fn a_plan_whose_run_failed_has_no_outputs() {
    use crate::backend::cpu::{Cpu, CpuOptions, Faults};
    let graph = crate::Graph::new();
    let y = graph.full(2.0, crate::Shape::SCALAR).unwrap().exp().unwrap();
    let state = State::inference(&Parameters::new()).unwrap();
    let backend = Cpu::open(CpuOptions::default().threads(1).faults(Faults::fail_runs([1]))).unwrap();
    let mut session = Session::new(&backend, vec![Plan::new(&graph, &state, &[y]).unwrap()]).unwrap();
    session.run_once(0).unwrap();
    assert!(session.read(0, y.id()).is_ok());
    assert!(matches!(session.run_once(0), Err(Error::Device { .. })));
    assert!(matches!(session.read(0, y.id()), Err(Error::Stale { plan: 0 })));
    session.run_once(0).unwrap();
    assert!(session.read(0, y.id()).is_ok());
}
