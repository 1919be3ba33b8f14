//! Who answers for what, and whether they can be reached.

use super::super::diagnostic::Diagnostic;
use super::Lint;
use crate::plan::model::{Person, StepKind};

impl Lint<'_> {
    pub(super) fn people(&mut self) {
        self.unreachable_owners();
        self.nobody_may_return();
        self.unanswered();
    }

    fn unreachable_owners(&mut self) {
        let plan = self.plan;
        let owns = |person: &Person, owner: &str| person.id.as_str() == owner || person.role == owner;
        for person in plan.people.iter().filter(|p| p.contact.is_none()) {
            let steps = plan.steps.iter().chain(plan.rollback_steps());
            let Some(step) = steps.into_iter().find(|s| s.owner.as_deref().is_some_and(|o| owns(person, o)))
            else {
                continue;
            };
            self.found(
                Diagnostic::warning(
                    "no-contact",
                    self.atlas.person(&person.id, ""),
                    format!("`{}` answers for `{}` and cannot be reached", person.id, step.id),
                )
                .label("no `contact`")
                .related(self.atlas.step(&step.id, "owner"), "owns this step")
                .help("add contact = \"+34 600 000 000\""),
            );
        }
    }

    fn nobody_may_return(&mut self) {
        if self.plan.rollback.is_none() || self.plan.people.iter().any(|p| p.rollback) {
            return;
        }
        self.found(
            Diagnostic::warning(
                "nobody-may-return",
                self.atlas.section("people"),
                "nobody may order the way back alone",
            )
            .label("who decides at 02:14?")
            .help(if self.plan.people.is_empty() {
                "add [people.NAME] with `role`, `contact` and rollback = true for the person who may"
            } else {
                "add rollback = true to the person who may"
            }),
        );
    }

    fn unanswered(&mut self) {
        for step in &self.plan.steps {
            if step.owner.is_none() && matches!(step.kind, StepKind::Manual { .. }) {
                self.found(
                    Diagnostic::note(
                        "no-owner",
                        self.atlas.step(&step.id, "manual"),
                        format!("nobody in particular answers `{}`", step.id),
                    )
                    .label("whose question is it?")
                    .help("add owner = \"a role or a person\""),
                );
            }
        }
    }
}
