//! The page on which a run begins: what it will do to what, who drives, when this very plan was last
//! rehearsed. Typing the target's word starts it, and nothing else does.

use ratatui::layout::Rect;

use crate::clock::{Now, Timestamp};
use crate::plan::model::Window;
use crate::plan::{Plan, StepId};
use crate::ui::canvas::Canvas;
use crate::ui::format;
use crate::ui::glyphs::Glyphs;
use crate::ui::input::KeyPress;
use crate::ui::theme::Role;
use crate::ui::widgets::{Field, Move, Scroll};

use super::row::{Words, hang, words};
use super::start_page::{Stands, StartPage};
use super::words::{grouped, zoned};

/// The page while it is open.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) page: StartPage,
    field: Field,
    wrong: Option<String>,
    scroll: Scroll,
    /// The word was typed; the run is being made.
    pub(super) begun: bool,
}

impl Start {
    pub(super) fn new(page: StartPage) -> Start {
        Start { page, field: Field::default(), wrong: None, scroll: Scroll::default(), begun: false }
    }

    pub(super) fn press(&mut self, press: KeyPress) {
        self.wrong = None;
        if press.burst {
            self.paste();
        } else if !self.begun {
            self.field.press(press.key);
        }
    }

    /// A paste starts nothing.
    pub(super) fn paste(&mut self) {
        self.field.clear();
        self.wrong = Some("a paste starts nothing: type the word".to_owned());
    }

    /// The word as typed, where it is the right one and nothing is in the way.
    pub(super) fn submit(&mut self) -> Option<String> {
        let typed = self.field.text().trim().to_owned();
        if self.begun {
            return None;
        }
        // What is in the way comes first: no word would start it.
        self.wrong = self.page.in_the_way();
        if self.wrong.is_some() {
            return None;
        }
        if typed != self.page.plan.target {
            self.wrong = Some("that is not the target's word".to_owned());
            self.field.clear();
            return None;
        }
        self.wrong = match self.page.stands() {
            Stands::Asking(id) => Some(format!("{id} is still being asked: enter again")),
            Stands::Ready | Stands::Blocked | Stands::NotProved(_) => None,
        };
        if self.wrong.is_some() {
            return None;
        }
        self.begun = true;
        Some(typed)
    }

    /// Whether enter may start something.
    pub(super) fn may_start(&self) -> bool {
        !self.begun && self.page.in_the_way().is_none()
    }

    /// Forgets what was typed; says false where nothing was.
    pub(super) fn clear(&mut self) -> bool {
        let typed = !self.field.is_empty() && !self.begun;
        if typed {
            self.wrong = None;
            self.field.clear();
        }
        typed
    }

