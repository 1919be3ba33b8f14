//! Places in a log, in the three ways that these servers write them.
//!
//! Owns reading them and counting what is between two. MariaDB: `domain-server-number`, here always the last of every
//! server in every domain (`@@gtid_binlog_state`), since one number a domain does not say whose it is. MySQL:
//! `uuid:1-5:7`, with tags from 8.3. Without either: `file:offset`.
//!
//! Source: MariaDB's "Global Transaction ID", MySQL's "GTID Format and Storage".

use std::collections::BTreeMap;
use std::fmt;

use crate::databases::{Error, Position};

/// MariaDB's: the last number of every server in every domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State(pub(super) BTreeMap<u32, BTreeMap<u32, u64>>);

impl State {
    /// Reads `0-1-100,0-2-105`.
    pub(super) fn read(text: &str) -> Option<State> {
        let mut state = State::default();
        for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let mut parts = one.split('-');
            let domain = parts.next()?.parse().ok()?;
            let server = parts.next()?.parse().ok()?;
            let number: u64 = parts.next()?.parse().ok()?;
            if parts.next().is_some() {
                return None;
            }
            state.add(domain, server, number);
        }
        Some(state)
    }

    /// Takes in that a transaction was logged.
    pub(super) fn add(&mut self, domain: u32, server: u32, number: u64) {
        let last = self.0.entry(domain).or_default().entry(server).or_default();
        *last = number.max(*last);
    }

    /// The last of a domain, whoever's it is: its server and number.
    pub(super) fn last(&self, domain: u32) -> Option<(u32, u64)> {
        self.0
            .get(&domain)?
            .iter()
            .map(|(server, number)| (*server, *number))
            .max_by_key(|(_, number)| *number)
    }

    /// What a server has logged here of its own, by domain.
    pub(super) fn of_server(&self, server: u32) -> BTreeMap<u32, u64> {
        self.0.iter().filter_map(|(domain, of)| Some((*domain, *of.get(&server)?))).collect()
    }

    /// How many transactions of this log, which server `source` keeps, a target has not applied, which itself is `server`. What
    /// that one has logged first it has not to apply: in a ring, its own come back to it.
    ///
    /// # Errors
    /// The one that was applied and that is not in this log: then the two are not the ends of one link, or a log was reset.
    /// Of a domain that is not in it at all only what `source` itself has written must be.
    pub(super) fn behind(&self, applied: &State, source: u32, server: u32) -> Result<u64, String> {
        for domain in applied.0.keys() {
            let Some((whose, done)) = applied.last(*domain) else { continue };
            let known = match self.0.get(domain) {
                Some(servers) => servers.get(&whose).is_some_and(|known| *known >= done),
                None => whose != source,
            };
            if !known {
                return Err(format!("{domain}-{whose}-{done}"));
            }
        }
        let mut behind = 0_u64;
        for (domain, servers) in &self.0 {
            let foreign = servers.iter().filter(|(s, _)| **s != server).map(|(_, n)| *n).max();
            let done = applied.last(*domain).map_or(0, |(_, done)| done);
            behind = behind.saturating_add(foreign.unwrap_or(0).saturating_sub(done));
        }
        Ok(behind)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.iter().flat_map(|(d, of)| of.iter().map(move |(s, n)| format!("{d}-{s}-{n}")));
        f.write_str(&all.collect::<Vec<_>>().join(","))
    }
}

/// MySQL's: by `uuid` or `uuid:tag`, ranges of numbers, both ends included, in order and apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sets(pub(super) BTreeMap<String, Vec<(u64, u64)>>);

impl Sets {
    /// Reads `uuid:1-5:7, uuid:tag:1-3`.
    pub(super) fn read(text: &str) -> Option<Sets> {
        let mut sets = Sets::default();
        for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let mut parts = one.split(':').map(str::trim);
            let uuid = parts.next()?.to_ascii_lowercase();
            if uuid.len() != 36 || uuid.bytes().any(|b| b != b'-' && !b.is_ascii_hexdigit()) {
                return None;
            }
            let mut name = uuid.clone();
            for part in parts {
                if part.starts_with(|c: char| !c.is_ascii_digit()) {
                    name = format!("{uuid}:{}", part.to_ascii_lowercase());
                    continue;
                }
                let (first, last) = part.split_once('-').unwrap_or((part, part));
                let range: (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
                if range.0 == 0 || range.1 < range.0 {
                    return None;
                }
                sets.0.entry(name.clone()).or_default().push(range);
            }
        }
        for ranges in sets.0.values_mut() {
            ranges.sort_unstable();
            let mut joined: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
            for range in ranges.drain(..) {
                match joined.last_mut() {
                    Some(before) if range.0 <= before.1.saturating_add(1) => before.1 = before.1.max(range.1),
                    _ => joined.push(range),
                }
            }
            *ranges = joined;
        }
        Some(sets)
    }

