//! The reverse walk: from a scalar back to what it was computed from, adding gradient nodes to the same graph.
//!
//! Reverse-mode differentiation (Griewank & Walther, *Evaluating Derivatives*, 2008, ch. 3). The rules are the ops';
//! here is only what they share: the order, adding where paths meet, and summing away broadcast dimensions.

use crate::error::Error;
use crate::graph::{Backward, Graph, Node, Tensor};
use crate::ir::Shape;

impl Graph {
    /// The gradients of `loss` by each of `with_respect_to`, in that order and of the same shapes. Only what lies on a
    /// path from them to the loss is differentiated. What does not influence the loss has gradient zero.
    ///
    /// What is recorded can be differentiated again, with all that it is made of: each operation's rule records operations
    /// that have rules, but for the fused losses (`cross_entropy`, `mse` and their kind), whose gradient says
    /// [`Error::NoGradient`]. A loss composed of [`Tensor::log_softmax`] can be differentiated twice.
    ///
    /// ```
    /// use ndarray::arr1;
    /// use plangrad_tensor::{Graph, eval};
    ///
    /// let graph = Graph::new();
    /// let x = graph.variable(arr1(&[2.0]))?;
    /// let slope = graph.gradients(x.pow(3.0)?.sum()?, &[x])?[0];
    /// let curvature = graph.gradients(slope.sum()?, &[x])?[0];
    /// assert_eq!(eval(curvature)?, arr1(&[12.0]).into_dyn()); // 6x
    /// # Ok::<(), plangrad_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotScalar`] if `loss` is not one number; [`Error::Constant`] if a gradient is asked of what
    /// [`Graph::constant`] made, or of what depends on nothing else; [`Error::NoGradient`] if a path crosses an op
    /// without a rule.
    pub fn gradients<'g>(
        &'g self,
        loss: Tensor<'g>,
        with_respect_to: &[Tensor<'g>],
    ) -> Result<Vec<Tensor<'g>>, Error> {
        if loss.shape().rank() != 0 {
            return Err(Error::NotScalar(loss.shape()));
        }
        if with_respect_to.iter().chain([&loss]).any(|tensor| !self.owns(tensor)) {
            return Err(Error::OtherGraph { op: "gradients" });
        }
        if let Some(constant) = with_respect_to.iter().find(|t| !t.requires_grad()) {
            return Err(Error::Constant(constant.shape()));
        }
        self.enter_backward();
        let wanted = self.influenced_by(with_respect_to, loss.index());
        let last = self.results()[loss.index()].node;
        let mut gradients: Vec<Option<Tensor<'g>>> = vec![None; self.len()];
        gradients[loss.index()] = Some(self.full(1.0, Shape::SCALAR)?);
        for number in (0..=last).rev() {
            let node = self.nodes()[number].clone();
            for (input, gradient) in self.rule(&node, &gradients, &wanted)? {
                let sum = &mut gradients[input as usize];
                *sum = Some(match *sum {
                    None => gradient,
                    Some(other) => other.add(gradient)?,
                });
            }
        }
        let gradient_or_zero = |t: &Tensor<'g>| match gradients[t.index()] {
            Some(gradient) => Ok(gradient),
            None => self.full(0.0, t.shape()),
        };
        with_respect_to.iter().map(gradient_or_zero).collect()
    }

    /// For every value, whether it depends on one of `sources` and is recorded no later than value `last`.
    fn influenced_by(&self, sources: &[Tensor<'_>], last: usize) -> Vec<bool> {
        let (nodes, results) = (self.nodes(), self.results());
        let mut influenced = vec![false; results.len()];
        for source in sources.iter().filter(|source| source.index() <= last) {
            influenced[source.index()] = true;
        }
        for node in &nodes[..=results[last].node] {
            let depends = node.inputs.iter().any(|&input| influenced[input as usize]);
            for output in node.output_numbers().map(|output| output as usize) {
                influenced[output] |= depends && results[output].requires_grad;
            }
        }
        influenced
    }

    /// Applies the rule of a node, if the loss depends on one of its results and a gradient of one of its inputs is wanted,
    /// and pairs each gradient, summed to its input's shape, with that input.
    fn rule<'g>(
        &'g self,
        node: &Node,
        gradients: &[Option<Tensor<'g>>],
        wanted: &[bool],
    ) -> Result<Vec<(u32, Tensor<'g>)>, Error> {
        let outputs = || node.output_numbers().map(|output| output as usize);
        let wanted_inputs: Vec<bool> = node.inputs.iter().map(|&input| wanted[input as usize]).collect();
        let is_reached = outputs().any(|output| wanted[output] && gradients[output].is_some());
        if !is_reached || !wanted_inputs.contains(&true) {
            return Ok(Vec::new());
        }
        let call = Backward {
            inputs: node.inputs.iter().map(|&input| self.tensor(input)).collect(),
            outputs: node.output_numbers().map(|output| self.tensor(output)).collect(),
            gradients: outputs().map(|output| gradients[output]).collect(),
            wanted: wanted_inputs,
        };
        let gradients = node.op.gradient(&call)?;
        node.inputs
            .iter()
            .zip(gradients)
            .filter_map(|(&input, gradient)| Some((input, gradient?)))
            .map(|(input, gradient)| Ok((input, gradient.sum_to(self.tensor(input).shape())?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayD, arr1, arr2};

    use crate::testing::Case;
    use crate::testing::net::cpu;
    use crate::{Error, Graph, Tensor, Transpose};

    fn values(tensors: &[Tensor<'_>]) -> Vec<ArrayD<f32>> {
        crate::session::eval_on(&cpu(1), tensors).unwrap()
    }

    #[test]
    fn gradients_add_where_paths_meet() {
        let graph = Graph::new();
        let x = graph.variable(arr1(&[3.0, -2.0])).unwrap();
        let y = x.mul(x).unwrap().add(x).unwrap(); // x² + x
        let slope = graph.gradients(y.sum().unwrap(), &[x]).unwrap();
        assert_eq!(values(&slope)[0], arr1(&[7.0, -3.0]).into_dyn());
    }

    #[test]
    fn stretched_dimensions_are_summed_away() {
        let graph = Graph::new();
        let matrix = graph.variable(Array2::from_elem((3, 2), 2.0)).unwrap();
        let (row, column) = (
            graph.variable(arr1(&[1.0, 10.0])).unwrap(),
            graph.variable(arr2(&[[1.0], [2.0], [3.0]])).unwrap(),
        );
        let loss = matrix.mul(row).unwrap().mul(column).unwrap().sum().unwrap();
        let found = values(&graph.gradients(loss, &[row, column, matrix]).unwrap());
        assert_eq!(found[0], arr1(&[12.0, 12.0]).into_dyn());
        assert_eq!(found[1], arr2(&[[22.0], [22.0], [22.0]]).into_dyn());
        assert_eq!(found[2], arr2(&[[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]).into_dyn());
    }

    #[test]
    fn intermediate_results_have_gradients_too() {
        let graph = Graph::new();
        let x = graph.variable(arr1(&[2.0])).unwrap();
        let between = x.mul(x).unwrap();
        let loss = between.affine(5.0, 0.0).unwrap().sum().unwrap();
        let found = values(&graph.gradients(loss, &[between, x]).unwrap());
        assert_eq!((found[0][0], found[1][0]), (5.0, 20.0));
    }

    #[test]
    fn what_does_not_influence_the_loss_has_gradient_zero() {
        let graph = Graph::new();
        let x = graph.variable(arr1(&[2.0])).unwrap();
        let loss = x.exp().unwrap().sum().unwrap();
        let aside = graph.variable(arr2(&[[1.0, 2.0]])).unwrap();
        let found = graph.gradients(loss, &[aside]).unwrap();
        assert_eq!(values(&found)[0], arr2(&[[0.0, 0.0]]).into_dyn());
    }

    #[test]
    fn only_what_is_asked_for_is_differentiated() {
        let graph = Graph::new();
        let (x, y) = (graph.variable(arr1(&[2.0])).unwrap(), graph.variable(arr1(&[5.0])).unwrap());
        let place = y.reshape(&[1, 1]).unwrap().argmax().unwrap(); // has no gradient
        let loss = x.mul(place.affine(1.0, 5.0).unwrap()).unwrap().sum().unwrap();
        assert_eq!(values(&graph.gradients(loss, &[x]).unwrap())[0][0], 5.0);
        assert!(matches!(graph.gradients(loss, &[x, y]), Err(Error::NoGradient { op: "argmax" })));
    }

    #[test]
    fn gradients_can_be_differentiated_again() {
        let graph = Graph::new();
        let x = graph.variable(arr1(&[2.0])).unwrap();
        let cube = x.mul(x).unwrap().mul(x).unwrap().sum().unwrap();
        let slope = graph.gradients(cube, &[x]).unwrap()[0];
        let curvature = graph.gradients(slope.sum().unwrap(), &[x]).unwrap()[0];
        let found = values(&[slope, curvature]);
        assert_eq!((found[0][0], found[1][0]), (12.0, 12.0));
    }

    /// Checks the gradient of the gradient of y² by finite differences and on every backend.
    fn twice(shape: &[usize], y: impl for<'g> Fn(Tensor<'g>) -> Result<Tensor<'g>, Error> + 'static) {
        Case::new(&[shape.to_vec()], move |x| {
            let (y, graph) = (y(x[0])?, x[0].graph());
            Ok(graph.gradients(y.mul(y)?.sum()?, &[x[0]])?[0])
        })
        .range(0.2, 1.5)
        .check();
    }

    #[test]
    fn gradients_of_elementwise_ops_have_gradients() {
        twice(&[5, 3], |x| x.add(x.exp()?));
        twice(&[5, 3], |x| x.ln()?.sub(x.sqrt()?));
        twice(&[5, 3], |x| x.mul(x)?.div(x.affine(2.0, 1.0)?));
        twice(&[5, 3], |x| x.pow(2.5)?.mul(x.abs()?));
        twice(&[5, 3], |x| x.clamp(0.5, 1.0)?.mul(x));
        twice(&[5, 3], |x| x.maximum(x.slice(0, 0..1)?)?.mul(x.minimum(x.slice(1, 1..2)?)?));
        twice(&[5, 3], |x| x.greater(x.slice(0, 1..2)?)?.where_cond(x.exp()?, x.mul(x)?));
        twice(&[5, 3], |x| x.relu()?.add(x.tanh()?)?.add(x.sigmoid()?)?.add(x.gelu()?));
    }

    #[test]
    fn gradients_of_other_ops_have_gradients() {
        twice(&[5, 3], |x| x.max_axis(1));
        twice(&[5, 3], |x| x.sum_axis(0)?.mul(x.square_sum_axis(0)?));
        twice(&[5, 3], |x| x.mean_and_variance(0)?.1.add(x.mean_and_variance(1)?.0.mean()?));
        twice(&[5, 3], |x| x.softmax()?.mul(x.log_softmax()?));
        twice(&[5, 3], |x| x.permute(&[1, 0])?.matmul(x));
        twice(&[2, 3, 4], |x| x.matmul_with(x, Transpose::No, Transpose::Yes));
        twice(&[5, 3], |x| x.graph().concat(&[x.slice(1, 1..3)?, x.mul(x)?], 1));
        twice(&[5, 3], |x| x.mul(x)?.gather_rows(x.graph().labels(&[4, 0, 4])?));
        twice(&[3, 2], |x| x.mul(x)?.scatter_rows(x.graph().labels(&[1, 0, 1])?, 4));
    }

    #[test]
    fn fused_losses_say_that_they_cannot_be_differentiated_twice() {
        let graph = Graph::new();
        let x = graph.variable(arr2(&[[1.0, 2.0]])).unwrap();
        let target = graph.constant(arr2(&[[0.0, 0.0]])).unwrap();
        for loss in [x.cross_entropy(graph.labels(&[1]).unwrap()).unwrap(), x.mse(target).unwrap()] {
            let slope = graph.gradients(loss, &[x]).unwrap()[0];
            let again = graph.gradients(slope.square_sum().unwrap(), &[x]);
            assert!(matches!(again, Err(Error::NoGradient { .. })), "{again:?}");
        }
    }
}
