//! Which entries are compared: by patterns over their paths.

use std::sync::atomic::{AtomicBool, Ordering};

use super::place::{Error, Folder, Kind, join};
use crate::compare::tables::matches;

/// Patterns in which `*` stands for anything, slashes too, and `?` for one character. One that fits a folder
/// speaks for everything in it.
#[derive(Debug, Default)]
pub(super) struct Filter {
    only: Vec<Pattern>,
    except: Vec<Pattern>,
    /// A file that is part of the comparison and not of what is compared.
    hidden: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    hit: AtomicBool,
}

impl Pattern {
    fn fits(&self, path: &str) -> bool {
        let fits = matches(&self.text, path);
        if fits {
            self.hit.store(true, Ordering::Relaxed);
        }
        fits
    }
}

/// What a walk says at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    /// Entries that the filter did not want; of a folder left out, only itself is counted.
    pub(super) left_out: u64,
    /// Which patterns fitted something: those of `only`, then those of `except`.
    pub(super) hits: Vec<bool>,
}

impl Filter {
    pub(super) fn new(only: &[String], except: &[String]) -> Filter {
        let patterns = |texts: &[String]| {
            texts.iter().map(|text| Pattern { text: text.clone(), hit: AtomicBool::new(false) }).collect()
        };
        Filter { only: patterns(only), except: patterns(except), hidden: None }
    }

    /// Leaves out the file at exactly this path, and does not say so.
    pub(super) fn hide(&mut self, path: Option<Vec<u8>>) {
        self.hidden = path;
    }

    /// The patterns, as [`Filter::new`] takes them.
    pub(super) fn patterns(&self) -> (Vec<String>, Vec<String>) {
        let texts = |patterns: &[Pattern]| patterns.iter().map(|p| p.text.clone()).collect();
        (texts(&self.only), texts(&self.except))
    }

    /// Takes out of a folder what is not wanted; folders that may hold what is stay as `descend` in what is
    /// given back, by name, though they are not compared themselves.
    pub(super) fn sift(&self, folder: &mut Folder, walked: &mut Walked) -> Vec<Vec<u8>> {
        let mut descend = Vec::new();
        if let Some(hidden) = &self.hidden {
            let names = std::mem::take(&mut folder.entries);
            folder.entries =
                names.into_iter().filter(|e| join(&folder.path, folder.name(e)) != *hidden).collect();
        }
        if self.only.is_empty() && self.except.is_empty() {
            for entry in folder.entries.iter().filter(|e| e.is.kind == Kind::Folder) {
                descend.push(folder.name(entry).to_vec());
            }
            return descend;
        }
        let inside = self.only.is_empty() || fits_above(&self.only, &folder.path);
        let entries = std::mem::take(&mut folder.entries);
        // A place without folders of their own hands on all that are on the way to a file.
        if fits_above(&self.except, &folder.path) {
            walked.left_out += entries.len() as u64;
            return descend;
        }
        for entry in entries {
            let name = folder.name(&entry).to_vec();
            let path = String::from_utf8_lossy(&join(&folder.path, &name)).into_owned();
            if self.except.iter().any(|pattern| pattern.fits(&path)) {
                walked.left_out += 1;
                continue;
            }
            // Every pattern is tried, so that none that fits counts as a slip of the pen.
            let wanted = self.only.iter().filter(|pattern| pattern.fits(&path)).count() > 0 || inside;
            if entry.is.kind == Kind::Folder {
                descend.push(name);
            }
            if wanted {
                folder.entries.push(entry);
            } else if entry.is.kind != Kind::Folder {
                walked.left_out += 1;
            }
        }
        descend
    }

    pub(super) fn hits(&self) -> Vec<bool> {
        self.only.iter().chain(&self.except).map(|p| p.hit.load(Ordering::Relaxed)).collect()
    }

    /// Fails for a pattern that fits nothing on either side: what it was to name would silently not be what it
    /// names.
    pub(super) fn check(&self, one: &Walked, other: &Walked) -> Result<(), Error> {
        for (at, pattern) in self.only.iter().chain(&self.except).enumerate() {
            if ![one, other].iter().any(|walked| walked.hits.get(at).copied().unwrap_or(false)) {
                let why = format!("has a pattern {:?} that fits nothing on either side", pattern.text);
                return Err(Error::new("the comparison", why, "mend the pattern, or take it out"));
            }
        }
        Ok(())
    }
}

/// Whether a pattern fits the folder or one above it.
fn fits_above(patterns: &[Pattern], path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end)).any(|above| patterns.iter().any(|p| p.fits(above)))
}

#[cfg(test)]
mod tests {
    use super::super::place::tests::{file, folder as a_folder};
    use super::*;

    fn sifted(only: &[&str], except: &[&str], path: &str) -> (Vec<String>, Vec<String>, Walked) {
        let own = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let filter = Filter::new(&own(only), &own(except));
        let mut folder = Folder::at(path.into());
        for name in ["a.log", "b.txt"] {
            folder.push(name.as_bytes(), file(1));
        }
        folder.push(b"sub", a_folder());
        let mut walked = Walked::default();
        let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        let descend = filter.sift(&mut folder, &mut walked).iter().map(|n| text(n)).collect();
        let kept = folder.entries.iter().map(|e| text(folder.name(e))).collect();
        walked.hits = filter.hits();
        (kept, descend, walked)
    }

    #[test]
    fn patterns_fit_paths_and_speak_for_what_is_below() {
        assert_eq!(sifted(&[], &[], "").0, ["a.log", "b.txt", "sub"]);
        let (kept, descend, walked) = sifted(&[], &["*.log", "sub"], "");
        assert_eq!((kept, descend.len(), walked.left_out), (vec!["b.txt".to_owned()], 0, 2));
        let (kept, descend, _) = sifted(&["x/sub"], &[], "x");
        assert_eq!((kept, descend), (vec!["sub".to_owned()], vec!["sub".to_owned()]));
        assert_eq!(sifted(&["x"], &[], "x/deep").0.len(), 3, "all below what fits is wanted");
        let (kept, descend, walked) = sifted(&["*.txt"], &[], "x");
        assert_eq!((kept, descend), (vec!["b.txt".to_owned()], vec!["sub".to_owned()]), "it may hold some");
        assert_eq!(walked.left_out, 1);
        assert!(sifted(&[], &["sub/*"], "").0.contains(&"sub".to_owned()));
    }

    #[test]
    fn a_pattern_that_fits_nothing_is_a_slip_of_the_pen() {
        let filter = Filter::new(&[], &["*.log".to_owned(), "nope".to_owned()]);
        let walked = |hits: [bool; 2]| Walked { left_out: 0, hits: hits.to_vec() };
        assert!(filter.check(&walked([true, false]), &walked([false, true])).is_ok());
        let why = filter.check(&walked([true, false]), &walked([true, false])).unwrap_err().to_string();
        assert!(why.contains("\"nope\" that fits nothing"), "{why}");
    }
}
