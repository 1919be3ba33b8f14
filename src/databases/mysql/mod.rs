//! MySQL and MariaDB: a server, asked over one connection that is kept.
//!
//! Owns what the questions of [`Database`] mean on both, from MySQL 5.7 and MariaDB 10.4 on; which of the two it is, a server says
//! itself. An address that names a database is about that one: its tables, its schema, what is written to it. The fence, the
//! census and positions are the whole server's. Refuses to change how anybody replicates. Start with `connection`, then
//! `fence` for what stops writes, `replication` for lag.
//!
//! What our account needs: PROCESS, CONNECTION ADMIN, READ ONLY ADMIN, BINLOG ADMIN, BINLOG MONITOR, REPLICA MONITOR, REPLICATION
//! SLAVE, SELECT (on `mysql.*`, too), SHOW VIEW, TRIGGER, EVENT, and everything on `cutover.*`; what MySQL calls them is SUPER's.
//!
//! Give the two sides GTID domains of their own (MariaDB): what one writes while the other feeds it then never meets a number
//! that is taken.

mod address;
mod binlog;
mod census;
mod connection;
mod fence;
mod filters;
mod forms;
mod grants;
mod gtid;
mod listing;
mod look;
mod options;
mod passed;
mod privileges;
mod reader;
mod replication;
mod schema;
mod selftest;
mod session;
mod sight;
mod snapshot;
mod sql;
mod status;
mod trail;
mod traps;
mod write;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::address::{Address, Home};
use self::connection::{Server, Work};
use self::session::Session;
use super::link;
use super::trail::Mark;
use super::{
    Answer, Asked, Census, Database, Done, Engine, Error, Fence, FenceSpec, FenceState, Found, Identity,
    Position, ProbeWrite, Rows, Schema, Seal, Sequence, SessionId, Settings, Snapshot, Table, Trail, Writes,
};
use crate::clock::Timestamp;

pub(super) use replication::{MARIADB, MYSQL};

/// The line of both servers in the table of engines.
pub(super) const ENGINE: Engine = Engine {
    kind: "mysql",
    connect: |settings: &Settings| {
        let address = Address::read(settings, &Home::of_process())?;
        Ok(Arc::new(Mysql { server: Arc::new(Server::new(address)), timeout: settings.timeout }))
    },
};

/// A server of MySQL or MariaDB, or one database of it.
#[derive(Clone, Debug)]
pub struct Mysql {
    server: Arc<Server>,
    timeout: Duration,
}

impl Mysql {
    async fn ask<T>(
        &self,
        doing: &str,
        work: impl for<'a> FnOnce(&'a mut Session) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        self.server.ask(doing, self.timeout, work).await
    }

    /// … over the second connection: what is asked here delays no gauge.
    async fn aside<T>(
        &self,
        doing: &str,
        work: impl for<'a> FnOnce(&'a mut Session) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        self.server.aside(doing, self.timeout, work).await
    }

    fn database(&self) -> Option<String> {
        self.server.address.database.clone()
    }

    /// The tables with their databases, and as they are shown.
    async fn qualified_tables(&self) -> Result<Vec<(String, String, String)>, Error> {
        let tables = self.tables().await?;
        let of = self.database();
        Ok(tables
            .into_iter()
            .map(|t| {
                if let Some(database) = &of {
                    return (database.clone(), t.name.clone(), t.name);
                }
                let (database, table) = t.name.split_once('.').unwrap_or(("", &t.name));
                (database.to_owned(), table.to_owned(), t.name.clone())
            })
            .collect())
    }
}

impl Database for Mysql {
    fn name(&self) -> &str {
        &self.server.address.name
    }

    fn within(&self, timeout: Duration) -> Arc<dyn Database> {
        Arc::new(Mysql { timeout, ..self.clone() })
    }

