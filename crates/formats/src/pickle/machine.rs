//! The stack machine of a pickle, which makes values and runs nothing.
//!
//! Every instruction takes at least one byte and leaves at most one new value, so values are counted against the limit as
//! they are made: a pickle of a few megabytes cannot ask for gigabytes.

use std::io::Read;
use std::path::Path;

use super::globals::Globals;
use super::item::{Id, Node, Pickle};
use super::opcode;
use super::problem::PickleProblem as Problem;
use super::text;
use crate::source::Source;
use crate::{Error, Limits, Result};

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// The most bytes that an entry of the memo takes.
const MEMO_BYTES: usize = 64;

/// `None`, true and false exist once.
const SHARED: [Node; 3] = [Node::None, Node::Bool(true), Node::Bool(false)];

/// Reads a pickle to its end, plain or gzip. [`Limits::max_bytes`] bounds its bytes, and the values made of them.
///
/// # Errors
///
/// [`Error::Pickle`] with the offset of the instruction; [`Error::LimitExceeded`] or a reading error.
pub fn read(reader: impl Read, globals: Globals, limits: &Limits) -> Result<Pickle> {
    from_bytes(read_all(Source::new(reader, None)?, limits)?, globals, limits)
}

/// Opens and reads a file.
///
/// # Errors
///
/// Those of [`read`] and [`Error::Open`], inside an [`Error::InFile`] that names the file.
pub fn open_with(path: impl AsRef<Path>, globals: Globals, limits: &Limits) -> Result<Pickle> {
    let path = path.as_ref();
    let read = || from_bytes(read_all(Source::open(path)?, limits)?, globals, limits);
    read().map_err(|error| error.in_file(path))
}

/// The pickle at the beginning of `data`. What follows its end is ignored, as Python does.
///
/// # Errors
///
/// [`Error::Pickle`], [`Error::LimitExceeded`].
pub fn from_bytes(data: Vec<u8>, globals: Globals, limits: &Limits) -> Result<Pickle> {
    limits.check(data.len() as u64)?;
    let mut machine = Machine {
        data: &data,
        position: 0,
        start: 0,
        globals,
        limits: *limits,
        values: 0,
        nodes: SHARED.to_vec(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Memo::default(),
    };
    let root = machine.run()?;
    let nodes = machine.nodes;
    Ok(Pickle { data, nodes, root })
}

/// Everything up to the end of the source.
pub(crate) fn read_all<R: Read>(source: Source<R>, limits: &Limits) -> Result<Vec<u8>> {
    let length = source.exact_length();
    length.map_or(Ok(()), |length| limits.check(length))?;
    let mut source = source.with_limit(limits.max_bytes);
    let mut data = Vec::new();
    loop {
        let known = length.map_or(0, |length| length.saturating_sub(data.len() as u64)) as usize;
        let more = known.max(data.len().clamp(CHUNK, 64 * CHUNK));
        crate::source::reserve_exact(&mut data, more)?;
        let start = data.len();
        let mut filled = start;
        while filled < start + more {
            let end = (start + more).min(filled + CHUNK);
            data.resize(end, 0);
            let count = source.fill(&mut data[filled..])?;
            filled += count;
            if filled < end {
                data.truncate(filled);
                return Ok(data);
            }
        }
    }
}

/// Values by number. Numbers are used in order, so that a list holds them; a few may be far apart.
#[derive(Default)]
struct Memo {
    dense: Vec<Option<Id>>,
    sparse: std::collections::HashMap<u64, Id>,
}

impl Memo {
    fn put(&mut self, index: u64, id: Id) {
        let next = self.dense.len() as u64;
        match index {
            index if index < next => self.dense[index as usize] = Some(id),
            index if index == next => self.dense.push(Some(id)),
            // The pickler of Python 2 counts from 1.
            index if index == next + 1 => self.dense.extend([None, Some(id)]),
            index => {
                self.sparse.insert(index, id);
            }
        }
    }

    fn get(&self, index: u64) -> Option<Id> {
        let dense = usize::try_from(index).ok().and_then(|index| self.dense.get(index).copied().flatten());
        dense.or_else(|| self.sparse.get(&index).copied())
    }

    fn len(&self) -> u64 {
        (self.dense.len() + self.sparse.len()) as u64
    }
}

struct Machine<'a> {
    data: &'a [u8],
    position: usize,
    /// Where the instruction at hand begins.
    start: usize,
    globals: Globals,
    limits: Limits,
    /// Bytes of values so far.
    values: u64,
    nodes: Vec<Node>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: Memo,
}

