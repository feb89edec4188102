//! Safetensors files of f16, bf16 and f64 values.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use plangrad_formats::torch::{TorchTensor, bfloat16_to_f32, half_to_f32};
use serde::Deserialize;
use serde_json::Value;

/// Largest header, as in the safetensors crate.
const MOST_HEADER: u64 = 100_000_000;

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// The tensors if the file is one of safetensors with values of f16, bf16 or f64; `None` if it is anything else, or all of its
/// values are f32.
pub(super) fn tensors(file: &mut File) -> io::Result<Option<Vec<TorchTensor>>> {
    let length = file.metadata()?.len();
    file.rewind()?;
    let mut prefix = [0; 8];
    if length < 8 || file.read_exact(&mut prefix).is_err() {
        return Ok(None);
    }
    let header_length = u64::from_le_bytes(prefix);
    if header_length > MOST_HEADER || 8 + header_length > length {
        return Ok(None);
    }
    let mut header = vec![0; header_length as usize];
    file.read_exact(&mut header)?;
    let Ok(mut entries) = serde_json::from_slice::<BTreeMap<String, Value>>(&header) else { return Ok(None) };
    entries.remove("__metadata__");
    let infos =
        entries.into_iter().map(|(name, info)| Some((name, serde_json::from_value::<Info>(info).ok()?)));
    let Some(infos) = infos.collect::<Option<Vec<_>>>() else { return Ok(None) };
    let is_other = |info: &Info| matches!(info.dtype.as_str(), "F16" | "BF16" | "F64");
    if !infos.iter().any(|(_, info)| is_other(info))
        || !infos.iter().all(|(_, info)| is_other(info) || info.dtype == "F32")
    {
        return Ok(None);
    }
    let data = 8 + header_length;
    infos.into_iter().map(|(name, info)| tensor(file, name, info, data, length)).collect()
}

fn tensor(
    file: &mut File,
    name: String,
    info: Info,
    data: u64,
    length: u64,
) -> io::Result<Option<TorchTensor>> {
    let [start, end] = info.data_offsets;
    let size = match info.dtype.as_str() {
        "F64" => 8,
        "F32" => 4,
        _ => 2,
    };
    let elements = info.shape.iter().try_fold(size, |bytes: u64, &dim| bytes.checked_mul(dim as u64));
    // Files that contradict themselves are refused by the reader of ordinary ones.
    if end < start || data.saturating_add(end) > length || elements != Some(end - start) {
        return Ok(None);
    }
    let mut bytes = vec![0; (end - start) as usize];
    file.seek(SeekFrom::Start(data + start))?;
    file.read_exact(&mut bytes)?;
    let values = match info.dtype.as_str() {
        "F64" => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        "F32" => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        "F16" => bytes.as_chunks().0.iter().map(|b| half_to_f32(*b)).collect(),
        _ => bytes.as_chunks().0.iter().map(|b| bfloat16_to_f32(*b)).collect(),
    };
    Ok(Some(TorchTensor { name, dims: info.shape, values }))
}
