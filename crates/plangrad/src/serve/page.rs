//! The page on which one draws what a model of small images is to tell: its style and script, and what it knows of the model.

use serde::Serialize;

use crate::html::{digest, embedded};
use crate::http::Response;
use crate::model::Model;

const STYLE: &str = include_str!("page.css");

/// The parts of the script, in their order; the first is that of the report.
const SCRIPTS: [&str; 2] = [include_str!("../report/dom.js"), include_str!("page.js")];

/// The largest side of images that are drawn, in pixels.
const MOST_SIDE: usize = 64;

/// Datasets whose images are placed by their centre of mass.
const CENTRED: [&str; 3] = ["mnist", "qmnist", "emnist"];

/// The page.
pub(super) struct DrawingPage {
    text: String,
    /// The field that lets the browser run this script and no other, and talk to this server only.
    policy: String,
}

/// What the page knows.
#[derive(Serialize)]
struct Facts<'a> {
    width: usize,
    height: usize,
    is_coloured: bool,
    /// Whether drawings are to be placed as the dataset's digits are.
    is_centred: bool,
    dataset: &'a str,
    layers: String,
    classes: &'a [String],
}

impl DrawingPage {
    /// The page for a model, if it tells small images apart.
    pub(super) fn for_model(model: &Model) -> Option<Self> {
        let &[channels @ (1 | 3), height, width] = model.sample_shape() else { return None };
        let description = model.description();
        let is_small = height.max(width) <= MOST_SIDE && model.table().is_none();
        if !is_small || description.classes.is_empty() {
            return None;
        }
        let dataset = description.dataset.as_str();
        let is_centred = CENTRED.iter().any(|name| dataset.starts_with(name));
        let facts = Facts {
            width,
            height,
            is_coloured: channels == 3,
            is_centred: is_centred && channels == 1,
            dataset,
            layers: model.layers(),
            classes: &description.classes,
        };
        Some(Self::with(&serde_json::to_string(&facts).ok()?))
    }

    fn with(facts: &str) -> Self {
        let (script, facts) = (SCRIPTS.join("\n"), embedded(facts));
        let policy = format!(
            "default-src 'none'; connect-src 'self'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action \
             'none'; frame-ancestors 'none'",
            digest(STYLE),
            digest(&script)
        );
        let text = format!(
            r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>plangrad serve</title>
<style>{STYLE}</style>
</head>
<body>
<main id="page"><noscript>This page is drawn on with a script that it holds itself; allow it to draw.</noscript></main>
<script type="application/json" id="model">{facts}</script>
<script>{script}</script>
</body>
</html>
"#
        );
        Self { text, policy }
    }

    pub(super) fn response(&self) -> Response {
        let fields = format!("Content-Security-Policy: {}\r\n", self.policy);
        Response::new("text/html; charset=utf-8", self.text.clone().into_bytes()).with_fields(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_makes_no_markup_of_text_and_talks_to_no_other_address() {
        for forbidden in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "http:", "https:"]
        {
            // The one address is the name of SVG, which nobody opens.
            let script = SCRIPTS.join("\n").replace("http://www.w3.org/2000/svg", "");
            assert!(!script.contains(forbidden) && !STYLE.contains(forbidden), "{forbidden}");
        }
        assert!(!SCRIPTS.join("\n").contains("</script") && !STYLE.contains("</style"));
    }

    #[test]
    fn names_of_classes_are_no_markup() {
        let page = DrawingPage::with(r#"{"classes":["</script><script>alert(1)</script>"]}"#);
        assert_eq!(page.text.matches("<script").count(), 2);
    }
}