    fn reachable(&self) -> Answer<'_, Duration> {
        let before = Instant::now();
        Box::pin(async move {
            self.ask("a first question", |s| Box::pin(async move { s.run("select 1").await })).await?;
            Ok(before.elapsed())
        })
    }

    fn identity(&self, row: Option<&str>) -> Answer<'_, Identity> {
        let row = row.map(str::to_owned);
        Box::pin(self.ask("reading its identity", |s| {
            Box::pin(async move { look::identity(s, row.as_deref()).await })
        }))
    }

    fn position(&self) -> Answer<'_, Position> {
        Box::pin(self.ask("reading the end of the log", |s| Box::pin(look::position(s))))
    }

    fn applied(&self) -> Answer<'_, Position> {
        Box::pin(self.ask("reading what is applied", |s| Box::pin(look::applied(s))))
    }

    /// Behind MySQL's `super_read_only`, which is its seal, this is refused (1290): nobody but replication writes there.
    fn write_marker(&self, id: &str) -> Answer<'_, Timestamp> {
        let id = id.to_owned();
        Box::pin(self.ask("writing a marker", |s| Box::pin(async move { write::marker(s, &id).await })))
    }

    fn find_marker(&self, id: &str) -> Answer<'_, Option<Timestamp>> {
        let id = id.to_owned();
        Box::pin(self.ask("looking for a marker", |s| Box::pin(async move { look::marker(s, &id).await })))
    }

    fn census(&self, spec: &FenceSpec) -> Answer<'_, Census> {
        let (spec, server) = (spec.clone(), Arc::clone(&self.server));
        Box::pin(self.ask("the census of sessions", |s| {
            Box::pin(async move {
                let ours = server.ours(s.hello.started);
                census::take(s, &spec, &ours).await
            })
        }))
    }

    fn end_session(&self, id: &SessionId) -> Answer<'_, bool> {
        let id = id.clone();
        Box::pin(self.ask("ending a session", |s| Box::pin(async move { census::end(s, &id).await })))
    }

    fn fence(&self, _: &FenceSpec) -> Answer<'_, FenceState> {
        let limit = self.timeout;
        Box::pin(self.server.apart("setting the fence", self.timeout, move |s| {
            Box::pin(async move { fence::set(s, limit).await })
        }))
    }

    fn seal_if_quiet(&self, spec: &FenceSpec) -> Answer<'_, Seal> {
        let (spec, server) = (spec.clone(), Arc::clone(&self.server));
        Box::pin(self.server.apart("sealing", self.timeout, move |s| {
            Box::pin(async move {
                let ours = server.ours(s.hello.started);
                fence::seal_if_quiet(s, &spec, &ours).await
            })
        }))
    }

    fn lift(&self) -> Answer<'_, FenceState> {
        Box::pin(self.server.apart("lifting the fence", self.timeout, |s| Box::pin(fence::lift(s))))
    }

    /// On MariaDB a seal is as good as who is there: while somebody is who may pass, it says *fenced*.
    fn fence_state(&self) -> Answer<'_, FenceState> {
        let server = Arc::clone(&self.server);
        Box::pin(self.ask("reading the fence", |s| {
            Box::pin(async move {
                let state = fence::state(s).await?;
                if state.fence != Fence::Sealed || !s.hello.mariadb {
                    return Ok(state);
                }
                let ours = server.ours(s.hello.started);
                let seen = census::behind(s, state, &FenceSpec::default(), &ours).await?;
                let fence =
                    if seen.sessions.iter().any(|s| s.older) { Fence::Fenced } else { seen.state.fence };
                Ok(FenceState { fence, ..seen.state })
            })
        }))
    }

    /// As the account of the address, which `account` cannot change: a server lets nobody act for another. Where that one may pass
    /// the fence the try would prove nothing and is an error; try it through an endpoint of the application's account.
    fn probe_write(&self, sql: &str, _account: &str, side: Option<&Identity>) -> Answer<'_, ProbeWrite> {
        let (sql, place) = (sql.to_owned(), side.and_then(|side| side.place.clone()));
        Box::pin(self.server.apart("a write that is rolled back", self.timeout, |s| {
            Box::pin(async move {
                if place.is_some() && look::identity(s, None).await?.place != place {
                    return Ok(ProbeWrite::Elsewhere);
                }
                write::probe(s, &sql).await
            })
        }))
    }

    /// The server's log names them by itself; it is looked whether it is kept, and by row.
    fn note_writes(&self) -> Answer<'_, ()> {
        Box::pin(self.ask("looking for the log", |s| Box::pin(binlog::required(s))))
    }

    fn writes_since(&self, position: &Position) -> Answer<'_, Writes> {
        let (server, limit, position) = (Arc::clone(&self.server), self.timeout, position.clone());
        Box::pin(async move { binlog::since(&server, limit, &position).await })
    }

    fn schema(&self) -> Answer<'_, Schema> {
        let of = self.database();
        Box::pin(
            self.ask("reading the schema", |s| Box::pin(async move { schema::read(s, of.as_deref()).await })),
        )
    }

    fn tables(&self) -> Answer<'_, Vec<Table>> {
        let of = self.database();
        Box::pin(
            self.ask("listing the tables", |s| Box::pin(async move { look::tables(s, of.as_deref()).await })),
        )
    }

    fn remarks<'a>(&'a self, target: &'a Arc<dyn Database>, asked: &'a Asked) -> Answer<'a, Vec<Found>> {
        Box::pin(async move {
            match link::alike::<Self>(target) {
                Some(target) => traps::remarks((self, &target), asked).await,
                None => Ok(Vec::new()),
            }
        })
    }

    fn count(&self, table: &str) -> Answer<'_, u64> {
        let (table, of) = (table.to_owned(), self.database());
        Box::pin(
            self.ask("counting rows", |s| {
                Box::pin(async move { look::count(s, &table, of.as_deref()).await })
            }),
        )
    }

    fn query(&self, sql: &str) -> Answer<'_, Rows> {
        let sql = sql.to_owned();
        Box::pin(self.ask("a query", |s| Box::pin(async move { look::query(s, &sql).await })))
    }

    /// As [`Database::statement`], but what the server commits by itself (DDL) is done when it returns, and what stood
    /// before it with it.
    fn statement(&self, sql: &str) -> Answer<'_, Done> {
        let sql = sql.to_owned();
        Box::pin(self.ask("a statement", |s| Box::pin(async move { write::statement(s, &sql).await })))
    }

    /// What `auto_increment` would give next.
    fn sequences(&self) -> Answer<'_, Vec<Sequence>> {
        let of = self.database();
        Box::pin(self.ask("reading where auto_increment stands", |s| {
            Box::pin(async move { look::sequences(s, of.as_deref()).await })
        }))
    }

    fn move_on<'a>(&'a self, beyond: &'a [Sequence], margin: u64) -> Answer<'a, u64> {
        let (of, beyond) = (self.database(), beyond.to_vec());
        Box::pin(self.server.apart("moving auto_increment on", self.timeout, move |s| {
            Box::pin(async move { write::move_on(s, of.as_deref(), &beyond, margin).await })
        }))
    }

    fn trail<'a>(&'a self, _: &'a str, since: Option<&'a Mark>) -> Answer<'a, Box<dyn Trail>> {
        Box::pin(trail::take_up(Arc::clone(&self.server), self.timeout, since))
    }

    fn running(&self) -> Answer<'_, Option<u64>> {
        Box::pin(self.aside("counting statements", |s| {
            Box::pin(async move {
                // Ours is one of them.
                let row = s.row("show global status like 'Threads_running'").await?;
                Ok(row.get("value").and_then(|n| n.parse::<u64>().ok()).map(|n| n.saturating_sub(1)))
            })
        }))
    }

    fn snapshot(&self) -> Answer<'_, Box<dyn Snapshot>> {
        snapshot::begin(Arc::clone(&self.server), self.timeout)
    }
}
