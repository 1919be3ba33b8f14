//! Environment: everything else that must be well. Only what is not takes a line; the rest is a count.

use crate::plan::model::Section;
use crate::ui::theme::Role;

use super::item::Item;
use super::row::{Row, Words, words};
use super::scene::{Columns, Scene};
use super::section::{self, Gathered, Line};
use super::standing::{Call, Seen, Standing};

pub(super) fn gather<'a>(scene: &Scene<'a>) -> Gathered<'a> {
    let seen = scene.section(Section::Environment);
    let note = note(scene, &seen);
    let calling = seen.into_iter().filter(|seen| seen.standing.call() != Call::None);
    Gathered { well: note.clone(), note, lines: calling.map(Line::Probe).collect() }
}

fn note(scene: &Scene<'_>, seen: &[Seen<'_>]) -> Words<'static> {
    if let Some(said) = scene.as_of().filter(|_| !seen.is_empty()) {
        return said;
    }
    let well = seen.iter().filter(|s| matches!(s.standing, Standing::Well | Standing::Past)).count();
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
    let role = seen.role();
    let text = match seen.standing {
        Standing::Waived => section::waived_text(scene, seen),
        _ => section::text_of(seen, role),
    };
    section::probe_row(scene, seen, columns, role)
        .left(columns.text, text)
        .right(columns.age, scene.age(seen))
        .of(Item::Probe(seen.probe.id.clone()))
}
