//! The traffic switch, the point of no return, the way back, and that two sides never take writes at once.

use super::super::build::order;
use super::super::diagnostic::Diagnostic;
use super::{Lint, acts, fenced, opened};
use crate::plan::ids::EndpointId;
use crate::plan::model::{ProbeKind, Rollback, Step, StepKind, Strategy, WaitFor};

impl Lint<'_> {
    pub(super) fn switch(&mut self) {
        self.ungated();
        self.unproved_switch();
        self.no_way_back();
        self.no_return_unestimated();
        self.closed_beside_the_switch();
        self.two_writers();
        self.way_back_in_order();
    }

    fn ungated(&mut self) {
        for (i, step) in self.plan.steps.iter().enumerate() {
            let (key, what) = match (step.switch, step.point_of_no_return) {
                (true, _) => ("switch", "users are moved"),
                (false, true) => ("point_of_no_return", "the way back is closed"),
                (false, false) => continue,
            };
            let before = self.before(i);
            if self.steps_at(&before).any(|s| s.gate().is_some()) {
                continue;
            }
            if self.may_be_among(self.steps_at(&before).chain([step]), &["gate"]) {
                self.waits = true;
            } else {
                let diagnostic = Diagnostic::error(
                    "no-gate",
                    self.atlas.step(&step.id, key),
                    format!("{what} with no gate before it"),
                );
                self.found(self.cut_off(i, step, diagnostic.label("nobody is asked")));
            }
        }
    }

    /// What cuts a step off from the gate above it, if there is one, and how it comes after one.
    fn cut_off(&self, at: usize, step: &Step, diagnostic: Diagnostic) -> Diagnostic {
        let above = self.plan.steps.iter().enumerate().take(at);
        let gate = above.rev().find(|(i, s)| s.gate().is_some() && !self.before(*i).contains(&at));
        let help = gate.map_or_else(
            || "put a step with `id`, `title` and gate = {} before it".to_owned(),
            |(_, gate)| write_after(step, gate),
        );
        let diagnostic = diagnostic.help(help);
        match gate.filter(|_| self.says_after(step)) {
            Some((_, gate)) => diagnostic
                .related(self.atlas.step(&step.id, "after"), format!("this cuts it off from `{}`", gate.id)),
            None => diagnostic.related(self.atlas.step(&step.id, "id"), "this step comes after no gate"),
        }
    }

    /// Whether the plan itself says what a step comes after.
    fn says_after(&self, step: &Step) -> bool {
        self.atlas.steps.get(&step.id).is_some_and(|view| view.has("after"))
    }

    fn unproved_switch(&mut self) {
        for step in self.plan.steps.iter().filter(|s| s.switch && s.proof.is_none()) {
            if matches!(step.kind, StepKind::Manual { .. }) {
                continue;
            }
            self.found(
                Diagnostic::warning("unproved-switch", self.atlas.step(&step.id, "id"), format!("nothing proves that `{}` has moved users", step.id))
                    .label("no `proof`")
                    .help("add proof = { http = { get = \"…\", expect = { text = \"…\" } } }: an exit code is not proof"),
            );
        }
    }

    fn no_way_back(&mut self) {
        let Some(switch) = self.plan.switch_step() else { return };
        if self.plan.rollback.is_some() || switch.point_of_no_return {
            return;
        }
        if self.doubt.is_unclear("rollback") || self.blurs(switch, &["point_of_no_return"]) {
            self.waits = true;
            return;
        }
        self.found(
            Diagnostic::error("no-rollback", self.atlas.step(&switch.id, "switch"), "after the switch there is no way back")
                .label("users are moved here")
                .help("add [rollback] with `estimate`, and a [[rollback.step]] with `id`, `title` and what it does for each: fence the target, drain, traffic back, open the source; or mark this step `point_of_no_return = true`"),
        );
    }

    fn no_return_unestimated(&mut self) {
        let Some(step) = self.plan.steps.iter().find(|s| s.point_of_no_return) else { return };
        if self.plan.rollback.is_some() {
            return;
        }
        self.found(
            Diagnostic::warning(
                "no-rollback-estimate",
                self.atlas.step(&step.id, "point_of_no_return"),
                "nobody can say until when a rollback is safe: it has no estimate",
            )
            .label("a point of no return")
            .help("add [rollback] with `estimate` and its steps, even if it only undoes by hand"),
        );
    }

    /// What closes the way back comes before the switch or after it, and not whenever it is done.
    fn closed_beside_the_switch(&mut self) {
        let steps = || self.plan.steps.iter().enumerate();
        let Some((at, switch)) = steps().find(|(_, s)| s.switch) else { return };
        let before = self.before(at);
        let beside: Vec<&Step> = steps()
            .filter(|(i, s)| s.point_of_no_return && *i != at)
            .filter(|(i, _)| !before.contains(i) && !self.before(*i).contains(&at))
            .map(|(_, step)| step)
            .collect();
        for step in beside {
            self.found(
                Diagnostic::warning(
                    "closed-beside-the-switch",
                    self.atlas.step(&step.id, "point_of_no_return"),
                    format!("`{}` may close the way back before users are moved", step.id),
                )
                .label("does not wait for the switch")
                .related(self.atlas.step(&switch.id, "switch"), "users are moved here")
                .help(write_after(step, switch)),
            );
        }
    }

    /// A side is opened only when another one is fenced and stays so.
    fn two_writers(&mut self) {
        if self.atlas.endpoints.len() < 2 {
            return;
        }
        for (i, step) in self.plan.steps.iter().enumerate() {
            let Some(endpoint) = opened(step) else { continue };
            let before = self.before(i);
            let past: Vec<&Step> = before.iter().filter_map(|&b| self.plan.steps.get(b)).collect();
            let is_open = |other: &EndpointId| past.iter().any(|s| opened(s) == Some(other));
            let fenced_other =
                past.iter().filter_map(|s| fenced(s)).any(|other| other != endpoint && !is_open(other));
            if fenced_other {
                continue;
            }
            if self.may_be_among(past.iter().copied().chain([step]), &["fence"]) {
                self.waits = true;
            } else {
                self.found(
                    Diagnostic::error(
                        "two-writers",
                        self.atlas.step(&step.id, "fence"),
                        format!("`{endpoint}` is opened while no other side is fenced"),
                    )
                    .label("two sides would take writes")
                    .help(self.fence_before(i, step, endpoint)),
                );
            }
        }
    }

    /// How a side is opened only after another one has been fenced.
    fn fence_before(&self, at: usize, step: &Step, opened: &EndpointId) -> String {
        let past = self.before(at);
        let mut fences = self.plan.steps.iter().enumerate();
        if let Some((i, fence)) =
            fences.find(|(i, s)| fenced(s).is_some_and(|side| side != opened) && !past.contains(i))
        {
            let how = if self.says_after(step) && !self.before(i).contains(&at) {
                write_after(step, fence)
            } else {
                "move it below that step".to_owned()
            };
            return format!("let it come after `{}`: {how}", fence.id);
        }
        let sides = self.atlas.endpoints.keys().map(EndpointId::as_str);
        let other = sides.filter(|side| *side != opened.as_str()).min().unwrap_or("…");
        format!("put a step with `id`, `title` and {} before it", proved_fence(other))
    }

    fn way_back_in_order(&mut self) {
        let plan = self.plan;
        let (Some(rollback), Some(_)) = (&plan.rollback, plan.switch_step()) else { return };
        // Whatever is fenced or opened by a step that nobody can read may be the one side or the other.
        let unknown = |steps: &[Step]| steps.iter().any(|step| self.blurs(step, &["fence"]));
        let (forward, back) = (unknown(&plan.steps), unknown(&rollback.steps));
        let Some(source) = self.source().cloned() else {
            self.waits |= forward;
            return;
        };
        let first = plan.steps.iter().take_while(|step| fenced(step).is_none());
        if first.into_iter().any(|step| self.doubt.blurs_only(self.atlas.step(&step.id, ""), "fence")) {
            self.waits = true;
            return;
        }
        let target = self.target().cloned();
        let links = order::links(&rollback.steps);
        let Some(open_at) = rollback.steps.iter().position(|s| opened(s) == Some(&source)) else {
            if back {
                self.waits = true;
                return;
            }
            self.found(
                Diagnostic::warning(
                    "rollback-order",
                    self.atlas.section("rollback"),
                    format!("the way back never opens `{source}` again"),
                )
                .label("users stay without writes")
                .help(format!("end it with a step fence = {{ endpoint = \"{source}\", open = true }}")),
            );
            return;
        };
        let before = order::ancestors(&links, open_at);
        let open = rollback.steps.get(open_at);
        let Some(open_place) = open.map(|s| self.atlas.step(&s.id, "fence")) else { return };
        let earlier = |test: &dyn Fn(&Step) -> bool| {
            before.iter().copied().filter(|&b| rollback.steps.get(b).is_some_and(test)).max()
        };
        let target_open = target.as_ref().is_some_and(|t| plan.steps.iter().any(|s| opened(s) == Some(t)));
        let fence_at = target.as_ref().and_then(|t| earlier(&|s| fenced(s) == Some(t)));
        let earlier_steps: Vec<&Step> =
            before.iter().chain([&open_at]).filter_map(|&at| rollback.steps.get(at)).collect();
        if !target_open || target.is_none() {
            self.waits |= forward;
        } else if let (Some(target), None) = (&target, fence_at) {
            if self.may_be_among(earlier_steps.iter().copied(), &["fence"]) {
                self.waits = true;
            } else {
                self.found(
                    Diagnostic::error(
                        "two-writers",
                        open_place,
                        format!("`{source}` is opened while `{target}` still takes writes"),
                    )
                    .label("two sides would take writes")
                    .help(
                        match rollback.steps.iter().find(|s| fenced(s) == Some(target)) {
                            Some(step) => format!("move `{}`, which fences `{target}`, above it", step.id),
                            None => {
                                format!(
                                    "begin the way back with a [[rollback.step]] with `id`, `title` and {}",
                                    proved_fence(target.as_str())
                                )
                            }
                        },
                    ),
                );
            }
        }
        if plan.strategy == Strategy::NearZeroDowntime && !self.drained(rollback, &before, fence_at, &source)
        {
            self.found(
                Diagnostic::warning("rollback-order", open_place, "what the target took meanwhile is lost on the way back")
                    .label("nothing is drained before")
                    .help("after fencing the target wait for the reverse link, or for a marker from the target to the source"),
            );
        }
        self.traffic_back(rollback, &before, fence_at, open_place);
        let open_id = open.map(|s| s.id.to_string()).unwrap_or_default();
        for (i, step) in rollback.steps.iter().enumerate() {
            let changes = matches!(
                step.kind,
                StepKind::Command(_)
                    | StepKind::Sql { .. }
                    | StepKind::Fence(_)
                    | StepKind::Open { .. }
                    | StepKind::Carry(_)
            );
            if !changes || i == open_at || before.contains(&i) {
                continue;
            }
            if self.may_be_among(earlier_steps.iter().copied(), &[]) {
                self.waits = true;
            } else {
                self.found(
                    Diagnostic::error(
                        "source-not-last",
                        self.atlas.step(&step.id, "id"),
                        format!("`{}` comes after the source has been opened", step.id),
                    )
                    .label("users write by then")
                    .related(open_place, format!("`{open_id}` opens the source"))
                    .help("move it before that step: the source opens last"),
                );
            }
        }
    }

    /// Whether something waits until the target's rows have arrived, after the target's fence if there is one.
    fn drained(
        &self,
        rollback: &Rollback,
        before: &std::collections::HashSet<usize>,
        fence_at: Option<usize>,
        source: &EndpointId,
    ) -> bool {
        let links = order::links(&rollback.steps);
        let arrives = |id| match self.plan.probe(id).map(|p| &p.kind) {
            Some(ProbeKind::Link(link)) => link.to == *source,
            Some(ProbeKind::Marker { to, .. }) => to == source,
            Some(_) => true,
            None => false,
        };
        before.iter().any(|&b| {
            let after_fence = fence_at.is_none_or(|f| order::ancestors(&links, b).contains(&f));
            let waits = rollback.steps.get(b).is_some_and(|s| match &s.kind {
                StepKind::Wait(WaitFor::CaughtUp(probes) | WaitFor::Good { probes, .. }) => probes.iter().any(arrives),
                _ => s.proof.as_ref().is_some_and(|p| {
                    matches!(self.plan.probe(p).map(|p| &p.kind), Some(ProbeKind::Marker { to, .. }) if to == source)
                }),
            });
            after_fence && waits
        })
    }

    fn traffic_back(
        &mut self,
        rollback: &Rollback,
        before: &std::collections::HashSet<usize>,
        fence_at: Option<usize>,
        open: super::super::source::Place,
    ) {
        let links = order::links(&rollback.steps);
        let acting: Vec<&Step> = before
            .iter()
            .filter(|&&b| fence_at.is_none_or(|f| order::ancestors(&links, b).contains(&f)))
            .filter_map(|&b| rollback.steps.get(b))
            .filter(|s| acts(s))
            .collect();
        if acting.is_empty() {
            self.found(
                Diagnostic::warning(
                    "rollback-order",
                    open,
                    "nothing sends users back before the source opens",
                )
                .label("users are still on the target")
                .help("put the step that points them back before this one, with a proof"),
            );
        } else if !acting.iter().any(|s| s.proof.is_some() || matches!(s.kind, StepKind::Manual { .. })) {
            let place = acting.last().map_or(open, |s| self.atlas.step(&s.id, "id"));
            self.found(
                Diagnostic::warning("unproved-switch", place, "nothing proves that users are back")
                    .label("no `proof`")
                    .help("add proof = { http = { get = \"…\", expect = { text = \"…\" } } }: an exit code is not proof"),
            );
        }
    }
}

/// The `after` of a step with another one added.
fn write_after(step: &Step, other: &Step) -> String {
    let all: Vec<String> = step.after.iter().chain([&other.id]).map(|id| format!("\"{id}\"")).collect();
    format!("write after = [{}]", all.join(", "))
}

/// A fence that is proved by a write, as a step writes it.
fn proved_fence(side: &str) -> String {
    format!("fence = {{ endpoint = \"{side}\", probe_write = {{ sql = \"insert …\" }} }}")
}
