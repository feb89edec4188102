//! The official archives with entries in any order, and malicious ones.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use plangrad_formats::cifar::{self, Archive, IMAGE_BYTES, Records, Variant};
use plangrad_formats::{Error, Limits};
use tar::{EntryType, Header};

/// One record of CIFAR-10 whose label and pixels are `value`.
fn record(value: u8) -> Vec<u8> {
    vec![value; 1 + IMAGE_BYTES]
}

/// The official order of the entries of `cifar-10-binary.tar.gz`, which is not the order of the batches.
fn cifar10() -> Vec<(&'static str, Vec<u8>)> {
    let names = Variant::Cifar10.class_names().join("\n") + "\n\n";
    vec![
        ("cifar-10-batches-bin/data_batch_1.bin", record(1)),
        ("cifar-10-batches-bin/batches.meta.txt", names.into_bytes()),
        ("cifar-10-batches-bin/data_batch_3.bin", [record(3), record(6)].concat()),
        ("cifar-10-batches-bin/data_batch_4.bin", record(4)),
        ("cifar-10-batches-bin/test_batch.bin", record(9)),
        ("cifar-10-batches-bin/readme.html", b"<html>a page that belongs here</html>".to_vec()),
        ("cifar-10-batches-bin/data_batch_5.bin", record(5)),
        ("cifar-10-batches-bin/data_batch_2.bin", record(2)),
    ]
}

/// Appends an entry exactly as given: `tar::Builder` would refuse some of these names.
fn append(archive: &mut Vec<u8>, entry_type: EntryType, name: &[u8], claimed: u64, content: &[u8]) {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(entry_type);
    header.set_mode(0o644);
    header.set_size(claimed);
    header.set_cksum();
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in files {
        append(&mut archive, EntryType::Regular, name.as_bytes(), content.len() as u64, content);
    }
    archive.resize(archive.len() + 1_024, 0);
    archive
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Archive, Error> {
    cifar::read_tar_gz(bytes, Variant::Cifar10, &Limits::default())
}

#[test]
fn batches_are_joined_in_their_order_not_the_archives() {
    let archive = read(&gzip(&tar(&cifar10()))).unwrap();
    assert_eq!(archive.train.labels, [1, 2, 3, 6, 4, 5]);
    assert_eq!(archive.train.image(3), [6; IMAGE_BYTES]);
    assert_eq!(archive.test.labels, [9]);
    assert_eq!(archive.class_names, Variant::Cifar10.class_names());
    assert!(archive.coarse_class_names.is_empty());
}

#[test]
fn an_uncompressed_archive_gives_the_same_dataset() {
    let plain = tar(&cifar10());
    assert_eq!(read(&plain).unwrap(), read(&gzip(&plain)).unwrap());
}

#[test]
fn cifar_100_has_fine_and_coarse_labels_and_names() {
    let record = |coarse, fine| [vec![coarse, fine], vec![0; IMAGE_BYTES]].concat();
    let names = |prefix: &str, count: usize| -> Vec<u8> {
        (0..count).flat_map(|class| format!("{prefix}{class}\n").into_bytes()).collect()
    };
    let bytes = tar(&[
        ("cifar-100-binary/coarse_label_names.txt", names("group", 20)),
        ("cifar-100-binary/fine_label_names.txt", names("thing", 100)),
        ("cifar-100-binary/test.bin", record(19, 99)),
        ("cifar-100-binary/train.bin", [record(0, 1), record(2, 3)].concat()),
    ]);
    let archive = cifar::read_tar_gz(&gzip(&bytes)[..], Variant::Cifar100, &Limits::default()).unwrap();
    assert_eq!((archive.train.coarse_labels, archive.train.labels), (vec![0, 2], vec![1, 3]));
    assert_eq!((archive.test.coarse_labels, archive.test.labels), (vec![19], vec![99]));
    assert_eq!((&archive.class_names[99][..], &archive.coarse_class_names[0][..]), ("thing99", "group0"));
}

#[test]
fn an_archive_without_names_gets_the_official_ones() {
    let files: Vec<_> = cifar10().into_iter().filter(|(name, _)| name.ends_with(".bin")).collect();
    assert_eq!(read(&tar(&files)).unwrap().class_names, Variant::Cifar10.class_names());
}

#[test]
fn a_missing_file_is_named() {
    for missing in ["data_batch_4.bin", "test_batch.bin"] {
        let files: Vec<_> = cifar10().into_iter().filter(|(name, _)| !name.ends_with(missing)).collect();
        let error = read(&tar(&files)).unwrap_err();
        assert!(matches!(error, Error::MissingEntry { name, .. } if name == missing), "{error}");
    }
    // The other dataset's archive.
    let error = cifar::read_tar_gz(&tar(&cifar10())[..], Variant::Cifar100, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::MissingEntry { name: "train.bin", .. }));
}

