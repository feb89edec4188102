//! CIFAR records and class names: what is accepted, what is refused, and with which message.

use std::collections::HashSet;

use plangrad_formats::cifar::{self, IMAGE_BYTES, Records, Variant};
use plangrad_formats::{Error, Limits};

const BOTH: [Variant; 2] = [Variant::Cifar10, Variant::Cifar100];

/// `count` records, all labels and pixels distinguishable.
fn records(variant: Variant, count: usize) -> Records {
    let pixels = (0..count * IMAGE_BYTES).map(|i| (i % 251) as u8);
    let coarse = if variant == Variant::Cifar100 { count } else { 0 };
    Records {
        variant,
        labels: (0..count).map(|record| (record % variant.classes()) as u8).collect(),
        coarse_labels: (0..coarse).map(|record| (record % 20) as u8).collect(),
        images: pixels.collect(),
    }
}

fn encode(records: &Records) -> Vec<u8> {
    let mut file = Vec::new();
    cifar::write(&mut file, records).unwrap();
    file
}

fn read(file: &[u8], variant: Variant) -> Result<Records, Error> {
    cifar::read(file, variant, &Limits::default())
}

#[test]
fn the_layout_is_labels_then_red_green_blue() {
    let planes = [[1; 1_024], [2; 1_024], [3; 1_024]].concat();
    let file = [&[19, 99][..], &planes].concat();
    let records = read(&file, Variant::Cifar100).unwrap();
    assert_eq!((records.coarse_labels[0], records.labels[0]), (19, 99));
    assert_eq!(records.image(0), planes);
}

#[test]
fn any_whole_number_of_records_is_accepted() {
    // Around the size of a block, and none at all.
    for variant in BOTH {
        for count in [0, 1, 63, 64, 65, 200] {
            let original = records(variant, count);
            let file = encode(&original);
            assert_eq!(file.len(), count * variant.record_bytes());
            assert_eq!(read(&file, variant).unwrap(), original);
        }
    }
}

#[test]
fn concatenated_files_are_concatenated_records() {
    for variant in BOTH {
        let (first, second) = (records(variant, 3), records(variant, 70));
        let file = [encode(&first), encode(&second)].concat();
        let joined = Records::concat(variant, [first, second]).unwrap();
        assert_eq!(joined.len(), 73);
        assert_eq!(read(&file, variant).unwrap(), joined);
    }
}

#[test]
fn records_of_different_datasets_do_not_mix() {
    let mut ten = records(Variant::Cifar10, 1);
    let error = ten.append(&mut records(Variant::Cifar100, 1)).unwrap_err();
    assert_eq!(error.to_string(), "records of CIFAR-100 cannot join records of CIFAR-10");
    assert_eq!(ten, records(Variant::Cifar10, 1));
}

#[test]
fn a_partial_record_reports_whole_records_and_the_rest() {
    let file = encode(&records(Variant::Cifar10, 67));
    for end in [1, 3_072, 3_074, 66 * 3_073 + 5] {
        let Error::PartialRecord { records, remaining, offset, record_bytes } =
            read(&file[..end], Variant::Cifar10).unwrap_err()
        else {
            panic!("{end}")
        };
        assert_eq!((records, remaining), ((end / 3_073) as u64, end % 3_073));
        assert_eq!((offset, record_bytes), (end as u64 - remaining as u64, 3_073));
    }
    assert_eq!(
        read(&file[..3_078], Variant::Cifar10).unwrap_err().to_string(),
        "not a whole number of records: after 1 of 3073 bytes each, 5 bytes remain (from byte 3073); the file is \
         truncated or of another dataset"
    );
}

#[test]
fn a_file_of_known_length_is_refused_before_its_labels_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data_batch_1.bin");
    std::fs::write(&path, [0xFF; 5_000]).unwrap();
    let error = cifar::open(&path, Variant::Cifar10).unwrap_err();
    assert!(matches!(error.root(), Error::PartialRecord { records: 1, remaining: 1_927, .. }));
    assert!(error.to_string().starts_with(&path.display().to_string()));
}

#[test]
fn a_label_out_of_range_is_reported_with_its_record() {
    let mut ten = encode(&records(Variant::Cifar10, 130));
    ten[129 * 3_073] = 10;
    assert_eq!(
        read(&ten, Variant::Cifar10).unwrap_err().to_string(),
        "record 129 (counted from 0), byte 396417: the label must be below 10, found 10; is this the right dataset?"
    );

    let hundred = encode(&records(Variant::Cifar100, 3));
    for (position, label, expected) in [(0, 20, "coarse label"), (1, 100, "fine label")] {
        let mut file = hundred.clone();
        let at = 2 * 3_074 + position;
        file[at] = label;
        let Err(Error::LabelOutOfRange { kind, record, offset, label: found, .. }) =
            read(&file, Variant::Cifar100)
        else {
            panic!("{expected} was accepted")
        };
        assert_eq!((kind, record, offset, found), (expected, 2, at as u64, label));
    }
}

