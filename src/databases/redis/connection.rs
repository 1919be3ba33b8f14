//! One connection to a server, kept from one question to the next.
//!
//! Owns time limits, signing in, the way back after a restart, and saying in the words of [`Error`] what went wrong. Whoever asks
//! also moves the bytes, so that nothing runs on by itself; a question that is given up takes its connection with it. Refuses to know
//! what is asked: see `fence` and its neighbours.

use std::pin::Pin;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::address::Address;
use crate::databases::Error;
use crate::databases::backoff::Backoff;
use crate::databases::line::{self, Line};
use crate::databases::problem::{self, Explain};

/// What our sessions are called in the server.
const NAME: &str = "cutover";

/// A piece of work on a connection.
pub(super) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send + 'a>>;

/// A server, and the one connection to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: Address,
    kept: Mutex<Kept>,
}

/// What is there between two questions.
#[derive(Debug, Default)]
struct Kept {
    session: Option<Session>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Session {
    conn: Conn,
    /// Gone when it has ended.
    line: Option<Line>,
}

/// What is asked over.
#[derive(Debug)]
pub(super) struct Conn {
    inner: MultiplexedConnection,
    /// The server's number of the connection.
    pub(super) id: i64,
}

impl Conn {
    /// Asks with these words.
    pub(super) async fn ask<W: redis::ToRedisArgs>(&mut self, words: &[W]) -> Result<Value, Problem> {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        Ok(self.inner.send_packed_command(&command).await.and_then(Value::extract_error)?)
    }
}

impl Server {
    pub(super) fn new(address: Address) -> Server {
        Server { address, kept: Mutex::default() }
    }

    /// Asks something over the kept connection, all in all within a time limit, waiting for it and connecting included.
    pub(super) async fn ask<T>(
        &self,
        doing: &str,
        limit: Duration,
        work: impl for<'a> FnOnce(&'a mut Conn) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        let late = || self.late(doing, limit);
        let deadline = Instant::now() + limit;
        let mut kept = timeout_at(deadline, self.kept.lock()).await.map_err(|_| late())?;
        let living = match kept.session.take() {
            // What the server ended, or lost in a restart, says so when it is asked something; a new one says how it is.
            Some(mut session) => {
                let asked = session.run(|conn| Box::pin(async { conn.ask(&["CLIENT", "ID"]).await }));
                timeout_at(deadline, asked).await.map_err(|_| late())?.ok().map(|_| session)
            }
            None => None,
        };
        let mut session = match living {
            Some(session) => session,
            None => match kept.backoff.refuses() {
                Some(why) => return Err(why),
                None => kept.backoff.tried(self.connect(deadline).await)?,
            },
        };
        let answer = timeout_at(deadline, session.run(work)).await.map_err(|_| late())?;
        kept.session = session.line.is_some().then_some(session);
        answer.map_err(|problem| problem.explained(&self.address.name, doing, limit))
    }

    /// Does something over a connection of its own, which ends with it.
    pub(super) async fn apart<T>(
        &self,
        doing: &str,
        limit: Duration,
        work: impl for<'a> FnOnce(&'a mut Conn) -> Work<'a, T> + Send,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + limit;
        let mut session = self.connect(deadline).await?;
        let answer = timeout_at(deadline, session.run(work)).await.map_err(|_| self.late(doing, limit))?;
        answer.map_err(|problem| problem.explained(&self.address.name, doing, limit))
    }

    fn late(&self, doing: &str, after: Duration) -> Error {
        Error::TimedOut { what: self.address.name.clone(), doing: doing.to_owned(), after }
    }

    /// A new connection, signed in, at the address's database.
    async fn connect(&self, deadline: Instant) -> Result<Session, Error> {
        let limit = deadline.duration_since(Instant::now());
        let name = &self.address.name;
        let connecting = async {
            let unreachable = |why| Error::NotReachable { what: name.clone(), why };
            let bytes = self.address.line().await.map_err(unreachable)?;
            // Signing in is ours: the library keeps the server's own words about it to itself.
            let nobody = RedisConnectionInfo::default().set_skip_set_lib_name();
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            let (inner, line) = MultiplexedConnection::new_with_config(&nobody, bytes, config)
                .await
                .map_err(|why| why.explain(name, "connecting", limit))?;
            let mut session = Session { conn: Conn { inner, id: 0 }, line: Some(Line::new(line)) };
            let login = self.address.login.clone();
            session
                .run(|conn| Box::pin(sign_in(conn, login)))
                .await
                .map_err(|why| why.explained(name, "signing in", limit))?;
            Ok(session)
        };
        timeout_at(deadline, connecting).await.unwrap_or_else(|_| Err(self.late("connecting", limit)))
    }
}

async fn sign_in(conn: &mut Conn, login: RedisConnectionInfo) -> Result<(), Problem> {
    match (login.username(), login.password()) {
        (Some(user), password) => {
            conn.ask(&["AUTH", user, password.unwrap_or_default()]).await?;
        }
        (None, Some(password)) => {
            conn.ask(&["AUTH", password]).await?;
        }
        (None, None) => {}
    }
    if login.db() != 0 {
        conn.ask(&["SELECT", &login.db().to_string()]).await?;
    }
    conn.ask(&["CLIENT", "SETNAME", NAME]).await?;
    conn.id = whole(&conn.ask(&["CLIENT", "ID"]).await?)
        .ok_or_else(|| Problem::broken("it gives its connections no numbers", "check what it is"))?;
    Ok(())
}

impl Session {
    /// Does work on the connection and moves its bytes meanwhile.
    async fn run<T>(
        &mut self,
        work: impl for<'a> FnOnce(&'a mut Conn) -> Work<'a, T> + Send,
    ) -> Result<T, Problem> {
        let Session { conn, line } = self;
        line::over(line, work(conn)).await
    }
}

/// What stopped a piece of work.
pub(super) type Problem = problem::Problem<RedisError>;

impl Problem {
    /// The server said no, and why: its code and its words.
    pub(super) fn said(&self) -> Option<(&str, &str)> {
        match self {
            Problem::Server(why) => Some((why.code()?, why.detail().unwrap_or_default())),
            _ => None,
        }
    }
}

impl Explain for RedisError {
    fn explain(&self, what: &str, doing: &str, limit: Duration) -> Error {
        let what = what.to_owned();
        let words = self.detail().unwrap_or_default().to_owned();
        match self.code() {
            // It says nothing else until it is done.
            Some("LOADING") => Error::NotReachable { what, why: "it is loading its data".to_owned() },
            Some(code) => {
                Error::Refused { what, doing: doing.to_owned(), code: code.to_owned(), message: words }
            }
            None if self.is_timeout() => Error::TimedOut { what, doing: doing.to_owned(), after: limit },
            None if self.is_io_error() || self.is_connection_dropped() => {
                Error::NotReachable { what, why: format!("the connection was lost: {self}") }
            }
            None => Error::broken(
                what,
                format!("{doing}: the answer makes no sense"),
                "check that this is Redis or Valkey, and whether its line is encrypted (rediss://)",
            ),
        }
    }
}

/// An answer that is text.
pub(super) fn word(answer: Value) -> Option<String> {
    match answer {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text),
        _ => None,
    }
}

/// An answer that is a whole number.
pub(super) fn whole(answer: &Value) -> Option<i64> {
    match answer {
        Value::Int(n) => Some(*n),
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        _ => None,
    }
}

/// An answer that is a list of texts.
pub(super) fn words(answer: Value) -> Vec<String> {
    match answer {
        Value::Array(items) | Value::Set(items) => items.into_iter().filter_map(word).collect(),
        _ => Vec::new(),
    }
}
