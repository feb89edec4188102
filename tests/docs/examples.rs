//! The examples that sessions run. Cargo builds no binaries of examples for a test, so they run in this process.

// An example is a separate program; its output is produced here.
#[allow(dead_code)]
#[path = "../../crates/plangrad/examples/mean_of_gradients.rs"]
mod mean_of_gradients;

/// What an example prints.
pub(crate) fn output(name: &str) -> String {
    match name {
        "mean_of_gradients" => mean_of_gradients::compare().unwrap().to_string(),
        _ => panic!("a session may not run the example `{name}`: tests/docs/examples.rs does not know it"),
    }
}
