//! Times that cannot work out: the outage budget, the window, steps without an end.

use std::time::Duration;

use super::super::build::order;
use super::super::diagnostic::Diagnostic;
use super::super::units::write_duration;
use super::{Lint, fenced, opened};
use crate::plan::ids::StepId;
use crate::plan::model::{Step, StepKind, Window};

impl Lint<'_> {
    pub(super) fn times(&mut self) {
        self.outage();
        self.window();
        self.endless();
        self.unestimated();
        self.t0();
    }

    fn outage(&mut self) {
        let plan = self.plan;
        let Some(from) = plan.steps.iter().position(|s| fenced(s).is_some()) else { return };
        let Some(fence) = plan.steps.get(from) else { return };
        let Some(budget) = plan.outage_budget else {
            self.found(
                Diagnostic::warning(
                    "no-outage-budget",
                    self.atlas.section("plan"),
                    "writes are stopped, and nobody has said for how long that may be",
                )
                .label("no `outage_budget`")
                .related(self.atlas.step(&fence.id, "id"), "writes stop here")
                .help("add outage_budget = \"10m\" to [plan]"),
            );
            return;
        };
        let source = fenced(fence);
        let Some(to) = plan.steps.iter().position(|s| opened(s).is_some_and(|e| Some(e) != source)) else {
            return;
        };
        let Some(takes) = self.between(from, to) else { return };
        if takes > budget {
            self.found(
                Diagnostic::warning("over-budget", self.atlas.root.view("plan").map_or(self.atlas.root.at, |p| p.at("outage_budget")), format!("by the estimates users are without writes for {}", write_duration(takes)))
                    .label("the budget is less")
                    .related(self.atlas.step(&fence.id, "id"), "writes stop here")
                    .related(plan.steps.get(to).map_or(self.atlas.root.at, |s| self.atlas.step(&s.id, "id")), "and are taken again here")
                    .help("move steps before the fence, run them side by side with `after`, or agree on a larger budget; time at gates comes on top"),
            );
        }
    }

    /// The longest way from the beginning of one step to the end of another, by estimates.
    fn between(&self, from: usize, to: usize) -> Option<Duration> {
        let mut ends: Vec<Option<Duration>> = vec![None; self.plan.steps.len()];
        for i in order::sorted(&self.links) {
            let estimate = self.plan.steps.get(i).and_then(|s| s.estimate).unwrap_or_default();
            let begins = if i == from {
                Some(Duration::ZERO)
            } else {
                self.links.get(i).into_iter().flatten().filter_map(|&b| ends.get(b).copied().flatten()).max()
            };
            if let (Some(begins), Some(end)) = (begins, ends.get_mut(i)) {
                *end = Some(begins.saturating_add(estimate));
            }
        }
        ends.get(to).copied().flatten()
    }

    fn window(&mut self) {
        let open = match self.plan.window {
            Window::Fixed { opens, closes } => closes.since(opens),
            Window::FromStart { length } => length,
        };
        let header = self.atlas.root.view("plan");
        let at = |key: &str| header.map_or(self.atlas.root.at, |h| h.at(key));
        let takes = order::longest(&self.plan.steps);
        if takes > open {
            let diagnostic = Diagnostic::warning(
                "window-too-short",
                at("window"),
                format!("by the estimates the checklist takes {}", write_duration(takes)),
            )
            .label(format!("the window is open for {}", write_duration(open)))
            .help("widen the window, or run steps side by side with `after`");
            self.found(diagnostic);
        }
        if let Some(budget) = self.plan.outage_budget.filter(|&b| b > open) {
            let diagnostic = Diagnostic::warning(
                "over-budget",
                at("outage_budget"),
                format!("users may be without writes for {}, longer than the window", write_duration(budget)),
            )
            .label("more than the window")
            .related(at("window"), format!("open for {}", write_duration(open)))
            .help("the budget is what users feel: make it part of the window");
            self.found(diagnostic);
        }
    }

    fn endless(&mut self) {
        let plan = self.plan;
        for step in plan.steps.iter().chain(plan.rollback_steps()) {
            let (key, what) = match &step.kind {
                StepKind::Command(_) => ("command", "a command that hangs"),
                StepKind::Sql { .. } => ("sql", "a statement that waits for a lock"),
                StepKind::Wait(_) => ("wait", "a wait that never ends"),
                StepKind::Notify(_) => ("notify", "a message that nobody takes"),
                StepKind::Manual { .. }
                | StepKind::Check(_)
                | StepKind::Gate(_)
                | StepKind::Fence(_)
                | StepKind::Open { .. }
                | StepKind::Carry(_)
                | StepKind::Freeze(_) => continue,
            };
            if step.timeout.is_none() {
                self.found(
                    Diagnostic::warning(
                        "no-timeout",
                        self.atlas.step(&step.id, key),
                        format!("`{}` has no timeout", step.id),
                    )
                    .label(format!("{what} holds everything after it"))
                    .help("add timeout = \"10m\": well above the estimate, well below the window"),
                );
            }
        }
    }

    fn unestimated(&mut self) {
        let asks = |s: &&Step| s.estimate.is_none() && s.gate().is_none();
        let without: Vec<&StepId> = self.plan.steps.iter().filter(asks).map(|s| &s.id).collect();
        let Some(first) = without.first() else { return };
        let names: Vec<&str> = without.iter().take(5).map(|id| id.as_str()).collect();
        let more = without.len().saturating_sub(names.len());
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let diagnostic = Diagnostic::note(
            "no-estimate",
            self.atlas.step(first, "id"),
            format!("no estimate: {}{rest}", names.join(", ")),
        )
        .label("counts as no time")
        .help("add estimate = \"1m\": the forecast and the last safe rollback are counted from them");
        self.found(diagnostic);
    }

    fn t0(&mut self) {
        if !self.plan.phases.iter().any(|p| p.t0) {
            let diagnostic = Diagnostic::note(
                "no-t0",
                self.atlas.section("phase"),
                "no phase is marked `t0`: there is no countdown",
            )
            .label("phases begin here")
            .help("add t0 = true to the phase in which writes stop");
            self.found(diagnostic);
        }
    }
}
