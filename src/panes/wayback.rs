//! Way back: what going back would mean now, how long it takes, and until when it is safe.

use crate::engine::rules::wayback::Cost;
use crate::engine::state::Stage;
use crate::ui::format;
use crate::ui::theme::Role;

use super::item::Item;
use super::row::{Row, Words, slot, words, wrap};
use super::scene::Scene;
use super::standing::Call;

use ratatui::layout::Rect;

/// What it costs, in a word.
pub(super) fn note(scene: &Scene<'_>) -> Words<'static> {
    let (call, word) = word(scene);
    words(call.role(Role::Dim), word)
}

fn word(scene: &Scene<'_>) -> (Call, String) {
    if scene.state.is_over() {
        return (Call::None, "closed".to_owned());
    }
    match &scene.figures.way_back.cost {
        Cost::Free => (Call::None, "free".to_owned()),
        Cost::Lossless { .. } => (Call::None, "lossless".to_owned()),
        Cost::Rows { behind, .. } => {
            (Call::Caution, format!("costs {}", format::counted(*behind, "row", "rows")))
        }
        Cost::Everything { .. } => (Call::Caution, "costs every new row".to_owned()),
        Cost::Unknown { .. } => (Call::Caution, "unknown".to_owned()),
        Cost::Closed { .. } => (Call::None, "closed".to_owned()),
    }
}

/// What it means, then until when.
pub(super) fn rows<'a>(scene: &Scene<'a>, area: Rect) -> Vec<Row<'a>> {
    let at = slot(area.x + 2, area.width.saturating_sub(2));
    let lines = wrap(&meaning(scene).0, at.width, if is_open(scene) { 1 } else { 2 });
    let mut rows: Vec<Row<'a>> =
        lines.into_iter().map(|line| Row::new().left(at, line).of(Item::WayBack)).collect();
    if let Some(until) = until(scene) {
        rows.push(Row::new().left(at, until).of(Item::WayBack));
    }
    rows
}

/// The way back in one line.
pub(super) fn brief<'a>(scene: &Scene<'a>) -> (Call, Words<'a>) {
    let (call, word) = word(scene);
    let mut line = words(call.role(Role::Normal), word);
    if let Some(takes) = scene.figures.way_back.takes.filter(|_| is_open(scene)) {
        line = line.and(Role::Normal, ", about ").and(Role::Figure, format::span(takes));
    }
    (call, line)
}

fn is_open(scene: &Scene<'_>) -> bool {
    !matches!(scene.figures.way_back.cost, Cost::Closed { .. }) && scene.state.stage == Stage::Forward
}

fn meaning<'a>(scene: &Scene<'a>) -> Words<'a> {
    let way = &scene.figures.way_back;
    let steps = way.steps as u64;
    let title = |id: &crate::plan::ProbeId| {
        scene.plan.probe(id).map_or_else(|| id.to_string(), |probe| probe.title.clone())
    };
    if scene.state.stage != Stage::Forward {
        return match scene.state.stage {
            Stage::Over(_) => words(Role::Normal, "the run is over: ").also(super::ending::users(scene)),
            Stage::Forward | Stage::Back(_) | Stage::Aborting => words(Role::Bright, "it is being gone"),
        };
    }
    let mut line = match &way.cost {
        Cost::Free if steps == 0 => {
            return words(Role::Normal, "nothing has moved yet, and there is nothing to undo");
        }
        Cost::Free => words(
            Role::Normal,
            format!("nothing has moved yet; undo of {}", format::counted(steps, "step", "steps")),
        ),
        Cost::Lossless { link } => words(
            Role::Normal,
            format!("{} carries every row back; {}", title(link), format::counted(steps, "step", "steps")),
        ),
        Cost::Rows { behind, link } => {
            let rows = format::counted(*behind, "row", "rows");
            words(Role::Caution, format!("{rows} of {} are not on the source", title(link)))
        }
        Cost::Everything { since } => words(
            Role::Caution,
            format!("every row that the target took since {} is lost", scene.hour_minute(*since)),
        ),
        Cost::Unknown { because } => {
            words(Role::Caution, "nobody knows what it costs: ").and(Role::Caution, because.clone())
        }
        Cost::Closed { because } => return words(Role::Normal, because.clone()),
    };
    match way.takes {
        Some(takes) => {
            line.push(Role::Normal, ", about ");
            line.push(Role::Figure, format::span(takes));
        }
        None => line.push(Role::Normal, ", for how long the plan does not say"),
    }
    line
}

fn until<'a>(scene: &Scene<'a>) -> Option<Words<'a>> {
    if !is_open(scene) {
        return None;
    }
    let last_safe = scene.figures.way_back.last_safe?;
    let late = last_safe <= scene.now.wall;
    let (role, bright) = if late { (Role::Caution, Role::Caution) } else { (Role::Normal, Role::Figure) };
    let words = words(role, if late { "was last safe at " } else { "last safe at " });
    Some(
        words.and(bright, scene.hour_minute(last_safe)).and(Role::Dim, ", so that it ends within the window"),
    )
}
