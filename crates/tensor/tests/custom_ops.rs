//! Operations written outside the crate: with nothing but what it exports.

use ndarray::{Array2, arr1, arr2};
use plangrad_tensor::reference::Interpreter;
use plangrad_tensor::{
    CustomGradient, CustomOp, Error, FileOrder, Formula, Graph, Parameter, Parameters, Plan, Role, Shape,
    ShapeRequirement, State, Tensor, eval,
};

type Gradients<'g> = Result<Vec<Option<Tensor<'g>>>, Error>;

/// x · sigmoid(βx), with a slope for both (Ramachandran et al., arXiv:1710.05941).
#[derive(Debug)]
struct Swish;

impl Formula for Swish {
    fn name(&self) -> &'static str {
        "swish"
    }
    fn value<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
        x[0].mul(x[1])?.sigmoid()?.mul(x[0])
    }
    fn slopes<'g>(&self, x: &[Tensor<'g>], value: Tensor<'g>) -> Gradients<'g> {
        let gate = x[0].mul(x[1])?.sigmoid()?;
        let rest = gate.affine(-1.0, 1.0)?.mul(value)?; // y (1 − sigmoid)
        Ok(vec![Some(rest.mul(x[1])?.add(gate)?), Some(rest.mul(x[0])?)])
    }
}

/// The input as it is, with a gradient that is clipped on its way back.
#[derive(Debug)]
struct ClippedGradient {
    most: f32,
}

impl CustomOp for ClippedGradient {
    fn name(&self) -> &'static str {
        "clipped_gradient"
    }
    fn forward<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
        x[0].affine(1.0, 0.0)
    }
    fn backward<'g>(&self, call: &CustomGradient<'g>) -> Gradients<'g> {
        Ok(vec![Some(call.output_gradient.clamp(-self.most, self.most)?)])
    }
}

/// The product with a parameter, which it fetches itself.
#[derive(Debug)]
struct Weighted {
    weight: Parameter,
}

impl CustomOp for Weighted {
    fn name(&self) -> &'static str {
        "weighted"
    }
    fn forward<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
        x[0].mul(x[0].graph().parameter(&self.weight)?)
    }
    fn backward<'g>(&self, call: &CustomGradient<'g>) -> Gradients<'g> {
        let weight = call.output.graph().parameter(&self.weight)?;
        Ok(vec![Some(call.output_gradient.mul(weight)?), Some(call.output_gradient.mul(call.inputs[0])?)])
    }
}

/// The sum of a vector, with so many gradients, each of this shape.
#[derive(Debug)]
struct Sum {
    gradients: usize,
    shape: Shape,
}

impl CustomOp for Sum {
    fn name(&self) -> &'static str {
        "sum_of_mine"
    }
    fn forward<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
        x[0].sum()
    }
    fn backward<'g>(&self, call: &CustomGradient<'g>) -> Gradients<'g> {
        (0..self.gradients).map(|_| call.output_gradient.broadcast_to(self.shape).map(Some)).collect()
    }
}

#[test]
fn a_formula_has_the_value_and_the_gradients_of_what_it_stands_for() {
    let graph = Graph::new();
    let x = graph.variable(arr2(&[[-2.0, 0.5, 3.0], [1.0, -0.25, 0.0]])).unwrap();
    let beta = graph.variable(arr1(&[1.5])).unwrap();
    let composed = x.mul(beta).unwrap().sigmoid().unwrap().mul(x).unwrap();
    let formula = graph.formula(Swish, &[x, beta]).unwrap();
    let sums = [composed, formula].map(|y| y.mul(y).unwrap().sum().unwrap());
    let [expected, found] = sums.map(|loss| graph.gradients(loss, &[x, beta]).unwrap());
    assert_eq!(eval(composed).unwrap(), eval(formula).unwrap());
    for (expected, found) in expected.into_iter().zip(found) {
        let (expected, found) = (eval(expected).unwrap(), eval(found).unwrap());
        assert_eq!(expected.shape(), found.shape());
        assert!(expected.iter().zip(&found).all(|(a, b)| (a - b).abs() < 2e-6), "{expected} {found}");
    }
}

#[test]
fn a_formula_can_be_differentiated_twice() {
    let graph = Graph::new();
    let (x, beta) = (graph.variable(arr1(&[0.7])).unwrap(), graph.constant(arr1(&[1.0])).unwrap());
    let curvature = |y: Tensor<'_>| {
        let slope = graph.gradients(y.sum().unwrap(), &[x]).unwrap()[0];
        eval(graph.gradients(slope.sum().unwrap(), &[x]).unwrap()[0]).unwrap()[0]
    };
    let composed = curvature(x.mul(beta).unwrap().sigmoid().unwrap().mul(x).unwrap());
    let formula = curvature(graph.formula(Swish, &[x, beta]).unwrap());
    assert!((composed - formula).abs() < 1e-6, "{composed} {formula}");
    assert!(composed.abs() > 0.1);
}

