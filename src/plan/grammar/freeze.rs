//! What a freeze is made of: what keeps changes out, and what notices one all the same.

use super::measured::{ALARM, ESTIMATE, EVERY, ID, MAX_AGE, SINCE, TIMEOUT, TITLE, UNTIL};
use super::{Kind, Named, Names, Spec, beside, may, must, needs};

pub(super) static FREEZE: Spec = Spec {
    name: "[freeze]",
    one_of: &[],
    keys: &[
        may("controls", Kind::Tables(&CONTROL), "What keeps other people's changes out."),
        may("monitor", Kind::Tables(&MONITOR), "What notices a change all the same."),
        needs(
            "emergency",
            "emergency changes on the record",
            "take it out: agree on them outside, and waive the breach at the gate by name",
        ),
        needs("blackout", "blackout times", "take it out, and set the plan's window outside of them"),
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
            "expires",
            Kind::Duration,
            "So long after it was enforced it lifts itself; told before, and no proof after.",
        ),
        may(
            "env",
            Kind::Map(&Kind::Secret, Names::Environment),
            "Set for all three commands; may hold secrets.",
        ),
    ],
};

static MONITOR: Spec = Spec {
    name: "a monitor",
    one_of: &["schema", "sql", "writes", "files", "git", "http", "terraform", "command"],
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
        may("sql", Kind::Table(&ROWS), "Configuration in tables, row by row."),
        may("writes", Kind::Table(&ON), "Rows that replication did not write."),
        may("files", Kind::Texts, "Files and folders, relative to the plan's folder."),
        may("git", Kind::Table(&GIT), "Refs of a repository."),
        may("http", Kind::Table(&VERSION), "The version of a release that runs, as it says itself."),
        may(
            "terraform",
            Kind::Table(&TERRAFORM),
            "Infrastructure that must be as its configuration says, and as it was.",
        ),
        may("command", Kind::Argv, "A command whose output may not change."),
        beside(
            "env",
            Kind::Map(&Kind::Secret, Names::Environment),
            &["command", "terraform"],
            "Set for the command or for terraform; may hold secrets.",
        ),
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

static ROWS: Spec = Spec {
    name: "rows that may not change",
    one_of: &[],
    keys: &[
        must("on", Kind::Ref(Named::Endpoint), "Which endpoint."),
        must("query", Kind::Text, "One query of at most 1000 rows, run read-only."),
        may("key", Kind::Whole(1, 16), "So many of the first columns name a row; 1 where it is not given."),
    ],
};

static VERSION: Spec = Spec {
    name: "a running version",
    one_of: &[],
    keys: &[
        must("get", Kind::Secret, "The URL that says it."),
        may(
            "json",
            Kind::Text,
            "JSON pointer to it, or to several of them; the whole answer where it is not given.",
        ),
        may("headers", Kind::Map(&Kind::Secret, Names::Free), "Header lines."),
        may("ca", Kind::Text, "A PEM file of roots to trust instead of the system's."),
    ],
};

static TERRAFORM: Spec = Spec {
    name: "a terraform configuration",
    one_of: &[],
    keys: &[
        must(
            "folder",
            Kind::Text,
            "Where it is, relative to the plan's folder; `terraform init` has run there.",
        ),
        may("var_files", Kind::Texts, "Files with its variables, relative to that folder."),
        may("except", Kind::Texts, "Resources that may change, by address, with `*`."),
    ],
};
