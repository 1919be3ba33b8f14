//! What a plan means without saying it: fences, identities and traps that are watched, what gates guard, how long a
//! proved step is watched, what takes a fence back.

use std::collections::{HashMap, HashSet};

use super::super::diagnostic::Diagnostic;
use super::Builder;
use super::known::{fence_id, identity_id, ready_id};
use super::order;
use super::probes::Usual;
use crate::plan::ids::{EndpointId, ProbeId, StepId};
use crate::plan::model::{
    FenceTarget, Link, Plan, Probe, ProbeKind, ReadyProbe, Section, Severity, Step, StepKind, Undo,
};

const FENCE: Usual = Usual::every(Section::Freeze, 2, 5, Severity::Warning);
const IDENTITY: Usual = Usual::every(Section::Environment, 30, 10, Severity::Warning);
const READY: Usual = Usual::every(Section::Environment, 60, 10, Severity::Caution);

/// On the way back there are no gates: what was waited for or checked has to hold until the first step that goes on
/// from it has finished, since that may well be what makes it untrue (a link that is turned round is not caught up
/// any more). A fence holds to the end.
fn holds_back(steps: &mut [Step]) {
    let mut next: Option<StepId> = None;
    for step in steps.iter_mut().rev() {
        match step.kind {
            StepKind::Wait(_) | StepKind::Check(_) => step.holds_until.clone_from(&next),
            StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Fence(_)
            | StepKind::Open { .. }
            | StepKind::Carry(_)
            | StepKind::Gate(_)
            | StepKind::Freeze(_)
            | StepKind::Notify(_) => next = Some(step.id.clone()),
        }
    }
}

/// Endpoints that are only the application's way to a side.
fn ways(plan: &mut Plan) {
    let named: HashSet<EndpointId> = plan
        .steps
        .iter()
        .chain(plan.rollback_steps())
        .filter_map(|step| match &step.kind {
            StepKind::Fence(fence) => {
                let through = fence.target.probe_write.as_ref()?.through.clone();
                through.filter(|way| *way != fence.target.endpoint)
            }
            _ => None,
        })
        .collect();
    for endpoint in &mut plan.endpoints {
        endpoint.way = named.contains(&endpoint.id);
    }
}

impl Builder<'_, '_> {
    /// Completes a plan whose written parts are all there.
    pub(super) fn implied(&mut self, mut plan: Plan) -> Plan {
        let past = Past::of(&plan.steps);
        self.undos(&mut plan.steps, &past);
        self.holds(&mut plan.steps, &plan.probes);
        if let Some(rollback) = &mut plan.rollback {
            holds_back(&mut rollback.steps);
        }
        guards(&mut plan.steps);
        ways(&mut plan);
        let fences = self.fences(&mut plan);
        spans(&mut plan);
        let traps = self.traps(&plan);
        let mut probes = std::mem::take(&mut self.of_steps);
        let identities = plan.endpoints.iter().filter(|e| e.identity.is_some()).map(|e| {
            let kind = ProbeKind::Identity { endpoint: e.id.clone() };
            IDENTITY.probe(identity_id(e.id.as_str()), format!("identity of {}", e.id), kind)
        });
        let all = fences.into_iter().chain(std::mem::take(&mut plan.probes)).chain(identities);
        plan.probes = all.chain(probes.drain(..)).chain(traps).collect();
        plan.probes.sort_by_key(|p| p.section);
        for endpoint in &plan.endpoints {
            if let Some(&view) = self.atlas.endpoints.get(&endpoint.id) {
                self.atlas.measured(&identity_id(endpoint.id.as_str()), view);
            }
        }
        plan.indexed()
    }

