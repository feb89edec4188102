//! The oracle: runs the recorded graph, node by node, naively and in f64.
//!
//! It never sees a plan, so a wrong fusion, a wrong offset or a wrong order of kernels cannot hide in it.

use ndarray::ArrayD;

use crate::dataset::{Samples, Targets};
use crate::error::Error;
pub use crate::graph::Interpreter;
use crate::graph::{Graph, Tensor};
use crate::ir::Shape;
use crate::source::Batches;

impl Interpreter {
    /// The rows that the next evaluation reads.
    pub fn set_batch(&mut self, batches: &Batches<'_>) {
        let source = batches.source();
        let width = source.sample_elements();
        let row_of = |row: &u32| {
            let range = *row as usize * width..(*row as usize + 1) * width;
            match source.samples() {
                Samples::U8(bytes) => bytes[range].iter().map(|&x| f64::from(x)).collect(),
                Samples::F32(values) => values[range].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>(),
            }
        };
        let target_of = |row: &u32| {
            let row = *row as usize;
            match source.targets() {
                Targets::Classes(labels) => vec![f64::from(labels[row])],
                Targets::WideClasses(labels) => vec![f64::from(labels[row])],
                Targets::Values { values, width } => {
                    values[row * width..(row + 1) * width].iter().map(|&x| f64::from(x)).collect()
                }
            }
        };
        self.samples = batches.rows().iter().map(row_of).collect();
        self.targets = batches.rows().iter().map(target_of).collect();
    }

    /// Evaluates the whole of `graph` in the order of recording and returns `outputs`.
    ///
    /// # Errors
    /// [`Error::OtherGraph`] if an output is of another graph; [`Error::NotKept`], [`Error::Shapes`] or [`Error::Source`] if
    /// the graph reads state or data that was not set, or of another shape.
    pub fn run(&mut self, graph: &Graph, outputs: &[Tensor<'_>]) -> Result<Vec<ArrayD<f64>>, Error> {
        if outputs.iter().any(|output| !graph.owns(output)) {
            return Err(Error::OtherGraph { op: "the interpreter" });
        }
        let mut values: Vec<ArrayD<f64>> = Vec::with_capacity(graph.len());
        for node in graph.nodes().iter() {
            let inputs: Vec<&ArrayD<f64>> =
                node.inputs.iter().map(|&input| &values[input as usize]).collect();
            let shapes: Vec<Shape> = node.outputs.iter().map(|meta| meta.shape).collect();
            let results = node.op.meaning(&inputs, &shapes, self)?;
            let found = results.iter().map(|result| result.shape());
            debug_assert!(
                found.eq(shapes.iter().map(Shape::dims)),
                "{} broke its shape rule",
                node.op.name()
            );
            values.extend(results);
        }
        self.commit();
        Ok(outputs.iter().map(|output| values[output.index()].clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;

    use super::*;
    use crate::graph::Parameters;
    use crate::ir::{FileOrder, Role};

    #[test]
    fn outputs_of_another_graph_are_refused() {
        let [one, other] = [Graph::new(), Graph::new()];
        one.constant(arr1(&[1.0, 2.0])).unwrap();
        let foreign = other.constant(arr1(&[3.0])).unwrap();
        let found = Interpreter::new().run(&one, &[foreign]);
        assert!(matches!(found, Err(Error::OtherGraph { op: "the interpreter" })), "{found:?}");
    }

    #[test]
    fn a_parameter_set_in_another_shape_is_refused() {
        let mut parameters = Parameters::new();
        let shape = Shape::new(&[3]).unwrap();
        let parameter = parameters.add("w", shape, Role::Trained, FileOrder::AsInGraph).unwrap();
        let graph = Graph::new();
        let doubled = graph.parameter(&parameter).unwrap().affine(2.0, 0.0).unwrap();
        let mut interpreter = Interpreter::new();
        interpreter.set_parameter(parameter.id(), arr1(&[1.0, 2.0]).into_dyn());
        let found = interpreter.run(&graph, &[doubled]);
        assert!(matches!(found, Err(Error::Shapes { .. })), "{found:?}");
    }
}
