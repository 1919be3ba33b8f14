//! Hands the words of the command line over, and ends with the code that comes back.

use std::ffi::OsString;
use std::process::ExitCode;

use cutover::demo;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    demo::commands::main(&words).unwrap_or(ExitCode::SUCCESS)
}
