//! Properties of `plangrad-formats` for every input. Shared with that crate's tests.

use std::io::{self, Read};

use plangrad_formats::cifar::{self, Records, Variant};
use plangrad_formats::idx::{self, Element, ElementType, Idx, IdxBuf};
use plangrad_formats::numpy::{self, Npz, NumpyArray};
use plangrad_formats::pickle::{self, Globals, Item};
use plangrad_formats::torch;
use plangrad_formats::{Error, Limits};

/// Small, so that the limit itself is reached too.
const LIMITS: Limits = Limits::new(1 << 20);
/// A few bytes may claim four billion empty items, which would take too long to iterate over.
const MOST_ITEMS: usize = 1_000;

/// A target: it panics if a property is violated.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: [(&str, Target); 7] = [
    ("idx_decode", idx_decode),
    ("idx_round_trip", idx_round_trip),
    ("idx_split_reads", idx_split_reads),
    ("cifar_decode", cifar_decode),
    ("cifar_tar", cifar_tar),
    ("pickle", pickle),
    ("npz", npz),
];

/// Any bytes as an IDX file: slice, reader and items agree, and what is accepted is written back byte for byte.
pub fn idx_decode(data: &[u8]) {
    let streamed = idx::read(data, &LIMITS);
    if let Ok(idx) = &streamed {
        check_elements(idx);
        check_items(data, idx);
    }
    if is_gzip(data) {
        assert!(Idx::from_bytes(data).is_err(), "a slice is never decompressed");
        return;
    }
    match (Idx::from_bytes(data), streamed) {
        (Ok(borrowed), Ok(owned)) => {
            assert_eq!(borrowed.to_owned(), owned);
            let mut written = Vec::new();
            idx::write(&mut written, &borrowed).expect("a Vec takes everything");
            assert_eq!(written, data);
        }
        (Ok(borrowed), Err(Error::LimitExceeded { needed, .. })) => {
            assert_eq!(needed, borrowed.data().len() as u64);
        }
        (Err(_), Err(_)) => {}
        (borrowed, owned) => panic!("{borrowed:?} from the slice, {owned:?} from the reader"),
    }
}

/// Elements of any type and shape survive writing and reading, plain and gzip. The input chooses type and shape.
pub fn idx_round_trip(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let element_type = ElementType::ALL[usize::from(choice) % ElementType::ALL.len()];
    let rank = usize::from(choice) / ElementType::ALL.len() % 6;
    let Some((dims, bytes)) = rest.split_at_checked(rank) else { return };
    let dims: Vec<usize> = dims.iter().map(|&size| usize::from(size % 8)).collect();
    match element_type {
        ElementType::U8 => round_trip::<u8>(&dims, bytes),
        ElementType::I8 => round_trip::<i8>(&dims, bytes),
        ElementType::I16 => round_trip::<i16>(&dims, bytes),
        ElementType::I32 => round_trip::<i32>(&dims, bytes),
        ElementType::F32 => round_trip::<f32>(&dims, bytes),
        ElementType::F64 => round_trip::<f64>(&dims, bytes),
    }
}

/// The same result, the same error even, however the reads are split.
pub fn idx_split_reads(data: &[u8]) {
    let Some((&seed, data)) = data.split_first() else { return };
    let whole = idx::read(data, &LIMITS);
    let split = idx::read(SplitReader::new(data, seed), &LIMITS);
    match (whole, split) {
        (Ok(whole), Ok(split)) => assert_eq!(whole, split),
        (Err(whole), Err(split)) => check_same_error(data, &whole, &split),
        (whole, split) => panic!("{whole:?} at once, {split:?} in parts"),
    }
}

/// Any bytes as CIFAR records and as class names. The first byte chooses the dataset and how the reads are split.
pub fn cifar_decode(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let variant = variant(choice);
    let _ = cifar::parse_class_names(data, variant.classes());
    let whole = cifar::read(data, variant, &LIMITS);
    let split = cifar::read(SplitReader::new(data, choice), variant, &LIMITS);
    match (whole, split) {
        (Ok(whole), Ok(split)) => {
            assert_eq!(whole, split);
            check_records(&whole);
            let mut written = Vec::new();
            cifar::write(&mut written, &whole).expect("a Vec takes everything");
            assert!(is_gzip(data) || written == data);
        }
        (Err(whole), Err(split)) => check_same_error(data, &whole, &split),
        (whole, split) => {
            panic!("{:?} at once, {:?} in parts", whole.map(|w| w.len()), split.map(|s| s.len()))
        }
    }
}

