//! The lint that knows the trade: plans that can be run and that somebody will regret.
//!
//! One file a theme, one function a finding. Errors are for what no waiver mends (nobody is asked before users
//! move, two sides take writes); the rest are warnings and notes. Refuses to know how a plan is written: it
//! reads the [`Plan`], and the atlas for places.

mod engines;
mod evidence;
mod identity;
mod keys;
mod people;
mod secrets;
mod switch;
mod times;

use std::collections::HashSet;
use std::path::Path;

use super::build::{Atlas, order};
use super::diagnostic::{Diagnostic, Findings};
use super::doubt::Doubt;
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
    /// What errors leave in doubt.
    doubt: &'a Doubt<'a>,
    /// A rule about the whole plan had to wait, because what it would miss may be what is in doubt.
    waits: bool,
    findings: &'a mut Findings,
}

/// Looks at a plan as far as it could be put together. Gives what is to be said where a rule about the whole plan
/// had to wait.
pub(super) fn check(
    plan: &Plan,
    atlas: &Atlas<'_>,
    environment: &Environment,
    folder: &Path,
    doubt: &Doubt<'_>,
    findings: &mut Findings,
) -> Option<Diagnostic> {
    let links = order::links(&plan.steps);
    let mut lint = Lint { plan, atlas, environment, folder, links, doubt, waits: false, findings };
    lint.switch();
    lint.evidence();
    lint.engines();
    lint.keys();
    lint.identity();
    lint.times();
    lint.people();
    lint.secrets();
    if lint.waits { doubt.note() } else { None }
}

impl Lint<'_> {
    fn found(&mut self, diagnostic: Diagnostic) {
        self.findings.push(diagnostic);
    }

    /// Steps of the checklist that have finished before this one can begin.
    fn before(&self, position: usize) -> HashSet<usize> {
        order::ancestors(&self.links, position)
    }

    /// Whether nobody knows what stands behind one of these keys of a step.
    fn blurs(&self, step: &Step, keys: &[&str]) -> bool {
        self.doubt.blurs(self.atlas.step(&step.id, ""), keys)
    }

    /// Whether among these steps the one that seems to be missing may be: one of which nobody knows what it does
    /// (behind one of these keys), or what it comes after.
    fn may_be_among<'s>(&self, steps: impl IntoIterator<Item = &'s Step>, keys: &[&str]) -> bool {
        steps.into_iter().any(|step| self.blurs(step, &["after"]) || self.blurs(step, keys))
    }

    /// The steps of the checklist at these positions.
    fn steps_at<'s>(&'s self, positions: &'s HashSet<usize>) -> impl Iterator<Item = &'s Step> {
        positions.iter().filter_map(|&at| self.plan.steps.get(at))
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

/// An endpoint that leads nowhere has no name here.
fn is_named(endpoint: &EndpointId) -> bool {
    !endpoint.as_str().is_empty()
}

/// The side that a step fences.
fn fenced(step: &Step) -> Option<&EndpointId> {
    let StepKind::Fence(fence) = &step.kind else { return None };
    Some(&fence.target.endpoint).filter(|endpoint| is_named(endpoint))
}

/// The side that a step opens.
fn opened(step: &Step) -> Option<&EndpointId> {
    let StepKind::Open { endpoint } = &step.kind else { return None };
    Some(endpoint).filter(|endpoint| is_named(endpoint))
}

/// A person or a tool does something that this program does not know the meaning of.
fn acts(step: &Step) -> bool {
    matches!(step.kind, StepKind::Command(_) | StepKind::Sql { .. } | StepKind::Manual { .. })
}
