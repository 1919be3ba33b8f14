//! The only spawner: whatever runs outside this program is started, bounded and ended here.
//!
//! Two ways to run a command. [`run`] is for probes and other short ones: it lives and dies with its
//! caller. [`step`] is for what changes a system: it runs under a shim of its own that survives the
//! engine, and its outcome can be learned later. [`detach`] starts the program's own long-lived
//! processes, and [`talk`] one that is talked with. All of them take argument lists, never a shell's text.
//!
//! Refuses to know what a command is for. Commands get no input (end of file at once) and no terminal;
//! what they print is kept within bounds; a command that must end gets TERM, and KILL when its grace
//! has passed, with everything in its process group. A process is only ever signalled while it is
//! certain that it is ours: its leader is not yet reaped, or it is held by a pidfd and has our lock open.

mod bounded;
mod detach;
mod group;
mod run;
pub mod signal;
mod spec;
pub mod ssh;
pub mod step;
mod talk;

pub use bounded::{Bounded, Ring};
pub use detach::{DetachError, Detached, detach, own_session};
pub use run::{Ended, Finished, Limits, run, run_with};
pub use spec::{Env, NotStarted, Spec, SpecError};
pub use step::shim;
pub use talk::{Talk, talk};

use std::time::Duration;

/// How long a command may take to end after TERM, before KILL, unless its [`Spec`] says otherwise.
pub const GRACE: Duration = Duration::from_secs(10);
/// How long to wait for output after a command has ended, in case a child of it holds on to the pipe.
pub const LEAK_WAIT: Duration = Duration::from_secs(2);