    /// The engine said no.
    pub(super) fn on_refused(&mut self) {
        self.begun = false;
        self.field.clear();
    }

    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, now: Now) {
        let screen = canvas.area();
        let mode = canvas.mode();
        let glyphs = canvas.glyphs();
        let width = screen.width.saturating_sub(1);
        let badge = format!(" {} ", mode.word());
        let x = canvas.text(0, 0, width, badge, mode.word_role());
        let (time, zone) = zoned(now.wall, self.page.plan.offset);
        let first = words(Role::Bright, self.page.plan.name.as_str());
        canvas.line(x + 2, 0, width.saturating_sub(x + 26), &first.0);
        let clock = words(Role::Bright, time).and(Role::Normal, format!(" {zone}"));
        canvas.line_right(width, 0, 22, &clock.0);

        let area = Rect { x: 0, y: 2, width, height: screen.height.saturating_sub(6) };
        let mut scroll = std::mem::take(&mut self.scroll);
        let lines = self.lines(glyphs, screen.height < 24, area.width.saturating_sub(3));
        // Whatever does not fit is said to be there: nobody starts past a warning that was below the edge.
        let scrolls = lines.len() > usize::from(area.height);
        let shown = usize::from(area.height.saturating_sub(u16::from(scrolls)));
        let seen = scroll.window(lines.len(), shown);
        for (y, line) in (area.y..area.bottom()).zip(lines.iter().take(seen.end).skip(seen.start)) {
            match line {
                Line::Head(title) => {
                    canvas.head(Rect { y, height: 1, ..area }, title, &[], false);
                }
                Line::Words(line) => {
                    canvas.line(area.x + 2, y, area.width.saturating_sub(3), &line.0);
                }
                Line::Empty => {}
            }
        }
        if let Some(place) = scroll.position() {
            let place = format!("{place} lines  ");
            let line = words(Role::Dim, place).and(Role::KeyName, "pgup pgdn").and(Role::Dim, " the others");
            canvas.line(area.x + 2, area.bottom().saturating_sub(1), area.width.saturating_sub(3), &line.0);
        }
        drop(lines);
        self.scroll = scroll;
        self.draw_entry(canvas, screen);
    }

    /// The page from top to end; where there is little room, only what may stop somebody, without heads.
    fn lines<'a>(&'a self, glyphs: &Glyphs, narrow: bool, room: u16) -> Vec<Line<'a>> {
        let mut out = Vec::new();
        for Part { title, lines, weighs } in self.parts(glyphs) {
            if lines.is_empty() || (narrow && !weighs) {
                continue;
            }
            if !narrow {
                if !out.is_empty() {
                    out.push(Line::Empty);
                }
                out.push(Line::Head(title));
            }
            let said =
                lines.into_iter().filter(|(label, _)| !narrow || !SMALL_PRINT.contains(&label.as_str()));
            out.extend(
                said.flat_map(|(label, text)| hang(&label, LABEL, &text, room, MOST_LINES)).map(Line::Words),
            );
        }
        out
    }

    /// Goes through a page that is longer than the screen.
    pub(super) fn go(&mut self, step: Move) {
        self.scroll.go(step);
    }

    fn draw_entry(&self, canvas: &mut Canvas<'_>, screen: Rect) {
        let y = screen.height.saturating_sub(4);
        let width = screen.width.saturating_sub(2);
        let line = if self.begun {
            words(Role::Bright, "The run is being made …")
        } else {
            match self.page.stands() {
                Stands::Ready => words(Role::Bright, "Type ")
                    .and(Role::GateCode, self.page.plan.target.as_str())
                    .and(Role::Bright, " to start. ")
                    .and(Role::Dim, "Until then nothing is touched."),
                Stands::Blocked | Stands::NotProved(_) => {
                    words(Role::Caution, "It cannot start: mend what is marked, then run it again.")
                }
                Stands::Asking(id) => words(Role::Bright, format!("Wait: {id} is being asked what it is.")),
            }
        };
        canvas.line(1, y, width, &line.0);
        if !self.begun {
            self.field.draw(canvas, Rect { x: 1, y: y + 1, width: 30, height: 1 }, "");
        }
        if let Some(wrong) = &self.wrong {
            // Beside the field, or below it where that is too little room.
            let text = words(Role::Caution, wrong.as_str());
            let room = width.saturating_sub(34);
            let (x, y) = if text.width() <= room { (34, y + 1) } else { (1, y + 2) };
            canvas.line(x, y, width.saturating_sub(x - 1), &text.0);
        }
    }

    fn parts<'a>(&'a self, glyphs: &Glyphs) -> Vec<Part<'a>> {
        let page = &self.page;
        let minds = page.blocks.iter().map(|text| (glyphs.alarm, Role::Warning, text));
        let minds = minds.chain(page.cautions.iter().map(|text| (glyphs.unknown, Role::Caution, text)));
        let minds =
            minds.map(|(sign, role, text)| (String::new(), words(role, format!("{sign} ")).and(role, text)));
        vec![
            Part { title: "What", lines: self.what(), weighs: true },
            Part { title: "Systems", lines: self.systems(glyphs), weighs: true },
            Part { title: "Before you start", lines: minds.collect(), weighs: true },
            Part { title: "Rehearsed", lines: self.rehearsed(), weighs: true },
            Part { title: "People", lines: self.people(), weighs: false },
        ]
    }

    fn what(&self) -> Vec<(String, Words<'_>)> {
        let plan = &self.page.plan;
        let hash = grouped(&plan.pins.resolved);
        let mut lines = vec![
            (
                "plan",
                words(Role::Normal, self.page.path.as_str()).and(Role::Dim, "  ").and(Role::Figure, hash),
            ),
            (
                "moves users",
                words(Role::Normal, "from ")
                    .and(Role::Bright, plan.source.as_str())
                    .and(Role::Normal, " to ")
                    .and(Role::Bright, plan.target.as_str()),
            ),
            ("window", window(plan)),
        ];
        if let Some(budget) = plan.outage_budget {
            lines.push((
                "read-only",
                words(Role::Normal, "at most ").and(Role::Figure, format::clock(budget)),
            ));
        }
        if let Some(impact) = &plan.impact {
            lines.push(("impact", words(Role::Normal, impact.as_str())));
        }
        let steps = format::counted(plan.steps.len() as u64, "step", "steps");
        let phases = format::counted(plan.phases.len() as u64, "phase", "phases");
        lines.push(("checklist", words(Role::Normal, format!("{steps} in {phases}"))));
        lines.into_iter().map(|(label, text)| (label.to_owned(), text)).collect()
    }

    fn systems(&self, glyphs: &Glyphs) -> Vec<(String, Words<'_>)> {
        let says = self.page.endpoints.iter().map(|(id, says)| {
            let text = match says {
                None => words(Role::Dim, "is being asked what it is"),
                Some(Ok(text)) => {
                    words(Role::Proved, format!("{} ", glyphs.proved)).and(Role::Normal, text.as_str())
                }
                Some(Err(text)) => {
                    words(Role::Warning, format!("{} ", glyphs.alarm)).and(Role::Warning, text.as_str())
                }
            };
            (id.to_string(), text)
        });
        says.collect()
    }

    fn rehearsed(&self) -> Vec<(String, Words<'_>)> {
        let label = "rehearsed".to_owned();
        let Some(last) = &self.page.rehearsed else {
            return vec![(label, words(Role::Caution, "never: nobody knows how long this very plan takes"))];
        };
        let offset = self.page.plan.offset;
        let when = format!("{} {}", date(last.at, offset), last.at.hour_minute(offset));
        let what = words(Role::Normal, format!("number {}, {}, on ", last.number, last.grade))
            .and(Role::Figure, when);
        let changed = if last.changed.is_empty() {
            words(Role::Normal, "nothing")
        } else {
            words(Role::Caution, last.changed.iter().map(StepId::as_str).collect::<Vec<_>>().join(", "))
        };
        vec![(label, what), ("changed since".to_owned(), changed)]
    }

    fn people(&self) -> Vec<(String, Words<'_>)> {
        let page = &self.page;
        let you =
            words(Role::Bright, page.operator.as_str()).and(Role::Dim, format!(", as {}", page.account));
        let roster = page.plan.people.iter().map(|person| {
            let contact = person.contact.as_deref().unwrap_or("the plan does not say how to reach them");
            let text = words(Role::Normal, person.id.as_str()).and(Role::Dim, "  ").and(Role::Dim, contact);
            (person.role.clone(), text)
        });
        std::iter::once(("you".to_owned(), you)).chain(roster).collect()
    }
}

