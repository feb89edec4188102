//! Curves of time, drawn by the driver's own plotting code (`crates/plangrad/examples/curves.rs`) into docs/.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use super::outcome::Outcome;
use super::parts::{Axis, Part};
use super::programs::OWN;
use crate::Result;
use crate::command::{built, program, root};

/// Draws the medians of each program; returns what shows the chart in the page.
pub(super) fn draw(part: &Part, axis: Axis, outcomes: &[Outcome]) -> Result<String> {
    let build = ["build", "--release", "--package", "plangrad", "--example", "curves"];
    let curves = built(&build, "curves")?;
    let path = root().join(format!("docs/{}.svg", part.name));
    let failed = |error| format!("{}: {error}", path.display());
    let mut child = program(&curves.display().to_string(), &[])
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&path).map_err(failed)?)
        .spawn()
        .map_err(failed)?;
    let description = describe(part, axis, outcomes).to_string();
    child.stdin.take().expect("piped").write_all(description.as_bytes()).map_err(failed)?;
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        return Err(format!("drawing {} ended with {status}", path.display()));
    }
    Ok(format!("![Time of a step against {}]({}.svg)\n\n", axis.name(), part.name))
}

fn describe(part: &Part, axis: Axis, outcomes: &[Outcome]) -> Value {
    let names: BTreeSet<&String> = outcomes.iter().flat_map(|outcome| outcome.programs.keys()).collect();
    let (own, peers): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| *name == OWN);
    let curve = |name: &&String| {
        let points = outcomes.iter().filter_map(|outcome| {
            let measured = outcome.programs.get(*name)?;
            Some(json!([axis.place(&outcome.work), measured.median()]))
        });
        json!({"name": name, "points": points.collect::<Vec<_>>()})
    };
    let title = format!("a training step by {}", axis.name());
    let curves: Vec<Value> = own.iter().chain(&peers).map(curve).collect();
    json!({"title": title, "panel": format!("time of a step ({})", part.name), "axis": axis.name(), "curves": curves})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measured::Measured;
    use crate::bench::parts::{PARTS, mnist_of};

    #[test]
    fn plangrads_curve_comes_first_and_points_lie_on_the_axis() {
        let measured = |seconds| Measured { seconds: vec![seconds], ..Measured::default() };
        let outcome = |batch, seconds: f64| Outcome {
            work: mnist_of(batch, 2),
            programs: [("jax".into(), measured(2.0 * seconds)), (OWN.into(), measured(seconds))].into(),
            peak: Default::default(),
        };
        let curves = describe(&PARTS[4], Axis::Batch, &[outcome(1, 0.5), outcome(16, 0.25)]);
        assert_eq!(curves["curves"][0], json!({"name": "plangrad", "points": [[1, 0.5], [16, 0.25]]}));
        assert_eq!(curves["curves"][1]["points"], json!([[1, 1.0], [16, 0.5]]));
    }
}
