//! The terminal, and everything a screen is made of.
//!
//! Owns how the cockpit looks and feels: the terminal and its modes, keys, themes, signs, places,
//! figures. Refuses to know runs: what is shown, and what a key does to a run, is the `panes`' part.
//!
//! | part | owns |
//! |---|---|
//! | [`terminal`] | the terminal's life: entered, drawn to, stopped, left as found |
//! | [`input`], [`reader`], [`key`] | keys, pastes, size, focus, with the time they came |
//! | [`actions`], [`keymap`], [`config`] | the one table of keys, and the user's changes |
//! | [`safe`] | the only way foreign text reaches a terminal |
//! | [`canvas`], [`layout`], [`widgets`] | what panes draw on, where, and with what |
//! | [`theme`], [`roles`], [`colour`], [`glyphs`], [`mode`] | how a meaning looks |
//! | [`format`] | how a figure is written |
//! | [`palette`], [`clipboard`], [`skeleton`] | search, copying, the first frame |
//!
//! Drawing is a function of what is shown: a pane draws the whole [`canvas::Canvas`] anew, and only
//! what differs is sent.

pub mod actions;
pub mod canvas;
pub mod clipboard;
pub mod colour;
pub mod config;
mod contexts;
mod decode;
mod encode;
mod flow;
pub mod format;
pub mod glyphs;
pub mod input;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod mode;
pub mod palette;
mod place;
pub mod reader;
pub mod roles;
pub mod safe;
mod signals;
pub mod skeleton;
pub mod terminal;
#[cfg(test)]
pub(crate) mod testing;
pub mod theme;
mod tty;
pub mod widgets;

pub use decode::{Mouse, MouseAction};
pub use place::Place;
