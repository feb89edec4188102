//! What a network keeps in a session: its parameters and running statistics, and the value each starts from.

use std::f64::consts::TAU;

use plangrad_tensor::{FileOrder, Learning, Parameter, Parameters, Role, Session, Shape, random};

use crate::Error;

/// The distribution that a parameter's first values are drawn from.
///
/// First values are a function of the seed, the parameter's number in its list and the element's place in files. They do
/// not depend on the device or on the system's mathematical functions.
///
/// ```
/// use plangrad_nn::{Initial, Weights};
///
/// let mut weights = Weights::new();
/// weights.matrix("layer.weight", 784, 128, Initial::he(784))?;
/// weights.trained("layer.bias", &[128], Initial::ZEROS)?;
/// assert_eq!(Initial::linear(4), Initial::Uniform { bound: 0.5 });
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initial {
    /// The same value in every element.
    Constant(f32),
    /// Uniform in `-bound..bound`.
    Uniform {
        /// The bound.
        bound: f32,
    },
    /// Normal with mean 0 (Box and Muller's method in f64).
    Normal {
        /// Standard deviation.
        deviation: f32,
    },
}

impl Initial {
    /// 0 in every element.
    pub const ZEROS: Initial = Initial::Constant(0.0);
    /// 1 in every element.
    pub const ONES: Initial = Initial::Constant(1.0);

    /// PyTorch's default for weight and bias of a linear layer: uniform in ±1/√inputs (`kaiming_uniform_` with a = √5
    /// comes to the same bound).
    #[must_use]
    pub fn linear(inputs: usize) -> Initial {
        Initial::Uniform { bound: 1.0 / (inputs.max(1) as f32).sqrt() }
    }

    /// He's initialisation for layers followed by a ReLU: normal with deviation √(2/inputs).
    #[must_use]
    pub fn he(inputs: usize) -> Initial {
        Initial::Normal { deviation: (2.0 / inputs.max(1) as f32).sqrt() }
    }

    /// Element `i` of parameter number `parameter`.
    fn value(self, parameter: u32, seed: u64, i: usize) -> f32 {
        let uniform = |i, low, high| random::uniform(seed, parameter, i, low, high);
        match self {
            Initial::Constant(value) => value,
            Initial::Uniform { bound } => uniform(i as u64, -bound, bound),
            Initial::Normal { deviation } => {
                // 1 - u is in (0, 1], so that the logarithm is finite.
                let [radius, angle] =
                    [2 * i as u64, 2 * i as u64 + 1].map(|i| f64::from(uniform(i, 0.0, 1.0)));
                let standard = (-2.0 * libm::log(1.0 - radius)).sqrt() * libm::cos(TAU * angle);
                (f64::from(deviation) * standard) as f32
            }
        }
    }
}

/// The weights of a network: its parameters and running statistics in the order of declaration, each with its first
/// value. The numbers themselves live in a [`Session`].
///
/// | declared with | for | gradient, moments |
/// | --- | --- | --- |
/// | [`Weights::trained`], [`Weights::matrix`] | what the optimizer trains | yes |
/// | the same within [`Weights::scaled`], [`Weights::undecayed`] | what it trains by a rate of its own, or without weight decay | yes |
/// | the same within [`Weights::frozen`] | what keeps the value it starts from | no |
/// | [`Weights::statistic`] | what the forward pass of training assigns | no |
///
/// ```
/// use plangrad_nn::{Initial, Weights};
///
/// let mut weights = Weights::new();
/// let scale = weights.trained("norm.weight", &[16], Initial::ONES)?;
/// let mean = weights.statistic("norm.running_mean", &[16], Initial::ZEROS)?;
/// assert!(scale.is_trained() && !mean.is_trained());
/// assert_eq!(weights.trained_elements(), 16);
/// # Ok::<(), plangrad_nn::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    list: Parameters,
    entries: Vec<Entry>,
    /// Whether parameters are being declared that nothing trains.
    freezes: bool,
    /// How those that are being declared follow their gradients.
    learning: Learning,
    dropouts: u32,
}

/// What is known of a parameter besides what its list says.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    initial: Initial,
    learning: Learning,
}

impl Weights {
    /// No weights yet.
    #[must_use]
    pub fn new() -> Weights {
        Weights::default()
    }

