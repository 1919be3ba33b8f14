//! What a comparison of two trees proved: figures, what differs by path, what was not proved and why.

use std::fmt;
use std::time::Duration;

use super::place::{Attributes, Kind};
use crate::compare::tables::Verdict;
use crate::counts::{count, counted};

/// In what an entry differs, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Only the source has it.
    Missing,
    /// Only the target has it.
    Extra,
    /// One is a file, the other a folder, or a link, or …
    Kind,
    /// Files of different sizes.
    Size,
    /// Files of one size with different contents.
    Content,
    /// Symbolic links that lead to different places.
    Link,
    /// Other permissions.
    Mode,
    /// Another account or group.
    Owner,
    /// Another time of the last modification.
    Time,
}

impl Aspect {
    /// All, the gravest first.
    pub const ALL: [Aspect; 9] = [
        Aspect::Missing,
        Aspect::Extra,
        Aspect::Kind,
        Aspect::Size,
        Aspect::Content,
        Aspect::Link,
        Aspect::Mode,
        Aspect::Owner,
        Aspect::Time,
    ];

    /// Its word, in documents.
    pub fn word(self) -> &'static str {
        match self {
            Aspect::Missing => "missing",
            Aspect::Extra => "extra",
            Aspect::Kind => "kind",
            Aspect::Size => "size",
            Aspect::Content => "content",
            Aspect::Link => "link",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Time => "time",
        }
    }

    /// What so many that differ in it are called: `2 missing`, `1 with another time`.
    pub fn counted(self, number: u64) -> String {
        let what = match self {
            Aspect::Missing => "missing",
            Aspect::Extra => "extra",
            Aspect::Kind => "of another kind",
            Aspect::Size => "of another size",
            Aspect::Content => "with other contents",
            Aspect::Link => "leading elsewhere",
            Aspect::Mode => "with another mode",
            Aspect::Owner => "with another owner",
            Aspect::Time => "with another time",
        };
        format!("{} {what}", count(number))
    }
}

/// A set of aspects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aspects(u16);

impl Aspects {
    /// With one more.
    #[must_use]
    pub fn with(self, aspect: Aspect) -> Aspects {
        Aspects(self.0 | 1 << aspect as u16)
    }

    /// Whether one is in it.
    pub fn has(self, aspect: Aspect) -> bool {
        self.0 & 1 << aspect as u16 != 0
    }

    /// Those in it, the gravest first.
    pub fn iter(self) -> impl Iterator<Item = Aspect> {
        Aspect::ALL.into_iter().filter(move |aspect| self.has(*aspect))
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl From<Aspect> for Aspects {
    fn from(aspect: Aspect) -> Aspects {
        Aspects::default().with(aspect)
    }
}

/// One entry that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its path below the top, byte for byte.
    pub path: Vec<u8>,
    /// In what it differs.
    pub aspects: Aspects,
    /// What the source has.
    pub source: Option<Attributes>,
    /// What the target has.
    pub target: Option<Attributes>,
    /// The first byte that differs, where that is known.
    pub parts_at: Option<u64>,
    /// The name that the other side has in its place, with other upper and lower case.
    pub twin: Option<Vec<u8>>,
}

impl Difference {
    pub(super) fn new(path: Vec<u8>, aspects: impl Into<Aspects>) -> Difference {
        let aspects = aspects.into();
        Difference { path, aspects, source: None, target: None, parts_at: None, twin: None }
    }

    /// What it is counted as.
    pub fn gravest(&self) -> Aspect {
        self.aspects.iter().next().unwrap_or(Aspect::Content)
    }
}

/// What one side holds of what was to be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Files.
    pub files: u64,
    /// Bytes in them, as far as sizes are known.
    pub bytes: u64,
    /// Folders.
    pub folders: u64,
    /// Symbolic links.
    pub links: u64,
    /// Pipes, sockets and devices.
    pub others: u64,
}

impl Held {
    pub(super) fn add(&mut self, is: &Attributes) {
        let of = match is.kind {
            Kind::File => &mut self.files,
            Kind::Folder => &mut self.folders,
            Kind::Link => &mut self.links,
            Kind::Pipe | Kind::Socket | Kind::Block(_) | Kind::Character(_) => &mut self.others,
        };
        *of += 1;
        self.bytes += is.size.unwrap_or(0);
    }

    /// Everything.
    pub fn entries(&self) -> u64 {
        self.files + self.folders + self.links + self.others
    }
}

