//! What is answered.

use std::borrow::Cow;

use serde::Serialize;

use super::refusal::Refusal;
use super::status::Status;

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: Status,
    content_type: &'static str,
    /// Fields besides those that every response has, each with its line end.
    fields: Cow<'static, str>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status: Status::Ok, content_type, fields: Cow::Borrowed(""), body }
    }

    pub(crate) fn json(object: &impl Serialize) -> Self {
        // What is serialised here are plain structs, which cannot fail.
        Self::new("application/json", serde_json::to_vec(object).unwrap_or_default())
    }

    pub(crate) fn with_fields(self, fields: impl Into<Cow<'static, str>>) -> Self {
        Self { fields: fields.into(), ..self }
    }

    /// Its head. `is_last` says that the connection ends with it.
    pub(crate) fn head(&self, is_last: bool) -> String {
        format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nX-Content-Type-Options: \
             nosniff\r\nConnection: {}\r\n{}\r\n",
            self.status.line(),
            self.content_type,
            self.body.len(),
            if is_last { "close" } else { "keep-alive" },
            self.fields
        )
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        #[derive(Serialize)]
        struct Problem {
            error: String,
        }
        let fields = match refusal.status {
            Status::Unavailable => "Retry-After: 1\r\n",
            _ => "",
        };
        let response = Response::json(&Problem { error: refusal.sentence }).with_fields(fields);
        Response { status: refusal.status, ..response }
    }
}
