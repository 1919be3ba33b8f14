//! Probes against real parts: servers on loopback made by the tests themselves, real files, databases,
//! commands, repositories and, where it is installed, a real sshd.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "../asked/mod.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod asked;
mod commands;
mod common;
mod databases;
mod dns;
mod files;
mod flows;
mod http;
mod infrastructure;
mod repositories;
mod settings;
#[path = "../signed/mod.rs"]
mod signed;
mod ssh;
#[path = "../servers/sshd.rs"]
mod sshd;
mod tls;
mod versions;
#[path = "../watched/mod.rs"]
mod watched;
