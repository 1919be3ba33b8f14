//! Replication links: how changes travel, and between whom.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::DatabaseKind;
use crate::plan::ids::EndpointId;

/// How changes travel a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// The log of the `SQLite` convention.
    Sqlite,
    /// A subscription of `PostgreSQL`, by its slot.
    PostgresLogical,
    /// A standby of `PostgreSQL`.
    PostgresStreaming,
    /// A replica of `MySQL`.
    Mysql,
    /// A replica of `MariaDB`.
    Mariadb,
    /// A replica of Redis or Valkey.
    Redis,
}

impl LinkKind {
    /// Every one of them.
    pub const ALL: [LinkKind; 6] = [
        LinkKind::Sqlite,
        LinkKind::PostgresLogical,
        LinkKind::PostgresStreaming,
        LinkKind::Mysql,
        LinkKind::Mariadb,
        LinkKind::Redis,
    ];

    /// The plan's key, and the name in `databases::link::LINKS`.
    pub fn key(self) -> &'static str {
        match self {
            LinkKind::Sqlite => "sqlite",
            LinkKind::PostgresLogical => "postgres_logical",
            LinkKind::PostgresStreaming => "postgres_streaming",
            LinkKind::Mysql => "mysql",
            LinkKind::Mariadb => "mariadb",
            LinkKind::Redis => "redis",
        }
    }

    /// What both its ends are.
    pub fn engine(self) -> DatabaseKind {
        match self {
            LinkKind::Sqlite => DatabaseKind::Sqlite,
            LinkKind::PostgresLogical | LinkKind::PostgresStreaming => DatabaseKind::Postgres,
            LinkKind::Mysql | LinkKind::Mariadb => DatabaseKind::Mysql,
            LinkKind::Redis => DatabaseKind::Redis,
        }
    }

    /// Whether its lag is counted in bytes of log. MySQL's is where it has no GTIDs, which nobody knows before it is asked.
    pub fn in_bytes(self) -> bool {
        match self {
            LinkKind::Sqlite | LinkKind::Mysql | LinkKind::Mariadb => false,
            LinkKind::PostgresLogical | LinkKind::PostgresStreaming | LinkKind::Redis => true,
        }
    }
}

/// A replication link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// How changes travel.
    pub kind: LinkKind,
    /// Which of the streams between the two, in the engine's own words; `None` where there can be one only.
    pub name: Option<String>,
    /// Where changes come from.
    pub from: EndpointId,
    /// Where they must arrive.
    pub to: EndpointId,
    /// A row of ours travels it end to end.
    pub marker: bool,
    /// Alarm above this, in the link's own unit (changes or bytes).
    pub warn: u64,
    /// *Zero* means zero for this long.
    pub zero_for: Duration,
    /// Tables that need not travel it; of Redis, accounts that need not be at its end.
    pub except: Vec<String>,
    /// This link carries rows back after the switch: what keeps the way back lossless.
    pub reverse: bool,
}
