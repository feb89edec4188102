//! What a pickle holds: values in one list that refer to each other by number, since a pickle may mention one value many
//! times, or within itself.

use std::ops::Range;

/// The number of a value.
pub(super) type Id = u32;

/// A value. Bytes and text lie in the pickle itself where they can.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, of which only that is kept.
    HugeInt,
    Float(f64),
    /// Bytes, or text of Python 2, which does not say which.
    Bytes(Range<usize>),
    Text(Range<usize>),
    /// The same after escapes.
    OwnBytes(Box<[u8]>),
    OwnText(Box<str>),
    Tuple(Box<[Id]>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// `module.name`.
    Global(Box<(String, String)>),
    /// A call that is not made: function and arguments, and the state set afterwards.
    Call {
        function: Id,
        arguments: Id,
        state: Option<Id>,
    },
    /// What `persistent_id` returned.
    Persistent(Id),
}

/// A pickle that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Pickle {
    pub(super) data: Vec<u8>,
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
}

impl Pickle {
    /// The value that it holds.
    #[must_use]
    pub fn root(&self) -> Item<'_> {
        Item { pickle: self, id: self.root }
    }
}

/// One value of a pickle.
///
/// A hostile pickle may hold a list within itself: do not walk through all values without a limit.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    pub(super) pickle: &'a Pickle,
    id: Id,
}

impl<'a> Item<'a> {
    pub(super) fn node(self) -> &'a Node {
        &self.pickle.nodes[self.id as usize]
    }

    pub(super) fn at(self, id: Id) -> Self {
        Self { id, ..self }
    }

    /// An integer, a bool as 0 or 1, or one of numpy's integers.
    #[must_use]
    pub fn int(self) -> Option<i64> {
        match self.node() {
            Node::Int(value) => Some(*value),
            Node::Bool(value) => Some(i64::from(*value)),
            Node::Call { .. } => self.numpy_int(),
            _ => None,
        }
    }

    /// True or false.
    #[must_use]
    pub fn bool(self) -> Option<bool> {
        match self.node() {
            Node::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// A number with a fraction.
    #[must_use]
    pub fn float(self) -> Option<f64> {
        match self.node() {
            Node::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether it is `None`.
    #[must_use]
    pub fn is_none(self) -> bool {
        *self.node() == Node::None
    }

    /// Text, or bytes that are UTF-8.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        match self.node() {
            Node::OwnText(text) => Some(text),
            Node::Text(range) => std::str::from_utf8(&self.pickle.data[range.clone()]).ok(),
            // Bytes of Python 3 in protocols that have only text.
            Node::Call { .. } => match self.call()? {
                ("encode", arguments, _) => arguments.items()?.next()?.plain_text(),
                _ => None,
            },
            _ => std::str::from_utf8(self.bytes()?).ok(),
        }
    }

    /// Text of ASCII letters, which is the same in every encoding.
    fn plain_text(self) -> Option<&'a str> {
        let text = match self.node() {
            Node::OwnText(text) => text,
            Node::Text(range) => std::str::from_utf8(&self.pickle.data[range.clone()]).ok()?,
            _ => return None,
        };
        text.is_ascii().then_some(text)
    }

    /// Bytes.
    #[must_use]
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self.node() {
            Node::OwnBytes(bytes) => Some(bytes),
            Node::Bytes(range) => Some(&self.pickle.data[range.clone()]),
            _ => None,
        }
    }

    /// The values of a list or tuple.
    #[must_use]
    pub fn items(self) -> Option<impl ExactSizeIterator<Item = Item<'a>> + use<'a>> {
        let ids: &'a [Id] = match self.node() {
            Node::Tuple(ids) => ids,
            Node::List(ids) => ids,
            _ => return None,
        };
        Some(ids.iter().map(move |&id| self.at(id)))
    }

    /// Keys and values of a dict, in the order in which they were set.
    #[must_use]
    pub fn entries(self) -> Option<impl ExactSizeIterator<Item = (Item<'a>, Item<'a>)> + use<'a>> {
        let Node::Dict(entries) = self.node() else { return None };
        Some(entries.iter().map(move |&(key, value)| (self.at(key), self.at(value))))
    }

    /// The value of a dict for a key, which may be text or the bytes of Python 2.
    #[must_use]
    pub fn get(self, key: &str) -> Option<Self> {
        let Node::Dict(entries) = self.node() else { return None };
        let found = entries.iter().rev().find(|(name, _)| self.at(*name).text() == Some(key));
        found.map(|&(_, value)| self.at(value))
    }

    /// The module and name of a function or class.
    #[must_use]
    pub fn global(self) -> Option<(&'a str, &'a str)> {
        match self.node() {
            Node::Global(names) => Some((&names.0, &names.1)),
            _ => None,
        }
    }

    /// A call that was not made: the name of the function, its arguments, and the state set afterwards.
    #[must_use]
    pub fn call(self) -> Option<(&'a str, Self, Option<Self>)> {
        let Node::Call { function, arguments, state } = self.node() else { return None };
        let (_, name) = self.at(*function).global()?;
        Some((name, self.at(*arguments), state.map(|state| self.at(state))))
    }

    /// What stands for something outside the pickle.
    #[must_use]
    pub fn persistent(self) -> Option<Self> {
        match self.node() {
            Node::Persistent(id) => Some(self.at(*id)),
            _ => None,
        }
    }

    /// What it is, for messages: `a list of 3`.
    #[must_use]
    pub fn kind(self) -> String {
        match self.node() {
            Node::None => "None".to_owned(),
            Node::Bool(_) => "a bool".to_owned(),
            Node::Int(value) => format!("the number {value}"),
            Node::HugeInt => "a number of more than 64 bits".to_owned(),
            Node::Float(value) => format!("the number {value}"),
            Node::Bytes(range) | Node::Text(range) => format!("text or bytes of length {}", range.len()),
            Node::OwnBytes(bytes) => format!("bytes of length {}", bytes.len()),
            Node::OwnText(text) => format!("text of length {}", text.len()),
            Node::Tuple(ids) => format!("a tuple of {}", ids.len()),
            Node::List(ids) => format!("a list of {}", ids.len()),
            Node::Dict(entries) => format!("a dict of {}", entries.len()),
            Node::Global(names) => format!("the name {}.{}", names.0, names.1),
            Node::Call { .. } => "an object".to_owned(),
            Node::Persistent(_) => "a reference to another file".to_owned(),
        }
    }
}
