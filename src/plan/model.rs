//! What should happen, after everything has been read, resolved and checked.
//!
//! This is the plan that the engine, the tasks and the panes know: every reference resolves, every default
//! is filled in, everything that is measured is a [`Probe`] whatever part of the file it came from. It knows
//! no TOML and no spans (`parse` does), and nothing of what has happened (`engine::state` does).

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{EndpointId, PersonId, PhaseId, ProbeId, StepId};
use super::secret::Template;
use crate::clock::Timestamp;

/// A whole plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What people call it.
    pub name: String,
    /// How writes are treated while data moves.
    pub strategy: Strategy,
    /// The word for where users are now, as typed at gates: `[a-z0-9-]{3,16}`.
    pub source: String,
    /// The word for where users are sent, as typed at gates: `[a-z0-9-]{3,16}`.
    pub target: String,
    /// When it may happen.
    pub window: Window,
    /// How long users may be without writes.
    pub outage_budget: Option<Duration>,
    /// What users will notice, in a sentence.
    pub impact: Option<String>,
    /// What a night needs on one key.
    pub contacts: Contacts,
    /// What remains possible after the end, in a sentence.
    pub fallback: Option<String>,
    /// Seconds east of UTC in which the plan's times are shown.
    pub offset: i32,
    /// The roster.
    pub people: Vec<Person>,
    /// The systems.
    pub endpoints: Vec<Endpoint>,
    /// Everything that is measured, in the order of the panes.
    pub probes: Vec<Probe>,
    /// What keeps other people's changes out.
    pub controls: Vec<Control>,
    /// The phases in order; each holds a range of `steps`.
    pub phases: Vec<Phase>,
    /// All steps of all phases in plan order.
    pub steps: Vec<Step>,
    /// The way back after the switch.
    pub rollback: Option<Rollback>,
    /// Where alarms are told, beside the screen.
    pub alarm_notify: Option<Notify>,
    /// What this very plan is, by hash.
    pub pins: Pins,
    pub(crate) index: Index,
}

/// Positions by id, kept with the plan since ten thousand steps are looked up at every frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    steps: HashMap<StepId, usize>,
    rollback: HashMap<StepId, usize>,
    probes: HashMap<ProbeId, usize>,
}

/// How writes are treated while data moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Replication carries changes; users lose writes for minutes.
    NearZeroDowntime,
    /// Writes stop, everything is copied, then users come back.
    PlannedDowntime,
}

/// When the cutover may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// From one wall time to another.
    Fixed {
        /// First moment.
        opens: Timestamp,
        /// Last moment.
        closes: Timestamp,
    },
    /// Opens when the run starts.
    FromStart {
        /// How long it is open.
        length: Duration,
    },
}

/// What a night needs on one key.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    /// The change ticket.
    pub change: Option<String>,
    /// The bridge everybody is on.
    pub bridge: Option<String>,
    /// The chat everybody reads.
    pub chat: Option<String>,
    /// How often stakeholders are promised word.
    pub update_every: Option<Duration>,
}

/// Somebody of the roster.
#[derive(Clone, Debug)]
pub struct Person {
    /// As named in the plan.
    pub id: PersonId,
    /// What they answer for; steps name owners by role or id.
    pub role: String,
    /// How they are reached.
    pub contact: Option<String>,
    /// Who stands in.
    pub backup: Option<PersonId>,
    /// May order the way back alone.
    pub rollback: bool,
}

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
    /// A reading older than this is stale.
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
    /// One HTTP exchange.
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
    /// Status of an HTTP exchange; any 2xx unless said otherwise.
    pub status: Option<u16>,
    /// Text that must stand in the answer.
    pub text: Option<String>,
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
}

/// One HTTP exchange.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HttpProbe {
    /// `GET`, `HEAD` or `POST`.
    pub method: String,
    /// Where.
    pub url: Template,
    /// Header lines.
    pub headers: Vec<(String, Template)>,
    /// Sent with a POST.
    pub body: Option<Template>,
    /// A PEM file of roots to trust instead of the system's.
    pub ca: Option<String>,
    /// What must come back.
    pub expect: Expect,
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

/// A replication link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
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
    /// Tables that need not travel it.
    pub except: Vec<String>,
    /// This link carries rows back after the switch: what keeps the way back lossless.
    pub reverse: bool,
}

