//! What a session gives back, the process gives back to the system. One test, for the figure is the process's.

#![cfg(target_os = "linux")]

#[allow(dead_code)]
#[path = "../src/testing/net.rs"]
mod net;

use net::{ADAM, Net, cpu};
use plangrad_tensor::Session;

/// Bytes of this process in memory: the second number of `/proc/self/statm`, in pages (proc(5)).
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

#[test]
fn a_dropped_session_leaves_nothing_in_resident_memory() {
    let backend = cpu(1);
    let mut kept = Vec::new();
    let before = resident();
    // Smaller and smaller ones, with something kept behind each: an allocator learns from the first that blocks of that
    // size may come from its heap, which then has holes that it cannot give back.
    for hidden in [4096, 2048, 1024, 512] {
        let net = Net { optimizer: ADAM, ..Net::classifier(&[784], &[hidden], 10) };
        let mut session = Session::new(&backend, vec![net.training_plan(1)]).unwrap();
        for parameter in net.parameters() {
            session.fill_parameter(parameter.id(), |i| 1.0 + i as f32).unwrap();
        }
        let (held, parameters) = (resident(), 4 * net.parameter_count() as u64);
        assert!(
            held > before + parameters,
            "{held} bytes resident, {before} before {parameters} of parameters"
        );
        kept.push(vec![1_u8; 4096]);
        drop(session);
        let after = resident();
        assert!(
            after < before + (1 << 20),
            "{before} bytes resident before, {held} meanwhile, {after} after"
        );
    }
    assert_eq!(backend.memory().reserved, 0);
}
