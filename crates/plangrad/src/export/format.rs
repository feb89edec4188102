//! The formats of other programs.

use std::path::Path;

use clap::ValueEnum;
use serde::Serialize;

/// A format of other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ExportFormat {
    /// The network with its weights and normalisation, for ONNX Runtime and its kin.
    #[value(help = None)]
    Onnx,
    /// The weights, as the run has them.
    #[value(help = None)]
    Safetensors,
    /// The weights for numpy.
    #[value(help = None)]
    Npz,
    /// The figures of each epoch.
    #[value(help = None)]
    Csv,
}

impl ExportFormat {
    /// The format that a file's name ends with.
    #[must_use]
    pub fn of(path: &Path) -> Option<ExportFormat> {
        let ending = path.extension()?.to_str()?;
        Self::value_variants()
            .iter()
            .copied()
            .find(|format| format.to_possible_value().is_some_and(|value| value.matches(ending, true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_known_by_the_end_of_a_files_name() {
        let of = |name: &str| ExportFormat::of(Path::new(name));
        assert_eq!([of("a/b.onnx"), of("x.NPZ")], [Some(ExportFormat::Onnx), Some(ExportFormat::Npz)]);
        assert_eq!([of("model"), of("model.pth"), of(".csv")], [None, None, None]);
    }
}