/// Which side a fence stands on, and how it is proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceTarget {
    /// The side.
    pub endpoint: EndpointId,
    /// Sessions that are not ended, each with a reason: (application, because).
    pub spare: Vec<(String, String)>,
    /// A write that is rolled back: it must succeed before and be refused after.
    pub probe_write: Option<String>,
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
}

/// Something that keeps other people's changes out.
#[derive(Clone, Debug)]
pub struct Control {
    /// Unique among what is measured: its verify command is a probe of this id.
    pub id: ProbeId,
    /// Shuts.
    pub enforce: CommandLine,
    /// Opens again.
    pub lift: CommandLine,
    /// May take this long.
    pub timeout: Duration,
}

/// A phase of the checklist.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Unique among phases.
    pub id: PhaseId,
    /// What people read.
    pub title: String,
    /// T-0 is when this phase starts.
    pub t0: bool,
    /// Its steps are `plan.steps[first..first + count]`.
    pub first: usize,
    /// How many steps it has.
    pub count: usize,
}

/// One line of the checklist.
#[derive(Clone, Debug)]
pub struct Step {
    /// Unique among steps and rollback steps.
    pub id: StepId,
    /// What people read.
    pub title: String,
    /// Its phase; `rollback` for the steps of the rollback phase.
    pub phase: PhaseId,
    /// Who answers for it, a role or a person.
    pub owner: Option<String>,
    /// Must have finished before: the step before it where the plan says nothing.
    pub after: Vec<StepId>,
    /// Whether it begins by itself.
    pub start: Start,
    /// How long it should take.
    pub estimate: Option<Duration>,
    /// After this it is stopped.
    pub timeout: Option<Duration>,
    /// How a failure is tried again without anybody asking.
    pub retries: Retries,
    /// May be run again when nobody knows whether it ran.
    pub idempotent: bool,
    /// May be skipped by the operator, with a reason.
    pub skippable: bool,
    /// What it does.
    pub kind: StepKind,
    /// What takes it back, before the switch.
    pub undo: Option<Undo>,
    /// A probe that proves it: an exit code is not proof.
    pub proof: Option<ProbeId>,
    /// A harmless trial of the same, measured until the step begins.
    pub preflight: Option<ProbeId>,
    /// A sensed step is watched until this step has finished.
    pub holds_until: Option<StepId>,
    /// Moves users from one side to the other.
    pub switch: bool,
    /// After this the way back is closed.
    pub point_of_no_return: bool,
}

/// Whether a step begins by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// As soon as what it comes after has finished.
    Auto,
    /// When the operator presses the key.
    Key,
}

/// How a failure is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// So many times after the first.
    pub times: u32,
    /// The first wait; each next is twice the one before, at most ten minutes.
    pub backoff: Duration,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// A person does it and says so.
    Manual {
        /// The question to the person.
        ask: String,
    },
    /// A command is run, in a shim of its own.
    Command(CommandLine),
    /// Statements are run in one transaction.
    Sql {
        /// Where.
        endpoint: EndpointId,
        /// One or more statements.
        statement: String,
    },
    /// Waits until something measured is good.
    Wait(WaitFor),
    /// Asks for measurements and is done when all are good.
    Check(Vec<ProbeId>),
    /// A person decides.
    Gate(Gate),
    /// A side stops taking writes.
    Fence(FenceStep),
    /// A side takes writes again.
    Open {
        /// The side.
        endpoint: EndpointId,
    },
    /// Controls are enforced, or lifted.
    Freeze(FreezeStep),
    /// Somebody is told.
    Notify(Notify),
}

/// What a wait waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// Every link named is at zero for its whole `zero_for`, since the fence was proved.
    CaughtUp(Vec<ProbeId>),
    /// Every probe named is good for this long.
    Good {
        /// Which.
        probes: Vec<ProbeId>,
        /// Good for at least this long.
        lasting: Duration,
    },
}

/// A go/no-go gate.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    /// What is true after a GO, in a sentence.
    pub after: Option<String>,
    /// Evidence taken out, each with its reason.
    pub leave_out: Vec<(ProbeId, String)>,
    /// Opens the way to a traffic switch: derived from the steps between this gate and the next.
    pub guards_switch: bool,
    /// Opens the way past a point of no return: derived likewise.
    pub guards_no_return: bool,
}

/// A fence set by a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FenceStep {
    /// Its side and proof.
    pub target: FenceTarget,
    /// The probe that watches it: `fence:ENDPOINT`.
    pub probe: ProbeId,
}

/// Controls enforced or lifted by a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreezeStep {
    /// `true` enforces, `false` lifts.
    pub enforce: bool,
    /// Which.
    pub controls: Vec<ProbeId>,
}

