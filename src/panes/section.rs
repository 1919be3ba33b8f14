//! The panes at the right, which all have the same shape: a head with its note, a line for each thing that is
//! watched, and one line for all of it where there is no room for more.

use ratatui::layout::Rect;

use crate::engine::event::AlarmId;
use crate::engine::state::Alarm;
use crate::plan::model::Section;
use crate::ui::actions::Action;
use crate::ui::canvas::Canvas;
use crate::ui::format;
use crate::ui::layout::Want;
use crate::ui::theme::Role;

use super::item::Item;
use super::row::{Row, Words, words};
use super::scene::{Columns, Scene};
use super::standing::{Call, Seen, Standing};
use super::view::Selection;
use super::{alarms, environment, freeze, replication, validation};

/// A pane of the main screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PaneId {
    /// The steps.
    Checklist,
    /// The gauges.
    Replication,
    /// Fences, controls, monitors.
    Freeze,
    /// What was compared or tried.
    Validation,
    /// Everything else that must be well.
    Environment,
    /// What asks for an action.
    Alarms,
    /// What happened.
    Journal,
}

/// A pane at the right: adding one is a file and a line here.
#[derive(Debug)]
pub struct Pane {
    /// Which.
    pub id: PaneId,
    /// What people read.
    pub title: &'static str,
    gather: for<'a> fn(&Scene<'a>) -> Gathered<'a>,
}

/// In the order in which they stand, always the same.
pub static PANES: [Pane; 5] = [
    Pane { id: PaneId::Replication, title: "Replication", gather: replication::gather },
    Pane { id: PaneId::Freeze, title: "Freeze", gather: freeze::gather },
    Pane { id: PaneId::Validation, title: "Validation", gather: validation::gather },
    Pane { id: PaneId::Environment, title: "Environment", gather: environment::gather },
    Pane { id: PaneId::Alarms, title: "Alarms", gather: alarms::gather },
];

/// A pane's content now.
pub(super) struct Gathered<'a> {
    /// Count, grade or moment, at the right end of the head.
    pub(super) note: Words<'a>,
    /// What takes a line, in an order that does not change while it is looked at.
    pub(super) lines: Vec<Line<'a>>,
    /// All of it in one line while nothing calls.
    pub(super) well: Words<'a>,
}

/// One thing that is watched.
#[derive(Clone, Copy)]
pub(super) enum Line<'a> {
    Probe(Seen<'a>),
    Alarm(&'a AlarmId, &'a Alarm),
}

impl<'a> Line<'a> {
    pub(super) fn call(&self, scene: &Scene<'_>) -> Call {
        match self {
            Line::Probe(seen) if seen.probe.section == Section::Replication => {
                replication::call(scene, *seen)
            }
            Line::Probe(seen) => seen.standing.call(),
            Line::Alarm(_, alarm) => alarms::call(scene, alarm),
        }
    }

    pub(super) fn item(&self) -> Item {
        match self {
            Line::Probe(seen) => Item::Probe(seen.probe.id.clone()),
            Line::Alarm(id, _) => Item::Alarm((*id).clone()),
        }
    }

