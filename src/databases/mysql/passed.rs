//! Transactions that a replica of MariaDB passed over: its position is past them, and they were never applied.
//!
//! Owns remembering from one look to the next who applied up to where. Only while the SQL thread is stopped can somebody
//! have it skip (`sql_slave_skip_counter`) or set its position by hand (`gtid_slave_pos`, `change master`); the server keeps no
//! record of either. So when another thread applies than at the last look, what it came past has to stand in the target's own
//! log (`log_slave_updates`). What cannot be read back in time is not told: comparing rows tells it.
//!
//! Source: MariaDB's pages about `sql_slave_skip_counter`, `gtid_slave_pos` and the threads of replication.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_core::Stream as _;
use tokio::time::timeout_at;

use super::connection::{Problem, Server};
use super::filters::Filters;
use super::gtid::{Place, State};
use super::session::Session;
use super::status::Stream;
use super::{Mysql, binlog, look};
use crate::databases::Error;

const DOING: &str = "reading what was applied";

/// What is remembered of each stream of a target, by its name.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<String, Known>>);

#[derive(Clone, Debug)]
struct Known {
    /// When all that was passed over until then was known.
    last: Moment,
    /// What stood in the target's log at the last look.
    log: State,
    /// By domain and number.
    missing: BTreeSet<(u32, u64)>,
}

/// What a target says at one moment, in the order of asking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// Who applies: when the server started, and the numbers of its SQL threads.
    threads: (i64, Vec<u64>),
    /// Its position.
    applied: State,
    /// What stands in its log.
    log: State,
}

/// The numbers of its SQL threads.
pub(super) async fn threads(session: &mut Session) -> Result<Vec<u64>, Problem> {
    let sql = "select id from information_schema.processlist where command = 'Slave_SQL' order by id";
    Ok(session.rows(sql).await?.iter().map(|row| row.number("id")).collect())
}

impl Moment {
    /// Asks, when the position is known, and who applied before it was asked for. `None` where it does not log all that it applies.
    pub(super) async fn read(
        session: &mut Session,
        before: Vec<u64>,
        applied: State,
    ) -> Result<Option<Moment>, Problem> {
        // Of a position that another one came to meanwhile nobody knows whose it is.
        let ids = if threads(session).await? == before { before } else { Vec::new() };
        let log = session.value("select @@global.gtid_binlog_state").await?.unwrap_or_default();
        let log = State::read(&log)
            .ok_or_else(|| Problem::broken("its GTIDs cannot be read", "check that this is MariaDB"))?;
        let all = session.is_on("@@global.log_bin and @@global.log_slave_updates").await?;
        let rules = session.rows(look::log_status(session)).await?;
        let all = all && rules.iter().all(|row| Filters::of(row, "binlog_") == Filters::default());
        Ok(all.then_some(Moment { threads: (session.hello.started, ids), applied, log }))
    }

    /// Whether its log goes on from an earlier one.
    fn goes_on_from(&self, earlier: &State) -> bool {
        earlier.0.iter().all(|(domain, servers)| {
            let now = self.log.0.get(domain);
            servers.iter().all(|(server, n)| now.and_then(|of| of.get(server)).is_some_and(|now| now >= n))
        })
    }

    /// Up to where it has certainly applied a domain, of what it has not written itself.
    fn certain(&self, domain: u32, server: u32) -> u64 {
        let logged = self.log.0.get(&domain).into_iter().flatten();
        let logged = logged.filter(|(whose, _)| **whose != server).map(|(_, n)| *n).max();
        self.applied.last(domain).map(|(_, n)| n).max(logged).unwrap_or(0)
    }
}

/// Numbers by domain.
type Numbers = BTreeMap<u32, BTreeSet<u64>>;

/// The transactions that the target passed over since it was first looked at, and did not come back to. `server` is its number.
/// Where its position is none of what is applied yet, it has not `arrived`, and nothing new is told.
///
/// What is left out by a rule leaves no trace either: a stream with rules is not looked at. A log that begins anew at the target (`reset master`) is a new beginning, as for a copy that is made anew.
pub(super) async fn over(
    (from, to): (&Mysql, &Mysql),
    stream: &Stream,
    server: u32,
    now: &Moment,
    arrived: bool,
) -> Result<Vec<String>, Error> {
    let known = to.server.passed.0.lock().unwrap_or_else(PoisonError::into_inner).get(&stream.name).cloned();
    let comparable = |known: &Known| stream.filters == Filters::default() && now.goes_on_from(&known.log);
    let mut missing = BTreeSet::new();
    let mut last = now.clone();
    if let Some(known) = known.filter(comparable) {
        // What it was set back behind will come again.
        let comes = |(domain, n): &(u32, u64)| now.applied.last(*domain).is_none_or(|(_, done)| done < *n);
        missing = known.missing.into_iter().filter(|one| !comes(one)).collect();
        if now.threads.1.is_empty() || !arrived {
            last = known.last;
        } else if now.threads != known.last.threads {
            missing.extend(passed((from, to), server, &known.last, now).await?);
            if now.applied == known.last.applied || stream.skips > 0 {
                // What it skips first is still to come.
                last.threads = known.last.threads;
            }
        }
    }
    let shown = missing.iter().map(|(domain, n)| {
        let whose = now.applied.last(*domain).map_or(0, |(whose, _)| whose);
        format!("{domain}-{whose}-{n}")
    });
    let shown = shown.collect();
    let known = Known { last, log: now.log.clone(), missing };
    to.server.passed.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.name.clone(), known);
    Ok(shown)
}

