//! A pane, whole: every line of it, and what belongs below.
//!
//! Owns which pages there are and what rows they have. Rows are built one by one for what is seen.

use ratatui::layout::Rect;

use crate::plan::model::Section;
use crate::ui::actions::Action;
use crate::ui::canvas::{Canvas, piece};
use crate::ui::format;
use crate::ui::layout::{self, Column};
use crate::ui::theme::Role;
use crate::ui::widgets::{List, spark};

use super::compared::More;
use super::item::Item;
use super::row::{Row, Words, heading, words};
use super::scene::{Columns, Scene};
use super::section::{Line, PANES, PaneId};
use super::{compared, freeze, journal, replication, timeline};

/// What fills the screen between the first lines and the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Page {
    /// The cockpit.
    #[default]
    Main,
    /// Planned, forecast, actual.
    Timeline,
    /// Every link with its course.
    Replication,
    /// Fences, controls, monitors, and the census of sessions.
    Freeze,
    /// What was compared or tried, the tables, and the rows that differ.
    Validation,
    /// The roster.
    People,
    /// Every record.
    Journal,
    /// How it ended.
    Ending,
}

impl Page {
    /// The page that an action shows.
    pub(super) fn of(action: Action) -> Option<Page> {
        Some(match action {
            Action::ViewCockpit => Page::Main,
            Action::ViewTimeline => Page::Timeline,
            Action::ViewReplication => Page::Replication,
            Action::ViewFreeze => Page::Freeze,
            Action::ViewValidation => Page::Validation,
            Action::ViewPeople => Page::People,
            Action::ViewJournal => Page::Journal,
            Action::ViewEnding => Page::Ending,
            _ => return None,
        })
    }
}

type RowAt<'a> = Box<dyn Fn(usize, Rect) -> Row<'a> + 'a>;

/// The rows of a page.
pub(super) struct Content<'a> {
    title: &'static str,
    note: Words<'a>,
    /// How many rows there are.
    pub(super) len: usize,
    row: RowAt<'a>,
    /// What is said where there are none.
    empty: &'static str,
}

impl<'a> Content<'a> {
    /// A row, as it would stand in a place.
    pub(super) fn row(&self, at: usize, place: Rect) -> Row<'a> {
        (self.row)(at, place)
    }

    /// What a row stands for; headings and free rows stand for nothing.
    pub(super) fn item(&self, at: usize) -> Option<Item> {
        (at < self.len).then(|| self.row(at, Rect::new(0, 0, 200, 1)).item).flatten()
    }

    /// Puts the cursor on a row that stands for something, on its way down or up.
    pub(super) fn settle(&self, list: &mut List, down: bool) {
        let Some(at) = list.selected(self.len).filter(|at| self.item(*at).is_none()) else { return };
        let stands = |at: &usize| self.item(*at).is_some();
        let (below, above) = (at + 1..self.len, 0..at);
        let next = if down {
            below.clone().find(stands).or_else(|| above.rev().find(stands))
        } else {
            above.rev().find(stands).or_else(|| below.clone().find(stands))
        };
        if let Some(next) = next {
            list.select(next);
        }
        // A heading above the first of them stays in view.
        if next.is_some_and(|next| (0..next).all(|at| !stands(&at))) {
            list.scroll_to_top();
        }
    }
}

