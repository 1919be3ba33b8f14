//! One run from start to end, whatever comes and goes meanwhile: terminals, links, the engine itself.
//!
//! Owns the run's folder ([`folder`]), the engine process ([`engine`] around [`core`]), the control socket
//! between it and whoever has the keys ([`control`], [`client`], [`protocol`]), and the feed that cockpits and
//! watchers read ([`feed`], [`samples`]). Refuses to know what is drawn and what a step does.
//!
//! The engine decides in one place and in one order: drain what has come, decide it, one append, one sync, then
//! answers, then effects. Start with [`core::Core`].

pub mod client;
pub mod codes;
pub mod control;
pub mod core;
pub mod desk;
pub mod engine;
pub mod feed;
pub mod folder;
pub mod helm;
pub mod launch;
pub mod protocol;
pub mod runs;
pub mod samples;
pub mod socket;
