//! Names as types: what one id may stand for, it stands for everywhere.
//!
//! Ids are short ASCII words (`[a-z0-9][a-z0-9._:-]*`); `parse` checks them, everything else trusts them.
//! Cloning one is a reference count, so events, state and panes share the plan's own text.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Arc::from(text))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(Arc::from(text))
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    )*};
}

ids! {
    /// A step of the checklist or of the rollback phase; a gate is a step too.
    StepId;
    /// A phase of the plan.
    PhaseId;
    /// Anything measured: a probe, a replication link, a monitor, a control, a validation, a fence.
    ProbeId;
    /// A system that the cutover moves from, to, or beside.
    EndpointId;
    /// Somebody of `[people]`.
    PersonId;
}
