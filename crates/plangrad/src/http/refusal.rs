//! A request that is not answered as it asks.

use super::status::Status;
use crate::error::{Error, ErrorKind};

/// Why, as a status of HTTP and a sentence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) sentence: String,
}

impl Refusal {
    pub(crate) fn new(status: Status, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into() }
    }

    /// A request that cannot be understood.
    pub(crate) fn bad(sentence: impl Into<String>) -> Self {
        Self::new(Status::BadRequest, sentence)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Usage | ErrorKind::Data | ErrorKind::Image | ErrorKind::Model => Status::BadRequest,
            ErrorKind::OutOfMemory => Status::ContentTooLarge,
            _ => Status::Failed,
        };
        Self::new(status, error.sentence())
    }
}

impl From<plangrad_data::Error> for Refusal {
    fn from(error: plangrad_data::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<plangrad_tensor::Error> for Refusal {
    fn from(error: plangrad_tensor::Error) -> Self {
        Error::from(error).into()
    }
}