/// How the contents of files were compared: how many files each way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// Byte by byte.
    pub bytes: u64,
    /// By digests of both, made by reading them.
    pub read: u64,
    /// By a digest that a side publishes, against the other's, published or made by reading.
    pub published: u64,
    /// Of size 0 on both sides: nothing to read.
    pub empty: u64,
}

impl fmt::Display for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |number: u64, how: &'static str| (number > 0).then_some((number, how));
        let parts: Vec<(u64, &str)> = [
            part(self.bytes, "byte by byte"),
            part(self.read, "by XXH3-128 of every byte"),
            part(self.published, "by published digests"),
        ]
        .into_iter()
        .flatten()
        .collect();
        match parts.as_slice() {
            [] => f.write_str("no contents"),
            [(_, how)] => f.write_str(how),
            some => {
                let some: Vec<String> =
                    some.iter().map(|(n, how)| format!("{} {how}", counted(*n, "file", "files"))).collect();
                f.write_str(&some.join(", "))
            }
        }
    }
}

/// What a comparison proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the source holds.
    pub source: Held,
    /// What the target holds.
    pub target: Held,
    /// How contents were compared.
    pub ways: Ways,
    /// The entries that differ, counted by the gravest of their aspects, in the order of [`Aspect::ALL`].
    counts: [u64; 9],
    /// The entries that differ, by path; of each aspect as many as were to be listed.
    pub differences: Vec<Difference>,
    /// Entries of which neither was proved, counted.
    pub unproved: u64,
    /// The first of them, each with the reason.
    pub unproved_named: Vec<(Vec<u8>, String)>,
    /// Entries that were not to be compared.
    pub left_out: u64,
    /// Files whose contents were not compared, since only names, sizes and times were asked for.
    pub unread: u64,
    /// What was not looked at, each in words.
    pub not_looked_at: Vec<String>,
    /// Why it ended before it was done.
    pub unfinished: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// How many are named, of each aspect and of what is not proved.
    listed: usize,
}

impl Outcome {
    /// Nothing yet, to name so many of each aspect.
    pub(super) fn naming(listed: usize) -> Outcome {
        Outcome { listed, ..Outcome::default() }
    }

    /// As it was at first.
    pub(super) fn forgotten(&self) -> Outcome {
        Outcome::naming(self.listed)
    }

    /// How many entries differ, counted as their gravest aspect.
    pub fn differing(&self, aspect: Aspect) -> u64 {
        self.counts.get(aspect as usize).copied().unwrap_or(0)
    }

    /// How many entries differ for certain.
    pub fn different(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How many differ in what, in words: `1 missing, 5 with other contents`.
    pub fn differing_words(&self) -> String {
        let parts = Aspect::ALL.into_iter().filter(|aspect| self.differing(*aspect) > 0);
        parts.map(|aspect| aspect.counted(self.differing(aspect))).collect::<Vec<_>>().join(", ")
    }

    /// What may be said about the two sides. One certain difference is enough for *different*; *same* takes
    /// every entry.
    pub fn verdict(&self) -> Verdict {
        let not_proved = |why: String| Verdict::NotProved { why };
        if self.different() > 0 {
            Verdict::Different
        } else if let Some(why) = &self.unfinished {
            not_proved(why.clone())
        } else if self.unproved > 0 {
            let first = self.unproved_named.first().map_or_else(String::new, |(path, why)| {
                format!(", the first is {}: {why}", String::from_utf8_lossy(path))
            });
            not_proved(format!("{} could not be compared{first}", counted(self.unproved, "entry", "entries")))
        } else if self.unread > 0 {
            not_proved("contents were not compared, only names, sizes and times".to_owned())
        } else if self.source.entries() + self.target.entries() == 0 {
            not_proved("there is nothing to compare on either side".to_owned())
        } else {
            Verdict::Same
        }
    }

    pub(super) fn add(&mut self, difference: Difference) {
        let count = self.counts.get_mut(difference.gravest() as usize);
        let before = count.map_or(0, |count| {
            *count += 1;
            *count - 1
        });
        if usize::try_from(before).is_ok_and(|before| before < self.listed) {
            self.differences.push(difference);
        }
    }

    /// Whether one more of these would be named.
    pub(super) fn names(&self, aspects: Aspects) -> bool {
        let gravest = aspects.iter().next().map_or(0, |aspect| self.differing(aspect));
        usize::try_from(gravest).is_ok_and(|number| number < self.listed)
    }

    pub(super) fn not_proved(&mut self, path: Vec<u8>, why: impl Into<String>) {
        self.unproved += 1;
        if self.unproved_named.len() < self.listed.max(1) {
            self.unproved_named.push((path, why.into()));
        }
    }
}