/// The rows of a page now.
pub(super) fn content(scene: Scene<'_>, page: Page) -> Content<'_> {
    match page {
        Page::Main | Page::Ending => {
            Content { title: "", note: Words::none(), len: 0, row: Box::new(|_, _| Row::new()), empty: "" }
        }
        Page::Timeline => timeline_page(scene),
        Page::Replication => lines_page(scene, PaneId::Replication, Section::Replication, Vec::new()),
        Page::Freeze => lines_page(scene, PaneId::Freeze, Section::Freeze, census(scene)),
        Page::Validation => lines_page(scene, PaneId::Validation, Section::Validation, compared::rows(scene)),
        Page::People => people_page(scene),
        Page::Journal => journal_page(scene),
    }
}

fn lines_page<'a>(scene: Scene<'a>, id: PaneId, section: Section, more: Vec<More<'a>>) -> Content<'a> {
    let pane = PANES.iter().find(|pane| pane.id == id);
    let note = pane.map_or_else(Words::none, |pane| pane.gather(&scene).note);
    let lines: Vec<Line<'a>> = scene.whole_section(section).into_iter().map(Line::Probe).collect();
    let gap = usize::from(!more.is_empty());
    Content {
        title: pane.map_or("", |pane| pane.title),
        note,
        len: lines.len() + gap + more.len(),
        row: Box::new(move |at, place| match lines.get(at) {
            Some(line) => line.row(&scene, Columns::whole(scene.plan, section, place), &[]),
            None => match at.checked_sub(lines.len() + gap).and_then(|at| more.get(at)) {
                Some(row) => row(place),
                None => Row::new(),
            },
        }),
        empty: "this plan measures nothing here",
    }
}

/// Who could still write, a row each.
fn census<'a>(scene: Scene<'a>) -> Vec<More<'a>> {
    let sessions = freeze::sessions(&scene);
    if sessions.is_empty() {
        return Vec::new();
    }
    let mut rows: Vec<More<'a>> =
        vec![Box::new(|place| heading(place, words(Role::Title, "Sessions older than the fence")))];
    for (endpoint, session) in sessions {
        rows.push(Box::new(move |place| {
            let [sign, name, account, since, wrote, why] = layout::columns(
                place.x,
                place.width,
                [
                    Column::fixed(1).gap(0),
                    Column::fixed(16),
                    Column::fixed(18).optional(),
                    Column::fixed(16),
                    Column::fixed(15),
                    Column::rest(12).optional(),
                ],
            );
            let last = session.last_write.map_or_else(|| "not known".to_owned(), |at| scene.time(at));
            let began = scene.other_day(session.since).unwrap_or_else(|| scene.time(session.since));
            // From where, and what is known of why it may write.
            let from = session.client.as_ref().map(|host| format!("from {host}"));
            let spared = session.spared.as_ref().map(|why| format!("spared: {why}"));
            let known: Vec<String> = from.into_iter().chain(session.passes.clone()).chain(spared).collect();
            Row::new()
                .left(sign, words(Role::Caution, scene.glyphs.alarm))
                .left(name, words(Role::Caution, session.application.as_str()))
                .left(account, words(Role::Normal, format!("{} on {endpoint}", session.account)))
                .left(since, words(Role::Dim, "since ").and(Role::Figure, began))
                .left(wrote, words(Role::Dim, "wrote ").and(Role::Figure, last))
                .left(why, words(Role::Dim, known.join(", ")))
                .of(Item::Session(endpoint.clone(), session.id.clone()))
        }));
    }
    rows
}

fn people_page(scene: Scene<'_>) -> Content<'_> {
    let people = &scene.plan.people;
    let contacts = &scene.plan.contacts;
    let note = [("change", &contacts.change), ("bridge", &contacts.bridge), ("chat", &contacts.chat)]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)))
        .collect::<Vec<_>>()
        .join("   ");
    Content {
        title: "People",
        note: words(Role::Dim, note),
        len: people.len(),
        row: Box::new(move |at, place| {
            let Some(person) = people.get(at) else { return Row::new() };
            let [name, role, contact, backup, may] = layout::columns(
                place.x,
                place.width,
                [
                    Column::fixed(12).gap(2),
                    Column::fixed(12),
                    Column::rest(20),
                    Column::fixed(20).optional(),
                    Column::fixed(24).optional(),
                ],
            );
            let drives = scene.state.operator.as_ref().is_some_and(|o| o.name == person.id.as_str());
            let backup_text = person.backup.as_ref().map_or_else(String::new, |b| format!("{b} stands in"));
            let contact_text = match &person.contact {
                Some(contact) => words(Role::Figure, contact.as_str()),
                None => words(Role::Dim, "the plan does not say how to reach them"),
            };
            let may_text = match (drives, person.rollback) {
                (true, _) => words(Role::Bright, "has the keys"),
                (false, true) => words(Role::Dim, "may order the way back"),
                (false, false) => Words::none(),
            };
            Row::new()
                .left(name, words(if drives { Role::Bright } else { Role::Normal }, person.id.as_str()))
                .left(role, words(Role::Normal, person.role.as_str()))
                .left(contact, contact_text)
                .left(backup, words(Role::Dim, backup_text))
                .left(may, may_text)
                .of(Item::Person(person.id.clone()))
        }),
        empty: "the plan names nobody",
    }
}

