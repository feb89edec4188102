//! Draws curves of time: JSON on standard input, `{"title", "panel", "axis", "curves": [{"name", "points": [[size, seconds]]}]}`,
//! SVG on standard output. `cargo xtask bench` draws its charts with it.

use std::error::Error;
use std::io;

use plangrad::sweep::{Times, curves_svg};
use serde::Deserialize;

#[derive(Deserialize)]
struct Description {
    title: String,
    panel: String,
    axis: String,
    curves: Vec<Curve>,
}

#[derive(Deserialize)]
struct Curve {
    name: String,
    points: Vec<(usize, f64)>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Description { title, panel, axis, curves } = serde_json::from_reader(io::stdin().lock())?;
    let times = curves.into_iter().map(|curve| Times { name: curve.name, points: curve.points }).collect();
    print!("{}", curves_svg(&title, &panel, &axis, times)?);
    Ok(())
}
