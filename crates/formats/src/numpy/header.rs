//! The header of a `.npy` file: a dict of Python written as text, with three keys.

use std::io::Read;

use super::array::{element_count, numpy};
use super::{NumberType, NumpyProblem};
use crate::Result;
use crate::source::Source;

const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// numpy itself refuses longer ones by default.
const MOST_HEADER_BYTES: usize = 10_000;

/// Dimensions that numpy can have.
const MOST_DIMS: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub(super) number_type: NumberType,
    pub(super) big_endian: bool,
    pub(super) fortran: bool,
    pub(super) dims: Vec<usize>,
}

impl Header {
    pub(super) fn read(source: &mut Source<impl Read>) -> Result<Self> {
        let mut start = [0; 8];
        let filled = source.fill(&mut start)?;
        if !start.starts_with(&MAGIC) {
            let found = start[..filled.min(MAGIC.len())].to_vec();
            return Err(numpy(NumpyProblem::WrongMagic { found }));
        }
        if filled < start.len() {
            return Err(crate::Error::Truncated { expected: start.len() as u64, found: filled as u64 });
        }
        let length = match (start[6], start[7]) {
            (1, 0) => {
                let mut length = [0; 2];
                source.fill_exact(&mut length)?;
                u16::from_le_bytes(length).into()
            }
            (2 | 3, 0) => {
                let mut length = [0; 4];
                source.fill_exact(&mut length)?;
                u32::from_le_bytes(length) as usize
            }
            found => return Err(numpy(NumpyProblem::Version { found })),
        };
        let begin = source.offset();
        if length > MOST_HEADER_BYTES {
            let expected = "a header of at most 10,000 bytes";
            return Err(numpy(NumpyProblem::Header { offset: begin, expected }));
        }
        let mut text = vec![0; length];
        source.fill_exact(&mut text)?;
        Self::parse(&text, begin)
    }

    fn parse(text: &[u8], begin: u64) -> Result<Self> {
        let mut reader = Reader { text, position: 0, begin };
        let (mut descr, mut fortran, mut dims) = (None, None, None);
        reader.expect(b'{', "{")?;
        while !reader.accept(b'}') {
            match reader.string()? {
                "descr" => {
                    reader.expect(b':', ":")?;
                    descr = Some(reader.descr()?);
                }
                "fortran_order" => {
                    reader.expect(b':', ":")?;
                    fortran = Some(reader.bool()?);
                }
                "shape" => {
                    reader.expect(b':', ":")?;
                    dims = Some(reader.shape()?);
                }
                _ => return Err(reader.wrong("the key 'descr', 'fortran_order' or 'shape'")),
            }
            if !reader.accept(b',') {
                reader.expect(b'}', "}")?;
                break;
            }
        }
        reader.skip_space();
        if reader.position < text.len() {
            return Err(reader.wrong("the end of the header"));
        }
        let (Some((number_type, big_endian)), Some(fortran), Some(dims)) = (descr, fortran, dims) else {
            return Err(reader.wrong("the keys 'descr', 'fortran_order' and 'shape'"));
        };
        element_count(number_type, &dims)?;
        Ok(Self { number_type, big_endian, fortran, dims })
    }

    /// Whether the numbers must be put into C order.
    pub(super) fn is_reordered(&self) -> bool {
        self.fortran && self.dims.len() > 1
    }

    pub(super) fn data_bytes(&self) -> Result<usize> {
        Ok(element_count(self.number_type, &self.dims)? * self.number_type.size())
    }
}

struct Reader<'a> {
    text: &'a [u8],
    position: usize,
    begin: u64,
}

impl<'a> Reader<'a> {
    fn wrong(&self, expected: &'static str) -> crate::Error {
        numpy(NumpyProblem::Header { offset: self.begin + self.position as u64, expected })
    }

    fn skip_space(&mut self) {
        while self.text.get(self.position).is_some_and(u8::is_ascii_whitespace) {
            self.position += 1;
        }
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.skip_space();
        let there = self.text.get(self.position) == Some(&byte);
        self.position += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<()> {
        if self.accept(byte) { Ok(()) } else { Err(self.wrong(expected)) }
    }

    fn string(&mut self) -> Result<&'a str> {
        self.skip_space();
        let quote = self.text.get(self.position).copied().filter(|byte| matches!(byte, b'\'' | b'"'));
        let Some(quote) = quote else { return Err(self.wrong("text in quotes")) };
        let rest = &self.text[self.position + 1..];
        let end = rest.iter().position(|&byte| byte == quote);
        let found = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok());
        let Some(found) = found else { return Err(self.wrong("text in quotes")) };
        self.position += found.len() + 2;
        Ok(found)
    }

    fn descr(&mut self) -> Result<(NumberType, bool)> {
        self.skip_space();
        if self.text.get(self.position) == Some(&b'[') {
            return Err(numpy(NumpyProblem::ElementType { found: "a record".to_owned() }));
        }
        let found = self.string()?;
        let (order, code) = match found.as_bytes().first() {
            Some(b'<' | b'>' | b'|' | b'=') => found.split_at(1),
            _ => ("|", found),
        };
        let number_type = NumberType::from_code(if code == "?" { "b1" } else { code });
        let refused = || numpy(NumpyProblem::ElementType { found: found.chars().take(40).collect() });
        Ok((number_type.ok_or_else(refused)?, order == ">"))
    }

    fn bool(&mut self) -> Result<bool> {
        self.skip_space();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if self.text[self.position..].starts_with(word) {
                self.position += word.len();
                return Ok(value);
            }
        }
        Err(self.wrong("True or False"))
    }

    fn shape(&mut self) -> Result<Vec<usize>> {
        self.expect(b'(', "(")?;
        let mut dims = Vec::new();
        while !self.accept(b')') {
            dims.push(self.size()?);
            if dims.len() > MOST_DIMS {
                return Err(self.wrong("at most 64 dimensions"));
            }
            if !self.accept(b',') {
                self.expect(b')', ")")?;
                break;
            }
        }
        Ok(dims)
    }

    fn size(&mut self) -> Result<usize> {
        self.skip_space();
        let rest = &self.text[self.position..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let size = std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse().ok());
        let Some(size) = size else { return Err(self.wrong("a size")) };
        self.position += digits;
        // Python 2 wrote long integers as 3L.
        if self.text.get(self.position) == Some(&b'L') {
            self.position += 1;
        }
        Ok(size)
    }
}
