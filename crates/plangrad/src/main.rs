//! The `plangrad` program: everything it does is in the library of the same name.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    plangrad::process::started();
    plangrad::process::survive_file_size_limits();
    plangrad::process::survive_address_space_limits();
    plangrad::process::on_thread(|| plangrad::run(std::env::args_os()))
}
