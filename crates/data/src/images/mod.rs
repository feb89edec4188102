//! `folder:DIR`: image files in a folder for each class, as torchvision's `ImageFolder` and Keras read them.
//!
//! `DIR/train/CLASS/…` and `DIR/test/CLASS/…`, or `DIR/CLASS/…`, of which a stable hash of each file's name and the seed
//! chooses the test part. Every image is decoded once, in parallel, brought to one size, and kept as bytes.
//!
//! Absent on purpose: rotation by the camera's EXIF data, which the usual loaders do not do either, and augmentation.

#[cfg(not(feature = "images"))]
mod disabled;
mod options;
mod resize;

#[cfg(feature = "images")]
mod block;
#[cfg(feature = "images")]
mod cache;
#[cfg(feature = "images")]
mod decode;
#[cfg(feature = "images")]
mod folder;
#[cfg(feature = "images")]
mod room;
#[cfg(feature = "images")]
mod scan;

pub use options::{Fit, ImageOptions, ImageProgress};
pub use resize::Resizer;

#[cfg(feature = "images")]
pub use decode::{DecodedImage, brightness, decode_image};
#[cfg(not(feature = "images"))]
pub(crate) use disabled::load;
#[cfg(feature = "images")]
pub(crate) use folder::load;
#[cfg(feature = "images")]
pub use scan::has_image_name;
