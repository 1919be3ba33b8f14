//! Every action by name, found by a few letters.

use ratatui::layout::Rect;

use crate::ui::actions::{Action, Context, TABLE};
use crate::ui::canvas::{Canvas, piece};
use crate::ui::keymap::Keymap;
use crate::ui::palette::{Entry, Found, Palette};
use crate::ui::theme::Role;
use crate::ui::widgets::{Field, List, Move};

use super::request::Extra;

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// As its key does.
    Act(Action),
    /// Something that the caller added.
    Extra(String),
    /// Another theme.
    Theme(String),
    /// It means nothing here and now: why.
    Not(String),
}

/// The palette while it is open.
#[derive(Debug)]
pub(super) struct Commands {
    field: Field,
    list: List,
    entries: Vec<Entry>,
    does: Vec<Command>,
    keys: Vec<String>,
    search: Palette,
    found: Vec<Found>,
}

impl Commands {
    /// Everything that can be done. `why_not` says of what means nothing here and now why it does not.
    pub(super) fn new(
        keymap: &Keymap,
        extras: &[Extra],
        themes: &[String],
        why_not: impl Fn(Action) -> Option<String>,
    ) -> Commands {
        let mut all = Commands {
            field: Field::default(),
            list: List::default(),
            entries: Vec::new(),
            does: Vec::new(),
            keys: Vec::new(),
            search: Palette::default(),
            found: Vec::new(),
        };
        for row in TABLE.iter().filter(|row| row.in_palette) {
            let key =
                keymap.key_for(Context::Main, row.action).map_or_else(String::new, |key| key.to_string());
            all.add(row.id, row.help, key, Command::Act(row.action));
        }
        for extra in extras {
            let title = format!("{}: {}", extra.title, extra.help);
            all.add(&extra.id, &title, String::new(), Command::Extra(extra.id.clone()));
        }
        for theme in themes {
            let title = format!("Shows everything in the {theme} theme.");
            all.add(&format!("theme.{theme}"), &title, String::new(), Command::Theme(theme.clone()));
        }
        all.weigh(why_not);
        all.search();
        all
    }

    /// Says of every action anew whether it means anything. None changes its place under somebody's finger.
    pub(super) fn weigh(&mut self, why_not: impl Fn(Action) -> Option<String>) {
        // They come first, see `new`.
        for (row, does) in TABLE.iter().filter(|row| row.in_palette).zip(&mut self.does) {
            *does = why_not(row.action).map_or(Command::Act(row.action), Command::Not);
        }
    }

    fn add(&mut self, id: &str, title: &str, key: String, command: Command) {
        self.entries.push(Entry { title: title.to_owned(), id: id.to_owned() });
        self.does.push(command);
        self.keys.push(key);
    }

    pub(super) fn type_key(&mut self, key: crate::ui::key::Key) {
        if self.field.press(key) {
            self.search();
        }
    }

    pub(super) fn paste(&mut self, text: &str) {
        self.field.paste(text);
        self.search();
    }

    fn search(&mut self) {
        self.found = self.search.find(&self.field.text(), &self.entries);
        // What means nothing now is there for whoever asks for it by name, and in nobody's way.
        let does = &self.does;
        self.found.retain(|found| found.by_words || !matches!(does.get(found.entry), Some(Command::Not(_))));
        self.list = List::default();
    }

    pub(super) fn go(&mut self, step: Move) {
        self.list.go(step, self.found.len());
    }

    /// The command under the cursor.
    pub(super) fn chosen(&self) -> Option<Command> {
        let found = self.found.get(self.list.selected(self.found.len())?)?;
        self.does.get(found.entry).cloned()
    }

    /// Draws field and list over the body.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect) {
        canvas.clear(Rect { width: area.width + 1, ..area });
        let can = self.does.iter().filter(|does| !matches!(does, Command::Not(_))).count();
        let count = format!("{} of {can}", self.found.len().min(can));
        canvas.head(area, "Command", &[piece(count, Role::Dim)], true);
        let field = Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(4), height: 1 };
        self.field.draw(canvas, field, "a few letters of what is to be done");
        let list = Rect { y: area.y + 3, height: area.height.saturating_sub(3), ..area };
        let (found, entries, keys, does) = (&self.found, &self.entries, &self.keys, &self.does);
        // What it does is worth more than its name where there is no room for both.
        let text_at = if area.width < 100 { 2 } else { 21 };
        if found.is_empty() {
            canvas.text(list.x + 2, list.y, list.width, "nothing is called like that", Role::Dim);
        }
        self.list.draw(canvas, list, found.len(), |canvas, at, place, _| {
            let Some(found) = found.get(at) else { return };
            let (Some(entry), Some(key)) = (entries.get(found.entry), keys.get(found.entry)) else { return };
            let (name, what, says) = match does.get(found.entry) {
                Some(Command::Not(why)) if text_at > 2 => (Role::Dim, Role::Dim, format!("Not now: {why}")),
                Some(Command::Not(why)) => (Role::Dim, Role::Dim, format!("{}: not now: {why}", entry.id)),
                _ => (Role::Bright, Role::Normal, entry.title.clone()),
            };
            if text_at > 2 {
                canvas.text(place.x + 2, place.y, 18, entry.id.as_str(), name);
            }
            let room = place.width.saturating_sub(text_at + 7);
            canvas.text(place.x + text_at, place.y, room, says, what);
            canvas.text_right(place.x + place.width - 1, place.y, 6, key.as_str(), Role::KeyName);
        });
    }
}
