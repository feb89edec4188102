//! plangrad-formats
