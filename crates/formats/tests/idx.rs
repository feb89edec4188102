//! IDX: what is accepted, what is refused, and with which message.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use plangrad_formats::idx::{self, ElementType, Header, Idx, IdxBuf, Items};
use plangrad_formats::{Error, Limits};

/// Two items of 1 × 3.
const IMAGES: [u8; 22] = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];

fn read(bytes: &[u8]) -> Result<IdxBuf, Error> {
    idx::read(bytes, &Limits::default())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Slice and reader must refuse alike; returns the message of both.
fn refusal(bytes: &[u8]) -> String {
    let from_slice = Idx::from_bytes(bytes).unwrap_err().to_string();
    let from_reader = read(bytes).unwrap_err().to_string();
    assert_eq!(from_slice, from_reader);
    from_slice
}

#[test]
fn a_slice_is_borrowed_not_copied() {
    let images = Idx::from_bytes(&IMAGES).unwrap();
    assert_eq!(images.as_u8().unwrap().as_ptr(), IMAGES[16..].as_ptr());
    let second = images.items().nth(1).unwrap();
    assert_eq!(second.dims(), [1, 3]);
    assert_eq!(second.data().as_ptr(), IMAGES[19..].as_ptr());
}

#[test]
fn each_element_type_is_decoded_big_endian() {
    let file = |code: u8, element: &[u8]| [&[0, 0, code, 1, 0, 0, 0, 1], element].concat();
    let only = |bytes: Vec<u8>| read(&bytes).unwrap();
    assert_eq!(only(file(0x08, &[200])).to_vec::<u8>().unwrap(), [200]);
    assert_eq!(only(file(0x09, &[0xFE])).to_vec::<i8>().unwrap(), [-2]);
    assert_eq!(only(file(0x0B, &[0xFE, 0xD4])).to_vec::<i16>().unwrap(), [-300]);
    assert_eq!(only(file(0x0C, &[0, 1, 0, 0])).to_vec::<i32>().unwrap(), [65_536]);
    assert_eq!(only(file(0x0D, &[0x3F, 0xC0, 0, 0])).to_vec::<f32>().unwrap(), [1.5]);
    assert_eq!(only(file(0x0E, &[0xC0, 4, 0, 0, 0, 0, 0, 0])).to_vec::<f64>().unwrap(), [-2.5]);
}

#[test]
fn rank_0_is_one_element_and_one_item() {
    let scalar = Idx::from_bytes(&[0, 0, 8, 0, 42]).unwrap();
    assert_eq!(scalar.dims(), [0; 0]);
    assert_eq!(scalar.to_vec::<u8>().unwrap(), [42]);
    assert_eq!(scalar.items().len(), 1);
}

#[test]
fn a_dimension_of_0_means_no_data() {
    let mut file = vec![0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28];
    assert_eq!(read(&file).unwrap().data(), []);
    file.push(1);
    assert_eq!(refusal(&file), "trailing data at byte 16: the header describes 16 bytes, found at least 17");
}

#[test]
fn gzip_is_recognised_by_its_bytes_whatever_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, gzipped) = (folder.path().join("images.gz"), folder.path().join("images"));
    std::fs::write(&plain, IMAGES).unwrap();
    std::fs::write(&gzipped, gzip(&IMAGES)).unwrap();
    assert_eq!(idx::open(plain).unwrap(), idx::open(gzipped).unwrap());
}

#[test]
fn gzip_of_several_members_is_one_file() {
    let file = [gzip(&IMAGES[..5]), gzip(&IMAGES[5..])].concat();
    assert_eq!(read(&file).unwrap().as_idx(), Idx::from_bytes(&IMAGES).unwrap());
}

#[test]
fn a_slice_is_never_decompressed() {
    assert!(matches!(Idx::from_bytes(&gzip(&IMAGES)), Err(Error::WrongMagic { found: [0x1f, 0x8b] })));
    assert!(matches!(Header::from_bytes(&gzip(&IMAGES)), Err(Error::WrongMagic { .. })));
}

#[test]
fn every_prefix_is_truncated_at_its_length() {
    for end in 0..IMAGES.len() {
        for error in [Idx::from_bytes(&IMAGES[..end]).unwrap_err(), read(&IMAGES[..end]).unwrap_err()] {
            let Error::Truncated { expected, found } = error else { panic!("{end}: {error}") };
            assert_eq!(found, end as u64);
            let known = if end < 4 {
                4
            } else if end < 16 {
                16
            } else {
                22
            };
            assert_eq!(expected, known, "at {end}");
        }
    }
    assert_eq!(refusal(&IMAGES[..20]), "truncated: 22 bytes expected, but the data ends after 20");
}

