//! A decision: the only box on the screen.
//!
//! Owns what a person has in front of them at an open gate and what they have typed: [`Desk`]. The engine
//! binds and judges a GO; the part of keys and eyes is here: nothing that was typed before the gate could be
//! read, pasted, or held down becomes an answer, and the code is asked for only when the last row of evidence
//! has been shown. `sheet` folds the evidence into rows, `entry` is the field, `draw` the box.

mod draw;
mod entry;
mod missing;
mod sheet;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::clock::Boot;
use crate::engine::State;
use crate::engine::event::{Decision, SheetLine};
use crate::engine::input::GateAnswer;
use crate::engine::reading::Verdict;
use crate::engine::rules::evidence::Evidence;
use crate::engine::rules::{called, gates};
use crate::plan::{Plan, StepId};
use crate::ui::format;
use crate::ui::input::KeyPress;
use crate::ui::widgets::List;

use super::request::{Code, Request};
use super::scene::Scene;

pub(super) use draw::{GO_NEEDS, draw, is_large_enough};
pub(super) use entry::{Entry, Fault};
pub(super) use missing::{missing, no_contact};

/// A key that comes sooner than this after the gate could be seen was meant for something else.
const REACTION: Duration = Duration::from_millis(250);
/// Why nothing that is typed counts yet.
pub(super) const NOT_READY: &str = "nothing can be said yet: the code comes when everything holds";
/// Who types without a longer pause than this is still typing the same thing; who tries a key again waits longer.
const PAUSE: Duration = Duration::from_millis(250);

/// What a person has in front of them at an open gate.
#[derive(Debug, Default)]
pub(super) struct Desk {
    asked: Option<Asked>,
    /// The evidence list: cursor and window over its rows.
    list: List,
    /// Groups of well evidence that were opened.
    unfolded: Vec<sheet::Group>,
    /// The person looks around; the gate stays open.
    pub(super) aside: bool,
    /// The field in which GO is said, while it is open.
    pub(super) entry: Option<Entry>,
    /// When the gate was first on the screen, whatever sheet it had then.
    seen: Option<Instant>,
    /// When a key was dropped last that came before the gate could be read.
    dropped: Option<Instant>,
    /// What the gate has to say to the person: why an entry was cleared, why a GO was refused.
    pub(super) notice: Option<String>,
}

/// What a line of the sheet was on the sheet before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Was {
    /// It was not on it.
    Absent,
    /// It was worth this.
    Worth(Verdict),
}

/// What is asked.
#[derive(Debug)]
struct Asked {
    gate: StepId,
    revision: u32,
    sheet: u32,
    digest: String,
    lines: Vec<SheetLine>,
    /// What each line was worth on the sheet before, where that differs.
    was: BTreeMap<String, Was>,
    /// When a frame with this sheet was first on the screen.
    shown: Option<Instant>,
    /// All of it held in the last frame, and the engine was there: a GO could be said.
    ready: bool,
    /// The last row was in a frame …
    last_row_drawn: bool,
    /// … and that frame was on the screen, so the code was asked for.
    requested: bool,
    code: Option<Code>,
    /// When that was first drawn, in real boot time: for the seconds until it counts.
    code_since: Option<Boot>,
    /// A GO is on its way to the engine.
    said: bool,
}

impl Desk {
    /// Takes in what the engine asks now; says whether a gate has just opened.
    pub(super) fn follow(&mut self, plan: &Plan, state: &State) -> bool {
        let open = state.open_gate().and_then(|(id, gate)| Some((id, gate.revision, gate.sheet.as_ref()?)));
        let Some((gate, revision, sheet)) = open else {
            if self.asked.is_some() {
                *self = Desk::default();
            }
            return false;
        };
        let new = |was| Asked {
            gate: gate.clone(),
            revision,
            sheet: sheet.number,
            digest: sheet.digest.clone(),
            lines: sheet.lines.clone(),
            was,
            shown: None,
            ready: false,
            last_row_drawn: false,
            requested: false,
            code: None,
            code_since: None,
            said: false,
        };
        match &mut self.asked {
            Some(asked) if asked.gate == *gate && asked.revision == revision => {
                if asked.sheet != sheet.number {
                    let was = differences(&asked.lines, &sheet.lines);
                    self.notice = Some(format!(
                        "sheet {} is void, {} counts: {}",
                        asked.sheet,
                        sheet.number,
                        in_words(plan, &was)
                    ));
                    // The field stays open: letters that are still being typed must not become keys of the gate.
                    if let Some(entry) = &mut self.entry {
                        entry.clear();
                    }
                    self.asked = Some(new(was));
                } else if asked.digest != sheet.digest {
                    asked.digest.clone_from(&sheet.digest);
                    asked.lines.clone_from(&sheet.lines);
                }
                false
            }
            Some(_) | None => {
                *self = Desk { asked: Some(new(BTreeMap::new())), ..Desk::default() };
                true
            }
        }
    }

