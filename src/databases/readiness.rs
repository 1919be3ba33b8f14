//! Readiness: what was found of a trap, and what is told to whoever looks.
//!
//! Owns the form of an answer: the object, the harm, the mend. Which traps there are stands in the plan's model
//! ([`Trap`](crate::plan::model::Trap)), what each looks for with its engine (`postgres::traps`, `mysql::traps`).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::model::Trap;

/// The traps that lie in what is defined around the rows of two databases, whatever is between them.
pub(super) const DEFINITIONS: [Trap; 4] =
    [Trap::Indexes, Trap::Constraints, Trap::Sequences, Trap::Collations];

/// One thing in which a trap was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Which object: `table public.orders`. The same at every look, whatever its figures do.
    pub object: String,
    /// What is wrong with it, and what that does; goes on from the object.
    pub harm: String,
    /// What to do about it.
    pub mend: String,
}

impl Found {
    /// Something that trips a move up.
    pub fn new(object: impl Into<String>, harm: impl Into<String>, mend: impl Into<String>) -> Found {
        Found { object: object.into(), harm: harm.into(), mend: mend.into() }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.object, self.harm, self.mend)
    }
}

/// What the plan knows and a look for traps has to know too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Tables that need not travel the link, by name.
    pub except: Vec<String>,
    /// A step of the plan carries the sequences over.
    pub carried: bool,
    /// The name of the link that leads back, where the plan has one; empty for one without. A slot of that name waits for its
    /// consumer until the switch.
    pub back: Option<String>,
    /// A transaction that is open for longer is a long one.
    pub long: Duration,
}

impl Default for Asked {
    fn default() -> Asked {
        Asked { except: Vec::new(), carried: false, back: None, long: Duration::from_secs(300) }
    }
}
