//! What a server needs to know of what it serves.

use std::sync::Arc;
use std::time::Duration;

use super::head::Head;
use super::refusal::Refusal;
use super::response::Response;
use super::room::{Room, Taken};
use super::traffic::Traffic;

/// The limits on requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of a body.
    pub(crate) body: u64,
    /// Connections at a time.
    pub(crate) connections: usize,
    /// How long a request may take to come, and its response to be taken.
    pub(crate) patience: Duration,
}

/// What every site has.
pub(crate) struct SiteState {
    pub(crate) limits: Limits,
    /// Where requests and connections are counted.
    pub(crate) traffic: Traffic,
    /// For bodies and responses.
    pub(crate) room: Room,
}

impl SiteState {
    /// With room for so many bytes, and nothing counted.
    pub(crate) fn new(limits: Limits, room: u64) -> SiteState {
        SiteState { limits, traffic: Traffic::default(), room: Room::new(room) }
    }
}

/// Everything that answers.
pub(crate) trait Site: Sync {
    /// What a request is for.
    type Route;

    /// What every site has.
    fn state(&self) -> &SiteState;

    /// What a request is for, by its head.
    ///
    /// # Errors
    /// If it is for nothing.
    fn route(&self, head: &Head) -> Result<Self::Route, Refusal>;

    /// The answer to a request with this body.
    fn answer(&self, route: Self::Route, body: Vec<u8>) -> Answer<'_>;
}

/// An answer.
pub(crate) enum Answer<'a> {
    /// A response, and the room that it takes.
    Whole(Response, Option<Taken<'a>>),
    /// Events for as long as the connection lasts, which ends with them.
    Stream(Box<dyn Events + 'a>),
}

/// Events for one connection.
pub(crate) trait Events {
    /// The next event, if there is one by now: one line.
    fn next(&mut self) -> Option<Arc<str>>;
}
