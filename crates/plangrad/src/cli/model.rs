//! Options for the network.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use plangrad_nn::{Activation, MlpConfig};

use super::values;
use crate::network_file::MOST_UNITS;

const MOST_LAYERS: usize = MlpConfig::MOST_LAYERS;

/// Model options.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// Units of each hidden layer, or `none` for a linear model
    #[arg(long, default_value_t, value_name = "N[,N…]", value_parser = hidden_sizes, allow_hyphen_values = true)]
    pub hidden: HiddenSizes,
    /// Activation after each hidden layer
    #[arg(long, default_value_t, value_name = "NAME", value_parser = values::one_of(Activation::ALL))]
    pub activation: Activation,
    /// Share of hidden units dropped at random in each training step
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", value_parser = values::share_f32,
        allow_negative_numbers = true)]
    pub dropout: f32,
    /// The network from a file, as a list of layers: linear, relu, batch_norm, residual, parallel and others; or that of the run in a
    /// folder
    #[arg(long, value_name = "FILE.toml", conflicts_with_all = ["hidden", "activation", "dropout"])]
    pub network: Option<PathBuf>,
}

impl ModelArgs {
    /// The perceptron that these options describe, if they name no file.
    #[must_use]
    pub fn config(&self, sample_shape: &[usize], outputs: usize) -> MlpConfig {
        MlpConfig::new(sample_shape, outputs)
            .hidden(&self.hidden.0)
            .activation(self.activation)
            .dropout(self.dropout)
    }
}

/// Units of each hidden layer; none for a linear model. Written `128,64`, or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenSizes(pub Vec<usize>);

impl Default for HiddenSizes {
    fn default() -> Self {
        Self(vec![128])
    }
}

impl fmt::Display for HiddenSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(if sizes.is_empty() { "none".to_owned() } else { sizes.join(",") }.as_str())
    }
}

pub(super) fn hidden_sizes(text: &str) -> Result<HiddenSizes, String> {
    if text == "none" {
        return Ok(HiddenSizes(Vec::new()));
    }
    let wrong = || {
        format!("expected `none` or units such as 128 or 512,256 (each 1 to {MOST_UNITS}), found `{text}`")
    };
    let size = |text: &str| {
        text.trim().parse().ok().filter(|size| (1..=MOST_UNITS).contains(size)).ok_or_else(wrong)
    };
    let sizes = text.split(',').map(size).collect::<Result<Vec<usize>, _>>()?;
    if sizes.len() > MOST_LAYERS {
        return Err(format!("expected at most {MOST_LAYERS} hidden layers, found {}", sizes.len()));
    }
    Ok(HiddenSizes(sizes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_sizes_print_as_they_parse() {
        for text in ["128", "512,256,64", "none"] {
            assert_eq!(hidden_sizes(text).unwrap().to_string(), text);
        }
        assert_eq!(hidden_sizes("128, 64").unwrap(), HiddenSizes(vec![128, 64]));
    }

    #[test]
    fn layers_without_units_or_with_too_many_are_refused() {
        for text in ["0", "", "128,", "-1", "128,0", "16777217", "99999999999999999999", "None"] {
            assert!(hidden_sizes(text).unwrap_err().contains(&format!("found `{text}`")), "{text}");
        }
        assert!(hidden_sizes(&["1"; 257].join(",")).unwrap_err().ends_with("found 257"));
    }
}
