//! The journal against damage: every cut, every flipped bit, records moved about, full disks, killed
//! writers. Every damaged journal is judged twice, by `journal::verify` and by `verify_journal.py`,
//! which must agree on class, record and byte.
//!
//! `CUTOVER_LONG=1` enlarges the exhaustive tests to a journal of 64 KiB.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "journal/damage.rs"]
mod damage;
#[path = "journal/faults.rs"]
mod faults;
#[path = "journal/follow.rs"]
mod follow;
#[path = "journal/support.rs"]
mod support;