#[test]
fn gzip_is_recognised_by_its_bytes_whatever_the_name() {
    let original = records(Variant::Cifar100, 5);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.bin");
    cifar::write_gz(std::fs::File::create(&path).unwrap(), &original).unwrap();
    assert_eq!(cifar::open(&path, Variant::Cifar100).unwrap(), original);
}

#[test]
fn the_limit_applies_to_files_streams_and_gzip() {
    let original = records(Variant::Cifar10, 4);
    let file = encode(&original);
    let mut gzip = Vec::new();
    cifar::write_gz(&mut gzip, &original).unwrap();
    let exact = Limits::new(file.len() as u64);
    let less = Limits::new(file.len() as u64 - 1);
    for bytes in [&file, &gzip] {
        assert_eq!(cifar::read(&bytes[..], Variant::Cifar10, &exact).unwrap(), original);
        let error = cifar::read(&bytes[..], Variant::Cifar10, &less).unwrap_err();
        assert!(matches!(error, Error::LimitExceeded { limit, .. } if limit == less.max_bytes), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test_batch.bin");
    std::fs::write(&path, file).unwrap();
    let error = cifar::open_with(path, Variant::Cifar10, &less).unwrap_err();
    assert!(matches!(error.root(), Error::LimitExceeded { needed: 12_292, .. }));
}

#[test]
fn capacity_is_exact_after_reading_a_stream_of_unknown_length() {
    let original = records(Variant::Cifar100, 150);
    let read = read(&encode(&original), Variant::Cifar100).unwrap();
    assert_eq!(read.images.capacity(), 150 * IMAGE_BYTES);
    assert_eq!((read.labels.capacity(), read.coarse_labels.capacity()), (150, 150));
}

#[test]
fn html_instead_of_records_is_recognised() {
    let error = read(b"<html><body>404</body></html>", Variant::Cifar10).unwrap_err();
    assert!(matches!(error, Error::HtmlPage { .. }));
}

#[test]
fn inconsistent_records_are_not_written() {
    let whole = records(Variant::Cifar100, 2);
    let broken = [
        Records { images: vec![0; IMAGE_BYTES], ..whole.clone() },
        Records { coarse_labels: vec![], ..whole.clone() },
        Records { labels: vec![1, 100], ..whole.clone() },
        Records { coarse_labels: vec![1, 20], ..whole },
    ];
    for records in broken {
        let mut file = Vec::new();
        assert!(cifar::write(&mut file, &records).is_err());
        assert!(file.is_empty());
    }
}

#[test]
fn built_in_class_names_are_complete_and_distinct() {
    for variant in BOTH {
        let distinct: HashSet<_> = variant.class_names().iter().collect();
        assert_eq!(distinct.len(), variant.classes());
        let distinct: HashSet<_> = variant.coarse_class_names().iter().collect();
        assert_eq!(distinct.len(), variant.coarse_classes());
    }
    // The official lists of CIFAR-100 are in alphabetical order.
    assert!(Variant::Cifar100.class_names().is_sorted());
    assert!(Variant::Cifar100.coarse_class_names().is_sorted());
}

#[test]
fn class_names_are_trimmed_lines() {
    let names = cifar::parse_class_names(b"airplane\r\n automobile \n\nbird\n\n\n", 3).unwrap();
    assert_eq!(names, ["airplane", "automobile", "bird"]);
}

#[test]
fn invalid_class_names_are_refused() {
    let parse = |text: &[u8]| cifar::parse_class_names(text, 10).unwrap_err();
    assert!(matches!(parse(b"airplane\n"), Error::WrongClassCount { expected: 10, found: 1 }));
    assert!(matches!(parse(b"air\xFFplane"), Error::NotText { offset: 3 }));
    assert!(matches!(parse(b"<!doctype html>"), Error::HtmlPage { .. }));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("batches.meta.txt");
    std::fs::write(&path, vec![b'\n'; 100_000]).unwrap();
    let error = cifar::open_class_names(path, 10).unwrap_err();
    assert!(matches!(error.root(), Error::LimitExceeded { limit: 65_536, .. }));
}
