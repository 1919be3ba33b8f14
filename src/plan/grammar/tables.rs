//! The table of keys.
//!
//! One line a key: its name, what may stand behind it, and one sentence that editors show. A key that is not
//! here is refused; a key that is here is read by `build` (a test changes each and sees the plan change).

use super::{Key, Kind, Named, Names, Spec};

/// The whole file.
pub(in crate::plan) static PLAN: Spec = Spec {
    name: "the plan",
    one_of: &[],
    keys: &[
        must("plan", Kind::Table(&HEADER), "What is moved, from where to where, and when."),
        may(
            "vars",
            Kind::Map(&Kind::Secret, Names::Variables),
            "Texts that stand in the plan as ${name}; --set and overlays change them.",
        ),
        may("people", Kind::Map(&Kind::Table(&PERSON), Names::Ids), "The roster, by id."),
        may(
            "endpoints",
            Kind::Map(&Kind::Table(&ENDPOINT), Names::Ids),
            "The systems that are read from and written to, by id.",
        ),
        may("probe", Kind::Tables(&PROBE), "What is measured all the time."),
        may(
            "replication",
            Kind::Tables(&REPLICATION),
            "The links that carry changes from one side to the other.",
        ),
        may("freeze", Kind::Table(&FREEZE), "What keeps other people's changes out, and what notices them."),
        may("validation", Kind::Tables(&VALIDATION), "What is compared or tried when a step asks for it."),
        must("phase", Kind::Tables(&PHASE), "The checklist, phase by phase."),
        may("rollback", Kind::Table(&ROLLBACK), "The way back after the switch; the source opens last."),
        may("alarms", Kind::Table(&ALARMS), "Where alarms are told beside the screen."),
    ],
};

static HEADER: Spec = Spec {
    name: "[plan]",
    one_of: &[],
    keys: &[
        must("name", Kind::Text, "What people call this cutover."),
        must(
            "strategy",
            Kind::Choice(&["near-zero-downtime", "planned-downtime"]),
            "How writes are treated while data moves.",
        ),
        must("source", Kind::Word, "The word for where users are now, typed at gates."),
        must("target", Kind::Word, "The word for where users are sent, typed at gates."),
        must("window", Kind::Table(&WINDOW), "When it may happen."),
        may("outage_budget", Kind::Duration, "How long users may be without writes; the clock they feel."),
        may("impact", Kind::Text, "What users will notice, in a sentence."),
        may("change", Kind::Text, "The change ticket."),
        may("bridge", Kind::Text, "The bridge that everybody is on."),
        may("chat", Kind::Text, "The chat that everybody reads."),
        may("update_every", Kind::Duration, "How often stakeholders are promised word."),
        may("fallback", Kind::Text, "What remains possible after the end, in a sentence."),
        may(
            "offset",
            Kind::Offset,
            "The offset from UTC in which times are shown; that of the window where it is not given.",
        ),
    ],
};

static WINDOW: Spec = Spec {
    name: "the window",
    one_of: &["closes", "length"],
    keys: &[
        must("opens", Kind::TimeOrStart, "The first moment, or \"start\": when the run starts."),
        may("closes", Kind::Time, "The last moment."),
        may("length", Kind::Duration, "How long it is open, where it opens at \"start\"."),
    ],
};

static PERSON: Spec = Spec {
    name: "a person",
    one_of: &[],
    keys: &[
        must("role", Kind::Text, "What they answer for; steps name owners by role or id."),
        may("contact", Kind::Text, "How they are reached."),
        may("backup", Kind::Ref(Named::Person), "Who stands in."),
        may("rollback", Kind::Flag, "May order the way back alone."),
        needs(
            "key",
            "sign-off by several people",
            "the operator decides; name who was asked in the gate's title",
        ),
        needs("on_call", "on-call times", "write the times into `contact`"),
    ],
};

