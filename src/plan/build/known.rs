//! Every name that a plan gives, and the looking up of every name that it uses.
//!
//! Owns duplicate names and names that lead nowhere. What the plan does not write but what is measured all
//! the same (`fence:ENDPOINT`, `ready:LINK:TRAP`, `STEP.proof`) has its name here too, so that a gate can leave it out by name.

use std::collections::HashMap;

use super::super::diagnostic::{Diagnostic, Findings};
use super::super::grammar::Named;
use super::super::names;
use super::super::source::Place;
use super::offers::{Asked, Choice, offer};
use super::view::View;
use crate::plan::model::{LinkKind, Trap};

/// With more findings than this nobody reads suggestions, and looking for them costs seconds.
const CROWDED: usize = 100;

/// Names by what they name.
#[derive(Debug, Default)]
pub(super) struct Known {
    steps: Given,
    rollback: Given,
    phases: Given,
    probes: Given,
    links: Given,
    controls: Given,
    endpoints: Given,
    people: Given,
    owners: Given,
}

/// Names in the order of the plan, each where it was given first.
#[derive(Debug, Default)]
struct Given {
    order: Vec<String>,
    at: HashMap<String, Place>,
}

impl Given {
    /// Gives a name; where it was given before, if it was.
    fn give(&mut self, name: &str, at: Place) -> Option<Place> {
        if let Some(&before) = self.at.get(name) {
            return Some(before);
        }
        self.order.push(name.to_owned());
        self.at.insert(name.to_owned(), at);
        None
    }
}

/// The id of the proof that a step writes itself.
pub(super) fn proof_id(step: &str) -> String {
    format!("{step}.proof")
}

/// The id of the preflight that a step writes itself.
pub(super) fn preflight_id(step: &str) -> String {
    format!("{step}.preflight")
}

/// The id of the marker that a step waits for.
pub(super) fn marker_id(step: &str) -> String {
    format!("{step}.marker")
}

/// The id of the probe that watches an endpoint's fence.
pub(super) fn fence_id(endpoint: &str) -> String {
    format!("fence:{endpoint}")
}

/// The id of the probe that proves an endpoint's identity.
pub(super) fn identity_id(endpoint: &str) -> String {
    format!("identity:{endpoint}")
}

/// The id of the probe that looks for a trap at the ends of a link.
pub(super) fn ready_id(link: &str, trap: Trap) -> String {
    format!("ready:{link}:{}", trap.key())
}

impl Known {
    /// Reads every name of a plan.
    pub(super) fn of(root: View<'_>, findings: &mut Findings) -> Known {
        let mut known = Known::default();
        for (name, at, endpoint) in root.named("endpoints") {
            known.endpoints.give(name, at);
            if endpoint.has("identity") {
                known.probes.give(&identity_id(name), at);
            }
        }
        for (name, at, person) in root.named("people") {
            known.people.give(name, at);
            known.owners.give(name, at);
            if let Some(role) = person.text("role") {
                known.owners.give(&role, at);
            }
        }
        let freeze = root.view("freeze");
        let in_freeze = |key: &str| freeze.map_or_else(Vec::new, |f| f.views(key));
        let measured = [
            root.views("probe"),
            root.views("replication"),
            in_freeze("controls"),
            in_freeze("monitor"),
            root.views("validation"),
        ];
        for (i, views) in measured.into_iter().enumerate() {
            for view in views {
                let Some(id) = view.text("id") else { continue };
                let at = view.at("id");
                match i {
                    1 => {
                        known.links.give(&id, at);
                        known.traps(view, &id, at);
                    }
                    2 => drop(known.controls.give(&id, at)),
                    _ => {}
                }
                twice("something measured", &id, at, known.probes.give(&id, at), findings);
            }
        }
        for phase in root.views("phase") {
            if let Some(id) = phase.text("id") {
                let at = phase.at("id");
                if id == "rollback" {
                    findings.push(
                        Diagnostic::error("duplicate-id", at, "`rollback` is the name of the rollback phase")
                            .label("taken")
                            .help("give this phase another id")
                            .unclear(true),
                    );
                }
                twice("a phase", &id, at, known.phases.give(&id, at), findings);
            }
            for step in phase.views("step") {
                known.step(step, false, findings);
            }
        }
        for step in root.view("rollback").map_or_else(Vec::new, |r| r.views("step")) {
            known.step(step, true, findings);
        }
        known
    }