    /// Declares a parameter that the optimizer trains, unless it is frozen ([`Weights::frozen`]).
    ///
    /// # Errors
    /// [`Error::Tensor`] if the name is taken, or the size overflows.
    pub fn trained(&mut self, name: &str, dims: &[usize], initial: Initial) -> Result<Parameter, Error> {
        self.add(name, dims, Role::Trained, FileOrder::AsInGraph, initial)
    }

    /// Declares a trained matrix that is `[inputs, outputs]` in the graph and `[outputs, inputs]` in files, as PyTorch's
    /// linear layers have it.
    ///
    /// # Errors
    /// As [`Weights::trained`].
    pub fn matrix(
        &mut self,
        name: &str,
        inputs: usize,
        outputs: usize,
        initial: Initial,
    ) -> Result<Parameter, Error> {
        self.add(name, &[inputs, outputs], Role::Trained, FileOrder::Transposed, initial)
    }

    /// Declares a value that the forward pass of training assigns ([`plangrad_tensor::Graph::assign`]), such as a running
    /// mean. It has no gradient and no moments; files keep it.
    ///
    /// # Errors
    /// As [`Weights::trained`].
    pub fn statistic(&mut self, name: &str, dims: &[usize], initial: Initial) -> Result<Parameter, Error> {
        self.add(name, dims, Role::Statistic, FileOrder::AsInGraph, initial)
    }

    /// Declares parameters that nothing trains: those of every layer that `declare` makes. They keep the values that the run
    /// starts from, have neither gradients nor moments, and are kept in files. Statistics that `declare` adds are assigned as
    /// always.
    ///
    /// ```
    /// use plangrad_nn::{Linear, Weights};
    ///
    /// let mut weights = Weights::new();
    /// let body = weights.frozen(|weights| Linear::new(weights, "body", 784, 128))?;
    /// let head = Linear::new(&mut weights, "head", 128, 10)?;
    /// assert_eq!(weights.trained_elements(), head.trained_elements());
    /// assert_eq!(weights.frozen_elements(), 784 * 128 + 128);
    /// # Ok::<(), plangrad_nn::Error>(())
    /// ```
    pub fn frozen<T>(&mut self, declare: impl FnOnce(&mut Weights) -> T) -> T {
        let before = std::mem::replace(&mut self.freezes, true);
        let declared = declare(self);
        self.freezes = before;
        declared
    }

    /// Declares parameters whose learning rate is `factor` times that of the run: those of every layer that `declare` makes.
    /// PyTorch's parameter groups with rates of their own; a factor within a factor multiplies it.
    ///
    /// ```
    /// use plangrad_nn::{Linear, Weights};
    ///
    /// // A body that was trained before changes ten times more slowly than its new head.
    /// let mut weights = Weights::new();
    /// let body = weights.scaled(0.1, |weights| Linear::new(weights, "body", 784, 128))?;
    /// let head = Linear::new(&mut weights, "head", 128, 10)?;
    /// let rates: Vec<f64> = weights.learning().map(|(_, learning)| learning.rate_scale).collect();
    /// assert_eq!(rates, [0.1, 0.1, 1.0, 1.0]);
    /// # Ok::<(), plangrad_nn::Error>(())
    /// ```
    pub fn scaled<T>(&mut self, factor: f64, declare: impl FnOnce(&mut Weights) -> T) -> T {
        let rate_scale = self.learning.rate_scale * factor;
        self.learning_so(Learning { rate_scale, ..self.learning }, declare)
    }

    /// Declares parameters that are spared from weight decay: those of every layer that `declare` makes.
    pub fn undecayed<T>(&mut self, declare: impl FnOnce(&mut Weights) -> T) -> T {
        self.learning_so(Learning { decays: false, ..self.learning }, declare)
    }

    fn learning_so<T>(&mut self, learning: Learning, declare: impl FnOnce(&mut Weights) -> T) -> T {
        let before = std::mem::replace(&mut self.learning, learning);
        let declared = declare(self);
        self.learning = before;
        declared
    }

    /// How each parameter that the optimizer trains follows its gradient.
    pub fn learning(&self) -> impl Iterator<Item = (&Parameter, Learning)> {
        let all = self.parameters().iter().zip(&self.entries);
        all.filter(|(parameter, _)| parameter.is_trained())
            .map(|(parameter, entry)| (parameter, entry.learning))
    }

