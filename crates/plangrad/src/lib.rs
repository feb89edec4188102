//! plangrad