/// Somebody is told, with `text`.
#[derive(Clone, Debug)]
pub struct Notify {
    /// How.
    pub by: NotifyBy,
    /// What: given to a command in `CUTOVER_TEXT` and to a webhook as `{"text": …}`.
    pub text: String,
}

/// How somebody is told.
#[derive(Clone, Debug)]
pub enum NotifyBy {
    /// A command.
    Command(CommandLine),
    /// A JSON POST.
    Webhook(Template),
}

/// What takes a step back.
#[derive(Clone, Debug)]
pub enum Undo {
    /// A command.
    Command(CommandLine),
    /// Statements in one transaction.
    Sql {
        /// Where.
        endpoint: EndpointId,
        /// One or more statements.
        statement: String,
    },
    /// A person does it and says so.
    Manual {
        /// The question to the person.
        ask: String,
    },
    /// Built in: the side that was fenced takes writes again.
    Open {
        /// The side.
        endpoint: EndpointId,
    },
    /// Built in: the controls that were enforced are lifted.
    Lift {
        /// Which.
        controls: Vec<ProbeId>,
    },
}

/// The way back after the switch.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// How long it should take.
    pub estimate: Duration,
    /// Its steps, in order; the source opens last.
    pub steps: Vec<Step>,
}

/// What this very plan is. SHA-256 in hex.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pins {
    /// Of the file as it stands.
    pub base: String,
    /// Of the plan after overlays and `--set`, secrets left as references.
    pub resolved: String,
    /// Of each step by itself: which have changed since a rehearsal.
    pub steps: Vec<(StepId, String)>,
    /// Of every script that the plan names: path and hash.
    pub scripts: Vec<(String, String)>,
}

impl Plan {
    /// A plan with nothing in it, to be filled in.
    #[cfg(test)]
    pub(crate) fn empty() -> Plan {
        Plan {
            name: String::new(),
            strategy: Strategy::NearZeroDowntime,
            source: String::new(),
            target: String::new(),
            window: Window::FromStart { length: Duration::ZERO },
            outage_budget: None,
            impact: None,
            contacts: Contacts::default(),
            fallback: None,
            offset: 0,
            people: Vec::new(),
            endpoints: Vec::new(),
            probes: Vec::new(),
            controls: Vec::new(),
            phases: Vec::new(),
            steps: Vec::new(),
            rollback: None,
            alarm_notify: None,
            pins: Pins::default(),
            index: Index::default(),
        }
    }

    /// Fills the look-up tables; `parse` calls it once everything is in its place.
    #[must_use]
    pub fn indexed(mut self) -> Plan {
        self.index = Index {
            steps: self.steps.iter().enumerate().map(|(i, s)| (s.id.clone(), i)).collect(),
            rollback: self.rollback_steps().iter().enumerate().map(|(i, s)| (s.id.clone(), i)).collect(),
            probes: self.probes.iter().enumerate().map(|(i, p)| (p.id.clone(), i)).collect(),
        };
        self
    }

