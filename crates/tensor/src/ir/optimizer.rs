//! Optimizers: how parameters follow their gradients.

use std::fmt;

use super::Hyperparameter;

/// How parameters follow their gradients. Numbers are f64, as in PyTorch: 1 − β is taken before it is rounded to f32.
///
/// ```
/// use plangrad_tensor::Optimizer;
///
/// let adamw = Optimizer::adamw().with_weight_decay(0.1);
/// assert_eq!((adamw.moments(), adamw.to_string().as_str()), (2, "AdamW"));
/// let momentum = Optimizer::Sgd { momentum: 1.5, weight_decay: 0.0 };
/// assert!(momentum.check().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "name", rename_all = "lowercase", deny_unknown_fields))]
#[non_exhaustive]
pub enum Optimizer {
    /// Stochastic gradient descent; momentum 0 keeps no state.
    Sgd {
        /// μ
        momentum: f64,
        /// λ
        weight_decay: f64,
    },
    /// Adam; two moments per parameter.
    Adam {
        /// β₁
        beta1: f64,
        /// β₂
        beta2: f64,
        /// ε
        epsilon: f64,
        /// λ, added to the gradient
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay; two moments per parameter.
    AdamW {
        /// β₁
        beta1: f64,
        /// β₂
        beta2: f64,
        /// ε
        epsilon: f64,
        /// λ, taken off the parameter
        weight_decay: f64,
    },
}

impl Optimizer {
    /// Most moments any of them keeps for a parameter.
    pub(crate) const MOST_MOMENTS: usize = 2;

    /// SGD without momentum or decay.
    #[must_use]
    pub fn sgd() -> Optimizer {
        Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 }
    }

    /// Adam with PyTorch's defaults.
    #[must_use]
    pub fn adam() -> Optimizer {
        Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }

    /// AdamW with PyTorch's defaults.
    #[must_use]
    pub fn adamw() -> Optimizer {
        Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }
    }

    /// The same with this weight decay.
    #[must_use]
    pub fn with_weight_decay(mut self, decay: f64) -> Optimizer {
        let (Optimizer::Sgd { weight_decay, .. }
        | Optimizer::Adam { weight_decay, .. }
        | Optimizer::AdamW { weight_decay, .. }) = &mut self;
        *weight_decay = decay;
        self
    }

    /// The learning rate that PyTorch's lessons take with it: 0.01 for SGD, 0.001 for the others.
    #[must_use]
    pub fn default_learning_rate(&self) -> f64 {
        match self {
            Optimizer::Sgd { .. } => 0.01,
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } => 0.001,
        }
    }

    /// Refuses numbers that it cannot work with.
    ///
    /// # Errors
    /// The first of them.
    pub fn check(&self) -> Result<(), Hyperparameter> {
        self.shares().into_iter().try_for_each(|(name, value)| Hyperparameter::share(name, value))?;
        self.rates().into_iter().try_for_each(|(name, value)| Hyperparameter::rate(name, value))
    }

    /// Its numbers that must be at least 0 and below 1, with their names.
    fn shares(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Optimizer::Sgd { momentum, .. } => vec![("momentum", momentum)],
            Optimizer::Adam { beta1, beta2, .. } | Optimizer::AdamW { beta1, beta2, .. } => {
                vec![("beta1", beta1), ("beta2", beta2)]
            }
        }
    }

    /// Its numbers that must be finite and at least 0, with their names.
    fn rates(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Optimizer::Sgd { weight_decay, .. } => vec![("weight_decay", weight_decay)],
            Optimizer::Adam { epsilon, weight_decay, .. }
            | Optimizer::AdamW { epsilon, weight_decay, .. } => {
                vec![("epsilon", epsilon), ("weight_decay", weight_decay)]
            }
        }
    }

    /// Numbers kept per parameter besides its gradient.
    #[must_use]
    pub fn moments(&self) -> usize {
        self.moment_names().len()
    }

    /// What they are called.
    pub(crate) fn moment_names(&self) -> &'static [&'static str] {
        match self {
            Optimizer::Sgd { momentum: 0.0, .. } => &[],
            // SGD's velocity is not a statistical moment.
            Optimizer::Sgd { .. } => &["momentum"],
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } => &["first moments", "second moments"],
        }
    }

    /// β₁ and β₂ of the bias corrections, for optimizers that have them.
    pub(crate) fn betas(&self) -> Option<(f64, f64)> {
        match *self {
            Optimizer::Sgd { .. } => None,
            Optimizer::Adam { beta1, beta2, .. } | Optimizer::AdamW { beta1, beta2, .. } => {
                Some((beta1, beta2))
            }
        }
    }
}

/// What a state and the steps over it have to agree on: the rule by which a group of parameters follows its gradients.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// With all its numbers.
    pub(crate) description: String,
    /// What is kept for each number of a parameter besides the gradient.
    pub(crate) state_names: &'static [&'static str],
    /// Unless it is one of the user's own.
    pub(crate) built_in: Option<Optimizer>,
}

/// `Adam`, `SGD with momentum 0.9`.
impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Optimizer::Sgd { momentum: 0.0, .. } => f.write_str("SGD"),
            Optimizer::Sgd { momentum, .. } => write!(f, "SGD with momentum {momentum}"),
            Optimizer::Adam { .. } => f.write_str("Adam"),
            Optimizer::AdamW { .. } => f.write_str("AdamW"),
        }
    }
}
