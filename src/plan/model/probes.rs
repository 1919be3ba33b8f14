//! What is measured: how, when, and where it stands on the screen.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{HttpProbe, Link, ReadyProbe, RowsProbe, Status, TerraformProbe, VersionProbe};
use crate::plan::ids::{EndpointId, ProbeId, StepId};
use crate::plan::secret::Template;

/// Which part of the screen a probe stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Replication gauges.
    Replication,
    /// Fences, controls, monitors.
    Freeze,
    /// What was compared or tried.
    Validation,
    /// Everything else that must be well: identities, connectivity, preflights, plain probes.
    Environment,
}

/// One thing that is measured.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Unique over everything measured.
    pub id: ProbeId,
    /// What people read; the id where the plan gives none.
    pub title: String,
    /// Where it stands on the screen.
    pub section: Section,
    /// How it is measured.
    pub kind: ProbeKind,
    /// When it is measured.
    pub schedule: Schedule,
    /// One measurement may take this long.
    pub timeout: Duration,
    /// A reading older than this is stale; the longest there is where age alone makes none stale.
    pub max_age: Duration,
    /// How loud the alarm is when it goes bad; `None` never alarms (a reading that a step waits for).
    pub alarm: Option<Severity>,
    /// Counts only once this step has finished.
    pub since: Option<StepId>,
    /// Counts no more once this step has finished.
    pub until: Option<StepId>,
    /// Measured from another host, over ssh.
    pub from: Option<SshHost>,
    /// For how long it takes until good in a simulated rehearsal.
    pub estimate: Option<Duration>,
}

/// When something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// All the time, once in this span.
    Every(Duration),
    /// When a step asks for it.
    OnDemand,
}

/// A host that a probe runs from: `user@host`, checked against an option being smuggled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshHost(pub String);

/// How loud an alarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Advisory,
    /// Wants attention soon.
    Caution,
    /// Wants an answer now; blocks gates until it is acknowledged.
    Warning,
}

/// How something is measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ProbeKind {
    /// A command: exit, text, or a value in its JSON.
    Command(CommandProbe),
    /// One HTTP exchange, or a flow of several.
    Http(HttpProbe),
    /// A port that accepts.
    Tcp {
        /// `host:port`.
        address: String,
    },
    /// A certificate: chain, name, days left.
    Tls(TlsProbe),
    /// A record at a named server.
    Dns(DnsProbe),
    /// One value from a database.
    Sql {
        /// Where it is asked.
        endpoint: EndpointId,
        /// The query; run read-only.
        query: String,
        /// What it must give.
        expect: Expect,
        /// Where it must give the same rows.
        same_on: Option<EndpointId>,
    },
    /// Files that are there: how many, how old, how large.
    Files(FilesProbe),
    /// A replication gauge.
    Link(Link),
    /// The shape of a database, object by object; any change is a breach.
    Schema {
        /// Whose.
        endpoint: EndpointId,
    },
    /// Rows that replication did not write; any is a breach.
    Writes {
        /// Where nobody but replication may write.
        endpoint: EndpointId,
    },
    /// File trees; any change is a breach.
    Tree {
        /// Folders or files, relative to the plan's folder.
        paths: Vec<String>,
    },
    /// Refs of a repository; any move is a breach.
    Git {
        /// Where.
        remote: String,
        /// Patterns as `git ls-remote` takes them.
        refs: Vec<String>,
    },
    /// A command whose output may not change; any change is a breach.
    Unchanged(CommandLine),
    /// The version of a release that runs; any other is a breach.
    Version(VersionProbe),
    /// Rows that may not change: configuration in tables.
    Rows(RowsProbe),
    /// Infrastructure that must be as its configuration says, and as it was.
    Terraform(TerraformProbe),
    /// A freeze control that must really refuse: its verify command.
    Control(CommandLine),
    /// A fence: set, proved by a refused write, nobody older left, no row moved since.
    Fence(FenceTarget),
    /// What an endpoint must prove to be.
    Identity {
        /// Whose.
        endpoint: EndpointId,
    },
    /// A row of ours, sent through a link and looked for on the other side.
    Marker {
        /// Where it is written.
        from: EndpointId,
        /// Where it must arrive.
        to: EndpointId,
    },
    /// Every row of two databases.
    Tables(TablesProbe),
    /// Every file of two trees.
    Trees(TreesProbe),
    /// A trap at either end of a link.
    Ready(ReadyProbe),
}

/// An argv list with its environment; never a shell string.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandLine {
    /// Program and arguments; relative programs with a `/` are relative to the plan's folder.
    pub argv: Vec<String>,
    /// Set for the command beside what it inherits; may hold secrets.
    pub env: Vec<(String, Template)>,
}

