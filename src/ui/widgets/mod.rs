//! Parts that more than one pane is made of.
//!
//! Each owns one interaction or one shape, knows nothing of runs, and is drawn on a `Canvas`.

pub mod field;
pub mod list;
pub mod scroll;
pub mod spark;

pub use field::Field;
pub use list::{List, Move};
pub use scroll::Scroll;
pub use spark::spark;
