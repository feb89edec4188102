//! What the driver's error codes become.

use std::ffi::CStr;

use cudarc::driver::{DriverError, sys};

use crate::backend::cuda::unavailable::CudaUnavailable;
use crate::error::DeviceFailure;

/// The driver's error as a reason.
pub(super) fn refused(action: &'static str, error: DriverError) -> CudaUnavailable {
    if error.0 == sys::CUresult::CUDA_ERROR_NO_DEVICE {
        return CudaUnavailable::NoDevice;
    }
    let (name, text) = words(error);
    CudaUnavailable::Driver { action, code: error.0 as u32, name, text }
}

/// An error code's name and description.
fn words(error: DriverError) -> (String, String) {
    let text = |words: Result<&CStr, DriverError>| {
        words.map_or_else(|_| "an unknown error".to_owned(), |text| text.to_string_lossy().into_owned())
    };
    (text(error.error_name()), text(error.error_string()))
}

/// The driver's error as a clause.
pub(super) fn failure(action: &'static str, error: DriverError) -> DeviceFailure {
    let (name, text) = words(error);
    DeviceFailure::Driver { action, code: error.0 as u32, name, text }
}
