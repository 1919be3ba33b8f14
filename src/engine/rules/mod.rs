//! What the engine asks before it says yes, one file a subject. Everything here is a pure function of the
//! plan, the state, the readings and the time; the panes ask the same functions, so that what the screen
//! shows and what the engine decides cannot differ.

pub(crate) mod alarms;
pub(crate) mod back;
pub mod called;
pub mod countdown;
pub mod evidence;
pub mod expiry;
pub mod forecast;
pub(crate) mod freeze;
pub mod gates;
pub mod people;
pub(crate) mod phases;
pub mod replication;
pub mod sensed;
pub mod span;
pub mod steps;
pub mod validation;
pub(crate) mod verdicts;
pub mod wayback;
pub mod worth;
