//! Clipping of gradients by their norm together, with existing operations.

use crate::error::Error;
use crate::graph::{Graph, Tensor};
use crate::ir::Hyperparameter;

impl Graph {
    /// By what all `gradients` are to be divided so that their norm together is at most `max_norm`, a scalar:
    ///
    /// divisor = max(1, (‖g‖ + 1e-6) / `max_norm`), where ‖g‖ = √Σ g² over all elements of all gradients, each of them divided
    /// by `divisor` first, if there is one, which the result then includes.
    ///
    /// That is PyTorch's `clip_grad_norm_`, whose coefficient is 1 / divisor (Pascanu et al.,
    /// [arXiv:1211.5063](https://arxiv.org/abs/1211.5063)).
    ///
    /// # Errors
    /// [`Error::Hyperparameter`] for a norm that is not above 0 and finite; if there are no gradients.
    pub fn clip_divisor<'g>(
        &'g self,
        gradients: &[Tensor<'g>],
        max_norm: f64,
        divisor: Option<Tensor<'g>>,
    ) -> Result<Tensor<'g>, Error> {
        let max_norm = Hyperparameter::positive("clip_norm", max_norm)?;
        let squares = gradients.iter().map(|gradient| gradient.square_sum()).collect::<Result<_, _>>()?;
        let norm = sum_of(squares)?.sqrt()?;
        let norm = divisor.map_or(Ok(norm), |divisor| norm.div(divisor.reshape(&[])?))?;
        // Where it is not above the largest, nothing is left of the excess, and the divisor is 1 to the bit.
        let excess = norm.affine(1.0, (1e-6 - max_norm) as f32)?.relu()?;
        let clip = excess.affine((1.0 / max_norm) as f32, 1.0)?;
        divisor.map_or(Ok(clip), |divisor| clip.mul(divisor.reshape(&[])?))
    }
}

/// The sum of scalars, pair by pair.
fn sum_of(mut scalars: Vec<Tensor<'_>>) -> Result<Tensor<'_>, Error> {
    while scalars.len() > 1 {
        let sums = scalars.chunks(2).map(|pair| match *pair {
            [a, b] => a.add(b),
            _ => Ok(pair[0]),
        });
        scalars = sums.collect::<Result<_, _>>()?;
    }
    scalars.first().copied().ok_or_else(|| Error::shapes("clip_divisor", "at least one gradient", &[]))
}

#[cfg(test)]
mod tests {
    use crate::testing::backends;
    use crate::testing::net::SGD;
    use crate::{Error, FileOrder, Graph, Keep, Parameters, Plan, Role, Schedule, Session, Shape, State};

    const TENTH: Schedule = Schedule::Constant { learning_rate: 0.1 };

    /// Three steps along gradients 3 and 4 of two parameters, clipped to a norm: their norm together is 5.
    fn clipped(max_norm: f64, divisor: Option<f32>) -> Vec<[Vec<f32>; 2]> {
        let mut list = Parameters::new();
        let (one, two) = (Shape::new(&[1]).unwrap(), Shape::new(&[2, 2]).unwrap());
        let mut add = |name, shape| list.add(name, shape, Role::Trained, FileOrder::AsInGraph).unwrap();
        let parameters = [add("a", one), add("b", two)];
        let graph = Graph::new();
        graph.advance(SGD, TENTH).unwrap();
        let gradients = [graph.full(3.0, one).unwrap(), graph.full(2.0, two).unwrap()];
        let kept: Vec<_> = parameters
            .iter()
            .zip(gradients)
            .map(|(p, gradient)| graph.store_gradient(p, gradient, Keep::Replace).unwrap())
            .collect();
        let scalar = Shape::new(&[]).unwrap();
        let divisor = divisor.map(|by| graph.full(by, scalar).unwrap());
        let divisor = graph.clip_divisor(&kept, max_norm, divisor).unwrap();
        for (p, gradient) in parameters.iter().zip(kept) {
            graph.update_divided(SGD, p, gradient, Some(divisor)).unwrap();
        }
        let plan = Plan::new(&graph, &State::training(&list, SGD).unwrap(), &[]).unwrap();
        let updates = plan.describe().concat().iter().filter(|kernel| kernel.starts_with("update")).count();
        assert_eq!(updates, 1, "neighbours are updated together");
        let run = |(_, backend)| {
            let mut session = Session::new(&backend, vec![plan.clone()]).unwrap();
            session.run_once(0).unwrap();
            [0, 1].map(|i| session.parameter(parameters[i].id()).unwrap())
        };
        backends().into_iter().map(run).collect()
    }

    #[test]
    fn gradients_are_clipped_by_their_norm_together() {
        for (max_norm, divisor, factor) in [
            (2.5, None, 0.5),
            (5.1, None, 1.0),
            (f64::from(f32::MAX), None, 1.0),
            (1e-3, None, 2e-4),
            (2.5, Some(4.0), 0.25),
            (0.25, Some(4.0), 0.05),
        ] {
            for [a, b] in clipped(max_norm, divisor) {
                let close = |found: f32, expected: f32| (found - expected).abs() <= 1e-6 * expected.abs();
                assert!(close(a[0], -0.3 * factor), "{max_norm}, {divisor:?}: {a:?}");
                assert!(b.iter().all(|&b| close(b, -0.2 * factor)), "{max_norm}, {divisor:?}: {b:?}");
            }
        }
    }

    #[test]
    fn a_norm_that_is_not_above_zero_is_refused() {
        let graph = Graph::new();
        let gradient = graph.full(1.0, Shape::new(&[2]).unwrap()).unwrap();
        for max_norm in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-50] {
            let refused = graph.clip_divisor(&[gradient], max_norm, None);
            assert!(matches!(refused, Err(Error::Hyperparameter(_))), "{max_norm}");
        }
        assert!(matches!(graph.clip_divisor(&[], 1.0, None), Err(Error::Shapes { .. })));
    }
}
