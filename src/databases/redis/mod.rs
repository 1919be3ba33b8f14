//! Redis and Valkey: a server, asked over one connection that is kept.
//!
//! Owns what the questions of [`Database`] mean on a server that has keys and no tables: a query is one command that only reads, a
//! probe's statement one that writes. The number in an address is where markers stand and queries look; fence, census and positions are
//! the whole server's. Refuses what it has not (schema, tables, statements, sequences, digests), which `cutover check` refuses
//! first, and to change how anybody replicates. Start with `connection`, then `fence` for what stops writes, `replication` for lag.
//!
//! What our account needs: `+ping +info +client +time +command +select +get +set ~cutover:*` and what the plan's queries
//! read; for a fence `+config|get +config|set`, for its probe `+multi +discard`; for a link `+acl|users`.

mod address;
mod census;
mod command;
mod connection;
mod fence;
mod info;
mod replication;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::address::Address;
use self::command::Command;
use self::connection::{Conn, Problem, Server, Work};
use super::{
    Answer, Census, Database, Done, Engine, Error, Fence, FenceSpec, FenceState, Identity, Position,
    ProbeWrite, Rows, Schema, Seal, Sequence, SessionId, Settings, Snapshot, Table, Writes,
};
use crate::clock::Timestamp;

pub(super) use replication::LINK;

/// Its line in the table of engines.
pub(super) const ENGINE: Engine = Engine {
    kind: "redis",
    connect: |settings: &Settings| {
        let address = Address::read(settings)?;
        Ok(Arc::new(Redis { server: Arc::new(Server::new(address)), timeout: settings.timeout }))
    },
};

/// A server.
#[derive(Clone, Debug)]
pub struct Redis {
    server: Arc<Server>,
    timeout: Duration,
}

impl Redis {
    async fn ask<T>(
        &self,
        doing: &str,
        work: impl for<'a> FnOnce(&'a mut Conn) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        self.server.ask(doing, self.timeout, work).await
    }

    fn called(&self) -> &str {
        &self.server.address.name
    }

    /// The number of the database.
    fn number(&self) -> i64 {
        self.server.address.login.db()
    }

    /// What a server of keys has not. `cutover check` says so first.
    fn has_no<T: Send + 'static>(&self, what: &str) -> Answer<'_, T> {
        let why = Error::broken(
            self.called(),
            format!("Redis has no {what}"),
            "take it out of the plan: write `command` in its place",
        );
        Box::pin(std::future::ready(Err(why)))
    }
}

impl Database for Redis {
    fn name(&self) -> &str {
        self.called()
    }

    fn within(&self, timeout: Duration) -> Arc<dyn Database> {
        Arc::new(Redis { timeout, ..self.clone() })
    }

