//! Which recommendations of the guide a plan leaves uncovered.
//!
//! One table: a recommendation in our own words, for which strategy, and what in a plan covers it. A plan may
//! have good reasons to leave one out, so that nothing here is an error: `check` lists what is uncovered.

use std::time::Duration;

use super::model::{Plan, ProbeKind, Schedule, Section, Step, StepKind, Strategy, WaitFor};

/// Something that a careful cutover does.
pub struct Recommendation {
    /// The part of the guide that it is from.
    pub part: &'static str,
    /// What to do, in one line.
    pub words: &'static str,
    /// What covers it in a plan, in one line.
    pub by: &'static str,
    applies: Applies,
    covered: fn(&Plan) -> bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Applies {
    Always,
    NearZero,
    Planned,
}

/// What a plan leaves uncovered, in the order of the guide.
pub fn uncovered(plan: &Plan) -> Vec<&'static Recommendation> {
    GUIDE.iter().filter(|r| r.applies(plan) && !(r.covered)(plan)).collect()
}

/// What there is to cover for a plan of this strategy.
pub fn recommendations(plan: &Plan) -> impl Iterator<Item = &'static Recommendation> {
    GUIDE.iter().filter(|r| r.applies(plan))
}

impl Recommendation {
    fn applies(&self, plan: &Plan) -> bool {
        match self.applies {
            Applies::Always => true,
            Applies::NearZero => plan.strategy == Strategy::NearZeroDowntime,
            Applies::Planned => plan.strategy == Strategy::PlannedDowntime,
        }
    }
}

const PREPARE: &str = "Stakeholders";
const FREEZE: &str = "Change freeze";
const TARGET: &str = "Target environment";
const CUTOVER: &str = "Cutover";
const FALLBACK: &str = "Fallback";
const SUCCESS: &str = "Success";
const AFTER: &str = "Stabilization";

use Applies::{Always, NearZero, Planned};

