//! Moving around: the cursor of the main screen, of the pages, of what lies over them; and finding.

use crate::ui::actions::Action;
use crate::ui::widgets::Move;

use super::cockpit::{Cockpit, Over, drives, mode_of, scene};
use super::item::Item;
use super::scene::Scene;
use super::section::{PANES, PaneId};
use super::standing::Call;
use super::view::Main;
use super::views::{self, Page};
use super::{document, journal};

use ratatui::layout::Rect;

/// Steps that a page key goes.
const PAGE: usize = 10;

impl Main {
    /// Goes along with the run again.
    pub(super) fn follow(&mut self) {
        self.focus.chosen = None;
        self.checklist.chosen = None;
    }

    /// What somebody has selected.
    pub(super) fn chosen(&self) -> Option<&Item> {
        self.focus.chosen.as_ref()
    }

    /// What is selected, or what would be meant without a choice: in the checklist the step that runs.
    pub(super) fn selected(&self, scene: &Scene<'_>) -> Option<Item> {
        if let Some(chosen) = &self.focus.chosen {
            return Some(chosen.clone());
        }
        match self.focus.pane {
            PaneId::Checklist => {
                let slot = scene.figures.front?;
                scene.plan.at_slot(slot).map(|step| Item::Step(step.id.clone()))
            }
            pane => items(scene, pane).into_iter().next(),
        }
    }

    /// Gives the keys to another pane, and selects in it what calls most.
    pub(super) fn turn(&mut self, scene: &Scene<'_>, action: Action) {
        const ORDER: [PaneId; 7] = [
            PaneId::Checklist,
            PaneId::Replication,
            PaneId::Freeze,
            PaneId::Validation,
            PaneId::Environment,
            PaneId::Alarms,
            PaneId::Journal,
        ];
        let at = ORDER.iter().position(|id| *id == self.focus.pane).unwrap_or(0);
        let has_lines = |id: &PaneId| *id == PaneId::Checklist || !items(scene, *id).is_empty();
        let next = match action {
            Action::Left => Some(PaneId::Checklist),
            Action::Right if self.focus.pane == PaneId::Checklist => Some(PaneId::Replication),
            Action::Right => None,
            Action::FocusPrevious => {
                let before = ORDER.iter().cycle().skip(at + 1).take(ORDER.len() - 1);
                before.filter(|id| has_lines(id)).last().copied()
            }
            _ => ORDER.iter().cycle().skip(at + 1).take(ORDER.len()).find(|id| has_lines(id)).copied(),
        };
        let Some(next) = next.filter(|next| *next != self.focus.pane) else { return };
        self.focus.pane = next;
        self.checklist.chosen = None;
        self.focus.chosen = match next {
            PaneId::Checklist => None,
            pane => worst(scene, pane),
        };
    }

    fn go(&mut self, scene: &Scene<'_>, step: Move) {
        if self.focus.pane == PaneId::Checklist {
            return self.go_steps(scene, step);
        }
        let items = items(scene, self.focus.pane);
        let at = self.focus.chosen.as_ref().and_then(|item| items.iter().position(|i| i == item));
        let to = moved(at, items.len(), step);
        self.focus.chosen = to.and_then(|to| items.get(to).cloned());
    }

    fn go_steps(&mut self, scene: &Scene<'_>, step: Move) {
        let parts = &scene.figures.parts;
        let len: usize = parts.iter().map(|part| part.slots.len()).sum();
        let place_of = |slot: usize| {
            let mut before = 0;
            for part in parts {
                if let Some(place) = part.slots.place(slot) {
                    return Some(before + place);
                }
                before += part.slots.len();
            }
            None
        };
        let at = self.checklist.chosen.and_then(place_of);
        let from = at.or_else(|| scene.figures.front.and_then(place_of));
        // The first key shows where the cursor is; the next ones move it.
        let to =
            if at.is_none() && matches!(step, Move::Up | Move::Down) { from } else { moved(from, len, step) };
        let Some(mut to) = to else { return };
        for part in parts {
            if let Some(slot) = part.slots.get(to) {
                return self.choose_step(scene, slot);
            }
            to -= part.slots.len();
        }
    }

    /// Selects a step.
    fn choose_step(&mut self, scene: &Scene<'_>, slot: usize) {
        self.focus.pane = PaneId::Checklist;
        self.checklist.chosen = Some(slot);
        self.focus.chosen = scene.plan.at_slot(slot).map(|step| Item::Step(step.id.clone()));
    }
}

fn moved(at: Option<usize>, len: usize, step: Move) -> Option<usize> {
    let last = len.checked_sub(1)?;
    let Some(at) = at else {
        return Some(if matches!(step, Move::Bottom | Move::Up) { last } else { 0 });
    };
    Some(match step {
        Move::Up => at.saturating_sub(1),
        Move::Down => (at + 1).min(last),
        Move::PageUp => at.saturating_sub(PAGE),
        Move::PageDown => (at + PAGE).min(last),
        Move::Top => 0,
        Move::Bottom => last,
    })
}

/// What can be selected in a pane, in the order of its lines.
fn items(scene: &Scene<'_>, pane: PaneId) -> Vec<Item> {
    match pane {
        PaneId::Checklist => Vec::new(),
        PaneId::Journal => {
            let rows = journal::last(scene, Rect::new(0, 0, 120, 1), 12);
            rows.into_iter().filter_map(|row| row.item).collect()
        }
        pane => PANES
            .iter()
            .filter(|p| p.id == pane)
            .flat_map(|p| p.gather(scene).lines)
            .map(|line| line.item())
            .collect(),
    }
}

