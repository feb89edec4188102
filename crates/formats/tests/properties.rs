//! Properties of all inputs: round trips, reads split anywhere, and no panic for any bytes.

use std::io::{self, Read};

use plangrad_formats::cifar::{self, IMAGE_BYTES, Records, Variant};
use plangrad_formats::idx::{self, Element, Idx, IdxBuf, Items};
use plangrad_formats::{Error, Limits};
use proptest::collection::vec;
use proptest::prelude::*;

const LIMITS: Limits = Limits::new(1 << 20);

/// Yields its data in pieces of the given sizes, again and again; a size of 0 is an interruption.
struct Pieces<'a> {
    data: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl<'a> Pieces<'a> {
    fn new(data: &'a [u8], sizes: &'a [usize]) -> Self {
        assert!(sizes.iter().any(|&size| size > 0), "would be interrupted forever");
        Self { data, sizes: sizes.iter().cycle() }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.sizes.next() {
            Some(0) | None => Err(io::ErrorKind::Interrupted.into()),
            Some(&size) => {
                let end = size.min(buffer.len());
                self.data.read(&mut buffer[..end])
            }
        }
    }
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![Just(0_usize), 1..4_usize, 1..5_000_usize], 1..6)
        .prop_filter("some piece must hold a byte", |sizes| sizes.iter().any(|&size| size > 0))
}

