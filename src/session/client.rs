//! The cockpit's side of the control socket: says that somebody is there once a second, whatever the terminal does.
//!
//! Owns two threads, one that writes and one that reads, so that neither a stalled terminal nor a stalled engine
//! keeps the other waiting. Decides nothing and draws nothing: answers are handed to whoever connected.

use std::fmt;
use std::io::{self, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use super::protocol::{self, Answer, Ask};
use super::socket::{self, SocketError};
use crate::clock::Timestamp;
use crate::engine::input::Intent;

/// How often somebody is said to be there.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// So much may wait for an engine that does not read: more than hands can type in the time until it is called gone.
const MOST_ASKS: usize = 256;
/// The engine answers a hello when its disk has, and a disk may take long.
const HELLO_WITHIN: Duration = Duration::from_secs(40);

/// Who wants the keys.
#[derive(Clone, Debug)]
pub struct Hello {
    /// As they say.
    pub name: String,
    /// As the machine says.
    pub account: String,
    /// They typed that they take the keys from whoever has them.
    pub take: bool,
}

/// What comes from the engine once the keys are ours.
#[derive(Clone, Debug, PartialEq)]
pub enum FromEngine {
    /// An answer.
    Answer(Answer),
    /// The connection is over, with what the engine said last, if it said anything.
    Closed {
        /// Why.
        why: Option<String>,
        /// Somebody else has the keys now.
        taken: bool,
    },
}

/// Why the keys are not ours.
#[derive(Debug)]
pub enum ConnectError {
    /// The socket cannot be used.
    Socket(SocketError),
    /// Somebody else has them.
    Held {
        /// Who.
        who: String,
        /// Since when.
        since: Timestamp,
    },
    /// The engine said no, or something that is no answer to a hello.
    Refused(String),
    /// The connection broke.
    Io(io::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Socket(error) => error.fmt(f),
            ConnectError::Held { who, since } => {
                write!(f, "{who} has had the keys since {}: watch the run, or take the helm", since.rfc3339())
            }
            ConnectError::Refused(why) => write!(f, "the engine refused the connection: {why}"),
            ConnectError::Io(error) => write!(f, "the connection to the engine broke: {error}"),
        }
    }
}

impl std::error::Error for ConnectError {}

/// The connection of whoever has the keys. Dropping it closes it; the engine then waits three seconds.
#[derive(Debug)]
pub struct Client {
    asks: SyncSender<Ask>,
    stream: UnixStream,
    next: AtomicU64,
    run: String,
}

/// The engine has stopped reading; what was asked is not on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSent;

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the engine does not take anything just now: nothing was asked of it")
    }
}

impl std::error::Error for NotSent {}

impl Client {
    /// Asks for the keys of a run. `each` is called from another thread with what the engine says from then on.
    pub fn connect(
        run: &Path,
        hello: Hello,
        each: impl FnMut(FromEngine) + Send + 'static,
    ) -> Result<Client, ConnectError> {
        let stream = socket::connect(run).map_err(ConnectError::Socket)?;
        let mut from = BufReader::new(stream.try_clone().map_err(ConnectError::Io)?);
        let mut to = stream.try_clone().map_err(ConnectError::Io)?;
        let Hello { name, account, take } = hello;
        stream.set_read_timeout(Some(HELLO_WITHIN)).map_err(ConnectError::Io)?;
        to.write_all(&protocol::line(&Ask::Hello { name, account, take })).map_err(ConnectError::Io)?;
        let run = match protocol::read(&mut from).map_err(ConnectError::Io)? {
            Some(Answer::Welcome { run, .. }) => run,
            Some(Answer::RefusedHello { who, since }) => return Err(ConnectError::Held { who, since }),
            Some(Answer::Bye { why, .. }) => return Err(ConnectError::Refused(why)),
            Some(other) => return Err(ConnectError::Refused(format!("it answered {other:?}"))),
            None => return Err(ConnectError::Refused("it closed the connection".to_owned())),
        };
        stream.set_read_timeout(None).map_err(ConnectError::Io)?;
        let (asks, queue) = sync_channel(MOST_ASKS);
        spawn("control-write", move || write(&mut to, &queue)).map_err(ConnectError::Io)?;
        spawn("control-read", move || read(&mut from, each)).map_err(ConnectError::Io)?;
        Ok(Client { asks, stream, next: AtomicU64::new(1), run })
    }