static ENDPOINT: Spec = Spec {
    name: "an endpoint",
    one_of: &["sqlite"],
    keys: &[
        may("sqlite", Kind::Table(&SQLITE), "A SQLite file."),
        may("identity", Kind::Table(&IDENTITY), "What it must prove to be before the first effect."),
        needs("postgres", "PostgreSQL", MEASURE_BY_COMMAND),
        needs("mysql", "MySQL", MEASURE_BY_COMMAND),
        needs("mariadb", "MariaDB", MEASURE_BY_COMMAND),
        needs("sqlserver", "SQL Server", MEASURE_BY_COMMAND),
        needs("oracle", "Oracle", MEASURE_BY_COMMAND),
        needs("mongodb", "MongoDB", MEASURE_BY_COMMAND),
        needs("redis", "Redis", MEASURE_BY_COMMAND),
    ],
};

const MEASURE_BY_COMMAND: &str =
    "measure it by a [[probe]] with `command`, and change it by steps with `command`";

static SQLITE: Spec = Spec {
    name: "a SQLite endpoint",
    one_of: &[],
    keys: &[must("path", Kind::Secret, "The file, relative to the plan's folder.")],
};

static IDENTITY: Spec = Spec {
    name: "an identity",
    one_of: &[],
    keys: &[
        may("system", Kind::Text, "The system identifier that the server itself gives."),
        may(
            "row",
            Kind::Table(&IDENTITY_ROW),
            "A query and the one value that it must give: clones share identifiers.",
        ),
    ],
};

static IDENTITY_ROW: Spec = Spec {
    name: "an identity row",
    one_of: &[],
    keys: &[must("sql", Kind::Text, "One query of one value."), must("is", Kind::Text, "The value.")],
};

static PROBE: Spec = Spec {
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

static PROOF: Spec = Spec {
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

static REPLICATION: Spec = Spec {
    name: "a replication link",
    one_of: &["sqlite"],
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
        may("marker", Kind::Flag, "A row of ours travels it end to end; true unless said otherwise."),
        may("warn", Kind::Count, "Alarm above this, in the link's own unit."),
        may("zero_for", Kind::Duration, "Caught up means zero for this long."),
        may(
            "reverse",
            Kind::Flag,
            "It carries rows back after the switch: what keeps the way back lossless.",
        ),
        needs("postgres_logical", "PostgreSQL replication", MEASURE_BY_COMMAND),
        needs("postgres_physical", "PostgreSQL replication", MEASURE_BY_COMMAND),
        needs("mysql", "MySQL replication", MEASURE_BY_COMMAND),
        needs("mariadb", "MariaDB replication", MEASURE_BY_COMMAND),
        needs("redis", "Redis replication", MEASURE_BY_COMMAND),
    ],
};

static DIRECTION: Spec = Spec {
    name: "a direction",
    one_of: &[],
    keys: &[
        must("from", Kind::Ref(Named::Endpoint), "Where it starts."),
        must("to", Kind::Ref(Named::Endpoint), "Where it must arrive."),
    ],
};

static FREEZE: Spec = Spec {
    name: "[freeze]",
    one_of: &[],
    keys: &[
        may("controls", Kind::Tables(&CONTROL), "What keeps other people's changes out."),
        may("monitor", Kind::Tables(&MONITOR), "What notices a change all the same."),
        needs(
            "emergency",
            "emergency changes on the record",
            "agree on them outside, and waive the breach at the gate by name",
        ),
        needs("blackout", "blackout times", "set the plan's window outside of them"),
    ],
};

static CONTROL: Spec = Spec {
    name: "a control",
    one_of: &[],
    keys: &[
        ID,
        TITLE,
        EVERY,
        TIMEOUT,
        MAX_AGE,
        ALARM,
        must("enforce", Kind::Argv, "The command that shuts."),
        must("verify", Kind::Argv, "The command that proves that it is shut: it must exit 0."),
        must("lift", Kind::Argv, "The command that opens again."),
        may(
            "env",
            Kind::Map(&Kind::Secret, Names::Environment),
            "Set for all three commands; may hold secrets.",
        ),
    ],
};

static MONITOR: Spec = Spec {
    name: "a monitor",
    one_of: &["schema", "writes", "files", "git", "command"],
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
        may("schema", Kind::Table(&ON), "The shape of a database, object by object."),
        may("writes", Kind::Table(&ON), "Rows that replication did not write."),
        may("files", Kind::Texts, "Files and folders, relative to the plan's folder."),
        may("git", Kind::Table(&GIT), "Refs of a repository."),
        may("command", Kind::Argv, "A command whose output may not change."),
        ENV,
    ],
};

