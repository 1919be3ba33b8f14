//! What may stand in a plan: one table of keys, from which everything else is derived.
//!
//! `shape` holds a file against it, `schema` writes it down for editors, `build` reads what it allows. The
//! tables themselves are in [`whole`], [`measured`], [`freeze`] and [`steps`]. Refuses to know what keys mean together: that is `build` and `lint`.

mod freeze;
mod http;
mod links;
mod measured;
mod steps;
mod whole;

pub(super) use whole::PLAN;

/// A table of a plan.
#[derive(Debug)]
pub(super) struct Spec {
    /// What it is called in messages: `a step`, `[plan]`.
    pub(super) name: &'static str,
    /// Its keys.
    pub(super) keys: &'static [Key],
    /// Exactly one of these stands in it; none where it is empty.
    pub(super) one_of: &'static [&'static str],
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    /// It stands only beside one of these; anywhere where it is empty.
    pub(super) beside: &'static [&'static str],
    /// One sentence for editors.
    pub(super) doc: &'static str,
}

/// What may stand behind a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Plain text, not empty.
    Text,
    /// Text that may hold `${env:…}` and `${file:…}`.
    Secret,
    /// The word for a side, typed at gates.
    Word,
    /// An id that is given here.
    Id,
    /// An id that is given elsewhere.
    Ref(Named),
    /// One such id, or a list of at least one.
    Refs(Named),
    /// One such id, or a list that may be empty.
    RefsOrNone(Named),
    /// One text, or a list of at least one.
    Texts,
    /// A program and its arguments.
    Argv,
    /// `5m30s`.
    Duration,
    /// `1_000` or `64MiB`.
    Count,
    /// `+01:00`.
    Offset,
    /// A date and time with its offset.
    Time,
    /// Such a time, or `start`.
    TimeOrStart,
    /// True or false.
    Flag,
    /// A whole number from one bound to the other.
    Whole(i64, i64),
    /// Any number.
    Number,
    /// Any value that JSON can hold.
    Json,
    /// The same, and its texts may hold `${env:…}` and `${file:…}`.
    Body,
    /// A status of HTTP, `2xx`, or a list of such.
    Status,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `host:port`.
    Address,
    /// `user@host`.
    SshHost,
    /// A table.
    Table(&'static Spec),
    /// A list of tables.
    Tables(&'static Spec),
    /// A table whose keys are names.
    Map(&'static Kind, Names),
    /// A list of texts, or a table.
    ArgvOr(&'static Spec),
    /// A key of the design that this version cannot enforce: what it needs, and what to do instead.
    Needs(&'static str, &'static str),
}

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Step,
    /// A step of the rollback phase.
    StepBack,
    Probe,
    Link,
    Control,
    Endpoint,
    Person,
    /// A role or a person.
    Owner,
}

/// How the names of a [`Kind::Map`] look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Ids.
    Ids,
    /// Names of variables.
    Variables,
    /// Names of the environment.
    Environment,
    /// Whatever a protocol takes: header names, JSON pointers.
    Free,
}

impl Spec {
    pub(super) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|k| k.name == name)
    }

    /// What a key belongs to that is an expectation, but none of what stands here.
    pub(super) fn expected_of(&self, key: &str) -> Option<&'static str> {
        let here = measured::EXPECTS.iter().any(|(_, spec)| std::ptr::eq(*spec, self));
        measured::EXPECTS.iter().find(|(_, spec)| here && spec.key(key).is_some()).map(|(of, _)| *of)
    }
}

impl Kind {
    /// The kind of a key of a table of this kind.
    pub(super) fn of(self, key: &str) -> Option<Kind> {
        match self {
            Kind::Table(spec) | Kind::Tables(spec) | Kind::ArgvOr(spec) => spec.key(key).map(|key| key.kind),
            Kind::Map(inner, _) => Some(*inner),
            Kind::Body => Some(Kind::Body),
            _ => None,
        }
    }

    /// Whether a plan that is read without such a value may mean another thing: who follows whom, what is done to
    /// which side. Without any other it means the same with a default.
    pub(super) fn is_structure(self) -> bool {
        match self {
            Kind::Id
            | Kind::Ref(_)
            | Kind::Refs(_)
            | Kind::RefsOrNone(_)
            | Kind::Argv
            | Kind::ArgvOr(_)
            | Kind::Flag
            | Kind::Choice(_)
            | Kind::Table(_)
            | Kind::Tables(_)
            | Kind::Map(..)
            | Kind::Needs(..) => true,
            Kind::Text
            | Kind::Secret
            | Kind::Word
            | Kind::Texts
            | Kind::Duration
            | Kind::Count
            | Kind::Offset
            | Kind::Time
            | Kind::TimeOrStart
            | Kind::Whole(..)
            | Kind::Number
            | Kind::Json
            | Kind::Body
            | Kind::Status
            | Kind::Address
            | Kind::SshHost => false,
        }
    }
}

impl Named {
    /// As it stands in a message.
    pub(super) fn word(self) -> &'static str {
        match self {
            Named::Step => "step",
            Named::StepBack => "step of [rollback]",
            Named::Probe => "probe",
            Named::Link => "replication link",
            Named::Control => "control",
            Named::Endpoint => "endpoint",
            Named::Person => "person",
            Named::Owner => "role or person",
        }
    }
}

impl Names {
    /// Whether a name looks as it should.
    pub(super) fn fits(self, name: &str) -> bool {
        let word = |first: fn(&char) -> bool, rest: fn(char) -> bool| {
            name.chars().next().is_some_and(|c| first(&c)) && name.chars().all(rest)
        };
        match self {
            Names::Ids => super::units::id(name).is_ok(),
            Names::Variables => word(char::is_ascii_lowercase, |c| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c)
            }),
            Names::Environment => {
                word(|c| c.is_ascii_alphabetic() || *c == '_', |c| c.is_ascii_alphanumeric() || c == '_')
            }
            Names::Free => !name.is_empty(),
        }
    }

    /// What such a name is made of.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Names::Ids => "lower-case letters, digits, `-`, `_` and `.`, a letter or digit first",
            Names::Variables => "lower-case letters, digits, `-` and `_`, a letter first",
            Names::Environment => "letters, digits and `_`, no digit first",
            Names::Free => "at least one character",
        }
    }

    /// The same as a pattern for the schema.
    pub(super) fn pattern(self) -> &'static str {
        match self {
            Names::Ids => "^[a-z0-9][a-z0-9._-]*$",
            Names::Variables => "^[a-z][a-z0-9_-]*$",
            Names::Environment => "^[A-Za-z_][A-Za-z0-9_]*$",
            Names::Free => "^.",
        }
    }
}

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
