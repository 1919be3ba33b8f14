//! What is measured and held to something: probes, links, validations, and what they expect.

use super::http::{HTTP, HTTP_EXPECT};
use super::links::{CHANNEL, DIRECTION, SLOT};
use super::{Key, Kind, Named, Names, Spec, beside, may, must, needs};
use crate::plan::model::TablesProbe;

pub(super) static PROBE: Spec = Spec {
    name: "a probe",
    one_of: &["command", "http", "tcp", "tls", "dns", "sql", "files"],
    keys: &[
        ID,
        TITLE,
        EVERY,
        TIMEOUT,
        MAX_AGE,
        ALARM,
        SINCE,
        UNTIL,
        FROM,
        ESTIMATE,
        PROBE_COMMAND,
        ENV,
        EXPECT,
        HTTP_KEY,
        TCP,
        TLS_KEY,
        DNS_KEY,
        SQL_PROBE_KEY,
        FILES_KEY,
    ],
};

pub(super) static PROOF: Spec = Spec {
    name: "a proof",
    one_of: &["probe", "command", "http", "tcp", "tls", "dns", "sql", "files", "marker"],
    keys: &[
        may("probe", Kind::Ref(Named::Probe), "Something that the plan measures anyway."),
        may("marker", Kind::Table(&DIRECTION), "A row of ours that must arrive on the other side."),
        PROBE_COMMAND,
        ENV,
        EXPECT,
        HTTP_KEY,
        TCP,
        TLS_KEY,
        DNS_KEY,
        SQL_PROBE_KEY,
        FILES_KEY,
    ],
};

pub(super) static REPLICATION: Spec = Spec {
    name: "a replication link",
    one_of: &["sqlite", "postgres_logical", "postgres_streaming", "mysql", "mariadb", "redis"],
    keys: &[
        ID,
        TITLE,
        EVERY,
        TIMEOUT,
        MAX_AGE,
        ALARM,
        SINCE,
        UNTIL,
        ESTIMATE,
        may("sqlite", Kind::Table(&DIRECTION), "A link between two SQLite endpoints."),
        may("postgres_logical", Kind::Table(&SLOT), "A subscription between two PostgreSQL endpoints."),
        may("postgres_streaming", Kind::Table(&DIRECTION), "A PostgreSQL server and its standby."),
        may(
            "mysql",
            Kind::Table(&CHANNEL),
            "A MySQL server and its replica, in transactions; in bytes without GTIDs.",
        ),
        may("mariadb", Kind::Table(&CHANNEL), "A MariaDB server and its replica, in transactions."),
        may("redis", Kind::Table(&DIRECTION), "A Redis or Valkey server and its replica, in bytes."),
        may("marker", Kind::Flag, "A row of ours travels it end to end; true unless said otherwise."),
        may("warn", Kind::Count, "Alarm above so many changes, or so much log where the link counts bytes."),
        may("zero_for", Kind::Duration, "Caught up means zero for this long."),
        may(
            "except",
            Kind::Texts,
            "Tables that need not travel it, by name; with `redis` accounts that need not be at its end, or \"*\".",
        ),
        may(
            "reverse",
            Kind::Flag,
            "It carries rows back after the switch: what keeps the way back lossless.",
        ),
    ],
};

pub(super) static VALIDATION: Spec = Spec {
    name: "a validation",
    one_of: &["tables", "trees", "http", "sql", "command", "files"],
    keys: &[
        ID,
        TITLE,
        may("every", Kind::Duration, "How often; when a step asks for it where it is not given."),
        TIMEOUT,
        MAX_AGE,
        ALARM,
        SINCE,
        UNTIL,
        FROM,
        ESTIMATE,
        may("tables", Kind::Table(&TABLES), "Every row of two databases."),
        may("trees", Kind::Table(&TREES), "Every file of two trees, in folders or object stores."),
        PROBE_COMMAND,
        ENV,
        EXPECT,
        HTTP_KEY,
        SQL_PROBE_KEY,
        FILES_KEY,
        may(
            "before",
            Kind::Flag,
            "Of `tables`: they are read before a step asks for it; then only what was written since is compared.",
        ),
    ],
};