#[test]
fn the_rule_of_an_operation_replaces_that_of_what_it_is_made_of() {
    let graph = Graph::new();
    let x = graph.variable(arr1(&[1.0, 2.0])).unwrap();
    let y = graph.custom(ClippedGradient { most: 0.5 }, &[x]).unwrap();
    let loss = y.mul(graph.constant(arr1(&[3.0, -0.25])).unwrap()).unwrap().sum().unwrap();
    let slope = graph.gradients(loss, &[x]).unwrap()[0];
    assert_eq!(eval(y).unwrap(), arr1(&[1.0, 2.0]).into_dyn());
    assert_eq!(eval(slope).unwrap(), arr1(&[0.5, -0.25]).into_dyn());
    let reference = Interpreter::new().run(&graph, &[slope]).unwrap();
    assert_eq!(reference[0], arr1(&[0.5, -0.25]).into_dyn());
}

/// The node behind the forward pass is not in the way of what the planner merges.
#[test]
fn a_formula_on_a_product_is_computed_with_the_product() {
    #[derive(Debug)]
    struct Scaled;
    impl Formula for Scaled {
        fn name(&self) -> &'static str {
            "scaled"
        }
        fn value<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
            x[0].tanh()?.affine(2.0, 0.0)
        }
        fn slopes<'g>(&self, _: &[Tensor<'g>], y: Tensor<'g>) -> Gradients<'g> {
            Ok(vec![Some(y.mul(y)?.affine(-0.5, 2.0)?)]) // 2 (1 − (y/2)²)
        }
    }
    let graph = Graph::new();
    let a = graph.constant(Array2::<f32>::ones((8, 4))).unwrap();
    let b = graph.constant(Array2::<f32>::ones((4, 3))).unwrap();
    let y = graph.formula(Scaled, &[a.matmul(b).unwrap()]).unwrap();
    let plan = Plan::new(&graph, &State::inference(&Parameters::new()).unwrap(), &[y]).unwrap();
    let kernels = plan.describe().concat();
    assert_eq!(
        kernels.iter().filter(|kernel| kernel.contains("gemm 8×4×3, tanh, scaled")).count(),
        1,
        "{kernels:?}"
    );
    assert_eq!(kernels.len(), 3, "two constants and the product: {kernels:?}");
}

#[test]
fn what_is_read_without_being_an_input_is_refused() {
    let mut list = Parameters::new();
    let shape = Shape::new(&[2]).unwrap();
    let weight = list.add("w", shape, Role::Trained, FileOrder::AsInGraph).unwrap();
    let op = || Weighted { weight: weight.clone() };
    let graph = Graph::new();
    let x = graph.variable(arr1(&[1.0, 2.0])).unwrap();
    let first_read = graph.custom(op(), &[x]);
    assert!(matches!(first_read, Err(Error::NotAnInput { op: "weighted" })), "{first_read:?}");
    let w = graph.parameter(&weight).unwrap();
    let read_before = graph.custom(op(), &[x]);
    assert!(matches!(read_before, Err(Error::NotAnInput { op: "weighted" })), "{read_before:?}");
    assert!(graph.custom(op(), &[x, w]).is_ok());
}

#[test]
fn what_a_formula_reads_of_another_graph_is_refused() {
    let [one, other] = [Graph::new(), Graph::new()];
    let x = other.variable(arr1(&[1.0])).unwrap();
    let refused = one.custom(ClippedGradient { most: 1.0 }, &[x]);
    assert!(matches!(refused, Err(Error::OtherGraph { op: "clipped_gradient" })), "{refused:?}");
}

#[test]
fn gradients_that_are_too_many_or_of_another_shape_are_refused() {
    let graph = Graph::new();
    let x = graph.variable(arr1(&[1.0, 2.0, 3.0])).unwrap();
    let [fits, other] = [[3], [4]].map(|dims| Shape::new(&dims).unwrap());
    let slope = |op: Sum| graph.gradients(graph.custom(op, &[x]).unwrap(), &[x]);
    assert_eq!(
        eval(slope(Sum { gradients: 1, shape: fits }).unwrap()[0]).unwrap(),
        arr1(&[1.0; 3]).into_dyn()
    );
    for gradients in [0, 2] {
        let refused = slope(Sum { gradients, shape: fits }).unwrap_err();
        let Error::Shapes { op: "sum_of_mine", expected, .. } = refused else { panic!("{refused}") };
        assert_eq!(expected, ShapeRequirement::Gradients { expected: 1, found: gradients });
    }
    let refused = slope(Sum { gradients: 1, shape: other });
    assert!(matches!(refused, Err(Error::Shapes { op: "sum_of_mine", .. })), "{refused:?}");
}

#[test]
fn a_formula_of_another_shape_is_refused() {
    #[derive(Debug)]
    struct Mean;
    impl Formula for Mean {
        fn name(&self) -> &'static str {
            "mean"
        }
        fn value<'g>(&self, x: &[Tensor<'g>]) -> Result<Tensor<'g>, Error> {
            x[0].mean()
        }
        fn slopes<'g>(&self, _: &[Tensor<'g>], _: Tensor<'g>) -> Gradients<'g> {
            Ok(vec![None])
        }
    }
    let graph = Graph::new();
    let x = graph.variable(arr1(&[1.0, 2.0])).unwrap();
    assert!(matches!(graph.formula(Mean, &[x]), Err(Error::Shapes { op: "mean", .. })));
}