static ON: Spec = Spec {
    name: "a place to look at",
    one_of: &[],
    keys: &[must("on", Kind::Ref(Named::Endpoint), "Which endpoint.")],
};

static GIT: Spec = Spec {
    name: "a repository",
    one_of: &[],
    keys: &[
        must("remote", Kind::Text, "Where it is."),
        must("refs", Kind::Texts, "Patterns as `git ls-remote` takes them."),
    ],
};

static VALIDATION: Spec = Spec {
    name: "a validation",
    one_of: &["tables", "http", "sql", "command", "files"],
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
        PROBE_COMMAND,
        ENV,
        EXPECT,
        HTTP_KEY,
        SQL_PROBE_KEY,
        FILES_KEY,
        needs(
            "before",
            "a comparison before the freeze that the window's builds on",
            "write a step that checks it before the freeze",
        ),
        needs(
            "trees",
            "the comparison of file trees",
            "compare by `command`, for example with `rclone check`",
        ),
        needs(
            "objects",
            "the comparison of object stores",
            "compare by `command`, for example with `rclone check`",
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
        may("exclude", Kind::Texts, "Tables left out, by name, with `*`."),
        needs("strength", "a choice of strength", "every row is compared exactly; take it out"),
    ],
};

static PHASE: Spec = Spec {
    name: "a phase",
    one_of: &[],
    keys: &[
        ID,
        must("title", Kind::Text, "What people read."),
        may("t0", Kind::Flag, "The countdown is to the start of this phase."),
        must("step", Kind::Tables(&STEP), "Its steps, in order."),
    ],
};

static ROLLBACK: Spec = Spec {
    name: "[rollback]",
    one_of: &[],
    keys: &[
        may(
            "estimate",
            Kind::Duration,
            "How long it should take; the sum of its steps where it is not given.",
        ),
        must("step", Kind::Tables(&STEP), "Its steps, in order; the source opens last."),
    ],
};

static ALARMS: Spec = Spec {
    name: "[alarms]",
    one_of: &[],
    keys: &[
        may("notify", Kind::Table(&ALARM_NOTIFY), "How alarms are told."),
        needs("escalate", "escalation to the next person", "tell a tool that escalates, by `notify`"),
    ],
};

static ALARM_NOTIFY: Spec = Spec {
    name: "how alarms are told",
    one_of: &["command", "webhook"],
    keys: &[
        may("command", Kind::Argv, "Run with the alarm in CUTOVER_TEXT."),
        ENV,
        may("webhook", Kind::Secret, "Gets {\"text\": …} by POST."),
    ],
};

