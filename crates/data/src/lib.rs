//! plangrad-data
