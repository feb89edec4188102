//! What the bits of a run follow from: every setting that fixes them, its data, and the instruction set.
//!
//! A checkpoint holds it, so that a run which is resumed with something else is refused and not continued to a model that no
//! run leads to. Threads, budgets and folders are not here: they change nothing. Parts of batches are where the network has
//! statistics of the batch, or classes have weights.

use std::collections::BTreeMap;

use plangrad_nn::Task;
use plangrad_nn::checkpoint::Loaded;
use plangrad_tensor::backend::cpu::InstructionSet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::engine::Engine;
use super::fingerprint::Fingerprint;
use super::settings::{BATCH_SIZE, CHANGEABLE, Settings};
use crate::error::{Error, Result};

/// The samples of a part of a batch, where the bits depend on it.
const PART: &str = "micro_batch_size";

/// Names and values.
pub(super) type Basis = BTreeMap<String, Value>;

/// The digest of all samples and labels.
const DATA: &str = "data";
/// The step from which on the data were others than before, if someone has accepted that.
const DATA_CHANGED: &str = "data_changed_at_step";
/// The settings that were changed when the run was resumed, as was asked for: each with the step from which on it holds, what it was
/// and what it is.
const CHANGES: &str = "changed_settings";
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
    let is_changeable = |name: &str| CHANGEABLE.iter().any(|one| one.keys.contains(&name) && !one.fixes_bits);
    let is_free = |name: &str| is_changeable(name) || COMPARED_OTHERWISE.contains(&name);
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
    for note in [DATA_CHANGED, CHANGES] {
        basis.extend(earlier.get_key_value(note).map(|(name, note)| (name.clone(), note.clone())));
    }
}

/// A setting that is another than before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SettingChange {
    /// Steps that were taken with the earlier one.
    pub(crate) step: u64,
    /// Its key in `config.toml`.
    pub(crate) setting: String,
    pub(crate) was: Value,
    pub(crate) now: Value,
}

/// Those of the settings that may be changed on resuming, and from which bits follow, that differ, after so many steps.
pub(super) fn asked_changes(was: &Basis, is: &Basis, step: u64) -> Vec<SettingChange> {
    let fixing = CHANGEABLE.iter().filter(|one| one.fixes_bits).flat_map(|one| one.keys.iter().copied());
    let differing = fixing.filter_map(|setting| {
        let [was, now] = [was.get(setting)?, is.get(setting)?].map(Value::clone);
        (was != now).then_some(SettingChange { step, setting: setting.to_owned(), was, now })
    });
    differing.collect()
}

/// Notes changes of settings: the run is then one that no uninterrupted run leads to.
pub(super) fn note_changes(basis: &mut Basis, changes: &[SettingChange]) {
    if changes.is_empty() {
        return;
    }
    let notes = basis.entry(CHANGES.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(notes) = notes {
        notes.extend(changes.iter().map(|change| {
            let SettingChange { step, setting, was, now } = change;
            json!({ "step": step, "setting": setting, "was": was, "now": now })
        }));
    }
}

/// Whether the run has had another batch size: its steps can then not be counted by epochs.
pub(super) fn has_changed_batch_size(basis: &Basis) -> bool {
    let notes = basis.get(CHANGES).and_then(Value::as_array);
    notes.is_some_and(|notes| notes.iter().any(|note| note["setting"] == BATCH_SIZE))
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
fn instruction_set(basis: &Basis) -> Option<&str> {
    basis.get(INSTRUCTION_SET)?.as_str()
}

/// The instruction set that a run was computed with until its checkpoint; `None` if that does not say.
pub(crate) fn known_instruction_set(checkpoint: &Loaded) -> Result<Option<InstructionSet>> {
    let basis = checkpoint.description().map(|description| &description.basis);
    let Some(name) = basis.and_then(instruction_set) else { return Ok(None) };
    let known = InstructionSet::named(name).filter(|set| InstructionSet::available().contains(set));
    let found =
        "this one does not have it, and others give other bits; start a new run from its weights with --init";
    let missing = || Error::ModelMismatch {
        model: "the run".to_owned(),
        expected: format!("a processor with {name}"),
        found: found.to_owned(),
    };
    known.map(Some).ok_or_else(missing)
}

/// The settings that differ between the basis of a checkpoint and that of the run that would continue it, but for those that were
/// asked for, as a clause.
pub(super) fn other_settings(was: &Basis, is: &Basis, asked: &[&str]) -> Option<String> {
    let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
    let others = [DATA, DATA_CHANGED, CHANGES, INSTRUCTION_SET, PART];
    let settings = names.filter(|name| !others.contains(&name.as_str()) && !asked.contains(&name.as_str()));
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
        assert_eq!(other_settings(&was, &is, &[]).unwrap(), expected);
        assert_eq!((other_settings(&was, &was, &[]), other_inputs(&was, &was)), (None, None));
        assert!(other_data(&was, &is) && !other_data(&was, &was));
        assert!(!other_settings(&was, &is, &["a", "b"]).unwrap().contains("a = 2"), "it was asked for");
    }

    #[test]
    fn changes_that_were_asked_for_are_noted_and_kept() {
        let was = of(&[(BATCH_SIZE, 64.into()), ("schedule.learning_rate", 0.1.into()), ("seed", 1.into())]);
        let mut is =
            of(&[(BATCH_SIZE, 32.into()), ("schedule.learning_rate", 0.1.into()), ("seed", 2.into())]);
        let changes = asked_changes(&was, &is, 7);
        let expected =
            SettingChange { step: 7, setting: BATCH_SIZE.to_owned(), was: 64.into(), now: 32.into() };
        assert_eq!(changes, [expected]);
        note_changes(&mut is, &changes);
        assert!(has_changed_batch_size(&is) && !has_changed_batch_size(&was));
        let mut later = Basis::new();
        keep_notes(&mut later, &is);
        assert!(has_changed_batch_size(&later));
        note_changes(&mut later, &[]);
        assert_eq!(later[CHANGES].as_array().unwrap().len(), 1);
    }

    #[test]
    fn instruction_sets_are_compared_where_both_have_one() {
        let [none, a, b] =
            [Basis::new(), of(&[(INSTRUCTION_SET, "A".into())]), of(&[(INSTRUCTION_SET, "B".into())])];
        assert!(other_inputs(&a, &b).unwrap().starts_with("with the instruction set A, and not with B"));
        assert_eq!((other_inputs(&a, &none), other_inputs(&none, &a)), (None, None));
    }
}