    /// How many of these are not among the others.
    pub(super) fn missing_in(&self, other: &Sets) -> u64 {
        let mut missing = 0_u64;
        for (name, ranges) in &self.0 {
            let there = other.0.get(name).map_or(&[][..], Vec::as_slice);
            for (first, last) in ranges {
                let shared: u64 = there
                    .iter()
                    .map(|(from, to)| {
                        let (from, to) = (from.max(first), to.min(last));
                        if from > to { 0 } else { to - from + 1 }
                    })
                    .sum();
                missing = missing.saturating_add(last - first + 1 - shared);
            }
        }
        missing
    }
}

/// A place in a log, by its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// The log's file.
    pub(super) name: String,
    /// The offset in it, in bytes.
    pub(super) at: u64,
}

impl File {
    /// Reads `binlog.000003:1842`.
    pub(super) fn read(text: &str) -> Option<File> {
        let (name, at) = text.rsplit_once(':')?;
        (!name.is_empty() && !name.contains(':')).then_some(())?;
        Some(File { name: name.to_owned(), at: at.parse().ok()? })
    }

    /// A file's name as an event has it that says which comes next. The first one of a stream may have a checksum of four bytes
    /// behind it, which is not known yet to be one there.
    pub(super) fn name_of(raw: &[u8]) -> Option<String> {
        let named = |raw: &[u8]| {
            let name = std::str::from_utf8(raw).ok()?;
            let (_, number) = name.rsplit_once('.')?;
            let digits = (6..10).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| name.to_owned())
        };
        named(raw).or_else(|| named(raw.split_last_chunk::<4>()?.0))
    }

    /// Whether the log comes by here sooner than there. Its files are numbered, with six digits as long as that is enough; of one
    /// without a number that is not so.
    pub(super) fn lies_before(&self, other: &File) -> bool {
        let number = |file: &File| file.name.rsplit('.').next().and_then(|number| number.parse::<u64>().ok());
        number(self).zip(number(other)).is_some_and(|(here, there)| (here, self.at) < (there, other.at))
    }
}

/// A place in a log, by its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// MariaDB's.
    State(State),
    /// MySQL's.
    Sets(Sets),
    /// Without GTIDs.
    File(File),
}