static STEP: Spec = Spec {
    name: "a step",
    one_of: &["manual", "command", "sql", "wait", "check", "gate", "fence", "freeze", "notify"],
    keys: &[
        ID,
        must("title", Kind::Text, "What people read."),
        may("owner", Kind::Ref(Named::Owner), "Who answers for it: a role or a person."),
        may(
            "after",
            Kind::RefsOrNone(Named::Step),
            "What must have finished before; the step before it where it is not given.",
        ),
        may(
            "start",
            Kind::Choice(&["auto", "key"]),
            "Whether it begins by itself or by a key; by itself where it is not given.",
        ),
        may("estimate", Kind::Duration, "How long it should take."),
        beside(
            "timeout",
            Kind::Duration,
            &["command", "sql", "wait", "check", "fence", "freeze", "notify"],
            "After this it is stopped.",
        ),
        beside(
            "retries",
            Kind::Table(&RETRIES),
            &["command", "sql", "notify"],
            "How a failure is tried again without anybody asking.",
        ),
        beside(
            "idempotent",
            Kind::Flag,
            &["command", "sql", "notify"],
            "It may be run again when nobody knows whether it ran.",
        ),
        beside(
            "skippable",
            Kind::Flag,
            &["manual", "command", "sql", "notify"],
            "The operator may skip it, with a reason.",
        ),
        beside(
            "undo",
            Kind::Table(&UNDO),
            &["manual", "command", "sql"],
            "What takes it back, before the switch.",
        ),
        beside(
            "preflight",
            Kind::ArgvOr(&PROOF),
            &["manual", "command", "sql", "fence", "freeze", "notify"],
            "A harmless trial of the same, measured until the step begins.",
        ),
        beside(
            "proof",
            Kind::Table(&PROOF),
            &["manual", "command", "sql", "fence", "freeze", "notify"],
            "What proves it: an exit code is not proof.",
        ),
        beside(
            "holds_until",
            Kind::Ref(Named::Step),
            &["wait", "check", "fence"],
            "It is watched until this step has finished; the next gate where it is not given.",
        ),
        beside(
            "switch",
            Kind::Flag,
            &["manual", "command", "sql"],
            "It moves users from one side to the other.",
        ),
        beside(
            "point_of_no_return",
            Kind::Flag,
            &["manual", "command", "sql", "fence", "freeze", "notify"],
            "After it the way back is closed.",
        ),
        may("manual", Kind::Text, "A person does it and says so: the question to that person."),
        may("command", Kind::Argv, "A program and its arguments; no shell."),
        ENV,
        may("sql", Kind::Table(&STATEMENT), "Statements, run in one transaction."),
        may("wait", Kind::Table(&WAIT), "Waits until something measured is good."),
        may("check", Kind::Refs(Named::Probe), "Asks for measurements, and is done when all are good."),
        may("gate", Kind::Table(&GATE), "A person decides."),
        may("fence", Kind::Table(&FENCE), "A side stops taking writes, or takes them again."),
        may("freeze", Kind::Table(&FREEZE_STEP), "Controls are enforced, or lifted."),
        may("notify", Kind::Table(&NOTIFY), "Somebody is told."),
        needs("carry", "carrying sequences over", "write a step with `command` or `sql` that sets them"),
        needs("transfer", "long work with its progress", "write a step with `command`"),
        needs(
            "sign",
            "sign-off by several people",
            "the operator decides; write a `manual` step for each team before the gate",
        ),
    ],
};

static RETRIES: Spec = Spec {
    name: "retries",
    one_of: &[],
    keys: &[
        must("times", Kind::Whole(1, 100), "So many times after the first."),
        may(
            "backoff",
            Kind::Duration,
            "The first wait; each next is twice the one before, at most ten minutes.",
        ),
    ],
};

static UNDO: Spec = Spec {
    name: "an undo",
    one_of: &["command", "sql", "manual"],
    keys: &[
        may("command", Kind::Argv, "A program and its arguments; no shell."),
        ENV,
        may("sql", Kind::Table(&STATEMENT), "Statements, run in one transaction."),
        may("manual", Kind::Text, "A person does it and says so: the question to that person."),
    ],
};

static STATEMENT: Spec = Spec {
    name: "a statement",
    one_of: &[],
    keys: &[
        must("on", Kind::Ref(Named::Endpoint), "Which endpoint."),
        must("statement", Kind::Text, "One or more statements."),
    ],
};

static WAIT: Spec = Spec {
    name: "a wait",
    one_of: &["replication", "probe", "marker"],
    keys: &[
        may(
            "replication",
            Kind::Refs(Named::Link),
            "Links that must be at zero for their whole `zero_for`, since the fence was proved.",
        ),
        may("probe", Kind::Refs(Named::Probe), "What must be good."),
        beside("for", Kind::Duration, &["probe"], "Good for at least this long."),
        may("marker", Kind::Table(&DIRECTION), "A row of ours that must arrive on the other side."),
    ],
};

