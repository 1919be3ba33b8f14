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
    /// It is no side of its own but a way to one, as the application takes it: named by `through`.
    pub way: bool,
}

/// How a database is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatabaseSettings {
    /// Which engine.
    pub kind: DatabaseKind,
    /// A file relative to the plan's folder, or a server's address.
    pub address: Template,
}

/// The engines of databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseKind {
    /// A `SQLite` file with the tables of the `SQLite` convention.
    Sqlite,
    /// A `PostgreSQL` server.
    Postgres,
    /// A `MySQL` or `MariaDB` server.
    Mysql,
    /// A Redis or Valkey server: keys, and no tables.
    Redis,
}

impl DatabaseKind {
    /// Every one of them.
    pub const ALL: [DatabaseKind; 4] =
        [DatabaseKind::Sqlite, DatabaseKind::Postgres, DatabaseKind::Mysql, DatabaseKind::Redis];

    /// The plan's key, and the engine's name in `databases::ENGINES`.
    pub fn key(self) -> &'static str {
        match self {
            DatabaseKind::Sqlite => "sqlite",
            DatabaseKind::Postgres => "postgres",
            DatabaseKind::Mysql => "mysql",
            DatabaseKind::Redis => "redis",
        }
    }

    /// Whether it has tables, and with them a schema, statements and sequences.
    pub fn has_tables(self) -> bool {
        match self {
            DatabaseKind::Sqlite | DatabaseKind::Postgres | DatabaseKind::Mysql => true,
            DatabaseKind::Redis => false,
        }
    }

    /// The key under which the plan has the address.
    pub fn address_key(self) -> &'static str {
        match self {
            DatabaseKind::Sqlite => "path",
            DatabaseKind::Postgres | DatabaseKind::Mysql | DatabaseKind::Redis => "url",
        }
    }
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
