//! What a monitor holds still: the objects as they were, and how they differ now.
//!
//! Owns the form of a baseline and the naming of differences. Refuses to know where baselines are kept
//! (`tasks::folder`) and what the objects are (each kind of probe says).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::words::{counted, line};
use crate::clock::Timestamp;
use crate::engine::reading::{Facts, Finding, Measure, Still};

/// Objects as they were at one moment. Holds digests; the text of a command is the one exception, and
/// therefore stays in the run folder and out of the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// By name: a table, a path, a ref.
    pub objects: BTreeMap<String, Object>,
    /// The position of a log, for what is looked at from there on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// The output that may not change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What digests of small values are mixed with, so that nobody finds a value by trying digests. It stays in the
    /// run folder too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// One object as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// What it was: equal digests are the same object.
    pub digest: String,
    /// For a file: what tells without reading it that it is untouched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
    /// Digests of its parts by name, where it has any: columns, attributes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, String>,
}

/// What the file system says of a file. Its change time cannot be set by anybody, so a file whose whole
/// stamp is the same has not been written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Device and inode.
    pub inode: (u64, u64),
    /// In bytes.
    pub size: u64,
    /// Last written, nanoseconds since the epoch.
    pub modified: i64,
    /// Last changed in any way, nanoseconds since the epoch.
    pub changed: i64,
    /// Permission bits and type.
    pub mode: u32,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Digest of its contents, without the rest.
    pub content: String,
    /// Whether the change time was old enough when the file was read to be told from a later one.
    pub settled: bool,
}

/// How an object differs from what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// It was not there.
    Added(&'a Object),
    /// It is gone.
    Removed(&'a Object),
    /// It is another.
    Altered {
        /// As it was.
        was: &'a Object,
        /// As it is.
        is: &'a Object,
    },
}

impl Change<'_> {
    /// What happened, with digests of what was and is: every change is a finding of its own.
    pub(crate) fn words(&self) -> String {
        match self {
            Change::Added(is) => format!("added, {}", short(&is.digest)),
            Change::Removed(was) => format!("removed, was {}", short(&was.digest)),
            Change::Altered { was, is } => {
                let names = was.parts.keys().chain(is.parts.keys());
                let names: BTreeSet<&str> = names
                    .filter(|name| was.parts.get(*name) != is.parts.get(*name))
                    .map(String::as_str)
                    .collect();
                let names = if names.is_empty() { String::new() } else { format!(": {}", listed(names)) };
                format!("altered {} to {}{names}", short(&was.digest), short(&is.digest))
            }
        }
    }
}

/// So many names stand in a finding; how many more there are stands behind them.
const LISTED: usize = 8;

/// Names in a row, the first few of many.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let (first, rest) = names.split_at(names.len().min(LISTED));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    format!("{}{more}", first.join(", "))
}

impl Object {
    /// An object of which only the digest is known.
    pub fn of(digest: impl Into<String>) -> Object {
        Object { digest: digest.into(), ..Object::default() }
    }
}

impl Baseline {
    /// SHA-256 over all of it, in hex: what the record pins.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        for (name, object) in &self.objects {
            field(name.as_bytes());
            field(object.digest.as_bytes());
        }
        field(self.position.as_deref().unwrap_or_default().as_bytes());
        field(self.text.as_deref().unwrap_or_default().as_bytes());
        if let Some(salt) = &self.salt {
            field(salt.as_bytes());
        }
        hex(&hash.finalize())
    }

    /// Every object that is not as it was, by name.
    pub fn changes<'a>(&'a self, now: &'a Baseline) -> Vec<(&'a str, Change<'a>)> {
        let mut all = Vec::new();
        for (name, was) in &self.objects {
            match now.objects.get(name) {
                None => all.push((name.as_str(), Change::Removed(was))),
                Some(is) if is.digest != was.digest => all.push((name.as_str(), Change::Altered { was, is })),
                Some(_) => {}
            }
        }
        let added = now.objects.iter().filter(|(name, _)| !self.objects.contains_key(*name));
        all.extend(added.map(|(name, is)| (name.as_str(), Change::Added(is))));
        all.sort_unstable_by_key(|(name, _)| *name);
        all
    }
}