    /// Which gate is open.
    pub(super) fn gate(&self) -> Option<&StepId> {
        self.asked.as_ref().map(|asked| &asked.gate)
    }

    /// Whether the gate lies on the screen and takes the keys.
    pub(super) fn is_up(&self) -> bool {
        self.asked.is_some() && !self.aside
    }

    /// A code came.
    pub(super) fn on_code(&mut self, code: Code) {
        if let Some(asked) = &mut self.asked
            && (&asked.gate, asked.revision, asked.sheet) == (&code.gate, code.revision, code.sheet)
        {
            asked.code = Some(code);
            asked.code_since = None;
        }
    }

    /// A GO was refused, or something else that was asked at the gate.
    pub(super) fn on_refused(&mut self, why: String) {
        if let Some(asked) = &mut self.asked {
            asked.said = false;
        }
        if let Some(entry) = &mut self.entry {
            entry.clear();
        }
        self.notice = Some(why);
    }

    /// Whether the field may be opened: with a code to type, or while nothing that is typed can count yet. Letters of
    /// whoever types all the same must not become keys of the gate.
    pub(super) fn may_type(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.code.is_some() || !asked.ready)
    }

    /// Whether a GO could be said now.
    pub(super) fn is_ready(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.ready)
    }

    /// A NO-GO at the gate that is open, without its reason.
    pub(super) fn no_go(&self) -> Option<GateAnswer> {
        let asked = self.asked.as_ref()?;
        Some(blank_answer(asked.gate.clone(), asked.revision, asked.sheet, asked.digest.clone()))
    }

    /// A GO with what was typed, or why it is none; what was typed stays where only time is missing.
    pub(super) fn answer(&mut self, scene: &Scene<'_>, press: KeyPress) -> Result<GateAnswer, String> {
        let (Some(asked), Some(entry)) = (&mut self.asked, &mut self.entry) else {
            return Err("no gate is open".to_owned());
        };
        let Some(code) = &asked.code else {
            let why = if asked.ready { "the code has not come yet" } else { NOT_READY };
            return Err(why.to_owned());
        };
        let since = press.at.saturating_duration_since(code.at);
        if let Some(left) = code.arms_in.checked_sub(since).filter(|left| !left.is_zero()) {
            return Err(format!("too early: the gate arms in {}", format::span(left)));
        }
        let wants = gates::entry(scene.plan, &asked.gate);
        let typed = match entry.parts(wants, draw::waivers(&scene.figures.evidence)) {
            Ok(typed) => typed,
            Err(why) => {
                entry.clear();
                return Err(why.to_owned());
            }
        };
        asked.said = true;
        // Upper and lower case are not what a code is about.
        let same = typed.code.eq_ignore_ascii_case(&code.text);
        let code = if same { code.text.clone() } else { typed.code };
        let answer = blank_answer(asked.gate.clone(), asked.revision, asked.sheet, asked.digest.clone());
        Ok(GateAnswer { decision: Decision::Go, code, word: typed.word, waived: typed.waived, ..answer })
    }

    /// A frame is on the screen: asks for the code once its last row of evidence was in it and all of it held. A code
    /// that nobody can use yet stands nowhere, and arms only from when it can be used.
    pub(super) fn shown(&mut self, at: Instant) -> Option<Request> {
        let up = !self.aside;
        let asked = self.asked.as_mut().filter(|_| up)?;
        self.seen.get_or_insert(at);
        asked.shown.get_or_insert(at);
        if !asked.last_row_drawn || !asked.ready || asked.requested {
            return None;
        }
        asked.requested = true;
        Some(Request::ShowGate {
            gate: asked.gate.clone(),
            revision: asked.revision,
            sheet: asked.sheet,
            digest: asked.digest.clone(),
        })
    }

    /// The person was away (the program was stopped, the window lost the keyboard): what was armed is not any
    /// more, and what was typed is gone.
    pub(super) fn disarm(&mut self) {
        self.entry = None;
        self.seen = None;
        if let Some(asked) = &mut self.asked {
            asked.shown = None;
            asked.last_row_drawn = false;
            asked.requested = false;
            asked.code = None;
        }
    }

    /// Whether a key was pressed by somebody who could see this sheet.
    pub(super) fn could_see(&self, pressed: Instant) -> bool {
        let shown = self.asked.as_ref().and_then(|asked| asked.shown);
        shown.is_some_and(|shown| pressed >= shown + REACTION)
    }

    /// Whether a key goes on with what was begun before the gate could be read: of `:answer` without its colon only
    /// commands are left. It ends with a pause in the typing, or with a key that is no letter. One that only `looks` needs
    /// no more than the gate: while a server is gone a sheet follows another, and whoever reads them must be able to.
    pub(super) fn goes_on_unseen(&mut self, press: KeyPress, looks: bool) -> bool {
        let reads = self.seen.filter(|_| looks).is_some_and(|seen| press.at >= seen + REACTION);
        let late = !reads && !self.could_see(press.at) || press.burst;
        let on = |dropped: Instant| press.at < dropped + PAUSE && press.key.text().is_some();
        let unseen = late || self.dropped.is_some_and(on);
        self.dropped = unseen.then_some(press.at);
        unseen
    }

    /// Comes back to the gate, or leaves it for a look around.
    pub(super) fn look_around(&mut self, aside: bool) {
        self.aside = aside;
        self.disarm();
    }

    /// The evidence under the cursor: one line, or the members of a folded group.
    pub(super) fn selected<'e>(&self, scene: &Scene<'_>, evidence: &'e [Evidence]) -> Vec<&'e Evidence> {
        let rows = sheet::rows(scene, evidence, &self.unfolded);
        let at = self.list.selected(rows.len());
        at.and_then(|at| rows.into_iter().nth(at)).map_or_else(Vec::new, |row| row.members)
    }

    /// Folds what was opened last, and puts the cursor there; says whether there was anything.
    pub(super) fn fold(&mut self, scene: &Scene<'_>, evidence: &[Evidence]) -> bool {
        while let Some(group) = self.unfolded.pop() {
            let rows = sheet::rows(scene, evidence, &self.unfolded);
            // What is not well any more stands by itself and cannot be folded.
            if let Some(at) = rows.iter().position(|row| row.folded == Some(group)) {
                self.list.select(at);
                return true;
            }
        }
        false
    }

    /// Opens the group under the cursor; says whether there was one.
    pub(super) fn unfold(&mut self, scene: &Scene<'_>, evidence: &[Evidence]) -> bool {
        let rows = sheet::rows(scene, evidence, &self.unfolded);
        let group = self.list.selected(rows.len()).and_then(|at| rows.get(at)).and_then(|row| row.folded);
        match group {
            Some(group) => {
                self.unfolded.push(group);
                true
            }
            None => false,
        }
    }

    /// Moves the cursor over the evidence.
    pub(super) fn go(&mut self, scene: &Scene<'_>, evidence: &[Evidence], step: crate::ui::widgets::Move) {
        let len = sheet::rows(scene, evidence, &self.unfolded).len();
        self.list.go(step, len);
    }
}

