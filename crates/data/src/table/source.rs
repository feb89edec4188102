//! The text of a table: opened once, read once from front to back, decompressed and decoded on the way.
//!
//! A pipe cannot be read twice, so the encoding is recognised while reading: text is UTF-8 until a byte says otherwise. If
//! all bytes before it are ASCII, they mean the same in GBK and windows-1252, and the rest is read as one of these.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Cursor, Read, stdin};
use std::path::Path;
use std::rc::Rc;

use encoding_rs::{Decoder, DecoderResult, Encoding, GBK, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use flate2::read::MultiGzDecoder;

use crate::error::{Error, Result, RowProblem};

/// Bytes that the encoding is recognised by.
const FIRST: usize = 4 << 10;

/// A compressed file may hold so many bytes for each of its own, besides the first ones: a small file must not fill the
/// memory.
const MOST_RATIO: u64 = 300;
/// Bytes that a compressed file may hold in any case.
const MOST_FREE: u64 = 64 << 20;

/// Beginnings of files that are not tables, and what they are.
const FOREIGN: [(&[u8], &str); 11] = [
    (b"PK\x03\x04", "a ZIP archive (an Excel workbook? save it as CSV)"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (save it as CSV)"),
    (b"\x1f\x8b", "a gzip file within the gzip file (decompress it once)"),
    (b"PAR1", "a Parquet file (convert it to CSV)"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
    (b"BZh", "a file compressed by bzip2 (decompress it)"),
    (b"\xfd7zXZ", "a file compressed by xz (decompress it)"),
    (b"\x28\xb5\x2f\xfd", "a file compressed by zstd (decompress it)"),
    (b"\x93NUMPY", "a NumPy array (write it as CSV)"),
];

/// Why no more text can be had.
pub(super) enum Broken {
    /// The system does not give the bytes.
    Io(io::Error),
    /// What is wrong with the bytes after those that were read.
    Bytes(RowProblem),
}

/// Text that is read in pieces.
pub(super) struct Source {
    input: Box<dyn Read>,
    /// Bytes that are not decoded yet.
    raw: Vec<u8>,
    text: Text,
    ended: bool,
    /// Bytes of the file, if it is a regular one.
    length: Option<u64>,
    compressed: Option<Rc<Cell<u64>>>,
    decoded: u64,
    /// What was guessed.
    pub(super) note: Option<String>,
}

/// How bytes become text.
enum Text {
    /// Not known before the first bytes.
    Unknown,
    /// UTF-8. If `guess` and all text so far is ASCII, something else can still be guessed.
    Utf8 { guess: bool, ascii: bool },
    /// Another encoding.
    Other(Box<Decoder>, &'static str),
}

impl Source {
    /// Opens a file, a pipe, or with `-` standard input.
    pub(super) fn open(path: &Path, encoding: Option<&str>) -> Result<Self> {
        let io = |action| move |reason| Error::Io { path: path.to_path_buf(), action, reason };
        let mut length = None;
        let file: Box<dyn Read> = if path == Path::new("-") {
            Box::new(stdin())
        } else {
            let file = File::open(path).map_err(io("opened"))?;
            let data = file.metadata().map_err(io("opened"))?;
            if data.is_dir() {
                let reason = io::Error::new(io::ErrorKind::IsADirectory, "expected a file, found a folder");
                return Err(io("opened")(reason));
            }
            length = Some(data.len()).filter(|_| data.is_file());
            Box::new(file)
        };
        Self::of(path, file, length, encoding)
    }

    /// The text of bytes that are in memory.
    pub(super) fn in_memory(name: &Path, bytes: Vec<u8>, encoding: Option<&str>) -> Result<Self> {
        let length = Some(bytes.len() as u64);
        Self::of(name, Box::new(Cursor::new(bytes)), length, encoding)
    }

    fn of(path: &Path, mut file: Box<dyn Read>, length: Option<u64>, encoding: Option<&str>) -> Result<Self> {
        let text = encoding.map(named).transpose()?.unwrap_or(Text::Unknown);
        let unreadable = |reason| Error::Io { path: path.to_path_buf(), action: "read", reason };
        let mut start = Vec::new();
        file.by_ref().take(2).read_to_end(&mut start).map_err(unreadable)?;
        let is_gzip = start == [0x1f, 0x8b];
        let input = Cursor::new(start).chain(file);
        let bytes = Rc::new(Cell::new(0));
        let input: Box<dyn Read> = match is_gzip {
            true => Box::new(MultiGzDecoder::new(Counted { input, bytes: Rc::clone(&bytes) })),
            false => Box::new(input),
        };
        let compressed = is_gzip.then_some(bytes);
        Ok(Self { input, raw: Vec::new(), text, ended: false, length, compressed, decoded: 0, note: None })
    }

    /// The share of the file that has been read, less so many bytes that are read ahead; 1 if its length is not known.
    pub(super) fn share(&self, ahead: usize) -> f64 {
        let read = self.compressed.as_ref().map_or(self.decoded, |compressed| compressed.get());
        let used = 1.0 - ahead as f64 / self.decoded.max(1) as f64;
        let share = self.length.map_or(1.0, |length| used * read as f64 / length.max(1) as f64);
        share.clamp(f64::EPSILON, 1.0)
    }

    /// Appends about so many bytes to `text`; `false` if there are no more.
    pub(super) fn read(&mut self, bytes: usize, text: &mut String) -> std::result::Result<bool, Broken> {
        if self.ended {
            return Ok(false);
        }
        let wanted = if matches!(self.text, Text::Unknown) { bytes.max(FIRST) } else { bytes };
        let found = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.raw).map_err(Broken::Io)?;
        self.ended = found < wanted;
        self.decoded += found as u64;
        if let Some(compressed) = &self.compressed
            && self.decoded > MOST_FREE + MOST_RATIO * compressed.get()
        {
            return Err(Broken::Bytes(RowProblem::Inflated { most_ratio: MOST_RATIO }));
        }
        if matches!(self.text, Text::Unknown) {
            self.recognise()?;
        }
        let begin = text.len();
        self.decode(text)?;
        match text[begin..].find('\0') {
            None => Ok(true),
            Some(place) => {
                text.truncate(begin + place);
                Err(Broken::Bytes(RowProblem::Binary { what: "a NUL byte".to_owned() }))
            }
        }
    }

    /// Chooses the encoding by the first bytes.
    fn recognise(&mut self) -> std::result::Result<(), Broken> {
        if let Some((_, what)) = FOREIGN.iter().find(|(start, _)| self.raw.starts_with(start)) {
            return Err(Broken::Bytes(RowProblem::Binary { what: (*what).to_owned() }));
        }
        let start = self.raw.trim_ascii_start();
        if start.len() > 5 && [&b"<html"[..], b"<!doc"].contains(&&*start[..5].to_ascii_lowercase()) {
            return Err(Broken::Bytes(RowProblem::Binary { what: "a web page".to_owned() }));
        }
        let zeros = |odd: usize| self.raw.iter().skip(odd).step_by(2).filter(|&&byte| byte == 0).count();
        let (even, odd, most) = (zeros(0), zeros(1), self.raw.len() / 2);
        let marked = Encoding::for_bom(&self.raw).map(|(encoding, _)| encoding);
        let encoding = match marked {
            Some(encoding) => Some(encoding),
            None if even == 0 && odd * 2 > most => Some(UTF_16LE),
            None if odd == 0 && even * 2 > most => Some(UTF_16BE),
            None => None,
        };
        self.text = match encoding {
            Some(encoding) if encoding != UTF_8 => {
                if marked.is_none() {
                    self.note = Some(guessed(encoding));
                }
                Text::Other(Box::new(encoding.new_decoder_with_bom_removal()), encoding.name())
            }
            _ => Text::Utf8 { guess: true, ascii: true },
        };
        if marked == Some(UTF_8) {
            self.raw.drain(..3);
        }
        Ok(())
    }

    fn decode(&mut self, text: &mut String) -> std::result::Result<(), Broken> {
        let Text::Utf8 { guess, ascii } = &mut self.text else { return self.decode_other(text) };
        let (valid, wrong) = match std::str::from_utf8(&self.raw) {
            Ok(all) => (all.len(), false),
            Err(error) => (error.valid_up_to(), error.error_len().is_some() || self.ended),
        };
        *ascii &= self.raw[..valid].is_ascii();
        text.push_str(std::str::from_utf8(&self.raw[..valid]).expect("checked above"));
        self.raw.drain(..valid);
        if !wrong {
            return Ok(());
        }
        if !(*guess && *ascii) {
            return Err(Broken::Bytes(RowProblem::NotText { encoding: "UTF-8".to_owned() }));
        }
        let encoding = if looks_like_gbk(&self.raw) { GBK } else { WINDOWS_1252 };
        self.note = Some(guessed(encoding));
        self.text = Text::Other(Box::new(encoding.new_decoder_without_bom_handling()), encoding.name());
        self.decode_other(text)
    }

    fn decode_other(&mut self, text: &mut String) -> std::result::Result<(), Broken> {
        let Text::Other(decoder, name) = &mut self.text else { return Ok(()) };
        loop {
            text.reserve(decoder.max_utf8_buffer_length_without_replacement(self.raw.len()).unwrap_or(64));
            let (result, read) = decoder.decode_to_string_without_replacement(&self.raw, text, self.ended);
            self.raw.drain(..read);
            match result {
                DecoderResult::InputEmpty => return Ok(()),
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    return Err(Broken::Bytes(RowProblem::NotText { encoding: (*name).to_owned() }));
                }
            }
        }
    }
}

/// The encoding that a user named.
fn named(name: &str) -> Result<Text> {
    let lower = name.trim().to_ascii_lowercase();
    match lower.as_str() {
        "auto" => return Ok(Text::Unknown),
        "utf-16" | "utf16" => return Ok(Text::Other(Box::new(UTF_16LE.new_decoder()), "UTF-16")),
        _ => {}
    }
    let Some(encoding) = Encoding::for_label(lower.as_bytes()) else {
        return Err(Error::UnknownEncoding { found: name.to_owned() });
    };
    Ok(Text::Other(Box::new(encoding.new_decoder_with_bom_removal()), encoding.name()))
}

fn guessed(encoding: &'static Encoding) -> String {
    let name = encoding.name();
    format!(
        "the text is not UTF-8 and was read as {name}, which is a guess; --encoding {name} confirms it, or name another"
    )
}

/// Whether bytes that are not UTF-8 are rather Chinese than Western: characters of GBK take two bytes of which mostly both
/// are above 127, letters with accents one between letters without.
fn looks_like_gbk(bytes: &[u8]) -> bool {
    let runs = bytes.split(u8::is_ascii).map(<[u8]>::len).filter(|&length| length > 0);
    let (even, all) = runs.fold((0, 0), |(even, all), length| (even + usize::from(length % 2 == 0), all + 1));
    let cut = bytes.len() - usize::from(bytes.last().is_some_and(|byte| !byte.is_ascii()) && bytes.len() > 1);
    let valid = GBK.decode_without_bom_handling_and_without_replacement(&bytes[..cut]).is_some()
        || GBK.decode_without_bom_handling_and_without_replacement(bytes).is_some();
    valid && even * 4 >= all * 3
}

/// Counts the bytes that pass.
struct Counted<R> {
    input: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let found = self.input.read(buffer)?;
        self.bytes.set(self.bytes.get() + found as u64);
        Ok(found)
    }
}