#[test]
fn every_prefix_of_a_gzip_file_is_an_error() {
    let file = gzip(&IMAGES);
    for end in 2..file.len() {
        let error = read(&file[..end]).unwrap_err();
        assert!(matches!(error, Error::GzipTruncated { .. }), "{end}: {error}");
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let file = [&IMAGES[..], b"xx"].concat();
    assert_eq!(refusal(&file), "trailing data at byte 22: the header describes 22 bytes, found at least 24");
    assert!(matches!(read(&gzip(&file)), Err(Error::Trailing { expected: 22, found: 24 })));
}

#[test]
fn bytes_after_a_gzip_stream_are_named_with_their_place() {
    let whole = gzip(&IMAGES);
    let file = [whole.clone(), vec![0; 3], b"garbage after the end".to_vec()].concat();
    let error = read(&file).unwrap_err();
    let Error::GzipTrailing { offset, found, decompressed } = &error else { panic!("{error}") };
    assert_eq!((*offset, *decompressed), (whole.len() as u64 + 3, IMAGES.len() as u64));
    assert_eq!(found, b"garbage ");
    assert!(error.to_string().contains("found the bytes 67 61 72 62 61 67 65 20 (\"garbage \")"), "{error}");
}

#[test]
fn zeros_after_a_gzip_stream_are_padding() {
    for zeros in [1, 2, 512, 100_000] {
        let file = [gzip(&IMAGES), vec![0; zeros]].concat();
        assert_eq!(read(&file).unwrap(), read(&IMAGES).unwrap());
    }
    let padded_between = [gzip(&IMAGES[..5]), vec![0; 7], gzip(&IMAGES[5..])].concat();
    assert_eq!(read(&padded_between).unwrap(), read(&IMAGES).unwrap());
}

#[test]
fn a_second_member_cut_within_its_header_is_truncated() {
    for end in 1..10 {
        let file = [gzip(&IMAGES), gzip(&IMAGES)[..end].to_vec()].concat();
        let error = read(&file).unwrap_err();
        assert!(matches!(error, Error::GzipTruncated { .. }), "{end}: {error}");
    }
}

#[test]
fn a_wrong_gzip_checksum_is_damage_even_though_all_data_arrived() {
    let mut file = gzip(&IMAGES);
    let checksum = file.len() - 8;
    file[checksum] ^= 1;
    assert!(matches!(read(&file), Err(Error::GzipDamaged { offset: 22, .. })));
}

#[test]
fn wrong_magic_is_refused() {
    assert_eq!(
        refusal(b"PK\x03\x04 a zip file"),
        "not an IDX file: expected the bytes 00 00 at offset 0, found 50 4b"
    );
}

#[test]
fn every_unknown_element_type_is_refused() {
    for code in 0..=u8::MAX {
        let result = read(&[0, 0, code, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let known = ElementType::from_code(code).is_some();
        assert_eq!(known, !matches!(result, Err(Error::UnknownElementType { found }) if found == code));
    }
    let message = refusal(&[0, 0, 0x0A, 1, 0, 0, 0, 0]);
    assert!(message.starts_with("unknown IDX element type at offset 2") && message.ends_with("found 0a"));
}

#[test]
fn html_instead_of_data_is_recognised() {
    for page in ["<!DOCTYPE html><html>", "\u{feff}\r\n <HTML lang=en>", "<?xml version='1.0'?><Error/>"] {
        let message = refusal(page.as_bytes());
        assert!(message.starts_with("an HTML page instead of data"), "{message}");
    }
}

#[test]
fn overflowing_sizes_are_refused_first() {
    let file = [&[0, 0, 0x0E, 4][..], &[0xFF; 16]].concat();
    assert!(refusal(&file).contains("overflow"));
    // A size of 0 does not hide it: nothing sensible has such a shape.
    let with_zero = [&[0, 0, 0x0E, 5][..], &[0xFF; 16], &[0; 4]].concat();
    assert!(matches!(read(&with_zero), Err(Error::SizeOverflow { .. })));
}

#[test]
fn a_limit_is_checked_before_the_data_is_read() {
    struct OnlyAHeader<'a>(&'a [u8]);
    impl std::io::Read for OnlyAHeader<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            assert!(!self.0.is_empty(), "read past the header");
            self.0.read(buffer)
        }
    }
    // 64 bytes of header: as many as are read to recognise the format.
    let header = [&[0, 0, 8, 15][..], &[0, 0, 0, 4].repeat(15)].concat();
    let error = idx::read(OnlyAHeader(&header), &Limits::new(1 << 29)).unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { needed: 0x4000_0000, limit: 0x2000_0000 }), "{error}");
    assert!(idx::read(&IMAGES[..], &Limits::new(6)).is_ok());
    assert!(idx::read(&IMAGES[..], &Limits::new(5)).is_err());
}

#[test]
fn a_limit_bounds_one_item_of_items() {
    assert!(Items::new(&IMAGES[..], &Limits::new(3)).is_ok());
    let error = Items::new(&IMAGES[..], &Limits::new(2)).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { needed: 3, limit: 2 }));
}

