//! The user's settings: `$XDG_CONFIG_HOME/cutover/config.toml`.
//!
//! ```toml
//! theme = "colour-blind"      # a built-in theme, or a file in themes/ beside this one
//! ascii = true                # no signs beyond ASCII
//! mouse = true                # the mouse from the start; `m` switches it
//! [keys]
//! retry = "ctrl-r"            # an action's id and its keys; `cutover keys` lists them
//! find = ["/", "ctrl-f"]
//! ```
//!
//! Owns what may stand in it. Everything that is wrong is said at once, with its place; a mistake in
//! here never keeps a cockpit from opening, since it is opened when something is at stake: the caller
//! gets the errors to show and the settings without what was wrong.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::Key;
use super::keymap::Keymap;
use super::place::{Place, nearest_name};

const NAMES: [&str; 4] = ["theme", "ascii", "mouse", "keys"];

/// What users may choose.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The theme's name; `None` is the dark or light one, as the terminal's background is.
    pub theme: Option<String>,
    /// No signs beyond ASCII.
    pub ascii: bool,
    /// The mouse is on from the start.
    pub mouse: bool,
    /// Keys.
    pub keymap: Keymap,
}

/// Something wrong in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub at: Option<Place>,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", super::safe::line(&self.file.display().to_string()))?;
        if let Some(at) = self.at {
            write!(f, ":{at}")?;
        }
        write!(f, ": {}", super::safe::line(&self.what))
    }
}

impl std::error::Error for ConfigError {}

/// `$XDG_CONFIG_HOME`, or `~/.config`; `None` when neither is known. `var` gives a variable's value.
pub fn home(var: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // The specification tells to ignore a path that is not absolute.
    let set = |name: &str| var(name).filter(|path| path.is_absolute());
    set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))
}

