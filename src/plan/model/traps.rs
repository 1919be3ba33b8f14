//! Readiness: what trips up a move between two databases, although replication is at zero.
//!
//! One value a trap, one probe a trap. Owns their names and which of them a kind of link can have. What each looks for
//! stands with its engine; it cannot leave one out, since it answers for every value here.

use serde::{Deserialize, Serialize};

use super::{Link, LinkKind};

/// Something that trips up a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trap {
    /// Rows that no key tells apart.
    Keys,
    /// Sequences that nobody carries over, or that are others there.
    Sequences,
    /// Tables whose first copy is not done.
    Subscription,
    /// Tables that leave the source in part or not at all.
    Publication,
    /// Tables and columns that are others at the target.
    Columns,
    /// Views, functions, types: what replication never carries.
    Objects,
    /// Indexes that are missing or invalid.
    Indexes,
    /// Constraints that are missing or not validated.
    Constraints,
    /// Triggers that are disabled, missing, or fire for replicated rows.
    Triggers,
    /// Row security that differs or stops the apply worker.
    Policies,
    /// Large objects.
    LargeObjects,
    /// Tables without a log.
    Unlogged,
    /// Transactions that have been open for long, or are prepared.
    Transactions,
    /// Slots without a consumer, and the log that they hold.
    Slots,
    /// Jobs that run before the target is opened.
    Jobs,
    /// Extensions that are missing or older.
    Extensions,
    /// Collations that sort in another way.
    Collations,
    /// Another encoding.
    Encoding,
    /// Another time zone, or another form of dates.
    TimeZone,
    /// Settings that change what a statement means.
    Settings,
    /// Roles and what they may.
    Roles,
    /// An older server.
    Version,
    /// Fewer connections.
    Connections,
    /// No room for one more worker, sender or slot.
    Capacity,
    /// A standby that stops where its primary has more.
    StandbySettings,
    /// A standby whose log may be removed before it has it.
    StandbySlot,
    /// A standby that cancels what reads long.
    Conflicts,
    /// Tables whose engine has no transactions.
    Engines,
    /// A log that carries less than was done, or is removed too early.
    Logging,
    /// Numbers of servers and of transactions that meet.
    Origins,
    /// Errors that the target passes over.
    Applying,
    /// A target that takes writes, and accounts that no fence holds back.
    ReadOnly,
    /// Events: the server's own jobs.
    Events,
    /// Accounts in whose name things run, and which are not there.
    Definers,
}

/// What a subscription can be tripped up by.
const LOGICAL: &[Trap] = &[
    Trap::Keys,
    Trap::Sequences,
    Trap::Subscription,
    Trap::Publication,
    Trap::Columns,
    Trap::Objects,
    Trap::Indexes,
    Trap::Constraints,
    Trap::Triggers,
    Trap::Policies,
    Trap::LargeObjects,
    Trap::Unlogged,
    Trap::Transactions,
    Trap::Slots,
    Trap::Jobs,
    Trap::Extensions,
    Trap::Collations,
    Trap::Encoding,
    Trap::TimeZone,
    Trap::Settings,
    Trap::Roles,
    Trap::Version,
    Trap::Connections,
    Trap::Capacity,
];

/// … and a standby, which has every object and row of its primary, but its own machine and its own configuration.
const STREAMING: &[Trap] = &[
    Trap::Unlogged,
    Trap::Transactions,
    Trap::Slots,
    Trap::Extensions,
    Trap::Collations,
    Trap::TimeZone,
    Trap::Settings,
    Trap::Connections,
    Trap::StandbySettings,
    Trap::StandbySlot,
    Trap::Conflicts,
];

/// … and a replica of MySQL or MariaDB.
const REPLICA: &[Trap] = &[
    Trap::Keys,
    Trap::Engines,
    Trap::Logging,
    Trap::Origins,
    Trap::Applying,
    Trap::ReadOnly,
    Trap::Events,
    Trap::Definers,
    Trap::Sequences,
    Trap::Columns,
    Trap::Objects,
    Trap::Indexes,
    Trap::Constraints,
    Trap::Triggers,
    Trap::Transactions,
    Trap::Collations,
    Trap::TimeZone,
    Trap::Settings,
    Trap::Roles,
    Trap::Version,
    Trap::Connections,
];

impl LinkKind {
    /// The traps that a link of this kind is looked at for.
    pub fn traps(self) -> &'static [Trap] {
        match self {
            LinkKind::Sqlite | LinkKind::Redis => &[],
            LinkKind::Mysql | LinkKind::Mariadb => REPLICA,
            LinkKind::PostgresLogical => LOGICAL,
            LinkKind::PostgresStreaming => STREAMING,
        }
    }
}