static TABLES: Spec = Spec {
    name: "a comparison of tables",
    one_of: &[],
    keys: &[
        must("from", Kind::Ref(Named::Endpoint), "Held to be right."),
        must("to", Kind::Ref(Named::Endpoint), "Must be the same."),
        may("include", Kind::Texts, "Tables by name, with `*`; all where it is not given."),
        may("except", Kind::Texts, "Tables left out, by name, with `*`."),
        may("without", Kind::Texts, "Columns left out, `TABLE.COLUMN`, with `*`."),
        may(
            "rename",
            Kind::Map(&Kind::Text, Names::Free),
            "Tables, and columns as `TABLE.COLUMN`, by what the target calls them.",
        ),
        may(
            "cast",
            Kind::Map(&Kind::Text, Names::Free),
            "Columns, `TABLE.COLUMN`, by the type that both sides bring them to before they are compared, as its engine calls it.",
        ),
        may(
            "connections",
            Kind::Whole(1, TablesProbe::MOST_CONNECTIONS.cast_signed()),
            "So many connections a side work at a time; 2 unless said otherwise.",
        ),
        needs("strength", "a choice of strength", "take it out: every row is compared exactly"),
    ],
};

static TREES: Spec = Spec {
    name: "a comparison of trees",
    one_of: &[],
    keys: &[
        must(
            "from",
            Kind::Text,
            "Held to be right: a folder, a manifest, ssh://host/path, s3://bucket/prefix or az://account/container/prefix.",
        ),
        must("to", Kind::Text, "Must be the same."),
        may(
            "include",
            Kind::Texts,
            "Paths with `*`, which stands for slashes too; all where it is not given.",
        ),
        may("except", Kind::Texts, "Paths left out, with `*`; a folder stands for all in it."),
        may("times", Kind::Flag, "Times must be the same; true unless said otherwise."),
        may("modes", Kind::Flag, "Permissions must be the same; true unless said otherwise."),
        may("owners", Kind::Flag, "Accounts and groups must be the same."),
        may("full", Kind::Flag, "Files are read even where a digest of them is published."),
    ],
};

static TLS: Spec = Spec {
    name: "a certificate",
    one_of: &[],
    keys: &[
        must("address", Kind::Address, "Where it is shown."),
        may(
            "name",
            Kind::Text,
            "The name it must be good for; the host of the address where it is not given.",
        ),
        may("ca", Kind::Text, "A PEM file of roots to trust instead of the system's."),
        may(
            "days_left",
            Kind::Whole(0, 3650),
            "It must be good for this many days more; 14 where it is not given.",
        ),
    ],
};