/// What a person is told of them.
pub(super) fn said(passed: &[String]) -> Option<String> {
    let first = passed.first()?;
    Some(format!(
        "transaction {first} is not in the target's log: skipped, or it changed nothing; apply it again, or make the copy anew"
    ))
}

/// What stands in the source's log between two moments and not in the target's.
async fn passed(
    (from, to): (&Mysql, &Mysql),
    server: u32,
    before: &Moment,
    now: &Moment,
) -> Result<BTreeSet<(u32, u64)>, Error> {
    let came = |domain: u32| {
        let done = now.applied.last(domain).map_or(0, |(_, n)| n);
        before.certain(domain, server)..done
    };
    let within = |numbers: &Numbers, domain: u32| -> BTreeSet<u64> {
        let came = came(domain);
        let all = numbers.get(&domain).into_iter().flatten();
        all.copied().filter(|n| came.start < *n && *n <= came.end).collect()
    };
    let domains: Vec<u32> = now.applied.0.keys().copied().filter(|d| !came(*d).is_empty()).collect();
    if domains.is_empty() {
        return Ok(BTreeSet::new());
    }
    let Some(logged) = numbers(&to.server, to.timeout / 3, &before.log, server).await? else {
        return Ok(BTreeSet::new());
    };
    // Nearly always all of them are there, and nobody else is to be asked.
    let count = |domain: u32| u64::try_from(within(&logged, domain).len()).unwrap_or(u64::MAX);
    if domains.iter().all(|d| count(*d) == came(*d).end - came(*d).start) {
        return Ok(BTreeSet::new());
    }
    let Some(written) = numbers(&from.server, from.timeout / 3, &before.applied, server).await? else {
        return Ok(BTreeSet::new());
    };
    let mut missing = BTreeSet::new();
    for domain in domains {
        let there = within(&logged, domain);
        missing
            .extend(within(&written, domain).into_iter().filter(|n| !there.contains(n)).map(|n| (domain, n)));
    }
    Ok(missing)
}

/// The transactions in a log from a place on. `None`: it does not go back that far, or that is too long ago to read. Those that
/// server `own` has written itself are left out: in a ring they come back to it, and it applies them not again.
async fn numbers(server: &Server, limit: Duration, from: &State, own: u32) -> Result<Option<Numbers>, Error> {
    let deadline = tokio::time::Instant::now() + limit;
    let session = server.connect(deadline).await?;
    let reading = async {
        let mut log = binlog::open(session, &Place::State(from.clone())).await?;
        let mut numbers = Numbers::new();
        while let Some(event) = poll_fn(|cx| Pin::new(&mut log).poll_next(cx)).await {
            let event = event?;
            if let Some((number, domain)) = binlog::transaction(&event)
                && event.header().server_id() != own
            {
                numbers.entry(domain).or_default().insert(number);
            }
        }
        Ok::<Numbers, Problem>(numbers)
    };
    match timeout_at(deadline, reading).await {
        Ok(Ok(numbers)) => Ok(Some(numbers)),
        Ok(Err(problem)) if problem.number() == Some(binlog::NOT_FROM_THERE) => Ok(None),
        Ok(Err(problem)) => Err(problem.explained(&server.address.name, DOING, limit)),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(applied: &str, log: &str) -> Moment {
        let read = |text: &str| State::read(text).unwrap();
        Moment { threads: (0, vec![7]), applied: read(applied), log: read(log) }
    }

    #[test]
    fn a_log_that_begins_anew_does_not_go_on() {
        let before = State::read("1-1-5,2-2-9").unwrap();
        assert!(moment("1-1-6", "1-1-6,2-2-9,3-3-1").goes_on_from(&before));
        assert!(!moment("1-1-6", "1-1-6").goes_on_from(&before));
        assert!(!moment("1-1-6", "1-1-4,2-2-9").goes_on_from(&before));
    }

    #[test]
    fn what_stands_in_its_log_is_certain_and_its_own_is_not_meant() {
        assert_eq!(moment("1-1-5", "1-1-7,1-2-900").certain(1, 2), 7);
        assert_eq!(moment("1-1-5", "2-2-900").certain(1, 2), 5, "it does not log what it applies");
        assert_eq!(moment("", "").certain(1, 2), 0);
    }
}
