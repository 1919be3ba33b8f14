//! The systems of a plan, and what each must prove to be.

use serde::{Deserialize, Serialize};

use crate::plan::ids::EndpointId;
use crate::plan::secret::Template;

/// A system that something is read from or written to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// As named in the plan.
    pub id: EndpointId,
    /// Which database, and how it is reached.
    pub database: DatabaseSettings,
    /// What it must prove to be before the first effect.
    pub identity: Option<Identity>,
}

/// How a database is reached: one variant a database, matched by `databases::connect`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DatabaseSettings {
    /// A `SQLite` file with the tables of the `SQLite` convention.
    Sqlite {
        /// The file, relative to the plan's folder.
        path: Template,
    },
}

/// What an endpoint must prove to be; clones share identifiers, so a row can be asked for too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The system identifier that the server itself gives.
    pub system: Option<String>,
    /// A query and the one value that it must give.
    pub row: Option<IdentityRow>,
}

/// A query and the one value that it must give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRow {
    /// One query of one value.
    pub sql: String,
    /// The value.
    pub is: String,
}