static DNS: Spec = Spec {
    name: "a record",
    one_of: &[],
    keys: &[
        must("server", Kind::Address, "The server that is asked."),
        must("name", Kind::Text, "The name asked for."),
        must(
            "record",
            Kind::Choice(&["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "CAA"]),
            "The kind of record.",
        ),
        may("is", Kind::Texts, "What must come back, in any order."),
        may("ttl_at_most", Kind::Duration, "The TTL may be at most this."),
    ],
};

static SQL_PROBE: Spec = Spec {
    name: "a query",
    one_of: &["expect", "same_on"],
    keys: &[
        must("on", Kind::Ref(Named::Endpoint), "Which endpoint."),
        must(
            "query",
            Kind::Text,
            "One query, run read-only; of one value unless `rows` or `same_on` is asked.",
        ),
        may("expect", Kind::Table(&SQL_EXPECT), "What it must give."),
        may("same_on", Kind::Ref(Named::Endpoint), "It must give the same rows there; at most 1000."),
    ],
};

static FILES: Spec = Spec {
    name: "files that are there",
    one_of: &[],
    keys: &[
        must("path", Kind::Text, "A file or folder, relative to the plan's folder."),
        may("at_least", Kind::Whole(1, i64::MAX), "At least this many files; 1 where it is not given."),
        may("younger_than", Kind::Duration, "The youngest may be at most this old."),
        may("bytes_at_least", Kind::Count, "All together at least this large."),
    ],
};

/// What each kind of thing that is measured may be held to. Their keys are mixed up easily.
pub(super) const EXPECTS: [(&str, &Spec); 3] =
    [("command", &COMMAND_EXPECT), ("http", &HTTP_EXPECT), ("sql", &SQL_EXPECT)];

static COMMAND_EXPECT: Spec = Spec {
    name: "`expect`",
    one_of: &[],
    keys: &[
        may("exit", Kind::Whole(0, 255), "The exit code; 0 where it is not given."),
        EXPECT_TEXT,
        EXPECT_MATCHES,
        EXPECT_JSON,
        EXPECT_HAS,
        EXPECT_IS,
        AT_MOST,
        AT_LEAST,
        NUMBER,
    ],
};

static SQL_EXPECT: Spec = Spec {
    name: "`expect`",
    one_of: &[],
    keys: &[
        may("rows", Kind::Whole(0, 1000), "So many rows, whatever stands in them; 0 for none."),
        EXPECT_TEXT,
        EXPECT_MATCHES,
        EXPECT_IS,
        AT_MOST,
        AT_LEAST,
    ],
};

pub(super) const ID: Key = must("id", Kind::Id, "Its name; unique among its kind.");

pub(super) const TITLE: Key = may("title", Kind::Text, "What people read; the id where it is not given.");

pub(super) const EVERY: Key = may("every", Kind::Duration, "How often it is measured.");

pub(super) const TIMEOUT: Key = may("timeout", Kind::Duration, "One measurement may take this long.");

pub(super) const MAX_AGE: Key = may(
    "max_age",
    Kind::Duration,
    "An older reading is stale. Where it is not given: twice `every`, at least 5s; without `every` none is too old.",
);

pub(super) const ALARM: Key = may(
    "alarm",
    Kind::Choice(&["warning", "caution", "advisory", "none"]),
    "How loud the alarm is when it goes bad.",
);

pub(super) const SINCE: Key =
    may("since", Kind::Ref(Named::Step), "It counts only once this step has finished.");

pub(super) const UNTIL: Key =
    may("until", Kind::Ref(Named::Step), "It counts no more once this step has finished.");

pub(super) const ESTIMATE: Key =
    may("estimate", Kind::Duration, "How long it takes to turn good in a simulated rehearsal.");

const FROM: Key =
    beside("from", Kind::SshHost, &["command"], "Measured from another host, over ssh: host or user@host.");

const PROBE_COMMAND: Key =
    may("command", Kind::Argv, "A program and its arguments; it must exit 0 unless `expect` says otherwise.");

pub(super) const ENV: Key = beside(
    "env",
    Kind::Map(&Kind::Secret, Names::Environment),
    &["command"],
    "Set for the command; may hold secrets.",
);

const EXPECT: Key =
    beside("expect", Kind::Table(&COMMAND_EXPECT), &["command"], "What the command must give.");

const HTTP_KEY: Key = may("http", Kind::Table(&HTTP), "One HTTP exchange, or a flow of several.");

const TCP: Key = may("tcp", Kind::Address, "A port that accepts.");

const TLS_KEY: Key = may("tls", Kind::Table(&TLS), "A certificate: chain, name, days left.");

const DNS_KEY: Key = may("dns", Kind::Table(&DNS), "A record at a named server.");

const SQL_PROBE_KEY: Key = may("sql", Kind::Table(&SQL_PROBE), "What a query gives.");

const FILES_KEY: Key = may("files", Kind::Table(&FILES), "Files that are there.");

pub(super) const EXPECT_TEXT: Key = may("text", Kind::Text, "Text that must stand in the answer.");

pub(super) const EXPECT_MATCHES: Key =
    may("matches", Kind::Text, "A regular expression that must match in the answer.");

pub(super) const EXPECT_HAS: Key =
    may("has", Kind::Texts, "JSON pointers at which something other than null must stand.");

pub(super) const EXPECT_JSON: Key =
    may("json", Kind::Map(&Kind::Json, Names::Free), "JSON pointers and the values that must stand there.");

pub(super) const EXPECT_IS: Key = may("is", Kind::Text, "The whole answer, trimmed.");

pub(super) const AT_MOST: Key =
    may("at_most", Kind::Number, "The answer, or the value at `number`, may be at most this.");

pub(super) const AT_LEAST: Key =
    may("at_least", Kind::Number, "The answer, or the value at `number`, must be at least this.");

pub(super) const NUMBER: Key =
    beside("number", Kind::Text, &["at_most", "at_least"], "JSON pointer to the number that is looked at.");
