//! What is told to people and programs that do not sit before the cockpit.
//!
//! Reads the same state by the same rules as everything else, and says nothing that those do not know. Writes no
//! files and decides nothing. So far it is the [`status`] of a run.

pub mod status;