#[test]
fn two_files_of_the_same_name_are_refused() {
    let mut files = cifar10();
    files.push(("somewhere/else/data_batch_1.bin", record(7)));
    let error = read(&tar(&files)).unwrap_err();
    assert!(matches!(error.root(), Error::DuplicateEntry { name: "data_batch_1.bin" }));
}

#[test]
fn an_error_inside_an_entry_names_archive_and_entry() {
    let mut files = cifar10();
    files[2].1[3_073] = 99;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cifar-10-binary.tar.gz");
    std::fs::write(&path, gzip(&tar(&files))).unwrap();
    let error = cifar::open_tar_gz(&path, Variant::Cifar10).unwrap_err();
    assert!(matches!(error.root(), Error::LabelOutOfRange { record: 1, label: 99, .. }));
    let start = format!("{}: cifar-10-batches-bin/data_batch_3.bin: record 1 ", path.display());
    assert!(error.to_string().starts_with(&start), "{error}");
}

#[test]
fn hostile_entry_names_are_harmless() {
    let before = std::fs::read_dir(".").unwrap().count();
    let mut archive = Vec::new();
    for name in [&b"../../../etc/passwd"[..], b"/etc/passwd", b"\xFF\xFE\0", b"..", b"", b"data_batch_1.bin/"]
    {
        append(&mut archive, EntryType::Regular, name, 5, b"12345");
    }
    archive.extend_from_slice(&tar(&cifar10()));
    assert_eq!(read(&archive).unwrap().train.len(), 6);
    assert_eq!(std::fs::read_dir(".").unwrap().count(), before);
}

#[test]
fn links_and_sparse_files_are_skipped() {
    for entry_type in
        [EntryType::Symlink, EntryType::Link, EntryType::GNUSparse, EntryType::Directory, EntryType::Fifo]
    {
        let mut archive = Vec::new();
        append(&mut archive, entry_type, b"data_batch_1.bin", 0, b"");
        archive.extend_from_slice(&tar(&cifar10()));
        assert_eq!(read(&archive).unwrap().train.labels[0], 1, "{entry_type:?}");
    }
}

#[test]
fn a_long_name_claiming_gigabytes_allocates_nothing() {
    let mut archive = Vec::new();
    append(&mut archive, EntryType::GNULongName, b"././@LongLink", 6 << 30, b"short");
    let error = read(&archive).unwrap_err();
    assert!(matches!(error, Error::DamagedArchive { .. }), "{error}");
}

#[test]
fn an_entry_shorter_than_claimed_is_truncated() {
    for claimed in [u64::from(u32::MAX), 6 << 30, record(1).len() as u64 + 1] {
        let mut archive = Vec::new();
        append(&mut archive, EntryType::Regular, b"data_batch_1.bin", claimed, &record(1));
        archive.truncate(512 + record(1).len());
        let error = read(&archive).unwrap_err();
        assert!(
            matches!(error.root(), Error::Truncated { expected, found: 3_073 } if *expected == claimed),
            "{claimed}: {error}"
        );
    }
}

#[test]
fn no_prefix_of_an_archive_is_accepted() {
    let plain = tar(&cifar10());
    let compressed = gzip(&plain);
    for end in (0..plain.len()).step_by(97).chain(plain.len() - 1_600..plain.len()) {
        assert!(read(&plain[..end]).is_err(), "{end} bytes of the plain archive");
    }
    for end in 0..compressed.len() {
        assert!(read(&compressed[..end]).is_err(), "{end} bytes of the compressed archive");
    }
}

#[test]
fn the_limit_counts_skipped_entries_too() {
    // 64 MiB of zeros, 64 KiB compressed.
    let bomb = tar(&[("bomb", vec![0; 64 << 20])]);
    let limits = Limits::new(1 << 20);
    let error = cifar::read_tar_gz(&gzip(&bomb)[..], Variant::Cifar10, &limits).unwrap_err();
    assert!(matches!(error, Error::LimitExceeded { limit: 0x10_0000, .. }), "{error}");
}