fn worst(scene: &Scene<'_>, pane: PaneId) -> Option<Item> {
    let lines = PANES.iter().filter(|p| p.id == pane).flat_map(|p| p.gather(scene).lines);
    let worst = lines.rev_max(|line| line.call(scene));
    worst.map(|line| line.item()).or_else(|| items(scene, pane).into_iter().next())
}

/// The first of those that are greatest.
trait RevMax: Iterator + Sized {
    fn rev_max(self, by: impl Fn(&Self::Item) -> Call) -> Option<Self::Item> {
        self.reduce(|best, next| if by(&next) > by(&best) { next } else { best })
    }
}

impl<I: Iterator> RevMax for I {}

impl Cockpit {
    /// Moves the cursor of whatever has the keys.
    pub(super) fn go(&mut self, step: Move) {
        match self.over.last_mut() {
            Some(Over::Detail(detail)) => return detail.go(step),
            Some(Over::Help(help)) => return help.scroll.go(step),
            Some(Over::Commands(commands)) => return commands.go(step),
            Some(Over::Prompt(_) | Over::Find(_) | Over::Quit) => return,
            None => {}
        }
        let Some(scene) = scene!(self) else { return };
        match self.page {
            Page::Ending => self.ending.scroll.go(step),
            Page::Main if self.desk.is_up() => self.desk.go(&scene, &scene.figures.evidence, step),
            Page::Main => self.main.go(&scene, step),
            page => {
                let content = views::content(scene, page);
                let list = self.lists.entry(page).or_default();
                list.go(step, content.len);
                content.settle(list, matches!(step, Move::Down | Move::PageDown | Move::Top));
            }
        }
    }

    /// Selects what the mouse points at; the pane that it stands in gets the keys.
    pub(super) fn point(&mut self, x: u16, y: u16) {
        let Some(scene) = scene!(self) else { return };
        if !self.over.is_empty() || self.desk.is_up() {
            return;
        }
        if self.page == Page::Main {
            match self.main.focus.at(x, y) {
                Some((PaneId::Checklist, Item::Step(id))) => {
                    if let Some(slot) = scene.plan.slot(&id) {
                        self.main.choose_step(&scene, slot);
                    }
                }
                Some((pane, item)) => {
                    self.main.follow();
                    (self.main.focus.pane, self.main.focus.chosen) = (pane, Some(item));
                }
                None => {}
            }
        } else {
            let content = views::content(scene, self.page);
            let (len, list) = (content.len, self.lists.entry(self.page).or_default());
            // The head stands on the fourth row, the first line below it.
            let rows = usize::from(self.screen.1.saturating_sub(6));
            if let Some(row) = y.checked_sub(4).map(usize::from).filter(|row| *row < rows) {
                let row = list.window(len, rows).start + row;
                if content.item(row).is_some() {
                    list.select(row);
                }
            }
        }
    }

    /// Goes to the next match of what was searched for, or the one before.
    pub(super) fn find(&mut self, forward: bool) {
        let wanted = self.search.trim().to_lowercase();
        if wanted.is_empty() {
            self.notice = Some((Call::Advisory, "nothing was searched for yet: / searches".to_owned()));
            return;
        }
        let Some(scene) = scene!(self) else { return };
        let found = match self.over.last_mut() {
            Some(Over::Detail(detail)) => {
                let doc = detail.lay(document::of(&scene, &detail.item, &self.outputs));
                let lines: Vec<String> = doc.text().lines().skip(1).map(str::to_lowercase).collect();
                let at = search(lines.len(), Some(detail.top()), forward, |at| {
                    lines.get(at).is_some_and(|line| line.contains(&wanted))
                });
                at.map(|at| detail.show(at)).is_some()
            }
            Some(_) => false,
            None => match self.page {
                Page::Main => {
                    let len = scene.state.steps.len();
                    let at = search(len, self.main.checklist.chosen, forward, |slot| {
                        scene.plan.at_slot(slot).is_some_and(|step| {
                            step.title.to_lowercase().contains(&wanted) || step.id.as_str().contains(&wanted)
                        })
                    });
                    at.map(|slot| self.main.choose_step(&scene, slot)).is_some()
                }
                page => {
                    let content = views::content(scene, page);
                    let list = self.lists.entry(page).or_default();
                    let place = Rect::new(0, 0, 200, 1);
                    let at = search(content.len, list.selected(content.len), forward, |at| {
                        content.row(at, place).plain().to_lowercase().contains(&wanted)
                    });
                    at.map(|at| list.select(at)).is_some()
                }
            },
        };
        if !found {
            self.notice = Some((Call::Advisory, format!("nothing here says {wanted:?}")));
        }
    }
}

/// The next of `len` that fits, after or before a place, going round.
fn search(len: usize, from: Option<usize>, forward: bool, fits: impl Fn(usize) -> bool) -> Option<usize> {
    let from = from.map_or(if forward { 0 } else { len }, |from| if forward { from + 1 } else { from });
    let ahead = from.min(len)..len;
    let behind = 0..from.min(len);
    if forward {
        ahead.chain(behind).find(|at| fits(*at))
    } else {
        behind.rev().chain(ahead.rev()).find(|at| fits(*at))
    }
}