/// What lines were before, where that is not what they are now.
fn differences(before: &[SheetLine], now: &[SheetLine]) -> BTreeMap<String, Was> {
    now.iter()
        .filter_map(|line| match before.iter().find(|b| b.id == line.id) {
            None => Some((line.id.clone(), Was::Absent)),
            Some(was) if was.verdict != line.verdict => Some((line.id.clone(), Was::Worth(was.verdict))),
            Some(_) => None,
        })
        .collect()
}

fn in_words(plan: &Plan, was: &BTreeMap<String, Was>) -> String {
    let mut words: Vec<String> = was
        .iter()
        .take(3)
        .map(|(id, was)| match was {
            Was::Worth(verdict) => format!("{} was {}", called::evidence(plan, id), verdict.word()),
            Was::Absent => format!("{} is new", called::evidence(plan, id)),
        })
        .collect();
    if was.len() > 3 {
        words.push(format!("{} more", was.len() - 3));
    }
    if words.is_empty() { "what it rests on has changed".to_owned() } else { words.join(", ") }
}

/// Everything of an answer but the decision's own part.
fn blank_answer(gate: StepId, revision: u32, sheet: u32, digest: String) -> GateAnswer {
    GateAnswer {
        gate,
        revision,
        sheet,
        digest,
        decision: Decision::NoGo,
        reason: String::new(),
        code: String::new(),
        word: None,
        waived: None,
    }
}
