//! What should happen.
//!
//! Owns the plan: its grammar and diagnostics, its variables and secrets, the lint that knows the trade, and
//! the resolved [`Plan`] that everything else reads. Refuses to know what has happened and how anything is
//! done. Start with [`model`] for what a plan is, with [`load`] for how it is read:
//!
//! ```text
//! text ─ source ─► tree ─ overlay ─ variables ─► shape (against grammar) ─► build ─► Plan ─► lint
//!                    └──────────── every finding with its place: diagnostic, render ────────────┘
//! ```

mod build;
pub mod diagnostic;
mod doubt;
mod examples;
mod grammar;
pub mod guide;
pub mod ids;
mod lint;
mod load;
mod mends;
pub mod model;
mod names;
pub mod new;
mod overlay;
pub mod pins;
mod references;
pub mod render;
pub mod schema;
pub mod secret;
mod shape;
pub mod source;
mod syntax;
mod tree;
mod units;
mod variables;
mod written;

pub use diagnostic::{Diagnostic, Diagnostics, Level};
pub use ids::{EndpointId, PersonId, PhaseId, ProbeId, StepId};
pub use load::{Environment, Loaded, Overrides, load, load_copy};
pub use model::Plan;
pub use render::Style;
