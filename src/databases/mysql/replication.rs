//! Links between two servers: MariaDB's by its GTIDs, MySQL's by its sets of GTIDs, or by file and offset.
//!
//! A zero is true: what the target has applied is read before the end of the source's log, a transaction enters that log
//! before it is acknowledged, and a position counts as applied only when what lies before it in its domain is. A stream of
//! MariaDB's that goes by file and offset has to have come to the log's end in both ways: its GTIDs may be those of an earlier
//! life until it applies something.
//! `Ends.name` is the name of a MariaDB connection or a MySQL channel; without one it is the stream without a name, or the only one.
//! Seconds behind decide nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::connection::Problem;
use super::filters::Filters;
use super::gtid::{File, Place};
use super::passed::{self, Moment};
use super::session::{Session, on, only, value};
use super::status::{self, Stream};
use super::{Mysql, look, traps};
use crate::databases::link::{Ends, LinkKind};
use crate::databases::{Answer, Asked, Database as _, Error, Found, Lag, Link, Position, Unit};
use crate::plan::model::Trap;

/// MariaDB's line in the table of links.
pub(in crate::databases) const MARIADB: LinkKind =
    LinkKind { kind: "mariadb", join: |ends| Ok(Arc::new(Replication::join(ends, true)?)) };

/// MySQL's line in the table of links.
pub(in crate::databases) const MYSQL: LinkKind =
    LinkKind { kind: "mysql", join: |ends| Ok(Arc::new(Replication::join(ends, false)?)) };

#[derive(Debug)]
struct Replication {
    from: Arc<Mysql>,
    to: Arc<Mysql>,
    name: Option<String>,
    mariadb: bool,
}

/// What the target says of the link.
struct Arrival {
    stream: Result<Stream, String>,
    applied: Position,
    server: u32,
    /// MariaDB's, where it logs what it applies.
    moment: Option<Moment>,
}

/// What the source says of the link.
struct Source {
    end: Position,
    /// The same as a file and an offset, where that counts, too.
    place: Option<Position>,
    server: u32,
}

impl Replication {
    fn join(ends: Ends, mariadb: bool) -> Result<Replication, Error> {
        let name = ends.name.clone();
        let (from, to) = ends.of::<Mysql>(if mariadb { "mariadb" } else { "mysql" })?;
        Ok(Replication { from, to, name, mariadb })
    }

    async fn arrival(&self) -> Result<Arrival, Error> {
        let (wanted, mariadb) = (self.name.clone(), self.mariadb);
        self.to
            .ask("reading what has arrived", |s| {
                Box::pin(async move {
                    kind(s.hello.mariadb, mariadb)?;
                    if mariadb {
                        return arrival_at_mariadb(s, wanted.as_deref()).await;
                    }
                    let stream = pick(status::read(s).await?, wanted.as_deref());
                    let applied = if look::gtids(s).await? {
                        look::applied(s).await?
                    } else {
                        let applied = stream.as_ref().ok().and_then(|one| one.applied.clone());
                        applied.ok_or_else(|| {
                            Problem::broken(
                                "without GTIDs only its stream says what is applied, and there is none",
                                "set its replication up, or name its channel",
                            )
                        })?
                    };
                    Ok(Arrival { stream, applied, server: s.hello.server, moment: None })
                })
            })
            .await
    }

    async fn source(&self, by_place: bool) -> Result<Source, Error> {
        self.from
            .ask("reading the end of the log", |s| {
                Box::pin(async move {
                    let end = look::position(s).await?;
                    let place = if by_place { Some(look::place_of_log(s).await?) } else { None };
                    Ok(Source { end, place, server: s.hello.server })
                })
            })
            .await
    }

    /// How far a place of the source's log is past what has arrived, in a unit.
    async fn between(&self, source: &Place, from: u32, arrival: &Arrival) -> Result<(u64, Unit), Error> {
        let target = Place::read(self.to.name(), self.mariadb, &arrival.applied)?;
        match (source, &target) {
            (Place::State(log), Place::State(applied)) => {
                let behind = log.behind(applied, from, arrival.server).map_err(|stranger| {
                    Error::broken(
                        self.to.name(),
                        format!(
                            "it has applied {stranger}, which the log of {} does not have",
                            self.from.name()
                        ),
                        "check that these two are the ends of one link, and that no log was reset",
                    )
                })?;
                Ok((behind, Unit::Transactions))
            }
            (Place::Sets(log), Place::Sets(applied)) => Ok((log.missing_in(applied), Unit::Transactions)),
            (Place::File(log), Place::File(applied)) => {
                Ok((self.bytes(log.clone(), applied.clone()).await?, Unit::Bytes))
            }
            _ => Err(Error::broken(
                self.to.name(),
                "one end has GTIDs and the other has not",
                "set gtid_mode alike on both",
            )),
        }
    }

    /// Of another server's log nothing can be said, whatever it is that has arrived.
    fn fed_by(&self, source: &Source, stream: &Stream) -> Result<(), Error> {
        match &stream.fed_by {
            Some((other, at)) if *other != source.server => Err(Error::broken(
                self.to.name(),
                format!(
                    "it is fed by server {other} at {at}, and {} is server {}",
                    self.from.name(),
                    source.server
                ),
                "look where `change master` there points to, and what the link's `from` is",
            )),
            _ => Ok(()),
        }
    }

