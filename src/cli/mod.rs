//! The command line: what people and scripts type, what it prints, how it ends.
//!
//! Owns the words (clap), one file a subcommand, and the numbers with which the program ends ([`exit`]). The only
//! place that joins what draws with what runs. Whatever is printed and came from outside goes through `ui::safe`
//! ([`print`]).

mod auto;
mod check;
mod cockpit;
mod compare;
mod convention;
mod demo;
mod doctor;
pub mod exit;
mod failures;
mod generate;
mod hidden;
mod keys;
mod manifest;
mod new;
mod open;
mod panics;
mod plans;
mod print;
mod rehearse;
mod run;
mod runs;
mod schema;
mod status;
mod verify;
mod watch;
mod who;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::{Exit, Failure};

/// A cockpit for the hours in which a system moves to the cloud.
#[derive(Parser)]
#[command(name = "cutover", version, about, long_about = None, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Args),
    New(new::Args),
    Schema(schema::Args),
    Run(run::Args),
    Rehearse(rehearse::Args),
    Watch(watch::Args),
    Demo(demo::Args),
    Convention(convention::Args),
    Compare(compare::Args),
    Manifest(manifest::Args),
    Runs(runs::Args),
    Status(status::Args),
    Verify(verify::Args),
    Keys(keys::Args),
    Doctor(doctor::Args),
    Completions(generate::Completions),
    Man(generate::Man),
}

/// Does what the words of the command line say. Ends the process with the number that is given back.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    panics::install();
    // Two libraries ask for the process's cryptography; an error says that it is chosen already.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    if let Some(code) = hidden::main(&words) {
        return code;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => return tell(&told),
    };
    let done = match cli.command {
        Command::Check(args) => check::main(&args),
        Command::New(args) => new::main(&args),
        Command::Schema(_) => schema::main(),
        Command::Run(args) => run::main(&args),
        Command::Rehearse(args) => rehearse::main(&args),
        Command::Watch(args) => watch::main(&args),
        Command::Demo(args) => demo::main(&args),
        Command::Convention(args) => convention::main(&args),
        Command::Compare(args) => compare::main(&args),
        Command::Manifest(args) => manifest::main(&args),
        Command::Runs(args) => runs::main(&args),
        Command::Status(args) => status::main(&args),
        Command::Verify(args) => verify::main(&args),
        Command::Keys(_) => keys::main(),
        Command::Doctor(_) => doctor::main(),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    };
    end(done)
}

/// Help and version are answers, everything else is a slip.
fn tell(told: &clap::Error) -> ExitCode {
    // A closed pipe is no failure: somebody has seen enough.
    let _closed = told.print();
    if told.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() }
}

fn end(done: Result<Exit, Failure>) -> ExitCode {
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                print::error(&failure.message);
            }
            failure.exit.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_fit_together() {
        Cli::command().debug_assert();
    }
}
