//! Which key does what, here: the table of `actions` with the user's changes.
//!
//! Owns look-up and everything that is derived from the table: the last line, the help of a screen,
//! the palette's commands. Refuses to read files (`config` does) and to act (the panes do).

use std::fmt;

use super::actions::{Action, Binding, Context, TABLE};
use super::key::Key;

/// Keys for every row of the table.
#[derive(Clone, Debug)]
pub struct Keymap {
    rows: Vec<(&'static Binding, Vec<Key>)>,
}

/// A key of the last line and its word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The key, or the first and the last of several that stand together.
    pub key: String,
    /// The word.
    pub label: &'static str,
    /// What it does.
    pub action: Action,
}

/// Why a change of keys is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeymapError {
    /// No action has this id.
    NoSuchAction {
        /// What was written.
        id: String,
        /// What may have been meant.
        near: Option<&'static str>,
    },
    /// The action's keys are the same everywhere, or it has none on purpose.
    Fixed {
        /// The action.
        id: &'static str,
    },
    /// Letters are text where this works.
    Text {
        /// The action.
        id: &'static str,
        /// The key.
        key: Key,
        /// Where.
        context: Context,
    },
    /// Two actions want the same key in the same place.
    Taken {
        /// The action.
        id: &'static str,
        /// The other one.
        by: &'static str,
        /// The key.
        key: Key,
        /// Where.
        context: Context,
    },
}

impl fmt::Display for KeymapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchAction { id, near } => {
                write!(f, "there is no action `{}`", super::safe::line(id))?;
                match near {
                    Some(near) => write!(f, "; did you mean `{near}`?"),
                    None => f.write_str("; `cutover keys` lists them"),
                }
            }
            Self::Fixed { id } if TABLE.iter().any(|row| row.id == *id && row.keys.is_empty()) => {
                write!(f, "`{id}` is in the palette only: no single key may do it")
            }
            Self::Fixed { id } => {
                write!(f, "`{id}` has the same key on every machine, so that anybody can press it")
            }
            Self::Text { id, key, context } => write!(
                f,
                "`{key}` cannot be `{id}`: letters are text there ({}); take one with ctrl or a function key",
                context.name()
            ),
            Self::Taken { id, by, key, context } => write!(
                f,
                "`{key}` cannot be `{id}`: it is `{by}` there ({}); change that one too",
                context.name()
            ),
        }
    }
}

impl std::error::Error for KeymapError {}

impl Default for Keymap {
    fn default() -> Self {
        let keys = |row: &Binding| row.keys.iter().filter_map(|name| name.parse().ok()).collect();
        Self { rows: TABLE.iter().map(|row| (row, keys(row))).collect() }
    }
}

impl Keymap {
    /// The table with a user's changes: for each id the keys that replace its own (none to take them
    /// away). All that is wrong is said at once, with the number of the change.
    pub fn with(changes: &[(&str, Vec<Key>)]) -> Result<Self, Vec<(usize, KeymapError)>> {
        let mut keymap = Self::default();
        let mut errors = Vec::new();
        let mut taken = Vec::new();
        for (number, (id, keys)) in changes.iter().enumerate() {
            match keymap.rows.iter_mut().find(|(row, _)| row.id == *id) {
                None => {
                    let near = super::place::nearest_name(id, TABLE.iter().map(|row| row.id));
                    let id = (*id).to_owned();
                    errors.push((number, KeymapError::NoSuchAction { id, near }));
                }
                Some((row, _)) if row.fixed => {
                    errors.push((number, KeymapError::Fixed { id: row.id }));
                }
                Some((row, own)) => {
                    own.clone_from(keys);
                    taken.push((number, row.id));
                }
            }
        }
        for (number, id) in taken {
            errors.extend(keymap.conflicts(id).into_iter().map(|error| (number, error)));
        }
        if errors.is_empty() { Ok(keymap) } else { Err(errors) }
    }

    /// What a key asks for in a context, if it means anything there. In a context that is typed into,
    /// ask first: what is left is text.
    pub fn action(&self, context: Context, key: Key) -> Option<Action> {
        self.here(context).find(|(_, keys)| keys.contains(&key)).map(|(row, _)| row.action)
    }