static GATE: Spec = Spec {
    name: "a gate",
    one_of: &[],
    keys: &[
        may("after", Kind::Text, "What is true after a GO, in a sentence."),
        may(
            "leave_out",
            Kind::Tables(&LEFT_OUT),
            "Evidence taken out, each with its reason; everything else counts.",
        ),
        needs(
            "sign",
            "sign-off by several people",
            "the operator decides; write a `manual` step for each team before the gate",
        ),
        needs("poll", "a poll of the teams", "write a `manual` step for each team before the gate"),
        needs("spoken", "a GO heard by somebody else", "the operator gives it at the keys"),
        needs(
            "switch",
            "a mark at the gate",
            "mark the step that moves users: `switch = true`; its gate is found by itself",
        ),
    ],
};

static LEFT_OUT: Spec = Spec {
    name: "evidence left out",
    one_of: &[],
    keys: &[
        must("evidence", Kind::Ref(Named::Probe), "Which."),
        must("because", Kind::Text, "Why it says nothing about this decision."),
    ],
};

static FENCE: Spec = Spec {
    name: "a fence",
    one_of: &[],
    keys: &[
        must("endpoint", Kind::Ref(Named::Endpoint), "The side."),
        may("open", Kind::Flag, "The side takes writes again."),
        may("spare", Kind::Tables(&SPARE), "Sessions that are not ended."),
        may(
            "probe_write",
            Kind::Table(&PROBE_WRITE),
            "A write that is rolled back: it must succeed before and be refused after.",
        ),
        needs("roles", "fences by role", "take it out: this engine's fence shuts out every session"),
    ],
};

static SPARE: Spec = Spec {
    name: "a spared session",
    one_of: &[],
    keys: &[
        must("application", Kind::Text, "The application's name, as the census shows it."),
        must("because", Kind::Text, "Why its session may live on."),
    ],
};

static PROBE_WRITE: Spec = Spec {
    name: "a probe write",
    one_of: &[],
    keys: &[
        must("sql", Kind::Text, "The statement."),
        needs("as", "a probe write through another role", "take it out: this engine has no roles"),
    ],
};

static FREEZE_STEP: Spec = Spec {
    name: "a freeze step",
    one_of: &["enforce", "lift"],
    keys: &[
        may("enforce", Kind::Refs(Named::Control), "Controls that shut."),
        may("lift", Kind::Refs(Named::Control), "Controls that open again."),
    ],
};

static NOTIFY: Spec = Spec {
    name: "a notification",
    one_of: &["command", "webhook"],
    keys: &[
        may("command", Kind::Argv, "Run with the text in CUTOVER_TEXT."),
        ENV,
        may("webhook", Kind::Secret, "Gets {\"text\": …} by POST."),
        must("text", Kind::Text, "What is told."),
    ],
};