    /// The run's id, as the engine says it.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Asks for something; the answer has the id that is given back.
    pub fn intend(&self, intent: Intent) -> Result<u64, NotSent> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.ask(Ask::Intent { id, intent }).map(|()| id)
    }

    /// Says something.
    pub fn ask(&self, ask: Ask) -> Result<(), NotSent> {
        self.asks.try_send(ask).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => NotSent,
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The other side may have closed it already.
        let _closed = self.stream.shutdown(Shutdown::Both);
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
}

fn write(to: &mut UnixStream, asks: &Receiver<Ask>) {
    loop {
        let ask = match asks.recv_timeout(BEAT_EVERY) {
            Ok(ask) => ask,
            Err(RecvTimeoutError::Timeout) => Ask::Beat,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // Whoever reads is told that the connection is over.
        if to.write_all(&protocol::line(&ask)).is_err() {
            return;
        }
    }
}

fn read(from: &mut BufReader<UnixStream>, mut each: impl FnMut(FromEngine)) {
    let (mut why, mut taken) = (None, false);
    loop {
        match protocol::read(from) {
            Ok(Some(Answer::Bye { why: said, taken: by_another })) => (why, taken) = (Some(said), by_another),
            Ok(Some(answer)) => each(FromEngine::Answer(answer)),
            Ok(None) => return each(FromEngine::Closed { why, taken }),
            Err(error) => {
                why = why.or_else(|| Some(error.to_string()));
                return each(FromEngine::Closed { why, taken });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::RunFolder;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;

    fn listen() -> (tempfile::TempDir, PathBuf, UnixListener) {
        let tmp = tempfile::tempdir().unwrap();
        let run = tmp.path().join("run");
        RunFolder::create(&run).unwrap();
        let listener = socket::listen(&run).unwrap();
        (tmp, run, listener)
    }

    fn hello() -> Hello {
        Hello { name: "maria".into(), account: "ops".into(), take: false }
    }

    /// An engine that answers the first line with `answer` and gives back what comes then.
    fn engine(listener: UnixListener, answer: Answer) -> thread::JoinHandle<BufReader<UnixStream>> {
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut from = BufReader::new(stream.try_clone().unwrap());
            assert!(matches!(protocol::read(&mut from).unwrap(), Some(Ask::Hello { .. })));
            stream.write_all(&protocol::line(&answer)).unwrap();
            from
        })
    }

    #[test]
    fn whoever_is_welcome_beats_and_hears_the_end() {
        let (_tmp, run, listener) = listen();
        let engine = engine(listener, Answer::Welcome { run: "L-1".into(), seq: 3 });
        let (told, heard) = sync_channel(8);
        let client = Client::connect(&run, hello(), move |what| told.send(what).unwrap()).unwrap();
        assert_eq!(client.run(), "L-1");
        let mut from = engine.join().unwrap();
        assert_eq!(client.intend(Intent::Release).unwrap(), 1);
        assert_eq!(protocol::read(&mut from).unwrap(), Some(Ask::Intent { id: 1, intent: Intent::Release }));
        assert_eq!(protocol::read(&mut from).unwrap(), Some(Ask::Beat), "nobody typed for a second");
        let bye = Answer::Bye { why: "jun took the helm".into(), taken: true };
        from.get_mut().write_all(&protocol::line(&bye)).unwrap();
        drop(from);
        assert_eq!(
            heard.recv().unwrap(),
            FromEngine::Closed { why: Some("jun took the helm".into()), taken: true }
        );
    }

    #[test]
    fn whoever_is_not_welcome_learns_who_has_the_keys() {
        let (_tmp, run, listener) = listen();
        let engine = engine(listener, Answer::RefusedHello { who: "jun".into(), since: Timestamp(0) });
        let error = Client::connect(&run, hello(), |_| {}).unwrap_err();
        assert!(
            error.to_string().starts_with("jun has had the keys since 1970-01-01T00:00:00.000Z"),
            "{error}"
        );
        engine.join().unwrap();
    }
}