/// So many findings are carried along; their exact number stands in the text.
const NAMED: usize = 100;

/// What a monitor says: everything still, or the first thing that is not, by name. A first look has nothing
/// to compare with, so it does not say that nothing has changed.
pub(crate) fn still(baseline: &Baseline, first: bool, noun: &str, mut findings: Vec<Finding>) -> Measure {
    let objects = baseline.objects.len() as u64;
    let text = match findings.as_slice() {
        [] if first => format!("noted, {}", counted(objects, noun)),
        [] => format!("unchanged, {}", counted(objects, noun)),
        [one] => told(one),
        [first, rest @ ..] => format!("{}, and {} more", told(first), rest.len()),
    };
    let pass = findings.is_empty();
    findings.truncate(NAMED);
    Measure { pass, text, facts: Facts::Still(Still { baseline: baseline.digest(), objects, findings }) }
}

/// A finding in a line: what it was, and who, where that is known.
pub(crate) fn told(finding: &Finding) -> String {
    let who = finding.who.as_ref().map_or_else(String::new, |who| format!(" by {}", line(who, 60)));
    format!("{}{who}", line(&format!("{} {}", finding.what, finding.change), 120))
}

/// A finding of which nobody knows who and when.
pub(crate) fn finding(what: impl Into<String>, change: impl Into<String>) -> Finding {
    Finding { what: what.into(), change: change.into(), when: None, who: None }
}

/// The moment of nanoseconds since the epoch.
pub(crate) fn moment(nanos: i64) -> Timestamp {
    Timestamp(nanos / 1_000_000)
}

/// The first figures of a digest: enough to tell two apart on a screen.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a small value, mixed with the salt of a baseline.
pub(crate) fn salted(salt: &str, bytes: &[u8]) -> String {
    sha256(&[salt.as_bytes(), &[0], bytes].concat())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(objects: &[(&str, &str)]) -> Baseline {
        Baseline {
            objects: objects.iter().map(|(n, d)| ((*n).to_owned(), Object::of(*d))).collect(),
            ..Baseline::default()
        }
    }

    #[test]
    fn added_removed_and_altered_are_told_apart_by_name() {
        let was = of(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let is = of(&[("b", "2"), ("c", "1"), ("d", "1")]);
        let names: Vec<_> = was
            .changes(&is)
            .into_iter()
            .map(|(name, change)| match change {
                Change::Added(_) => format!("+{name}"),
                Change::Removed(_) => format!("-{name}"),
                Change::Altered { was, is } => format!("{name} {}>{}", was.digest, is.digest),
            })
            .collect();
        assert_eq!(names, ["-a", "b 1>2", "+d"]);
        assert!(was.changes(&was).is_empty());
    }

    #[test]
    fn the_digest_covers_names_digests_position_and_text() {
        let base = of(&[("a", "1"), ("b", "2")]);
        let mut digests =
            vec![base.digest(), of(&[("a", "2"), ("b", "1")]).digest(), of(&[("a1", "b2")]).digest()];
        digests.push(Baseline { position: Some("c:1".to_owned()), ..base.clone() }.digest());
        digests.push(Baseline { text: Some("c:1".to_owned()), ..base.clone() }.digest());
        let unlike: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(unlike.len(), digests.len());
        assert_eq!(base.digest(), base.clone().digest());
    }

    #[test]
    fn what_moved_is_named_and_counted() {
        let base = of(&[("a", "1")]);
        assert_eq!(still(&base, false, "object", vec![]).text, "unchanged, 1 object");
        assert_eq!(still(&base, true, "object", vec![]).text, "noted, 1 object");
        let one = still(&base, false, "object", vec![finding("table orders", "altered")]);
        assert_eq!((one.pass, one.text.as_str()), (false, "table orders altered"));
        let many = (0..250).map(|i| finding(format!("t{i}"), "added")).collect();
        let many = still(&base, false, "object", many);
        assert_eq!(many.text, "t0 added, and 249 more");
        let Facts::Still(still) = many.facts else { panic!("{many:?}") };
        assert_eq!(still.findings.len(), NAMED);
    }
}
