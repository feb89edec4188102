//! A run's page, and the stream of what is new of it.

use std::thread;

use super::broadcast::Broadcast;
use super::news::News;
use crate::error::Result;
use crate::http::{Answer, Head, Limits, Refusal, Response, Server, Site, SiteState, Status};
use crate::report::live_page;
use crate::train::Stop;

/// Bytes that pages on their way may take.
const ROOM: u64 = 64 << 20;

/// What a page takes beside what it shows, which is there as JSON and within the page, where a letter may take six bytes.
const PAGE: u64 = 128 << 10;

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    Page,
    Events,
    Health,
}

/// Everything that answers.
pub(crate) struct WatchSite {
    broadcast: Broadcast,
    state: SiteState,
}

impl WatchSite {
    /// Serves the page on a run until asked to stop.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub(crate) fn serve(server: &Server, news: &mut News, limits: Limits, stop: &Stop) -> Result<()> {
        let broadcast = Broadcast::default();
        news.tell_all(&broadcast);
        let site = WatchSite { broadcast, state: SiteState::new(limits, ROOM) };
        thread::scope(|scope| {
            scope.spawn(|| news.tell(&site.broadcast, stop));
            let served = server.serve(&site, stop);
            stop.ask(); // also where it could not be served
            served
        })
    }

    fn page(&self) -> Answer<'_> {
        let run = self.broadcast.last_whole();
        let Some(taken) = self.state.room.take(PAGE + 7 * run.len() as u64) else {
            let refusal = Refusal::new(Status::Unavailable, "too many pages at a time; try again");
            return Answer::Whole(refusal.into(), None);
        };
        let (text, policy) = live_page(&run);
        let response = Response::new("text/html; charset=utf-8", text.into_bytes())
            .with_fields(format!("Content-Security-Policy: {policy}\r\n"));
        Answer::Whole(response, Some(taken))
    }
}

impl Site for WatchSite {
    type Route = Route;

    fn state(&self) -> &SiteState {
        &self.state
    }

    fn route(&self, head: &Head) -> std::result::Result<Route, Refusal> {
        let route = match head.path.as_str() {
            "/" => Route::Page,
            "/events" => Route::Events,
            "/health" => Route::Health,
            _ => return Err(Refusal::new(Status::NotFound, "expected GET /, GET /events or GET /health")),
        };
        head.check_method("GET")?;
        Ok(route)
    }

    fn answer(&self, route: Route, _: Vec<u8>) -> Answer<'_> {
        match route {
            Route::Page => self.page(),
            Route::Events => Answer::Stream(Box::new(self.broadcast.listen())),
            Route::Health => Answer::Whole(Response::json(&serde_json::json!({ "status": "ok" })), None),
        }
    }
}
