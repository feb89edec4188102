//! The examples that sessions run. A test has no programs of theirs, so they run in this process.

// An example is a program of its own; here what it prints is made.
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
