//! The file and what stands in it once: `[plan]`, people, endpoints, alarms.
//!
//! One line a key: its name, what may stand behind it, and one sentence that editors show. A key that is not
//! here is refused; a key that is here is read by `build` (a test changes each and sees the plan change).

use super::freeze::FREEZE;
use super::measured::{ENV, PROBE, REPLICATION, VALIDATION};
use super::steps::{PHASE, ROLLBACK};
use super::{Kind, Named, Names, Spec, may, must, needs};

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
            "take it out: the operator decides; name who was asked in the gate's title",
        ),
        needs("on_call", "on-call times", "take it out, and write the times into `contact`"),
    ],
};

static ENDPOINT: Spec = Spec {
    name: "an endpoint",
    one_of: &["sqlite", "postgres", "mysql", "redis"],
    keys: &[
        may("sqlite", Kind::Table(&SQLITE), "A SQLite file."),
        may("postgres", Kind::Table(&POSTGRES), "A database of a PostgreSQL server."),
        may("mysql", Kind::Table(&MYSQL), "A database of a MySQL or MariaDB server."),
        may("redis", Kind::Table(&REDIS), "A Redis or Valkey server."),
        may("identity", Kind::Table(&IDENTITY), "What it must prove to be before the first effect."),
        needs("sqlserver", "SQL Server", MEASURE_BY_COMMAND),
        needs("oracle", "Oracle", MEASURE_BY_COMMAND),
        needs("mongodb", "MongoDB", MEASURE_BY_COMMAND),
    ],
};

const MEASURE_BY_COMMAND: &str = "take the whole of [endpoints.NAME] out with what names it: measure it by a [[probe]] \
                                  with `command`, and change it by steps with `command`";

static SQLITE: Spec = Spec {
    name: "a SQLite endpoint",
    one_of: &[],
    keys: &[must("path", Kind::Secret, "The file, relative to the plan's folder.")],
};

static POSTGRES: Spec = Spec {
    name: "a PostgreSQL endpoint",
    one_of: &[],
    keys: &[must(
        "url",
        Kind::Secret,
        "Where it is, as libpq reads it: postgres://user@host/database?sslmode=verify-full or host=… dbname=…; a \
         service and ~/.pgpass are followed.",
    )],
};

static MYSQL: Spec = Spec {
    name: "a MySQL endpoint",
    one_of: &[],
    keys: &[must(
        "url",
        Kind::Secret,
        "Where it is: mysql://user@host/database?ssl-mode=VERIFY_IDENTITY&ssl-ca=…, for MariaDB, too; ~/.my.cnf is \
         followed.",
    )],
};

static REDIS: Spec = Spec {
    name: "a Redis endpoint",
    one_of: &[],
    keys: &[must(
        "url",
        Kind::Secret,
        "Where it is: redis://user:password@host:port/0, rediss://host?cacert=…&cert=…&key=… or \
         unix:///path?db=0&user=…&pass=….",
    )],
};

static IDENTITY: Spec = Spec {
    name: "an identity",
    one_of: &[],
    keys: &[
        may(
            "system",
            Kind::Text,
            "The identifier that the system itself gives, as the start page shows it. SQLite: the id in its table \
             cutover_identity (see `cutover convention`), device:inode of the file where it has none. Copies may \
             share it: `row` is surer.",
        ),
        may(
            "row",
            Kind::Table(&IDENTITY_ROW),
            "A query and the one value that it must give, such as the name of the environment. Clones share \
             identifiers; keep its table out of replication and comparisons with `except`. Redis: one command that \
             reads, such as `ACL WHOAMI`; keys travel, accounts do not.",
        ),
    ],
};

static IDENTITY_ROW: Spec = Spec {
    name: "an identity row",
    one_of: &[],
    keys: &[
        must("sql", Kind::Text, "One query of one value; of Redis, one command that only reads."),
        must("is", Kind::Text, "The value."),
    ],
};

static ALARMS: Spec = Spec {
    name: "[alarms]",
    one_of: &[],
    keys: &[
        may("notify", Kind::Table(&ALARM_NOTIFY), "How alarms are told."),
        needs(
            "escalate",
            "escalation to the next person",
            "take it out, and tell a tool that escalates, by `notify`",
        ),
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