/// A shape of rank 0 to 5 and elements that fill it.
fn shaped<T: std::fmt::Debug + Clone>(
    element: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = (Vec<usize>, Vec<T>)> {
    vec(0..6_usize, 0..6).prop_flat_map(move |dims| {
        let count: usize = dims.iter().product();
        (Just(dims), vec(element.clone(), count))
    })
}

/// Writes plain and gzip, reads back in every way there is, and compares bit for bit.
fn assert_round_trip<T: Element>(dims: &[usize], elements: &[T], sizes: &[usize]) {
    let original = IdxBuf::from_elements(dims, elements).unwrap();
    let (mut plain, mut gzip) = (Vec::new(), Vec::new());
    idx::write(&mut plain, &original.as_idx()).unwrap();
    idx::write_gz(&mut gzip, &original.as_idx()).unwrap();

    assert_eq!(Idx::from_bytes(&plain).unwrap().to_owned(), original);
    for file in [&plain, &gzip] {
        assert_eq!(idx::read(&file[..], &LIMITS).unwrap(), original);
        assert_eq!(idx::read(Pieces::new(file, sizes), &LIMITS).unwrap(), original);
        let items = Items::new(Pieces::new(file, sizes), &LIMITS).unwrap();
        let joined: Vec<u8> = items.flat_map(|item| item.unwrap().data().to_vec()).collect();
        assert_eq!(joined, original.data());
    }
    let decoded = original.to_vec::<T>().unwrap();
    assert_eq!(IdxBuf::from_elements(dims, &decoded).unwrap(), original);
}

macro_rules! round_trip {
    ($($name:ident: $type:ty),*) => {
        proptest! {
            $(
                #[test]
                fn $name((dims, elements) in shaped(any::<$type>()), sizes in sizes()) {
                    assert_round_trip(&dims, &elements, &sizes);
                }
            )*
        }
    };
}

round_trip! {
    u8_of_any_shape_survives: u8,
    i8_of_any_shape_survives: i8,
    i16_of_any_shape_survives: i16,
    i32_of_any_shape_survives: i32,
    f32_of_any_shape_survives: f32,
    f64_of_any_shape_survives: f64
}

proptest! {
    /// Not a number is not equal to itself, but its bits are.
    #[test]
    fn every_bit_pattern_of_a_float_survives(bits in any::<u32>()) {
        let idx = IdxBuf::from_elements(&[1], &[f32::from_bits(bits)]).unwrap();
        prop_assert_eq!(idx.to_vec::<f32>().unwrap()[0].to_bits(), bits);
    }

    #[test]
    fn records_survive_however_the_reads_are_split(
        labels in vec((0..100_u8, 0..20_u8, any::<u8>()), 0..90),
        hundred in any::<bool>(),
        sizes in sizes(),
    ) {
        let original = records(&labels, hundred);
        let (mut plain, mut gzip) = (Vec::new(), Vec::new());
        cifar::write(&mut plain, &original).unwrap();
        cifar::write_gz(&mut gzip, &original).unwrap();
        for file in [&plain, &gzip] {
            let read = cifar::read(Pieces::new(file, &sizes), original.variant, &LIMITS).unwrap();
            prop_assert_eq!(&read, &original);
        }
    }

    /// One good file with some bytes changed and its end cut or extended: never a panic, and where the file is still
    /// accepted, it is exactly as long as its header says.
    #[test]
    fn a_mutated_idx_file_never_panics(
        (dims, elements) in shaped(any::<i16>()),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in 0..20_usize,
        extra in vec(any::<u8>(), 0..3),
        compressed in any::<bool>(),
    ) {
        let original = IdxBuf::from_elements(&dims, &elements).unwrap();
        let mut file = Vec::new();
        match compressed {
            true => idx::write_gz(&mut file, &original.as_idx()).unwrap(),
            false => idx::write(&mut file, &original.as_idx()).unwrap(),
        }
        mutate(&mut file, &changes, cut, &extra);
        if let Ok(idx) = idx::read(&file[..], &LIMITS) {
            prop_assert_eq!(idx.data().len(), idx.header().data_bytes());
        }
        if let Ok(idx) = Idx::from_bytes(&file) {
            prop_assert_eq!(idx.header().file_bytes(), file.len() as u64);
        }
        if let Ok(items) = Items::new(&file[..], &LIMITS) {
            items.take(1_000).for_each(drop);
        }
    }

    #[test]
    fn mutated_records_never_panic(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in 0..4_000_usize,
        extra in vec(any::<u8>(), 0..3),
        hundred in any::<bool>(),
    ) {
        let original = records(&[(1, 2, 3), (4, 5, 6)], hundred);
        let mut file = Vec::new();
        cifar::write_gz(&mut file, &original).unwrap();
        mutate(&mut file, &changes, cut.min(20), &extra);
        drop(cifar::read(&file[..], original.variant, &LIMITS));

        file.clear();
        cifar::write(&mut file, &original).unwrap();
        mutate(&mut file, &changes, cut, &extra);
        match cifar::read(&file[..], original.variant, &LIMITS) {
            Ok(records) => prop_assert_eq!(records.len() * original.variant.record_bytes(), file.len()),
            Err(Error::PartialRecord { records, record_bytes, remaining, .. }) => {
                prop_assert_eq!(records as usize * record_bytes + remaining, file.len());
            }
            Err(_) => {}
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..2_000), gzip in any::<bool>()) {
        let bytes = if gzip { [&[0x1f, 0x8b, 8, 0][..], &bytes].concat() } else { bytes };
        drop(idx::read(&bytes[..], &LIMITS));
        drop(Idx::from_bytes(&bytes));
        drop(cifar::parse_class_names(&bytes, 10));
        for variant in [Variant::Cifar10, Variant::Cifar100] {
            drop(cifar::read(&bytes[..], variant, &LIMITS));
            drop(cifar::read_tar_gz(&bytes[..], variant, &LIMITS));
        }
    }
}

/// One record for each (label, coarse label, pixel).
fn records(labels: &[(u8, u8, u8)], hundred: bool) -> Records {
    let variant = if hundred { Variant::Cifar100 } else { Variant::Cifar10 };
    let coarse = labels.iter().filter(|_| hundred).map(|&(_, coarse, _)| coarse);
    Records {
        variant,
        labels: labels.iter().map(|&(label, _, _)| label % variant.classes() as u8).collect(),
        coarse_labels: coarse.collect(),
        images: labels.iter().flat_map(|&(_, _, pixel)| [pixel; IMAGE_BYTES]).collect(),
    }
}

fn mutate(file: &mut Vec<u8>, changes: &[(prop::sample::Index, u8)], cut: usize, extra: &[u8]) {
    file.truncate(file.len().saturating_sub(cut));
    for (position, value) in changes.iter().filter(|_| !file.is_empty()).copied().collect::<Vec<_>>() {
        let position = position.index(file.len());
        file[position] = value;
    }
    file.extend_from_slice(extra);
}
