//! The first two lines: how real it is, which plan, whose hands, the clocks; where we are and until when.

use crate::engine::event::{Grade, Mode as RunMode};
use crate::engine::rules::forecast::Forecast;
use crate::ui::canvas::Canvas;
use crate::ui::format;
use crate::ui::layout::Regions;
use crate::ui::theme::Role;

use super::feed::Pulse;
use super::figures::Part;
use super::row::{Words, words};
use super::scene::Scene;
use super::standing::Call;
use super::words as say;

/// Columns kept at the right edge for the window and the last safe moment.
const WINDOW: u16 = 15;
/// … and before them for the clock that users feel and the forecast.
const OUTAGE: u16 = 30;

/// Draws both lines.
pub(super) fn draw(canvas: &mut Canvas<'_>, scene: &Scene<'_>, regions: &Regions) {
    let wide = regions.first.width >= 110;
    let (y1, y2) = (regions.first.y, regions.second.y);
    let end = regions.first.width.saturating_sub(1);
    let window_at = end.saturating_sub(WINDOW);
    let outage_at = window_at.saturating_sub(OUTAGE + 1);
    let badge = format!(" {} ", badge(scene));
    let x = canvas.text(0, y1, end, badge, scene.mode.word_role());
    if let Some(lost) = lost(scene) {
        // The clock that users feel runs on, whoever vouches for the rest.
        if wide {
            canvas.line(x + 2, y1, outage_at.saturating_sub(x + 3), &lost.whole().0);
            canvas.line(outage_at, y1, OUTAGE, &outage(scene).0);
            canvas.line(window_at, y1, WINDOW, &window(scene).0);
        } else {
            let room = end.saturating_sub(x + 2);
            canvas.line(x + 2, y1, room, &lost.beside(scene, room).0);
        }
    } else if wide {
        let room = outage_at.saturating_sub(x + 3);
        // What does not fit is left out whole; plan and clock never are.
        let tries = [(true, true), (false, true), (false, false)];
        let mut left = tries.into_iter().map(|(hands, t)| first_wide(scene, hands, t));
        let fits = left.find(|line| line.width() <= room).unwrap_or_else(|| first_wide(scene, false, false));
        canvas.line(x + 2, y1, room, &fits.0);
        canvas.line(outage_at, y1, OUTAGE, &outage(scene).0);
        canvas.line(window_at, y1, WINDOW, &window(scene).0);
    } else {
        let room = end.saturating_sub(x + 1);
        let mut line = clock(scene);
        for more in [outage(scene), window(scene)] {
            if !more.is_empty() && line.width() + 3 + more.width() <= room {
                line = line.and(Role::Normal, "   ").also(more);
            }
        }
        canvas.line(x + 1, y1, room, &line.0);
    }
    if wide {
        canvas.line(1, y2, outage_at.saturating_sub(2), &phases(scene, outage_at.saturating_sub(2)).0);
        canvas.line(outage_at, y2, OUTAGE, &forecast(scene).0);
        canvas.line(window_at, y2, WINDOW, &last_safe(scene).0);
    } else {
        let mut line = here(scene).and(Role::Normal, "   ").and(Role::Normal, scene.plan.name.as_str());
        let (until, safe) = (forecast(scene), last_safe(scene));
        let beside = here(scene).width() + until.width() + safe.width() + 9;
        // A figure that has no room is left out whole.
        let safe = if beside <= end { words(Role::Normal, "   ").also(safe) } else { Words::none() };
        let right = until.also(safe);
        let room = end.saturating_sub(right.width() + 2);
        if line.width() > room {
            line = here(scene);
        }
        // Where we are comes before until when.
        let left = line.width().min(end.saturating_sub(2));
        canvas.line(1, y2, left, &line.0);
        canvas.line_right(end, y2, end.saturating_sub(left + 3), &right.0);
    }
}

fn badge(scene: &Scene<'_>) -> String {
    use crate::ui::mode::Mode;
    let run = scene.state.run.as_ref().map(|run| run.mode);
    match (scene.mode, run) {
        (Mode::Rehearsal, Some(RunMode::Rehearsal { number, .. })) => format!("REHEARSAL {number}"),
        (mode @ (Mode::Watch | Mode::Replay), Some(RunMode::Rehearsal { number, .. })) => {
            format!("{} REHEARSAL {number}", mode.word())
        }
        (mode @ (Mode::Watch | Mode::Replay), Some(RunMode::Live)) => format!("{} LIVE", mode.word()),
        (mode, _) => mode.word().to_owned(),
    }
}