    fn reachable(&self) -> Answer<'_, Duration> {
        Box::pin(async {
            let before = Instant::now();
            self.ask("a first question", |conn| Box::pin(async { conn.ask(&["PING"]).await.map(drop) }))
                .await?;
            Ok(before.elapsed())
        })
    }

    /// The system is the history of its data, which a replica shares; the place is the process. Neither outlives a restart, and
    /// a server has nothing that does: a plan names it by a `row`.
    fn identity(&self, row: Option<&str>) -> Answer<'_, Identity> {
        let row = row.map(str::to_owned);
        Box::pin(self.ask("reading its identity", |conn| {
            Box::pin(async move {
                let row = match row {
                    Some(line) => Command::read(&line)?.query(conn).await?.single().cloned(),
                    None => None,
                };
                let info = info::Info::read(conn).await?;
                Ok(Identity {
                    system: info.replication().history,
                    place: Some(info.text("run_id").to_owned()).filter(|id| !id.is_empty()),
                    version: info.version(),
                    row,
                })
            })
        }))
    }

    fn position(&self) -> Answer<'_, Position> {
        Box::pin(async { Ok(self.info("reading the end of its log").await?.replication().position()) })
    }

    fn applied(&self) -> Answer<'_, Position> {
        Box::pin(async {
            let stands = self.info("reading how far it has applied").await?.replication();
            if stands.follows.is_none() {
                return Err(Error::broken(self.called(), "it is no replica", "make it one: REPLICAOF"));
            }
            Ok(stands.position())
        })
    }

    /// Behind the fence it is refused like everybody's writes: there the position alone proves.
    fn write_marker(&self, id: &str) -> Answer<'_, Timestamp> {
        let id = id.to_owned();
        Box::pin(self.ask("writing a marker", |c| Box::pin(async move { fence::mark(c, &id).await })))
    }

    fn find_marker(&self, id: &str) -> Answer<'_, Option<Timestamp>> {
        let id = id.to_owned();
        Box::pin(self.ask("looking for a marker", |c| Box::pin(async move { fence::marked(c, &id).await })))
    }

    fn census(&self, spec: &FenceSpec) -> Answer<'_, Census> {
        let spec = spec.clone();
        Box::pin(
            self.ask("the census of sessions", |c| Box::pin(async move { census::take(c, &spec).await })),
        )
    }

    fn end_session(&self, id: &SessionId) -> Answer<'_, bool> {
        let id = id.clone();
        Box::pin(self.ask("ending a session", |c| Box::pin(async move { census::end(c, &id).await })))
    }

    /// Sealed as soon as it is set: no session from before passes it.
    fn fence(&self, _: &FenceSpec) -> Answer<'_, FenceState> {
        Box::pin(self.ask("setting the fence", |conn| Box::pin(fence::set(conn))))
    }

    fn seal_if_quiet(&self, _: &FenceSpec) -> Answer<'_, Seal> {
        Box::pin(self.ask("sealing", |conn| {
            Box::pin(async {
                let state = fence::state(conn).await?;
                if state.fence == Fence::Open {
                    return Err(Problem::Refused("OPEN", "it is open for writes: fence it first".to_owned()));
                }
                Ok(Seal::Sealed(state))
            })
        }))
    }

    fn lift(&self) -> Answer<'_, FenceState> {
        Box::pin(self.ask("lifting the fence", |conn| Box::pin(fence::lift(conn))))
    }

    fn fence_state(&self) -> Answer<'_, FenceState> {
        Box::pin(self.ask("reading the fence", |conn| Box::pin(fence::state(conn))))
    }

    /// As the account of the address, which `account` cannot change. The command is queued and discarded: the server refuses it at
    /// that moment already, or would run it.
    fn probe_write(&self, sql: &str, _account: &str, side: Option<&Identity>) -> Answer<'_, ProbeWrite> {
        let (line, place) = (sql.to_owned(), side.and_then(|side| side.place.clone()));
        Box::pin(self.server.apart("a write that is discarded", self.timeout, |conn| {
            Box::pin(async move {
                if let Some(place) = place
                    && info::Info::read(conn).await?.text("run_id") != place
                {
                    return Ok(ProbeWrite::Elsewhere);
                }
                probe(conn, &Command::read(&line)?).await
            })
        }))
    }

    fn note_writes(&self) -> Answer<'_, ()> {
        self.has_no("log that names what was written")
    }

    fn writes_since(&self, _: &Position) -> Answer<'_, Writes> {
        self.has_no("log that names what was written")
    }

    /// It refuses every write from the moment of its fence on, old sessions' too: there is nothing to be named.
    fn names_writes(&self) -> bool {
        false
    }

    fn schema(&self) -> Answer<'_, Schema> {
        self.has_no("schema")
    }

    fn tables(&self) -> Answer<'_, Vec<Table>> {
        self.has_no("tables")
    }

    fn count(&self, _: &str) -> Answer<'_, u64> {
        self.has_no("tables")
    }

    /// One command that only reads.
    fn query(&self, sql: &str) -> Answer<'_, Rows> {
        let line = sql.to_owned();
        Box::pin(self.ask("a query", |conn| Box::pin(async move { Command::read(&line)?.query(conn).await })))
    }

    fn statement(&self, _: &str) -> Answer<'_, Done> {
        self.has_no("statements that are rolled back when one fails")
    }

    fn sequences(&self) -> Answer<'_, Vec<Sequence>> {
        self.has_no("sequences")
    }

    fn move_on<'a>(&'a self, _: &'a [Sequence], _: u64) -> Answer<'a, u64> {
        self.has_no("sequences")
    }

    fn snapshot(&self) -> Answer<'_, Box<dyn Snapshot>> {
        self.has_no("tables")
    }
}

/// Tries one command that writes, and discards it.
///
/// # Errors
/// It writes nothing; or the server takes no commands at all now, which says nothing about a fence.
async fn probe(conn: &mut Conn, command: &Command) -> Result<ProbeWrite, Problem> {
    command.must_write(conn).await?;
    conn.ask(&["MULTI"]).await?;
    let tried = conn.ask(command.words()).await;
    conn.ask(&["DISCARD"]).await?;
    let Err(why) = tried else { return Ok(ProbeWrite::Succeeded) };
    match why.said() {
        Some((code, words)) if !["LOADING", "BUSY"].contains(&code) => {
            let by_fence = ["NOREPLICAS", "READONLY"].contains(&code);
            Ok(ProbeWrite::Refused { code: code.to_owned(), message: words.to_owned(), by_fence })
        }
        _ => Err(why),
    }
}