    /// The last line: keys and words of what is `usable` here and now, in the table's order. Rows next
    /// to each other with the same word become one: `1-7 views`.
    pub fn footer(&self, context: Context, usable: impl Fn(Action) -> bool) -> Vec<Hint> {
        let mut line: Vec<(Hint, String)> = Vec::new();
        for (row, keys) in self.here(context) {
            let Some(key) = keys.first().filter(|_| row.footer.contain(context) && usable(row.action)) else {
                continue;
            };
            match line.last_mut() {
                Some((hint, last)) if hint.label == row.label => *last = key.to_string(),
                _ => {
                    let hint = Hint { key: key.to_string(), label: row.label, action: row.action };
                    line.push((hint, String::new()));
                }
            }
        }
        let joined = |(hint, last): (Hint, String)| {
            if last.is_empty() { hint } else { Hint { key: format!("{}-{last}", hint.key), ..hint } }
        };
        line.into_iter().map(joined).collect()
    }

    /// The help of a context: all keys of an action and its sentence, of what is `usable` there at all.
    pub fn help(&self, context: Context, usable: impl Fn(Action) -> bool) -> Vec<(String, &'static str)> {
        let rows = self.here(context).filter(|(row, keys)| !keys.is_empty() && usable(row.action));
        rows.map(|(row, keys)| (names(keys), row.help)).collect()
    }

    /// The key that does this here, for a sentence that names it.
    pub fn key_for(&self, context: Context, action: Action) -> Option<Key> {
        self.here(context).filter(|(row, _)| row.action == action).find_map(|(_, keys)| keys.first().copied())
    }

    /// Every row: id, keys, where it works, what it does. For `cutover keys`.
    pub fn all(&self) -> impl Iterator<Item = (&'static Binding, String)> + '_ {
        self.rows.iter().map(|(row, keys)| (*row, names(keys)))
    }

    fn here(&self, context: Context) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        let rows = self.rows.iter().map(|(row, keys)| (*row, keys.as_slice()));
        rows.filter(move |(row, _)| row.contexts.contain(context))
    }

    fn conflicts(&self, id: &'static str) -> Vec<KeymapError> {
        let Some((row, keys)) = self.rows.iter().find(|(row, _)| row.id == id) else { return Vec::new() };
        let mut errors = Vec::new();
        for key in keys {
            for context in Context::ALL.into_iter().filter(|c| row.contexts.contain(*c)) {
                if key.text().is_some_and(|c| context.types(c)) {
                    errors.push(KeymapError::Text { id, key: *key, context });
                    break;
                }
                let other = self.here(context).find(|(other, keys)| other.id != id && keys.contains(key));
                if let Some((other, _)) = other {
                    errors.push(KeymapError::Taken { id, by: other.id, key: *key, context });
                    break;
                }
            }
        }
        errors
    }
}

