//! The page: a frame, its style and script, and what it shows as JSON. All in one file.

use serde::Serialize;

use super::run::RunReport;
use crate::error::{Error, Result};
use crate::html::{digest, embedded};

const STYLE: &str = include_str!("page.css");

/// The parts of the script, in their order.
const SCRIPTS: [&str; 4] =
    [include_str!("dom.js"), include_str!("chart.js"), include_str!("arena.js"), include_str!("page.js")];

/// What follows a run, behind these.
const LIVE: &str = include_str!("live.js");

/// The page on these runs.
///
/// The browser may run this script and no other, and fetch nothing: were a name from outside ever taken for markup,
/// it would do nothing.
///
/// # Errors
/// [`Error::Output`] if the runs cannot be serialised.
pub(crate) fn page(runs: &[RunReport]) -> Result<String> {
    let data = serde_json::to_string(runs).map_err(|error| Error::Output(error.into()))?;
    let script = SCRIPTS.join("\n");
    let policy = policy(&script, "default-src 'none'");
    let head = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n");
    Ok(framed(&head, &data, &script))
}

/// The page on a search: all of its trials, as JSON has them, and some runs of it.
///
/// # Errors
/// [`Error::Output`] if they cannot be serialised.
pub(crate) fn search_page(runs: &[RunReport], trials: &impl Serialize) -> Result<String> {
    let trials = serde_json::to_string(trials).map_err(|error| Error::Output(error.into()))?;
    let search =
        format!("<script type=\"application/json\" id=\"search\">{}</script>\n</main>", embedded(&trials));
    Ok(page(runs)?.replacen("</main>", &search, 1))
}

/// The page on a run that goes on, which listens to whoever serves it, and the policy that is to be sent with it. `run` is the
/// run as JSON.
pub(crate) fn live_page(run: &str) -> (String, String) {
    let script = [&SCRIPTS[..], &[LIVE]].concat().join("\n");
    let policy = policy(&script, "default-src 'none'; connect-src 'self'; frame-ancestors 'none'");
    (framed("<link rel=\"icon\" href=\"data:,\">\n", &format!("[{run}]"), &script), policy)
}

fn policy(script: &str, sources: &str) -> String {
    let (style, script) = (digest(STYLE), digest(script));
    format!(
        "{sources}; img-src data:; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'"
    )
}

fn framed(head: &str, data: &str, script: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{head}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="plangrad {version}">
<title>plangrad report</title>
<style>{STYLE}</style>
</head>
<body>
<main id="page"><noscript>This page draws its charts with a script that it holds itself; allow it to see them.</noscript></main>
<script type="application/json" id="runs">{}</script>
<script>{script}</script>
</body>
</html>
"#,
        embedded(data)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_makes_no_markup_of_text_and_fetches_nothing() {
        for forbidden in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "fetch(",
            "http:",
            "https:",
        ] {
            // The one address is the name of SVG, which nobody opens.
            let script =
                [&SCRIPTS[..], &[LIVE]].concat().join("\n").replace("http://www.w3.org/2000/svg", "");
            assert!(!script.contains(forbidden) && !STYLE.contains(forbidden), "{forbidden}");
        }
        assert!(
            !SCRIPTS.join("\n").contains("</script")
                && !LIVE.contains("</script")
                && !STYLE.contains("</style")
        );
    }
}
