//! Optimizers: how parameters follow their gradients.

/// How parameters follow their gradients. Numbers are f64, as in PyTorch: 1 − β is taken before it is rounded to f32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(tag = "name", rename_all = "lowercase", deny_unknown_fields))]
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
    pub fn sgd() -> Optimizer {
        Optimizer::Sgd { momentum: 0.0, weight_decay: 0.0 }
    }

    /// Adam with PyTorch's defaults.
    pub fn adam() -> Optimizer {
        Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }

    /// AdamW with PyTorch's defaults.
    pub fn adamw() -> Optimizer {
        Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }
    }

    /// Numbers kept per parameter besides its gradient.
    pub fn moments(&self) -> usize {
        match self {
            Optimizer::Sgd { momentum, .. } => usize::from(*momentum != 0.0),
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } => 2,
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