fn journal_page(scene: Scene<'_>) -> Content<'_> {
    Content {
        title: "Journal",
        note: journal::note(&scene),
        len: scene.figures.lines.len(),
        row: Box::new(move |at, place| {
            let line = scene.figures.lines.get(at).and_then(|(record, n)| {
                journal::row(&scene, scene.journal.get(*record)?, *n, journal::Columns::new(place))
            });
            line.unwrap_or_default()
        }),
        empty: "nothing has happened yet",
    }
}

fn timeline_page(scene: Scene<'_>) -> Content<'_> {
    let parts = &scene.figures.parts;
    let longest = timeline::longest(&scene);
    // A phase is a row, then its steps.
    let starts: Vec<usize> = parts
        .iter()
        .scan(0, |at, part| {
            let start = *at;
            *at += part.slots.len() + 1;
            Some(start)
        })
        .collect();
    let len = parts.iter().map(|part| part.slots.len() + 1).sum();
    Content {
        title: "Timeline",
        note: timeline::note(&scene),
        len,
        row: Box::new(move |at, place| {
            let part = starts.partition_point(|start| *start <= at).saturating_sub(1);
            let within = at - starts.get(part).copied().unwrap_or(0);
            match (parts.get(part), within.checked_sub(1)) {
                (Some(part), None) => timeline::phase_row(&scene, part, place, longest.phase),
                (Some(part), Some(step)) => match part.slots.get(step) {
                    Some(slot) => timeline::step_row(&scene, slot, place, longest.step),
                    None => Row::new(),
                },
                (None, _) => Row::new(),
            }
        }),
        empty: "the plan has no steps",
    }
}

/// Draws a page over the body; the selected link's course stands below its rows.
pub(super) fn draw(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect, page: Page, list: &mut List) {
    let content = content(*scene, page);
    let mut place = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if page == Page::Replication && area.height > 12 {
        let rows = u16::try_from(content.len).unwrap_or(u16::MAX).min(area.height / 2);
        let chart = Rect { y: place.y + rows + 1, height: place.height - rows - 1, ..area };
        place.height = rows;
        let link = list.selected(content.len).and_then(|at| content.item(at));
        course(canvas, scene, chart, link.as_ref());
    }
    if content.len == 0 {
        canvas.text(place.x + 2, place.y, place.width.saturating_sub(2), content.empty, Role::Dim);
    }
    content.settle(list, true);
    list.draw(canvas, place, content.len, |canvas, at, place, _| {
        content.row(at, place).draw(canvas, place.y);
    });
    let position = list.position(content.len).map(|position| words(Role::Dim, format!(" {position} ")));
    let title = u16::try_from(content.title.len()).unwrap_or(0);
    let both = content.note.width() + position.as_ref().map_or(0, Words::width) + title + 8;
    match position {
        // Where one is in it comes before how much of it there is.
        Some(position) if both > area.width => canvas.head(area, content.title, &position.0, true),
        Some(position) => {
            canvas.head(area, content.title, &content.note.0, true);
            let right = area.right().saturating_sub(content.note.width() + 3);
            canvas.line_right(right, area.y, 30, &position.0);
        }
        None => canvas.head(area, content.title, &content.note.0, true),
    }
}

/// The course of a link over the looks that are kept, with its highest value.
pub(super) fn course(canvas: &mut Canvas<'_>, scene: &Scene<'_>, area: Rect, item: Option<&Item>) {
    let Some(Item::Probe(id)) = item else { return };
    let (Some(seen), Some(track)) = (scene.seen(id), scene.readings.track(id)) else { return };
    if area.height < 3 || track.trend.is_empty() {
        return;
    }
    let span = track.trend.front().zip(track.trend.back()).map(|((from, _), (to, _))| to.since(*from));
    let top = track.trend.iter().filter_map(|(_, behind)| *behind).max().unwrap_or(0);
    let unit = scene.readings.lag(id).map(|lag| lag.unit);
    let most = unit.map_or_else(|| format::count(top), |unit| replication::amount(top, unit));
    let note = format!("{most} at most, over {}", format::span(span.unwrap_or_default()));
    canvas.head(area, &format!("{} behind", seen.probe.title), &[piece(note, Role::Dim)], false);
    let role = replication::call(scene, seen).role(Role::Gauge);
    let place =
        Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(2), height: area.height - 1 };
    let columns = usize::from(place.width);
    // One look takes as many columns as there are to fill, so that a short history is not a corner.
    let looks = replication::course(track, columns);
    let each = (columns / looks.len().max(1)).max(1);
    let values: Vec<Option<f64>> = looks.into_iter().flat_map(|v| std::iter::repeat_n(v, each)).collect();
    spark(canvas, place, &values, 0.0, role);
}
