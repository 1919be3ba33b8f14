//! The performer against real parts: commands in shims, databases, controls, webhooks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod commands;
mod common;
mod flows;
mod links;
mod looks;
#[path = "../servers/mariadb.rs"]
#[allow(dead_code, unreachable_pub, reason = "another test uses the rest")]
mod mariadb;
mod rehearsal;
#[path = "../servers/mod.rs"]
mod servers;
mod sides;
#[path = "../signed/mod.rs"]
mod signed;