    /// Bytes of the source's log from one place to another, over as many files as lie between.
    async fn bytes(&self, end: File, done: File) -> Result<u64, Error> {
        if end.name == done.name {
            return Ok(end.at.saturating_sub(done.at));
        }
        let files = self
            .from
            .ask("listing its log", |s| Box::pin(async move { s.rows("show binary logs").await }))
            .await?;
        let sizes: Vec<(String, u64)> =
            files.iter().map(|row| (row.text("log_name"), row.number("file_size"))).collect();
        across(&sizes, &end, &done).ok_or_else(|| {
            Error::broken(
                self.to.name(),
                format!(
                    "it has applied {}:{}, which the log of {} does not have",
                    done.name,
                    done.at,
                    self.from.name()
                ),
                "check that these two are the ends of one link, and that its log was not cut",
            )
        })
    }
}

/// In this order, and in two waits for the server, however far away it is.
async fn arrival_at_mariadb(s: &mut Session, wanted: Option<&str>) -> Result<Arrival, Problem> {
    let asked = [status::ALL_OF_MARIADB, passed::THREADS, look::APPLIED, passed::THREADS, passed::LOGS];
    let [streams, before, applied, after, logs] = s.several(asked).await?;
    let stream = pick(streams.iter().map(Stream::of).collect(), wanted);
    let applied = look::state(value(applied).as_deref())?;
    let position = Position(applied.to_string());
    let moment =
        if on(value(logs).as_deref()) { Moment::read(s, (&before, &after), applied).await? } else { None };
    Ok(Arrival { stream, applied: position, server: s.hello.server, moment })
}

/// A kind of link is for one kind of server.
fn kind(is_mariadb: bool, wanted: bool) -> Result<(), Problem> {
    if is_mariadb == wanted {
        return Ok(());
    }
    let (is, other) = if is_mariadb { ("MariaDB", "mariadb") } else { ("MySQL", "mysql") };
    Err(Problem::broken(
        format!("it is {is}"),
        format!("give the link the kind `{other}`, and both ends one kind"),
    ))
}

/// The stream that is meant.
fn pick(mut streams: Vec<Stream>, name: Option<&str>) -> Result<Stream, String> {
    let known: Vec<String> = streams.iter().map(|s| format!("`{}`", s.name)).collect();
    let at = match name {
        Some(name) => streams.iter().position(|s| s.name == name),
        None if streams.len() == 1 => Some(0),
        None => streams.iter().position(|s| s.name.is_empty()),
    };
    match at {
        Some(at) => Ok(streams.swap_remove(at)),
        None if known.is_empty() => Err("no replication is set up at the target".to_owned()),
        None => {
            let known = known.join(", ");
            Err(match name {
                Some(name) => format!("the target has no stream `{name}`; it has {known}"),
                None => format!("the target is fed by {known}: say which with `channel`"),
            })
        }
    }
}

/// Bytes between two places in files of known sizes; `None` where the first is not among them.
fn across(sizes: &[(String, u64)], end: &File, done: &File) -> Option<u64> {
    let from = sizes.iter().position(|(name, _)| *name == done.name)?;
    let to = sizes.iter().position(|(name, _)| *name == end.name)?;
    let whole = sizes.get(from..to)?.iter().map(|(_, size)| size).sum::<u64>();
    Some((whole + end.at).saturating_sub(done.at))
}