impl Place {
    /// Reads a position of a server, which is MariaDB or not.
    ///
    /// # Errors
    /// [`Error::Broken`]: it is of another kind of database.
    pub(super) fn read(what: &str, mariadb: bool, position: &Position) -> Result<Place, Error> {
        let text = position.0.trim();
        let place = if mariadb {
            State::read(text).map(Place::State)
        } else {
            Sets::read(text).map(Place::Sets).or_else(|| File::read(text).map(Place::File))
        };
        place.ok_or_else(|| {
            let of = if mariadb { "MariaDB" } else { "MySQL" };
            Error::broken(
                what,
                format!("`{text}` is no position of {of}"),
                "take one that was read from this side",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> State {
        State::read(text).unwrap()
    }

    fn sets(text: &str) -> Sets {
        Sets::read(text).unwrap()
    }

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn files_of_a_log_come_in_the_order_of_their_numbers() {
        let place = |text| File::read(text).unwrap();
        assert!(place("log.000009:900").lies_before(&place("log.000010:4")));
        assert!(place("log.999999:900").lies_before(&place("log.1000000:4")));
        assert!(place("a:b.c.000001:4".strip_prefix("a:").unwrap()).lies_before(&place("b.c.000001:5")));
        assert!(!place("log.000009:4").lies_before(&place("log.000009:4")));
        let unknown = File { name: String::new(), at: 0 };
        assert!(!unknown.lies_before(&place("log.000009:4")) && !place("log.000009:4").lies_before(&unknown));
    }

    #[test]
    fn a_checksum_is_no_part_of_a_files_name() {
        let name = |raw: &[u8]| File::name_of(raw);
        assert_eq!(name(b"a.b.000012").as_deref(), Some("a.b.000012"));
        for checksum in [&b"\xd1\x00.n"[..], b"1234", b"\xff\xff\xff\xff", b".001"] {
            assert_eq!(name(&[b"log.000012", checksum].concat()).as_deref(), Some("log.000012"));
        }
        assert_eq!(name(b"log.1000000").as_deref(), Some("log.1000000"));
        assert_eq!((name(b"log"), name(b"log.12")), (None, None));
    }

    #[test]
    fn transactions_are_counted_by_domain() {
        let source = state("0-1-100,5-1-7");
        assert_eq!(source.behind(&state("0-1-97,5-1-7"), 1, 2), Ok(3));
        assert_eq!(source.behind(&state("0-1-100"), 1, 2), Ok(7), "a domain of which nothing has come");
        assert_eq!(source.behind(&state("0-1-100,5-1-7,9-3-4"), 1, 2), Ok(0), "another source's domain");
    }

    #[test]
    fn what_was_applied_and_is_not_in_the_log_is_no_zero() {
        assert_eq!(state("0-1-100").behind(&state("0-1-101"), 1, 2), Err("0-1-101".into()));
        assert_eq!(state("0-1-100").behind(&state("0-7-100"), 1, 2), Err("0-7-100".into()));
        assert_eq!(state("").behind(&state("0-1-1"), 1, 2), Err("0-1-1".into()), "its log was reset");
        assert_eq!(state("").behind(&state("0-7-1"), 1, 2), Ok(0), "of another source, in a log of nothing");
        assert_eq!(state("0-1-100").behind(&state("0-2-150"), 1, 2), Err("0-2-150".into()), "set by hand");
    }

    #[test]
    fn in_a_ring_the_targets_own_need_not_be_applied() {
        // Server 1 wrote 100, server 2 took over and wrote on.
        let log = state("0-1-100,0-2-105");
        assert_eq!(log.behind(&state("0-2-105"), 1, 1), Ok(0));
        assert_eq!(log.behind(&state(""), 1, 1), Ok(105), "errs upwards");
        assert_eq!(state("0-1-100").behind(&state(""), 1, 1), Ok(0), "all of it is the target's own");
    }

    #[test]
    fn sets_are_joined_and_counted() {
        let source = sets(&format!("{A}:1-5:7:8-9,\n{A}:blue:1-3"));
        assert_eq!(source.0[A], [(1, 5), (7, 9)]);
        assert_eq!(source.missing_in(&sets(&format!("{}:1-4:8", A.to_uppercase()))), 1 + 2 + 3);
        assert_eq!(source.missing_in(&source), 0);
        assert_eq!(sets("").missing_in(&source), 0);
        assert_eq!(source.missing_in(&sets("")), 11);
    }

    #[test]
    fn each_kind_refuses_the_others() {
        let at = |text: &str| Position(text.to_owned());
        for text in ["c:1842", "0/16B3748", "0-1", "0-1-x", &format!("{A}:1-5")] {
            assert!(Place::read("db", true, &at(text)).is_err(), "{text}");
        }
        for text in ["0-1-100", "0/16B3748", &format!("{A}:5-1")] {
            assert!(Place::read("db", false, &at(text)).is_err(), "{text}");
        }
        let file = Place::read("db", false, &at("binlog.000003:1842")).unwrap();
        assert_eq!(file, Place::File(File { name: "binlog.000003".into(), at: 1_842 }));
    }

    mod properties {
        use proptest::prelude::*;

        use super::super::Sets;

        fn any_set() -> impl Strategy<Value = std::collections::BTreeSet<u64>> {
            proptest::collection::btree_set(1_u64..40, 0..20)
        }

        fn written(numbers: &std::collections::BTreeSet<u64>) -> String {
            let parts: Vec<String> = numbers.iter().map(u64::to_string).collect();
            if parts.is_empty() { String::new() } else { format!("{}:{}", super::A, parts.join(":")) }
        }

        proptest! {
            #[test]
            fn missing_is_the_difference_of_sets(a in any_set(), b in any_set()) {
                let (x, y) = (Sets::read(&written(&a)).unwrap(), Sets::read(&written(&b)).unwrap());
                prop_assert_eq!(x.missing_in(&y), a.difference(&b).count() as u64);
            }
        }
    }
}
