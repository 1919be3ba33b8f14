//! What the engine asks before it says yes, one file a subject. Everything here is a pure function of the
//! plan, the state, the readings and the time; the panes ask the same functions, so that what the screen
//! shows and what the engine decides cannot differ.

pub mod countdown;
pub mod evidence;
pub mod forecast;
pub mod replication;
pub mod validation;
pub mod wayback;
