//! Runs as they are: the real program as engine, real commands as steps, a real socket; killed, doubled, starved and
//! left alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_collect,
    clippy::print_stderr,
    reason = "what a test relies on and does not find fails the test"
)]

mod session {
    mod crash;
    mod disk;
    mod people;
    mod support;
    mod watching;
}
