//! Whether the comparison of tables misses nothing and cries wolf never: every type, random tables, every trap, every kind
//! of table, on real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::many_single_char_names,
    clippy::string_slice,
    clippy::print_stderr,
    unreachable_pub,
    reason = "tests"
)]

mod common;
#[path = "../gates/dice.rs"]
#[allow(missing_docs, reason = "tests")]
mod dice;
mod listed;
#[path = "../servers/mariadb.rs"]
#[allow(dead_code, missing_docs, reason = "other tests use the rest")]
mod mariadb;
mod random;
mod remarks;
#[path = "../servers/mod.rs"]
mod servers;
mod traps;
mod types;
