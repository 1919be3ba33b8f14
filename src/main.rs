//! Hands the words of the command line over, and ends with the number that comes back.

use std::process::ExitCode;

fn main() -> ExitCode {
    cutover::cli::main()
}
