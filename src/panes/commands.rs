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
}

/// The palette while it is open.
#[derive(Debug)]
pub(super) struct Commands {
    field: Field,
    list: List,
    entries: Vec<Entry>,
    commands: Vec<Command>,
    keys: Vec<String>,
    search: Palette,
    found: Vec<Found>,
}

impl Commands {
    /// Everything that can be done, `usable` here and now.
    pub(super) fn new(
        keymap: &Keymap,
        extras: &[Extra],
        themes: &[String],
        usable: impl Fn(Action) -> bool,
    ) -> Commands {
        let mut all = Commands {
            field: Field::default(),
            list: List::default(),
            entries: Vec::new(),
            commands: Vec::new(),
            keys: Vec::new(),
            search: Palette::default(),
            found: Vec::new(),
        };
        for row in TABLE.iter().filter(|row| row.in_palette && usable(row.action)) {
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
        all.found = all.search.find("", &all.entries);
        all
    }

    fn add(&mut self, id: &str, title: &str, key: String, command: Command) {
        self.entries.push(Entry { title: title.to_owned(), id: id.to_owned() });
        self.commands.push(command);
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
        self.list = List::default();
    }

    pub(super) fn go(&mut self, step: Move) {
        self.list.go(step, self.found.len());
    }

    /// The command under the cursor.
    pub(super) fn chosen(&self) -> Option<Command> {
        let found = self.found.get(self.list.selected(self.found.len())?)?;
        self.commands.get(found.entry).cloned()
    }

    /// Draws field and list over the body.
    pub(super) fn draw(&mut self, canvas: &mut Canvas<'_>, area: Rect) {
        canvas.clear(Rect { width: area.width + 1, ..area });
        let count = format!("{} of {}", self.found.len(), self.entries.len());
        canvas.head(area, "Command", &[piece(count, Role::Dim)], true);
        let field = Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(4), height: 1 };
        self.field.draw(canvas, field, "a few letters of what is to be done");
        let list = Rect { y: area.y + 3, height: area.height.saturating_sub(3), ..area };
        let (found, entries, keys) = (&self.found, &self.entries, &self.keys);
        if found.is_empty() {
            canvas.text(list.x + 2, list.y, list.width, "nothing is called like that", Role::Dim);
        }
        self.list.draw(canvas, list, found.len(), |canvas, at, place, _| {
            let Some(found) = found.get(at) else { return };
            let (Some(entry), Some(key)) = (entries.get(found.entry), keys.get(found.entry)) else { return };
            let room = place.width.saturating_sub(28);
            canvas.text(place.x + 2, place.y, 18, entry.id.as_str(), Role::Bright);
            canvas.text(place.x + 21, place.y, room, entry.title.as_str(), Role::Normal);
            canvas.text_right(place.x + place.width - 1, place.y, 6, key.as_str(), Role::KeyName);
        });
    }
}