#[test]
fn an_archive_without_its_end_marker_is_called_cut_off() {
    let plain = tar(&cifar10());
    for missing in [1, 512, 1_024] {
        let error = read(&plain[..plain.len() - missing]).unwrap_err();
        assert!(matches!(error, Error::DamagedArchive { .. }), "{error}");
        assert!(
            error.to_string().ends_with("it was cut off, its end-of-archive marker is missing"),
            "{error}"
        );
    }
    // Padding to a whole tape record, as `tar` and Python write it.
    let padded = [plain.clone(), vec![0; 8_192]].concat();
    assert_eq!(read(&padded).unwrap(), read(&plain).unwrap());
}

#[test]
fn an_entry_compressed_itself_is_refused_before_it_is_decompressed() {
    for (place, count) in [(0, 100_000), (4, 1)] {
        let mut files = cifar10();
        // 307 MB of zeros in 300 KB, or a single record.
        files[place].1 = gzip(&vec![0; count * (1 + IMAGE_BYTES)]);
        let limits = Limits::new(1 << 20);
        let error = cifar::read_tar_gz(&gzip(&tar(&files))[..], Variant::Cifar10, &limits).unwrap_err();
        assert!(matches!(error.root(), Error::GzipInArchive), "{error}");
        assert!(error.to_string().starts_with(files[place].0), "{error}");
    }
    let mut files = cifar10();
    files[1].1 = gzip(&files[1].1);
    assert!(matches!(read(&tar(&files)).unwrap_err().root(), Error::GzipInArchive));
}

#[test]
fn a_file_that_is_not_an_archive_is_refused() {
    let error = read(&[b'x'; 2_000]).unwrap_err();
    assert!(matches!(error, Error::DamagedArchive { .. }), "{error}");
    assert!(matches!(read(b"<!DOCTYPE html>").unwrap_err(), Error::HtmlPage { .. }));
    assert!(read(b"").is_err());
}

#[test]
fn damage_in_the_compressed_stream_is_reported_as_such() {
    let mut bytes = gzip(&tar(&cifar10()));
    let checksum = bytes.len() - 8;
    bytes[checksum] ^= 1;
    assert!(matches!(read(&bytes).unwrap_err(), Error::GzipDamaged { .. }));
}

#[test]
fn joined_parts_have_no_spare_capacity() {
    let Records { labels, images, .. } = read(&tar(&cifar10())).unwrap().train;
    assert_eq!((labels.capacity(), images.capacity()), (6, 6 * IMAGE_BYTES));
}

/// The Python version of CIFAR-10: the same batch six times, and the names.
fn cifar10_python() -> Vec<(&'static str, Vec<u8>)> {
    let batch = || include_bytes!("pickles/batch_3.pkl").to_vec();
    let names = b"(dp1\nS'label_names'\np2\n(lp3\nS'a'\naS'b'\naS'c'\naS'd'\naS'e'\naS'f'\naS'g'\naS'h'\naS'i'\naS'j'\nas.";
    vec![
        ("cifar-10-batches-py/data_batch_4", batch()),
        ("cifar-10-batches-py/readme.html", b"<html>".to_vec()),
        ("cifar-10-batches-py/test_batch", batch()),
        ("cifar-10-batches-py/data_batch_3", batch()),
        ("cifar-10-batches-py/batches.meta", names.to_vec()),
        ("cifar-10-batches-py/data_batch_2", batch()),
        ("cifar-10-batches-py/data_batch_5", batch()),
        ("cifar-10-batches-py/data_batch_1", batch()),
    ]
}

#[test]
fn the_python_version_is_read_from_its_archive() {
    let archive = read(&gzip(&tar(&cifar10_python()))).unwrap();
    assert_eq!(archive.train.labels, [3, 9].repeat(5));
    assert_eq!(archive.test.labels, [3, 9]);
    assert_eq!(archive.class_names.concat(), "abcdefghij");
    let mut hostile = cifar10_python();
    hostile[3].1 = b"cos\nsystem\n(S'echo hacked'\ntR.".to_vec();
    let error = read(&gzip(&tar(&hostile))).unwrap_err().to_string();
    assert!(
        error.starts_with("cifar-10-batches-py/data_batch_3: pickle, byte 0, instruction GLOBAL"),
        "{error}"
    );
    let mut doubled = cifar10_python();
    doubled.push(("test_batch.bin", record(1)));
    let error = read(&tar(&doubled)).unwrap_err();
    assert!(matches!(error.root(), Error::DuplicateEntry { name: "test_batch.bin" }), "{error}");
}
