//! Everything that a frame is drawn from, in one hand: drawing is a function of this and nothing else.

use std::sync::Arc;

use ratatui::layout::Rect;

use crate::clock::{Now, Timestamp};
use crate::engine::State;
use crate::engine::readings::Readings;
use crate::engine::state::StepState;
use crate::plan::model::{Probe, ProbeKind, Section};
use crate::plan::{Plan, ProbeId, StepId};
use crate::ui::actions::{Action, Context};
use crate::ui::glyphs::Glyphs;
use crate::ui::keymap::Keymap;
use crate::ui::layout::{self, Column, Slot};
use crate::ui::mode::Mode;
use crate::ui::safe::SafeText;
use crate::ui::theme::Role;

use super::feed::{Feed, Recorded};
use super::figures::Figures;
use super::row::{Words, slot, words};
use super::standing::{Kept, Seen, Standing};

/// What a frame is drawn from.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) feed: &'a Feed,
    pub(crate) plan: &'a Plan,
    pub(crate) state: &'a State,
    pub(crate) readings: &'a Readings,
    pub(crate) journal: &'a [Arc<Recorded>],
    pub(crate) figures: &'a Figures,
    pub(crate) now: Now,
    pub(crate) mode: Mode,
    pub(crate) glyphs: &'static Glyphs,
    pub(crate) keys: &'a Keymap,
    /// Whoever looks at this has the keys.
    pub(crate) drives: bool,
}

/// Where the cells of a row stand in the panes at the right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    /// The sign of what is wrong, or proved.
    pub(crate) sign: Slot,
    /// What it is.
    pub(crate) name: Slot,
    /// What is to be said of it.
    pub(crate) text: Slot,
    /// How old that is.
    pub(crate) age: Slot,
    /// From the name to the right edge, for rows of one text.
    pub(crate) all: Slot,
}

impl Columns {
    /// The columns of a pane: names as wide as the plan's widest, within reason, so that every pane has its
    /// texts at the same place.
    pub(crate) fn new(plan: &Plan, area: Rect) -> Columns {
        let most = (area.width / 5).clamp(12, 16);
        Columns::named(plan, area, most, |section| section != Section::Environment)
    }

    /// The columns of a pane, whole: its own names alone, with more room for them.
    pub(crate) fn whole(plan: &Plan, section: Section, area: Rect) -> Columns {
        // A link on a narrow screen needs the room for what it says.
        let narrow = section == Section::Replication && area.width < 70;
        let most = if narrow { 12 } else { (area.width / 3).clamp(16, 40) };
        Columns::named(plan, area, most, |other| other == section)
    }

    fn named(plan: &Plan, area: Rect, most: u16, counts: impl Fn(Section) -> bool) -> Columns {
        let titles = plan.probes.iter().filter(|p| counts(p.section)).map(|p| &p.title);
        let widest = titles.map(|t| SafeText::from(t).width()).max().unwrap_or(0);
        let name = u16::try_from(widest).unwrap_or(most).clamp(9, most);
        let [sign, name, text, age] = layout::columns(
            area.x,
            area.width,
            [Column::fixed(1).gap(0), Column::fixed(name), Column::rest(10), Column::fixed(5)],
        );
        Columns { sign, name, text, age, all: slot(name.x, age.right().saturating_sub(name.x)) }
    }
}

impl<'a> Scene<'a> {
    /// `HH:MM` in the plan's offset.
    pub(crate) fn hour_minute(&self, at: Timestamp) -> String {
        at.hour_minute(self.plan.offset)
    }

    /// `HH:MM:SS` in the plan's offset.
    pub(crate) fn time(&self, at: Timestamp) -> String {
        at.clock_time(self.plan.offset)
    }

    /// The same of what may have been on another day: with that day.
    pub(crate) fn moment(&self, at: Timestamp) -> String {
        match self.other_day(at) {
            Some(day) => format!("{day} {}", self.time(at)),
            None => self.time(at),
        }
    }