    /// A number for a dropout layer, which sets its masks apart from those of the network's others ([`crate::Dropout`]).
    pub fn next_dropout(&mut self) -> u32 {
        let number = self.dropouts;
        self.dropouts += 1;
        number
    }

    fn add(
        &mut self,
        name: &str,
        dims: &[usize],
        role: Role,
        file_order: FileOrder,
        initial: Initial,
    ) -> Result<Parameter, Error> {
        let role = if self.freezes && role == Role::Trained { Role::Frozen } else { role };
        let parameter = self.list.add(name, Shape::new(dims)?, role, file_order)?;
        self.entries.push(Entry { initial, learning: self.learning });
        Ok(parameter)
    }

    /// All parameters, statistics among them, in the order of declaration.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        self.list.as_slice()
    }

    /// The parameters that the optimizer trains, in the order of declaration.
    pub fn trained_parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.list.trained()
    }

    /// The list the parameters belong to, from which a [`plangrad_tensor::State`] is made.
    #[must_use]
    pub fn list(&self) -> &Parameters {
        &self.list
    }

    /// Numbers that the optimizer trains.
    #[must_use]
    pub fn trained_elements(&self) -> usize {
        self.trained_parameters().map(|parameter| parameter.shape().elements()).sum()
    }

    /// Numbers in frozen parameters.
    #[must_use]
    pub fn frozen_elements(&self) -> usize {
        let frozen = self.parameters().iter().filter(|parameter| parameter.role() == Role::Frozen);
        frozen.map(|parameter| parameter.shape().elements()).sum()
    }

    /// Whether some of them are running statistics.
    #[must_use]
    pub fn has_statistics(&self) -> bool {
        self.parameters().iter().any(|parameter| parameter.role() == Role::Statistic)
    }

    /// Sets the weights in a session to their first values, a function of `seed` alone.
    ///
    /// # Errors
    /// If the session holds another network; [`plangrad_tensor::Error::Device`] if the device has failed.
    pub fn initialise(&self, session: &mut Session, seed: u64) -> Result<(), Error> {
        for (parameter, entry) in self.parameters().iter().zip(&self.entries) {
            let number = parameter.id().number();
            session.fill_parameter(parameter.id(), |i| entry.initial.value(number, seed, i))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(initial: Initial, seed: u64) -> Vec<f32> {
        (0..6400).map(|i| initial.value(0, seed, i)).collect()
    }

    fn mean_and_variance(values: &[f32]) -> (f64, f64) {
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>();
        (mean, squares / values.len() as f64)
    }

    #[test]
    fn linear_layers_start_in_pytorchs_range_and_depend_on_the_seed() {
        let (initial, bound) = (Initial::linear(100), 0.1_f32);
        let drawn = values(initial, 42);
        assert!(drawn.iter().all(|x| x.abs() <= bound));
        assert!(drawn.iter().any(|x| x.abs() > 0.99 * bound));
        let (_, variance) = mean_and_variance(&drawn);
        assert!((variance - f64::from(bound * bound) / 3.0).abs() < 1e-4);
        assert_ne!(drawn, values(initial, 43));
    }

    #[test]
    fn normal_values_are_the_same_bits_on_every_system() {
        let bits = [0, 1, 2, 6399].map(|i| Initial::he(50).value(0, 7, i).to_bits());
        assert_eq!(bits, [0x39f9_520d, 0x3dad_2e7b, 0x3d6b_1199, 0xbe07_b74d]);
    }

    #[test]
    fn normal_values_have_the_deviation_asked_for() {
        let drawn = values(Initial::he(50), 7);
        let (mean, variance) = mean_and_variance(&drawn);
        // Standard errors of 6400 draws: 0.0025 for the mean, 0.0007 for the variance.
        assert!(mean.abs() < 0.01 && (variance - 0.04).abs() < 0.003, "{mean} {variance}");
        assert!(drawn.iter().all(|x| x.is_finite()));
        let beyond_two = drawn.iter().filter(|x| x.abs() > 0.4).count() as f64 / drawn.len() as f64;
        assert!((beyond_two - 0.0455).abs() < 0.015, "{beyond_two}");
    }
}
