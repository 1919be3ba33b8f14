//! Phases, steps, gates and the rollback phase.

use std::time::Duration;

use super::super::diagnostic::Diagnostic;
use super::super::grammar::Named;
use super::known::{fence_id, marker_id, preflight_id, proof_id};
use super::order;
use super::probes::{Usual, bare};
use super::{Builder, View};
use crate::plan::ids::{EndpointId, PhaseId, ProbeId, StepId};
use crate::plan::model::{
    Carry, FenceStep, FenceTarget, FreezeStep, Gate, Notify, NotifyBy, Phase, ProbeKind, ProbeWrite, Retries,
    Rollback, Section, Severity, Start, Step, StepKind, Undo, WaitFor,
};

/// The first wait before something is tried again, where the plan does not say.
const BACKOFF: Duration = Duration::from_secs(5);

/// Asked for when the step has run, and looked at again until it is good or late.
const PROOF: Usual = Usual::asked(Section::Validation, 30, Some(Severity::Caution));
const PROOF_MARKER: Usual = Usual::asked(Section::Replication, 30, Some(Severity::Caution));
/// What a step waits for is not well yet, and raises no alarm for that.
const MARKER_WAITED_FOR: Usual = Usual::asked(Section::Replication, 30, None);
const PREFLIGHT: Usual = Usual::every(Section::Environment, 60, 30, Severity::Caution);

/// Keys that mean nothing in the rollback phase, each with the mend and its reason.
const NOT_IN_ROLLBACK: &[(&str, &str)] = &[
    ("gate", "take the whole step out: a rollback has one gate, and it is asked before the first step"),
    ("undo", "take it out: nothing takes the way back back"),
    ("switch", "take it out: a rollback moves users to the source by its nature"),
    ("point_of_no_return", "take it out: the way back has none"),
    ("holds_until", "take it out: a rollback has no gates to hold until"),
];

