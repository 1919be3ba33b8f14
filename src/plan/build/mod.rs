//! From a tree of the right shape to the [`Plan`]: references resolved, defaults filled in, what is implied
//! made explicit.
//!
//! Owns the meaning of keys. One file a part of the plan; `order` finds what follows what, `implied` adds what
//! the plan measures without writing it. Refuses to know good practice: that is `lint`.

mod expect;
mod freeze;
mod header;
mod http;
mod implied;
mod known;
mod offers;
pub(super) mod order;
mod probes;
mod steps;
mod view;

use std::collections::HashMap;

pub(super) use view::View;

use self::known::Known;
use super::diagnostic::Findings;
use super::ids::{EndpointId, PersonId, ProbeId, StepId};
use super::model::{Index, Pins, Plan, Probe};
use super::source::Place;
use super::tree::Table;

/// A plan with the tables it was read from, so that a finding about a thing can point at it.
pub(super) struct Built<'t> {
    pub(super) plan: Plan,
    pub(super) atlas: Atlas<'t>,
}

/// Where everything of a plan stands.
#[derive(Debug)]
pub(super) struct Atlas<'t> {
    pub(super) root: View<'t>,
    pub(super) steps: HashMap<StepId, View<'t>>,
    pub(super) probes: HashMap<ProbeId, View<'t>>,
    pub(super) endpoints: HashMap<EndpointId, View<'t>>,
    pub(super) people: HashMap<PersonId, View<'t>>,
}

impl<'t> Atlas<'t> {
    /// A table of the file, or the file's start where it has none.
    pub(super) fn section(&self, key: &str) -> Place {
        self.root.at(key)
    }

    /// A key of a step, its header where it has none.
    pub(super) fn step(&self, id: &StepId, key: &str) -> Place {
        self.steps.get(id).map_or(self.root.at, |v| v.at(key))
    }

    /// A key of something measured, its header where it has none.
    pub(super) fn probe(&self, id: &ProbeId, key: &str) -> Place {
        self.probes.get(id).map_or(self.root.at, |v| v.at(key))
    }

    /// A key of a person, its header where it has none.
    pub(super) fn person(&self, id: &PersonId, key: &str) -> Place {
        self.people.get(id).map_or(self.root.at, |v| v.at(key))
    }

    /// A key of an endpoint, its header where it has none.
    pub(super) fn endpoint(&self, id: &EndpointId, key: &str) -> Place {
        self.endpoints.get(id).map_or(self.root.at, |v| v.at(key))
    }

    fn measured(&mut self, id: &str, view: View<'t>) {
        self.probes.entry(ProbeId::from(id)).or_insert(view);
    }
}

/// What the parts share while a plan is put together.
struct Builder<'t, 'f> {
    known: Known,
    atlas: Atlas<'t>,
    findings: &'f mut Findings,
    /// What steps measure by themselves: proofs, preflights, markers.
    of_steps: Vec<Probe>,
}

/// Puts a plan together. With errors among the findings it is of no use except for finding more of them: what is
/// broken is left out of it, or stands there with a default.
pub(super) fn build<'t>(root: &'t Table, start: Place, findings: &mut Findings) -> Built<'t> {
    let root = View { table: root, at: start };
    let known = Known::of(root, findings);
    let atlas = Atlas {
        root,
        steps: HashMap::new(),
        probes: HashMap::new(),
        endpoints: HashMap::new(),
        people: HashMap::new(),
    };
    let mut builder = Builder { known, atlas, findings, of_steps: Vec::new() };
    let header = builder.header();
    let people = builder.people();
    let endpoints = builder.endpoints();
    let probes = builder.probes();
    let controls = builder.controls();
    let (phases, steps) = builder.phases();
    let rollback = builder.rollback();
    let alarm_notify = builder.alarms();
    let plan = Plan {
        name: header.name,
        strategy: header.strategy,
        source: header.source,
        target: header.target,
        window: header.window,
        outage_budget: header.outage_budget,
        impact: header.impact,
        contacts: header.contacts,
        fallback: header.fallback,
        offset: header.offset,
        people,
        endpoints,
        probes,
        controls,
        phases,
        steps,
        rollback,
        alarm_notify,
        pins: Pins::default(),
        index: Index::default(),
    };
    let plan = builder.implied(plan.indexed());
    Built { plan, atlas: builder.atlas }
}