/// What the first line says when nobody vouches for the rest.
struct Lost {
    what: Words<'static>,
    /// The same in fewer columns.
    briefly: Words<'static>,
    time: Words<'static>,
    /// The key that takes it up again.
    key: Words<'static>,
}

impl Lost {
    fn whole(self) -> Words<'static> {
        let line = self.what.also(self.time);
        if self.key.is_empty() {
            line
        } else {
            line.and(Role::Title, "   ").also(self.key).and(Role::Title, " takes it up again")
        }
    }

    /// With the clock that users feel, which never gives way; what it is measured by may.
    fn beside(self, scene: &Scene<'_>, room: u16) -> Words<'static> {
        let key = if self.key.is_empty() { self.key } else { self.key.and(Role::Title, " go on") };
        let tail = |outage: Words<'static>| {
            let parts = [outage, key.clone()].into_iter().filter(|part| !part.is_empty());
            parts.fold(Words::none(), |line, part| line.and(Role::Title, "   ").also(part))
        };
        let fits = |tail: &Words<'_>| self.briefly.width() + tail.width() <= room;
        let whole = tail(outage(scene));
        let tail = if fits(&whole) { whole } else { tail(outage_alone(scene)) };
        let left = room.saturating_sub(tail.width());
        let what = if self.what.width() <= left { self.what } else { self.briefly };
        let time = Some(self.time).filter(|time| what.width() + time.width() <= left);
        what.also(time.unwrap_or_default()).also(tail)
    }
}

fn lost(scene: &Scene<'_>) -> Option<Lost> {
    let contact = &scene.feed.contact;
    let none = Words::none;
    if let Some(damage) = &contact.damaged {
        let what = words(Role::Lost, damage.clone());
        return Some(Lost { briefly: words(Role::Lost, "DAMAGED"), what, time: none(), key: none() });
    }
    if scene.state.is_over() {
        return None;
    }
    let pulse = contact.pulse(scene.now);
    let (long, short, old) = match pulse {
        Pulse::Fresh => return None,
        Pulse::Stale(age) => ("STALE, the engine is silent for", "STALE", age),
        Pulse::None(age) => ("NO CONTACT for", "NO CONTACT", age),
    };
    let old = format::span(std::time::Duration::from_secs(old.as_secs()));
    let what = match &contact.gone {
        Some(why) => format!("NO CONTACT: {why}"),
        None => format!("{long} {old}"),
    };
    let takes_up = scene.drives && matches!(pulse, Pulse::None(_));
    let key = if takes_up { scene.key(crate::ui::actions::Action::Resume) } else { none() };
    Some(Lost {
        what: words(Role::Lost, what),
        briefly: words(Role::Lost, format!("{short} {old}")),
        time: words(Role::Title, format!("   {}", scene.time(scene.now.wall))),
        key,
    })
}

fn first_wide<'a>(scene: &Scene<'a>, with_hands: bool, with_t: bool) -> Words<'a> {
    let mut line = words(Role::Bright, scene.plan.name.as_str()).and(Role::Normal, "   ");
    if with_hands {
        line = line.also(hands(scene)).and(Role::Normal, "   ");
    }
    line = line.also(clock(scene));
    if let Some(t) = scene.figures.clocks.t_plus.filter(|_| with_t) {
        // In the pen of the clock beside it: a second that passes then costs digits and no colours.
        let role = if scene.state.hold.is_some() { Role::Caution } else { Role::Bright };
        line = line.and(Role::Normal, "  ").and(role, format::t_clock(false, t));
    }
    line
}

/// Whose hands are on the keys; in a rehearsal, how real it is.
fn hands<'a>(scene: &Scene<'a>) -> Words<'a> {
    let run = scene.state.run.as_ref().map(|run| run.mode);
    if let Some(RunMode::Rehearsal { speed, grade, .. }) = run {
        let grade = match grade {
            Grade::Simulated => "simulated",
        };
        return words(Role::Normal, format!("{}x, {grade}", speed.round()));
    }
    match &scene.state.operator {
        Some(operator) => words(Role::Normal, say::drives(&operator.name)),
        None if scene.state.is_over() => Words::none(),
        None => words(Role::Caution, "nobody drives"),
    }
}