static HTTP: Spec = Spec {
    name: "an HTTP exchange",
    one_of: &["get", "head", "post"],
    keys: &[
        may("get", Kind::Secret, "The URL that is asked."),
        may("head", Kind::Secret, "The URL whose headers are asked."),
        may("post", Kind::Secret, "The URL that is sent to."),
        may("headers", Kind::Map(&Kind::Secret, Names::Free), "Header lines."),
        beside("body", Kind::Secret, &["post"], "What is sent."),
        may("ca", Kind::Text, "A PEM file of roots to trust instead of the system's."),
        may("expect", Kind::Table(&HTTP_EXPECT), "What must come back; any 2xx where it is not given."),
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
    one_of: &[],
    keys: &[
        must("on", Kind::Ref(Named::Endpoint), "Which endpoint."),
        must("query", Kind::Text, "One query of one value, run read-only."),
        must("expect", Kind::Table(&SQL_EXPECT), "What it must give."),
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

static COMMAND_EXPECT: Spec = Spec {
    name: "what is expected",
    one_of: &[],
    keys: &[
        may("exit", Kind::Whole(0, 255), "The exit code; 0 where it is not given."),
        EXPECT_TEXT,
        EXPECT_JSON,
        EXPECT_IS,
        AT_MOST,
        AT_LEAST,
        NUMBER,
    ],
};

static HTTP_EXPECT: Spec = Spec {
    name: "what is expected",
    one_of: &[],
    keys: &[
        may("status", Kind::Whole(100, 599), "The status; any 2xx where it is not given."),
        EXPECT_TEXT,
        EXPECT_JSON,
        EXPECT_IS,
        AT_MOST,
        AT_LEAST,
        NUMBER,
    ],
};

static SQL_EXPECT: Spec =
    Spec { name: "what is expected", one_of: &[], keys: &[EXPECT_TEXT, EXPECT_IS, AT_MOST, AT_LEAST] };

const ID: Key = must("id", Kind::Id, "Its name; unique among its kind.");
const TITLE: Key = may("title", Kind::Text, "What people read; the id where it is not given.");
const EVERY: Key = may("every", Kind::Duration, "How often it is measured.");
const TIMEOUT: Key = may("timeout", Kind::Duration, "One measurement may take this long.");
const MAX_AGE: Key = may(
    "max_age",
    Kind::Duration,
    "An older reading is stale; twice `every`, at least 5s, where it is not given.",
);
const ALARM: Key = may(
    "alarm",
    Kind::Choice(&["warning", "caution", "advisory", "none"]),
    "How loud the alarm is when it goes bad.",
);
const SINCE: Key = may("since", Kind::Ref(Named::Step), "It counts only once this step has finished.");
const UNTIL: Key = may("until", Kind::Ref(Named::Step), "It counts no more once this step has finished.");
const ESTIMATE: Key =
    may("estimate", Kind::Duration, "How long it takes to turn good in a simulated rehearsal.");
const FROM: Key =
    beside("from", Kind::SshHost, &["command"], "Measured from another host, over ssh: host or user@host.");
const PROBE_COMMAND: Key =
    may("command", Kind::Argv, "A program and its arguments; it must exit 0 unless `expect` says otherwise.");
const ENV: Key = beside(
    "env",
    Kind::Map(&Kind::Secret, Names::Environment),
    &["command"],
    "Set for the command; may hold secrets.",
);
const EXPECT: Key =
    beside("expect", Kind::Table(&COMMAND_EXPECT), &["command"], "What the command must give.");
const HTTP_KEY: Key = may("http", Kind::Table(&HTTP), "One HTTP exchange.");
const TCP: Key = may("tcp", Kind::Address, "A port that accepts.");
const TLS_KEY: Key = may("tls", Kind::Table(&TLS), "A certificate: chain, name, days left.");
const DNS_KEY: Key = may("dns", Kind::Table(&DNS), "A record at a named server.");
const SQL_PROBE_KEY: Key = may("sql", Kind::Table(&SQL_PROBE), "One value from a database.");
const FILES_KEY: Key = may("files", Kind::Table(&FILES), "Files that are there.");
const EXPECT_TEXT: Key = may("text", Kind::Text, "Text that must stand in the answer.");
const EXPECT_JSON: Key =
    may("json", Kind::Map(&Kind::Json, Names::Free), "JSON pointers and the values that must stand there.");
const EXPECT_IS: Key = may("is", Kind::Text, "The whole answer, trimmed.");
const AT_MOST: Key =
    may("at_most", Kind::Number, "The answer, or the value at `number`, may be at most this.");
const AT_LEAST: Key =
    may("at_least", Kind::Number, "The answer, or the value at `number`, must be at least this.");
const NUMBER: Key =
    beside("number", Kind::Text, &["at_most", "at_least"], "JSON pointer to the number that is looked at.");

const fn key(name: &'static str, kind: Kind, required: bool, doc: &'static str) -> Key {
    Key { name, kind, required, beside: &[], doc }
}

const fn must(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    key(name, kind, true, doc)
}

const fn may(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    key(name, kind, false, doc)
}

const fn beside(name: &'static str, kind: Kind, beside: &'static [&'static str], doc: &'static str) -> Key {
    Key { name, kind, required: false, beside, doc }
}

const fn needs(name: &'static str, what: &'static str, instead: &'static str) -> Key {
    key(name, Kind::Needs(what, instead), false, "Not in this version.")
}
