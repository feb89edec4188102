//! From a path to the file that defines what it names.

use std::collections::BTreeSet;

use super::syntax::{Crate, Meaning, Reference};

/// What a path leads to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Module(usize),
    /// Something defined in this file.
    Item(usize),
}

/// Names that are being looked up, in which module: where they come round again, they mean nothing.
type Pending = BTreeSet<(usize, String)>;

impl Crate {
    /// The files in which the items lie that a path may name; several where a name stands for a type and a function,
    /// say. A path that names a module, something of another crate or a local variable names no file.
    pub(super) fn defining_files(&self, reference: &Reference) -> BTreeSet<usize> {
        let mut targets = self.resolve(reference.module, &reference.path, &mut Pending::new());
        if targets.is_empty()
            && let (true, [name]) = (reference.is_macro, reference.path.as_slice())
        {
            targets.extend(self.macros.get(name).copied().map(Target::Item));
        }
        let file = |target| match target {
            Target::Item(file) => Some(file),
            Target::Module(_) => None,
        };
        targets.into_iter().filter_map(file).collect()
    }

    fn resolve(&self, module: usize, path: &[String], pending: &mut Pending) -> BTreeSet<Target> {
        let Some((first, rest)) = path.split_first() else { return BTreeSet::new() };
        let start = match first.as_str() {
            "crate" => BTreeSet::from([Target::Module(0)]),
            "self" => BTreeSet::from([Target::Module(module)]),
            "super" => self.modules[module].parent.map(Target::Module).into_iter().collect(),
            name => self.look_up(module, name, pending),
        };
        rest.iter().fold(start, |targets, segment| {
            let step = |target| match target {
                Target::Module(within) if segment == "super" => {
                    self.modules[within].parent.map(Target::Module).into_iter().collect()
                }
                Target::Module(within) => self.look_up(within, segment, pending),
                // A variant, a method, an associated constant: it lies with its type.
                Target::Item(_) => BTreeSet::from([target]),
            };
            targets.into_iter().flat_map(step).collect()
        })
    }

    fn look_up(&self, module: usize, name: &str, pending: &mut Pending) -> BTreeSet<Target> {
        let key = (module, name.to_owned());
        if !pending.insert(key.clone()) {
            return BTreeSet::new();
        }
        let scope = &self.modules[module];
        let mut found = BTreeSet::new();
        for meaning in scope.names.get(name).into_iter().flatten() {
            match meaning {
                Meaning::Item => found.extend([Target::Item(scope.file)]),
                Meaning::Module(number) => found.extend([Target::Module(*number)]),
                Meaning::Alias(path) => found.extend(self.resolve(module, path, pending)),
            }
        }
        if found.is_empty() {
            for path in &scope.globs {
                for target in self.resolve(module, path, pending) {
                    if let Target::Module(within) = target {
                        found.extend(self.look_up(within, name, pending));
                    }
                }
            }
        }
        pending.remove(&key);
        found
    }
}
