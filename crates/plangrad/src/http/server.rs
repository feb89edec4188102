//! The listener, and the threads of its connections.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder, Scope};
use std::time::{Duration, Instant};

use super::connection::{Broken, Connection};
use super::head::Head;
use super::refusal::Refusal;
use super::response::Response;
use super::site::{Answer, Site};
use super::status::Status;
use crate::error::{Error, Result};
use crate::train::Stop;

/// Pause between two looks at the wish to stop, and after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(20);

/// Connections that wait to be told that there are too many; more than that are closed.
const REFUSED: usize = 64;

/// How long one of these may take to listen.
const REFUSAL: Duration = Duration::from_millis(100);

/// A server that listens on the machine's own address.
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens on a port; on any with 0.
    ///
    /// # Errors
    /// [`Error::Option`] if it cannot be had.
    pub(crate) fn bind(port: u16) -> Result<Self> {
        let taken = |reason| {
            let problem =
                format!("127.0.0.1:{port} cannot be listened on: {reason}; take another port, or 0 for any");
            Error::option("--port", problem)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        Ok(Self { listener, address })
    }

    /// Where it is found.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves until asked to stop; then ends within about a second.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub(crate) fn serve(&self, site: &impl Site, stop: &Stop) -> Result<()> {
        let no_thread =
            |reason| Error::option("--connections", format!("the system gives no thread: {reason}"));
        thread::scope(|scope| {
            let (refused, too_many) = sync_channel(REFUSED);
            let refuser = Builder::new().name("refuser".to_owned());
            refuser.spawn_scoped(scope, move || refuse_all(&too_many, stop)).map_err(no_thread)?;
            let waker = Builder::new().name("waker".to_owned());
            waker.spawn_scoped(scope, || self.wake(stop)).map_err(no_thread)?;
            while !stop.asked() {
                match self.listener.accept() {
                    Ok(_) if stop.asked() => break,
                    Ok((stream, _)) => welcome(scope, Arc::new(stream), site, stop, &refused),
                    Err(_) => thread::sleep(PAUSE), // no file left, or a connection that was gone at once
                }
            }
            Ok(())
        })
    }

    /// Waits for the wish to stop, then wakes the thread that accepts.
    fn wake(&self, stop: &Stop) {
        while !stop.asked() {
            thread::sleep(PAUSE);
        }
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)); // it wakes if others connect, too
    }
}

/// Gives a connection a thread, if there may be one more.
fn welcome<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    stream: Arc<TcpStream>,
    site: &'env impl Site,
    stop: &'env Stop,
    refused: &SyncSender<Arc<TcpStream>>,
) {
    let traffic = &site.state().traffic;
    if traffic.opens(site.state().limits.connections) {
        let own = Arc::clone(&stream);
        let talk = move || {
            if let Some(connection) = Connection::new(own, site.state().limits.patience, stop) {
                converse(connection, site);
            }
            traffic.closes();
        };
        if Builder::new().name("connection".to_owned()).spawn_scoped(scope, talk).is_ok() {
            return;
        }
        traffic.closes();
    }
    traffic.answered(Status::Unavailable, Duration::ZERO);
    let _ = refused.try_send(stream); // whoever finds no place is not told why
}

/// Tells connections that there are too many.
fn refuse_all(too_many: &Receiver<Arc<TcpStream>>, stop: &Stop) {
    let refusal = Refusal::new(Status::Unavailable, "too many connections at a time; try again");
    let response = Response::from(refusal);
    for stream in too_many {
        if let Some(mut connection) = Connection::new(stream, REFUSAL, stop) {
            connection.send(&response, true, false);
            connection.end(REFUSAL);
        }
    }
}

/// Answers the requests of a connection, one after another.
fn converse(mut connection: Connection<'_>, site: &impl Site) {
    let (traffic, patience) = (&site.state().traffic, site.state().limits.patience);
    loop {
        let (head, began) = match connection.head() {
            Ok(found) => found,
            Err(broken) => return give_up(connection, site, Instant::now(), broken),
        };
        let is_head = head.method == "HEAD";
        match answer(&mut connection, &head, began, site) {
            Err(broken) => return give_up(connection, site, began, broken),
            Ok(Answer::Whole(response, _taken)) => {
                traffic.answered(response.status, began.elapsed());
                if !connection.send(&response, head.is_last, is_head) {
                    return traffic.lost();
                }
                if head.is_last {
                    return connection.end(patience);
                }
            }
            Ok(Answer::Stream(mut events)) => {
                traffic.answered(Status::Ok, began.elapsed());
                if !connection.send_events(&mut *events, is_head) {
                    traffic.lost();
                }
                return connection.end(patience);
            }
        }
    }
}

/// The answer to a request.
fn answer<'s>(
    connection: &mut Connection<'_>,
    head: &Head,
    began: Instant,
    site: &'s impl Site,
) -> std::result::Result<Answer<'s>, Broken> {
    let route = match site.route(head) {
        Ok(route) => route,
        // Without a body the next request begins where this one ends.
        Err(refusal) if head.length.is_none_or(|length| length == 0) => {
            return Ok(Answer::Whole(refusal.into(), None));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    // What the body takes is free again once the response is there.
    let (body, _taken) = connection.body(head, began, site.state().limits.body, &site.state().room)?;
    Ok(site.answer(route, body))
}

/// Ends a connection whose request cannot be read.
fn give_up(mut connection: Connection<'_>, site: &impl Site, began: Instant, broken: Broken) {
    let traffic = &site.state().traffic;
    match broken {
        Broken::Ended => {}
        Broken::Lost => traffic.lost(),
        Broken::Refused(refusal) => {
            let response = Response::from(refusal);
            traffic.answered(response.status, began.elapsed());
            match connection.send(&response, true, false) {
                true => connection.end(site.state().limits.patience),
                false => traffic.lost(),
            }
        }
    }
}
