//! What can go wrong with networks and their files.

use std::error::Error as StdError;
use std::path::PathBuf;

/// Errors of networks and their files.
///
/// ```
/// use plangrad_nn::{Error, Linear, Weights};
///
/// let mut weights = Weights::new();
/// Linear::new(&mut weights, "layer", 4, 2)?;
/// let refused = Linear::new(&mut weights, "layer", 2, 2).unwrap_err();
/// assert!(matches!(refused, Error::Tensor(plangrad_tensor::Error::NameTaken { .. })));
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Recording, planning or running failed.
    #[error(transparent)]
    Tensor(#[from] plangrad_tensor::Error),
    /// An error that a module outside this crate reports.
    #[error(transparent)]
    Module(Box<dyn StdError + Send + Sync>),
    /// Samples without elements, or with more than can be counted.
    #[error("a network cannot have samples of shape {shape:?} as its input")]
    EmptySample {
        /// Their shape.
        shape: Vec<usize>,
    },
    /// A layer without units.
    #[error("a network cannot have a layer without units (layers {sizes:?})")]
    EmptyLayer {
        /// Units of each layer, from the input on.
        sizes: Vec<usize>,
    },
    /// More layers than a network may have.
    #[error("a network can have at most {most} hidden layers, found {found}")]
    TooManyLayers {
        /// How many it may have.
        most: usize,
        /// How many it was given.
        found: usize,
    },
    /// A layer of a network cannot be where it is.
    #[error("layer {}: {reason}", dotted(place))]
    Layer {
        /// Its place: its number in the list of layers, counted from 0, and for one within another its number there.
        place: Vec<usize>,
        /// What is wrong with it.
        #[source]
        reason: LayerError,
    },
    /// Blocks whose results are added record results of different shapes.
    #[error(
        "results of blocks are added, so their shapes must be the same: expected {expected:?}, found {found:?}"
    )]
    Branches {
        /// The first one's.
        expected: Vec<usize>,
        /// Another one's.
        found: Vec<usize>,
    },
    /// A rate that is not a probability below 1.
    #[error("a network cannot have a dropout rate of {rate}; it must be at least 0 and below 1")]
    DropoutRate {
        /// The rate.
        rate: f32,
    },
    /// The samples of a dataset have another shape than those the network reads.
    #[error("the network reads samples of shape {expected:?}, found {found:?}")]
    SampleShape {
        /// Shape that the network reads.
        expected: Vec<usize>,
        /// Shape of the samples.
        found: Vec<usize>,
    },
    /// A network has recorded something other than one row of scores per sample.
    #[error("the network records scores of shape {found:?}, expected {expected:?}")]
    Scores {
        /// Batch size and outputs.
        expected: [usize; 2],
        /// Shape of what it has recorded.
        found: Vec<usize>,
    },
    /// A lever of cross-entropy for another loss.
    #[error("{lever} can be had with the loss cross-entropy only")]
    OnlyCrossEntropy {
        /// The lever.
        lever: &'static str,
    },
    /// There are not as many class weights as classes.
    #[error("expected {expected} class weights, one for each class, found {found}")]
    ClassWeightCount {
        /// Classes.
        expected: usize,
        /// Weights.
        found: usize,
    },
    /// A class weight that is negative or not finite.
    #[error("the weight of class {class} is {weight}, expected a finite number of at least 0")]
    ClassWeight {
        /// Number of the class.
        class: usize,
        /// Its weight.
        weight: f64,
    },
    /// Every class weighs nothing.
    #[error("all class weights are 0; at least one must be above 0")]
    NoClassWeight,
    /// No loss has this name.
    #[error("unknown loss {found:?}; choose one of {}", known.join(", "))]
    UnknownLoss {
        /// The name given.
        found: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// No activation has this name.
    #[error("unknown activation {found:?}; choose one of {}", known.join(", "))]
    UnknownActivation {
        /// The name given.
        found: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The architecture that a file or a call names is not registered.
    #[error("unknown architecture {name:?}; known are {}", known.join(", "))]
    UnknownArchitecture {
        /// The name.
        name: String,
        /// The names registered ([`crate::Architectures`]).
        known: Vec<String>,
    },
    /// A configuration cannot be serialised, or is not one of its architecture.
    #[error("not a configuration of the architecture {name:?}: {reason}")]
    Architecture {
        /// Name of the architecture.
        name: String,
        /// What serde says.
        #[source]
        reason: serde_json::Error,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {reason}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        reason: std::io::Error,
    },
    /// A file has fewer bytes than it says, or more.
    #[error("{} is cut off, or has something behind its end: it says that it has {expected} bytes, and has {found}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes by what it says.
        expected: u64,
        /// Bytes it has.
        found: u64,
    },
    /// A file is not a safetensors file.
    #[error("{} is not a safetensors file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        reason: safetensors::SafeTensorError,
    },
    /// A file whose checksum does not match.
    #[error("{} is damaged: what it holds does not match its checksum", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A safetensors file without plangrad's description of the model.
    #[error("{} holds weights but not the model they belong to; start a new run from its weights, with the layers named", path.display())]
    NoModel {
        /// The file.
        path: PathBuf,
    },
    /// A model file, where a checkpoint is needed.
    #[error("{} is a model without optimizer state; a run is resumed from its folder, with its checkpoint", path.display())]
    NoTrainingState {
        /// The file.
        path: PathBuf,
    },
    /// The description in a file is of a version that this code does not read.
    #[error("{} describes its model in a way this version does not understand: it has format {found}, this version reads {supported}", path.display())]
    FormatVersion {
        /// The file.
        path: PathBuf,
        /// Version of its description.
        found: u32,
        /// Version that can be read.
        supported: u32,
    },
    /// The description in a file cannot be understood, or contradicts itself.
    #[error("{} describes its model in a way this version does not understand: {reason}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        reason: Box<dyn StdError + Send + Sync>,
    },
    /// A tensor is missing from a file.
    #[error("{} has no tensor {name:?} of shape {expected:?}", path.display())]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape it must have.
        expected: Vec<usize>,
    },
    /// A tensor has another shape than the model's.
    #[error("tensor {name:?} in {} is of shape {found:?}, expected one of shape {expected:?}", path.display())]
    TensorShape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape it must have.
        expected: Vec<usize>,
        /// The shape it has.
        found: Vec<usize>,
    },
    /// A tensor has another element type than F16, BF16, F32 or F64.
    #[error("tensor {name:?} in {} is of type {found:?}, expected floating-point numbers (F16, BF16, F32 or F64)", path.display())]
    TensorType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its element type.
        found: safetensors::Dtype,
    },
    /// A tensor has more or fewer values than its shape.
    #[error("tensor {name:?} in {} has shape {shape:?}, but {found} values", path.display())]
    ValueCount {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its values.
        found: usize,
    },
    /// A file holds more or fewer tensors than the model has parameters.
    #[error("{} does not fit the model: expected {} tensors ({}), found {found}", path.display(), expected.len(), described(expected))]
    TensorCount {
        /// The file.
        path: PathBuf,
        /// Tensors found.
        found: usize,
        /// Names and shapes of the model's parameters.
        expected: Vec<(String, Vec<usize>)>,
    },
    /// A weight that is infinite or not a number.
    #[error("tensor {name:?} in {} holds {value} at element {element}; a model's weights must be finite", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Index of the element.
        element: usize,
        /// Its value.
        value: f32,
    },
}

