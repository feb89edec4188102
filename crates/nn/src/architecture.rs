//! The name and configuration of a network, as files have them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;

/// What a file says about a network: the name of its kind, and the configuration that tells one of that kind from another.
///
/// ```
/// use plangrad_nn::{Mlp, MlpConfig, Module};
///
/// let architecture = Mlp::new(&MlpConfig::new(&[784], 10).hidden(&[128]))?.architecture()?;
/// assert_eq!(architecture.name(), "mlp");
/// assert_eq!(architecture.config()["hidden"][0], 128);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    name: String,
    config: Value,
}

impl Architecture {
    /// An architecture called `name`, with anything that serde can serialise as its configuration.
    ///
    /// # Errors
    /// [`Error::Architecture`] if `config` cannot be serialised.
    pub fn new(name: impl Into<String>, config: &impl Serialize) -> Result<Architecture, Error> {
        let name = name.into();
        match serde_json::to_value(config) {
            Ok(config) => Ok(Architecture { name, config }),
            Err(reason) => Err(Error::Architecture { name, reason }),
        }
    }

    pub(crate) fn of(name: String, config: Value) -> Architecture {
        Architecture { name, config }
    }

    /// The name of its kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Value {
        &self.config
    }
}
