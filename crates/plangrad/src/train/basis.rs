//! What the bits of a run follow from: every setting that fixes them, its data, and the instruction set.
//!
//! A checkpoint holds it, so that a run which is resumed with something else is refused and not continued to a model that no
//! run leads to. Threads, budgets and folders are not here: they change nothing. Parts of batches are where the network has
//! statistics of the batch, or classes have weights.

use std::collections::BTreeMap;

use plangrad_nn::Task;
use serde_json::Value;

use super::engine::Engine;
use super::fingerprint::Fingerprint;
use super::settings::{CHANGEABLE, Settings};
use crate::error::{Error, Result};

/// The samples of a part of a batch, where the bits depend on it.
const PART: &str = "micro_batch_size";

/// Names and values.
pub(super) type Basis = BTreeMap<String, Value>;

/// The digest of all samples and labels.
const DATA: &str = "data";
/// The step from which on the data were others than before, if someone has accepted that.
const DATA_CHANGED: &str = "data_changed_at_step";
/// The name of the instruction set, if a CPU computes.
const INSTRUCTION_SET: &str = "instruction_set";

/// Settings that do not fix the bits either, though a run keeps them: what the dataset holds is compared instead of its name,
/// and the weights that a run started from are in its checkpoints.
const COMPARED_OTHERWISE: [&str; 3] = ["dataset", "images.cache", "init"];

/// The basis of a run that has not learnt from its data yet.
pub(super) fn basis(settings: &Settings, task: &Task, engine: &Engine) -> Result<Basis> {
    let mut basis = Basis::new();
    let settings = serde_json::to_value(settings).map_err(|error| Error::Output(error.into()))?;
    flatten("", &settings, &mut basis);
    let is_free = |name: &str| CHANGEABLE.contains(&name) || COMPARED_OTHERWISE.contains(&name);
    basis.retain(|name, _| !is_free(name));
    if task.parts_differ() {
        basis.insert(PART.to_owned(), engine.micro_batch_size().into());
    }
    if let Some(set) = engine.session.backend().instruction_set() {
        basis.insert(INSTRUCTION_SET.to_owned(), set.into());
    }
    Ok(basis)
}

/// Adds the digest of the data, once a run has learnt from them.
pub(super) fn add_data(basis: &mut Basis, data: &Fingerprint) {
    basis.insert(DATA.to_owned(), data.digest().into());
}

/// Notes the step from which a run continues with other data: its steps can no longer be counted by epochs.
pub(super) fn note_changed_data(basis: &mut Basis, step: u64) {
    basis.insert(DATA_CHANGED.to_owned(), step.into());
}

/// Takes over from an earlier basis what its run has noted.
pub(super) fn keep_notes(basis: &mut Basis, earlier: &Basis) {
    basis.extend(earlier.get_key_value(DATA_CHANGED).map(|(name, step)| (name.clone(), step.clone())));
}

/// Whether the run has gone on with other data at some step.
pub(super) fn has_changed_data(basis: &Basis) -> bool {
    basis.contains_key(DATA_CHANGED)
}

/// Whether the data are others.
pub(super) fn other_data(was: &Basis, is: &Basis) -> bool {
    was.get(DATA) != is.get(DATA)
}

/// Whether the run had learnt from its data.
pub(super) fn has_data(basis: &Basis) -> bool {
    basis.contains_key(DATA)
}

/// The instruction set that a run was computed with, if its basis says.
pub(crate) fn instruction_set(basis: &Basis) -> Option<&str> {
    basis.get(INSTRUCTION_SET)?.as_str()
}

/// The settings that differ between the basis of a checkpoint and that of the run that would continue it, as a clause.
pub(super) fn other_settings(was: &Basis, is: &Basis) -> Option<String> {
    let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
    let settings = names.filter(|name| ![DATA, DATA_CHANGED, INSTRUCTION_SET, PART].contains(&name.as_str()));
    let text = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    let changed: Vec<String> = settings
        .filter(|name| was.get(*name) != is.get(*name))
        .map(|name| format!("{name} = {}, which was {}", text(is.get(name)), text(was.get(name))))
        .collect();
    let changed = changed.join(", and ");
    (!changed.is_empty()).then(|| format!("its config.toml now says {changed}; set that back"))
}

/// Whether parts of batches or the instruction set differ, as a clause. Devices other than the CPU have no instruction set to
/// compare.
pub(super) fn other_inputs(was: &Basis, is: &Basis) -> Option<String> {
    if was.get(PART) != is.get(PART) {
        let size = |basis: &Basis| match basis.get(PART) {
            Some(Value::Number(samples)) => format!("in parts of {samples} samples"),
            _ => "in whole batches".to_owned(),
        };
        let (was, is) = (size(was), size(is));
        return Some(format!(
            "its statistics of the batch, or weights of classes, were summed {was}; now they would be {is}"
        ));
    }
    match (instruction_set(was), instruction_set(is)) {
        (Some(was), Some(is)) if was != is => {
            Some(format!("with the instruction set {was}, and not with {is}, which gives other bits"))
        }
        _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[(&str, Value)]) -> Basis {
        entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn settings_that_differ_are_named_with_both_values() {
        let was = of(&[("a", 1.into()), ("b", "x".into()), (DATA, "1".into())]);
        let is = of(&[("a", 2.into()), ("c", true.into()), (DATA, "2".into())]);
        let expected = "its config.toml now says a = 2, which was 1, and b = absent, which was \"x\", and c = true, \
                        which was absent; set that back";
        assert_eq!(other_settings(&was, &is).unwrap(), expected);
        assert_eq!((other_settings(&was, &was), other_inputs(&was, &was)), (None, None));
        assert!(other_data(&was, &is) && !other_data(&was, &was));
    }

    #[test]
    fn instruction_sets_are_compared_where_both_have_one() {
        let [none, a, b] =
            [Basis::new(), of(&[(INSTRUCTION_SET, "A".into())]), of(&[(INSTRUCTION_SET, "B".into())])];
        assert!(other_inputs(&a, &b).unwrap().starts_with("with the instruction set A, and not with B"));
        assert_eq!((other_inputs(&a, &none), other_inputs(&none, &a)), (None, None));
    }
}