fn names(keys: &[Key]) -> String {
    keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::key::Code;
    use std::collections::BTreeSet;

    fn key(name: &str) -> Key {
        name.parse().unwrap()
    }

    fn line(keymap: &Keymap, context: Context) -> String {
        let words = keymap.footer(context, |_| true);
        words.into_iter().map(|hint| format!("{} {}", hint.key, hint.label)).collect::<Vec<_>>().join("  ")
    }

    #[test]
    fn the_table_is_sound() {
        let keymap = Keymap::default();
        let mut ids = BTreeSet::new();
        for (row, keys) in &keymap.rows {
            assert!(ids.insert(row.id), "{} twice", row.id);
            assert_eq!(keys.len(), row.keys.len(), "{}: a key that is none", row.id);
            assert!(row.help.ends_with('.'), "{}", row.id);
            assert_eq!(keymap.conflicts(row.id), [], "{}", row.id);
            let reachable = !keys.is_empty() || row.in_palette;
            assert!(reachable, "{} can be reached by nothing", row.id);
        }
    }

    #[test]
    fn no_go_and_hold_work_wherever_a_run_is() {
        let keymap = Keymap::default();
        for context in Context::ALL.into_iter().filter(|c| *c != Context::Start) {
            assert_eq!(keymap.action(context, Key::plain(Code::F(8))), Some(Action::NoGo), "{context:?}");
            assert_eq!(keymap.action(context, Key::plain(Code::F(9))), Some(Action::Hold), "{context:?}");
        }
    }

    #[test]
    fn letters_are_text_where_one_types() {
        let keymap = Keymap::default();
        for context in Context::ALL.into_iter().filter(|c| c.is_typed_into()) {
            for c in (' '..='~').chain(['é', '本']).filter(|c| context.types(*c)) {
                assert_eq!(keymap.action(context, Key::char(c)), None, "{c:?} in {context:?}");
            }
            assert!(keymap.key_for(context, Action::Back).is_some(), "{context:?} can be left");
        }
    }

    #[test]
    fn at_a_gate_no_key_says_go_by_itself() {
        let keymap = Keymap::default();
        let go = |key: &str| keymap.action(Context::Gate, self::key(key));
        assert_eq!(go("g"), Some(Action::Go), "which opens the field");
        assert_eq!(go("enter"), Some(Action::Open));
        assert_eq!(
            (go("n"), go("h"), go("w"), go("esc")),
            (Some(Action::NoGo), Some(Action::Hold), Some(Action::Waive), Some(Action::Back))
        );
        let submits = Context::ALL.into_iter().filter(|c| keymap.key_for(*c, Action::Submit).is_some());
        assert!(submits.into_iter().all(Context::is_typed_into));
    }

    #[test]
    fn what_cannot_be_undone_is_on_no_key() {
        let keymap = Keymap::default();
        for action in [Action::Rollback, Action::Skip, Action::TakeHelm] {
            assert!(Context::ALL.into_iter().all(|c| keymap.key_for(c, action).is_none()), "{action:?}");
            assert!(TABLE.iter().any(|row| row.action == action && row.in_palette), "{action:?}");
        }
    }

    #[test]
    fn the_last_lines_name_what_matters_first() {
        let keymap = Keymap::default();
        let main = line(&keymap, Context::Main);
        assert!(main.starts_with("enter open  c confirm  r retry  H hold"), "{main}");
        assert!(main.ends_with(": command  / find  1-7 views  ? help  q leave"), "{main}");
        assert_eq!(
            line(&keymap, Context::Gate),
            "g GO  n NO-GO  h HOLD  R go on  w waive  a answer  enter open  esc look around  ? help"
        );
        assert_eq!(line(&keymap, Context::GateField), "enter say GO  F8 NO-GO  F9 HOLD  esc back");
    }

    #[test]
    fn only_what_works_now_is_in_the_last_line() {
        let keymap = Keymap::default();
        let words = keymap.footer(Context::Main, |action| action == Action::Hold);
        assert_eq!(words, [Hint { key: "H".to_owned(), label: "hold", action: Action::Hold }]);
    }

    #[test]
    fn help_lists_the_keys_of_this_very_screen() {
        let keymap = Keymap::default();
        let gate = keymap.help(Context::Gate, |_| true);
        assert!(gate.contains(&("up k".to_owned(), "To the evidence above.")));
        assert!(gate.iter().all(|(_, help)| !help.contains("Tries a failed step")));
    }

    #[test]
    fn users_change_keys_and_the_last_line_follows() {
        let keymap = Keymap::with(&[("retry", vec![key("ctrl-r")]), ("confirm", vec![])]).unwrap();
        assert_eq!(keymap.action(Context::Main, key("ctrl-r")), Some(Action::Retry));
        assert_eq!(keymap.action(Context::Main, key("r")), None);
        let main = line(&keymap, Context::Main);
        assert!(main.contains("ctrl-r retry") && !main.contains("confirm"), "{main}");
    }

    #[test]
    fn two_keys_can_change_places() {
        let swapped = [("retry", vec![key("c")]), ("confirm", vec![key("r")])];
        assert!(Keymap::with(&swapped).is_ok());
    }

    #[test]
    fn a_change_that_would_mislead_is_refused_with_the_reason() {
        let says = |id: &'static str, k: &str| {
            let errors = Keymap::with(&[(id, vec![key(k)])]).unwrap_err();
            assert_eq!(errors.len(), 1, "{errors:?}");
            errors.into_iter().next().unwrap().1.to_string()
        };
        assert_eq!(says("retyr", "x"), "there is no action `retyr`; did you mean `retry`?");
        assert_eq!(
            says("retry", "c"),
            "`c` cannot be `retry`: it is `confirm` there (cockpit); change that one too"
        );
        assert!(says("retry", "F8").contains("`no-go.now`"));
        assert!(says("gate.say", "y").contains("letters are text there (saying GO)"));
        assert!(says("rollback", "X").contains("palette only"));
        assert!(says("hold.now", "x").contains("same key on every machine"));
    }
}
