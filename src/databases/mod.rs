//! Databases, each engine behind one trait.

mod error;
mod position;
pub mod sqlite;

pub use error::Error;
pub use position::{Lag, Position, Unit};