    /// What a link that leads there is looked at for.
    fn traps(&mut self, link: View<'_>, id: &str, at: Place) {
        let kind = LinkKind::ALL.into_iter().find(|kind| link.has(kind.key()));
        for trap in kind.filter(|_| !link.flag("reverse")).map_or(&[][..], LinkKind::traps) {
            self.probes.give(&ready_id(id, *trap), at);
        }
    }

    fn step(&mut self, step: View<'_>, rollback: bool, findings: &mut Findings) {
        let Some(id) = step.text("id") else { return };
        let at = step.at("id");
        let (own, other) =
            if rollback { (&mut self.rollback, &self.steps) } else { (&mut self.steps, &self.rollback) };
        let before = other.at.get(&id).copied().or_else(|| own.give(&id, at));
        twice("a step", &id, at, before, findings);
        if let Some(endpoint) =
            step.view("fence").filter(|f| !f.flag("open")).and_then(|f| f.text("endpoint"))
        {
            self.probes.give(&fence_id(&endpoint), at);
        }
        let own_proof = step.view("proof").is_some_and(|p| !p.has("probe"));
        let own_preflight = step.has("preflight") && step.view("preflight").is_none_or(|p| !p.has("probe"));
        let own_marker = step.view("wait").is_some_and(|w| w.has("marker"));
        for (there, name) in
            [(own_proof, proof_id(&id)), (own_preflight, preflight_id(&id)), (own_marker, marker_id(&id))]
        {
            if there {
                twice("something measured", &name, at, self.probes.give(&name, at), findings);
            }
        }
    }

    fn given(&self, named: Named) -> &Given {
        match named {
            Named::Step => &self.steps,
            Named::StepBack => &self.rollback,
            Named::Probe => &self.probes,
            Named::Link => &self.links,
            Named::Control => &self.controls,
            Named::Endpoint => &self.endpoints,
            Named::Person => &self.people,
            Named::Owner => &self.owners,
        }
    }

    /// Whether a step of the rollback phase has this id.
    pub(super) fn is_rollback(&self, step: &str) -> bool {
        self.rollback.at.contains_key(step)
    }

    /// The name behind a key, if it leads somewhere; reported if not.
    pub(super) fn one(
        &self,
        view: View<'_>,
        key: &str,
        named: Named,
        findings: &mut Findings,
    ) -> Option<String> {
        let name = view.get(key)?.text()?;
        if self.leads(name, named) {
            return Some(name.to_owned());
        }
        self.nowhere(name, (view, key, view.at(key)), named, &mut Vec::new(), findings);
        None
    }

