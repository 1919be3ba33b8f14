//! What may happen now.
//!
//! The engine is pure: events in, state and effects out; it knows no clock, no disk, no terminal. The same code
//! runs live, in rehearsal and in tests.
//!
//! - [`input`]: what reaches it; [`event`]: what it decides has happened; [`effect`]: what that sets going
//! - [`state`] and `apply`: the fold of events; [`readings`]: the fold of what was measured
//!   and [`course`], which is for eyes only
//! - [`decide()`]: the one door; [`rules`]: what it asks, one file a subject; [`refusal`]: every no, with its reason

mod apply;
pub mod course;
mod decide;
pub mod effect;
pub mod event;
pub mod input;
pub mod reading;
pub mod readings;
pub mod refusal;
pub mod rules;
pub mod state;
#[cfg(test)]
mod tests;

pub use decide::decide;
pub use event::Event;
pub use state::State;
