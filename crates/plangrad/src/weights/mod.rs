//! Weights from other programs, for `--init`: safetensors of other number types, and PyTorch's `.pth` and `.pt`.
//!
//! They become a safetensors file of f32 values in a file without a name, which is then read like any other. No code in a
//! file is ever run.

mod foreign;
mod plain;
mod safetensors;

pub(crate) use foreign::open;
