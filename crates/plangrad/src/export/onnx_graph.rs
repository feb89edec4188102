//! The graph of an ONNX file as it grows: operations, and the numbers they read.

use crate::protobuf::Message;

/// Element types, by ONNX's numbers.
pub(super) const FLOAT: i64 = 1;
pub(super) const UINT8: i64 = 2;
pub(super) const DOUBLE: i64 = 11;

/// The parts of a graph.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Message>,
    pub(super) constants: Vec<Message>,
}

impl Graph {
    /// Adds an operation on these values; its result is named as the operation is. Returns that name.
    pub(super) fn add(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attributes: &[Message],
    ) -> String {
        let node = inputs.iter().fold(Message::new(), |node, input| node.text(1, input));
        self.nodes.push(node.text(2, name).text(3, name).text(4, operator).messages(5, attributes));
        name.to_owned()
    }

    /// Adds numbers. Returns their name.
    pub(super) fn floats(&mut self, name: &str, sizes: &[usize], values: &[f32]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, FLOAT, sizes, &bytes)
    }

    pub(super) fn doubles(&mut self, name: &str, sizes: &[usize], values: &[f64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, DOUBLE, sizes, &bytes)
    }

    fn constant(&mut self, name: &str, element: i64, sizes: &[usize], bytes: &[u8]) -> String {
        let tensor = sizes.iter().fold(Message::new(), |tensor, &size| tensor.integer(1, size as i64));
        self.constants.push(tensor.integer(2, element).text(8, name).bytes(9, bytes));
        name.to_owned()
    }
}

/// The types of attributes, by ONNX's numbers.
const KIND_FLOAT: i64 = 1;
const KIND_INT: i64 = 2;
const KIND_INTS: i64 = 7;

/// An attribute that is a whole number.
pub(super) fn integer(name: &str, value: i64) -> Message {
    Message::new().text(1, name).integer(3, value).integer(20, KIND_INT)
}

/// An attribute that is a list of one whole number.
pub(super) fn integers(name: &str, value: i64) -> Message {
    Message::new().text(1, name).integer(8, value).integer(20, KIND_INTS)
}

/// An attribute that is a number.
pub(super) fn float(name: &str, value: f32) -> Message {
    Message::new().text(1, name).single(2, value).integer(20, KIND_FLOAT)
}
