//! Runs the bodies of the fuzz targets on the committed corpus with stable Rust, so that earlier findings stay fixed.

#[expect(unreachable_pub, reason = "public to the fuzz targets")]
#[path = "../../../fuzz/src/tables.rs"]
mod targets;

use std::fs;
use std::path::PathBuf;

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| file.unwrap().path())
        .map(|path| {
            let data = fs::read(&path).unwrap();
            (path, data)
        })
        .collect()
}

#[test]
fn every_target_holds_on_its_corpus() {
    for (name, target) in targets::TARGETS {
        let inputs = corpus(name);
        assert!(inputs.len() >= 5, "{name} has only {} inputs", inputs.len());
        for (path, data) in inputs {
            println!("{}", path.display());
            target(&data);
        }
    }
}

#[test]
fn every_target_holds_on_every_prefix_of_its_corpus() {
    for (name, target) in targets::TARGETS {
        for (_, data) in corpus(name) {
            let step = data.len().div_ceil(200).max(1);
            (0..data.len()).step_by(step).for_each(|end| target(&data[..end]));
        }
    }
}
