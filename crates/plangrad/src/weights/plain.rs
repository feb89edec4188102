//! A safetensors file of f32 values in a temporary file that has no name any more.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Seek, Write};

use plangrad_formats::torch::TorchTensor;
use serde_json::{Map, Value, json};

/// Writes the tensors, and returns the file at its beginning.
pub(super) fn file(tensors: &[TorchTensor]) -> io::Result<File> {
    let file = nameless()?;
    let mut writer = BufWriter::new(file);
    let mut header = Map::new();
    let mut end = 0;
    for tensor in tensors {
        let start = end;
        end += 4 * tensor.values.len();
        let info = json!({"dtype": "F32", "shape": tensor.dims, "data_offsets": [start, end]});
        header.insert(tensor.name.clone(), info);
    }
    let mut text = Value::Object(header).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    writer.write_all(&(text.len() as u64).to_le_bytes())?;
    writer.write_all(&text)?;
    for tensor in tensors {
        tensor.values.iter().try_for_each(|value| writer.write_all(&value.to_le_bytes()))?;
    }
    let mut file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

/// A new file in the system's folder for temporary files, whose name cannot be foreseen and is removed at once.
fn nameless() -> io::Result<File> {
    let random = RandomState::new().hash_one(std::process::id());
    let path = std::env::temp_dir().join(format!("plangrad-{random:016x}"));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