type Step<T> = std::result::Result<T, Failure>;

/// A problem whose place is not yet told, or an error that is finished.
enum Failure {
    Problem(Problem),
    Whole(Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Id> {
        loop {
            self.start = self.position;
            let opcode = self.data.get(self.position).copied();
            let result = match opcode {
                None => Err(Problem::Truncated.into()),
                Some(b'.') => return self.top().map_err(|failure| self.located(opcode, failure)),
                Some(opcode) => {
                    self.position += 1;
                    self.step(opcode)
                }
            };
            result.map_err(|failure| self.located(opcode, failure))?;
        }
    }

    fn located(&self, opcode: Option<u8>, failure: Failure) -> Error {
        match failure {
            Failure::Whole(error) => error,
            Failure::Problem(problem) => {
                let opcode = opcode.and_then(opcode::name).unwrap_or("none");
                Error::Pickle { offset: self.start as u64, opcode, problem }
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Step<()> {
        match opcode {
            0x80 => {
                let found = self.byte()?;
                return if found <= 5 { Ok(()) } else { Err(Problem::Protocol { found }.into()) };
            }
            0x95 => {
                self.take(8)?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                // Python also drops a mark this way.
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => {
                self.since_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.push(top)?;
            }
            b'N' => self.push(0)?,
            0x88 => self.push(1)?,
            0x89 => self.push(2)?,
            b'K' => {
                let value = self.byte()?;
                self.make(Node::Int(value.into()))?;
            }
            b'M' => {
                let bytes = self.array::<2>()?;
                self.make(Node::Int(u16::from_le_bytes(bytes).into()))?;
            }
            b'J' => {
                let bytes = self.array::<4>()?;
                self.make(Node::Int(i32::from_le_bytes(bytes).into()))?;
            }
            b'G' => {
                let bytes = self.array::<8>()?;
                self.make(Node::Float(f64::from_be_bytes(bytes)))?;
            }
            0x8a => {
                let length = usize::from(self.byte()?);
                self.long(length)?;
            }
            0x8b => {
                let length = u32::from_le_bytes(self.array()?);
                self.long(length as usize)?;
            }
            b'I' | b'L' | b'F' | b'S' | b'V' => self.line_value(opcode)?,
            b'T' | b'U' | b'B' | b'C' | 0x8e | 0x96 => {
                let range = self.counted(opcode)?;
                self.make(Node::Bytes(range))?;
            }
            b'X' | 0x8c | 0x8d => {
                let range = self.counted(opcode)?;
                if std::str::from_utf8(&self.data[range.clone()]).is_err() {
                    // A lone surrogate, which Python accepts, names nothing that is looked for.
                    self.make(Node::Bytes(range))?;
                } else {
                    self.make(Node::Text(range))?;
                }
            }
            b'c' => {
                let (module, name) = (self.line_text()?, self.line_text()?);
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id: Id| self.text_of(id).ok_or(Problem::WrongType { expected: "two names" });
                let (module, name) = (text(module)?, text(name)?);
                self.global(module, name)?;
            }
            b'Q' if self.globals.has_persistent_ids() => {
                let id = self.pop()?;
                self.make(Node::Persistent(id))?;
            }
            b'R' => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                if !matches!(self.node(function), Node::Global(_)) {
                    return Err(Problem::WrongType { expected: "the name of a function" }.into());
                }
                if !matches!(self.node(arguments), Node::Tuple(_)) {
                    return Err(Problem::WrongType { expected: "a tuple of arguments" }.into());
                }
                self.make(Node::Call { function, arguments, state: None })?;
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.top()?);
                match &mut self.nodes[object as usize] {
                    Node::Call { state: slot, .. } => *slot = Some(state),
                    // Attributes of an ordered dict, such as torch's versions of modules.
                    Node::Dict(_) if self.globals.has_persistent_ids() => {}
                    _ => return Err(Problem::WrongType { expected: "an object of a known kind" }.into()),
                }
            }
            _ => return self.container(opcode),
        }
        Ok(())
    }

    /// Tuples, lists, dicts and the memo.
    fn container(&mut self, opcode: u8) -> Step<()> {
        match opcode {
            b')' => self.make(Node::Tuple(Box::new([])))?,
            0x85..=0x87 => {
                let length = usize::from(opcode - 0x84);
                self.check_depth(length)?;
                let items = self.stack.split_off(self.stack.len() - length);
                self.make(Node::Tuple(items.into_boxed_slice()))?;
            }
            b't' => {
                let items = self.since_mark()?;
                self.make(Node::Tuple(items.into_boxed_slice()))?;
            }
            b']' => self.make(Node::List(Vec::new()))?,
            b'l' => {
                let items = self.since_mark()?;
                self.make(Node::List(items))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' => {
                let items = self.since_mark()?;
                self.extend(items)?;
            }
            b'}' => self.make(Node::Dict(Vec::new()))?,
            b'd' => {
                let items = self.since_mark()?;
                self.make(Node::Dict(Vec::new()))?;
                self.set(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.set(&items)?;
            }
            b'p' | b'g' => {
                let index = self.line_text()?.trim().parse();
                let index = index.map_err(|_| Problem::Malformed { expected: "the number of a value" })?;
                if opcode == b'p' { self.put(index)? } else { self.get(index)? }
            }
            b'q' => {
                let index = self.byte()?;
                self.put(index.into())?;
            }
            b'h' => {
                let index = self.byte()?;
                self.get(index.into())?;
            }
            b'r' => {
                let index = u32::from_le_bytes(self.array()?);
                self.put(index.into())?;
            }
            b'j' => {
                let index = u32::from_le_bytes(self.array()?);
                self.get(index.into())?;
            }
            0x94 => self.put(self.memo.len())?,
            other if opcode::name(other).is_some() => return Err(Problem::Refused.into()),
            found => return Err(Problem::UnknownOpcode { found }.into()),
        }
        Ok(())
    }

    /// Counts bytes of values against the limit.
    fn count(&mut self, bytes: usize) -> Step<()> {
        self.values += bytes as u64;
        self.limits.check(self.values).map_err(Failure::Whole)
    }

    fn make(&mut self, node: Node) -> Step<()> {
        let own = match &node {
            Node::OwnBytes(bytes) => bytes.len(),
            Node::OwnText(text) => text.len(),
            Node::Tuple(items) => size_of_val::<[Id]>(items),
            Node::List(items) => size_of_val(items.as_slice()),
            Node::Global(names) => names.0.len() + names.1.len(),
            _ => 0,
        };
        self.count(size_of::<Node>() + own)?;
        let id = Id::try_from(self.nodes.len()).map_err(|_| {
            Failure::Whole(Error::LimitExceeded { needed: self.values, limit: self.limits.max_bytes })
        })?;
        self.nodes.push(node);
        self.push(id)
    }

    fn push(&mut self, id: Id) -> Step<()> {
        self.count(size_of::<Id>())?;
        self.stack.push(id);
        Ok(())
    }

    /// The values since the last mark must not be reached from before it.
    fn check_depth(&self, count: usize) -> Step<()> {
        let bottom = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() < bottom + count { Err(Problem::MissingValues.into()) } else { Ok(()) }
    }

    fn pop(&mut self) -> Step<Id> {
        self.check_depth(1)?;
        self.stack.pop().ok_or(Problem::MissingValues.into())
    }

    fn top(&self) -> Step<Id> {
        self.check_depth(1)?;
        self.stack.last().copied().ok_or(Problem::MissingValues.into())
    }

    fn since_mark(&mut self) -> Step<Vec<Id>> {
        let mark = self.marks.pop().ok_or(Problem::MissingValues)?;
        Ok(self.stack.split_off(mark))
    }

    fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    fn extend(&mut self, mut items: Vec<Id>) -> Step<()> {
        let list = self.top()?;
        self.count(size_of_val(items.as_slice()))?;
        match &mut self.nodes[list as usize] {
            Node::List(list) => list.append(&mut items),
            _ => return Err(Problem::WrongType { expected: "a list" }.into()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Step<()> {
        let dict = self.top()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Problem::WrongType { expected: "as many values as keys" }.into());
        }
        self.count(size_of_val(items))?;
        // torch.save fills an ordered dict that a call has made.
        let is_call = matches!(self.node(dict), Node::Call { .. }) && self.globals.has_persistent_ids();
        match &mut self.nodes[dict as usize] {
            Node::Dict(dict) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            slot if is_call => {
                *slot = Node::Dict(pairs.iter().map(|&[key, value]| (key, value)).collect());
            }
            _ => return Err(Problem::WrongType { expected: "a dict" }.into()),
        }
        Ok(())
    }

    fn put(&mut self, index: u64) -> Step<()> {
        let top = self.top()?;
        self.count(MEMO_BYTES)?;
        self.memo.put(index, top);
        Ok(())
    }

    fn get(&mut self, index: u64) -> Step<()> {
        let id = self.memo.get(index).ok_or(Problem::Memo { index })?;
        self.push(id)
    }

    fn global(&mut self, module: String, name: String) -> Step<()> {
        if !self.globals.accept(&module, &name) {
            let shown: String = format!("{module}.{name}").chars().take(80).collect();
            return Err(Problem::Global { name: shown }.into());
        }
        self.make(Node::Global(Box::new((module, name))))
    }

    fn text_of(&self, id: Id) -> Option<String> {
        match self.node(id) {
            Node::OwnText(text) => Some(text.to_string()),
            Node::Text(range) => std::str::from_utf8(&self.data[range.clone()]).ok().map(str::to_owned),
            _ => None,
        }
    }

    fn take(&mut self, count: usize) -> Step<&[u8]> {
        let range = self.range(count as u64)?;
        Ok(&self.data[range])
    }

    fn range(&mut self, count: u64) -> Step<std::ops::Range<usize>> {
        let left = self.data.len() - self.position;
        if count > left as u64 {
            return Err(Problem::Truncated.into());
        }
        let range = self.position..self.position + count as usize;
        self.position = range.end;
        Ok(range)
    }

    fn byte(&mut self) -> Step<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Step<[u8; N]> {
        let bytes = self.take(N)?;
        Ok(bytes.try_into().expect("as many bytes as were taken"))
    }

    /// Bytes after their number.
    fn counted(&mut self, opcode: u8) -> Step<std::ops::Range<usize>> {
        let count = match opcode {
            b'U' | b'C' | 0x8c => self.byte()?.into(),
            b'T' => {
                let count = i32::from_le_bytes(self.array()?);
                u64::try_from(count).map_err(|_| Problem::Malformed { expected: "a length of at least 0" })?
            }
            b'B' | b'X' => u32::from_le_bytes(self.array()?).into(),
            _ => u64::from_le_bytes(self.array()?),
        };
        self.range(count)
    }

    /// A line without its end.
    fn line(&mut self) -> Step<&[u8]> {
        let rest = &self.data[self.position..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or(Problem::Truncated)?;
        self.position += end + 1;
        Ok(rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]))
    }

    fn line_text(&mut self) -> Step<String> {
        let line = self.line()?;
        let text = std::str::from_utf8(line).map_err(|_| Problem::Malformed { expected: "text" })?;
        Ok(text.to_owned())
    }

    /// Values that protocol 0 writes as a line of text.
    fn line_value(&mut self, opcode: u8) -> Step<()> {
        let line = self.line()?;
        let text = || std::str::from_utf8(line).map(str::trim).unwrap_or_default();
        let node = match opcode {
            b'I' if text() == "01" => Some(Node::Bool(true)),
            b'I' if text() == "00" => Some(Node::Bool(false)),
            b'I' | b'L' => integer(text().trim_end_matches('L')),
            b'F' => text().parse().ok().map(Node::Float),
            b'S' => text::quoted(line).map(|bytes| Node::OwnBytes(bytes.into())),
            _ => text::raw_unicode(line).map(|text| Node::OwnText(text.into())),
        };
        let expected = match opcode {
            b'I' | b'L' => "an integer",
            b'F' => "a number",
            b'S' => "text in quotes",
            _ => "text",
        };
        self.make(node.ok_or(Problem::Malformed { expected })?)
    }

    /// An integer of so many bytes, in two's complement.
    fn long(&mut self, length: usize) -> Step<()> {
        let bytes = self.take(length)?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut value = [sign; 8];
        let (low, high) = bytes.split_at(length.min(8));
        value[..low.len()].copy_from_slice(low);
        let fits =
            high.iter().all(|&byte| byte == sign) && (low.len() < 8 || (value[7] & 0x80 != 0) == (sign != 0));
        self.make(if fits { Node::Int(i64::from_le_bytes(value)) } else { Node::HugeInt })
    }
}

fn integer(text: &str) -> Option<Node> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().map_or(Node::HugeInt, Node::Int))
}
