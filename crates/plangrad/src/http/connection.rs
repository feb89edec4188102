//! One connection: requests read and responses written within time, whoever is at the other end.
//!
//! The system's time limits are for single reads and writes, which somebody who sends a byte a second never exceeds. So each of
//! them waits for a short while only, and in between the clock and the wish to stop are looked at.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::head::{Head, MOST_HEAD};
use super::refusal::Refusal;
use super::response::Response;
use super::room::{Room, Taken};
use super::site::Events;
use super::status::Status;
use crate::numbers::size;
use crate::train::Stop;

/// How long one read or write waits.
const SLICE: Duration = Duration::from_millis(50);

/// How long bytes that nobody wants any more are read, so that the response before them is not lost.
const LINGER: Duration = Duration::from_secs(1);

/// The longest silence in a stream of events, in which a proxy would not take it for dead.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Bytes that are read at a time.
const PIECE: usize = 16 << 10;

/// Bytes of a body that are reserved before any of it has come.
const FIRST: u64 = 64 << 10;

/// Why there is no request.
#[derive(Debug)]
pub(super) enum Broken {
    /// Between requests: the other end has closed, or was silent for too long, or the server stops.
    Ended,
    /// Within a request.
    Lost,
    /// It is answered with this, and the connection closed.
    Refused(Refusal),
}

impl From<Refusal> for Broken {
    fn from(refusal: Refusal) -> Self {
        Broken::Refused(refusal)
    }
}

/// Why no more bytes came.
enum Silent {
    /// In time.
    Late,
    Gone,
}

/// A connection.
pub(super) struct Connection<'a> {
    stream: Arc<TcpStream>,
    stop: &'a Stop,
    patience: Duration,
    /// Bytes that have come and belong to what is read next.
    ahead: Vec<u8>,
}

