//! The few lines that are no pane's: what the cockpit has to say, what is searched for, keys without a run.

use ratatui::layout::Rect;

use crate::ui::actions::{Action, Context};
use crate::ui::canvas::Canvas;
use crate::ui::keymap::Keymap;
use crate::ui::layout::Regions;
use crate::ui::theme::Role;
use crate::ui::widgets::Field;

use super::cockpit::Cockpit;
use super::footer;
use super::row::words;
use super::scene::Scene;

/// The row between the first lines and the body: that a gate waits, or what the cockpit has to say. The gate
/// begins below it while it says something.
pub(super) fn line(canvas: &mut Canvas<'_>, scene: &Scene<'_>, regions: &Regions, cockpit: &Cockpit) {
    let y = regions.second.y + 1;
    let width = regions.second.width.saturating_sub(2);
    let gate_hidden = cockpit.desk.gate().is_some() && !cockpit.shows_gate();
    if let Some((call, text)) = &cockpit.notice {
        canvas.text(1, y, width, text.as_str(), call.role(Role::Normal));
    } else if let Some(text) = &cockpit.line {
        canvas.text(1, y, width, text.as_str(), Role::Caution);
    } else if let (true, Some(gate)) = (gate_hidden, cockpit.desk.gate()) {
        let title = scene.plan.step(gate).map_or("Roll back", |step| step.title.as_str());
        let mut line = words(Role::StepGate, format!("{} GO / NO-GO waits: ", scene.glyphs.gate))
            .and(Role::StepGate, title);
        if cockpit.over.is_empty() {
            line = line
                .and(Role::Normal, "   ")
                .also(scene.key(Action::Gate))
                .and(Role::KeyLabel, " back to the gate");
        }
        canvas.line(1, y, width, &line.0);
    }
}

/// Where a gate stands: it leaves the row to what the cockpit has to say.
pub(super) fn leave_room(cockpit: &Cockpit, regions: &Regions) -> Rect {
    let (gate, y) = (regions.gate, regions.second.y + 1);
    let says = cockpit.notice.is_some() || cockpit.line.is_some();
    let rows = if says { (y + 1).saturating_sub(gate.y) } else { 0 };
    Rect { y: gate.y + rows, height: gate.height.saturating_sub(rows), ..gate }
}

pub(super) fn find(canvas: &mut Canvas<'_>, last: Rect, field: &Field) {
    let area = Rect { y: last.y.saturating_sub(2), height: 2, ..last };
    canvas.clear(area);
    canvas.text(area.x + 1, area.y, 5, "find", Role::Title);
    field.draw(
        canvas,
        Rect { x: area.x + 6, width: area.width.saturating_sub(7), height: 1, ..area },
        "a few letters",
    );
}

/// The last line where there is no run yet.
pub(super) fn keys_only(
    canvas: &mut Canvas<'_>,
    keys: &Keymap,
    area: Rect,
    context: Context,
    usable: impl Fn(Action) -> bool,
) {
    footer::keys(canvas, keys.footer(context, usable), area);
}
