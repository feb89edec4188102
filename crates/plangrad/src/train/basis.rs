//! What the bits of a run follow from: every setting that fixes them, its data, and the instruction set.
//!
//! A checkpoint holds it, so that a run which is resumed with something else is refused and not continued to a model that no
//! run leads to. Threads, budgets, parts and folders are not here: they change nothing.

use std::collections::BTreeMap;

use plangrad_tensor::{Backend, Source};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::settings::Settings;
use super::source::Data;
use crate::error::{Error, Result};

/// Names and values.
pub(super) type Basis = BTreeMap<String, Value>;

/// The digest of all samples and labels.
const DATA: &str = "data";
/// The name of the instruction set, if a CPU computes.
const INSTRUCTION_SET: &str = "instruction_set";

/// Settings that do not fix the bits: where things lie, how often progress is logged or saved, and how long the run is. What
/// the dataset holds is compared instead of its name, and the weights that a run started from are in its checkpoints.
const FREE: [&str; 8] = [
    "dataset",
    "data_dir",
    "init",
    "epochs",
    "max_steps",
    "eval_batch_size",
    "log_every",
    "checkpoint_every",
];

/// The basis of a run.
pub(super) fn basis(settings: &Settings, data: &Data, backend: &Backend) -> Result<Basis> {
    let mut basis = Basis::new();
    let settings = serde_json::to_value(settings).map_err(|error| Error::Output(error.into()))?;
    flatten("", &settings, &mut basis);
    basis.retain(|name, _| !FREE.contains(&name.as_str()));
    basis.insert(DATA.to_owned(), digest(&[&data.train, &data.test]).into());
    if let Some(set) = backend.instruction_set() {
        basis.insert(INSTRUCTION_SET.to_owned(), set.into());
    }
    Ok(basis)
}

/// The instruction set that a run was computed with, if its basis says.
pub(crate) fn instruction_set(basis: &Basis) -> Option<&str> {
    basis.get(INSTRUCTION_SET)?.as_str()
}

/// What differs between the basis of a checkpoint and that of the run that would continue it, as a clause. Devices other
/// than the CPU have no instruction set to compare.
pub(super) fn difference(was: &Basis, is: &Basis) -> Option<String> {
    let differs = |name: &&String| was.get(*name) != is.get(*name);
    let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
    let of_both =
        |name: &&String| *name != INSTRUCTION_SET || (was.contains_key(*name) && is.contains_key(*name));
    let other: Vec<&String> = names.filter(differs).filter(of_both).collect();
    let settings = other.iter().filter(|name| ![DATA, INSTRUCTION_SET].contains(&name.as_str()));
    let text = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    let changed: Vec<String> = settings
        .map(|name| format!("{name} = {}, which was {}", text(is.get(*name)), text(was.get(*name))))
        .collect();
    let has = |name: &str| other.iter().any(|other| *other == name);
    match () {
        () if !changed.is_empty() => {
            Some(format!("its config.toml now says {}; set that back", changed.join(", and ")))
        }
        () if has(DATA) => Some("its samples or labels, or their order, are others now".to_owned()),
        () if has(INSTRUCTION_SET) => Some(format!(
            "with the instruction set {}, and not with {}, which gives other bits",
            instruction_set(was).unwrap_or_default(),
            instruction_set(is).unwrap_or_default()
        )),
        () => None,
    }
}

/// Entries of objects within objects, as `outer.inner`.
fn flatten(prefix: &str, value: &Value, basis: &mut Basis) {
    match value {
        Value::Object(entries) => {
            for (name, value) in entries {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, basis);
            }
        }
        value => {
            basis.insert(prefix.to_owned(), value.clone());
        }
    }
}

/// SHA-256 of all samples and targets, each preceded by its length.
fn digest(sources: &[&Source]) -> String {
    let mut sum = Sha256::new();
    for part in sources.iter().flat_map(|source| source.bytes()) {
        sum.update((part.len() as u64).to_le_bytes());
        sum.update(part);
    }
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[(&str, Value)]) -> Basis {
        entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn settings_that_differ_are_named_with_both_values_before_data_and_instruction_set() {
        let was =
            of(&[("a", 1.into()), ("b", "x".into()), (DATA, "1".into()), (INSTRUCTION_SET, "A".into())]);
        assert_eq!(difference(&was, &was), None);
        let all =
            of(&[("a", 2.into()), ("c", true.into()), (DATA, "2".into()), (INSTRUCTION_SET, "B".into())]);
        let expected = "its config.toml now says a = 2, which was 1, and b = absent, which was \"x\", and c = true, \
                        which was absent; set that back";
        assert_eq!(difference(&was, &all).unwrap(), expected);
        let changed = |name: &str| {
            let mut is = was.clone();
            is.insert(name.to_owned(), "other".into());
            difference(&was, &is).unwrap()
        };
        assert!(changed(DATA).starts_with("its samples or labels"));
        assert!(changed(INSTRUCTION_SET).starts_with("with the instruction set A, and not with other"));
    }

    #[test]
    fn a_gpu_has_no_instruction_set_to_compare() {
        let with = of(&[(INSTRUCTION_SET, "A".into())]);
        assert_eq!((difference(&with, &Basis::new()), difference(&Basis::new(), &with)), (None, None));
    }
}
