//! The checklist: phases, steps, gates, and the way back.

use super::links::DIRECTION;
use super::measured::{ENV, ID, PROOF};
use super::{Kind, Named, Spec, beside, may, must, needs};

pub(super) static PHASE: Spec = Spec {
    name: "a phase",
    one_of: &[],
    keys: &[
        ID,
        must("title", Kind::Text, "What people read."),
        may("t0", Kind::Flag, "The countdown is to the start of this phase."),
        must("step", Kind::Tables(&STEP), "Its steps, in order."),
    ],
};

pub(super) static ROLLBACK: Spec = Spec {
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

static STEP: Spec = Spec {
    name: "a step",
    one_of: &["manual", "command", "sql", "wait", "check", "gate", "fence", "carry", "freeze", "notify"],
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
            &["command", "sql", "wait", "check", "fence", "carry", "freeze", "notify"],
            "After this it is stopped.",
        ),
        beside(
            "retries",
            Kind::Table(&RETRIES),
            &["command", "sql", "check", "carry", "notify"],
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
            &["manual", "command", "sql", "fence", "carry", "freeze", "notify"],
            "A harmless trial of the same, measured until the step begins.",
        ),
        beside(
            "proof",
            Kind::Table(&PROOF),
            &["manual", "command", "sql", "fence", "carry", "freeze", "notify"],
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
            &["manual", "command", "sql", "fence", "carry", "freeze", "notify"],
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
        may("carry", Kind::Table(&CARRY), "What replication does not carry is moved on."),
        may("freeze", Kind::Table(&FREEZE_STEP), "Controls are enforced, or lifted."),
        may("notify", Kind::Table(&NOTIFY), "Somebody is told."),
        needs("transfer", "long work with its progress", "write `command` in its place"),
        needs(
            "sign",
            "sign-off by several people",
            "write `manual` in its place, a step for each team before the gate: the operator decides",
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
            "take it out: the operator decides; write a `manual` step for each team before the gate",
        ),
        needs(
            "poll",
            "a poll of the teams",
            "take it out, and write a `manual` step for each team before the gate",
        ),
        needs("spoken", "a GO heard by somebody else", "take it out: the operator gives it at the keys"),
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
        needs("roles", "fences by role", "take it out: a fence shuts out everybody, whatever their account"),
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
        may(
            "through",
            Kind::Ref(Named::Endpoint),
            "The application's own way to the side, with its account and through its pooler.",
        ),
        needs(
            "as",
            "a probe write by another role over the same connection",
            "take it out: write the application's own address as an endpoint, and name that by `through`",
        ),
    ],
};

static CARRY: Spec = Spec {
    name: "what is carried",
    one_of: &["sequences"],
    keys: &[may(
        "sequences",
        Kind::Table(&SEQUENCES),
        "Sequences of one side are moved on to where those of the other stand; none is moved back.",
    )],
};

static SEQUENCES: Spec = Spec {
    name: "sequences",
    one_of: &[],
    keys: &[
        must("from", Kind::Ref(Named::Endpoint), "Whose are right."),
        must("to", Kind::Ref(Named::Endpoint), "Whose are moved."),
        may("margin", Kind::Whole(0, 1_000_000_000), "So many values further; 0 where it is not given."),
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
