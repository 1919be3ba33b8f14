//! SQLite: the demo's database, and the first of the engines.

mod connection;
pub mod convention;
