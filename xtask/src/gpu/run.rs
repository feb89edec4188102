//! A start on the machine with the GPU: one part after the other, then the times, the most wanted first.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::findings::{Findings, Known, Part, Timing, Trouble};
use super::machine::Machine;
use super::timings::Peer;
use super::{Options, parts, timings};
use crate::Result;

pub(super) fn run_all(folder: &Path, options: &Options) -> Result<()> {
    let started = Instant::now();
    if options.time_limit >= options.stop_after {
        return Err("--time-limit must be less than --stop-after, or a part might never have its time".into());
    }
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    let out = folder.join("out");
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    measure(&Machine {
        folder,
        out,
        python: options.python.clone(),
        compute_sanitizer: options.compute_sanitizer.clone(),
        limit: Duration::from_secs(options.time_limit),
        end: started + Duration::from_secs(options.stop_after),
    })
}

/// Finds out what is not known yet, as far as there is time.
pub(super) fn measure(machine: &Machine) -> Result<()> {
    let devices = machine.turn(machine.limit).object("devices", &["devices"]);
    let devices = devices.map_err(|trouble| trouble.to_string())?;
    if let Some(reason) = devices["cuda_unavailable_because"].as_str() {
        return Err(format!("there is no GPU to test here: {reason}"));
    }
    let mut findings = Findings::resume(&machine.folder, &machine.out, devices);
    for task in parts::all() {
        if findings.part(task.name).is_none() && !machine.is_over() {
            let outcome = watched(task.name, || (task.run)(&machine.turn(task.limit)), String::clone);
            findings.tell(&machine.out, task.name, outcome)?;
        }
    }
    let has_pytorch = matches!(findings.part(parts::PYTORCH), Some(Ok(_)));
    for work in timings::all() {
        if findings.speed(&work).is_none() && !machine.is_over() {
            let speed = if has_pytorch || work.peer == Peer::Plangrad {
                watched(&work.describe(), || work.measure(machine), ToString::to_string)
            } else {
                Err(Trouble::Absent("there is no PyTorch here".into()))
            };
            findings.tell_speed(&machine.out, work, speed)?;
        }
    }
    eprintln!("{}", machine.out.join("gpu.md").display());
    conclude(&findings.parts(), &findings.timings())
}

/// Says what is being done, and what came of it.
fn watched<T>(name: &str, work: impl FnOnce() -> Known<T>, text: impl Fn(&T) -> String) -> Known<T> {
    eprintln!("{name} ...");
    let started = Instant::now();
    let known = work();
    let told = known.as_ref().map_or_else(ToString::to_string, text);
    eprintln!("{name}: {told} ({:.0} s)", started.elapsed().as_secs_f64());
    known
}

/// All is well if everything is known and nothing failed. A peer's failure is its own affair.
fn conclude(parts: &[Part], timings: &[Timing]) -> Result<()> {
    let ours = timings.iter().filter(|timing| timing.work.peer == Peer::Plangrad);
    let ours = ours.filter_map(|timing| Some((timing.work.describe(), timing.speed.as_ref().err()?)));
    let of_parts = parts.iter().filter_map(|part| Some((part.name.clone(), part.outcome.as_ref().err()?)));
    let failed = of_parts.chain(ours).filter(|(_, trouble)| trouble.is_failure()).map(|(name, _)| name);
    let failed: Vec<String> = failed.collect();
    let is_left = |trouble: Option<&Trouble>| trouble == Some(&Trouble::OutOfTime);
    let left = parts.iter().filter(|part| is_left(part.outcome.as_ref().err())).count()
        + timings.iter().filter(|timing| is_left(timing.speed.as_ref().err())).count();
    let mut sentences = Vec::new();
    if !failed.is_empty() {
        sentences.push(format!("failed: {}", failed.join("; ")));
    }
    if left > 0 {
        sentences.push(format!("out of time, with {left} to be measured: started again it goes on"));
    }
    if sentences.is_empty() { Ok(()) } else { Err(sentences.join("; ")) }
}
