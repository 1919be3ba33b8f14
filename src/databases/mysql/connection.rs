//! One connection to a server, kept from one question to the next.
//!
//! Owns time limits, the way back after a restart, ending in the server what nobody waits for any more, and saying in the words of
//! [`Error`] what went wrong. What changes settings of its session, or lives longer than a question, goes over a connection of
//! its own. Refuses to know what is asked: see `look` and its neighbours.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, DriverError, IoError, ServerError};
use tokio::time::{Instant, timeout_at};

use super::address::{Address, Ssl};
use super::session::{Hello, Session};
use crate::databases::Error;
use crate::databases::backoff::Backoff;
use crate::databases::problem::{self, Explain};

/// A piece of work on a session.
pub(super) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send + 'a>>;

/// A server, and the connections to it: one for gauges, and one for questions that may take longer.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: Address,
    /// What its streams passed over, where it is a replica.
    pub(super) passed: super::passed::Memory,
    kept: tokio::sync::Mutex<Kept>,
    aside: tokio::sync::Mutex<Kept>,
    ours: Arc<Mutex<Ours>>,
}

/// What is there between two questions.
#[derive(Debug, Default)]
struct Kept {
    /// With when it last answered.
    session: Option<(Session, Instant)>,
    backoff: Backoff,
}

/// A connection that answered so lately is asked for no sign of life before the next question: looks that wait for one another
/// would wait once more each, and over a long way that is most of their time.
const AWAKE: Duration = Duration::from_millis(250);

/// The connections that are ours, by the server's own number of them and the moment it started: numbers begin anew then.
#[derive(Debug, Default)]
struct Ours {
    living: BTreeSet<(i64, u32)>,
    /// Nobody waits for what these do.
    left: BTreeSet<(i64, u32)>,
}

/// Counts a connection among ours; one that is dropped without [`Leash::done`] is ended in the server by the next question.
#[derive(Debug)]
pub(super) struct Leash {
    ours: Arc<Mutex<Ours>>,
    of: (i64, u32),
    in_order: bool,
}

impl Leash {
    /// It has answered: nothing of it goes on.
    pub(super) fn done(&mut self) {
        self.in_order = true;
    }

    /// It is asked something.
    pub(super) fn busy(&mut self) {
        self.in_order = false;
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        let mut ours = self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        ours.living.remove(&self.of);
        if !self.in_order {
            ours.left.insert(self.of);
        }
    }
}

impl Server {
    pub(super) fn new(address: Address) -> Server {
        Server {
            address,
            passed: super::passed::Memory::default(),
            kept: tokio::sync::Mutex::default(),
            aside: tokio::sync::Mutex::default(),
            ours: Arc::default(),
        }
    }

    /// Asks something over the kept connection, all in all within a time limit, waiting for it and connecting included.
    ///
    /// What goes wrong is rolled back. A question that is given up, here or by whoever asked, takes its connection with it.
    pub(super) async fn ask<T>(
        &self,
        doing: &str,
        limit: Duration,
        work: impl for<'a> FnOnce(&'a mut Session) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        self.over(&self.kept, doing, limit, work).await
    }

    /// The same over the second connection: what is asked here delays no gauge.
    pub(super) async fn aside<T>(
        &self,
        doing: &str,
        limit: Duration,
        work: impl for<'a> FnOnce(&'a mut Session) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        self.over(&self.aside, doing, limit, work).await
    }

    async fn over<T>(
        &self,
        kept: &tokio::sync::Mutex<Kept>,
        doing: &str,
        limit: Duration,
        work: impl for<'a> FnOnce(&'a mut Session) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        let late = || self.late(doing, limit);
        let deadline = Instant::now() + limit;
        let mut kept = timeout_at(deadline, kept.lock()).await.map_err(|_| late())?;
        let living = match kept.session.take() {
            Some((session, answered)) if answered.elapsed() < AWAKE => Some(session),
            Some((mut session, _)) => match timeout_at(deadline, session.conn.ping()).await {
                Ok(Ok(())) => Some(session),
                // The server ended it, or restarted: a new one says how it is.
                Ok(Err(_)) => None,
                Err(_) => return Err(late()),
            },
            None => None,
        };
        let mut session = match living {
            Some(session) => session,
            None => self.again(&mut kept, deadline, limit).await?,
        };
        session.leash.busy();
        let asked = timeout_at(deadline, async {
            self.end_what_was_left(&mut session).await?;
            session.limit(limit).await?;
            work(&mut session).await
        });
        let answer = asked.await.map_err(|_| late())?;
        let in_order = match &answer {
            Ok(_) => true,
            Err(Problem::Server(why)) if why.is_fatal() => false,
            // Whatever it had begun is not to be part of the next question.
            Err(_) => matches!(timeout_at(deadline, session.run("rollback")).await, Ok(Ok(()))),
        };
        if in_order {
            session.leash.done();
            kept.session = Some((session, Instant::now()));
        }
        answer.map_err(|problem| problem.explained(&self.address.name, doing, limit))
    }

    /// Does something over a connection of its own, which ends with it.
    pub(super) async fn apart<T>(
        &self,
        doing: &str,
        limit: Duration,
        work: impl for<'a> FnOnce(&'a mut Session) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + limit;
        let mut session = self.connect(deadline, limit).await?;
        session.leash.busy();
        let asked = timeout_at(deadline, work(&mut session));
        let answer = asked.await.map_err(|_| self.late(doing, limit))?;
        session.leash.done();
        answer.map_err(|problem| problem.explained(&self.address.name, doing, limit))
    }

    fn late(&self, doing: &str, after: Duration) -> Error {
        Error::TimedOut { what: self.address.name.clone(), doing: doing.to_owned(), after }
    }

    /// The numbers of our connections to the server that started then.
    pub(super) fn ours(&self, started: i64) -> BTreeSet<u32> {
        let ours = self.ours.lock().unwrap_or_else(PoisonError::into_inner);
        ours.living.iter().chain(&ours.left).filter(|(of, _)| *of == started).map(|(_, id)| *id).collect()
    }

    async fn end_what_was_left(&self, session: &mut Session) -> Result<(), Problem> {
        let left = std::mem::take(&mut self.ours.lock().unwrap_or_else(PoisonError::into_inner).left);
        for (started, id) in left {
            if started == session.hello.started {
                session.kill(id).await?;
            }
        }
        Ok(())
    }

    /// Connects, unless that failed a moment ago.
    async fn again(&self, kept: &mut Kept, deadline: Instant, limit: Duration) -> Result<Session, Error> {
        match kept.backoff.refuses() {
            Some(why) => Err(why),
            None => kept.backoff.tried(self.connect(deadline, limit).await),
        }
    }

    /// A new connection, with this limit for each question.
    pub(super) async fn connect(&self, deadline: Instant, limit: Duration) -> Result<Session, Error> {
        let began = Instant::now();
        let name = &self.address.name;
        let connecting = async {
            let conn =
                self.line().await.map_err(|why| unreachable(name, deadline.duration_since(began), &why))?;
            let (conn, hello) = Hello::read(conn, limit)
                .await
                .map_err(|why| why.explained(name, "connecting", deadline.duration_since(began)))?;
            let of = (hello.started, hello.id);
            self.ours.lock().unwrap_or_else(PoisonError::into_inner).living.insert(of);
            let leash = Leash { ours: Arc::clone(&self.ours), of, in_order: true };
            Ok(Session { conn, hello, leash, limit, own: None })
        };
        timeout_at(deadline, connecting)
            .await
            .unwrap_or_else(|_| Err(self.late("connecting", deadline.duration_since(began))))
    }

    /// A connection with the encryption that the address asks for.
    async fn line(&self) -> Result<Conn, mysql_async::Error> {
        match &self.address.ssl {
            Ssl::Never => Conn::new(self.address.library(None)).await,
            Ssl::Always(ssl) => Conn::new(self.address.library(Some(ssl))).await,
            Ssl::IfThere(ssl) => match Conn::new(self.address.library(Some(ssl))).await {
                Err(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer)) => {
                    Conn::new(self.address.library(None)).await
                }
                other => other,
            },
        }
    }
}