    /// `meant`: the alarms that the pane's key means.
    pub(super) fn row(&self, scene: &Scene<'a>, columns: Columns, meant: &[(&AlarmId, &Alarm)]) -> Row<'a> {
        match *self {
            Line::Probe(seen) => match seen.probe.section {
                Section::Replication => replication::row(scene, seen, columns),
                Section::Freeze => freeze::row(scene, seen, columns),
                Section::Validation => validation::row(scene, seen, columns),
                Section::Environment => environment::row(scene, seen, columns),
            },
            Line::Alarm(id, alarm) => alarms::row(scene, id, alarm, columns, meant),
        }
    }

    fn brief(&self, scene: &Scene<'a>) -> Words<'a> {
        match *self {
            Line::Probe(seen) if seen.probe.section == Section::Replication => {
                replication::brief(scene, seen)
            }
            Line::Probe(seen) => {
                let role = seen.role();
                let text = match seen.standing {
                    Standing::Waived => waived_text(scene, seen),
                    _ => text_of(seen, role),
                };
                words(role, format!("{}: ", seen.probe.title)).also(text)
            }
            Line::Alarm(_, alarm) if alarm.cleared.is_some() => alarms::said(scene, alarm),
            // When it was raised stands where there is room for more than one line.
            Line::Alarm(_, alarm) => words(self.call(scene).role(Role::Normal), alarm.text.as_str()),
        }
    }

    fn sign(&self, scene: &Scene<'_>) -> &'static str {
        match self {
            Line::Probe(seen) => seen.standing.sign(scene.glyphs).unwrap_or(scene.glyphs.alarm),
            Line::Alarm(_, alarm) if alarm.cleared.is_some() => scene.glyphs.proved,
            Line::Alarm(..) => scene.glyphs.alarm,
        }
    }
}

impl Pane {
    pub(super) fn gather<'a>(&self, scene: &Scene<'a>) -> Gathered<'a> {
        (self.gather)(scene)
    }

    /// Draws head and lines; what does not fit is summed up in the last row, and it is never what calls most.
    pub(super) fn draw<'a>(
        &self,
        canvas: &mut Canvas<'_>,
        scene: &Scene<'a>,
        gathered: &Gathered<'a>,
        area: Rect,
        selection: Selection<'_>,
    ) {
        if area.height == 0 {
            return;
        }
        canvas.head(area, self.title, &gathered.note.0, selection.focused);
        let columns = Columns::new(scene.plan, area);
        let room = usize::from(area.height - 1);
        let (shown, hidden) = fit(scene, &gathered.lines, room, selection.item);
        let mut y = area.y + 1;
        let meant = if self.id == PaneId::Alarms { alarms::meant(scene, selection.item) } else { Vec::new() };
        for line in shown.iter().filter_map(|at| gathered.lines.get(*at)) {
            selection.draw(canvas, area, y, &line.row(scene, columns, &meant));
            y += 1;
        }
        if !hidden.is_empty() && y < area.bottom() {
            let rest: Vec<Line<'_>> =
                hidden.iter().filter_map(|at| gathered.lines.get(*at).copied()).collect();
            Row::new().left(columns.all, sum(scene, &rest)).draw(canvas, y);
        }
    }

    /// Draws all of it in one line, the worst thing in it.
    pub(super) fn draw_brief<'a>(
        &self,
        canvas: &mut Canvas<'_>,
        scene: &Scene<'a>,
        gathered: &Gathered<'a>,
        area: Rect,
        selection: Selection<'_>,
    ) {
        let worst = gathered.lines.iter().rev().max_by_key(|line| line.call(scene));
        let calls = gathered.lines.iter().filter(|line| line.call(scene) > Call::None).count();
        let (sign, call, text) = match worst {
            Some(line) if line.call(scene) > Call::None => {
                (line.sign(scene), line.call(scene), line.brief(scene))
            }
            _ => ("", Call::None, gathered.well.clone()),
        };
        let right = match (self.id, call) {
            (_, Call::None) => Words::none(),
            (PaneId::Alarms, _) if scene.drives => {
                let count = if calls > 1 { format!("{calls}  ") } else { String::new() };
                words(call.role(Role::Dim), count)
                    .also(scene.key(Action::Answer))
                    .and(Role::KeyLabel, " answer")
            }
            _ => words(call.role(Role::Dim), format!("{calls} of {}", gathered.lines.len())),
        };
        brief_line(canvas, area, self.title, (sign, call), &text, &right);
        if selection.focused {
            canvas.text(area.x, area.y, 1, canvas.glyphs().focus, Role::Focus);
        }
    }
}

impl Gathered<'_> {
    /// How many rows the pane wants: at least for what calls.
    pub(super) fn wants(&self, scene: &Scene<'_>) -> Want {
        let rows = |n: usize| u16::try_from(n).unwrap_or(u16::MAX).saturating_add(1);
        let calls = self.lines.iter().filter(|line| line.call(scene) > Call::None).count();
        Want { least: rows(calls.clamp(1, 4).min(self.lines.len())), all: rows(self.lines.len()) }
    }
}