    /// Undo that is built in, and undo where there is none any more.
    fn undos(&mut self, steps: &mut [Step], past: &Past) {
        for (i, step) in steps.iter_mut().enumerate() {
            let what = match (past.switch.contains(&i), past.no_return.contains(&i)) {
                (_, true) => "the point of no return",
                (true, false) => "the traffic switch",
                (false, false) => {
                    step.undo = step.undo.take().or_else(|| built_in(step));
                    continue;
                }
            };
            let takes_one =
                matches!(step.kind, StepKind::Manual { .. } | StepKind::Command(_) | StepKind::Sql { .. });
            if takes_one && step.undo.is_some() {
                self.findings.push(
                    Diagnostic::error(
                        "undo-too-late",
                        self.atlas.step(&step.id, "undo"),
                        format!("`{}` is at or past {what}, where nothing is undone", step.id),
                    )
                    .label("would never run")
                    .help(if past.no_return.contains(&i) {
                        "nothing goes back from there: take it out"
                    } else {
                        "write what it does as a [[rollback.step]] with `id` and `title`, and take `undo` out here"
                    }),
                );
            }
        }
    }

    /// How long what has been proved is watched: until the next gate, or until what it rests on counts no
    /// more, whichever comes first.
    fn holds(&mut self, steps: &mut [Step], probes: &[Probe]) {
        let at: HashMap<StepId, usize> = steps.iter().enumerate().map(|(i, s)| (s.id.clone(), i)).collect();
        let until: HashMap<&ProbeId, &StepId> =
            probes.iter().filter_map(|p| Some((&p.id, p.until.as_ref()?))).collect();
        let mut next_gate: Option<StepId> = None;
        for (i, step) in steps.iter_mut().enumerate().rev() {
            if step.gate().is_some() {
                next_gate = Some(step.id.clone());
            }
            if !step.is_sensed() {
                continue;
            }
            let Some(until) = &step.holds_until else {
                let ends = step.proofs().filter_map(|p| until.get(p).copied()).chain(&next_gate);
                let later = ends.filter(|id| at.get(*id).is_some_and(|&u| u > i));
                step.holds_until = later.min_by_key(|id| at.get(*id)).cloned();
                continue;
            };
            if at.get(until).is_some_and(|&u| u < i) {
                self.findings.push(
                    Diagnostic::error(
                        "bad-reference",
                        self.atlas.step(&step.id, "holds_until"),
                        format!("`{until}` comes before `{}`", step.id),
                    )
                    .label("not later")
                    .help(self.known.later(step.id.as_str()).map_or_else(
                        || "take it out: no step comes later".to_owned(),
                        |later| format!("name one that comes later ({later}), or take it out: then it holds until the next gate"),
                    )),
                );
            }
        }
    }

    /// One probe for each trap of each link that leads there.
    fn traps(&mut self, plan: &Plan) -> Vec<Probe> {
        let mut out = Vec::new();
        for probe in &plan.probes {
            let ProbeKind::Link(link) = &probe.kind else { continue };
            if link.reverse {
                continue;
            }
            let (carried, back, until) = (is_carried(plan, link), way_back(plan, link), freeze(plan, link));
            for &trap in link.kind.traps() {
                let kind = ReadyProbe { trap, link: link.clone(), carried, back: back.clone() };
                let title = format!("{} ({})", trap.title(), probe.id);
                let id = ready_id(probe.id.as_str(), trap);
                if let Some(&view) = self.atlas.probes.get(&probe.id) {
                    self.atlas.measured(&id, view);
                }
                out.push(Probe { until: until.clone(), ..READY.probe(id, title, ProbeKind::Ready(kind)) });
            }
        }
        out
    }

