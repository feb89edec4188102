//! plangrad-tensor
