//! A link between a source and its replica, by `INFO replication`: lag in bytes of the stream.
//!
//! A position is `HISTORY:OFFSET`. Two offsets may be compared only within one history (`master_replid`), which ends and begins anew
//! with a restart or a failover; a server that went on from another history knows which one (`master_replid2`) and how far. Names
//! and addresses prove nothing: they go through proxies.
//!
//! Offsets count what was *applied* (`slave_repl_offset`), a transaction with its `EXEC`. What was acknowledged before the source
//! was asked lies before its end. A copy of everything empties the replica first, and what it says of positions meanwhile is of
//! data that are gone: then it has applied nothing.
//!
//! Source: `replication.c` (`masterTryPartialResynchronization`, `readSyncBulkPayload`, `shiftReplicationId`), `networking.c`
//! (`commandProcessed`) and `server.c` (`genRedisInfoString`) of Redis 7.0.

use std::sync::Arc;

use super::Redis;
use super::connection::{Problem, words};
use super::info::{Follows, Info, Replication};
use crate::databases::link::LinkKind;
use crate::databases::{Answer, Ends, Error, Lag, Link, Position, Unit};

/// The line in the table of links.
pub(in crate::databases) const LINK: LinkKind = LinkKind { kind: "redis", join };

fn join(ends: Ends) -> Result<Arc<dyn Link>, Error> {
    let (from, to) = ends.of::<Redis>("redis")?;
    let (there, here) = (from.number(), to.number());
    if there != here {
        return Err(Error::broken(
            to.called(),
            format!("its address names database {here}, and that of {} database {there}", from.called()),
            "name the same one in both: what a replica has stands under the same number",
        ));
    }
    Ok(Arc::new(Stream { from, to }))
}

#[derive(Debug)]
struct Stream {
    from: Arc<Redis>,
    to: Arc<Redis>,
}

impl Link for Stream {
    fn lag(&self) -> Answer<'_, Lag> {
        Box::pin(async {
            // The target first: what happens between the two looks may only make the lag look larger.
            let target = self.to.info("reading how far it has applied").await?;
            let source = self.from.info("reading the end of its log").await?;
            if target.text("run_id") == source.text("run_id") {
                return Err(Error::broken(
                    self.to.called(),
                    format!("it is the same server as {}", self.from.called()),
                    "mend the addresses",
                ));
            }
            let (target, source) = (target.replication(), source.replication());
            let stopped = stopped(&target);
            let shared = shared(&target, &source);
            let behind = match (shared, &stopped) {
                (Some(applied), None) if applied > source.end => {
                    return Err(Error::broken(
                        self.to.called(),
                        format!(
                            "it has applied {applied}, but the log of {} ends at {}",
                            self.from.called(),
                            source.end
                        ),
                        "check that these two are the ends of one link, and which of them follows the other",
                    ));
                }
                (Some(applied), None) => source.end - applied,
                // It may have written, or lost, anything since: never nothing.
                (Some(applied), Some(_)) if target.follows.is_none() => {
                    source.end.saturating_sub(applied).max(1)
                }
                (Some(applied), Some(_)) => source.end.saturating_sub(applied),
                // All of it, and never nothing: not one byte is known to be there.
                (None, Some(_)) => source.end.max(1),
                (None, None) => return Err(self.another(&target, &source)),
            };
            Ok(Lag {
                behind,
                unit: Unit::Bytes,
                source: source.position(),
                target: target.position(),
                stopped,
                late_ms: None,
            })
        })
    }

    fn reached(&self, position: &Position) -> Answer<'_, bool> {
        let wanted = read(position);
        Box::pin(async move {
            let (history, offset) = wanted.ok_or_else(|| {
                Error::broken(
                    self.to.called(),
                    "this is no position of a Redis log",
                    "report it: it is cutover's fault",
                )
            })?;
            let target = self.to.info("reading how far it has applied").await?.replication();
            let wanted =
                Replication { history, end: offset, before: String::new(), before_until: 0, follows: None };
            Ok(shared(&target, &wanted).is_some_and(|applied| applied >= offset))
        })
    }

    /// Nothing is left out key by key. What the other side lacks all the same: accounts, which `except` may name; databases; what it
    /// changed or threw out by itself; everything that other nodes of a cluster have.
    fn gaps<'a>(&'a self, except: &'a [String]) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let mut gaps = Vec::new();
            let source = self.from.info("reading what it is").await?;
            let target = self.to.info("reading what it is").await?;
            if target.replication().follows.is_some_and(|follows| !follows.read_only) {
                gaps.push(
                    "the target takes writes of its own (replica-read-only no): what they changed stays"
                        .to_owned(),
                );
            }
            let evicted = target.number("evicted_keys");
            if evicted > 0 && target.replication().follows.is_some() {
                gaps.push(format!(
                    "the target has thrown out {evicted} keys by itself (maxmemory); CONFIG RESETSTAT once it is copied anew"
                ));
            }
            if source.text("redis_mode") == "cluster" {
                gaps.push(
                    "the source is a node of a cluster: the link carries that node's keys only".to_owned(),
                );
            }
            let highest = source.highest_database();
            if !self.to.has_database(highest).await? {
                gaps.push(format!("the target has no database {highest}, and the source has keys there"));
            }
            if !except.iter().any(|name| name == "*") {
                let (there, here) = (self.from.accounts().await?, self.to.accounts().await?);
                let missing = there.iter().filter(|name| !here.contains(name) && !except.contains(name));
                gaps.extend(
                    missing
                        .map(|name| format!("account {name} is not at the target: accounts do not travel")),
                );
            }
            Ok(gaps)
        })
    }
}

