//! `plangrad serve`: a trained model behind HTTP, until Ctrl-C.

use std::time::Duration;

use plangrad_tensor::Backend;
use serde::Serialize;

use super::{device, trained};
use crate::cli::ServeArgs;
use crate::error::{Error, Result};
use crate::http::{Limits, Server, Site};
use crate::loading;
use crate::model::Model;
use crate::numbers::counted;
use crate::output::Console;
use crate::serve::{Predictions, Service, ServingMemory};
use crate::train::Interrupts;

pub(super) fn perform(arguments: &ServeArgs, console: &Console) -> Result<()> {
    let model = trained::open(&arguments.trained)?;
    let server = Server::bind(arguments.port)?;
    device::compute(&arguments.device, |backend| serve(arguments, &model, &server, backend, console))
}

fn serve(
    arguments: &ServeArgs,
    model: &Model,
    server: &Server,
    backend: &Backend,
    console: &Console,
) -> Result<()> {
    let limits = Limits {
        body: arguments.body_limit.bytes,
        connections: arguments.connections,
        patience: Duration::from_secs_f64(arguments.timeout),
    };
    let predictions = Predictions::new(model, arguments.batch_size, limits, backend)?;
    let memory = predictions.memory().clone();
    check_memory(&memory, backend)?;
    let service = Service::new(predictions, limits);
    let interrupts = Interrupts::listen();
    let url = server.url();
    let draw = if service.has_page() { "; open it to draw" } else { "" };
    console.text(&format_args!("{url} on {}{draw}\n{}", backend.device(), memory.sentence()))?;
    console.json(&Start {
        url: &url,
        device: backend.device().to_string(),
        planned_bytes: memory.total(),
    })?;
    server.serve(&service, interrupts.stop())?;
    let [requests, predictions] =
        [(service.state().traffic.requests(), "request"), (service.predicted(), "prediction")]
            .map(|(number, noun)| counted(usize::try_from(number).unwrap_or(usize::MAX), noun));
    Console::remark(&format_args!("answered {requests}, made {predictions}"));
    Ok(())
}

/// Refuses to serve with more memory than the machine has free.
fn check_memory(memory: &ServingMemory, backend: &Backend) -> Result<()> {
    let Some(free) = loading::memory() else { return Ok(()) };
    let requested = memory.beside();
    if requested <= free {
        return Ok(());
    }
    Err(Error::OutOfMemory {
        device: backend.device(),
        what: "serving requests".to_owned(),
        requested,
        free,
        total: free,
        remedy: "take a smaller --body-limit or fewer --connections".to_owned(),
        report: memory.session.clone(),
    })
}

#[derive(Serialize)]
struct Start<'a> {
    url: &'a str,
    device: String,
    planned_bytes: u64,
}
