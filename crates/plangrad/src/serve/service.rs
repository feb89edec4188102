//! Which address answers what.

use super::head::Head;
use super::limits::Limits;
use super::metrics::Metrics;
use super::page::DrawingPage;
use super::predictions::{Kind, Predictions};
use super::refusal::Refusal;
use super::response::Response;
use super::room::{Room, Taken};
use super::status::Status;

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Route {
    Page,
    Health,
    Metrics,
    Predict(Kind),
}

/// Everything that answers.
pub(crate) struct Service<'a> {
    predictions: Predictions<'a>,
    page: Option<DrawingPage>,
    pub(super) metrics: Metrics,
    pub(super) limits: Limits,
    /// For bodies and responses.
    pub(super) room: Room,
}

impl<'a> Service<'a> {
    pub(crate) fn new(predictions: Predictions<'a>, limits: Limits) -> Self {
        let page = DrawingPage::for_model(predictions.model());
        let room = Room::new(predictions.memory().room);
        Self { predictions, page, metrics: Metrics::default(), limits, room }
    }

    /// Whether there is a page to draw on.
    pub(crate) fn has_page(&self) -> bool {
        self.page.is_some()
    }

    /// What a request is for, by its head.
    pub(super) fn route(&self, head: &Head) -> Result<Route, Refusal> {
        let (route, method) = match head.path.as_str() {
            "/" if self.page.is_some() => (Some(Route::Page), "GET"),
            "/health" => (Some(Route::Health), "GET"),
            "/metrics" => (Some(Route::Metrics), "GET"),
            "/predict" => (None, "POST"),
            _ => {
                let sentence = "expected POST /predict, GET /health or GET /metrics";
                return Err(Refusal::new(Status::NotFound, sentence));
            }
        };
        let is_right = head.method == method || method == "GET" && head.method == "HEAD";
        if !is_right {
            return Err(Refusal::new(Status::MethodNotAllowed, format!("expected {method} {}", head.path)));
        }
        route.map_or_else(|| self.predictions.kind(head).map(Route::Predict), Ok)
    }

    /// The response to a request, and the room that it takes.
    pub(super) fn answer(&self, route: Route, body: Vec<u8>) -> (Response, Option<Taken<'_>>) {
        match route {
            Route::Page => (self.page.as_ref().map_or_else(not_there, DrawingPage::response), None),
            Route::Health => (Response::json(&Health { status: "ok" }), None),
            Route::Metrics => {
                let memory = self.predictions.memory();
                let text = self.metrics.text(memory.total(), memory.session.total());
                (Response::new("text/plain; version=0.0.4; charset=utf-8", text.into_bytes()), None)
            }
            Route::Predict(kind) => match self.predict(kind, body) {
                Ok((response, taken)) => (response, Some(taken)),
                Err(refusal) => (refusal.into(), None),
            },
        }
    }

    fn predict(&self, kind: Kind, body: Vec<u8>) -> Result<(Response, Taken<'_>), Refusal> {
        let (response, samples) = self.predictions.answer(kind, body)?;
        let full = || Refusal::new(Status::Unavailable, "too many large responses at a time; try again");
        let taken = self.room.take(response.body.capacity() as u64).ok_or_else(full)?;
        self.metrics.predicted(samples);
        Ok((response, taken))
    }
}

fn not_there() -> Response {
    Refusal::new(Status::NotFound, "this model has no page").into()
}

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
}
