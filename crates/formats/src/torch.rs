//! Tensors of PyTorch's files (`.pth`, `.pt`): a zip archive with a pickle and the bytes of each storage.
//!
//! ```text
//! NAME/data.pkl     a dict of names and calls of torch._utils._rebuild_tensor_v2(storage, offset, size, stride, …)
//! NAME/data/0 …     the storages, little-endian unless NAME/byteorder says `big`
//! ```
//!
//! The pickle is read as data ([`crate::pickle`]): a file with anything but tensors in dicts, such as a whole model, is an
//! error, and no code is ever run. Files of PyTorch before 1.6 are not zip archives and are refused.

use std::collections::HashMap;
use std::io::{Read, Seek};

use crate::archive::Archive;
use crate::floats::{bf16_to_f32, f16_to_f32};
use crate::pickle::{self, Globals, Item};
use crate::source::Source;
use crate::{Error, Limits, Result};

/// Names under which a training script may keep the weights in a larger dict.
const INNER: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// Tensors of a file.
const MOST_TENSORS: usize = 100_000;

/// A tensor in single precision, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct TorchTensor {
    /// Its name in the dict.
    pub name: String,
    /// The sizes of its dimensions.
    pub dims: Vec<usize>,
    /// Its values; doubles are rounded to the nearest.
    pub values: Vec<f32>,
}

/// Reads the floating-point tensors of a `state_dict`, or of a dict that holds one. Other tensors, such as counts of batches,
/// are left out.
///
/// [`Limits::max_bytes`] bounds the values, and what describes them.
///
/// # Errors
///
/// [`Error::DamagedZip`], [`Error::Pickle`], [`Error::PickleContent`], [`Error::LimitExceeded`], [`Error::ShapeMismatch`].
pub fn read_state_dict(reader: impl Read + Seek, limits: &Limits) -> Result<Vec<TorchTensor>> {
    let archive = Archive::new(reader)?;
    let found = archive.names().find_map(|name| name.strip_suffix("data.pkl").map(str::to_owned));
    let missing =
        || Error::DamagedZip { reason: "there is no data.pkl in it, as PyTorch's files have".to_owned() };
    let folder = found.ok_or_else(missing)?;
    let pickle = entry(&archive, &format!("{folder}data.pkl"), limits)?;
    // Its bytes and the values made of them together.
    let room = Limits::new(limits.max_bytes.saturating_sub(pickle.len() as u64));
    let pickle = pickle::from_bytes(pickle, Globals::Torch, &room)?;
    let order = format!("{folder}byteorder");
    let is_big = archive.size(&order).is_some() && entry(&archive, &order, limits)? == b"big";
    let root = pickle.root();
    let inner = INNER.iter().find_map(|name| root.get(name).filter(|inner| inner.entries().is_some()));
    let dict = inner.unwrap_or(root);
    let entries = dict.entries().ok_or_else(|| wrong("a dict of tensors (state_dict)", Some(dict)))?;
    let mut storages =
        Storages { archive, folder, is_big, limits: *limits, left: limits.max_bytes, read: HashMap::new() };
    let mut tensors = Vec::new();
    for (key, value) in entries.take(MOST_TENSORS) {
        let (Some(name), Some(view)) = (key.text(), View::of(value)) else { continue };
        if let Some(values) = storages.values(&view)? {
            tensors.push(TorchTensor { name: name.to_owned(), dims: view.dims, values });
        }
    }
    if tensors.is_empty() {
        return Err(wrong("floating-point tensors in a dict", Some(dict)));
    }
    Ok(tensors)
}

fn wrong(expected: &str, found: Option<Item<'_>>) -> Error {
    pickle::wrong_content(expected.to_owned(), found)
}

fn entry<R: Read + Seek>(archive: &Archive<R>, name: &str, limits: &Limits) -> Result<Vec<u8>> {
    let read = pickle::read_all(Source::raw(archive.open(name)?), limits);
    read.map_err(|error| error.in_file(name))
}

/// How a tensor lies in its storage.
#[derive(Debug)]
struct View {
    storage: String,
    kind: String,
    offset: usize,
    dims: Vec<usize>,
    strides: Vec<usize>,
}

