//! A network as a list of layers, the way files have it.
//!
//! In JSON and TOML alike a layer without options is its name, any other a table with its name as the key:
//! `["relu", {"linear": 128}, {"residual": [{"linear": 128}, "relu"]}]`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Activation;

/// A layer of a network, or layers within.
///
/// ```
/// use plangrad_nn::{Activation, LayerConfig, Units, serde_json};
///
/// let layers = [
///     LayerConfig::Linear(Units::Count(128)),
///     Activation::Relu.into(),
///     LayerConfig::Dropout(0.1),
///     LayerConfig::Linear(Units::Outputs),
/// ];
/// let text = serde_json::to_string(&layers)?;
/// assert_eq!(text, r#"[{"linear":128},"relu",{"dropout":0.1},{"linear":"outputs"}]"#);
/// assert_eq!(serde_json::from_str::<Vec<LayerConfig>>(&text)?, layers);
/// # Ok::<(), plangrad_nn::serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LayerConfig {
    /// Samples as rows; a network begins with it whether or not it is named.
    Flatten,
    /// A fully connected layer ([`crate::Linear`]) of so many units.
    Linear(Units),
    /// [`crate::BatchNorm`].
    BatchNorm,
    /// [`crate::LayerNorm`].
    LayerNorm,
    /// [`crate::Dropout`] of this share.
    Dropout(#[serde(serialize_with = "shortest")] f32),
    /// A shortcut around layers ([`crate::Residual`]).
    Residual(Vec<LayerConfig>),
    /// Branches whose results are added ([`crate::Parallel`]); one without layers passes its input on.
    Parallel(Vec<Vec<LayerConfig>>),
    /// Layers whose parameters keep their values ([`crate::Weights::frozen`]).
    Frozen(Vec<LayerConfig>),
    /// A function of each number.
    #[serde(untagged)]
    Activation(Activation),
}

/// Writes 0.1 and not 0.10000000149011612, which is the same number in single precision.
fn shortest<S: Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    let shortest = number.to_string().parse::<f64>().unwrap_or(f64::from(*number));
    serializer.serialize_f64(shortest)
}

impl From<Activation> for LayerConfig {
    fn from(activation: Activation) -> LayerConfig {
        LayerConfig::Activation(activation)
    }
}

/// The units of a linear layer; in files a number, or `"outputs"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// This many.
    Count(usize),
    /// As many as the network has outputs: one for each class or value.
    Outputs,
}

impl Units {
    /// What stands for [`Units::Outputs`] in files.
    pub const OUTPUTS: &'static str = "outputs";

    /// How many that is in a network with so many outputs.
    #[must_use]
    pub fn count(self, outputs: usize) -> usize {
        match self {
            Units::Count(count) => count,
            Units::Outputs => outputs,
        }
    }
}

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Units::Count(count) => count.serialize(serializer),
            Units::Outputs => Units::OUTPUTS.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Units, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Count(usize),
            Name(String),
        }
        let expected = || de::Error::custom("expected a number of units or \"outputs\"");
        match Either::deserialize(deserializer).map_err(|_| expected())? {
            Either::Count(count) => Ok(Units::Count(count)),
            Either::Name(name) if name == Units::OUTPUTS => Ok(Units::Outputs),
            Either::Name(_) => Err(expected()),
        }
    }
}
