//! Where something stands in a file of the user's, and what they may have meant.
//!
//! Owns line and column for the errors of themes and configuration. Plans have their own, richer
//! reports in `plan`.

use std::fmt;

/// Line and column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// The place of a byte of `text`.
    pub fn of(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The name that somebody who wrote `wrong` may have meant, if one is near.
pub(super) fn nearest_name<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|name| (edits(wrong, name), name))
        .filter(|(edits, name)| *edits <= name.len() / 3 + 1 && *edits < wrong.len())
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Insertions, deletions and replacements from one word to the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut corner = std::mem::replace(row.first_mut().unwrap_or(&mut 0), left);
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let cost = (corner + usize::from(from != *to)).min(left + 1).min(*cell + 1);
            corner = std::mem::replace(cell, cost);
            left = cost;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_from_one_and_in_characters() {
        let text = "a = 1\ngrün = 2\n";
        assert_eq!(Place::of(text, 0).to_string(), "1:1");
        assert_eq!(Place::of(text, text.find('2').unwrap()).to_string(), "2:8");
        assert_eq!(Place::of(text, 999).to_string(), "3:1");
    }

    #[test]
    fn a_slip_is_recognized_and_nonsense_is_not() {
        let names = ["text.bright", "text.dim", "go"];
        assert_eq!(nearest_name("text.brigth", names.into_iter()), Some("text.bright"));
        assert_eq!(nearest_name("txt.dim", names.into_iter()), Some("text.dim"));
        assert_eq!(nearest_name("sidebar", names.into_iter()), None);
    }
}
