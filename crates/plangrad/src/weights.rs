//! Weights from other programs, for `--init`: safetensors of any floating-point type, PyTorch's `.pth` and `.pt`, and words for
//! files of others, known by their first bytes. No code in a file is ever run.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use plangrad_data::open_regular_file;
use plangrad_formats::Limits;
use plangrad_formats::torch::{TorchTensor, read_state_dict};
use plangrad_nn::checkpoint::{self, Loaded, NamedTensor};

use crate::error::{Error, Result};
use crate::loading;
use crate::output::Console;

/// Formats of other programs, by their first bytes, and what to do about them.
const OTHERS: [(&[u8], &str); 8] = [
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes; save its weights as safetensors"),
    (
        b"\x80",
        "a pickle, as PyTorch before 1.6 wrote; load it there, and save its state_dict() again or as safetensors",
    ),
    (b"GGUF", "a GGUF file of a language model; its tensors are not those of a perceptron"),
    (b"\x93NUMPY", "an array of numpy; save the weights with their names as safetensors"),
    (b"\x1f\x8b", "compressed with gzip; decompress it first"),
    (b"\x08", "an ONNX model, by its first byte; save its weights as safetensors"),
    (b"<", "a web page or XML; download the file itself"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`"),
];

/// Opens a file of weights, of plangrad or another program.
///
/// # Errors
/// [`Error::ForeignWeights`] with what the file is; those of [`checkpoint::read`].
pub(crate) fn open(path: &Path) -> Result<Loaded> {
    let Ok(mut file) = open_regular_file(path) else { return Ok(checkpoint::read(path)?) };
    let start = first_bytes(&mut file).map_err(Error::io(path, "read"))?;
    if start.starts_with(b"PK\x03\x04") {
        return torch(file, path);
    }
    match checkpoint::read_file(file, path) {
        Ok(loaded) => {
            if loaded.tensors().any(NamedTensor::is_converted) {
                Console::remark(&format_args!("{}: its values are brought to f32", path.display()));
            }
            Ok(loaded)
        }
        Err(plangrad_nn::Error::Format { path: file, reason }) => {
            let known = OTHERS.iter().find(|(magic, _)| start.starts_with(magic));
            match known {
                Some((_, what)) => Err(Error::ForeignWeights { path: file, found: (*what).to_owned() }),
                None => Err(plangrad_nn::Error::Format { path: file, reason }.into()),
            }
        }
        Err(other) => Err(other.into()),
    }
}

fn first_bytes(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.by_ref().take(32).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start)
}

/// Weights of PyTorch.
fn torch(file: File, path: &Path) -> Result<Loaded> {
    let foreign = |error: plangrad_formats::Error| Error::ForeignWeights {
        path: path.to_path_buf(),
        found: format!(
            "a zip archive, as PyTorch writes, but not a state_dict of tensors: {error} (torch.save(model.state_dict(), …) \
             makes one)"
        ),
    };
    // The values are bounded, and what describes them as much again.
    let memory = loading::memory().map(|bytes| Limits::new(bytes / 2));
    let limits = memory.filter(|limits| limits.max_bytes < Limits::default().max_bytes).unwrap_or_default();
    let tensors = read_state_dict(BufReader::new(file), &limits).map_err(foreign)?;
    let tensors = tensors.into_iter().map(|TorchTensor { name, dims, values, .. }| (name, dims, values));
    Ok(Loaded::foreign(path, tensors)?)
}