impl View {
    fn of(value: Item<'_>) -> Option<Self> {
        let (function, arguments, _) = value.call()?;
        if function == "_rebuild_parameter" {
            return Self::of(arguments.items()?.next().filter(|inner| {
                // A parameter of a parameter does not exist, and might not end.
                inner.call().is_some_and(|(function, ..)| function == "_rebuild_tensor_v2")
            })?);
        }
        if function != "_rebuild_tensor_v2" {
            return None;
        }
        let mut arguments = arguments.items()?;
        let mut storage = arguments.next()?.persistent()?.items()?;
        (storage.next()?.text()? == "storage").then_some(())?;
        let (_, kind) = storage.next()?.global()?;
        let key = storage.next()?.text()?;
        let size = |item: Item<'_>| usize::try_from(item.int()?).ok();
        let offset = size(arguments.next()?)?;
        let sizes = |item: Item<'_>| item.items()?.map(size).collect::<Option<Vec<usize>>>();
        let (dims, strides) = (sizes(arguments.next()?)?, sizes(arguments.next()?)?);
        (dims.len() == strides.len() && dims.len() <= 8).then(|| Self {
            storage: key.to_owned(),
            kind: kind.to_owned(),
            offset,
            dims,
            strides,
        })
    }

    fn len(&self) -> Option<usize> {
        self.dims.iter().try_fold(1_usize, |len, &dim| len.checked_mul(dim))
    }
}

/// The storages of a file, each read once.
struct Storages<R> {
    archive: Archive<R>,
    folder: String,
    is_big: bool,
    limits: Limits,
    /// Bytes of values that may still be made: a tiny storage can be viewed as a huge tensor.
    left: u64,
    read: HashMap<String, Vec<f32>>,
}

impl<R: Read + Seek> Storages<R> {
    /// Counts bytes of values against the limit.
    fn charge(&mut self, bytes: u64) -> Result<()> {
        let exceeded = || Error::LimitExceeded { needed: bytes, limit: self.limits.max_bytes };
        self.left = self.left.checked_sub(bytes).ok_or_else(exceeded)?;
        Ok(())
    }

    /// The values of a tensor, row by row; `None` if they are not floating-point numbers.
    fn values(&mut self, view: &View) -> Result<Option<Vec<f32>>> {
        let Some(decode) = decoder(&view.kind) else { return Ok(None) };
        if !self.read.contains_key(&view.storage) {
            let name = format!("{}data/{}", self.folder, view.storage);
            let mut bytes = entry(&self.archive, &name, &self.limits)?;
            let (size, one) = decode;
            if self.is_big {
                bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
            self.charge(4 * (bytes.len() / size) as u64)?;
            let values = bytes.chunks_exact(size).map(one).collect();
            self.read.insert(view.storage.clone(), values);
        }
        let bytes = view.len().and_then(|len| len.checked_mul(4)).unwrap_or(usize::MAX) as u64;
        self.charge(bytes)?;
        let storage = &self.read[&view.storage];
        let mismatch = || Error::ShapeMismatch {
            dims: view.dims.clone(),
            expected: view.len().unwrap_or(usize::MAX),
            found: storage.len(),
        };
        let len = view.len().ok_or_else(mismatch)?;
        let mut values: Vec<f32> = Vec::new();
        values.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { bytes })?;
        let mut index = vec![0_usize; view.dims.len()];
        for _ in 0..len {
            let mut steps = index.iter().zip(&view.strides);
            let place =
                steps.try_fold(view.offset, |sum, (&i, &stride)| sum.checked_add(i.checked_mul(stride)?));
            let value = place.and_then(|place| storage.get(place)).ok_or_else(mismatch)?;
            values.push(*value);
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                if index[axis] < view.dims[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(Some(values))
    }
}

/// Bytes of a number, and how it is read.
type Decoder = (usize, fn(&[u8]) -> f32);

fn decoder(kind: &str) -> Option<Decoder> {
    Some(match kind {
        "FloatStorage" => (4, |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        "DoubleStorage" => {
            (8, |b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32)
        }
        "HalfStorage" => (2, |b| f16_to_f32([b[0], b[1]])),
        "BFloat16Storage" => (2, |b| bf16_to_f32([b[0], b[1]])),
        _ => return None,
    })
}
