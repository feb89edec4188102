//! The names that may appear in a pickle. None is ever looked up: they are text beside their arguments.

/// Which names of functions and classes are accepted as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Globals {
    /// Those of numpy's arrays and numbers.
    Numpy,
    /// Those and what `torch.save` writes for tensors and a `state_dict`.
    Torch,
}

/// How numpy's arrays, types and numbers are restored, under all names the modules have had.
const NUMPY: [(&str, &str); 11] = [
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("__builtin__", "bytes"),
    ("builtins", "bytes"),
];

const TORCH: [(&str, &str); 13] = [
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("collections", "OrderedDict"),
    ("torch", "FloatStorage"),
    ("torch", "DoubleStorage"),
    ("torch", "HalfStorage"),
    ("torch", "BFloat16Storage"),
    ("torch", "LongStorage"),
    ("torch", "IntStorage"),
    ("torch", "ShortStorage"),
    ("torch", "CharStorage"),
    ("torch", "ByteStorage"),
    ("torch", "BoolStorage"),
];

impl Globals {
    pub(super) fn accept(self, module: &str, name: &str) -> bool {
        let listed = |list: &[(&str, &str)]| list.contains(&(module, name));
        listed(&NUMPY) || (self == Self::Torch && listed(&TORCH))
    }

    /// Whether an object may stand for something outside the pickle.
    pub(super) fn has_persistent_ids(self) -> bool {
        self == Self::Torch
    }
}