/// A command whose answer is looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CommandProbe {
    /// What is run.
    pub command: CommandLine,
    /// What it must give; exit 0 where nothing else is asked.
    pub expect: Expect,
}

/// What an answer must look like; everything named must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// Exit code of a command; 0 unless said otherwise.
    pub exit: Option<i32>,
    /// Status of an HTTP exchange, one of these; any 2xx where there is none.
    pub status: Vec<Status>,
    /// The answer must be there whole within this.
    pub within: Option<Duration>,
    /// Headers, by name, and what must stand in each.
    pub headers: Vec<(String, String)>,
    /// Text that must stand in the answer.
    pub text: Option<String>,
    /// A regular expression that must match in the answer.
    pub matches: Option<String>,
    /// JSON pointers at which something other than null must stand.
    pub has: Vec<String>,
    /// JSON pointers and the values that must stand there.
    pub json: Vec<(String, serde_json::Value)>,
    /// The whole answer, trimmed.
    pub is: Option<String>,
    /// The answer, or the value at the one JSON pointer of `number`, may be at most this.
    pub at_most: Option<f64>,
    /// … and at least this.
    pub at_least: Option<f64>,
    /// JSON pointer to the number that `at_most` and `at_least` look at.
    pub number: Option<String>,
    /// So many rows must a query give.
    pub rows: Option<u64>,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsProbe {
    /// `host:port`.
    pub address: String,
    /// The name it must be good for; the host of `address` where the plan gives none.
    pub name: String,
    /// A PEM file of roots to trust instead of the system's.
    pub ca: Option<String>,
    /// It must be good for this many days more.
    pub days_left: u32,
}

/// A record at a named server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsProbe {
    /// `host:port` of the server that is asked.
    pub server: String,
    /// The name asked for.
    pub name: String,
    /// `A`, `AAAA`, `CNAME`, `TXT`, …
    pub record: String,
    /// What must come back, in any order; `None` asks only that something does.
    pub is: Option<Vec<String>>,
    /// The TTL may be at most this.
    pub ttl_at_most: Option<Duration>,
}

/// Files that are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesProbe {
    /// A file or folder.
    pub path: String,
    /// At least this many files (1 where the plan says nothing).
    pub at_least: u64,
    /// The youngest may be at most this old.
    pub younger_than: Option<Duration>,
    /// All together at least this many bytes.
    pub bytes_at_least: Option<u64>,
}

/// Which side a fence stands on, and how it is proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceTarget {
    /// The side.
    pub endpoint: EndpointId,
    /// Sessions that are not ended, each with a reason: (application, because).
    pub spare: Vec<(String, String)>,
    /// A write that is rolled back: it must succeed before and be refused after.
    pub probe_write: Option<ProbeWrite>,
}

/// A write that is tried and rolled back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeWrite {
    /// The statement.
    pub sql: String,
    /// The way that the application takes, with its account and through its pooler; the side's own where `None`.
    pub through: Option<EndpointId>,
}

/// Every row of two databases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablesProbe {
    /// Held to be right.
    pub from: EndpointId,
    /// Must be the same.
    pub to: EndpointId,
    /// Patterns with `*`; everything where empty.
    pub include: Vec<String>,
    /// Patterns with `*`, left out by name.
    pub except: Vec<String>,
    /// Patterns of columns, `TABLE.COLUMN`, left out.
    pub without: Vec<String>,
    /// Tables, and columns as `TABLE.COLUMN`, that the target calls otherwise.
    pub rename: BTreeMap<String, String>,
    /// Columns, `TABLE.COLUMN`, that both sides cast to a type before they are compared.
    pub cast: BTreeMap<String, String>,
    /// Read whole before a step asks for it; then only what was written since is compared.
    pub before: bool,
    /// Connections a side that may work at a time, where the plan says.
    pub connections: Option<usize>,
}

impl TablesProbe {
    /// More connections a side are no use to anybody, and a server has people to serve.
    pub const MOST_CONNECTIONS: u64 = 32;
}

/// Every file of two trees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreesProbe {
    /// Held to be right: a folder relative to the plan's, a manifest, or an `ssh://`, `s3://` or `az://` address.
    pub from: String,
    /// Must be the same.
    pub to: String,
    /// Patterns of paths with `*`; everything where empty.
    pub include: Vec<String>,
    /// Patterns of paths with `*`, left out.
    pub except: Vec<String>,
    /// Times of the last modification must be the same.
    pub times: bool,
    /// Permissions must be the same.
    pub modes: bool,
    /// Accounts and groups must be the same, as numbers.
    pub owners: bool,
    /// Files are read even where a digest of them is published.
    pub full: bool,
}
