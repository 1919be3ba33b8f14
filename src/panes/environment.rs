//! Environment: everything else that must be well. Only what is not takes a line; the rest is a count.

use crate::plan::model::Section;
use crate::ui::theme::Role;

use super::item::Item;
use super::row::{Row, Words, words};
use super::scene::{Columns, Scene};
use super::standing::{Call, Seen, Standing};

/// What is not well, and how many there are in all.
pub(super) fn seen<'a>(scene: &Scene<'a>) -> Vec<Seen<'a>> {
    scene.section(Section::Environment)
}

/// Whether a probe takes a line.
pub(super) fn shows(seen: Seen<'_>) -> bool {
    seen.standing.call() != Call::None
}

pub(super) fn note(_scene: &Scene<'_>, seen: &[Seen<'_>]) -> Words<'static> {
    let well = seen.iter().filter(|s| s.standing == Standing::Well).count();
    let not_yet = seen.iter().filter(|s| s.standing == Standing::NotYet).count();
    let text = match (well, not_yet, seen.len()) {
        (_, _, 0) => "nothing in this plan".to_owned(),
        (well, 0, all) if well == all => format!("{well} well"),
        (well, 0, all) => format!("{well} of {all} well"),
        (well, waits, all) => format!("{well} of {all} well, {waits} not looked at yet"),
    };
    words(Role::Dim, text)
}

pub(super) fn row<'a>(scene: &Scene<'a>, seen: Seen<'a>, columns: Columns) -> Row<'a> {
    let role = seen.standing.call().role(Role::Normal);
    let text = match seen.standing {
        Standing::Waived => super::waived_text(scene, seen),
        _ => super::text_of(seen, role),
    };
    super::probe_row(scene, seen, columns, role)
        .left(columns.text, text)
        .right(columns.age, scene.age(&seen))
        .of(Item::Probe(seen.probe.id.clone()))
}