impl Settings {
    /// The settings under a configuration folder; those of a file that is not there are the default.
    pub fn load(config_home: &Path) -> (Self, Vec<ConfigError>) {
        let file = config_home.join("cutover").join("config.toml");
        match std::fs::read_to_string(&file) {
            Ok(text) => Self::read(&file, &text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => (Self::default(), Vec::new()),
            Err(e) => {
                let what = format!("cannot be read: {e}; going on without it");
                (Self::default(), vec![ConfigError { file, at: None, what }])
            }
        }
    }

    fn read(file: &Path, text: &str) -> (Self, Vec<ConfigError>) {
        let mut reader = Reader { file, text, errors: Vec::new() };
        let settings = reader.settings();
        (settings, reader.errors)
    }
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    errors: Vec<ConfigError>,
}

impl Reader<'_> {
    fn settings(&mut self) -> Settings {
        let mut settings = Settings::default();
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            self.wrong(error.span().map(|span| span.start), error.message().to_owned());
        }
        for (name, value) in table.get_ref() {
            match name.get_ref().as_ref() {
                "theme" => settings.theme = self.string(value, "the name of a theme"),
                "ascii" => settings.ascii = self.boolean(value),
                "mouse" => settings.mouse = self.boolean(value),
                "keys" => settings.keymap = self.keymap(value),
                other => {
                    let near = nearest_name(other, NAMES.into_iter());
                    let near =
                        near.map_or_else(|| NAMES.join(", "), |near| format!("did you mean `{near}`?"));
                    self.wrong(Some(name.span().start), format!("there is no setting `{other}`; {near}"));
                }
            }
        }
        settings
    }

    fn keymap(&mut self, value: &Spanned<DeValue<'_>>) -> Keymap {
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong(Some(value.span().start), "a table belongs here: [keys]".to_owned());
            return Keymap::default();
        };
        let mut changes = Vec::new();
        let mut places = Vec::new();
        for (id, value) in table {
            if let Some(keys) = self.keys(value) {
                changes.push((id.get_ref().as_ref(), keys));
                places.push(id.span().start);
            }
        }
        Keymap::with(&changes).unwrap_or_else(|errors| {
            for (number, error) in errors {
                self.wrong(places.get(number).copied(), error.to_string());
            }
            Keymap::default()
        })
    }

    fn keys(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Vec<Key>> {
        let items = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut keys = Vec::with_capacity(items.len());
        for item in items {
            match self.string(item, "a key or a list of keys")?.parse::<Key>() {
                Ok(key) => keys.push(key),
                Err(error) => {
                    self.wrong(Some(item.span().start), error.to_string());
                    return None;
                }
            }
        }
        Some(keys)
    }

    fn string(&mut self, value: &Spanned<DeValue<'_>>, what: &str) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.misfit(value, &format!("{what}, in quotes,"));
        }
        text
    }

    fn boolean(&mut self, value: &Spanned<DeValue<'_>>) -> bool {
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.misfit(value, "true or false");
            false
        })
    }

    fn misfit(&mut self, value: &Spanned<DeValue<'_>>, what: &str) {
        let found = value.get_ref().type_str();
        self.wrong(Some(value.span().start), format!("{what} belongs here, not {found}"));
    }

    fn wrong(&mut self, byte: Option<usize>, what: String) {
        let at = byte.map(|byte| Place::of(self.text, byte));
        self.errors.push(ConfigError { file: self.file.to_owned(), at, what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::actions::{Action, Context};

    fn read(text: &str) -> (Settings, Vec<String>) {
        let (settings, errors) = Settings::read(Path::new("config.toml"), text);
        (settings, errors.iter().map(ConfigError::to_string).collect())
    }

    #[test]
    fn what_is_chosen_is_taken() {
        let (settings, errors) = read(
            "theme = 'colour-blind'\nascii = true\nmouse = true\n[keys]\nretry = 'ctrl-r'\n\"find.next\" = ['n', 'F3']",
        );
        assert_eq!(errors, [""; 0]);
        assert_eq!(settings.theme.as_deref(), Some("colour-blind"));
        assert!(settings.ascii && settings.mouse);
        let action = |key: &str| settings.keymap.action(Context::Main, key.parse().unwrap());
        assert_eq!(action("ctrl-r"), Some(Action::Retry));
        assert_eq!(action("F3"), Some(Action::FindNext));
    }

    #[test]
    fn everything_wrong_is_said_at_once_and_the_rest_still_holds() {
        let text = "theme = 3\nthem = 'x'\nmouse = true\n[keys]\nretyr = 'x'\nhold = 'escape'\nfind = 'y'";
        let (settings, errors) = read(text);
        assert!(settings.mouse);
        assert_eq!(errors.len(), 5, "{errors:#?}");
        let has = |start: &str| assert!(errors.iter().any(|e| e.starts_with(start)), "{start}: {errors:#?}");
        has("config.toml:1:9: the name of a theme, in quotes, belongs here, not integer");
        has("config.toml:2:1: there is no setting `them`; did you mean `theme`?");
        has("config.toml:5:1: there is no action `retyr`; did you mean `retry`?");
        has("config.toml:6:8: no key is called \"escape\"");
        has("config.toml:7:1: `y` cannot be `find`: it is `copy` there");
    }

    #[test]
    fn no_file_is_no_error_and_one_that_cannot_be_read_is() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(folder.path()).1, []);
        std::fs::create_dir_all(folder.path().join("cutover/config.toml")).unwrap();
        assert_eq!(Settings::load(folder.path()).1.len(), 1);
    }

    #[test]
    fn where_the_settings_are() {
        let at = |vars: &'static [(&str, &str)]| {
            home(|name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| PathBuf::from(v)))
        };
        assert_eq!(at(&[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")]), Some("/x".into()));
        assert_eq!(at(&[("XDG_CONFIG_HOME", "relative"), ("HOME", "/h")]), Some("/h/.config".into()));
        assert_eq!(at(&[]), None);
    }
}
