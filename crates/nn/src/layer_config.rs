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
///     LayerConfig::linear(Units::Count(128)),
///     Activation::Relu.into(),
///     LayerConfig::Dropout(0.1),
///     LayerConfig::linear(Units::Outputs),
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
    /// A fully connected layer ([`crate::Linear`]).
    Linear(LinearConfig),
    /// A fully connected layer by the transpose of the matrix of another one ([`crate::Linear::tied`]).
    Tied(TiedConfig),
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
    /// Layers whose parameters have a learning rate of their own, or no weight decay.
    Group(GroupConfig),
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

impl LayerConfig {
    /// A fully connected layer with a bias.
    #[must_use]
    pub fn linear(units: Units) -> LayerConfig {
        LayerConfig::Linear(LinearConfig { units, bias: true })
    }
}

/// A fully connected layer; in files its units, or a table such as `{"units": 128, "bias": false}`.
///
/// ```
/// use plangrad_nn::{LayerConfig, LinearConfig, Units, serde_json};
///
/// let plain: LayerConfig = serde_json::from_str(r#"{"linear":{"units":128,"bias":false}}"#)?;
/// assert_eq!(plain, LayerConfig::Linear(LinearConfig { units: Units::Count(128), bias: false }));
/// # Ok::<(), plangrad_nn::serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenLinear")]
pub struct LinearConfig {
    /// Its units.
    pub units: Units,
    /// Whether it has a bias.
    pub bias: bool,
}

/// How files have a [`LinearConfig`].
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenLinear {
    Units(Units),
    Table(LinearTable),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LinearTable {
    units: Units,
    #[serde(default = "yes")]
    bias: bool,
}

impl From<WrittenLinear> for LinearConfig {
    fn from(written: WrittenLinear) -> LinearConfig {
        match written {
            WrittenLinear::Units(units) => LinearConfig { units, bias: true },
            WrittenLinear::Table(LinearTable { units, bias }) => LinearConfig { units, bias },
        }
    }
}

impl Serialize for LinearConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let LinearConfig { units, bias } = *self;
        match bias {
            true => units.serialize(serializer),
            false => LinearTable { units, bias }.serialize(serializer),
        }
    }
}

/// A fully connected layer by the transpose of another one's matrix; in files the place of that, or a table such as
/// `{"to": "0", "bias": false}`.
///
/// ```
/// use plangrad_nn::{Module, Network, NetworkConfig, serde_json};
///
/// let layers = serde_json::from_str(r#"[{"linear":8},"tanh",{"tied":"0"}]"#)?;
/// let autoencoder = Network::new(&NetworkConfig::new(&[32], 32, layers))?;
/// assert_eq!(autoencoder.weights().trained_elements(), 32 * 8 + 8 + 32);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "WrittenTied")]
pub struct TiedConfig {
    /// The place of the other layer, which comes before this one: `0`, or `2.1` for the second layer within the third.
    pub to: String,
    /// Whether it has a bias.
    pub bias: bool,
}

/// How files have a [`TiedConfig`].
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenTied {
    To(String),
    Table(TiedTable),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TiedTable {
    to: String,
    #[serde(default = "yes")]
    bias: bool,
}

impl From<WrittenTied> for TiedConfig {
    fn from(written: WrittenTied) -> TiedConfig {
        match written {
            WrittenTied::To(to) => TiedConfig { to, bias: true },
            WrittenTied::Table(TiedTable { to, bias }) => TiedConfig { to, bias },
        }
    }
}

impl Serialize for TiedConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let TiedConfig { to, bias } = self.clone();
        match bias {
            true => to.serialize(serializer),
            false => TiedTable { to, bias }.serialize(serializer),
        }
    }
}

/// Layers with a learning rate of their own ([`crate::Weights::scaled`]), or without weight decay
/// ([`crate::Weights::undecayed`]).
///
/// ```
/// use plangrad_nn::{LayerConfig, serde_json};
///
/// let text = r#"{"group":{"lr_scale":0.1,"weight_decay":false,"layers":[{"linear":128}]}}"#;
/// let LayerConfig::Group(group) = serde_json::from_str(text)? else { unreachable!() };
/// assert_eq!((group.lr_scale, group.weight_decay, group.layers.len()), (0.1, false, 1));
/// # Ok::<(), plangrad_nn::serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// Their learning rate is this times that of the run.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub lr_scale: f64,
    /// Whether weight decay is for them, too.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub weight_decay: bool,
    /// The layers.
    pub layers: Vec<LayerConfig>,
}

fn yes() -> bool {
    true
}

fn is_yes(flag: &bool) -> bool {
    *flag
}

fn one() -> f64 {
    1.0
}

fn is_one(factor: &f64) -> bool {
    *factor == 1.0
}

/// The units of a linear layer; in files a number, or `"outputs"`.
///
/// Example: [`LayerConfig`].
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