static GUIDE: &[Recommendation] = &[
    row(
        PREPARE,
        Always,
        "stakeholders know when, what they will notice, and what happens if it goes wrong",
        "`impact`, `fallback` and `bridge` in [plan]",
        |p| p.impact.is_some() && p.fallback.is_some() && p.contacts.bridge.is_some(),
    ),
    row(
        PREPARE,
        Always,
        "everybody who answers for a part can be reached, and somebody stands in",
        "[people] with `contact`, and `backup`",
        |p| {
            !p.people.is_empty()
                && p.people.iter().all(|x| x.contact.is_some())
                && p.people.iter().any(|x| x.backup.is_some())
        },
    ),
    row(PREPARE, Always, "trouble reaches people who are not watching", "[alarms] notify", |p| {
        p.alarm_notify.is_some()
    }),
    row(
        PREPARE,
        Always,
        "every team has said that it is ready and has its access",
        "a `manual` step before the first gate",
        |p| {
            let gate = p.steps.iter().position(|s| s.gate().is_some()).unwrap_or(p.steps.len());
            p.steps.iter().take(gate).any(manual)
        },
    ),
    row(FREEZE, Always, "pipelines refuse to deploy", "a control in [freeze] that a step enforces", |p| {
        p.steps.iter().any(|s| matches!(&s.kind, StepKind::Freeze(f) if f.enforce))
    }),
    row(
        FREEZE,
        Always,
        "everybody knows who may approve an emergency change, and how",
        "a `manual` step that asks about emergencies",
        |p| asks(p, &["emergency", "emergencies"]),
    ),
    row(FREEZE, Always, "a changed file is noticed", "[[freeze.monitor]] with `files`", |p| {
        measures(p, |k| matches!(k, ProbeKind::Tree { .. }))
    }),
    row(FREEZE, Always, "a changed database schema is noticed", "[[freeze.monitor]] with `schema`", |p| {
        measures(p, |k| matches!(k, ProbeKind::Schema { .. }))
    }),
    row(
        FREEZE,
        Always,
        "a deployment is noticed",
        "[[freeze.monitor]] with `http`, `git` or `command`",
        |p| {
            measures(p, |k| {
                matches!(k, ProbeKind::Version(_) | ProbeKind::Git { .. } | ProbeKind::Unchanged(_))
            })
        },
    ),
    row(
        TARGET,
        Always,
        "the target is built from templates and has not drifted from them",
        "[[freeze.monitor]] with `terraform`, or a command that plans with Bicep or the like",
        |p| {
            measures(p, |k| matches!(k, ProbeKind::Terraform(_)))
                || runs(p, &["terraform", "tofu", "bicep", "what-if", "pulumi", "cloudformation"])
                || asks(p, &["template", "infrastructure as code"])
        },
    ),
    row(
        TARGET,
        Always,
        "the target is the system that it should be, with the roles and rights that it needs",
        "`identity` on endpoints",
        |p| !p.endpoints.is_empty() && p.endpoints.iter().all(|e| e.way || e.identity.is_some()),
    ),
    row(
        TARGET,
        Always,
        "every service that the workload needs runs",
        "a [[probe]] with `http` or `command`",
        |p| standing(p, |k| matches!(k, ProbeKind::Http(_) | ProbeKind::Command(_))),
    ),
    row(TARGET, Always, "the network between the parts works", "a [[probe]] with `tcp` or `tls`", |p| {
        standing(p, |k| matches!(k, ProbeKind::Tcp { .. } | ProbeKind::Tls(_)))
    }),
    row(TARGET, Always, "names lead where they should", "a [[probe]] with `dns`", |p| {
        measures(p, |k| matches!(k, ProbeKind::Dns(_)))
    }),
    row(CUTOVER, NearZero, "replication runs and its lag is watched", "[[replication]]", |p| {
        measures(p, |k| matches!(k, ProbeKind::Link(l) if !l.reverse))
    }),
    row(
        CUTOVER,
        NearZero,
        "nothing goes on before replication has caught up after writes stopped",
        "a step with `wait = { replication = … }` after the fence",
        |p| {
            let fence = p.steps.iter().position(fences).unwrap_or(usize::MAX);
            p.steps.iter().skip(fence).any(|s| matches!(&s.kind, StepKind::Wait(WaitFor::CaughtUp(_))))
        },
    ),
    row(
        CUTOVER,
        Always,
        "files are moved too, and compared",
        "a validation or probe with `files`, or a step that asks about them",
        |p| {
            measures(p, |k| matches!(k, ProbeKind::Files(_)))
                || runs(p, &["azcopy", "rclone", "rsync", "gsutil", "datasync"])
                || asks(p, &["file"])
        },
    ),
    row(
        CUTOVER,
        Always,
        "writes are stopped, and it is proved that they are",
        "a step with `fence` and its `probe_write`",
        |p| measures(p, |k| matches!(k, ProbeKind::Fence(f) if f.probe_write.is_some())),
    ),
    row(
        CUTOVER,
        Planned,
        "users are told before they are locked out",
        "a step with `notify` before the fence",
        |p| {
            let fence = p.steps.iter().position(fences).unwrap_or(p.steps.len());
            p.steps.iter().take(fence).any(|s| matches!(s.kind, StepKind::Notify(_)))
        },
    ),
    row(
        CUTOVER,
        Planned,
        "the data is copied after writes have stopped",
        "a step with `command` between the fence and the switch",
        |p| {
            let fence = p.steps.iter().position(fences).unwrap_or(usize::MAX);
            p.steps
                .iter()
                .skip(fence)
                .take_while(|s| !s.switch)
                .any(|s| matches!(s.kind, StepKind::Command(_)))
        },
    ),
    row(
        CUTOVER,
        Always,
        "the data is compared, row by row, before users are moved",
        "a [[validation]] with `tables` that a step after the fence checks",
        |p| {
            let fence = p.steps.iter().position(fences).unwrap_or(usize::MAX);
            p.steps
                .iter()
                .skip(fence)
                .take_while(|s| !s.switch)
                .any(|s| checks(p, s, |k| matches!(k, ProbeKind::Tables(_))))
        },
    ),
    row(
        CUTOVER,
        Planned,
        "the application is tried on the target before users are",
        "a step with `check` or `manual` between the fence and the switch",
        |p| {
            let fence = p.steps.iter().position(fences).unwrap_or(usize::MAX);
            let tried = |s: &Step| {
                manual(s) || checks(p, s, |k| matches!(k, ProbeKind::Http(_) | ProbeKind::Command(_)))
            };
            p.steps.iter().skip(fence).take_while(|s| !s.switch).any(tried)
        },
    ),
    row(
        CUTOVER,
        Always,
        "moving users is a step of its own, and is proved",
        "a step with `switch = true` and `proof`",
        |p| p.steps.iter().any(|s| s.switch && (s.proof.is_some() || manual(s))),
    ),
    row(
        CUTOVER,
        Always,
        "sign-in and the main transactions are tried after the switch",
        "a step with `check` after it, on a validation with `http`, `sql` or `command`",
        |p| {
            after_switch(p).iter().any(|s| {
                checks(p, s, |k| {
                    matches!(k, ProbeKind::Http(_) | ProbeKind::Sql { .. } | ProbeKind::Command(_))
                })
            })
        },
    ),
    row(
        CUTOVER,
        Always,
        "errors, speed and access are watched for one or two days",
        "a step with `wait = { probe = …, for = \"24h\" }`, or one that asks about the next day",
        |p| {
            let day = Duration::from_secs(24 * 3600);
            let waits = |s: &Step| matches!(&s.kind, StepKind::Wait(WaitFor::Good { lasting, .. }) if *lasting >= day);
            p.steps.iter().any(waits) || asks(p, &["24", "48", "next day"])
        },
    ),
    row(
        FALLBACK,
        Always,
        "the source is kept, and the way back to it is written down",
        "[rollback], and `fallback` in [plan]",
        |p| p.rollback.is_some() && p.fallback.is_some(),
    ),
    row(
        SUCCESS,
        Always,
        "owners, testers and the business confirm before success is announced",
        "two `manual` steps of different owners, and a gate, after the switch",
        |p| {
            let after = after_switch(p);
            let owners: std::collections::HashSet<_> =
                after.iter().filter(|s| manual(s)).filter_map(|s| s.owner.as_ref()).collect();
            owners.len() > 1 && after.iter().any(|s| s.gate().is_some())
        },
    ),
    row(
        AFTER,
        Always,
        "somebody watches more closely for the first days",
        "a step after the switch that asks about support",
        |p| asks(p, &["support", "stabilization", "stabilisation"]),
    ),
    row(
        AFTER,
        Always,
        "the inventory says where it runs now",
        "a step that asks about the inventory or configuration database",
        |p| asks(p, &["inventory", "cmdb", "configuration database"]),
    ),
];