impl Stream {
    fn another(&self, target: &Replication, source: &Replication) -> Error {
        let place = target.follows.as_ref().map_or("", |follows| &follows.place);
        let why = format!(
            "it follows {place}, whose history {} is not that of {} ({})",
            target.history,
            self.from.called(),
            source.history
        );
        Error::broken(self.to.called(), why, format!("make it follow {}: REPLICAOF", self.from.called()))
    }
}

impl Replication {
    /// The end of its log.
    pub(super) fn position(&self) -> Position {
        Position(format!("{}:{}", self.history, self.applied()))
    }

    /// How far it has applied its own history.
    fn applied(&self) -> u64 {
        self.follows.as_ref().map_or(self.end, |follows| follows.applied)
    }
}

fn read(position: &Position) -> Option<(String, u64)> {
    let (history, offset) = position.0.split_once(':')?;
    Some((history.to_owned(), offset.parse().ok()?))
}

/// How much of the source's history the target has, `None` where its data are of another one.
fn shared(target: &Replication, source: &Replication) -> Option<u64> {
    if target.follows.as_ref().is_some_and(|follows| follows.loading || follows.syncing) {
        return None;
    }
    let applied = target.applied();
    if target.history == source.history {
        return Some(applied);
    }
    // The source goes on from the history of the target, which has not followed it into the new one yet.
    if target.history == source.before && applied < source.before_until {
        return Some(applied);
    }
    // The target has left the history of the source, at a certain byte.
    if target.before == source.history {
        return Some(applied.min(target.before_until.saturating_sub(1)));
    }
    None
}

/// Why nothing flows to it.
fn stopped(target: &Replication) -> Option<String> {
    match &target.follows {
        None => {
            Some("the target follows nobody: it is no replica (any more); REPLICAOF makes it one".to_owned())
        }
        Some(Follows { loading: true, .. }) => Some("the target is loading its data".to_owned()),
        Some(Follows { syncing: true, place, .. }) => Some(format!(
            "a copy of everything is under way from {place}: the target is not complete before it ends"
        )),
        Some(Follows { up: false, place, down_for, .. }) => Some(format!(
            "the target gets nothing from {place}, for {} s: its log says why (address, password, masterauth)",
            down_for.max(&0)
        )),
        Some(Follows { up: true, .. }) => None,
    }
}

impl Redis {
    async fn has_database(&self, number: i64) -> Result<bool, Error> {
        self.server
            .apart("looking for a database", self.timeout, |conn| {
                Box::pin(async move {
                    match conn.ask(&["SELECT", &number.to_string()]).await {
                        Ok(_) => Ok(true),
                        Err(why) if why.said().is_some_and(|(_, words)| words.contains("out of range")) => {
                            Ok(false)
                        }
                        Err(why) => Err(why),
                    }
                })
            })
            .await
    }

    async fn accounts(&self) -> Result<Vec<String>, Error> {
        let hidden = |why: Problem| match why.said() {
            Some((code, said)) => Problem::broken(
                format!("whether every account is there cannot be seen: {said} ({code})"),
                "allow our account `+acl|users`, or write `except = [\"*\"]`: accounts need not be there",
            ),
            None => why,
        };
        self.ask("reading its accounts", move |conn| {
            Box::pin(async move { Ok(words(conn.ask(&["ACL", "USERS"]).await.map_err(hidden)?)) })
        })
        .await
    }

    pub(super) async fn info(&self, doing: &str) -> Result<Info, Error> {
        self.ask(doing, |conn| Box::pin(Info::read(conn))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Replication {
        Replication {
            history: "new".to_owned(),
            end: 100,
            before: "old".to_owned(),
            before_until: 51,
            follows: None,
        }
    }

    fn replica(history: &str, applied: u64) -> Replication {
        let follows = Follows {
            place: "a:1".to_owned(),
            up: true,
            down_for: 0,
            syncing: false,
            loading: false,
            read_only: true,
            applied,
        };
        Replication {
            history: history.to_owned(),
            end: applied,
            before: String::new(),
            before_until: 0,
            follows: Some(follows),
        }
    }

    #[test]
    fn offsets_are_compared_within_one_history_only() {
        assert_eq!(shared(&replica("new", 80), &source()), Some(80));
        assert_eq!(shared(&replica("old", 50), &source()), Some(50), "a failover that it will follow");
        assert_eq!(shared(&replica("old", 51), &source()), None, "it has what the source lost");
        assert_eq!(shared(&replica("else", 100), &source()), None);
        let gone = Replication { before: "new".to_owned(), before_until: 91, ..replica("own", 500) };
        assert_eq!(shared(&gone, &source()), Some(90), "what it applied before it left");
    }

    #[test]
    fn while_everything_is_copied_nothing_is_there() {
        for (loading, syncing) in [(true, false), (false, true)] {
            let mut target = replica("new", 100);
            target.follows = target.follows.map(|follows| Follows { syncing, loading, ..follows });
            assert_eq!(shared(&target, &source()), None);
            assert!(stopped(&target).is_some());
        }
    }
}
