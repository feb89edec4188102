//! The eleven public instances of MiniMalloc (`id,lower,upper,size`), each of which fits into 1,048,576 bytes.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use plangrad_tensor::packing::{Buffer, Packing, most_alive, pack};

const CAPACITY: usize = 1_048_576;
const STEPS: usize = 100_000;

fn read(file: &PathBuf) -> Vec<Buffer> {
    let text = fs::read_to_string(file).unwrap();
    let buffer = |line: &str| {
        let fields: Vec<usize> = line.split(',').map(|field| field.parse().unwrap()).collect();
        Buffer { lower: fields[1], upper: fields[2], size: fields[3] }
    };
    text.lines().skip(1).map(buffer).collect()
}

fn assert_sound(buffers: &[Buffer], packing: &Packing) {
    for (i, a) in buffers.iter().enumerate() {
        assert!(packing.offsets[i] + a.size <= packing.total);
        for (j, b) in buffers[..i].iter().enumerate().filter(|(_, b)| a.meets(b)) {
            let (x, y) = (packing.offsets[i], packing.offsets[j]);
            assert!(x + a.size <= y || y + b.size <= x);
        }
    }
}

#[test]
fn each_instance_is_packed_into_its_capacity() {
    let folder = std::env::var_os("PLANGRAD_DATA").map(|data| PathBuf::from(data).join("minimalloc"));
    let Some(folder) = folder.filter(|folder| folder.is_dir()) else {
        eprintln!("SKIPPED: no folder minimalloc in PLANGRAD_DATA, so its eleven instances are not packed");
        return;
    };
    for name in 'A'..='K' {
        let buffers = read(&folder.join(format!("{name}.1048576.csv")));
        let (start, alive) = (Instant::now(), most_alive(&buffers).unwrap());
        let packing = pack(&buffers, STEPS).unwrap();
        let took = start.elapsed();
        println!("{name}: {} buffers, {} bytes, {alive} alive, {took:.2?}", buffers.len(), packing.total);
        assert_sound(&buffers, &packing);
        assert!(packing.total <= CAPACITY, "{name} takes {}", packing.total);
        assert_eq!(packing.bound, alive);
    }
}