/// What stopped a piece of work.
pub(super) type Problem = problem::Problem<mysql_async::Error>;

impl Problem {
    /// The server's own number of its error.
    pub(super) fn number(&self) -> Option<u16> {
        match self {
            Problem::Server(mysql_async::Error::Server(said)) => Some(said.code),
            _ => None,
        }
    }
}

impl Explain for mysql_async::Error {
    /// Source: the servers' lists of errors. Out of time: 1205 a row's or a table's lock, 1969 MariaDB's and 3024 MySQL's
    /// limit for a statement. Taken down under us: 1053 shutting down, 1317 the query ended, 1927 MariaDB's and 4031 MySQL's
    /// for a connection that was ended.
    fn explain(&self, what: &str, doing: &str, limit: Duration) -> Error {
        let what = what.to_owned();
        match self {
            mysql_async::Error::Server(ServerError { code: 1205 | 1969 | 3024, .. }) => {
                Error::TimedOut { what, doing: doing.to_owned(), after: limit }
            }
            mysql_async::Error::Server(ServerError { code: 1053 | 1317 | 1927 | 4031, message, .. }) => {
                Error::NotReachable { what, why: message.clone() }
            }
            mysql_async::Error::Server(ServerError { code, message, .. }) => Error::Refused {
                what,
                doing: doing.to_owned(),
                code: code.to_string(),
                message: message.clone(),
            },
            mysql_async::Error::Io(IoError::Io(io)) => {
                Error::NotReachable { what, why: format!("the connection was lost: {io}") }
            }
            mysql_async::Error::Io(IoError::Tls(tls)) => {
                Error::NotReachable { what, why: format!("the encrypted connection was lost: {tls}") }
            }
            mysql_async::Error::Driver(DriverError::ConnectionClosed) => {
                Error::NotReachable { what, why: "the connection was lost".to_owned() }
            }
            // The library shows the packet here, which may hold values.
            mysql_async::Error::Driver(DriverError::UnexpectedPacket { .. }) => Error::broken(
                what,
                format!("{doing}: the answer makes no sense"),
                "check that this is MySQL or MariaDB",
            ),
            other => Error::broken(
                what,
                format!("{doing} failed: {other}"),
                "check the query, and that this is MySQL or MariaDB",
            ),
        }
    }
}

/// What an error while connecting means: 1040 too many connections, 1129 this host is shut out, are the server's, too.
fn unreachable(what: &str, limit: Duration, why: &mysql_async::Error) -> Error {
    let what = what.to_owned();
    match why {
        mysql_async::Error::Server(_) => why.explain(&what, "connecting", limit),
        mysql_async::Error::Io(IoError::Io(io)) => Error::NotReachable { what, why: io.to_string() },
        mysql_async::Error::Io(IoError::Tls(tls)) => {
            Error::NotReachable { what, why: format!("no encrypted connection: {tls}") }
        }
        mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => Error::NotReachable {
            what,
            why: "the address asks for encryption, and the server offers none".to_owned(),
        },
        other => Error::NotReachable { what, why: other.to_string() },
    }
}