/// Any bytes as an archive. The first byte chooses the dataset, and whether header checksums are
/// corrected first, which a fuzzer would not guess.
pub fn cifar_tar(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let mut data = data.to_vec();
    if choice & 2 != 0 {
        repair_checksums(&mut data);
    }
    let variant = variant(choice);
    let whole = cifar::read_tar_gz(&data[..], variant, &LIMITS);
    let split = cifar::read_tar_gz(SplitReader::new(&data, choice), variant, &LIMITS);
    match (whole, split) {
        (Ok(whole), Ok(split)) => {
            assert_eq!(whole, split);
            check_records(&whole.train);
            check_records(&whole.test);
            assert_eq!(whole.class_names.len(), variant.classes());
            assert_eq!(whole.coarse_class_names.len(), variant.coarse_classes());
        }
        (Err(whole), Err(split)) => check_same_error(&data, &whole, &split),
        (whole, split) => panic!("{:?} at once, {:?} in parts", whole.map(|_| ()), split.map(|_| ())),
    }
}

/// Any bytes as a pickle, with numpy's names (the first byte is even) or with torch's too: no crash, values within the
/// limit, and each of them can be looked at.
pub fn pickle(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let globals = if choice & 1 == 0 { Globals::Numpy } else { Globals::Torch };
    let whole = pickle::read(data, globals, &LIMITS);
    let split = pickle::read(SplitReader::new(data, choice), globals, &LIMITS);
    match (whole, split) {
        (Ok(whole), Ok(split)) => {
            look(whole.root(), 6);
            look(split.root(), 6);
        }
        (Err(whole), Err(split)) => check_same_error(data, &whole, &split),
        (whole, split) => panic!("{:?} at once, {:?} in parts", whole.map(|_| ()), split.map(|_| ())),
    }
}

/// Asks a value everything, and those within it down to a depth: a list may hold itself.
fn look(item: Item<'_>, depth: usize) {
    let _ = (item.int(), item.float(), item.bool(), item.text(), item.bytes().map(<[u8]>::len), item.kind());
    let _ = (item.get("data").is_some(), item.global(), item.persistent().is_some());
    if let Some(array) = item.array() {
        let _ = array.to_array().map(|array| array.to_integers());
    }
    if depth == 0 {
        return;
    }
    for inner in item.items().into_iter().flatten().take(8) {
        look(inner, depth - 1);
    }
    for (key, value) in item.entries().into_iter().flatten().take(8) {
        look(key, depth - 1);
        look(value, depth - 1);
    }
    if let Some((_, arguments, state)) = item.call() {
        look(arguments, depth - 1);
        state.into_iter().for_each(|state| look(state, depth - 1));
    }
}

/// Any bytes as an archive of arrays, as one array, and as PyTorch's tensors: no crash, and as many numbers as shapes say.
pub fn npz(data: &[u8]) {
    for tensor in torch::read_state_dict(io::Cursor::new(data), &LIMITS).into_iter().flatten() {
        assert_eq!(tensor.values.len(), tensor.dims.iter().product::<usize>());
    }
    if let Ok(array) = numpy::read_npy(data, &LIMITS) {
        check_array(&array);
    }
    let Ok(mut npz) = Npz::new(io::Cursor::new(data), &LIMITS) else { return };
    for name in npz.names().into_iter().take(MOST_ITEMS) {
        if let Ok(array) = npz.array(&name) {
            check_array(&array);
        }
    }
}

fn check_array(array: &NumpyArray) {
    let count: usize = array.dims().iter().product();
    assert_eq!(array.len(), count);
    assert!(array.data().len() as u64 <= LIMITS.max_bytes);
    assert_eq!(array.to_f64().expect("small").len(), count);
    let _ = array.to_integers();
}

fn variant(choice: u8) -> Variant {
    if choice & 1 == 0 { Variant::Cifar10 } else { Variant::Cifar100 }
}

fn is_gzip(data: &[u8]) -> bool {
    data.starts_with(&[0x1f, 0x8b])
}

/// The same sentence, offsets included. Only in damaged gzip does it depend on the reads how far the inflater comes
/// before it sees the damage, and so which of two things that are wrong is met first.
fn check_same_error(data: &[u8], whole: &Error, split: &Error) {
    // Also inside an archive.
    let may_hold_gzip = data.windows(2).any(is_gzip);
    if !may_hold_gzip {
        assert_eq!(whole.to_string(), split.to_string());
    }
}