fn clock(scene: &Scene<'_>) -> Words<'static> {
    let (time, zone) = say::zoned(scene.now.wall, scene.plan.offset);
    words(Role::Bright, time).and(Role::Normal, format!(" {zone}"))
}

/// The clock that users feel.
fn outage_alone(scene: &Scene<'_>) -> Words<'static> {
    let Some(outage) = scene.figures.clocks.outage else { return Words::none() };
    let call = scene.figures.outage_call();
    words(call.role(Role::Normal), "users read-only ").and(call.role(Role::Bright), format::clock(outage))
}

/// The same with what the plan allows.
fn outage(scene: &Scene<'_>) -> Words<'static> {
    let (line, call) = (outage_alone(scene), scene.figures.outage_call());
    match scene.figures.clocks.budget.filter(|_| !line.is_empty()) {
        Some(budget) => line.and(call.role(Role::Dim), format!(" of {}", format::clock(budget))),
        None => line,
    }
}

fn window(scene: &Scene<'_>) -> Words<'static> {
    match scene.figures.clocks.window_left.filter(|_| !scene.state.is_over()) {
        Some(left) if left.is_zero() => words(Role::Warning, "window is over"),
        Some(left) => words(Role::Normal, "window ").and(Role::Figure, format::span(left)),
        None => Words::none(),
    }
}

/// The phases, done, running and to come; when they do not fit, those around the one that runs.
fn phases<'a>(scene: &Scene<'a>, room: u16) -> Words<'a> {
    let figures = scene.figures;
    if let Some(held) = held(scene) {
        return held;
    }
    let current = figures.current;
    for skipped in 0..=current {
        let mut line = Words::none();
        if skipped > 0 {
            line.push(Role::Dim, format!("{skipped} done  "));
        }
        for (i, part) in figures.parts.iter().enumerate().skip(skipped) {
            // Some plans have hundreds of phases, and this is asked for every frame.
            if line.width() > room {
                break;
            }
            if i > skipped {
                line.push(Role::Dim, "  ");
            }
            line = line.also(phase(scene, i, part));
        }
        if line.width() <= room || skipped == current {
            return line;
        }
    }
    Words::none()
}

fn phase<'a>(scene: &Scene<'a>, i: usize, part: &'a Part) -> Words<'a> {
    let all = part.slots.len();
    if i == scene.figures.current && !scene.state.is_over() {
        return words(Role::Bright, part.title.as_str())
            .and(Role::Bright, format!(" {} of {all}", part.done));
    }
    let title = words(Role::Dim, part.title.as_str());
    if part.done == all && all > 0 {
        title.and(Role::Proved, format!(" {}", scene.glyphs.proved))
    } else {
        title
    }
}

/// The phase that runs, for a line without room for all.
fn here<'a>(scene: &Scene<'a>) -> Words<'a> {
    if let Some(held) = held(scene) {
        return held;
    }
    let figures = scene.figures;
    match figures.parts.get(figures.current) {
        Some(part) => phase(scene, figures.current, part),
        None => Words::none(),
    }
}

/// That nothing new starts, and why.
fn held<'a>(scene: &Scene<'a>) -> Option<Words<'a>> {
    let hold = scene.state.hold.as_ref()?;
    let since = scene.now.wall.since(hold.since);
    let mut line = words(Role::Caution, "HELD ").and(Role::Caution, format::clock(since));
    if let Some(by) = &hold.by {
        line.push(Role::Caution, format!(" by {by}"));
    }
    let why = say::hold_in_words(hold.cause, &hold.reason);
    if !why.is_empty() {
        line.push(Role::Caution, format!(": {why}"));
    }
    if scene.drives {
        line = line
            .and(Role::Normal, "  ")
            .also(scene.key(crate::ui::actions::Action::Resume))
            .and(Role::KeyLabel, " go on");
    }
    Some(line)
}

fn forecast(scene: &Scene<'_>) -> Words<'static> {
    match &scene.figures.forecast {
        Forecast::Finish { .. } if scene.state.run.is_none() => Words::none(),
        Forecast::Finish { at, .. } => {
            let late = scene.figures.clocks.closes.is_some_and(|closes| *at > closes);
            let call = if late { Call::Caution } else { Call::None };
            words(call.role(Role::Normal), "done about ").and(call.role(Role::Figure), scene.hour_minute(*at))
        }
        Forecast::Unknown { because } => {
            let why = say::unknown_because(scene, because);
            let line = words(Role::Caution, format!("finish unknown: {why}"));
            let fits = line.width() <= OUTAGE;
            if fits { line } else { words(Role::Caution, format!("unknown: {why}")) }
        }
        Forecast::Over => words(Role::Normal, "over"),
    }
}

fn last_safe(scene: &Scene<'_>) -> Words<'static> {
    match scene.figures.way_back.last_safe.filter(|_| !scene.state.is_over()) {
        Some(at) if at <= scene.now.wall => {
            words(Role::Caution, "was safe ").and(Role::Caution, scene.hour_minute(at))
        }
        Some(at) => words(Role::Normal, "last safe ").and(Role::Figure, scene.hour_minute(at)),
        None => Words::none(),
    }
}