    /// One probe for each side that any step fences, with all that the steps say about its fence.
    fn fences(&mut self, plan: &mut Plan) -> Vec<Probe> {
        let mut targets: Vec<(FenceTarget, StepId)> = Vec::new();
        let rollback = plan.rollback.as_mut().map_or(&mut [] as &mut [Step], |r| &mut r.steps);
        for step in plan.steps.iter().chain(rollback.iter()) {
            let StepKind::Fence(fence) = &step.kind else { continue };
            let Some((known, first)) = targets.iter_mut().find(|(t, _)| t.endpoint == fence.target.endpoint)
            else {
                targets.push((fence.target.clone(), step.id.clone()));
                continue;
            };
            for (application, because) in &fence.target.spare {
                if !known.spare.iter().any(|(a, _)| a == application) {
                    known.spare.push((application.clone(), because.clone()));
                }
            }
            match (&known.probe_write, &fence.target.probe_write) {
                (Some(one), Some(other)) if one != other => self.findings.push(
                    Diagnostic::error(
                        "two-kinds",
                        self.atlas.step(&step.id, "fence"),
                        format!("the fence of `{}` is proved by two different writes", known.endpoint),
                    )
                    .label("another `probe_write`")
                    .related(self.atlas.step(first, "fence"), "the first")
                    .help("one endpoint has one fence: write its `probe_write` once"),
                ),
                (None, Some(write)) => known.probe_write = Some(write.clone()),
                (_, None) | (Some(_), Some(_)) => {}
            }
        }
        for step in plan.steps.iter_mut().chain(rollback.iter_mut()) {
            if let StepKind::Fence(fence) = &mut step.kind
                && let Some((target, _)) = targets.iter().find(|(t, _)| t.endpoint == fence.target.endpoint)
            {
                fence.target = target.clone();
            }
        }
        let mut out = Vec::new();
        for (target, step) in targets {
            let id = fence_id(target.endpoint.as_str());
            let (since, until) = fence_span(plan, &target.endpoint);
            let mut probe = FENCE.probe(id.clone(), target.endpoint.to_string(), ProbeKind::Fence(target));
            (probe.since, probe.until) = (since, until);
            probe.estimate = plan.step(&step).and_then(|s| s.estimate);
            if let Some(&view) = self.atlas.steps.get(&step) {
                self.atlas.measured(&id, view);
            }
            out.push(probe);
        }
        out
    }
}

/// Steps at or past what cannot be undone step by step.
struct Past {
    switch: HashSet<usize>,
    no_return: HashSet<usize>,
}

impl Past {
    fn of(steps: &[Step]) -> Past {
        let links = order::links(steps);
        let past = |mark: fn(&Step) -> bool| {
            let Some(first) = steps.iter().position(mark) else { return HashSet::new() };
            // A branch that the marked step itself waits for is before it, wherever it stands in the file.
            let before = order::ancestors(&links, first);
            (first..steps.len()).filter(|i| !before.contains(i)).collect()
        };
        Past { switch: past(|s| s.switch), no_return: past(|s| s.point_of_no_return) }
    }
}

fn built_in(step: &Step) -> Option<Undo> {
    match &step.kind {
        StepKind::Fence(fence) => Some(Undo::Open { endpoint: fence.target.endpoint.clone() }),
        StepKind::Freeze(freeze) if freeze.enforce => Some(Undo::Lift { controls: freeze.controls.clone() }),
        StepKind::Freeze(_)
        | StepKind::Manual { .. }
        | StepKind::Command(_)
        | StepKind::Sql { .. }
        | StepKind::Wait(_)
        | StepKind::Check(_)
        | StepKind::Gate(_)
        | StepKind::Open { .. }
        | StepKind::Carry(_)
        | StepKind::Notify(_) => None,
    }
}

/// Which gate opens the way to a switch or past a point of no return: the last one that it comes after.
fn guards(steps: &mut [Step]) {
    let links = order::links(steps);
    for i in 0..steps.len() {
        let Some((switch, no_return)) = steps.get(i).map(|s| (s.switch, s.point_of_no_return)) else {
            continue;
        };
        if !switch && !no_return {
            continue;
        }
        let before = order::ancestors(&links, i);
        let gate = before.into_iter().filter(|&b| steps.get(b).is_some_and(|s| s.gate().is_some())).max();
        if let Some(StepKind::Gate(gate)) = gate.and_then(|g| steps.get_mut(g)).map(|s| &mut s.kind) {
            gate.guards_switch |= switch;
            gate.guards_no_return |= no_return;
        }
    }
}

/// Whether a step of the checklist carries sequences the way that a link leads.
fn is_carried(plan: &Plan, link: &Link) -> bool {
    plan.steps.iter().any(
        |step| matches!(&step.kind, StepKind::Carry(carry) if carry.from == link.from && carry.to == link.to),
    )
}

/// The name of the link that leads back, where there is one; empty for one without.
fn way_back(plan: &Plan, link: &Link) -> Option<String> {
    plan.probes.iter().find_map(|probe| match &probe.kind {
        ProbeKind::Link(back) if back.reverse && back.from == link.to && back.to == link.from => {
            Some(back.name.clone().unwrap_or_default())
        }
        _ => None,
    })
}