#[test]
fn items_of_a_truncated_file_end_with_an_error() {
    let items = Items::new(&IMAGES[..21], &Limits::default()).unwrap();
    let items: Vec<_> = items.collect();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0].as_ref().unwrap().as_u8().unwrap(), [1, 2, 3]);
    assert!(matches!(items[1], Err(Error::Truncated { expected: 22, found: 21 })));
}

#[test]
fn items_report_data_after_the_last_one() {
    let file = [&IMAGES[..], b"x"].concat();
    let mut items = Items::new(&file[..], &Limits::default()).unwrap();
    assert_eq!(items.by_ref().take(2).filter(Result::is_ok).count(), 2);
    assert!(matches!(items.next(), Some(Err(Error::Trailing { expected: 22, found: 23 }))));
    assert!(items.next().is_none());
}

#[test]
fn the_size_hint_of_items_is_right_to_the_end() {
    let mut items = Items::new(&IMAGES[..], &Limits::default()).unwrap();
    assert_eq!(items.size_hint(), (0, Some(3)));
    items.by_ref().for_each(|item| assert!(item.is_ok()));
    assert_eq!(items.size_hint(), (0, Some(0)));
}

#[test]
fn elements_are_never_converted_silently() {
    let images = read(&IMAGES).unwrap();
    let error = images.to_vec::<f32>().unwrap_err();
    assert_eq!(error.to_string(), "wrong element type: expected f32, the data holds u8");
    let floats = IdxBuf::from_elements(&[1], &[1.0_f32]).unwrap();
    assert!(floats.as_u8().is_err() && floats.into_u8().is_err());
}

#[test]
fn shapes_not_filled_by_the_data_are_refused() {
    let error = IdxBuf::from_elements(&[2, 3], &[1_i16; 5]).unwrap_err();
    assert!(matches!(error, Error::ShapeMismatch { expected: 6, found: 5, .. }));
    assert!(IdxBuf::from_u8(&[2, 3], vec![0; 7]).is_err());
    let header = Header::new(ElementType::I32, &[2]).unwrap();
    assert!(matches!(Idx::new(header, &[0; 2]), Err(Error::ShapeMismatch { expected: 8, found: 2, .. })));
}

#[test]
fn shapes_that_idx_cannot_express_are_refused() {
    assert!(matches!(Header::new(ElementType::U8, &[1; 256]), Err(Error::RankTooLarge { found: 256 })));
    assert!(Header::new(ElementType::U8, &[1; 255]).is_ok());
    let error = Header::new(ElementType::U8, &[1, 1 << 32]).unwrap_err();
    assert!(matches!(error, Error::DimensionTooLarge { axis: 1, found: 0x1_0000_0000 }));
}

#[test]
fn an_error_from_a_file_names_it_and_has_the_cause_as_root() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels-idx1-ubyte");
    std::fs::write(&path, &IMAGES[..10]).unwrap();
    let error = idx::open(&path).unwrap_err();
    assert!(matches!(error.root(), Error::Truncated { expected: 16, found: 10 }));
    assert_eq!(
        error.to_string(),
        format!("{}: truncated: 16 bytes expected, but the data ends after 10", path.display())
    );

    let missing = idx::open(folder.path().join("missing")).unwrap_err();
    assert!(matches!(missing.root(), Error::Open { .. }));
    let directory = idx::open(folder.path()).unwrap_err();
    assert!(matches!(directory.root(), Error::Open { .. }));
    assert!(directory.to_string().ends_with("expected a regular file, found a folder"), "{directory}");
}

#[test]
fn a_file_shorter_than_its_header_claims_is_refused_by_its_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims-four-gibibytes");
    std::fs::write(&path, [0, 0, 8, 1, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3]).unwrap();
    let error = idx::open(&path).unwrap_err();
    assert!(matches!(error.root(), Error::Truncated { expected: 0x1_0000_0007, found: 11 }), "{error}");
}

#[test]
fn a_failing_reader_is_not_reported_as_damaged_data() {
    struct Fails<'a>(&'a [u8]);
    impl std::io::Read for Fails<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("the cable was pulled")),
                count => Ok(count),
            }
        }
    }
    let long = IdxBuf::from_u8(&[1_000], vec![7; 1_000]).unwrap();
    let mut file = Vec::new();
    idx::write(&mut file, &long.as_idx()).unwrap();
    let error = idx::read(Fails(&file[..500]), &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "reading failed at byte 500: the cable was pulled");
}

#[test]
fn compression_is_reproducible() {
    let images = Idx::from_bytes(&IMAGES).unwrap();
    let [first, second] = [(); 2].map(|()| {
        let mut file = Vec::new();
        idx::write_gz(&mut file, &images).unwrap();
        file
    });
    assert_eq!(first, second);
    assert_eq!(first[4..8], [0; 4], "no time");
}

#[test]
fn a_failing_writer_is_reported() {
    let mut full: &mut [u8] = &mut [0; 10];
    let error = idx::write(&mut full, &Idx::from_bytes(&IMAGES).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Write { .. }));
}
