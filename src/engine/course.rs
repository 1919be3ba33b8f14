//! How a comparison stands, table by table: for whoever watches, and for nothing else.
//!
//! Nothing is decided by it: that rests on readings alone. It is told while a look is under way and at its end, also where
//! nothing was proved, and it is gone with the engine that told it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Boot, Timestamp};
use crate::plan::ProbeId;

/// How a comparison stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Which comparison.
    pub probe: ProbeId,
    /// When this was told, boot time.
    pub told: Boot,
    /// How far the look is that is under way; `None` when none is.
    pub now: Option<Standing>,
    /// What is known of the tables; `None` where that is what was told before.
    pub tables: Option<TablesSeen>,
}

/// What is known of the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablesSeen {
    /// When the look began that tells it.
    pub at: Timestamp,
    /// How many there are.
    pub of: u64,
    /// How many of them are the same.
    pub same: u64,
    /// The worst of them, worst first.
    pub worst: Vec<TableSeen>,
}

/// How far a look is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Since when it is under way.
    pub since: Timestamp,
    /// What it is at.
    pub doing: Doing,
    /// The table that it is at.
    pub table: Option<String>,
    /// What it compares.
    pub what: What,
    /// Tables, or files, that are done, of how many.
    pub tables: Option<(u64, u64)>,
    /// Rows, or bytes, that were read, of both sides; entries while it lists them.
    pub rows: u64,
    /// About how many there are to read.
    pub of: Option<u64>,
    /// How many a second, of both sides, while it reads: waits do not count.
    pub rate: Option<u64>,
    /// Connections a side; 0 where there are none.
    pub connections: u64,
    /// Rows that differ and may be on their way.
    pub suspects: u64,
    /// Somebody holds it.
    pub held: bool,
    /// Why it waits otherwise.
    pub waits: Option<String>,
}

/// What a look compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Rows of tables.
    Rows,
    /// Bytes of files.
    Bytes,
}

/// What a look is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Doing {
    /// It asks what there is to read.
    Connecting,
    /// It lists the files that there are.
    Listing,
    /// It reads tables, or files, whole.
    Reading,
    /// It looks at single rows, or files, again.
    LookingAgain,
}

/// What is known of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSeen {
    /// Its name at the source.
    pub table: String,
    /// What is proved of it.
    pub proved: Proved,
    /// Rows at the source and at the target, where they were counted.
    pub rows: (Option<u64>, Option<u64>),
    /// Rows of both sides that were read, of about how many.
    pub read: (u64, u64),
    /// Since when it stands as read whole; `None` when it was read by this look.
    pub whole: Option<Timestamp>,
    /// Rows that were written since and looked at again.
    pub again: u64,
    /// What kind of equality is looked for, in words.
    pub equality: String,
}

/// What is proved of a table, worst last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "of")]
pub enum Proved {
    /// Every row is the same.
    Same,
    /// Its turn has not come.
    ToCome,
    /// It is being read.
    Reading,
    /// Why nothing was proved.
    Not(String),
    /// What differs, in words.
    Different(String),
}

/// How comparisons stand, by what was told last.
#[derive(Clone, Debug, Default)]
pub struct Courses(BTreeMap<ProbeId, Course>);

impl Courses {
    /// Takes in what was told later. What is known of tables stays known until it is told anew.
    pub fn follow(&mut self, told: Course) {
        let before = self.0.remove(&told.probe).and_then(|before| before.tables);
        self.0.insert(told.probe.clone(), Course { tables: told.tables.or(before), ..told });
    }

    /// How one stands, where that was told.
    pub fn of(&self, probe: &ProbeId) -> Option<&Course> {
        self.0.get(probe)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Course> {
        self.0.values()
    }
}

impl Standing {
    /// How long it takes from here, at the rate of now.
    pub fn left(&self) -> Option<Duration> {
        let rate = self.rate.filter(|&rate| rate > 0)?;
        Some(Duration::from_secs(self.of?.saturating_sub(self.rows) / rate))
    }

    /// How much of what there is to read has been, of a hundred.
    pub fn percent(&self) -> Option<u64> {
        percent(self.rows, self.of?)
    }
}

impl TableSeen {
    /// How much of it has been read, of a hundred.
    pub fn percent(&self) -> Option<u64> {
        percent(self.read.0, self.read.1)
    }
}

impl Doing {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Doing::Connecting => "connecting",
            Doing::Listing => "listing",
            Doing::Reading => "reading",
            Doing::LookingAgain => "looking again",
        }
    }
}

/// All of it only when it is: nobody is to read 100 % and wait.
fn percent(read: u64, of: u64) -> Option<u64> {
    let of = (of > 0).then_some(of)?;
    Some(if read >= of { 100 } else { (u128::from(read) * 100 / u128::from(of)).try_into().unwrap_or(99) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_goes_by_the_rate_and_nobody_reads_a_hundred_too_early() {
        let standing = Standing {
            since: Timestamp(0),
            doing: Doing::Reading,
            table: None,
            what: What::Rows,
            tables: Some((0, 2)),
            rows: 9_999,
            of: Some(10_000),
            rate: None,
            connections: 2,
            suspects: 0,
            held: false,
            waits: None,
        };
        assert_eq!((standing.percent(), standing.left()), (Some(99), None));
        let with = |rows, of, rate| Standing { rows, of, rate, ..standing.clone() };
        assert_eq!(with(10, Some(100), Some(9)).left(), Some(Duration::from_secs(10)));
        assert_eq!(with(10, None, Some(9)).left(), None);
        assert_eq!(with(0, Some(0), Some(9)).percent(), None);
        assert_eq!(with(u64::MAX, Some(u64::MAX), None).percent(), Some(100));
        assert_eq!(with(u64::MAX / 2, Some(u64::MAX), None).percent(), Some(49));
    }
}
