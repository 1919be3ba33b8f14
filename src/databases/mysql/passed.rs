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
use super::gtid::{File, Place, State};
use super::session::{Named, Session, only, value};
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
    /// Up to where the target's log was looked through for what is missing.
    until: File,
    /// By domain and number.
    missing: BTreeSet<(u32, u64)>,
}

/// What a target says at one moment, in the order of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Who applies: when the server started, and the numbers of its SQL threads.
    threads: (i64, Vec<u64>),
    /// Its position.
    applied: State,
    /// Where its log ended, in its files.
    end: File,
    /// What stands in its log: at that end, or a little later.
    log: State,
}

/// What is asked for the numbers of its SQL threads.
pub(super) const THREADS: &str =
    "select id from information_schema.processlist where command = 'Slave_SQL' order by id";
/// … and whether it logs all that it applies.
pub(super) const LOGS: &str = "select @@global.log_bin and @@global.log_slave_updates";

impl Moment {
    /// Asks for the rest, when the position is known, and who applied `before` and `after` it was asked for. Of a server that logs
    /// all that it applies: `None` where rules leave something out.
    pub(super) async fn read(
        session: &mut Session,
        (before, after): (&[Named], &[Named]),
        applied: State,
    ) -> Result<Option<Moment>, Problem> {
        let ids = |rows: &[Named]| rows.iter().map(|row| row.number("id")).collect::<Vec<u64>>();
        // Of a position that another one came to meanwhile nobody knows whose it is.
        let ids = if ids(before) == ids(after) { ids(before) } else { Vec::new() };
        // The end first: what is logged in between is then read once more, and not passed over.
        let asked = [look::log_status(session), "select @@global.gtid_binlog_state"];
        let [status, log] = session.several(asked).await?;
        let status = only(status)?;
        if Filters::of(&status, "binlog_") != Filters::default() {
            return Ok(None);
        }
        let end = File { name: status.text("file"), at: status.number("position") };
        let log = look::state(value(log).as_deref())?;
        Ok(Some(Moment { threads: (session.hello.started, ids), applied, end, log }))
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
/// What is left out by a rule leaves no trace either: a stream with rules is not looked at. A log that begins anew at the target
/// (`reset master`) is a new beginning, as for a copy that is made anew; numbers that are smaller than before are none, since
/// what is applied again stands behind what came after it.
pub(super) async fn over(
    (from, to): (&Mysql, &Mysql),
    stream: &Stream,
    server: u32,
    now: &Moment,
    arrived: bool,
) -> Result<Vec<String>, Error> {
    let known = to.server.passed.0.lock().unwrap_or_else(PoisonError::into_inner).get(&stream.name).cloned();
    let comparable =
        |known: &Known| stream.filters == Filters::default() && !now.end.lies_before(&known.until);
    let mut missing = BTreeSet::new();
    let mut last = now.clone();
    let mut until = now.end.clone();
    if let Some(known) = known.filter(comparable) {
        // What it was set back behind will come again.
        let comes = |(domain, n): &(u32, u64)| now.applied.last(*domain).is_none_or(|(_, done)| done < *n);
        missing = known.missing.into_iter().filter(|one| !comes(one)).collect();
        if !missing.is_empty() && now.end != known.until {
            let place = Place::File(known.until.clone());
            match numbers(&to.server, to.timeout / 3, &place, server).await? {
                Some(again) => missing.retain(|(d, n)| !again.get(d).is_some_and(|of| of.contains(n))),
                None => until = known.until,
            }
        }
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
    let known = Known { last, until, missing };
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
    let Some(logged) = numbers(&to.server, to.timeout / 3, &Place::File(before.end.clone()), server).await?
    else {
        return Ok(BTreeSet::new());
    };
    // Nearly always all of them are there, and nobody else is to be asked.
    let count = |domain: u32| u64::try_from(within(&logged, domain).len()).unwrap_or(u64::MAX);
    if domains.iter().all(|d| count(*d) == came(*d).end - came(*d).start) {
        return Ok(BTreeSet::new());
    }
    let Some(written) =
        numbers(&from.server, from.timeout / 3, &Place::State(before.applied.clone()), server).await?
    else {
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
async fn numbers(server: &Server, limit: Duration, from: &Place, own: u32) -> Result<Option<Numbers>, Error> {
    let deadline = tokio::time::Instant::now() + limit;
    let session = server.connect(deadline, limit).await?;
    let reading = async {
        let mut log = binlog::open(session, from).await?;
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
        let end = File { name: "log.000001".to_owned(), at: 4 };
        Moment { threads: (0, vec![7]), applied: read(applied), end, log: read(log) }
    }

    #[test]
    fn what_stands_in_its_log_is_certain_and_its_own_is_not_meant() {
        assert_eq!(moment("1-1-5", "1-1-7,1-2-900").certain(1, 2), 7);
        assert_eq!(moment("1-1-5", "2-2-900").certain(1, 2), 5, "it does not log what it applies");
        assert_eq!(moment("", "").certain(1, 2), 0);
    }
}