impl Trap {
    /// Its name in ids, what people read as the title of its probe, and what is said when there is none.
    fn words(self) -> [&'static str; 3] {
        match self {
            Trap::Keys => ["keys", "keyless tables", "every table has its key on both sides"],
            Trap::Sequences => ["sequences", "sequences left behind", "every sequence is there"],
            Trap::Subscription => ["subscription", "uncopied tables", "every table is copied and followed"],
            Trap::Publication => ["publication", "unpublished tables", "every table is published whole"],
            Trap::Columns => ["columns", "columns and tables that differ", "every column is there"],
            Trap::Objects => ["objects", "views, functions and types", "every object is there"],
            Trap::Indexes => ["indexes", "indexes", "every index is there and valid"],
            Trap::Constraints => ["constraints", "constraints", "every constraint is there and validated"],
            Trap::Triggers => ["triggers", "triggers", "every trigger is on, and on both sides"],
            Trap::Policies => {
                ["policies", "row security", "row security is the same and stops no apply worker"]
            }
            Trap::LargeObjects => ["large-objects", "large objects", "no large objects"],
            Trap::Unlogged => ["unlogged", "unlogged tables", "no unlogged table"],
            Trap::Transactions => {
                ["transactions", "long and prepared transactions", "no long or prepared transaction"]
            }
            Trap::Slots => ["slots", "slots without a consumer", "every slot has its consumer"],
            Trap::Jobs => ["jobs", "jobs at the target", "no job runs at the target"],
            Trap::Extensions => ["extensions", "extensions", "every extension is there"],
            Trap::Collations => ["collations", "collations", "both sides sort alike"],
            Trap::Encoding => ["encoding", "encoding", "the same encoding"],
            Trap::TimeZone => ["time-zone", "time zone and dates", "the same time zone and form of dates"],
            Trap::Settings => ["settings", "settings", "no setting that differs"],
            Trap::Roles => ["roles", "roles and grants", "every role is there, with its grants"],
            Trap::Version => ["version", "version", "no step back in versions"],
            Trap::Connections => ["connections", "connections", "room for as many connections"],
            Trap::Capacity => ["capacity", "room for replication", "a slot, a sender and a worker are free"],
            Trap::StandbySettings => {
                ["standby-settings", "settings of the standby", "none is smaller than the primary's"]
            }
            Trap::StandbySlot => ["standby-slot", "log kept for the standby", "a slot keeps its log"],
            Trap::Conflicts => {
                ["conflicts", "reads cancelled on the standby", "long reads are not cancelled"]
            }
            Trap::Engines => ["engines", "engines of tables", "every table has transactions"],
            Trap::Logging => ["logging", "log of rows", "the log carries every row, for long enough"],
            Trap::Origins => ["origins", "server ids and domains", "no number of one side is the other's"],
            Trap::Applying => ["applying", "errors passed over", "the target passes over no error"],
            Trap::ReadOnly => {
                ["read-only", "who passes read_only", "the target is read-only, and nobody passes"]
            }
            Trap::Events => ["events", "events", "every event runs on one side"],
            Trap::Definers => ["definers", "definers", "every definer is there"],
        }
    }

    /// Its name in ids.
    pub fn key(self) -> &'static str {
        let [key, _, _] = self.words();
        key
    }

    /// What people read, behind the link's name.
    pub fn title(self) -> &'static str {
        let [_, title, _] = self.words();
        title
    }

    /// What is said where nothing is found.
    pub fn none(self) -> &'static str {
        let [_, _, none] = self.words();
        none
    }
}

/// One trap, looked for at both ends of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyProbe {
    /// Which trap.
    pub trap: Trap,
    /// Between which two, and by what.
    pub link: Link,
    /// A step of the plan carries the sequences over.
    pub carried: bool,
    /// The name of the link that leads back (its slot, its channel), where the plan has one; empty for one without.
    pub back: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// So much of a title is left in the narrowest row.
    const SHORTEST: usize = 11;

    #[test]
    fn titles_of_one_link_differ_where_they_are_cut() {
        for kind in LinkKind::ALL {
            let cut: BTreeSet<String> =
                kind.traps().iter().map(|trap| trap.title().chars().take(SHORTEST).collect()).collect();
            assert_eq!(cut.len(), kind.traps().len(), "{kind:?}: {cut:?}");
        }
    }

    #[test]
    fn every_name_is_the_one_that_is_written_and_there_once() {
        let all: BTreeSet<Trap> =
            LinkKind::ALL.iter().flat_map(|kind| kind.traps().iter().copied()).collect();
        let keys: BTreeSet<&str> = all.iter().map(|trap| trap.key()).collect();
        assert_eq!(keys.len(), all.len());
        for trap in all {
            assert_eq!(serde_json::to_string(&trap).unwrap(), format!("\"{}\"", trap.key()));
        }
    }
}
