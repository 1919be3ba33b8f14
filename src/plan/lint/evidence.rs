//! What decisions rest on: gates, links, monitors, controls, fences, DNS.

use std::collections::HashMap;

use super::super::diagnostic::Diagnostic;
use super::{Lint, fenced};
use crate::plan::ids::{ProbeId, StepId};
use crate::plan::model::{LinkKind, Probe, ProbeKind, Schedule, Step, StepKind, Strategy, Undo, WaitFor};

impl Lint<'_> {
    pub(super) fn evidence(&mut self) {
        self.empty_gates();
        self.replication();
        self.freeze();
        self.fences();
        self.ttl();
        self.never_asked();
        self.unwatched();
        self.open_target();
    }

    fn empty_gates(&mut self) {
        let mut checked: HashMap<&ProbeId, usize> = HashMap::new();
        for (i, step) in self.plan.steps.iter().enumerate() {
            if let StepKind::Check(ids) = &step.kind {
                for id in ids {
                    checked.entry(id).or_insert(i);
                }
            }
        }
        for (i, step) in self.plan.steps.iter().enumerate() {
            let Some(gate) = step.gate() else { continue };
            let left_out = |p: &Probe| gate.leave_out.iter().any(|(id, _)| *id == p.id);
            if !self.plan.probes.iter().any(|p| !left_out(p) && self.counts(p, i, &checked)) {
                self.found(
                    Diagnostic::warning("no-evidence", self.atlas.step(&step.id, "gate"), format!("the gate `{}` rests on nothing that is measured", step.id))
                        .label("no evidence")
                        .help("measure what the decision depends on: a [[probe]], or a [[validation]] that a step before it checks"),
                );
            }
        }
    }

    /// Whether a probe can say something at a gate, as far as the plan tells.
    fn counts(&self, probe: &Probe, gate: usize, checked: &HashMap<&ProbeId, usize>) -> bool {
        let past = |id: &StepId| self.plan.position(id).is_some_and(|p| p < gate);
        if probe.since.as_ref().is_some_and(|s| !past(s)) || probe.until.as_ref().is_some_and(past) {
            return false;
        }
        probe.schedule != Schedule::OnDemand || checked.get(&probe.id).is_some_and(|&i| i < gate)
    }

    fn replication(&mut self) {
        let plan = self.plan;
        for probe in &plan.probes {
            let ProbeKind::Link(link) = &probe.kind else { continue };
            let waited = plan.steps.iter().chain(plan.rollback_steps()).find(
                |s| matches!(&s.kind, StepKind::Wait(WaitFor::CaughtUp(ids)) if ids.contains(&probe.id)),
            );
            if let (Some(step), true) = (waited, link.zero_for.is_zero()) {
                self.found(
                    Diagnostic::warning(
                        "no-zero-window",
                        self.atlas.probe(&probe.id, "zero_for"),
                        format!("`{}` is caught up at the first zero that is seen", probe.id),
                    )
                    .label("no `zero_for`")
                    .related(self.atlas.step(&step.id, "wait"), "waited for here")
                    .help("add zero_for = \"30s\": one zero between two batches proves nothing"),
                );
            }
        }
        let forward = |p: &&Probe| matches!(&p.kind, ProbeKind::Link(l) if !l.reverse);
        let Some(switch) = plan.switch_step() else { return };
        let links: Vec<&Probe> = plan.probes.iter().filter(forward).collect();
        if links.is_empty() && plan.strategy == Strategy::NearZeroDowntime {
            self.found(
                Diagnostic::warning(
                    "no-replication",
                    self.atlas.section("plan"),
                    "near-zero downtime, and no replication is measured",
                )
                .label("nothing carries the changes")
                .help("add [[replication]], or say strategy = \"planned-downtime\""),
            );
        }
        let before = self.switch_position().map(|p| self.before(p)).unwrap_or_default();
        for link in links {
            let waited = before
                .iter()
                .filter_map(|&b| plan.steps.get(b))
                .any(|s| matches!(&s.kind, StepKind::Wait(WaitFor::CaughtUp(ids)) if ids.contains(&link.id)));
            if !waited {
                self.found(
                    Diagnostic::warning(
                        "not-waited-for",
                        self.atlas.probe(&link.id, "id"),
                        format!("users are moved without waiting for `{}`", link.id),
                    )
                    .label("nobody waits for it")
                    .related(self.atlas.step(&switch.id, "id"), "the switch")
                    .help(format!(
                        "add a step wait = {{ replication = \"{}\" }} between the fence and the switch",
                        link.id
                    )),
                );
            }
        }
    }

    fn freeze(&mut self) {
        let monitors = self.plan.probes.iter().any(|p| p.kind.holds_still());
        if !monitors && self.atlas.root.has("freeze") {
            self.found(
                Diagnostic::warning(
                    "no-monitor",
                    self.atlas.section("freeze"),
                    "nothing notices a change in spite of the freeze",
                )
                .label("no monitor")
                .help("add [[freeze.monitor]] with `schema`, `sql`, `writes`, `files`, `git`, `http`, `terraform` or `command`"),
            );
        }
        for control in &self.plan.controls {
            let does = |steps: &[Step], enforce: bool| {
                steps.iter().any(|s| {
                    matches!(&s.kind, StepKind::Freeze(f) if f.enforce == enforce && f.controls.contains(&control.id))
                })
            };
            let at = self.atlas.probe(&control.id, "id");
            if !does(&self.plan.steps, true) {
                self.found(
                    Diagnostic::warning("never-enforced", at, format!("no step enforces `{}`", control.id))
                        .label("a control that nobody sets")
                        .help(format!("add a step freeze = {{ enforce = \"{}\" }}", control.id)),
                );
                continue;
            }
            // The way back ends by lifting what was enforced before the switch.
            let lifted =
                |s: &Step| matches!(&s.undo, Some(Undo::Lift { controls }) if controls.contains(&control.id));
            let by_itself = self.plan.steps.iter().any(lifted);
            let back = if by_itself { &[] } else { self.plan.rollback_steps() };
            for (steps, whole) in [(self.plan.steps.as_slice(), "the checklist"), (back, "the way back")] {
                if !steps.is_empty() && !does(steps, false) {
                    self.found(
                        Diagnostic::warning(
                            "never-lifted",
                            at,
                            format!("{whole} ends with `{}` still enforced", control.id),
                        )
                        .label("outlives the run")
                        .help(format!("end it with a step freeze = {{ lift = \"{}\" }}", control.id)),
                    );
                }
            }
        }
    }

    fn fences(&mut self) {
        for probe in &self.plan.probes {
            if let ProbeKind::Fence(target) = &probe.kind
                && target.probe_write.is_none()
            {
                self.found(
                    Diagnostic::warning("unproved-fence", self.atlas.probe(&probe.id, "fence"), format!("the fence of `{}` is not proved by a write that is refused", target.endpoint))
                        .label("no `probe_write`")
                        .help("add probe_write = { sql = \"insert …\" }: it is rolled back, must succeed before and fail after"),
                );
            }
        }
    }

    fn ttl(&mut self) {
        let dns: Vec<(&Probe, bool)> = self
            .plan
            .probes
            .iter()
            .filter_map(|p| {
                if let ProbeKind::Dns(d) = &p.kind { Some((p, d.ttl_at_most.is_some())) } else { None }
            })
            .collect();
        let Some((first, _)) = dns.first() else { return };
        if self.plan.switch_step().is_some() && dns.iter().all(|(_, ttl)| !ttl) {
            self.found(
                Diagnostic::warning(
                    "ttl-not-lowered",
                    self.atlas.probe(&first.id, "dns"),
                    "no probe sees that the TTL has been lowered",
                )
                .label("no `ttl_at_most`")
                .help("lower the TTL a day ahead, and add ttl_at_most = \"1m\" to the record's probe"),
            );
        }
    }

    fn never_asked(&mut self) {
        let plan = self.plan;
        let steps = || plan.steps.iter().chain(plan.rollback_steps());
        // A step of which nobody knows what it does may ask for anything.
        let unknown = steps().any(|step| self.blurs(step, &[]));
        let ids: Vec<&str> = plan.probes.iter().map(|p| p.id.as_str()).collect();
        for probe in plan.probes.iter().filter(|p| p.schedule == Schedule::OnDemand) {
            let asked = steps().any(|s| s.proofs().any(|p| *p == probe.id));
            if asked {
                continue;
            }
            if unknown || self.doubt.may_ask_for(probe.id.as_str(), &ids) {
                self.waits = true;
            } else {
                self.found(
                    Diagnostic::warning(
                        "never-asked",
                        self.atlas.probe(&probe.id, "id"),
                        format!("nothing ever asks for `{}`", probe.id),
                    )
                    .label("measured only when asked")
                    .help(format!("add a step check = \"{}\", or give it `every`", probe.id)),
                );
            }
        }
    }

    fn unwatched(&mut self) {
        let plan = self.plan;
        let on_demand = |id: &&ProbeId| plan.probe(id).is_some_and(|p| p.schedule == Schedule::OnDemand);
        for step in plan.steps.iter().chain(plan.rollback_steps()) {
            let StepKind::Wait(WaitFor::Good { probes, lasting }) = &step.kind else { continue };
            for probe in probes.iter().filter(on_demand).filter(|_| !lasting.is_zero()) {
                if self.doubt.is_broken(self.atlas.probe(probe, "id")) {
                    continue;
                }
                self.found(
                    Diagnostic::error(
                        "never-asked",
                        self.atlas.step(&step.id, "wait"),
                        format!("`{}` waits until `{probe}` has been good for a while, and nothing looks in between", step.id),
                    )
                    .label("measured only when asked")
                    .related(self.atlas.probe(probe, "id"), "has no `every`")
                    .help(format!("give `{probe}` an `every`, or take `for` out")),
                );
            }
        }
    }

    /// What was compared once stays good until somebody is seen to write: where nobody looks, nobody is seen.
    fn open_target(&mut self) {
        let plan = self.plan;
        let Some(switch) = plan.switch_step().and_then(|switch| plan.position(&switch.id)) else { return };
        let before = || plan.steps.iter().take(switch);
        for probe in plan.probes.iter().filter(|probe| probe.schedule == Schedule::OnDemand) {
            let ProbeKind::Tables(tables) = &probe.kind else { continue };
            let asked = before().any(|s| matches!(&s.kind, StepKind::Check(ids) if ids.contains(&probe.id)));
            let watched = plan
                .probes
                .iter()
                .any(|p| matches!(&p.kind, ProbeKind::Writes { endpoint } if *endpoint == tables.to));
            // A standby takes no writes at all.
            let standby = plan.probes.iter().any(|p| {
                matches!(&p.kind, ProbeKind::Link(link) if link.kind == LinkKind::PostgresStreaming && link.to == tables.to)
            });
            let shut = standby || before().any(|s| fenced(s) == Some(&tables.to));
            if !asked || watched || shut {
                continue;
            }
            let to = &tables.to;
            self.found(
                Diagnostic::warning(
                    "open-target",
                    self.atlas.probe(&probe.id, "tables"),
                    format!("whoever writes to `{to}` after `{}` has compared it is seen by nobody", probe.id),
                )
                .label("good until somebody is seen to write")
                .help(format!(
                    "add [[freeze.monitor]] with `id`, writes = {{ on = \"{to}\" }} and `since` the step that fills `{to}`"
                )),
            );
        }
    }
}
