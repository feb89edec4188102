//! The peak of the processor, from `crates/tensor/examples/peak.rs`, measured between the programs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::Result;
use crate::command::{built, output, program};

/// Operations per second that the processor can do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Peak {
    /// f32, multiply-adds of the widest vectors.
    pub(super) fma: f64,
    /// bf16 into f32, in tiles, where there are any.
    pub(super) tiles: Option<f64>,
}

/// Measures peaks, and keeps the highest for each number of threads.
pub(super) struct Peaks {
    path: PathBuf,
    highest: BTreeMap<usize, Peak>,
}

impl Peaks {
    pub(super) fn new() -> Result<Peaks> {
        let command = ["build", "--release", "--package", "plangrad-tensor", "--example", "peak"];
        Ok(Peaks { path: built(&command, "peak")?, highest: BTreeMap::new() })
    }

    /// Measures once with so many threads.
    pub(super) fn measure(&mut self, threads: usize) -> Result<()> {
        let text = output(program(&self.path.display().to_string(), &[&threads.to_string()]))?;
        let found = parse(&text).ok_or_else(|| format!("the peak program printed no result: {text}"))?;
        let highest = self.highest.entry(threads).or_default();
        highest.fma = highest.fma.max(found.fma);
        highest.tiles = highest.tiles.into_iter().chain(found.tiles).reduce(f64::max);
        Ok(())
    }

    /// The highest so far with so many threads.
    pub(super) fn of(&self, threads: usize) -> Peak {
        self.highest.get(&threads).copied().unwrap_or_default()
    }
}

fn parse(text: &str) -> Option<Peak> {
    let result: Value = serde_json::from_str(text.lines().last()?).ok()?;
    Some(Peak { fma: result["fma"].as_f64()?, tiles: result["bf16_tiles"].as_f64() })
}

#[cfg(test)]
mod tests {
    use super::{Peak, parse};

    #[test]
    fn a_peak_is_read_with_and_without_tiles() {
        let line = r#"{"threads": 2, "fma": 3e11, "fma_avx2": 2e11, "bf16_tiles": 5e12}"#;
        assert_eq!(parse(line), Some(Peak { fma: 3e11, tiles: Some(5e12) }));
        let line = r#"{"threads": 2, "fma": 3e11, "fma_avx2": 2e11, "bf16_tiles": null}"#;
        assert_eq!(parse(line), Some(Peak { fma: 3e11, tiles: None }));
        assert_eq!(parse("nothing"), None);
    }
}
