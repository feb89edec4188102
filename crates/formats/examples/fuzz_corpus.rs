//! Writes the seeds of the fuzz targets: `cargo run -p plangrad-formats --example fuzz_corpus`.
//!
//! The seeds are committed; this program made them and adds new ones. Other files in the corpus, found by the fuzzer,
//! are left alone.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;
use plangrad_formats::cifar::{self, IMAGE_BYTES, Records, Variant};
use plangrad_formats::idx::{self, Element, IdxBuf};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let folder = |target: &str| Folder::create(corpus.join(target));
    for (name, file) in idx_files() {
        folder("idx_decode")?.write(name, &[&file])?;
        folder("idx_split_reads")?.write(name, &[b"\x11", &file])?;
    }
    for (choice, name) in
        ["u8_scalar", "i8_scalar", "i16_scalar", "i32_scalar", "f32_scalar"].iter().enumerate()
    {
        folder("idx_round_trip")?.write(name, &[&[choice as u8], b"\x7F\xC0\x00\x01"])?;
    }
    // 5 + 6 * 3: f64 of rank 3.
    folder("idx_round_trip")?.write("f64_rank_3", &[&[23], &[2, 3, 1], &[0xFF; 40]])?;
    // Rank 2 of u8 without an element.
    folder("idx_round_trip")?.write("u8_empty", &[&[12], &[0, 5]])?;
    for (name, choice, file) in cifar_files() {
        folder("cifar_decode")?.write(name, &[&[choice], &file])?;
    }
    for (name, choice, file) in archives()? {
        folder("cifar_tar")?.write(name, &[&[choice], &file])?;
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (name, choice) in [("values_0.pkl", 0), ("values_2.pkl", 0), ("values_5.pkl", 1)] {
        folder("pickle")?.write(name, &[&[choice], &fs::read(tests.join("pickles").join(name))?])?;
    }
    for (name, choice, pickle) in pickles() {
        folder("pickle")?.write(name, &[&[choice], pickle])?;
    }
    for name in ["stored.npz", "deflated.npz", "fortran.npy", "f8_be.npy", "objects.npy", "scalar.npy"] {
        folder("npz")?.write(name, &[&fs::read(tests.join("numpy").join(name))?])?;
    }
    folder("npz")?.write("linear.pth", &[&fs::read(tests.join("pickles/linear.pth"))?])?;
    Ok(())
}

/// One target's corpus.
struct Folder(PathBuf);

impl Folder {
    fn create(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        fs::write(self.0.join(name), parts.concat())
    }
}