/// Exactly one of the six types fits, and the number of elements is the header's.
fn check_elements(idx: &IdxBuf) {
    let counts = [
        idx.to_vec::<u8>().map(|elements| elements.len()),
        idx.to_vec::<i8>().map(|elements| elements.len()),
        idx.to_vec::<i16>().map(|elements| elements.len()),
        idx.to_vec::<i32>().map(|elements| elements.len()),
        idx.to_vec::<f32>().map(|elements| elements.len()),
        idx.to_vec::<f64>().map(|elements| elements.len()),
    ];
    let fitting: Vec<usize> = counts.into_iter().flatten().collect();
    assert_eq!(fitting, [idx.header().element_count()]);
}

/// The items of a good file, one by one, are the file.
fn check_items(data: &[u8], idx: &IdxBuf) {
    let items = idx::Items::new(data, &LIMITS).expect("the whole file was accepted");
    let mut joined = Vec::new();
    for item in items.take(MOST_ITEMS) {
        joined.extend_from_slice(item.expect("the whole file was accepted").data());
    }
    assert!(idx.data().starts_with(&joined));
    assert!(idx.header().item_count() > MOST_ITEMS || joined == idx.data());
}

fn round_trip<T: Element>(dims: &[usize], bytes: &[u8]) {
    let count: usize = dims.iter().product();
    let size = T::ELEMENT_TYPE.size();
    let bytes: Vec<u8> = bytes.iter().copied().chain(std::iter::repeat(0x5A)).take(count * size).collect();
    let header = idx::Header::new(T::ELEMENT_TYPE, dims).expect("small");
    let original = Idx::new(header, &bytes).expect("as many bytes as the shape takes");

    let elements = original.to_vec::<T>().expect("its own type");
    assert_eq!(IdxBuf::from_elements(dims, &elements).expect("as many elements").data(), bytes);

    let (mut plain, mut gzip) = (Vec::new(), Vec::new());
    idx::write(&mut plain, &original).expect("a Vec takes everything");
    idx::write_gz(&mut gzip, &original).expect("a Vec takes everything");
    assert_eq!(Idx::from_bytes(&plain).expect("just written"), original);
    assert_eq!(idx::read(&plain[..], &LIMITS).expect("just written").as_idx(), original);
    assert_eq!(idx::read(&gzip[..], &LIMITS).expect("just written").as_idx(), original);
}

fn check_records(records: &Records) {
    let variant = records.variant;
    assert_eq!(records.images.len(), records.len() * cifar::IMAGE_BYTES);
    assert!(records.labels.iter().all(|&label| usize::from(label) < variant.classes()));
    let coarse = if variant == Variant::Cifar100 { records.len() } else { 0 };
    assert_eq!(records.coarse_labels.len(), coarse);
    assert!(records.coarse_labels.iter().all(|&label| usize::from(label) < variant.coarse_classes()));
}

/// Sets the checksum of each tar header, following the sizes as far as they make sense.
fn repair_checksums(data: &mut [u8]) {
    let mut position = 0;
    while let Some(header) = data.get_mut(position..position + 512) {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let digits = std::str::from_utf8(&header[124..135]).ok();
        let size = digits.and_then(|digits| usize::from_str_radix(digits.trim_matches(['\0', ' ']), 8).ok());
        position = position.saturating_add(512).saturating_add(size.unwrap_or(0).next_multiple_of(512));
        if position > data.len() {
            return;
        }
    }
}

/// Yields `data` in pieces of changing size, with an interruption now and then.
pub struct SplitReader<'a> {
    data: &'a [u8],
    state: u32,
}

impl<'a> SplitReader<'a> {
    /// The pieces are a function of `seed`.
    pub fn new(data: &'a [u8], seed: u8) -> Self {
        Self { data, state: u32::from(seed) + 1 }
    }

    fn random(&mut self) -> usize {
        // Marsaglia's xorshift32.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        self.state as usize
    }
}

impl Read for SplitReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let random = self.random();
        if random.is_multiple_of(7) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let most = [1, 2, 13, 700, 5_000][random / 7 % 5];
        let size = buffer.len().min(most).min(self.data.len());
        let (piece, rest) = self.data.split_at(size);
        buffer[..size].copy_from_slice(piece);
        self.data = rest;
        Ok(size)
    }
}
