//! The head of a request: method, address, and the fields that say what follows.
//!
//! Source: RFC 9112, "HTTP/1.1". What two readers could understand differently (two lengths, a coding) is refused.

use httparse::{EMPTY_HEADER, Error as ParseError, Header, Status as Parsed};

use super::refusal::Refusal;
use super::status::Status;

/// The most bytes of a head.
pub(crate) const MOST_HEAD: usize = 16 << 10;

/// The most fields of a head.
const MOST_FIELDS: usize = 64;

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// The address without its query.
    pub(crate) path: String,
    pub(crate) query: String,
    /// Lower case, without parameters.
    pub(crate) content_type: Option<String>,
    /// Bytes of the body; `None` if nothing says that there is one.
    pub(crate) length: Option<u64>,
    /// Whether the connection ends with it.
    pub(crate) is_last: bool,
    /// Whether the body comes only once it is asked for.
    pub(crate) waits: bool,
}

impl Head {
    /// The head that `bytes` begin with, and its length; `None` if it is not complete.
    ///
    /// # Errors
    /// If it is no head, too large, or for another server.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Refusal> {
        let mut fields = [EMPTY_HEADER; MOST_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let length = match request.parse(bytes) {
            Ok(Parsed::Complete(length)) => length,
            Ok(Parsed::Partial) if bytes.len() < MOST_HEAD => return Ok(None),
            Ok(Parsed::Partial) | Err(ParseError::TooManyHeaders) => {
                let sentence =
                    format!("expected a head of at most {MOST_HEAD} bytes and {MOST_FIELDS} fields");
                return Err(Refusal::new(Status::FieldsTooLarge, sentence));
            }
            Err(reason) => return Err(Refusal::bad(format!("expected a request of HTTP/1.1: {reason}"))),
        };
        let mut head = Head {
            method: request.method.unwrap_or_default().to_owned(),
            is_last: request.version != Some(1),
            ..Head::default()
        };
        let (path, query) = address(request.path.unwrap_or_default());
        (head.path, head.query) = (path.to_owned(), query.to_owned());
        let mut host = None;
        for field in request.headers.iter() {
            head.read(field, &mut host)?;
        }
        check_host(host, head.is_last)?;
        Ok(Some((head, length)))
    }

    fn read<'a>(&mut self, field: &Header<'a>, host: &mut Option<&'a [u8]>) -> Result<(), Refusal> {
        let text = || String::from_utf8_lossy(field.value).trim().to_ascii_lowercase();
        match field.name.to_ascii_lowercase().as_str() {
            "host" if host.replace(field.value).is_some() => {
                return Err(Refusal::bad("expected one Host, found two"));
            }
            "content-length" => {
                let length = content_length(&text())?;
                if self.length.replace(length).is_some_and(|other| other != length) {
                    return Err(Refusal::bad("expected one Content-Length, found two different ones"));
                }
            }
            "transfer-encoding" => {
                let sentence = "expected a body with Content-Length, found Transfer-Encoding";
                return Err(Refusal::new(Status::LengthRequired, sentence));
            }
            "content-type" => {
                self.content_type = Some(text().split(';').next().unwrap_or_default().trim().to_owned())
            }
            "connection" => self.is_last |= text().split(',').any(|word| word.trim() == "close"),
            "expect" => self.waits = text() == "100-continue",
            _ => {}
        }
        Ok(())
    }

    /// Refuses a request of another method; where there is GET, there is HEAD.
    pub(crate) fn check_method(&self, method: &str) -> Result<(), Refusal> {
        if self.method == method || method == "GET" && self.method == "HEAD" {
            return Ok(());
        }
        Err(Refusal::new(Status::MethodNotAllowed, format!("expected {method} {}", self.path)))
    }

    /// Whether the query has this word: `?invert`, `?invert=1`, but not `?invert=0`.
    pub(crate) fn asks(&self, word: &str) -> bool {
        self.query.split('&').any(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, "1"));
            name == word && !matches!(value, "0" | "false" | "no")
        })
    }
}

/// Path and query of a request's target, which may be a whole address.
fn address(target: &str) -> (&str, &str) {
    let path = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |place| &rest[place..]),
        None => target,
    };
    path.split_once('?').unwrap_or((path, ""))
}

fn content_length(text: &str) -> Result<u64, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::bad("expected a whole number as Content-Length"));
    }
    Ok(text.parse().unwrap_or(u64::MAX)) // too large in any case
}

/// Refuses requests for another host: pages of other sites could otherwise reach the server by a name of theirs that leads to
/// this machine (DNS rebinding).
fn check_host(host: Option<&[u8]>, may_be_absent: bool) -> Result<(), Refusal> {
    let Some(host) = host else {
        return if may_be_absent { Ok(()) } else { Err(Refusal::bad("expected a Host")) };
    };
    let host = String::from_utf8_lossy(host).trim().to_ascii_lowercase();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host.as_str(),
    };
    if matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return Ok(());
    }
    Err(Refusal::new(
        Status::Misdirected,
        "expected 127.0.0.1 or localhost as Host: this server is for its own machine",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> &'static str {
        Head::parse(text.as_bytes()).unwrap_err().status.code()
    }

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let text = "POST /predict?centre&invert=0 HTTP/1.1\r\nHost: localhost:8000\r\nContent-Type: Image/PNG; x=1\r\ncontent-length: 12\r\n\r\nbody";
        for end in 0..text.len() - 4 {
            assert_eq!(Head::parse(&text.as_bytes()[..end]), Ok(None), "{end}");
        }
        let (head, length) = Head::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(&text[length..], "body");
        assert_eq!((head.method.as_str(), head.path.as_str(), head.length), ("POST", "/predict", Some(12)));
        assert_eq!((head.content_type.as_deref(), head.is_last), (Some("image/png"), false));
        assert!(head.asks("centre") && !head.asks("invert"));
    }

    #[test]
    fn what_could_be_understood_in_two_ways_is_refused() {
        let with = |fields: &str| format!("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n\r\n");
        assert_eq!(refused(&with("Content-Length: 1\r\nContent-Length: 2")), "400");
        assert_eq!(refused(&with("Content-Length: +1")), "400");
        assert_eq!(refused(&with("Content-Length: ")), "400");
        assert_eq!(refused(&with("Transfer-Encoding: chunked\r\nContent-Length: 2")), "411");
        assert_eq!(refused(&with("Host: localhost")), "400");
        assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), "400");
        assert_eq!(refused("\u{1}\u{2}\r\n\r\n"), "400");
        assert_eq!(refused("GET / HTTP/2.0\r\n\r\n"), "400");
        let length = with("Content-Length: 99999999999999999999999");
        assert_eq!(Head::parse(length.as_bytes()).unwrap().unwrap().0.length, Some(u64::MAX));
    }

    #[test]
    fn names_that_others_own_are_not_this_server() {
        let host = |name: &str| Head::parse(format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n").as_bytes());
        for own in ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000"] {
            assert!(host(own).is_ok(), "{own}");
        }
        for other in ["evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", "", "[::2]"] {
            assert_eq!(host(other).unwrap_err().status, Status::Misdirected, "{other}");
        }
    }

    #[test]
    fn a_head_that_is_too_large_is_refused_before_it_ends() {
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(MOST_HEAD));
        assert_eq!(refused(&long[..MOST_HEAD]), "431");
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        assert_eq!(refused(&many), "431");
    }
}
