//! One connection to a server, kept from one question to the next.
//!
//! Owns time limits, the way back after a restart, and saying in the words of [`Error`] what went wrong. A question that
//! is given up, or whose asker goes away, is cancelled in the server and its connection is let go: nobody else
//! is to get an answer that was late. Refuses to know what is asked: see `look` and its neighbours.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Transaction};

use super::address::Address;
use crate::databases::Error;
use crate::databases::backoff::Backoff;
use crate::databases::line::{self, Line};
use crate::databases::problem::{self, Explain};

/// How a session behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manners {
    /// With time limits of ours. They are asked for while connecting: a pooler, which would hand them on to somebody
    /// else's session, refuses them.
    Ours,
    /// As the server and the account have it: nothing is set.
    AsAnybody,
}

/// So many connections are kept for whoever needs one for longer: a trail's, and the look's that comes with it.
const SPARE: usize = 2;
/// How long putting a connection in order may hold up whoever has what he asked for.
const TIDYING: Duration = Duration::from_secs(1);

/// A server, and the connections to it: one for gauges, one for questions that may take longer, and some that are lent.
#[derive(Debug)]
pub(super) struct Server {
    /// How people know it.
    pub(super) name: String,
    address: Address,
    kept: Mutex<Kept>,
    aside: Mutex<Kept>,
    /// Lent before, and as if they were new.
    spare: Mutex<Vec<Session>>,
}

/// What is there between two questions.
#[derive(Debug, Default)]
struct Kept {
    session: Option<Session>,
    backoff: Backoff,
}

/// A connection. Whoever asks also moves its bytes, so that nothing of it runs on by itself.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    /// Gone when it has ended.
    line: Option<Line>,
}

impl Server {
    pub(super) fn new(name: String, address: Address) -> Server {
        Server { name, address, kept: Mutex::default(), aside: Mutex::default(), spare: Mutex::default() }
    }

    /// The same server with another database.
    pub(super) fn in_database(&self, database: &str) -> Server {
        let mut address = self.address.clone();
        address.config.dbname(database);
        Server::new(self.name.clone(), address)
    }

    /// Where it is, without user and password.
    pub(super) fn place(&self) -> &str {
        &self.address.name
    }

    /// Asks something, all in all within a time limit, waiting for the connection and connecting included.
    ///
    /// A question that is given up, here or by whoever asked, takes its connection with it: the server notices
    /// within a second and ends the statement.
    pub(super) async fn ask<T>(
        &self,
        doing: &str,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        self.over(&self.kept, doing, limit, work).await
    }

    /// The same over the second connection: what is asked here delays no gauge.
    pub(super) async fn aside<T>(
        &self,
        doing: &str,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        self.over(&self.aside, doing, limit, work).await
    }

    async fn over<T>(
        &self,
        kept: &Mutex<Kept>,
        doing: &str,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        let name = &self.name;
        let late = || Error::TimedOut { what: name.clone(), doing: doing.to_owned(), after: limit };
        let deadline = tokio::time::Instant::now() + limit;
        let mut kept = tokio::time::timeout_at(deadline, kept.lock()).await.map_err(|_| late())?;
        let living = match kept.session.take() {
            Some(session) => session.living().await,
            None => None,
        };
        let mut session = match living {
            Some(session) => session,
            None => self.again(&mut kept, deadline).await?,
        };
        let answer = tokio::time::timeout_at(deadline, session.run(work)).await.map_err(|_| late())?;
        // Answered, well or not: the connection is in order unless it says otherwise.
        kept.session = session.line.is_some().then_some(session);
        answer.map_err(|problem| problem.explained(name, doing, limit))
    }

    /// Asks something over a connection of its own, which ends with the answer.
    pub(super) async fn apart<T>(
        &self,
        doing: &str,
        limit: Duration,
        manners: Manners,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        let deadline = tokio::time::Instant::now() + limit;
        let mut session = self.connect(manners, deadline).await?;
        match tokio::time::timeout_at(deadline, session.run(work)).await {
            Ok(answer) => answer.map_err(|problem| problem.explained(&self.name, doing, limit)),
            Err(_) => Err(Error::TimedOut { what: self.name.clone(), doing: doing.to_owned(), after: limit }),
        }
    }

    /// Asks something over a connection that is lent for it.
    pub(super) async fn lending<T>(
        &self,
        doing: &str,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        let deadline = tokio::time::Instant::now() + limit;
        let mut session = self.lend(deadline).await?;
        match tokio::time::timeout_at(deadline, session.run(work)).await {
            Ok(answer) => {
                self.give_back(session).await;
                answer.map_err(|problem| problem.explained(&self.name, doing, limit))
            }
            Err(_) => Err(Error::TimedOut { what: self.name.clone(), doing: doing.to_owned(), after: limit }),
        }
    }

    /// A connection for whoever needs one for longer. Taken from those that were given back: connecting takes a server as long
    /// as looking up a thousand rows, and its new process has to find anew each page of the memory that it shares.
    pub(super) async fn lend(&self, deadline: tokio::time::Instant) -> Result<Session, Error> {
        loop {
            let spare = self.spare.lock().await.pop();
            match spare {
                Some(session) => {
                    if let Some(living) = session.living().await {
                        return Ok(living);
                    }
                }
                None => return self.connect(Manners::Ours, deadline).await,
            }
        }
    }