impl<'a> Connection<'a> {
    /// `None` if the connection is broken already.
    pub(super) fn new(stream: Arc<TcpStream>, patience: Duration, stop: &'a Stop) -> Option<Self> {
        stream.set_nonblocking(false).ok()?;
        stream.set_read_timeout(Some(SLICE)).ok()?;
        stream.set_write_timeout(Some(SLICE)).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Self { stream, stop, patience, ahead: Vec::new() })
    }

    /// The head of the next request, and when its first byte was there.
    pub(super) fn head(&mut self) -> Result<(Head, Instant), Broken> {
        let silent_until = Instant::now() + self.patience;
        while self.ahead.is_empty() {
            self.read_ahead(silent_until).map_err(|_| Broken::Ended)?;
        }
        let began = Instant::now();
        loop {
            if let Some((head, length)) = Head::parse(&self.ahead)? {
                self.ahead.drain(..length);
                return Ok((head, began));
            }
            self.read_ahead(began + self.patience).map_err(|silent| self.broken(silent))?;
        }
    }

    /// The body of a request whose first byte came when it `began`, at most `most` bytes, within `room`.
    pub(super) fn body<'r>(
        &mut self,
        head: &Head,
        began: Instant,
        most: u64,
        room: &'r Room,
    ) -> Result<(Vec<u8>, Option<Taken<'r>>), Broken> {
        let length = head.length.unwrap_or(0);
        if length > most {
            let sentence = format!("expected a body of at most {}, found {}", size(most), size(length));
            return Err(Refusal::new(Status::ContentTooLarge, sentence).into());
        }
        if length == 0 {
            return Ok((Vec::new(), None));
        }
        let full = || Refusal::new(Status::Unavailable, "too many large requests at a time; try again");
        let mut taken = room.take(length.min(FIRST)).ok_or_else(full)?;
        let mut body = Vec::with_capacity(length.min(FIRST) as usize);
        let from_ahead = self.ahead.len().min(length as usize);
        body.extend(self.ahead.drain(..from_ahead));
        if head.waits && self.ahead.is_empty() && (body.len() as u64) < length {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let mut piece = [0; PIECE];
        while (body.len() as u64) < length {
            let wanted = (length - body.len() as u64).min(PIECE as u64) as usize;
            let read = self.read(&mut piece[..wanted], began + self.patience);
            let read = read.map_err(|silent| self.broken(silent))?;
            if body.len() + read > body.capacity() {
                // Twice as much each time, so that a length that is a lie costs nothing.
                let larger = (2 * body.capacity() as u64).min(length);
                if !taken.grow(larger - body.capacity() as u64) {
                    return Err(full().into());
                }
                body.reserve_exact(larger as usize - body.len());
            }
            body.extend_from_slice(&piece[..read]);
        }
        Ok((body, Some(taken)))
    }

    /// Sends a response; `false` if the other end did not take it.
    pub(super) fn send(&mut self, response: &Response, is_last: bool, is_without_body: bool) -> bool {
        let head = response.head(is_last).into_bytes();
        match response.body.len() {
            _ if is_without_body => self.write(&head),
            // One packet, where it fits.
            0..PIECE => self.write(&[&head, response.body.as_slice()].concat()),
            _ => self.write(&head) && self.write(&response.body),
        }
    }

    /// Sends events until the other end closes, does not take them in time, or the server stops; `false` if one could not be sent.
    pub(super) fn send_events(&mut self, events: &mut dyn Events, is_without_body: bool) -> bool {
        if !self.write(STREAM.as_bytes()) || is_without_body {
            return is_without_body;
        }
        let mut told = Instant::now();
        while self.is_listening() {
            let text = match events.next() {
                Some(line) => format!("data: {line}\n\n"),
                None if told.elapsed() > HEARTBEAT => ":\n\n".to_owned(),
                None => continue,
            };
            if !self.write(text.as_bytes()) {
                return false;
            }
            told = Instant::now();
        }
        true
    }

    /// Whether the other end is there, waits, and says nothing; looks for the time of a slice.
    fn is_listening(&self) -> bool {
        let heard = self.stream.peek(&mut [0]);
        !self.stop.asked() && matches!(heard, Err(error) if is_pause(error.kind()))
    }

    /// Ends the connection. What the other end still sends is read for a while: closing with unread bytes would tell its system
    /// to forget the response.
    pub(super) fn end(&mut self, patience: Duration) {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let until = Instant::now() + patience.min(LINGER);
        let mut piece = [0; PIECE];
        while self.read(&mut piece, until).is_ok() {}
    }

    /// Reads more of what comes next.
    fn read_ahead(&mut self, deadline: Instant) -> Result<(), Silent> {
        let mut piece = [0; 2048];
        let room = (MOST_HEAD - self.ahead.len().min(MOST_HEAD)).clamp(1, piece.len());
        let read = self.read(&mut piece[..room], deadline)?;
        self.ahead.extend_from_slice(&piece[..read]);
        Ok(())
    }

    fn read(&self, piece: &mut [u8], deadline: Instant) -> Result<usize, Silent> {
        loop {
            if self.stop.asked() {
                return Err(Silent::Gone);
            }
            if Instant::now() > deadline {
                return Err(Silent::Late);
            }
            match (&*self.stream).read(piece) {
                Ok(0) => return Err(Silent::Gone),
                Ok(read) => return Ok(read),
                Err(error) if is_pause(error.kind()) => {}
                Err(_) => return Err(Silent::Gone),
            }
        }
    }

    fn write(&self, mut bytes: &[u8]) -> bool {
        let deadline = Instant::now() + self.patience;
        while !bytes.is_empty() {
            match (&*self.stream).write(bytes) {
                Ok(0) => return false,
                Ok(written) => bytes = &bytes[written..],
                Err(error) if is_pause(error.kind()) && !self.stop.asked() => {}
                Err(_) => return false,
            }
            if Instant::now() > deadline {
                return bytes.is_empty();
            }
        }
        true
    }

    fn broken(&self, silent: Silent) -> Broken {
        match silent {
            Silent::Gone => Broken::Lost,
            Silent::Late => {
                let sentence = format!("expected the request within {:?}", self.patience);
                Broken::Refused(Refusal::new(Status::RequestTimeout, sentence))
            }
        }
    }
}

/// The head of a stream of events (WHATWG, "HTML", 9.2).
const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
                      X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";

/// Whether nothing came within a slice, or a signal did.
fn is_pause(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