    /// The names behind a key that lead somewhere; the others are reported.
    pub(super) fn many(
        &self,
        view: View<'_>,
        key: &str,
        named: Named,
        findings: &mut Findings,
    ) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let mut nowhere = Vec::new();
        for (name, at) in view.texts(key) {
            if !self.leads(name, named) {
                nowhere.push((name, at));
                continue;
            }
            if out.iter().any(|n| n == name) {
                findings.push(
                    Diagnostic::error("duplicate-id", at, format!("`{name}` stands twice in `{key}`"))
                        .label("again")
                        .help("take one of the two out"),
                );
                continue;
            }
            out.push(name.to_owned());
        }
        // What is offered for one is not offered for the next.
        let mut taken = out.clone();
        for (name, at) in nowhere {
            self.nowhere(name, (view, key, at), named, &mut taken, findings);
        }
        out
    }

    /// A step of the checklist or of the rollback phase.
    pub(super) fn any_step(&self, view: View<'_>, key: &str, findings: &mut Findings) -> Option<String> {
        let name = view.get(key)?.text()?;
        if self.is_rollback(name) {
            Some(name.to_owned())
        } else {
            self.one(view, key, Named::Step, findings)
        }
    }

    /// A person other than this one.
    pub(super) fn other(
        &self,
        than: &str,
        view: View<'_>,
        key: &str,
        findings: &mut Findings,
    ) -> Option<String> {
        let name = view.get(key)?.text()?;
        if self.leads(name, Named::Person) && name != than {
            return Some(name.to_owned());
        }
        let fit = self.people.order.iter().map(String::as_str).filter(|id| *id != than).collect();
        let asked = Asked { name, key, named: Named::Person, alone: true, elsewhere: name == than };
        let help = offer(&asked, &Choice { fit, ..Choice::default() }).0;
        let wrong = if name == than {
            let what = format!("`{name}` cannot stand in for themselves");
            Diagnostic::error("bad-reference", view.at(key), what).label("the same person")
        } else if name.is_empty() {
            return None;
        } else {
            let what = format!("there is no person `{name}`");
            Diagnostic::error("bad-reference", view.at(key), what).label("leads nowhere")
        };
        findings.push(wrong.help(help));
        None
    }

    fn leads(&self, name: &str, named: Named) -> bool {
        !name.is_empty() && self.given(named).at.contains_key(name)
    }

    /// Reports a name that leads nowhere. What it may have meant is taken from then on.
    fn nowhere(
        &self,
        name: &str,
        (view, key, at): (View<'_>, &str, Place),
        named: Named,
        taken: &mut Vec<String>,
        findings: &mut Findings,
    ) {
        if name.is_empty() {
            // That it is empty has been reported.
            return;
        }
        let word = named.word();
        let elsewhere = match named {
            Named::Step => self.rollback.at.get(name).map(|&at| (at, "a step of the rollback phase")),
            Named::StepBack => self.steps.at.get(name).map(|&at| (at, "a step of the checklist")),
            Named::Link | Named::Control => {
                self.probes.at.get(name).map(|&at| (at, "something else that is measured"))
            }
            Named::Probe | Named::Endpoint | Named::Person | Named::Owner => None,
        };
        let help = if findings.is_crowded(CROWDED) {
            format!("name a {word} of this plan")
        } else {
            let alone = view.texts(key).len() < 2;
            let asked = Asked { name, key, named, alone, elsewhere: elsewhere.is_some() };
            let mut choice = self.choice(view, key, named);
            choice.taken = taken.iter().map(String::as_str).collect();
            let (help, meant) = offer(&asked, &choice);
            let meant = meant.map(str::to_owned);
            taken.extend(meant);
            help
        };
        let mut diagnostic = Diagnostic::error("bad-reference", at, format!("there is no {word} `{name}`"))
            .label("leads nowhere")
            .help(help)
            // Who answers for a step changes nothing of what it does.
            .unclear(!matches!(named, Named::Person | Named::Owner));
        if let Some((place, what)) = elsewhere {
            diagnostic = diagnostic.related(place, format!("this is {what}"));
        }
        findings.push(diagnostic);
    }

    /// What can stand behind a key. A step waits for steps before it: with a later one, which follows it unless it
    /// says otherwise, it would wait for itself. What has been proved holds until a later one.
    fn choice(&self, view: View<'_>, key: &str, named: Named) -> Choice<'_> {
        let all = || self.given(named).order.iter().map(String::as_str);
        let own = view.text("id");
        let own = own.as_deref().filter(|_| ["after", "holds_until"].contains(&key));
        let Some(at) = own.and_then(|own| all().position(|id| id == own)) else {
            return Choice { fit: all().collect(), ..Choice::default() };
        };
        let (before, after) = (all().take(at).collect(), all().skip(at + 1).collect());
        if key == "after" {
            Choice { fit: before, unlikely: after, ..Choice::default() }
        } else {
            Choice { fit: after, ..Choice::default() }
        }
    }

    /// The steps of the checklist that come later than this one.
    pub(super) fn later(&self, step: &str) -> Option<String> {
        let later = self.steps.order.iter().map(String::as_str).skip_while(|id| *id != step).skip(1);
        names::listed(later.collect(), 12)
    }

    /// The endpoints beside one.
    pub(super) fn endpoints_beside(&self, endpoint: &str) -> Vec<&str> {
        self.endpoints.order.iter().map(String::as_str).filter(|id| *id != endpoint).collect()
    }
}

fn twice(what: &str, id: &str, at: Place, before: Option<Place>, findings: &mut Findings) {
    if let Some(before) = before {
        findings.push(
            Diagnostic::error("duplicate-id", at, format!("{what} with the id `{id}` is there already"))
                .label("the second")
                .related(before, "the first")
                .help("give one of them another id")
                .unclear(true),
        );
    }
}