    /// The day of what was not today.
    pub(crate) fn other_day(&self, at: Timestamp) -> Option<String> {
        let day = at.day(self.plan.offset);
        (day != self.now.wall.day(self.plan.offset)).then_some(day)
    }

    /// A probe as the screen shows it.
    pub(crate) fn seen(&self, probe: &ProbeId) -> Option<Seen<'a>> {
        self.kept(self.figures.probes.get(self.plan.probe_position(probe)?)?)
    }

    /// The probes of one part of the screen that count now, in the plan's order.
    pub(crate) fn section(&self, section: Section) -> Vec<Seen<'a>> {
        let kept = self.figures.probes.iter().filter(|kept| kept.standing != Standing::Out);
        kept.filter_map(|kept| self.kept(kept)).filter(|seen| seen.probe.section == section).collect()
    }

    /// The same, with those that do not count now.
    pub(crate) fn whole_section(&self, section: Section) -> Vec<Seen<'a>> {
        let seen = self.figures.probes.iter().filter_map(|kept| self.kept(kept));
        seen.filter(|seen| seen.probe.section == section).collect()
    }

    /// Now, or when the run ended.
    pub(crate) fn end(&self) -> Timestamp {
        let over = self.state.last.filter(|_| self.state.is_over());
        over.map_or(self.now.wall, |last| last.wall)
    }

    /// How old a look is; after the end, of when it is.
    pub(crate) fn age(&self, seen: Seen<'_>) -> Words<'static> {
        let last = self.readings.track(&seen.probe.id).and_then(|track| track.last.as_ref());
        match last.filter(|_| self.state.is_over() && seen.standing != Standing::Out) {
            Some(last) => words(Role::Dim, self.hour_minute(last.at)),
            None => seen.age(),
        }
    }

    /// After the end: of when the last values are.
    pub(crate) fn as_of(&self) -> Option<Words<'static>> {
        self.state.is_over().then(|| words(Role::Dim, format!("as of {}", self.hour_minute(self.end()))))
    }

    /// That a probe does not count now: not yet, or no more.
    pub(crate) fn not_watched(&self, probe: &Probe) -> &'static str {
        let begun = |id: &StepId| self.state.step(self.plan, id).is_some_and(StepState::is_settled);
        match &probe.kind {
            ProbeKind::Fence(fence) if self.state.sides.contains_key(&fence.endpoint) => "takes writes",
            ProbeKind::Fence(fence) if self.plan.begins_open(&fence.endpoint) => "not fenced",
            // Nobody has looked: all that is known is that this run has not let anybody write there.
            ProbeKind::Fence(_) => "not opened yet",
            _ if probe.since.as_ref().is_none_or(begun) => "not watched now",
            _ => "not watched yet",
        }
    }

    fn kept(&self, kept: &'a Kept) -> Option<Seen<'a>> {
        let probe = self.plan.probes.get(kept.probe)?;
        Some(Seen { probe, evidence: &kept.evidence, standing: kept.standing })
    }

    /// The key of an action at a gate.
    pub(crate) fn key_at_gate(&self, action: Action) -> Words<'static> {
        let key = self.keys.key_for(Context::Gate, action);
        key.map_or_else(Words::none, |key| words(Role::KeyName, key.to_string()))
    }

    /// The key of an action in a view.
    pub(crate) fn key_in_view(&self, action: Action) -> Words<'static> {
        let key = self.keys.key_for(Context::View, action);
        key.map_or_else(Words::none, |key| words(Role::KeyName, key.to_string()))
    }

    /// The key of an action, as the last line names it.
    pub(crate) fn key(&self, action: Action) -> Words<'static> {
        self.keys
            .key_for(Context::Main, action)
            .map_or_else(Words::none, |key| words(Role::KeyName, key.to_string()))
    }
}