/// What can be wrong with a layer of a [`crate::Network`].
///
/// ```
/// use plangrad_nn::{Error, LayerError, Network, NetworkConfig, serde_json};
///
/// let layers = serde_json::from_str(r#"["relu", {"residual":[{"linear":5}]}]"#)?;
/// let refused = Network::new(&NetworkConfig::new(&[4], 4, layers)).unwrap_err();
/// let Error::Layer { place, reason } = refused else { unreachable!() };
/// assert_eq!((place, reason), (vec![1], LayerError::Residual { expected: 4, found: 5 }));
/// # Ok::<(), plangrad_nn::serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// A layer without units.
    #[error("a linear layer needs at least one unit, found 0")]
    NoUnits,
    /// A rate that is not a probability below 1.
    #[error("dropout takes a share of at least 0 and below 1, found {rate}")]
    DropoutRate {
        /// The rate.
        rate: f32,
    },
    /// A block of layers without any.
    #[error("expected at least one layer in it, found none")]
    NoLayers,
    /// Branches without any.
    #[error("expected at least one branch, found none")]
    NoBranches,
    /// What a residual block adds to its input has another width.
    #[error(
        "a residual block adds what its layers make to what goes into them: expected {expected} units as go in, found {found}"
    )]
    Residual {
        /// Units that go in.
        expected: usize,
        /// Units that come out.
        found: usize,
    },
    /// Branches of different widths.
    #[error(
        "the results of parallel branches are added: expected {expected} units as from the first branch, found {found}"
    )]
    Branch {
        /// Units of the first branch's result.
        expected: usize,
        /// Units of this one's.
        found: usize,
    },
    /// The last layer does not give one score for each output.
    #[error(
        "the last layer makes the scores: expected {expected} units, one for each class or value, found {found}"
    )]
    Outputs {
        /// Classes, or values.
        expected: usize,
        /// Units.
        found: usize,
    },
    /// A layer is tied to one that is not there.
    #[error(
        "no linear layer stands at {to:?} before it; places are counted from 0, as in the names of parameters"
    )]
    NoLinear {
        /// The place.
        to: String,
    },
    /// A layer is tied to one that makes other units than go into it.
    #[error(
        "it multiplies by the transpose of layer {to}: expected {expected} units as come out of that, found {found}"
    )]
    Tied {
        /// The other layer's place.
        to: String,
        /// Units that come out of that.
        expected: usize,
        /// Units that go in.
        found: usize,
    },
    /// A factor that no learning rate can have.
    #[error("lr_scale is a finite number of at least 0, found {found}")]
    RateScale {
        /// The factor.
        found: f64,
    },
    /// More layers than a network may have.
    #[error("expected at most {most} layers in all, found more")]
    TooMany {
        /// How many it may have.
        most: usize,
    },
}

/// `2.0.1`
fn dotted(place: &[usize]) -> String {
    place.iter().map(usize::to_string).collect::<Vec<_>>().join(".")
}

impl Error {
    /// An error of a module's own, to be returned from [`crate::Module::record`] and the like.
    pub fn module(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Module(error.into())
    }

    /// The description in the file at `path` cannot be understood, or contradicts itself.
    pub fn metadata(path: impl Into<PathBuf>, reason: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Metadata { path: path.into(), reason: reason.into() }
    }
}

impl From<plangrad_tensor::ShapeError> for Error {
    fn from(error: plangrad_tensor::ShapeError) -> Error {
        Error::Tensor(error.into())
    }
}

/// `layer1.weight [128, 784], layer1.bias [128]`
fn described(tensors: &[(String, Vec<usize>)]) -> String {
    tensors.iter().map(|(name, shape)| format!("{name} {shape:?}")).collect::<Vec<_>>().join(", ")
}