const fn row(
    part: &'static str,
    applies: Applies,
    words: &'static str,
    by: &'static str,
    covered: fn(&Plan) -> bool,
) -> Recommendation {
    Recommendation { part, words, by, applies, covered }
}

fn manual(step: &Step) -> bool {
    matches!(step.kind, StepKind::Manual { .. })
}

fn fences(step: &Step) -> bool {
    matches!(step.kind, StepKind::Fence(_))
}

fn after_switch(plan: &Plan) -> &[Step] {
    let switch = plan.steps.iter().rposition(|s| s.switch);
    switch.and_then(|at| plan.steps.get(at + 1..)).unwrap_or(&[])
}

/// Whether something of a kind is measured.
fn measures(plan: &Plan, is: impl Fn(&ProbeKind) -> bool) -> bool {
    plan.probes.iter().any(|p| is(&p.kind))
}

/// Whether something of a kind is measured all the time, for its own sake.
fn standing(plan: &Plan, is: impl Fn(&ProbeKind) -> bool) -> bool {
    let own = |p: &super::model::Probe| p.section == Section::Environment && p.schedule != Schedule::OnDemand;
    plan.probes.iter().any(|p| own(p) && is(&p.kind))
}

/// Whether a step checks something of a kind.
fn checks(plan: &Plan, step: &Step, is: impl Fn(&ProbeKind) -> bool) -> bool {
    match &step.kind {
        StepKind::Check(ids) => ids.iter().filter_map(|id| plan.probe(id)).any(|p| is(&p.kind)),
        _ => false,
    }
}

/// Whether a step asks a person, or says in its title, something with one of these words.
fn asks(plan: &Plan, words: &[&str]) -> bool {
    plan.steps.iter().any(|s| {
        let ask = if let StepKind::Manual { ask } = &s.kind { ask.as_str() } else { "" };
        let said = format!("{} {ask}", s.title).to_lowercase();
        words.iter().any(|w| said.contains(w))
    })
}

/// Whether a command of the plan has one of these words in it.
fn runs(plan: &Plan, words: &[&str]) -> bool {
    super::pins::commands(plan)
        .iter()
        .any(|c| c.argv.iter().any(|a| words.iter().any(|w| a.to_lowercase().contains(w))))
}
