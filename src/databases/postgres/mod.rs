//! PostgreSQL: a server, asked over one connection that is kept.
//!
//! Owns what the questions of [`Database`] mean on PostgreSQL, version 13 and later. What servers have not (a marker that
//! travels, a fence that is remembered, who wrote a row) stands in a schema of ours, see [`convention`].
//!
//! What the plan itself asks, and what has to come as the application comes, gets a connection of its own: a slow query
//! of the plan delays no gauge, and no setting of ours is left on a session that somebody else uses next.

mod address;
mod asking;
mod carried;
mod census;
mod connection;
pub mod convention;
mod definitions;
mod fence;
mod files;
mod forms;
mod known;
mod listing;
mod logical;
mod look;
mod outline;
mod patience;
mod reader;
mod selftest;
mod snapshot;
mod sql;
mod streaming;
mod test_decoding;
mod tls;
mod trail;
mod traps;
mod visible;
mod wal;
mod write;
mod writes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use self::address::Address;
use self::asking::Asking as _;
use self::connection::{Manners, Problem, Server};
use self::files::Home;
use super::link;
use super::trail::Mark;
use super::{
    Answer, Asked, Census, Database, Done, Engine, Error, FenceSpec, FenceState, Found, Identity, Position,
    ProbeWrite, Redefined, Rows, Schema, Seal, Sequence, SessionId, Settings, Snapshot, Table, Trail, Writes,
};
use crate::clock::Timestamp;

pub(super) use logical::LINK as LOGICAL;
pub(super) use streaming::LINK as STREAMING;

/// PostgreSQL's line in the table of engines.
pub(super) const ENGINE: Engine =
    Engine { kind: "postgres", connect: |settings: &Settings| Ok(Arc::new(Postgres::new(settings)?)) };

/// What we call ourselves in `pg_stat_activity`.
const APPLICATION: &str = "cutover";

/// Whether a text is an address of PostgreSQL, and not the name of a file.
pub fn is_address(text: &str) -> bool {
    let of_key = |key: &str| text.split_whitespace().any(|word| word.starts_with(key));
    text.starts_with("postgres://")
        || text.starts_with("postgresql://")
        || ["host=", "service=", "dbname="].iter().any(|key| of_key(key))
}

/// A database of a PostgreSQL server.
#[derive(Clone, Debug)]
pub struct Postgres {
    server: Arc<Server>,
    timeout: Duration,
}

impl Postgres {
    /// The database at this address. Connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Broken`] when the address cannot be read; it says nothing of it but names of keys.
    pub fn new(settings: &Settings) -> Result<Postgres, Error> {
        let address = Address::read(&settings.address, &Home::of_process(&settings.root))
            .map_err(|why| Error::broken(&*settings.name, why, "mend its address"))?;
        let server = Arc::new(Server::new(settings.name.clone(), address));
        Ok(Postgres { server, timeout: settings.timeout })
    }

    /// Another database of the same server, over connections of its own.
    fn in_database(&self, database: &str) -> Postgres {
        Postgres { server: Arc::new(self.server.in_database(database)), timeout: self.timeout }
    }

    /// Where it is, without user and password.
    pub fn place(&self) -> &str {
        self.server.place()
    }

    /// A position of a log that ends here, as a place.
    fn place_of(&self, position: &Position) -> Result<wal::Lsn, Error> {
        wal::Lsn::of(position)
            .map_err(|problem| problem.explained(&self.server.name, "comparing positions", self.timeout))
    }

    /// Asks over the kept connection.
    async fn ask<T>(
        &self,
        doing: &str,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        self.server.ask(doing, self.timeout, work).await
    }

    /// Asks over the other kept connection, for which no gauge waits.
    async fn aside<T>(
        &self,
        doing: &str,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        self.server.aside(doing, self.timeout, work).await
    }

    /// Asks over a connection of its own.
    async fn apart<T>(
        &self,
        doing: &str,
        manners: Manners,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        self.server.apart(doing, self.timeout, manners, work).await
    }
}

impl Database for Postgres {
    fn name(&self) -> &str {
        &self.server.name
    }

    fn within(&self, timeout: Duration) -> Arc<dyn Database> {
        Arc::new(Postgres { timeout, ..self.clone() })
    }

