//! Engines killed with SIGKILL, hundreds of times and at every kind of moment, over whole moves of the demo; and at
//! every write of a small plan. What anybody was told stands, no step runs twice, what is not known is said to be
//! unknown, and every run comes to its end.
//!
//! `CUTOVER_LONG=1` for the large numbers. `CUTOVER_SEED=N` runs one move again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what a test relies on and does not find fails the test"
)]

mod shop;

mod kills {
    mod aim;
    mod body;
    mod checks;
    mod counted;
    mod night;
    mod nights;
    mod reaper;
    mod small;
    mod watch;
    mod writes;
}
