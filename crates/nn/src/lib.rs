//! plangrad-nn
