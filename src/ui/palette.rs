//! The command palette's search: which entries fit what was typed, best first.
//!
//! Owns ranking, and where the letters that fit stand in a title. Refuses to know where entries come
//! from (the keymap, the demo) and what they do.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As it is shown.
    pub title: String,
    /// As configuration and documentation call it.
    pub id: String,
}

/// An entry that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number among the entries.
    pub entry: usize,
    /// Which characters of the title fit, in order.
    pub letters: Vec<u32>,
}

/// Finds entries; keep one, since its tables take a while to build.
#[derive(Debug)]
pub struct Palette {
    matcher: Matcher,
}

impl Default for Palette {
    fn default() -> Self {
        Self { matcher: Matcher::new(Config::DEFAULT) }
    }
}

impl Palette {
    /// The entries that fit `typed`, best first; all of them, in their order, when nothing was typed.
    pub fn find(&mut self, typed: &str, entries: &[Entry]) -> Vec<Found> {
        let pattern = Pattern::parse(typed, CaseMatching::Smart, Normalization::Smart);
        let mut found: Vec<(u32, Found)> = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            let mut letters = Vec::new();
            let title = self.score(&pattern, &entry.title, Some(&mut letters));
            // Who types an id knows it: as good as a title, and a whole one better.
            let id = self.score(&pattern, &entry.id, None).map(|s| s + u32::from(entry.id == typed) * 1_000);
            if let Some(score) = title.max(id) {
                letters.sort_unstable();
                letters.dedup();
                found.push((score, Found { entry: number, letters }));
            }
        }
        // Stable: entries that fit equally well keep their order.
        found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        found.into_iter().map(|(_, found)| found).collect()
    }

    fn score(&mut self, pattern: &Pattern, text: &str, letters: Option<&mut Vec<u32>>) -> Option<u32> {
        let mut buffer = Vec::new();
        let text = Utf32Str::new(text, &mut buffer);
        match letters {
            Some(letters) => pattern.indices(text, &mut self.matcher, letters),
            None => pattern.score(text, &mut self.matcher),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |(id, title): (&str, &str)| Entry { title: title.to_owned(), id: id.to_owned() };
        [
            ("hold", "Holds the run"),
            ("rollback", "Opens the gate of the rollback"),
            ("view.replication", "Shows replication"),
            ("skip", "Skips the selected step"),
            ("note", "Puts a note into the journal"),
        ]
        .map(entry)
        .into()
    }

    fn best(typed: &str) -> Option<String> {
        let entries = entries();
        let found = Palette::default().find(typed, &entries);
        found.first().map(|f| entries[f.entry].id.clone())
    }

    #[test]
    fn nothing_typed_shows_all_in_order() {
        let found = Palette::default().find("", &entries());
        assert_eq!(found.iter().map(|f| f.entry).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_few_letters_find_the_one_meant() {
        assert_eq!(best("roll"), Some("rollback".into()));
        assert_eq!(best("repl"), Some("view.replication".into()));
        assert_eq!(best("shrep"), Some("view.replication".into()));
        assert_eq!(best("note journal"), Some("note".into()), "words in any order");
        assert_eq!(best("skip"), Some("skip".into()));
        assert_eq!(best("zzz"), None);
    }

    #[test]
    fn the_letters_that_fit_are_told() {
        let found = Palette::default().find("holds", &entries());
        assert_eq!(found.first().unwrap().letters, [0, 1, 2, 3, 4]);
    }
}
