//! The validation engine: whether two sides hold the same, and what exactly differs.
//!
//! Owns the comparison of databases ([`tables`]) and of trees of files ([`trees`]). Refuses to know why it is asked and what follows from
//! the answer: probes, steps and `cutover compare` decide that. What a database is asked stands in
//! `databases::snapshot`.

mod pace;
pub mod tables;
pub mod trees;

pub use pace::Pace;
