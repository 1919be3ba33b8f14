//! What is asked of a server of keys that has no tables, and what its replication cannot do.

use super::super::build::order;
use super::super::diagnostic::Diagnostic;
use super::super::source::Place;
use super::{Lint, fenced, opened};
use crate::plan::ids::{EndpointId, ProbeId};
use crate::plan::model::{
    DatabaseKind, DatabaseSettings, LinkKind, Probe, ProbeKind, Step, StepKind, Undo, WaitFor,
};

const BY_COMMAND: &str = "write `command` in its place, for example with `redis-cli`";
const BY_UNCHANGED: &str = "write a monitor with `command` in its place, for example with `redis-cli`";
const BY_REPLICA: &str = "take it out: a replica refuses everybody's writes by itself, and the gauge of its link says when it does not";

/// Commands whose answer is the server's own: keys travel to a replica, these do not.
const OF_THE_SERVER: [&str; 3] = ["acl", "config", "info"];

impl Lint<'_> {
    pub(super) fn keys(&mut self) {
        let mut found = Vec::new();
        for probe in &self.plan.probes {
            found.extend(self.measures_tables(probe));
        }
        for step in self.plan.steps.iter().chain(self.plan.rollback_steps()) {
            found.extend(self.changes_tables(step));
        }
        self.names(&mut found);
        for steps in [self.plan.steps.as_slice(), self.plan.rollback_steps()] {
            self.markers(steps, &mut found);
        }
        for diagnostic in found {
            self.found(diagnostic);
        }
    }

    /// The engine of an endpoint, where that has no tables.
    fn without_tables(&self, endpoint: &EndpointId) -> Option<DatabaseKind> {
        let kind = self.plan.endpoint(endpoint)?.database.kind;
        (!kind.has_tables()).then_some(kind)
    }

    fn no_tables(&self, at: Place, endpoint: &EndpointId, what: &str, help: &str) -> Option<Diagnostic> {
        let kind = self.without_tables(endpoint)?.key();
        Some(
            Diagnostic::error(
                "wrong-engine",
                at,
                format!("`{endpoint}` is a {kind} endpoint: it has keys, and no {what}"),
            )
            .label(format!("asks for {what}"))
            .related(self.atlas.endpoint(endpoint, kind), format!("`{endpoint}`"))
            .help(help),
        )
    }

    fn measures_tables(&self, probe: &Probe) -> Option<Diagnostic> {
        let at = |key| self.atlas.probe(&probe.id, key);
        match &probe.kind {
            ProbeKind::Schema { endpoint } => self.no_tables(
                at("schema"),
                endpoint,
                "schema",
                "take it out: nothing about keys has to be the same",
            ),
            ProbeKind::Writes { endpoint } => {
                self.no_tables(at("writes"), endpoint, "log that names what was written", BY_REPLICA)
            }
            ProbeKind::Rows(rows) => self.no_tables(at("sql"), &rows.endpoint, "rows", BY_UNCHANGED),
            // Two kinds are told of already.
            ProbeKind::Tables(tables)
                if self.without_tables(&tables.from) == self.without_tables(&tables.to) =>
            {
                let help = "write `command` with a tool that compares keys, in its place";
                self.no_tables(at("tables"), &tables.from, "tables", help)
            }
            _ => None,
        }
    }

    fn changes_tables(&self, step: &Step) -> Vec<Diagnostic> {
        let at = |key| self.atlas.step(&step.id, key);
        let does = match &step.kind {
            StepKind::Sql { endpoint, .. } => self.no_tables(at("sql"), endpoint, "statements", BY_COMMAND),
            StepKind::Carry(carry) if self.without_tables(&carry.from) == self.without_tables(&carry.to) => {
                self.no_tables(
                    at("carry"),
                    &carry.from,
                    "sequences",
                    "take it out: a counter is a key, and travels",
                )
            }
            _ => None,
        };
        let undoes = match &step.undo {
            Some(Undo::Sql { endpoint, .. }) => {
                self.no_tables(at("undo"), endpoint, "statements", BY_COMMAND)
            }
            _ => None,
        };
        does.into_iter().chain(undoes).collect()
    }

    /// What a server of keys is told by.
    fn names(&self, found: &mut Vec<Diagnostic>) {
        for endpoint in &self.plan.endpoints {
            let DatabaseSettings { kind: DatabaseKind::Redis, .. } = endpoint.database else { continue };
            let Some(identity) = &endpoint.identity else { continue };
            let at = self.atlas.endpoint(&endpoint.id, "identity");
            let help = "write row = { sql = \"ACL WHOAMI\", is = \"NAME\" } with an account that only this server has";
            if identity.system.is_some() {
                let what = format!(
                    "`{}` is a redis endpoint, and no identifier of Redis outlives a restart",
                    endpoint.id
                );
                found.push(
                    Diagnostic::error("wrong-engine", at, what)
                        .label("another one after the next restart")
                        .help(help),
                );
            }
            let Some(row) = &identity.row else { continue };
            let first = row.sql.split_whitespace().next().unwrap_or_default().to_lowercase();
            let link = self.plan.probes.iter().find(|probe| {
                matches!(&probe.kind, ProbeKind::Link(link)
                    if link.kind == LinkKind::Redis && (link.from == endpoint.id || link.to == endpoint.id))
            });
            if let Some(link) = link
                && !OF_THE_SERVER.contains(&first.as_str())
            {
                let what = format!("`{}` is told apart by a key, which `{}` carries", endpoint.id, link.id);
                found.push(
                    Diagnostic::error("carries-identity", at, what)
                        .label("the same at both ends")
                        .related(self.atlas.probe(&link.id, "redis"), "every key travels it")
                        .help(help),
                );
            }
        }
    }

    /// Markers that start behind a fence that refuses them like everything else.
    fn markers(&self, steps: &[Step], found: &mut Vec<Diagnostic>) {
        let links = order::links(steps);
        for (position, step) in steps.iter().enumerate() {
            let Some(from) = self.sends_marker(step).filter(|from| self.without_tables(from).is_some())
            else {
                continue;
            };
            let before = order::ancestors(&links, position);
            let last = |does: fn(&Step) -> Option<&EndpointId>| {
                before.iter().filter(|&&at| steps.get(at).and_then(does) == Some(from)).max().copied()
            };
            let (Some(fence), opens) = (last(fenced), last(opened)) else { continue };
            let Some(fence) = steps.get(fence).filter(|_| opens.is_none_or(|opens| opens < fence)) else {
                continue;
            };
            let at = self.atlas.step(&step.id, if step.proof.is_some() { "proof" } else { "wait" });
            found.push(
                Diagnostic::error("wrong-engine", at, format!("a marker from `{from}` cannot be written by then"))
                    .label("refused like everybody's writes")
                    .related(self.atlas.step(&fence.id, "fence"), "refuses every write")
                    .help("wait for the link in its place: wait = { replication = \"LINK\" }; its position is exact"),
            );
        }
    }

    /// Where the marker starts that a step waits for, or is proved by.
    fn sends_marker(&self, step: &Step) -> Option<&EndpointId> {
        let waited = match &step.kind {
            StepKind::Wait(WaitFor::Good { probes, .. } | WaitFor::CaughtUp(probes)) => probes.as_slice(),
            _ => &[],
        };
        let starts = |probe: &ProbeId| match &self.plan.probe(probe)?.kind {
            ProbeKind::Marker { from, .. } => Some(from),
            _ => None,
        };
        step.proof.iter().chain(waited).find_map(starts)
    }
}
