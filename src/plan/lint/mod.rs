//! The lint that knows the trade: plans that can be run and that somebody will regret.
//!
//! One file a theme, one function a finding. Errors are for what no waiver mends (nobody is asked before users
//! move, two sides take writes); the rest are warnings and notes. Refuses to know how a plan is written: it
//! reads the [`Plan`], and the atlas for places.

mod evidence;
mod identity;
mod people;
mod secrets;
mod switch;
mod times;

use std::collections::HashSet;
use std::path::Path;

use super::build::{Atlas, order};
use super::diagnostic::{Diagnostic, Findings};
use super::ids::EndpointId;
use super::load::Environment;
use super::model::{Plan, ProbeKind, Step, StepKind};

/// Everything that a rule may look at.
struct Lint<'a> {
    plan: &'a Plan,
    atlas: &'a Atlas<'a>,
    environment: &'a Environment,
    folder: &'a Path,
    /// The checklist's positions that each comes directly after.
    links: Vec<Vec<usize>>,
    findings: &'a mut Findings,
}

/// Looks at a plan that has no errors.
pub(super) fn check(
    plan: &Plan,
    atlas: &Atlas<'_>,
    environment: &Environment,
    folder: &Path,
    findings: &mut Findings,
) {
    let links = order::links(&plan.steps);
    let mut lint = Lint { plan, atlas, environment, folder, links, findings };
    lint.switch();
    lint.evidence();
    lint.identity();
    lint.times();
    lint.people();
    lint.secrets();
}

impl Lint<'_> {
    fn found(&mut self, diagnostic: Diagnostic) {
        self.findings.push(diagnostic);
    }

    /// Steps of the checklist that have finished before this one can begin.
    fn before(&self, position: usize) -> HashSet<usize> {
        order::ancestors(&self.links, position)
    }

    /// The side that users write to now: the first that the checklist fences.
    fn source(&self) -> Option<&EndpointId> {
        self.plan.steps.iter().find_map(fenced)
    }

    /// The side that users are sent to: the first other one that the checklist opens, else where links lead.
    fn target(&self) -> Option<&EndpointId> {
        let source = self.source();
        let opens = self.plan.steps.iter().filter_map(opened).find(|e| Some(*e) != source);
        opens.or_else(|| {
            self.plan.probes.iter().find_map(|p| match &p.kind {
                ProbeKind::Link(link) if !link.reverse => Some(&link.to),
                _ => None,
            })
        })
    }

    fn switch_position(&self) -> Option<usize> {
        self.plan.steps.iter().position(|s| s.switch)
    }
}

/// The side that a step fences.
fn fenced(step: &Step) -> Option<&EndpointId> {
    if let StepKind::Fence(fence) = &step.kind { Some(&fence.target.endpoint) } else { None }
}

/// The side that a step opens.
fn opened(step: &Step) -> Option<&EndpointId> {
    if let StepKind::Open { endpoint } = &step.kind { Some(endpoint) } else { None }
}

/// A person or a tool does something that this program does not know the meaning of.
fn acts(step: &Step) -> bool {
    matches!(step.kind, StepKind::Command(_) | StepKind::Sql { .. } | StepKind::Manual { .. })
}
