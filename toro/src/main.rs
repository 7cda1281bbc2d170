//! `toro`: flags, and the way out.

use std::process::ExitCode;

fn main() -> ExitCode {
    toro::commands::run(std::env::args_os())
}
