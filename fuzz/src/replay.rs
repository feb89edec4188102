//! The committed corpus replayed on stable Rust, so that earlier findings stay fixed. For the tests of the crates that have
//! targets.

use std::fs;
use std::path::{Path, PathBuf};

/// A target by the name of its corpus.
type Target = (&'static str, fn(&[u8]));

/// Runs each target on its corpus, whole.
pub(crate) fn whole(targets: &[Target]) {
    for (name, target) in targets {
        let inputs = corpus(name);
        assert!(inputs.len() >= 5, "{name} has only {} inputs", inputs.len());
        for (path, data) in inputs {
            println!("{}", path.display());
            target(&data);
        }
    }
}

/// Runs each target on some 200 prefixes of each input of its corpus.
pub(crate) fn prefixes(targets: &[Target]) {
    for (name, target) in targets {
        for (_, data) in corpus(name) {
            let step = data.len().div_ceil(200).max(1);
            (0..data.len()).step_by(step).for_each(|end| target(&data[..end]));
        }
    }
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = files.map(|file| file.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}
