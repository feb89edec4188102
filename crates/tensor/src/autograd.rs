//! The reverse walk: from a scalar back to what it was computed from, adding gradient nodes to the same graph.
//!
//! Reverse-mode differentiation (Griewank & Walther, *Evaluating Derivatives*, 2008, ch. 3). The rules are the ops';
//! here is only what they share: the order, adding where paths meet, and summing away broadcast dimensions.

use crate::graph::Backward;
use crate::{Error, Graph, NodeId, Shape, Tensor};

impl Graph {
    /// The gradients of `loss` by each of `with_respect_to`, in that order and of the same shapes. Only what lies on a
    /// path from them to the loss is differentiated. What does not influence the loss has gradient zero.
    ///
    /// # Errors
    /// [`Error::NotScalar`] if `loss` is not one number; [`Error::Constant`] if a gradient is asked by what
    /// [`Graph::constant`] made, or by what depends on nothing else; [`Error::NoGradient`] if a path crosses an op
    /// without a rule.
    pub fn gradients<'g>(
        &'g self,
        loss: Tensor<'g>,
        with_respect_to: &[Tensor<'g>],
    ) -> Result<Vec<Tensor<'g>>, Error> {
        if loss.shape().rank() != 0 {
            return Err(Error::NotScalar(loss.shape()));
        }
        if with_respect_to.iter().chain([&loss]).any(|t| !std::ptr::eq(t.graph, self)) {
            return Err(Error::OtherGraph { op: "gradients" });
        }
        if let Some(constant) = with_respect_to.iter().find(|t| !t.requires_grad()) {
            return Err(Error::Constant(constant.shape()));
        }
        self.enter_backward();
        let wanted = self.influenced_by(with_respect_to, loss.id);
        let mut gradients: Vec<Option<Tensor<'g>>> = vec![None; wanted.len()];
        gradients[loss.id.index()] = Some(self.full(1.0, Shape::SCALAR)?);
        for id in (0..=loss.id.0).rev().map(NodeId) {
            let Some(dy) = gradients[id.index()].filter(|_| wanted[id.index()]) else { continue };
            for (input, gradient) in self.rule(id, dy, &wanted)? {
                let slot = &mut gradients[input.index()];
                *slot = Some(match *slot {
                    None => gradient,
                    Some(other) => other.add(gradient)?,
                });
            }
        }
        let gradient_or_zero = |t: &Tensor<'g>| match gradients.get(t.id.index()).copied().flatten() {
            Some(gradient) => Ok(gradient),
            None => self.full(0.0, t.shape()),
        };
        with_respect_to.iter().map(gradient_or_zero).collect()
    }

    /// For every node up to `last`, whether it depends on one of `sources`.
    fn influenced_by(&self, sources: &[Tensor<'_>], last: NodeId) -> Vec<bool> {
        let nodes = self.nodes();
        let mut influenced = vec![false; last.index() + 1];
        for source in sources.iter().filter(|s| s.id <= last) {
            influenced[source.id.index()] = true;
        }
        for (i, node) in nodes.iter().enumerate().take(influenced.len()) {
            influenced[i] |= node.requires_grad && node.inputs.iter().any(|input| influenced[input.index()]);
        }
        influenced
    }

    /// Applies the rule of node `id` and pairs each gradient, summed to its input's shape, with that input.
    fn rule<'g>(
        &'g self,
        id: NodeId,
        dy: Tensor<'g>,
        wanted: &[bool],
    ) -> Result<Vec<(NodeId, Tensor<'g>)>, Error> {
        let (op, input_ids) = {
            let node = &self.nodes()[id.index()];
            (node.op.clone(), node.inputs.clone())
        };
        let wanted: Vec<bool> = input_ids.iter().map(|input| wanted[input.index()]).collect();
        if !wanted.contains(&true) {
            return Ok(Vec::new());
        }
        let inputs = input_ids.iter().map(|&input| self.tensor(input)).collect();
        let node = Backward { inputs, output: self.tensor(id), dy, wanted };
        let gradients = op.gradient(&node)?;
        input_ids
            .iter()
            .zip(gradients)
            .filter_map(|(&input, gradient)| Some((input, gradient?)))
            .map(|(input, gradient)| Ok((input, gradient.sum_to(self.tensor(input).shape())?)))
            .collect()
    }
}
