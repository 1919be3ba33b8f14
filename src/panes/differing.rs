//! Rows that are not the same on both sides: which comparison found them, and what leads on from there.

use crate::engine::reading::{Compared, Facts};
use crate::engine::state::{Stage, Status, StepState};
use crate::plan::model::{Probe, ProbeKind, Step, StepKind};
use crate::ui::actions::Action;
use crate::ui::format;
use crate::ui::theme::Role;

use super::row::Words;
use super::scene::Scene;

/// Whether a probe compares two sides.
pub(super) fn compares(probe: &Probe) -> bool {
    matches!(probe.kind, ProbeKind::Tables(_) | ProbeKind::Trees(_))
}

/// How many differ, in words.
pub(super) fn differ(compared: &Compared) -> String {
    let (one, many) =
        if compared.trees { ("entry differs", "entries differ") } else { ("row differs", "rows differ") };
    format::counted(compared.differences, one, many)
}

/// What a comparison found, where rows differ.
pub(super) fn of<'a>(scene: &Scene<'a>, probe: &Probe) -> Option<&'a Compared> {
    match scene.readings.measure(&probe.id).map(|measure| &measure.facts) {
        Some(Facts::Compared(compared)) if compared.differences > 0 => Some(compared),
        _ => None,
    }
}

/// The comparison of a step whose rows differ.
pub(super) fn of_step<'a>(scene: &Scene<'a>, step: &Step) -> Option<&'a Probe> {
    let StepKind::Check(probes) = &step.kind else { return None };
    let mut all = probes.iter().filter_map(|id| scene.plan.probe(id));
    all.find(|probe| of(scene, probe).is_some())
}

/// What leads on from a comparison whose rows differ, by the keys that do it. `names`: the rows stand there already.
pub(super) fn way_on(scene: &Scene<'_>, probe: &Probe, names: bool) -> Words<'static> {
    let mut line = Words::none();
    if !names {
        line = line.also(scene.key(Action::ViewValidation)).and(Role::KeyLabel, " names them; ");
    }
    line.push(Role::Normal, "mend them, then ");
    let checks = asked_by(scene, probe);
    let failed = checks.filter(|(_, at)| at.status == Status::Failed);
    line = match checks {
        _ if failed.is_some() && scene.drives => {
            line.also(scene.key(Action::Retry)).and(Role::KeyLabel, " compares again")
        }
        Some((_, at))
            if at.status == Status::Proving || at.status == Status::Pending && probe.reads_before() =>
        {
            line.and(Role::Normal, "they are compared again by themselves")
        }
        _ => line.and(Role::Normal, "they have to be compared again"),
    };
    if !scene.drives || scene.state.stage != Stage::Forward {
        return line;
    }
    let command = |line: Words<'static>, name: &'static str, does: &'static str| {
        line.and(Role::Normal, ", or ")
            .also(scene.key(Action::Command))
            .and(Role::KeyName, name)
            .and(Role::KeyLabel, does)
    };
    if scene.state.open_gate().is_some() {
        let waive = scene.key_at_gate(Action::Waive);
        line = line.and(Role::Normal, ", or ").also(waive).and(Role::KeyLabel, " at the gate waives it");
    } else if failed.is_some_and(|(step, _)| step.skippable) {
        line = command(line, " skip", " goes on without, with a reason");
    }
    command(line, " rollback", " goes back")
}

/// The step that waits for a comparison.
fn asked_by<'a>(scene: &Scene<'a>, probe: &Probe) -> Option<(&'a Step, &'a StepState)> {
    let all = scene.plan.steps.iter().zip(&scene.state.steps);
    let mut asked =
        all.filter(|(step, _)| matches!(&step.kind, StepKind::Check(ids) if ids.contains(&probe.id)));
    asked.find(|(_, at)| !at.is_settled())
}
