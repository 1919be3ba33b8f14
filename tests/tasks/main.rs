//! The performer against real parts: commands in shims, databases, controls, webhooks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod commands;
mod common;
mod flows;
mod looks;
mod rehearsal;
mod sides;
#[path = "../signed/mod.rs"]
mod signed;