/// Until when traps of a link are looked for: writes are stopped at its source, or users are moved.
fn freeze(plan: &Plan, link: &Link) -> Option<StepId> {
    let fences = |step: &&Step| matches!(&step.kind, StepKind::Fence(f) if f.target.endpoint == link.from);
    plan.steps.iter().find(fences).or_else(|| plan.switch_step()).map(|step| step.id.clone())
}

/// Since which step a fence has to stand, and until which.
fn fence_span(plan: &Plan, endpoint: &EndpointId) -> (Option<StepId>, Option<StepId>) {
    let fences = |s: &&Step| matches!(&s.kind, StepKind::Fence(f) if f.target.endpoint == *endpoint);
    let opens = |s: &&Step| matches!(&s.kind, StepKind::Open { endpoint: e } if e == endpoint);
    let id = |s: &Step| s.id.clone();
    let forward = plan.steps.iter().position(|s| fences(&s));
    let back = plan.rollback_steps();
    if let Some(at) = forward {
        let opened = plan.steps.iter().skip(at).find(opens).or_else(|| back.iter().find(opens));
        return (plan.steps.get(at).map(id), opened.map(id));
    }
    let at = back.iter().position(|s| fences(&s));
    (at.and_then(|at| back.get(at)).map(id), back.iter().skip(at.unwrap_or(0)).find(opens).map(id))
}

/// Since and until when things count, where the plan leaves it unsaid.
fn spans(plan: &mut Plan) {
    let freeze = |enforce: bool, control: Option<&ProbeId>| {
        let found = plan.steps.iter().find(|s| match &s.kind {
            StepKind::Freeze(f) => f.enforce == enforce && control.is_none_or(|c| f.controls.contains(c)),
            StepKind::Manual { .. }
            | StepKind::Command(_)
            | StepKind::Sql { .. }
            | StepKind::Wait(_)
            | StepKind::Check(_)
            | StepKind::Gate(_)
            | StepKind::Fence(_)
            | StepKind::Open { .. }
            | StepKind::Carry(_)
            | StepKind::Notify(_) => false,
        });
        found.map(|s| s.id.clone())
    };
    let switch = plan.switch_step().map(|s| s.id.clone());
    let opens = |endpoint: &EndpointId| {
        let found =
            plan.steps.iter().find(|s| matches!(&s.kind, StepKind::Open { endpoint: e } if e == endpoint));
        found.map(|s| s.id.clone())
    };
    let usual: Vec<(Option<StepId>, Option<StepId>)> = plan
        .probes
        .iter()
        .map(|probe| match &probe.kind {
            ProbeKind::Control(_) => (freeze(true, Some(&probe.id)), freeze(false, Some(&probe.id))),
            ProbeKind::Schema { .. }
            | ProbeKind::Tree { .. }
            | ProbeKind::Git { .. }
            | ProbeKind::Unchanged(_)
            | ProbeKind::Version(_)
            | ProbeKind::Rows(_)
            | ProbeKind::Terraform(_) => (freeze(true, None), freeze(false, None)),
            ProbeKind::Writes { endpoint } => (None, opens(endpoint).or_else(|| switch.clone())),
            ProbeKind::Link(link) if link.reverse => (switch.clone(), None),
            ProbeKind::Link(_) => (None, switch.clone()),
            ProbeKind::Command(_)
            | ProbeKind::Http(_)
            | ProbeKind::Tcp { .. }
            | ProbeKind::Tls(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Sql { .. }
            | ProbeKind::Files(_)
            | ProbeKind::Fence(_)
            | ProbeKind::Identity { .. }
            | ProbeKind::Marker { .. }
            | ProbeKind::Tables(_)
            | ProbeKind::Trees(_)
            // Its span is given where it is made.
            | ProbeKind::Ready(_) => (None, None),
        })
        .collect();
    for (probe, (since, until)) in plan.probes.iter_mut().zip(usual) {
        probe.since = probe.since.take().or(since);
        probe.until = probe.until.take().or(until);
    }
}
