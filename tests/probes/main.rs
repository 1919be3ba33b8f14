//! Probes against real parts: servers on loopback made by the tests themselves, real files, databases,
//! commands, repositories and, where it is installed, a real sshd.

mod commands;
mod common;
mod databases;
mod dns;
mod files;
mod http;
mod tls;