    /// Takes back what was lent. What is not in order at once is let go, with whatever it was doing.
    pub(super) async fn give_back(&self, mut session: Session) {
        let tidying = session.run(async |client| client.batch_execute("rollback; reset all").await);
        let tidied = tokio::time::timeout(TIDYING, tidying).await;
        if matches!(tidied, Ok(Ok(()))) && session.line.is_some() {
            let mut spare = self.spare.lock().await;
            if spare.len() < SPARE {
                spare.push(session);
            }
        }
    }

    async fn connect(&self, manners: Manners, deadline: tokio::time::Instant) -> Result<Session, Error> {
        Session::connect(&self.name, &self.address, manners, deadline).await
    }

    /// Connects, unless that failed a moment ago.
    async fn again(&self, kept: &mut Kept, deadline: tokio::time::Instant) -> Result<Session, Error> {
        match kept.backoff.refuses() {
            Some(why) => Err(why),
            None => kept.backoff.tried(self.connect(Manners::Ours, deadline).await),
        }
    }
}

impl Session {
    async fn connect(
        name: &str,
        address: &Address,
        manners: Manners,
        deadline: tokio::time::Instant,
    ) -> Result<Session, Error> {
        let began = tokio::time::Instant::now();
        let connecting = async {
            let tls = address
                .files
                .connector()
                .map_err(|why| Error::broken(name, why, "mend the address in the plan"))?;
            let connected = address.with_manners(manners).connect(tls).await;
            let (client, line) =
                connected.map_err(|why| unreachable(name, address, deadline.duration_since(began), &why))?;
            Ok(Session { client, line: Some(Line::new(line)) })
        };
        tokio::time::timeout_at(deadline, connecting).await.unwrap_or_else(|_| {
            Err(Error::TimedOut {
                what: name.to_owned(),
                doing: "connecting".to_owned(),
                after: deadline.duration_since(began),
            })
        })
    }

    /// Does work on the connection and moves its bytes meanwhile.
    pub(super) async fn run<T>(&mut self, work: impl AsyncFnOnce(&mut Client) -> T) -> T {
        let Session { client, line } = self;
        line::over(line, work(client)).await
    }

    /// Itself, unless the server has ended the connection since the last question, as far as one sees without asking.
    async fn living(mut self) -> Option<Session> {
        let ended = self.line.as_mut()?.has_ended().await;
        (!ended).then_some(self)
    }
}

/// What stopped a piece of work.
pub(super) type Problem = problem::Problem<tokio_postgres::Error>;

/// A transaction that may write, behind a fence too: a session's default is no more than that.
pub(super) async fn writing(client: &mut Client) -> Result<Transaction<'_>, tokio_postgres::Error> {
    client.build_transaction().read_only(false).start().await
}

/// What an error of a question to our own tables means: they may not be there.
pub(super) fn known(why: tokio_postgres::Error) -> Problem {
    match why.code() {
        Some(code)
            if [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME, SqlState::UNDEFINED_FUNCTION]
                .contains(code) =>
        {
            super::convention::missing()
        }
        _ => Problem::Server(why),
    }
}

impl Explain for tokio_postgres::Error {
    fn explain(&self, what: &str, doing: &str, limit: Duration) -> Error {
        let Some(said) = self.as_db_error() else {
            if self.is_closed() || io(self).is_some() {
                let why = io(self).map_or_else(
                    || "the connection was lost".to_owned(),
                    |io| format!("the connection was lost: {io}"),
                );
                return Error::NotReachable { what: what.to_owned(), why };
            }
            return Error::broken(
                what,
                format!("{doing} failed: {}", deepest(self)),
                "check the query, and that this is PostgreSQL",
            );
        };
        let code = said.code();
        if *code == SqlState::QUERY_CANCELED {
            return Error::TimedOut { what: what.to_owned(), doing: doing.to_owned(), after: limit };
        }
        // It is going down, or was taken down under us: nothing is known any more.
        if [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code) {
            return Error::NotReachable { what: what.to_owned(), why: said.message().to_owned() };
        }
        Error::Refused {
            what: what.to_owned(),
            doing: doing.to_owned(),
            code: code.code().to_owned(),
            message: said.message().to_owned(),
        }
    }
}

/// What an error while connecting means.
fn unreachable(name: &str, address: &Address, limit: Duration, why: &tokio_postgres::Error) -> Error {
    if let Some(said) = why.as_db_error() {
        if said.message().contains("unsupported startup parameter") {
            return Error::broken(
                name,
                "a pooler answers there",
                "give the server's own address; the way through the pooler is another endpoint, named by `through`",
            );
        }
        return why.explain(name, "connecting", limit);
    }
    Error::NotReachable { what: name.to_owned(), why: format!("{}, {}", deepest(why), address.name) }
}

fn io(why: &tokio_postgres::Error) -> Option<&std::io::Error> {
    std::error::Error::source(why).and_then(|below| below.downcast_ref())
}

/// The cause at the bottom: what is above it only says that something below went wrong.
fn deepest(why: &(dyn std::error::Error + 'static)) -> String {
    let mut at = why;
    while let Some(below) = at.source() {
        at = below;
    }
    at.to_string()
}