fn idx_files() -> Vec<(&'static str, Vec<u8>)> {
    let images = encode(&[2, 2, 3], &[1_u8, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    let mut trailing = images.clone();
    trailing.push(0);
    vec![
        ("u8", images.clone()),
        ("i8", encode(&[3], &[-1_i8, 0, 1])),
        ("i16", encode(&[2, 2], &[-300_i16, 0, 1, 300])),
        ("i32", encode(&[1, 2], &[i32::MIN, i32::MAX])),
        ("f32", encode(&[2], &[f32::NAN, -0.0])),
        ("f64", encode::<f64>(&[], &[std::f64::consts::PI])),
        ("u8_gz", gzip(&images)),
        ("two_members_gz", [gzip(&images[..9]), gzip(&images[9..])].concat()),
        ("truncated", images[..images.len() - 1].to_vec()),
        ("trailing", trailing),
        ("truncated_gz", gzip(&images)[..20].to_vec()),
        ("no_items", encode::<u8>(&[0, 28, 28], &[])),
        ("empty_items", vec![0, 0, 8, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]),
        ("overflow", [&[0, 0, 14, 3][..], &[0xFF; 12]].concat()),
        ("claims_gigabytes", vec![0, 0, 8, 2, 0, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0xFF, 1]),
        ("unknown_type", vec![0, 0, 0x0A, 1, 0, 0, 0, 1, 7]),
        ("html", b"<!DOCTYPE html><title>404</title>".to_vec()),
    ]
}

/// Name, choice of dataset, file.
fn cifar_files() -> Vec<(&'static str, u8, Vec<u8>)> {
    let (ten, hundred) = (records(Variant::Cifar10, 2), records(Variant::Cifar100, 1));
    let mut wrong_label = ten.clone();
    wrong_label[3_073] = 10;
    vec![
        ("cifar10_empty", 0, vec![]),
        ("cifar10_gz", 0, gzip(&ten)),
        ("cifar10", 2, ten.clone()),
        ("cifar10_partial_gz", 0, gzip(&ten[..3_100])),
        ("cifar10_wrong_label_gz", 0, gzip(&wrong_label)),
        ("cifar100_gz", 1, gzip(&hundred)),
        ("cifar100_as_cifar10_gz", 0, gzip(&hundred)),
        ("names", 0, Variant::Cifar10.class_names().join("\n").into_bytes()),
        ("html", 0, b"\n <html>".to_vec()),
    ]
}

/// Name, choice of names, pickle.
fn pickles() -> [(&'static str, u8, &'static [u8]); 6] {
    [
        ("system", 0, b"cos\nsystem\n(S'echo'\ntR."),
        ("itself", 0, b"]q\0h\0a."),
        ("array", 0, b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85U\x01btR(K\x01K\x03\x85cnumpy\ndtype\n(U\x02u1K\0K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89U\x03abctb."),
        ("scalar", 0, b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(U\x02i8K\0K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbU\x08\x07\0\0\0\0\0\0\0tR."),
        ("torch", 1, b"ccollections\nOrderedDict\n)R(U\x01wU\x01pQu}b."),
        ("tuples", 0, b"((((tttt."),
    ]
}

/// Name, choice of dataset (1) and of repaired checksums (2), file.
fn archives() -> io::Result<Vec<(&'static str, u8, Vec<u8>)>> {
    let ten = |records: &[u8]| -> Vec<(String, Vec<u8>)> {
        let batches = Variant::Cifar10.train_files().iter().chain([&"test_batch.bin"]);
        batches.map(|file| (format!("cifar-10-batches-bin/{file}"), records.to_vec())).collect()
    };
    let hundred = vec![
        ("train.bin".to_string(), records(Variant::Cifar100, 1)),
        ("test.bin".to_string(), vec![]),
        ("fine_label_names.txt".to_string(), Variant::Cifar100.class_names().join("\n").into_bytes()),
        (
            "coarse_label_names.txt".to_string(),
            Variant::Cifar100.coarse_class_names().join("\n").into_bytes(),
        ),
    ];
    let mut named = ten(&[]);
    named.push(("batches.meta.txt".to_string(), Variant::Cifar10.class_names().join("\n").into_bytes()));
    let mut twice = ten(&[]);
    twice.push(("elsewhere/test_batch.bin".to_string(), vec![]));
    let plain = tar(&named)?;
    Ok(vec![
        ("cifar10_no_records", 2, plain.clone()),
        ("cifar10_gz", 0, gzip(&tar(&ten(&records(Variant::Cifar10, 1)))?)),
        ("cifar100_gz", 1, gzip(&tar(&hundred)?)),
        ("missing", 2, tar(&ten(&[])[..2])?),
        ("twice_gz", 0, gzip(&tar(&twice)?)),
        ("cut_in_an_entry", 2, plain[..plain.len() - 1_400].to_vec()),
        ("zeros_gz", 0, gzip(&[0; 2_048])),
    ])
}

fn encode<T: Element>(dims: &[usize], elements: &[T]) -> Vec<u8> {
    let mut file = Vec::new();
    let idx = IdxBuf::from_elements(dims, elements).expect("the elements fill the shape");
    idx::write(&mut file, &idx.as_idx()).expect("a Vec takes everything");
    file
}

fn records(variant: Variant, count: usize) -> Vec<u8> {
    let coarse = if variant == Variant::Cifar100 { count } else { 0 };
    let records = Records {
        variant,
        labels: vec![7; count],
        coarse_labels: vec![3; coarse],
        images: vec![0x40; count * IMAGE_BYTES],
    };
    let mut file = Vec::new();
    cifar::write(&mut file, &records).expect("a Vec takes everything");
    file
}

fn tar(files: &[(String, Vec<u8>)]) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, &content[..])?;
    }
    builder.into_inner()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("a Vec takes everything");
    encoder.finish().expect("a Vec takes everything")
}