impl<'t> Builder<'t, '_> {
    /// The checklist.
    pub(super) fn phases(&mut self) -> (Vec<Phase>, Vec<Step>) {
        let mut phases: Vec<Phase> = Vec::new();
        let mut steps: Vec<Step> = Vec::new();
        let mut t0: Option<View<'t>> = None;
        for view in self.atlas.root.views("phase") {
            let id = PhaseId::from(view.must("id"));
            let first = steps.len();
            steps.extend(view.views("step").into_iter().map(|step| self.step(step, &id, false)));
            if view.flag("t0") {
                if let Some(before) = t0 {
                    self.findings.push(
                        Diagnostic::error("duplicate-id", view.at("t0"), "two phases are marked `t0`")
                            .label("the second")
                            .related(before.at("t0"), "the first")
                            .help("the countdown is to one moment: keep one of the two"),
                    );
                }
                t0 = Some(view);
            }
            phases.push(Phase {
                id,
                title: view.must("title"),
                t0: view.flag("t0"),
                first,
                count: steps.len() - first,
            });
        }
        order::follow(&phases, &mut steps, &self.atlas.steps, self.findings);
        (phases, steps)
    }

    /// The rollback phase.
    pub(super) fn rollback(&mut self) -> Option<Rollback> {
        let view = self.atlas.root.view("rollback")?;
        let id = PhaseId::from("rollback");
        let mut steps: Vec<Step> =
            view.views("step").into_iter().map(|step| self.step(step, &id, true)).collect();
        let whole = Phase { id, title: "Rollback".to_owned(), t0: false, first: 0, count: steps.len() };
        order::follow(std::slice::from_ref(&whole), &mut steps, &self.atlas.steps, self.findings);
        let unknown = steps.iter().find(|s| s.has_effect() && s.estimate.is_none());
        let estimate = self.positive(view, "estimate").unwrap_or_else(|| {
            if let Some(step) = unknown {
                self.findings.push(
                    Diagnostic::error("missing-key", view.at, "nobody can say how long the way back takes")
                        .label("`estimate` is missing")
                        .related(self.atlas.step(&step.id, "id"), "this step has no estimate either")
                        .help("add estimate = \"5m\": until when a rollback is safe is counted from it"),
                );
            }
            order::longest(&steps)
        });
        Some(Rollback { estimate, steps })
    }

    /// How alarms are told. Their text is the alarm's own.
    pub(super) fn alarms(&mut self) -> Option<Notify> {
        let view = self.atlas.root.view("alarms")?.view("notify")?;
        Some(Notify { by: notify_by(view)?, text: String::new() })
    }

    fn step(&mut self, view: View<'t>, phase: &PhaseId, rollback: bool) -> Step {
        let id = view.must("id");
        self.atlas.steps.entry(StepId::from(id.as_str())).or_insert(view);
        if rollback {
            self.not_in_rollback(view);
        }
        let estimate = view.duration("estimate");
        let timeout = self.positive(view, "timeout");
        if let (Some(estimate), Some(timeout)) = (estimate, timeout)
            && timeout < estimate
        {
            self.findings.push(
                Diagnostic::error(
                    "impossible-time",
                    view.at("timeout"),
                    format!("`{id}` is stopped before it can be done"),
                )
                .label("shorter than the estimate")
                .related(view.at("estimate"), "it should take this long")
                .help("a timeout is well above the estimate: the estimate is what is normal"),
            );
        }
        let kind = self.step_kind(view, &id);
        let proof = self.proof(view, "proof", &id);
        let preflight = self.proof(view, "preflight", &id);
        let after = self.after(view, rollback);
        // Where such a mark means nothing it is to be taken out, and marks nothing until then.
        let acts = matches!(kind, StepKind::Manual { .. } | StepKind::Command(_) | StepKind::Sql { .. });

        Step {
            id: StepId::from(id),
            title: view.must("title"),
            phase: phase.clone(),
            owner: self.known.one(view, "owner", Named::Owner, self.findings),
            after,
            start: if view.text("start").as_deref() == Some("key") { Start::Key } else { Start::Auto },
            estimate,
            timeout,
            retries: retries(view),
            idempotent: view.flag("idempotent"),
            skippable: view.flag("skippable"),
            kind,
            undo: self.undo(view),
            proof,
            preflight,
            holds_until: self.holds_until(view),
            switch: acts && view.flag("switch"),
            point_of_no_return: view.flag("point_of_no_return"),
        }
    }

    fn not_in_rollback(&mut self, view: View<'t>) {
        for (key, mend) in NOT_IN_ROLLBACK {
            if view.has(key) {
                self.findings.push(
                    Diagnostic::error(
                        "misplaced-key",
                        view.key_at(key),
                        format!("`{key}` means nothing in the rollback phase"),
                    )
                    .label("not here")
                    .help(*mend),
                );
            }
        }
    }

    fn after(&mut self, view: View<'t>, rollback: bool) -> Vec<StepId> {
        let named = if rollback { Named::StepBack } else { Named::Step };
        self.known.many(view, "after", named, self.findings).into_iter().map(StepId::from).collect()
    }

    fn holds_until(&mut self, view: View<'t>) -> Option<StepId> {
        if view.view("fence").is_some_and(|f| f.flag("open")) && view.has("holds_until") {
            self.findings.push(
                Diagnostic::error(
                    "misplaced-key",
                    view.key_at("holds_until"),
                    "`holds_until` means nothing where a fence is opened",
                )
                .label("nothing is watched")
                .help("take it out"),
            );
        }
        self.known.one(view, "holds_until", Named::Step, self.findings).map(StepId::from)
    }

    fn step_kind(&mut self, view: View<'t>, id: &str) -> StepKind {
        if let Some(command) = view.command("command") {
            return StepKind::Command(command);
        }
        if let Some((endpoint, statement)) = view.view("sql").and_then(|sql| self.statement(sql)) {
            return StepKind::Sql { endpoint, statement };
        }
        if let Some(wait) = view.view("wait") {
            return StepKind::Wait(self.wait(wait, view, id));
        }
        if view.has("check") {
            let probes = self.known.many(view, "check", Named::Probe, self.findings);
            return StepKind::Check(probes.into_iter().map(ProbeId::from).collect());
        }
        if let Some(gate) = view.view("gate") {
            return StepKind::Gate(self.gate(gate));
        }
        if let Some(fence) = view.view("fence") {
            return self.fence(fence);
        }
        if let Some(ends) = view.view("carry").and_then(|carry| carry.view("sequences"))
            && let Some((from, to)) = self.direction(ends)
        {
            return StepKind::Carry(Carry { from, to, margin: ends.whole("margin").unwrap_or(0) });
        }
        if let Some(freeze) = view.view("freeze") {
            let enforce = freeze.has("enforce");
            let key = if enforce { "enforce" } else { "lift" };
            let controls = self.known.many(freeze, key, Named::Control, self.findings);
            return StepKind::Freeze(FreezeStep {
                enforce,
                controls: controls.into_iter().map(ProbeId::from).collect(),
            });
        }
        if let Some(notify) = view.view("notify")
            && let Some(by) = notify_by(notify)
        {
            return StepKind::Notify(Notify { by, text: notify.must("text") });
        }
        StepKind::Manual { ask: view.must("manual") }
    }

    fn statement(&mut self, view: View<'t>) -> Option<(EndpointId, String)> {
        Some((self.endpoint(view, "on")?, view.must("statement")))
    }

    fn wait(&mut self, wait: View<'t>, step: View<'t>, id: &str) -> WaitFor {
        if wait.has("replication") {
            let links = self.known.many(wait, "replication", Named::Link, self.findings);
            return WaitFor::CaughtUp(links.into_iter().map(ProbeId::from).collect());
        }
        if let Some(direction) = wait.view("marker") {
            if let Some((from, to)) = self.direction(direction) {
                let title = format!("marker, {from} to {to}");
                let mut probe = MARKER_WAITED_FOR.probe(marker_id(id), title, ProbeKind::Marker { from, to });
                probe.estimate = step.duration("estimate");
                probe.since = Some(StepId::from(id));
                self.of_steps.push(probe);
                self.atlas.measured(&marker_id(id), step);
            }
            return WaitFor::Good { probes: vec![ProbeId::from(marker_id(id))], lasting: Duration::ZERO };
        }
        let probes = self.known.many(wait, "probe", Named::Probe, self.findings);
        WaitFor::Good {
            probes: probes.into_iter().map(ProbeId::from).collect(),
            lasting: wait.duration("for").unwrap_or_default(),
        }
    }

    fn gate(&mut self, view: View<'t>) -> Gate {
        let mut leave_out: Vec<(ProbeId, String)> = Vec::new();
        for item in view.views("leave_out") {
            let Some(id) = self.known.one(item, "evidence", Named::Probe, self.findings) else { continue };
            if leave_out.iter().any(|(p, _)| p.as_str() == id) {
                self.findings.push(
                    Diagnostic::error(
                        "duplicate-id",
                        item.at("evidence"),
                        format!("`{id}` is left out twice"),
                    )
                    .label("again")
                    .help("take one of the two out"),
                );
            }
            leave_out.push((ProbeId::from(id), item.must("because")));
        }
        Gate { after: view.text("after"), leave_out, guards_switch: false, guards_no_return: false }
    }

    fn fence(&mut self, view: View<'t>) -> StepKind {
        let endpoint = self.endpoint(view, "endpoint").unwrap_or_else(|| EndpointId::from(""));
        if view.flag("open") {
            let fences = self.fences_too(endpoint.as_str());
            for key in ["spare", "probe_write"] {
                if view.has(key) {
                    self.findings.push(
                        Diagnostic::error(
                            "misplaced-key",
                            view.key_at(key),
                            format!("`{key}` means nothing where a fence is opened"),
                        )
                        .label("nothing to go with")
                        .help(fences.as_ref().map_or_else(
                            || format!("take it out: no step fences `{endpoint}`"),
                            |step| format!("write it at `{step}`, which fences, or take it out"),
                        )),
                    );
                }
            }
            return StepKind::Open { endpoint };
        }
        let spare =
            view.views("spare").into_iter().map(|s| (s.must("application"), s.must("because"))).collect();
        let probe_write = view.view("probe_write").and_then(|write| {
            let through = write.has("through").then(|| self.endpoint(write, "through")).flatten();
            Some(ProbeWrite { sql: write.text("sql")?, through })
        });
        StepKind::Fence(FenceStep {
            probe: ProbeId::from(fence_id(endpoint.as_str())),
            target: FenceTarget { endpoint, spare, probe_write },
        })
    }

    /// The first step that fences an endpoint.
    fn fences_too(&self, endpoint: &str) -> Option<String> {
        let root = self.atlas.root;
        let phases = root.views("phase").into_iter().chain(root.view("rollback"));
        let fences = |step: &View<'_>| {
            step.view("fence")
                .is_some_and(|f| !f.flag("open") && f.text("endpoint").as_deref() == Some(endpoint))
        };
        phases.flat_map(|phase| phase.views("step")).find(fences)?.text("id")
    }

    fn undo(&mut self, view: View<'t>) -> Option<Undo> {
        let undo = view.view("undo")?;
        if let Some(command) = undo.command("command") {
            return Some(Undo::Command(command));
        }
        if let Some(sql) = undo.view("sql") {
            let (endpoint, statement) = self.statement(sql)?;
            return Some(Undo::Sql { endpoint, statement });
        }
        Some(Undo::Manual { ask: undo.text("manual")? })
    }

    /// The probe behind `proof` or `preflight`: one that is named, or one of the step's own.
    fn proof(&mut self, step: View<'t>, key: &str, id: &str) -> Option<ProbeId> {
        let preflight = key == "preflight";
        let own = if preflight { preflight_id(id) } else { proof_id(id) };
        let kind = match step.view(key) {
            Some(view) if view.has("probe") => {
                return self.known.one(view, "probe", Named::Probe, self.findings).map(ProbeId::from);
            }
            Some(view) => match view.view("marker") {
                Some(direction) => {
                    let (from, to) = self.direction(direction)?;
                    ProbeKind::Marker { from, to }
                }
                None => self.kind(view)?,
            },
            None => bare(step.command(key)?),
        };
        let usual = match &kind {
            _ if preflight => PREFLIGHT,
            ProbeKind::Marker { .. } => PROOF_MARKER,
            _ => PROOF,
        };
        let title = match &kind {
            ProbeKind::Marker { from, to } => format!("marker, {from} to {to}"),
            _ if preflight => format!("{id}, tried before"),
            _ => format!("{id}, proved"),
        };
        let mut probe = usual.probe(own.clone(), title, kind);
        if preflight {
            probe.until = Some(StepId::from(id));
        } else {
            probe.since = Some(StepId::from(id));
        }
        self.of_steps.push(probe);
        self.atlas.measured(&own, step);
        Some(ProbeId::from(own))
    }
}

fn notify_by(view: View<'_>) -> Option<NotifyBy> {
    view.command("command").map(NotifyBy::Command).or_else(|| view.secret("webhook").map(NotifyBy::Webhook))
}

fn retries(view: View<'_>) -> Retries {
    let Some(retries) = view.view("retries") else { return Retries { times: 0, backoff: BACKOFF } };
    Retries {
        times: retries.whole("times").unwrap_or(0),
        backoff: retries.duration("backoff").unwrap_or(BACKOFF),
    }
}
