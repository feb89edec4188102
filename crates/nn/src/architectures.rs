//! From the name and configuration in a model file to the network they describe.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Architecture, Error, Mlp, Module, Network};

type Constructor = Arc<dyn Fn(&Value) -> Result<Arc<dyn Module>, Error> + Send + Sync>;

/// The kinds of network that can be loaded, by name. [`Mlp`] and [`Network`] are among them from the start.
///
/// ```
/// use plangrad_nn::{Architectures, Error, Mlp, MlpConfig, Module};
/// # fn main() -> Result<(), Error> {
///
/// // A name for a family of networks with one number as configuration.
/// let build = |units: usize| Mlp::new(&MlpConfig::new(&[4], 2).hidden(&[units, units]));
/// let known = Architectures::new().with("twice", build);
///
/// let network = known.build(&plangrad_nn::Architecture::new("twice", &8)?)?;
/// assert_eq!(network.weights().trained_elements(), (4 * 8 + 8) + (8 * 8 + 8) + (8 * 2 + 2));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Architectures {
    constructors: BTreeMap<String, Constructor>,
}

impl Architectures {
    /// The kinds this crate knows: `mlp` and `layers`.
    #[must_use]
    pub fn new() -> Architectures {
        Architectures { constructors: BTreeMap::new() }
            .with(Mlp::ARCHITECTURE, |config| Mlp::new(&config))
            .with(Network::ARCHITECTURE, |config| Network::new(&config))
    }

    /// These and `name`, whose networks `build` makes from their configuration. It takes the place of an earlier one of
    /// that name.
    #[must_use]
    pub fn with<C: DeserializeOwned, M: Module + 'static>(
        mut self,
        name: impl Into<String>,
        build: impl Fn(C) -> Result<M, Error> + Send + Sync + 'static,
    ) -> Architectures {
        let name = name.into();
        let kind = name.clone();
        let constructor = move |config: &Value| -> Result<Arc<dyn Module>, Error> {
            let config = C::deserialize(config)
                .map_err(|reason| Error::Architecture { name: kind.clone(), reason })?;
            Ok(Arc::new(build(config)?))
        };
        self.constructors.insert(name, Arc::new(constructor));
        self
    }

    /// The names known, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.constructors.keys().map(String::as_str)
    }

    /// The network that `architecture` describes.
    ///
    /// # Errors
    /// [`Error::UnknownArchitecture`]; [`Error::Architecture`] for a configuration that is not one of its kind; whatever
    /// the constructor says.
    pub fn build(&self, architecture: &Architecture) -> Result<Arc<dyn Module>, Error> {
        let unknown = || Error::UnknownArchitecture {
            name: architecture.name().to_owned(),
            known: self.names().map(str::to_owned).collect(),
        };
        self.constructors.get(architecture.name()).ok_or_else(unknown)?(architecture.config())
    }
}

impl Default for Architectures {
    fn default() -> Architectures {
        Architectures::new()
    }
}

impl fmt::Debug for Architectures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MlpConfig;

    #[test]
    fn a_network_is_made_again_from_its_own_description() {
        let network = Mlp::new(&MlpConfig::new(&[2, 3], 4).hidden(&[5]).dropout(0.25)).unwrap();
        let description = network.architecture().unwrap();
        let again = Architectures::new().build(&description).unwrap();
        assert_eq!(again.architecture().unwrap(), description);
        assert_eq!((again.sample_shape(), again.outputs()), (&[2, 3][..], 4));
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_names_known() {
        let known = Architectures::new().with("other", |()| Mlp::new(&MlpConfig::new(&[1], 1)));
        let error = known.build(&Architecture::new("residual", &1).unwrap()).unwrap_err();
        assert!(matches!(&error, Error::UnknownArchitecture { name, .. } if name == "residual"));
        assert!(error.to_string().contains("layers, mlp, other"), "{error}");
    }

    #[test]
    fn a_configuration_of_another_kind_is_refused_with_its_reason() {
        let error = Architectures::new().build(&Architecture::new("mlp", &1).unwrap()).unwrap_err();
        assert!(matches!(&error, Error::Architecture { name, .. } if name == "mlp"));
        assert!(std::error::Error::source(&error).is_some());
    }
}
