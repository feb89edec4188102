//! Pickles as data: numbers, text, bytes, tuples, lists and dicts, and arrays of numpy.
//!
//! A pickle is a program for a small stack machine that can call any function of Python. Here it can call none: the
//! functions in a short list ([`Globals`]) are kept as names with their arguments, and what such a call means is read off
//! afterwards ([`Item::array`]). Every other name, and every instruction that makes objects in another way, is an error
//! with its offset. So reading a hostile pickle runs nothing and takes no more memory than [`Limits`](crate::Limits) allow.
//!
//! All protocols, 0 to 5. Source: Python's `pickletools`, which documents every instruction. Writing is absent on purpose.

mod array;
mod globals;
mod item;
mod machine;
mod opcode;
mod problem;
mod text;

pub use array::PickledArray;
pub use globals::Globals;
pub use item::{Item, Pickle};
pub use machine::{from_bytes, open_with, read};
pub use problem::PickleProblem;

pub(crate) use array::wrong_content;
pub(crate) use machine::read_all;