/// A line of the page.
enum Line<'a> {
    Head(&'static str),
    Words(Words<'a>),
    Empty,
}

/// A part of the page: its head, its lines by label, and whether it may stop somebody.
struct Part<'a> {
    title: &'static str,
    lines: Vec<(String, Words<'a>)>,
    weighs: bool,
}

/// A text is cut after so many lines.
const MOST_LINES: usize = 4;
/// Columns of a label before its text.
const LABEL: u16 = 16;
/// What is left out on a small screen.
const SMALL_PRINT: [&str; 3] = ["impact", "checklist", "read-only"];

fn window(plan: &Plan) -> Words<'static> {
    match plan.window {
        Window::Fixed { opens, closes } => words(Role::Figure, opens.hour_minute(plan.offset))
            .and(Role::Normal, " to ")
            .and(Role::Figure, closes.hour_minute(plan.offset))
            .and(Role::Dim, format!(" on {}", date(opens, plan.offset))),
        Window::FromStart { length } => {
            words(Role::Figure, format::span(length)).and(Role::Normal, " from the start")
        }
    }
}

/// A day as people write it: `5 Dec 2026`.
pub(super) fn date(at: Timestamp, offset: i32) -> String {
    at.at(offset).map_or_else(|| "?".to_owned(), |t| t.format("%-d %b %Y").to_string())
}