    /// A step of the checklist or of the rollback phase.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.position(id).map_or_else(
            || self.index.rollback.get(id).and_then(|&i| self.rollback_steps().get(i)),
            |i| self.steps.get(i),
        )
    }

    /// Where a step stands in the checklist; `None` for the rollback phase.
    pub fn position(&self, id: &StepId) -> Option<usize> {
        self.index.steps.get(id).copied()
    }

    /// A step's place in the engine's table: the checklist, then the rollback phase.
    pub fn slot(&self, id: &StepId) -> Option<usize> {
        self.position(id).or_else(|| self.index.rollback.get(id).map(|i| self.steps.len() + i))
    }

    /// The step of a slot.
    pub fn at_slot(&self, slot: usize) -> Option<&Step> {
        self.steps.get(slot).or_else(|| self.rollback_steps().get(slot.checked_sub(self.steps.len())?))
    }

    /// The sides whose writes the plan stops or opens.
    pub fn fenced_sides(&self) -> impl Iterator<Item = &EndpointId> {
        let mut seen = Vec::new();
        self.steps
            .iter()
            .chain(self.rollback_steps())
            .filter_map(Step::fences)
            .filter(move |(id, _)| {
                let new = !seen.contains(id);
                seen.push(*id);
                new
            })
            .map(|(id, _)| id)
    }

    /// Whether a side takes writes when the run begins: the first step that touches it stops them.
    pub fn begins_open(&self, endpoint: &EndpointId) -> bool {
        self.steps
            .iter()
            .filter_map(Step::fences)
            .find(|(id, _)| *id == endpoint)
            .is_some_and(|(_, opens)| !opens)
    }

    /// Whether a step is of the rollback phase.
    pub fn is_rollback_step(&self, id: &StepId) -> bool {
        self.index.rollback.contains_key(id)
    }

    /// The steps of the rollback phase, none where the plan has no such phase.
    pub fn rollback_steps(&self) -> &[Step] {
        self.rollback.as_ref().map_or(&[], |r| &r.steps)
    }

    /// Something measured.
    pub fn probe(&self, id: &ProbeId) -> Option<&Probe> {
        self.index.probes.get(id).and_then(|&i| self.probes.get(i))
    }

    /// Where a probe stands in `probes`.
    pub fn probe_position(&self, id: &ProbeId) -> Option<usize> {
        self.index.probes.get(id).copied()
    }

    /// A system of the plan.
    pub fn endpoint(&self, id: &EndpointId) -> Option<&Endpoint> {
        self.endpoints.iter().find(|e| e.id == *id)
    }

    /// The steps of a phase.
    pub fn phase_steps(&self, phase: &Phase) -> &[Step] {
        self.steps.get(phase.first..phase.first + phase.count).unwrap_or(&[])
    }

    /// The first step of the checklist that moves users.
    pub fn switch_step(&self) -> Option<&Step> {
        self.steps.iter().find(|s| s.switch)
    }
}

impl ProbeKind {
    /// Whether it is compared with a baseline: any change is a breach.
    pub fn holds_still(&self) -> bool {
        match self {
            ProbeKind::Schema { .. }
            | ProbeKind::Writes { .. }
            | ProbeKind::Tree { .. }
            | ProbeKind::Git { .. }
            | ProbeKind::Unchanged(_) => true,
            ProbeKind::Command(_)
            | ProbeKind::Http(_)
            | ProbeKind::Tcp { .. }
            | ProbeKind::Tls(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Sql { .. }
            | ProbeKind::Files(_)
            | ProbeKind::Link(_)
            | ProbeKind::Control(_)
            | ProbeKind::Fence(_)
            | ProbeKind::Identity { .. }
            | ProbeKind::Marker { .. }
            | ProbeKind::Tables(_) => false,
        }
    }
}

impl Step {
    /// A sensed step is ticked and unticked by what is measured.
    pub fn is_sensed(&self) -> bool {
        matches!(self.kind, StepKind::Wait(_) | StepKind::Check(_) | StepKind::Fence(_))
    }

    /// The gate of a gate step.
    pub fn gate(&self) -> Option<&Gate> {
        match &self.kind {
            StepKind::Gate(gate) => Some(gate),
            StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Wait(_)
            | StepKind::Check(_)
            | StepKind::Fence(_)
            | StepKind::Open { .. }
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => None,
        }
    }

    /// The side whose writes it stops or opens, and whether it opens them.
    pub fn fences(&self) -> Option<(&EndpointId, bool)> {
        match &self.kind {
            StepKind::Fence(fence) => Some((&fence.target.endpoint, false)),
            StepKind::Open { endpoint } => Some((endpoint, true)),
            StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Wait(_)
            | StepKind::Check(_)
            | StepKind::Gate(_)
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => None,
        }
    }

    /// What has to be measured good before it counts as done.
    pub fn proofs(&self) -> impl Iterator<Item = &ProbeId> {
        let own: &[ProbeId] = match &self.kind {
            StepKind::Check(probes)
            | StepKind::Wait(WaitFor::Good { probes, .. } | WaitFor::CaughtUp(probes)) => probes,
            StepKind::Fence(fence) => std::slice::from_ref(&fence.probe),
            StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Gate(_)
            | StepKind::Open { .. }
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => &[],
        };
        own.iter().chain(&self.proof)
    }

    /// Whether starting it changes something in the world.
    pub fn has_effect(&self) -> bool {
        match self.kind {
            StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Fence(_)
            | StepKind::Open { .. }
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => true,
            StepKind::Manual { .. } | StepKind::Wait(_) | StepKind::Check(_) | StepKind::Gate(_) => false,
        }
    }
}

impl Window {
    /// When it closes, given when the run started.
    pub fn closes(&self, started: Timestamp) -> Timestamp {
        match *self {
            Window::Fixed { closes, .. } => closes,
            Window::FromStart { length } => started.plus(length),
        }
    }
}
