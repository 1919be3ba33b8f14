//! # cutover: the code map
//!
//! The whole program is a fold over facts: **the engine decides, the journal remembers, everything
//! else reads.**
//!
//! ```text
//! plan.toml ─► Plan
//! keys ─► Intent ──control socket──┐
//! probes, steps ─► Report, Sample ─┼─► Input + now ─► engine::decide ─► refusal, with its reason
//! timers ──────────────────────────┘  (State, Readings)  │
//!                                                        ▼ events (one decision = one record)
//!                                      journal: append, sync ─► State::apply ─► effects ─► tasks ─► Report …
//!                                             │
//!                          cockpit, watchers, status: all read the same journal, same `apply`
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`clock`] | the only reader of time |
//! | [`compare`] | whether two sides hold the same, and which rows do not |
//! | [`counts`] | how a count is written: grouped, its noun in the right number |
//! | [`databases`] | every engine of database behind one trait: position, fence, census, schema, digests |
//! | [`demo`] | the world that the demo moves: a shop on two databases, in a process of its own |
//! | [`files`] | how a file of ours comes into place: whole, or not at all |
//! | [`probes`] | how we look: one file a kind, each giving a measure or the reason why there is none |
//! | [`process`] | the only spawner: commands, groups, the step shim, bounded output |
//! | [`journal`] | what has happened: records, writer, reader, head, lock, verification |
//! | [`session`] | one run: its folder, the engine process, the control socket, the feed for whoever watches |
//! | [`tasks`] | what the engine asks of the world and what comes back: steps, looks, or a rehearsal's simulator |
//! | [`ui`] | terminal, keys, themes, places, figures: all a screen is made of, and nothing of runs |
//!
//! ## Invariants
//!
//! 1. Durable, then visible, then acted on: an effect starts only after the record that announces it is
//!    on disk. A failed append is never retried on the same file.
//! 2. Events are few, chained and synced; samples are many and newest wins. A sample enters the chain
//!    only as evidence inside an event.
//! 3. Gate safety lives in the engine, not in the screen.
//! 4. A reading has no default value: nothing prints a number that was not measured.
//! 5. `decide` and `apply` match without wildcard arms; `apply` cannot fail and knows no clock.
//! 6. Every attempt has a number; a late report is refused as stale.
//! 7. Live, rehearsal and tests run the same engine, panes and journal; only clock and performer differ.
//! 8. What a person looks at (selection, scroll) lives in panes, never in `State`.
//! 9. Foreign text goes through one `SafeText`; secrets through one `Secret` without Debug or Serialize.
//! 10. Only [`process`] spawns processes, only `tasks` and `session` spawn tasks (the demo's world is a
//!     program by itself and spawns its own), only [`clock`] reads time. Channels are bounded.
//!
//! `tests/architecture.rs` keeps the layering and the invariants that a text search can see.

#[cfg(not(target_os = "linux"))]
compile_error!("cutover runs on Linux: it relies on flock inheritance, pidfds and CLOCK_BOOTTIME");

pub mod cli;
pub mod clock;
pub mod compare;
pub mod counts;
pub mod databases;
pub mod demo;
pub mod engine;
pub mod files;
pub mod journal;
pub mod panes;
pub mod plan;
pub mod probes;
pub mod process;
pub mod report;
pub mod session;
pub mod tasks;
pub mod ui;
