//! A server that is tested, and requests to it, byte by byte.

#![allow(dead_code)] // each test file uses its own share of this

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Run, command, send};

/// How long a test waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// `plangrad serve`, while it runs.
pub(crate) struct Serving {
    child: Option<Child>,
    /// What it printed at the start.
    pub(crate) start: Value,
}

/// A response.
#[derive(Debug, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Serving {
    /// Starts it with these arguments on any port.
    pub(crate) fn start(folder: &Path, arguments: &str) -> Serving {
        Serving::command(folder, &format!("serve {arguments}"))
    }

    /// The same for another command that serves.
    pub(crate) fn command(folder: &Path, arguments: &str) -> Serving {
        let mut command = command(folder);
        command.args(arguments.split(' ')).args(["--port", "0", "--format", "json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let start = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Serving { child: Some(child), start }
    }

    pub(crate) fn url(&self) -> &str {
        self.start["url"].as_str().unwrap()
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url().strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// The response to these bytes on a connection of their own.
    pub(crate) fn send(&self, bytes: &[u8]) -> Response {
        let mut stream = self.connect();
        // The server may answer, and stop reading, before all has come.
        let _ = stream.write_all(bytes);
        response(&mut stream).expect("a response")
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Response {
        self.send(&post(path, content_type, body))
    }

    /// A number of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("plangrad_{name} ")));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Ends it with a signal; returns how it ended, and how long that took.
    pub(crate) fn end(mut self, signal: &str) -> (Run, Duration) {
        let child = self.child.take().unwrap();
        let began = Instant::now();
        send(signal, child.id());
        let output = child.wait_with_output().unwrap();
        let took = began.elapsed();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        (Run { code: output.status.code().unwrap_or(-1), stdout, stderr }, took)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A request with a body.
pub(crate) fn post(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The next response on a connection; `None` if it ends before.
pub(crate) fn response(stream: &mut TcpStream) -> Option<Response> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).ok()?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Response { status, head, body })
}
