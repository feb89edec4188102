//! One request to one mirror: what the partial file lacks is requested and appended to it.
//!
//! Whether the result is right is not decided here, but by the checksums. A response is inspected before the file is
//! touched, so that a log-in or error page cannot damage a good partial file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::http::{Response, StatusCode, header};

use super::catalog::Remote;
use super::proxy::NamedProxy;

const BLOCK: usize = 1 << 16;

/// The least bytes a second, on average over the stall timeout.
const LEAST_RATE: u64 = 1 << 10;

/// The first two bytes of a gzip file (RFC 1952), which every file of the catalogue is.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How a transfer ended without failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the last byte of the announced length.
    Announced,
    /// With the connection; the server announced no length.
    Unannounced,
}

/// Why a transfer ended early.
#[derive(Debug)]
pub(super) enum TransferError {
    /// A failure of the mirror, as a clause. What has arrived may be continued.
    Mirror(String),
    /// The mirror is too slow, as a clause. Another request would not help.
    Slow(String),
    /// The server has nothing from this byte on: the partial file is longer than the file.
    PastEnd,
    /// The partial file could not be written; another mirror would not help.
    Disk(io::Error),
}

/// An HTTP client that gives up connections that stall or are too slow.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    proxy: Option<NamedProxy>,
    stall: Duration,
    /// The clock by which speed is measured.
    pub(super) now: fn() -> Instant,
}

impl Client {
    pub(super) fn new(stall: Duration, proxy: Option<NamedProxy>) -> Self {
        let config = Agent::config_builder()
            .user_agent(concat!("plangrad/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity") // the checksums are those of the files as published
            .http_status_as_error(false)
            .max_redirects(5)
            .timeout_resolve(Some(stall))
            .timeout_connect(Some(stall))
            .timeout_recv_response(Some(stall))
            .timeout_per_read(Some(stall))
            .timeout_per_write(Some(stall))
            .proxy(proxy.as_ref().map(|named| named.proxy.clone()));
        Self { agent: config.build().into(), proxy, stall, now: Instant::now }
    }

    /// Appends to `file`, which holds `have` bytes, what the server at `url` sends; starts over if it sends the whole file.
    /// Calls `progress` with the number of bytes stored after each block.
    pub(super) fn transfer(
        &self,
        url: &str,
        remote: &Remote<'_>,
        file: &mut File,
        have: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<End, TransferError> {
        let longest = self.stall + Duration::from_secs(remote.most_bytes() / LEAST_RATE);
        let mut request = self.agent.get(url).config().timeout_recv_body(Some(longest)).build();
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| self.stop(url, &error))?;
        let mut there = first_byte(&response, have)?;
        let (end, most) = announced(&response, remote, there)?;
        let mut body = response.into_body().into_reader();
        let mut block = vec![0; BLOCK];
        let mut filled = self.read_first(url, &mut body, &mut block)?;
        if there == 0 && block[..filled.min(2)] != GZIP_MAGIC[..filled.min(2)] {
            return Err(TransferError::Mirror("the server sent something other than a gzip file".to_owned()));
        }
        file.set_len(there).and_then(|()| file.seek(SeekFrom::Start(there))).map_err(TransferError::Disk)?;
        let (mut since, mut counted) = ((self.now)(), there);
        while filled > 0 {
            there += filled as u64;
            if there > most {
                return Err(TransferError::Mirror(format!("the server sent more than {most} bytes")));
            }
            file.write_all(&block[..filled]).map_err(TransferError::Disk)?;
            progress(there);
            let now = (self.now)();
            if now.duration_since(since) >= self.stall {
                if there - counted < self.least_bytes() {
                    return Err(self.slow());
                }
                (since, counted) = (now, there);
            }
            filled = self.read(url, &mut body, &mut block)?;
        }
        Ok(end)
    }

    /// The least bytes in the time of a stall.
    fn least_bytes(&self) -> u64 {
        (LEAST_RATE as f64 * self.stall.as_secs_f64()) as u64
    }

    fn slow(&self) -> TransferError {
        TransferError::Slow("the server sent less than 1 KiB a second".to_owned())
    }

    /// Reads at least two bytes, unless the body is shorter.
    fn read_first(&self, url: &str, body: &mut impl Read, block: &mut [u8]) -> Result<usize, TransferError> {
        let first = self.read(url, body, block)?;
        if first == 1 { Ok(1 + self.read(url, body, &mut block[1..])?) } else { Ok(first) }
    }

    fn read(&self, url: &str, body: &mut impl Read, block: &mut [u8]) -> Result<usize, TransferError> {
        loop {
            match body.read(block) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|error| self.stop(url, &error.into())),
            }
        }
    }

    /// The reason as a clause, and the proxy that may be to blame. Texts that may repeat an address, and so its secrets, are
    /// replaced.
    fn stop(&self, url: &str, error: &ureq::Error) -> TransferError {
        let reason = match error {
            ureq::Error::Timeout(ureq::Timeout::RecvBody) => return self.slow(),
            ureq::Error::Timeout(_) => format!("nothing arrived for {} s", self.stall.as_secs_f32()),
            ureq::Error::HostNotFound => "the host name is unknown (no network?)".to_owned(),
            ureq::Error::TooManyRedirects => "the server redirects endlessly".to_owned(),
            ureq::Error::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe => "the connection broke off".to_owned(),
                _ => error.to_string(),
            },
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                let reason = "expected an address that begins with http:// or https://";
                return TransferError::Mirror(reason.to_owned());
            }
            ureq::Error::Protocol(_) => "the server's response is not valid HTTP".to_owned(),
            ureq::Error::ConnectProxyFailed(_) => "the proxy refused the connection".to_owned(),
            other => other.to_string(),
        };
        let proxy = self.proxy.as_ref().map_or(String::new(), |proxy| proxy.clause(url));
        TransferError::Mirror(reason + &proxy)
    }
}

/// The position in the file of the first byte that the server sends.
fn first_byte<T>(response: &Response<T>, have: u64) -> Result<u64, TransferError> {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_page = text(header::CONTENT_TYPE).to_ascii_lowercase().starts_with("text/html");
    match response.status() {
        status if status.is_success() && is_page => {
            Err(TransferError::Mirror("the server sent a web page (the network's log-in page?)".to_owned()))
        }
        StatusCode::OK => Ok(0),
        StatusCode::PARTIAL_CONTENT if have > 0 => {
            let range = text(header::CONTENT_RANGE);
            let first = range.strip_prefix("bytes ").and_then(|range| range.split('-').next());
            match first.and_then(|first| first.parse().ok()) {
                Some(start) if start == have => Ok(start),
                _ => Err(TransferError::Mirror(format!(
                    "requested the file from byte {have} on, the server sent the range `{range}`"
                ))),
            }
        }
        StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => Err(TransferError::PastEnd),
        status => Err(TransferError::Mirror(format!("the server answered {status}"))),
    }
}

/// How the body will end, and the most bytes the file may have then. A body whose announced size cannot be right is
/// refused before any of it is read.
fn announced(
    response: &Response<ureq::Body>,
    remote: &Remote<'_>,
    start: u64,
) -> Result<(End, u64), TransferError> {
    let most = remote.most_bytes();
    let Some(length) = response.body().content_length() else {
        return Ok((End::Unannounced, most));
    };
    let size = start.saturating_add(length);
    if size > most || (remote.contents.is_none() && size != remote.bytes) {
        let expected = remote.bytes;
        return Err(TransferError::Mirror(format!("expected {expected} bytes, the server announces {size}")));
    }
    Ok((End::Announced, most))
}
