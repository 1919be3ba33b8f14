//! Commands that nobody types: this program as its own engine, step shim, far probe, far tree and demo world.
//!
//! They are no part of what is promised to people, so they stand outside of clap and of the help.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use super::exit::{Exit, Failure};
use super::{open, print};
use crate::session::engine;

/// Runs the hidden command that these words name, program's name left out; `None` when they name none.
pub(super) fn main(words: &[OsString]) -> Option<ExitCode> {
    match words.first()?.to_str()? {
        "__engine" => Some(super::end(engine(words.get(1..)?))),
        "__probe" => Some(super::end(far_probe())),
        "__tree" => Some(super::end(far_tree())),
        "__step" => Some(crate::process::shim::main(words.get(1))),
        _ => crate::demo::commands::main(words),
    }
}

/// A look that another host asks for: the question on standard input, the answer on standard output.
fn far_probe() -> Result<Exit, Failure> {
    let broken =
        |error: std::io::Error| Failure::new(Exit::NotProved, format!("the look cannot be taken: {error}"));
    let mut question = Vec::new();
    std::io::stdin().lock().read_to_end(&mut question).map_err(broken)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    match runtime.block_on(crate::probes::remote::answer(&question)) {
        Ok(answer) => std::io::stdout().lock().write_all(&answer).map_err(broken).map(|()| Exit::Done),
        Err(why) => Err(Failure::new(Exit::NotProved, why)),
    }
}

/// A tree that another host compares with one of its own.
fn far_tree() -> Result<Exit, Failure> {
    let served = crate::compare::trees::serve(std::io::stdin(), std::io::stdout());
    served
        .map(|()| Exit::Done)
        .map_err(|why| Failure::new(Exit::NotProved, format!("the line broke off: {why}")))
}

fn engine(words: &[OsString]) -> Result<Exit, Failure> {
    let [run] = words else { return Err(Failure::usage("usage: __engine RUNDIR")) };
    // A session of its own, before anything else: neither a terminal that hangs up nor a key reaches it.
    if let Err(error) = crate::process::own_session() {
        print::error(&format!("the engine stays in the session of its starter: {error}"));
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::NotProved, format!("the engine has no threads: {error}")))?;
    // Somebody else's choice before ours would be as good; there is nobody else.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(engine::run(Path::new(run), open::exe()))?;
    Ok(Exit::Done)
}
