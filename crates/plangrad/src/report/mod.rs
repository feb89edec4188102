//! The report of a run: one HTML page with everything one looks at, in `report.html` of its folder.
//!
//! A run folder is read, never changed, and whatever an earlier version did not write is left out. What the page shows is
//! gathered as plain data ([`RunReport`]), embedded as JSON, and drawn in the browser by `page.js`: nothing is fetched, and names
//! from outside are never more than text. *Absent on purpose:* a template engine and a chart library; both would be larger
//! than the page.

mod arena;
mod first_layer;
mod page;
mod pictures;
mod quality;
mod run;

pub(crate) use page::{live_page, page, search_page};
pub(crate) use quality::{Examined, examine};
pub(crate) use run::RunReport;
