//! A small HTTP server on the loopback interface that misbehaves in a given manner.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a server responds to every request.
#[derive(Clone, Debug)]
pub(super) enum Manner {
    /// Serves the file, honouring ranges.
    Good,
    /// Serves the whole file whatever the requested range.
    IgnoresRanges,
    /// Announces the whole, sends this many bytes of it, and closes.
    Truncates(usize),
    /// As `Truncates`, and ignores ranges.
    TruncatesWholes(usize),
    /// Announces no length, sends this many bytes, and closes.
    EndsEarly(usize),
    /// Sends this many bytes, then nothing more.
    Stalls(usize),
    /// Sends a hundred bytes, and more only if the client waits for them.
    Trickles,
    /// Accepts the connection and never answers.
    Mute,
    /// Changes one byte in the middle.
    Corrupts,
    /// Answers 200 with a log-in page.
    Portal,
    /// As `Portal`, but calls the page a gzip file.
    DisguisedPortal,
    /// Answers with this status and no body.
    Status(u16),
    /// Sends the client on.
    Redirects(String),
    /// Sends a range that was not requested.
    WrongRange,
    /// Never stops sending.
    Endless,
}

/// The path and query of a request, and the first byte of its range.
type Request = (String, Option<usize>);

/// A running server; dropping it ends its thread.
pub(super) struct Server {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    requests: Arc<Mutex<Vec<Request>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(manner: Manner, file: Vec<u8>) -> Self {
        Self::serving(manner, move |_| Some(file.clone()))
    }

    /// A server of the files that `find` knows, by the last part of their address.
    pub(super) fn serving(manner: Manner, find: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let thread = std::thread::spawn({
            let (ended, requests) = (Arc::clone(&ended), Arc::clone(&requests));
            move || {
                let mut open = Vec::new();
                for stream in listener.incoming() {
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    let mut stream = stream.unwrap();
                    // In some tests the client closes the connection early.
                    let _ = answer(&mut stream, &manner, &find, &requests);
                    if matches!(manner, Manner::Stalls(_) | Manner::Mute) {
                        open.push(stream);
                    }
                }
            }
        });
        Self { address, ended, requests, thread: Some(thread) }
    }

    /// The address of a port on which nobody listens.
    pub(super) fn down() -> String {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        format!("http://{address}")
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The first byte of the range of each request so far.
    pub(super) fn ranges(&self) -> Vec<Option<usize>> {
        self.requests.lock().unwrap().iter().map(|(_, range)| *range).collect()
    }

    /// The path and query of each request so far.
    pub(super) fn targets(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(target, _)| target.clone()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes it
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(
    stream: &mut TcpStream,
    manner: &Manner,
    find: &impl Fn(&str) -> Option<Vec<u8>>,
    requests: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let (target, range) = read_request(stream)?;
    requests.lock().unwrap().push((target.clone(), range));
    let path = target.split('?').next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some(file) = find(name) else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let start =
        if matches!(manner, Manner::IgnoresRanges | Manner::TruncatesWholes(_)) { None } else { range };
    let body = &file[start.unwrap_or(0).min(file.len())..];
    match manner {
        Manner::Good if start.is_some_and(|start| start >= file.len()) => {
            head(stream, "416 Range Not Satisfiable", 0, "")
        }
        Manner::Good | Manner::IgnoresRanges => {
            ok(stream, start, &file)?;
            stream.write_all(body)
        }
        Manner::Truncates(count) | Manner::TruncatesWholes(count) | Manner::Stalls(count) => {
            ok(stream, start, &file)?;
            stream.write_all(&body[..body.len().min(*count)])
        }
        Manner::EndsEarly(count) => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&file[..*count])
        }
        Manner::Trickles => {
            ok(stream, start, &file)?;
            stream.write_all(&body[..100])?;
            stream.read_exact(&mut [0]) // until the client hangs up
        }
        Manner::Mute => Ok(()),
        Manner::Corrupts => {
            ok(stream, start, &file)?;
            let mut body = body.to_vec();
            if let Some(byte) = body.last_mut() {
                *byte ^= 1;
            }
            stream.write_all(&body)
        }
        Manner::Portal => page(stream, "text/html; charset=utf-8"),
        Manner::DisguisedPortal => page(stream, "application/gzip"),
        Manner::Status(status) => head(stream, &format!("{status} Sorry"), 0, ""),
        Manner::Redirects(to) => head(stream, "302 Found", 0, &format!("Location: {to}/{name}\r\n")),
        Manner::WrongRange => {
            let range = format!("Content-Range: bytes 1-9/{}\r\n", file.len());
            head(stream, "206 Partial Content", 9, &range)?;
            stream.write_all(&file[1..10])
        }
        Manner::Endless => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&file)?;
            loop {
                stream.write_all(&[0; 1 << 14])?;
            }
        }
    }
}

fn ok(stream: &mut TcpStream, start: Option<usize>, file: &[u8]) -> std::io::Result<()> {
    match start {
        None => head(stream, "200 OK", file.len(), ""),
        Some(start) => {
            let range = format!("Content-Range: bytes {start}-{}/{}\r\n", file.len() - 1, file.len());
            head(stream, "206 Partial Content", file.len() - start, &range)
        }
    }
}

fn page(stream: &mut TcpStream, content_type: &str) -> std::io::Result<()> {
    let page = "<!DOCTYPE html><html>Please log in to the airport's network</html>";
    head(stream, "200 OK", page.len(), &format!("Content-Type: {content_type}\r\n"))?;
    stream.write_all(page.as_bytes())
}

fn head(stream: &mut TcpStream, status: &str, length: usize, fields: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{fields}\r\n")
}

fn read_request(stream: &mut TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut range = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(bytes) = line.strip_prefix("range: bytes=") {
            range = bytes.trim_end_matches('-').parse().ok();
        }
    }
    Ok((target, range))
}
