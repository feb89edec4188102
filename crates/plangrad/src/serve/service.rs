//! Which address answers what.

use std::sync::atomic::{AtomicU64, Ordering};

use super::page::DrawingPage;
use super::predictions::{Kind, Predictions};
use crate::http::{Answer, Head, Limits, Refusal, Response, Site, SiteState, Status, Taken, line, section};

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route {
    Page,
    Health,
    Metrics,
    Predict(Kind),
}

/// Everything that answers.
pub(crate) struct Service<'a> {
    predictions: Predictions<'a>,
    page: Option<DrawingPage>,
    state: SiteState,
    /// Samples that were predicted.
    predicted: AtomicU64,
}

impl<'a> Service<'a> {
    pub(crate) fn new(predictions: Predictions<'a>, limits: Limits) -> Self {
        let page = DrawingPage::for_model(predictions.model());
        let state = SiteState::new(limits, predictions.memory().room);
        Self { predictions, page, state, predicted: AtomicU64::new(0) }
    }

    /// Whether there is a page to draw on.
    pub(crate) fn has_page(&self) -> bool {
        self.page.is_some()
    }

    /// Samples that were predicted.
    pub(crate) fn predicted(&self) -> u64 {
        self.predicted.load(Ordering::Relaxed)
    }

    fn predict(&self, kind: Kind, body: Vec<u8>) -> Result<(Response, Taken<'_>), Refusal> {
        let (response, samples) = self.predictions.answer(kind, body)?;
        let full = || Refusal::new(Status::Unavailable, "too many large responses at a time; try again");
        let taken = self.state.room.take(response.body.capacity() as u64).ok_or_else(full)?;
        self.predicted.fetch_add(samples as u64, Ordering::Relaxed);
        Ok((response, taken))
    }

    /// The text that Prometheus reads.
    fn metrics(&self) -> String {
        let memory = self.predictions.memory();
        let mut text = self.state.traffic.text();
        for (name, kind, help, value) in [
            ("predictions_total", "counter", "Samples that were predicted.", self.predicted()),
            ("planned_bytes", "gauge", "Memory that serving may take.", memory.total()),
            ("session_bytes", "gauge", "Memory of the model's session, of these.", memory.session.total()),
        ] {
            section(&mut text, name, kind, help);
            line(&mut text, name, value);
        }
        text
    }
}

impl Site for Service<'_> {
    type Route = Route;

    fn state(&self) -> &SiteState {
        &self.state
    }

    fn route(&self, head: &Head) -> Result<Route, Refusal> {
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
        head.check_method(method)?;
        route.map_or_else(|| self.predictions.kind(head).map(Route::Predict), Ok)
    }

    fn answer(&self, route: Route, body: Vec<u8>) -> Answer<'_> {
        let response = match route {
            Route::Page => self.page.as_ref().map_or_else(not_there, DrawingPage::response),
            Route::Health => Response::json(&Health { status: "ok" }),
            Route::Metrics => {
                Response::new("text/plain; version=0.0.4; charset=utf-8", self.metrics().into_bytes())
            }
            Route::Predict(kind) => match self.predict(kind, body) {
                Ok((response, taken)) => return Answer::Whole(response, Some(taken)),
                Err(refusal) => refusal.into(),
            },
        };
        Answer::Whole(response, None)
    }
}

fn not_there() -> Response {
    Refusal::new(Status::NotFound, "this model has no page").into()
}

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
}
