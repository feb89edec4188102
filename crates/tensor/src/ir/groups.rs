//! Groups of parameters with learning rates of their own.

use std::collections::HashMap;

use super::{Hyperparameter, ParameterId};

/// How a parameter follows its gradient, compared with the others.
///
/// Example: [`Groups`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Learning {
    /// Its learning rate is this times that of the step; 1 by default.
    pub rate_scale: f64,
    /// Whether weight decay is for it, too; it is by default.
    pub decays: bool,
}

impl Default for Learning {
    fn default() -> Learning {
        Learning { rate_scale: 1.0, decays: true }
    }
}

/// The parameters of a step in groups, each of which has a learning rate of its own, and weight decay or none: PyTorch's
/// parameter groups. A state keeps the parameters of a group side by side, and a step block for each ([`crate::Clock`]).
///
/// The first group has the defaults, and every parameter that is not named is in it.
///
/// ```
/// use plangrad_tensor::{FileOrder, Groups, Learning, Parameters, Role, Shape};
///
/// let mut list = Parameters::new();
/// let weight = list.add("weight", Shape::new(&[4, 2])?, Role::Trained, FileOrder::Transposed)?;
/// let bias = list.add("bias", Shape::new(&[2])?, Role::Trained, FileOrder::AsInGraph)?;
/// let groups = Groups::new([(bias.id(), Learning { decays: false, ..Learning::default() })])?;
/// assert_eq!(groups.learning(weight.id()), Learning::default());
/// assert!(!groups.learning(bias.id()).decays);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    groups: Vec<Learning>,
    members: HashMap<ParameterId, usize>,
}

impl Default for Groups {
    fn default() -> Groups {
        Groups { groups: vec![Learning::default()], members: HashMap::new() }
    }
}

impl Groups {
    /// Parameters that learn alike are in one group.
    ///
    /// # Errors
    /// A factor of the learning rate that is not finite or below 0.
    pub fn new(members: impl IntoIterator<Item = (ParameterId, Learning)>) -> Result<Groups, Hyperparameter> {
        let mut all = Groups::default();
        for (id, learning) in members {
            Hyperparameter::rate("rate_scale", learning.rate_scale)?;
            let known = all.groups.iter().position(|&group| group == learning);
            let number = known.unwrap_or(all.groups.len());
            if known.is_none() {
                all.groups.push(learning);
            }
            all.members.insert(id, number);
        }
        Ok(all)
    }

    /// How each group learns, the first by the defaults.
    #[must_use]
    pub fn as_slice(&self) -> &[Learning] {
        &self.groups
    }

    /// How a parameter learns.
    #[must_use]
    pub fn learning(&self, id: ParameterId) -> Learning {
        self.groups[self.number(id)]
    }

    /// The number of a parameter's group.
    pub(crate) fn number(&self, id: ParameterId) -> usize {
        self.members.get(&id).copied().unwrap_or(0)
    }
}
