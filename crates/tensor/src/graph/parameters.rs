//! The list of a model's parameters, which gives each its identity.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;
use crate::ir::{FileOrder, Parameter, ParameterId, Role, Shape};

/// The parameters of one model, in the order in which a session keeps them. A parameter belongs to the list that made it:
/// a session made for another list refuses it.
///
/// ```
/// use plangrad_tensor::{FileOrder, Parameters, Role, Shape};
///
/// let mut parameters = Parameters::new();
/// let weight = parameters.add("layer1.weight", Shape::new(&[784, 128])?, Role::Trained, FileOrder::Transposed)?;
/// assert_eq!(weight.file_shape(), [128, 784]);
/// assert!(parameters.add("layer1.weight", Shape::new(&[1])?, Role::Trained, FileOrder::AsInGraph).is_err());
/// # Ok::<(), plangrad_tensor::Error>(())
/// ```
///
/// Only a list makes parameters and their identities:
///
/// ```compile_fail,E0451
/// let id = plangrad_tensor::ParameterId { serial: 0, index: 0 };
/// ```
///
/// ```compile_fail,E0451
/// # use plangrad_tensor::{FileOrder, Parameter, Parameters, Role, Shape};
/// # let mut parameters = Parameters::new();
/// # let weight = parameters.add("w", Shape::SCALAR, Role::Trained, FileOrder::AsInGraph).unwrap();
/// let larger = Parameter { shape: Shape::new(&[600, 500]).unwrap(), ..weight };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    parameters: Vec<Parameter>,
}

impl Parameters {
    /// An empty list.
    #[must_use]
    pub fn new() -> Parameters {
        Parameters::default()
    }

    /// Adds a parameter.
    ///
    /// # Errors
    /// [`Error::NameTaken`] if there is one of that name, which files could not tell apart; [`Error::Shapes`] if a
    /// parameter of more than two dimensions is to be transposed in files.
    pub fn add(
        &mut self,
        name: &str,
        shape: Shape,
        role: Role,
        file_order: FileOrder,
    ) -> Result<Parameter, Error> {
        if self.parameters.iter().any(|parameter| &*parameter.name == name) {
            return Err(Error::NameTaken { name: name.to_owned() });
        }
        if file_order == FileOrder::Transposed && shape.rank() > 2 {
            let expected = "at most two dimensions where files have it transposed";
            return Err(Error::shapes("a parameter", expected, &[shape]));
        }
        let index = u32::try_from(self.parameters.len()).map_err(|_| Error::TooManyNodes)?;
        static SERIALS: AtomicU64 = AtomicU64::new(0);
        let id = ParameterId { serial: SERIALS.fetch_add(1, Ordering::Relaxed), index };
        let parameter = Parameter { id, name: Arc::from(name), shape, role, file_order };
        self.parameters.push(parameter.clone());
        Ok(parameter)
    }

    /// All of them, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Parameter] {
        &self.parameters
    }

    /// One of them; `None` for one of another list.
    #[must_use]
    pub fn get(&self, id: ParameterId) -> Option<&Parameter> {
        self.parameters.get(id.index()).filter(|parameter| parameter.id == id)
    }

    /// Those that the optimizer changes.
    pub fn trained(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| parameter.is_trained())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_knows_its_own_parameters_only() {
        let shape = Shape::new(&[2]).unwrap();
        let add = |list: &mut Parameters| list.add("p", shape, Role::Trained, FileOrder::AsInGraph).unwrap();
        let (mut one, mut other) = (Parameters::new(), Parameters::new());
        let (of_one, of_other) = (add(&mut one), add(&mut other));
        assert_eq!(one.get(of_one.id()), Some(&of_one));
        assert_eq!(one.get(of_other.id()), None);
    }

    /// Copies of a list may grow apart: what is added to one is not in the other, even at the same place.
    #[test]
    fn a_copy_of_a_list_does_not_know_what_is_added_to_the_other() {
        let shape = Shape::new(&[2]).unwrap();
        let mut one = Parameters::new();
        let mut other = one.clone();
        let added = one.add("p", shape, Role::Trained, FileOrder::AsInGraph).unwrap();
        let elsewhere = other.add("p", shape, Role::Trained, FileOrder::AsInGraph).unwrap();
        assert_ne!(added.id(), elsewhere.id());
        assert_eq!((one.get(elsewhere.id()), other.get(added.id())), (None, None));
    }

    #[test]
    fn names_are_unique_and_only_matrices_are_transposed() {
        let mut list = Parameters::new();
        let shape = |dims: &[usize]| Shape::new(dims).unwrap();
        list.add("p", shape(&[2]), Role::Trained, FileOrder::AsInGraph).unwrap();
        let again = list.add("p", shape(&[3]), Role::Statistic, FileOrder::AsInGraph);
        assert!(matches!(again, Err(Error::NameTaken { .. })));
        let cube = list.add("q", shape(&[2, 2, 2]), Role::Trained, FileOrder::Transposed);
        assert!(matches!(cube, Err(Error::Shapes { .. })));
    }
}
