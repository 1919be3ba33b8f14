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
    /// The words that were typed stand in it, not just their letters.
    pub by_words: bool,
}

/// How an entry fits. Before any score: enter on a few scattered letters must not do something else than the words
/// that were typed say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// By letters that stand in it, in order.
    Letters,
    /// Each word that was typed begins one of its words.
    Words,
    /// What was typed stands in it as it is, from the start of a word.
    Text,
    /// It is the id.
    Whole,
}

impl Fit {
    fn of(typed: &str, entry: &Entry) -> Fit {
        let typed = typed.trim().to_lowercase();
        let texts = [entry.title.to_lowercase(), entry.id.to_lowercase()];
        let words = |text: &str| -> Vec<String> {
            text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect()
        };
        let stands = |text: &String| {
            text.match_indices(&typed).any(|(at, _)| {
                text.get(..at)
                    .and_then(|before| before.chars().next_back())
                    .is_none_or(|c| !c.is_alphanumeric())
            })
        };
        let begins = |text: &String| {
            let words = words(text);
            typed.split_whitespace().all(|begin| words.iter().any(|word| word.starts_with(begin)))
        };
        if entry.id == typed {
            Fit::Whole
        } else if texts.iter().any(stands) {
            Fit::Text
        } else if texts.iter().any(begins) {
            Fit::Words
        } else {
            Fit::Letters
        }
    }
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
        let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
        let mut found: Vec<((Fit, u32), Found)> = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            let mut letters = Vec::new();
            let title = self.score(&pattern, &entry.title, Some(&mut letters));
            // Who types an id knows it: as good as a title.
            if let Some(score) = title.max(self.score(&pattern, &entry.id, None)) {
                letters.sort_unstable();
                letters.dedup();
                let fit = Fit::of(typed, entry);
                let by_words = fit > Fit::Letters && !typed.trim().is_empty();
                found.push(((fit, score), Found { entry: number, letters, by_words }));
            }
        }
        // Stable: entries that fit equally well keep their order.
        found.sort_by_key(|(fit, _)| std::cmp::Reverse(*fit));
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
    fn what_was_typed_comes_before_letters_that_happen_to_stand_there() {
        let entries = [
            ("hold", "Stops at once: nothing starts any more, the replicator and the rest stand"),
            ("stop-replicator", "demo: Stop the replicator"),
            ("start-replicator", "demo: Start the replicator"),
        ]
        .map(|(id, title)| Entry { title: title.to_owned(), id: id.to_owned() });
        for (typed, best) in [
            ("stop the", "stop-replicator"),
            ("start the", "start-replicator"),
            ("Start The", "start-replicator"),
            ("hold", "hold"),
        ] {
            let found = Palette::default().find(typed, &entries);
            assert_eq!(found.first().map(|f| entries[f.entry].id.as_str()), Some(best), "{typed}");
        }
    }

    #[test]
    fn the_letters_that_fit_are_told() {
        let found = Palette::default().find("holds", &entries());
        assert_eq!(found.first().unwrap().letters, [0, 1, 2, 3, 4]);
    }
}
