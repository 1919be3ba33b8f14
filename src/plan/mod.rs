//! What should happen.
//!
//! Owns the plan: its grammar and diagnostics, its variables and secrets, the lint that knows the trade, and
//! the resolved [`Plan`] that everything else reads. Refuses to know what has happened and how anything is
//! done. Start with [`model`].

pub mod ids;
pub mod model;
pub mod secret;

pub use ids::{EndpointId, PersonId, PhaseId, ProbeId, StepId};
pub use model::Plan;