impl Link for Replication {
    fn lag(&self) -> Answer<'_, Lag> {
        Box::pin(async {
            // The target first: what happens between the two looks may only make the lag look larger.
            let arrival = self.arrival().await?;
            let stream = arrival.stream.as_ref().ok();
            let source = self.source(stream.is_some_and(|stream| stream.by_place)).await?;
            if let Some(stream) = stream {
                self.fed_by(&source, stream)?;
            }
            let place = Place::read(self.from.name(), self.mariadb, &source.end)?;
            let (mut behind, unit) = self.between(&place, source.server, &arrival).await?;
            let arrived =
                source.place.is_none() || stream.is_some_and(|stream| stream.applied == source.place);
            behind = behind.max(u64::from(!arrived));
            let passed = match (stream, &arrival.moment) {
                (Some(stream), Some(now)) => {
                    passed::over((&self.from, &self.to), stream, arrival.server, now, arrived).await?
                }
                _ => Vec::new(),
            };
            behind = behind.max(u64::try_from(passed.len()).unwrap_or(u64::MAX));
            let (stopped, late_ms) = match arrival.stream {
                Ok(stream) => (stream.stopped.or_else(|| passed::said(&passed)), stream.late_ms),
                Err(none) => (Some(none), None),
            };
            Ok(Lag { behind, unit, source: source.end, target: arrival.applied, stopped, late_ms })
        })
    }

    fn reached(&self, position: &Position) -> Answer<'_, bool> {
        let place = Place::read(self.from.name(), self.mariadb, position);
        Box::pin(async move {
            let (place, arrival) = (place?, self.arrival().await?);
            // In a domain that was applied past this place the source's log knows more than the place does.
            if let (Place::State(wanted), Place::State(applied)) =
                (&place, &Place::read(self.to.name(), true, &arrival.applied)?)
            {
                let all = wanted.0.iter().all(|(domain, servers)| {
                    let foreign =
                        servers.iter().filter(|(s, _)| **s != arrival.server).map(|(_, n)| *n).max();
                    foreign.is_none_or(|n| applied.last(*domain).is_some_and(|(_, done)| done >= n))
                });
                return Ok(all);
            }
            Ok(self.between(&place, 0, &arrival).await?.0 == 0)
        })
    }

    fn trap<'a>(&'a self, trap: Trap, asked: &'a Asked) -> Answer<'a, Vec<Found>> {
        Box::pin(traps::look((&self.from, &self.to), trap, asked))
    }

    fn gaps<'a>(&'a self, except: &'a [String]) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let (source_log, format) = self
                .from
                .ask("reading what it logs", |s| {
                    Box::pin(async move {
                        let asked = [look::log_status(s), "select @@global.binlog_format"];
                        let [status, format] = s.several(asked).await?;
                        Ok((Filters::of(&only(status)?, "binlog_"), value(format).unwrap_or_default()))
                    })
                })
                .await?;
            let (wanted, mariadb) = (self.name.clone(), self.mariadb);
            let (skipped, stream) = self
                .to
                .ask("reading what it skips", |s| {
                    Box::pin(async move {
                        kind(s.hello.mariadb, mariadb)?;
                        let name = if s.hello.says_replica() { "replica" } else { "slave" };
                        let skipped = format!("select @@global.{name}_skip_errors");
                        let [skipped, streams] = s.several([&skipped, status::asked(s)]).await?;
                        let streams = streams.iter().map(Stream::of).collect();
                        Ok((value(skipped), pick(streams, wanted.as_deref())))
                    })
                })
                .await?;
            let tables = self.from.qualified_tables().await?;
            let arriving: BTreeMap<String, ()> =
                self.to.tables().await?.into_iter().map(|t| (t.name, ())).collect();
            let mut gaps = Vec::new();
            let mut left_out = |side: &str, filters: &Filters| {
                for (database, table, shown) in &tables {
                    if except.iter().any(|e| e == shown) {
                        continue;
                    }
                    if let Some(rule) = filters.leaves_out(database, table) {
                        gaps.push(format!("table {shown} does not travel: {side}_{rule} leaves it out"));
                    }
                }
            };
            left_out("binlog", &source_log);
            if let Ok(stream) = &stream {
                left_out("replicate", &stream.filters);
                gaps.extend(
                    stream
                        .filters
                        .by_origin
                        .iter()
                        .map(|rule| format!("transactions are left out by where they come from: {rule}")),
                );
                if stream.skips > 0 {
                    gaps.push(format!(
                        "the target is to skip {} events of the log (skip_counter)",
                        stream.skips
                    ));
                }
            }
            for (_, _, shown) in &tables {
                if !arriving.contains_key(shown) && !except.contains(shown) {
                    gaps.push(format!("table {shown} does not exist at the target"));
                }
            }
            if format != "ROW" {
                gaps.push(format!("the source logs statements, which may do otherwise at the target (binlog_format = {format})"));
            }
            if let Some(codes) = skipped.filter(|codes| !codes.is_empty() && codes != "OFF") {
                gaps.push(format!("the target skips what fails with these errors: {codes}"));
            }
            Ok(gaps)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::mysql::session::Named;

    fn file(name: &str, at: u64) -> File {
        File { name: name.to_owned(), at }
    }

    #[test]
    fn bytes_are_counted_over_files() {
        let sizes = [("b.1".to_owned(), 100), ("b.2".to_owned(), 50), ("b.3".to_owned(), 7)];
        assert_eq!(across(&sizes, &file("b.3", 7), &file("b.1", 90)), Some(10 + 50 + 7));
        assert_eq!(across(&sizes, &file("b.1", 7), &file("b.3", 7)), None, "the target is past the source");
        assert_eq!(across(&sizes, &file("b.3", 7), &file("b.0", 7)), None);
    }

    #[test]
    fn the_stream_is_found_by_its_name() {
        let named =
            |name: &str| Stream::of(&Named(vec![("connection_name".to_owned(), Some(name.to_owned()))]));
        assert_eq!(pick(vec![named("east")], None).unwrap().name, "east", "the only one");
        assert_eq!(pick(vec![named("east"), named("")], None).unwrap().name, "");
        assert_eq!(pick(vec![named("east"), named("west")], Some("west")).unwrap().name, "west");
        assert!(
            pick(vec![named("east")], Some("west")).unwrap_err().contains("no stream `west`; it has `east`")
        );
        let unsaid = pick(vec![named("east"), named("west")], None).unwrap_err();
        assert_eq!(unsaid, "the target is fed by `east`, `west`: say which with `channel`");
        assert!(pick(vec![], None).unwrap_err().contains("no replication"));
    }
}