/// A pane in one line: sign, title, the worst of it, how much of it.
pub(super) fn brief_line(
    canvas: &mut Canvas<'_>,
    area: Rect,
    title: &str,
    (sign, call): (&'static str, Call),
    text: &Words<'_>,
    right: &Words<'_>,
) {
    let right_width = right.width();
    canvas.text(area.x, area.y, 1, sign, call.role(Role::Normal));
    canvas.text(area.x + 2, area.y, 11, title, Role::Title);
    let room = area.width.saturating_sub(14 + right_width + u16::from(right_width > 0));
    canvas.line(area.x + 14, area.y, room, &text.0);
    canvas.line_right(area.x + area.width, area.y, right_width, &right.0);
}

/// Which lines have room, in their order, and which have not: the selected one and what calls loudest come
/// before what is well.
fn fit(
    scene: &Scene<'_>,
    lines: &[Line<'_>],
    room: usize,
    selected: Option<&Item>,
) -> (Vec<usize>, Vec<usize>) {
    if lines.len() <= room {
        return ((0..lines.len()).collect(), Vec::new());
    }
    let mut order: Vec<usize> = (0..lines.len()).collect();
    let rank = |at: &usize| {
        let line = lines.get(*at);
        let call = line.map_or(Call::None, |line| line.call(scene));
        let is_selected = selected.is_some_and(|item| line.is_some_and(|line| line.item() == *item));
        (!is_selected, std::cmp::Reverse(call))
    };
    order.sort_by_key(rank);
    // The last row sums up the rest, unless it is the only one.
    let mut shown: Vec<usize> = order.iter().copied().take(room.saturating_sub(1).max(1)).collect();
    let mut hidden: Vec<usize> = order.split_off(shown.len());
    shown.sort_unstable();
    hidden.sort_unstable();
    (shown, hidden)
}

fn sum<'a>(scene: &Scene<'_>, rest: &[Line<'_>]) -> Words<'a> {
    let more = format!("and {} more", format::count(rest.len() as u64));
    let alarms: Vec<(&AlarmId, &Alarm)> = rest
        .iter()
        .filter_map(|line| match line {
            Line::Alarm(id, alarm) => Some((*id, *alarm)),
            Line::Probe(_) => None,
        })
        .collect();
    let loudest = rest.iter().map(|line| line.call(scene)).max().unwrap_or(Call::None);
    let wrong = rest.iter().filter(|line| line.call(scene) > Call::None).count() as u64;
    let what = match wrong {
        _ if !alarms.is_empty() => alarms::sum(&alarms),
        0 => "quiet".to_owned(),
        wrong => format!("{} not well", format::count(wrong)),
    };
    words(loudest.role(Role::Dim), format!("{more}, {what}"))
}

/// The sign and the name of a probe's row.
pub(super) fn probe_row<'a>(scene: &Scene<'a>, seen: Seen<'a>, columns: Columns, name: Role) -> Row<'a> {
    let row = Row::new()
        .left(columns.name, words(name, seen.probe.title.as_str()))
        .of(Item::Probe(seen.probe.id.clone()));
    match seen.standing.sign(scene.glyphs) {
        Some(sign) => row.left(columns.sign, words(name, sign)),
        None => row,
    }
}

/// What was measured, or why nothing was; never the last good value.
pub(super) fn text_of(seen: Seen<'_>, role: Role) -> Words<'_> {
    words(role, seen.evidence.text.as_str())
}

/// What is wrong, and that somebody goes on in spite of it.
pub(super) fn waived_text<'a>(scene: &Scene<'a>, seen: Seen<'a>) -> Words<'a> {
    let role = Role::Caution;
    let waivers = scene.state.gates.values().flat_map(|gate| &gate.waivers);
    let waiver = waivers.filter(|w| w.evidence == seen.evidence.id).max_by_key(|w| w.at);
    let text = words(role, seen.evidence.text.as_str());
    match waiver {
        Some(waiver) => {
            text.and(role, format!(", waived by {}: ", waiver.by)).and(role, waiver.reason.as_str())
        }
        None => text,
    }
}