    fn reachable(&self) -> Answer<'_, Duration> {
        Box::pin(async {
            let before = Instant::now();
            self.ask("a first question", async |client| Ok(client.batch_execute("select 1").await?)).await?;
            Ok(before.elapsed())
        })
    }

    fn identity(&self, row: Option<&str>) -> Answer<'_, Identity> {
        let row = row.map(str::to_owned);
        Box::pin(async move {
            self.ask("reading its identity", async |client| look::identity(client, row.as_deref()).await)
                .await
        })
    }

    fn position(&self) -> Answer<'_, Position> {
        Box::pin(
            self.ask("reading the end of the log", async |client| Ok(wal::end(client).await?.position())),
        )
    }

    fn applied(&self) -> Answer<'_, Position> {
        Box::pin(self.ask("reading what is applied", async |client| wal::applied(client).await))
    }

    fn write_marker(&self, id: &str) -> Answer<'_, Timestamp> {
        let id = id.to_owned();
        Box::pin(async move {
            self.ask("writing a marker", async |client| write::marker(client, &id).await).await
        })
    }

    fn find_marker(&self, id: &str) -> Answer<'_, Option<Timestamp>> {
        let id = id.to_owned();
        Box::pin(async move {
            self.ask("looking for a marker", async |client| look::marker(client, &id).await).await
        })
    }

    fn census(&self, spec: &FenceSpec) -> Answer<'_, Census> {
        let spec = spec.clone();
        Box::pin(async move {
            self.ask("the census of sessions", async |client| census::take(client, &spec).await).await
        })
    }

    fn end_session(&self, id: &SessionId) -> Answer<'_, bool> {
        let id = id.clone();
        Box::pin(
            async move { self.ask("ending a session", async |client| census::end(client, &id).await).await },
        )
    }

    fn fence(&self, _: &FenceSpec) -> Answer<'_, FenceState> {
        Box::pin(self.ask("setting the fence", async |client| fence::set(client).await))
    }

    fn seal_if_quiet(&self, spec: &FenceSpec) -> Answer<'_, Seal> {
        let spec = spec.clone();
        Box::pin(async move {
            self.ask("sealing", async |client| fence::seal_if_quiet(client, &spec).await).await
        })
    }

    fn lift(&self) -> Answer<'_, FenceState> {
        Box::pin(self.ask("lifting the fence", async |client| fence::lift(client).await))
    }

    fn fence_state(&self) -> Answer<'_, FenceState> {
        Box::pin(self.ask("reading the fence", async |client| fence::state(client).await))
    }

    fn probe_write(&self, sql: &str, _: &str, side: Option<&Identity>) -> Answer<'_, ProbeWrite> {
        let sql = sql.to_owned();
        let place = side.and_then(|side| side.place.clone());
        Box::pin(async move {
            self.apart("a write that is rolled back", Manners::AsAnybody, async |client| {
                write::probe(client, &sql, place.as_deref()).await
            })
            .await
        })
    }

    fn note_writes(&self) -> Answer<'_, ()> {
        Box::pin(self.ask("seeing to it that writes are noted", async |client| writes::note(client).await))
    }

    fn writes_since(&self, position: &Position) -> Answer<'_, Writes> {
        let position = position.clone();
        Box::pin(async move {
            self.ask("reading what was written", async |client| writes::since(client, &position).await).await
        })
    }

    fn schema(&self) -> Answer<'_, Schema> {
        Box::pin(self.ask("reading the schema", async |client| look::schema(client).await))
    }

    fn redefined(&self, since: Option<&Position>) -> Answer<'_, Redefined> {
        let since = since.cloned();
        Box::pin(async move {
            self.ask("reading who changed definitions", async |client| {
                definitions::since(client, since.as_ref()).await
            })
            .await
        })
    }

    fn tables(&self) -> Answer<'_, Vec<Table>> {
        Box::pin(self.ask("listing the tables", async |client| look::tables(client).await))
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
        let table = table.to_owned();
        Box::pin(
            async move { self.ask("counting rows", async |client| look::count(client, &table).await).await },
        )
    }

    fn query(&self, sql: &str) -> Answer<'_, Rows> {
        let sql = sql.to_owned();
        Box::pin(async move {
            self.apart("a query", Manners::Ours, async |client| look::query(client, &sql).await).await
        })
    }

    /// [`Error::Broken`] says so when the statements ended their transaction themselves: then part of them stands.
    fn statement(&self, sql: &str) -> Answer<'_, Done> {
        let sql = sql.to_owned();
        Box::pin(async move {
            self.apart("a statement", Manners::AsAnybody, async |client| write::statement(client, &sql).await)
                .await
        })
    }

    fn sequences(&self) -> Answer<'_, Vec<Sequence>> {
        Box::pin(self.ask("reading where sequences stand", async |client| look::sequences(client).await))
    }

    fn move_on<'a>(&'a self, beyond: &'a [Sequence], margin: u64) -> Answer<'a, u64> {
        Box::pin(
            self.ask("moving sequences on", async move |client| write::move_on(client, beyond, margin).await),
        )
    }

    fn running(&self) -> Answer<'_, Option<u64>> {
        Box::pin(self.server.aside("counting statements", self.timeout, async |client| {
            let sql = "select count(*) from pg_stat_activity where state = 'active' and backend_type = 'client backend'
                       and application_name <> $1";
            let running: i64 = client.row(sql, &[&APPLICATION]).await?.try_get(0)?;
            Ok(Some(running.unsigned_abs()))
        }))
    }

    fn snapshot(&self) -> Answer<'_, Box<dyn Snapshot>> {
        Box::pin(snapshot::begin(self))
    }

    fn trail<'a>(&'a self, name: &'a str, since: Option<&'a Mark>) -> Answer<'a, Box<dyn Trail>> {
        Box::pin(trail::take_up(self, name, since))
    }

    fn let_trail_go<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        Box::pin(trail::let_go(self, name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::connect;

    #[test]
    fn an_address_that_cannot_be_read_is_told_by_the_name_that_people_know() {
        let settings = Settings {
            name: "source".to_owned(),
            address: "postgres://a:s3cret@h/d?colour=red".to_owned(),
            root: "/".into(),
            timeout: Duration::from_secs(1),
        };
        let why = connect("postgres", &settings).unwrap_err().to_string();
        assert!(
            why.starts_with("source: the address has a key `colour`") && !why.contains("s3cret"),
            "{why}"
        );
    }
}
