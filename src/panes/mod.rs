//! What people see: the cockpit.
//!
//! Owns what is shown of a run and what a key asks for: [`Cockpit`] is a state machine without I/O, fed with
//! the run ([`Feed`]), keys and answers, that draws itself and says what it wants ([`Request`]). Refuses to
//! decide anything: the engine does, and its rules are asked for everything that is derived. Terminal,
//! threads and sockets are the caller's; looks, keys and places are `ui`'s.
//!
//! | part | owns |
//! |---|---|
//! | `cockpit`, `press`, `at_gate`, `drive`, `usable`, `roam`, `prompt` | the state machine: what is open, what a key means there |
//! | `scene`, `figures`, `standing` | what a frame is drawn from |
//! | `frame` | what is drawn where |
//! | `main_screen`, `header`, `footer` | the places on the main screen |
//! | `section` and its panes, `checklist`, `step`, `waiting`, `wayback`, `journal` | one file a pane, one line of [`PANES`] each |
//! | `gate` | the only box on the screen: a decision |
//! | `start`, `start_page`, `quit`, `ending` | before, between and after |
//! | `detail`, `help`, `commands`, `find` | what opens over a pane |
//!
//! A pane is a file and a line of [`PANES`]. Drawing is a function of the scene and the view; nothing that a
//! person looks at is ever in the engine's state.

mod alarms;
mod at_gate;
mod checklist;
mod cockpit;
mod commands;
mod compared;
mod detail;
mod differing;
mod document;
mod drive;
mod ending;
mod environment;
pub mod feed;
mod figures;
mod footer;
mod frame;
mod freeze;
mod gate;
mod header;
mod help;
mod item;
mod journal;
mod looks;
mod main_screen;
mod notice;
mod plain;
mod press;
mod prompt;
mod quit;
mod replication;
pub mod request;
mod roam;
mod row;
mod scene;
mod section;
mod standing;
mod start;
mod start_page;
mod step;
mod timeline;
mod update;
mod usable;
mod validation;
mod view;
mod views;
mod waiting;
mod wayback;
pub mod words;

pub use cockpit::{Cockpit, Seat};
pub use feed::{Contact, Feed, Pulse, Recorded};
pub use item::Item;
pub use request::{Code, Extra, Output, Reply, Request, Source};
pub use section::{PANES, Pane, PaneId};
pub use start_page::{Rehearsed, StartPage};
