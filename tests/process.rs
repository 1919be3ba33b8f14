//! Commands and steps with real processes: what survives a kill -9, what ends in time, what is kept.
//!
//! `CUTOVER_LONG=1` makes the floods a gigabyte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "process/run.rs"]
mod run;
#[path = "process/step.rs"]
mod step;
#[path = "process/support.rs"]
mod support;
