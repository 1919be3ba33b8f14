//! The engine's side of the control socket: connections come, speak and go; each is bounded in every way.
//!
//! Owns accepting, the limits and the writing of answers. Decides nothing: what is said is handed to `engine` as a
//! [`Message`], and whoever holds a connection's sender answers on it. Dropping the sender closes the
//! connection once what was said before has been written.

use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::helm::ConnectionId;
use super::protocol::{self, Answer, Ask, MAX_LINE};
use super::socket;

/// So many may be connected; one has the keys, the others are about to ask for them or have lost them.
const MOST_CONNECTIONS: usize = 16;
/// So many answers may wait for a cockpit that does not read.
const MOST_ANSWERS: usize = 64;
/// Who has not said hello in this time is not one of us.
const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked whether the socket still stands where others look for it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What happens on the control socket.
#[derive(Debug)]
pub enum Message {
    /// Somebody connected.
    Opened(ConnectionId, mpsc::Sender<Answer>),
    /// Somebody said something.
    Said(ConnectionId, Ask),
    /// A connection is closed.
    Closed(ConnectionId),
}

/// The control socket, served in the background until it is dropped.
pub struct Control {
    accepting: JoinHandle<JoinSet<()>>,
    stop: mpsc::Sender<()>,
}

impl Control {
    /// Listens on a run's socket and hands out what happens on it.
    pub fn serve(run: PathBuf, to: mpsc::Sender<Message>) -> Result<Control, socket::SocketError> {
        let listener = listen(&run)?;
        let (stop, stopped) = mpsc::channel(1);
        Ok(Control { accepting: tokio::spawn(accept(run, listener, to, stopped)), stop })
    }

    /// Stops listening and waits until what was said to those still connected has been written, at most a second.
    /// Their senders must have been dropped.
    pub async fn close(self) {
        drop(self.stop);
        if let Ok(mut connections) = self.accepting.await {
            let all = async { while connections.join_next().await.is_some() {} };
            if tokio::time::timeout(Duration::from_secs(1), all).await.is_err() {
                tracing::warn!("somebody on the control socket did not read what was said to the end");
            }
        }
    }
}

fn listen(run: &std::path::Path) -> Result<UnixListener, socket::SocketError> {
    let adopt = |listener: StdListener| -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    };
    adopt(socket::listen(run)?).map_err(|error| socket::SocketError::Io { path: socket::path(run), error })
}

async fn accept(
    run: PathBuf,
    mut listener: UnixListener,
    to: mpsc::Sender<Message>,
    mut stop: mpsc::Receiver<()>,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut count = 0;
    loop {
        let stream = tokio::select! {
            _ = stop.recv() => return connections,
            Some(_) = connections.join_next() => continue,
            _ = look.tick() => {
                if !socket::stands(&run) {
                    match listen(&run) {
                        Ok(again) => listener = again,
                        Err(error) => tracing::warn!(%error, "the control socket is gone"),
                    }
                }
                continue;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "could not accept on the control socket");
                    // Out of descriptors, most likely: trying again at once would only spin.
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
            },
        };
        let ours = rustix::process::geteuid().as_raw();
        match stream.peer_cred().map(|peer| peer.uid()) {
            Ok(uid) if uid == ours && connections.len() < MOST_CONNECTIONS => {
                count += 1;
                connections.spawn(connection(stream, ConnectionId(count), to.clone()));
            }
            Ok(uid) if uid == ours => tracing::warn!("too many are connected: one was turned away"),
            Ok(uid) => tracing::warn!(uid, "another account was turned away"),
            Err(error) => tracing::warn!(%error, "somebody who cannot be told was turned away"),
        }
    }
}

async fn connection(stream: UnixStream, id: ConnectionId, to: mpsc::Sender<Message>) {
    let (read, write) = stream.into_split();
    let (answers, queue) = mpsc::channel(MOST_ANSWERS);
    if to.send(Message::Opened(id, answers)).await.is_err() {
        return;
    }
    tokio::select! {
        heard = listen_to(read, id, &to) => {
            if let Err(error) = heard {
                tracing::warn!(connection = id.0, %error, "a connection was closed");
            }
        }
        () = speak(write, queue) => {}
    }
    // Without an engine there is nobody to tell.
    let _engine_gone = to.send(Message::Closed(id)).await;
}

async fn listen_to(read: OwnedReadHalf, id: ConnectionId, to: &mpsc::Sender<Message>) -> io::Result<()> {
    let mut from = BufReader::new(read);
    let mut line = Vec::new();
    let first = tokio::time::timeout(HELLO_WITHIN, next(&mut from, &mut line)).await;
    let mut ask = first.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no hello"))??;
    while let Some(said) = ask {
        if to.send(Message::Said(id, said)).await.is_err() {
            return Ok(());
        }
        ask = next(&mut from, &mut line).await?;
    }
    Ok(())
}

/// The next message, `None` at the end. Never holds more than one line of [`MAX_LINE`] bytes.
async fn next(from: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<Option<Ask>> {
    line.clear();
    from.take(MAX_LINE as u64).read_until(b'\n', line).await?;
    if line.is_empty() { Ok(None) } else { protocol::parse(line).map(Some) }
}

async fn speak(mut write: OwnedWriteHalf, mut queue: mpsc::Receiver<Answer>) {
    while let Some(answer) = queue.recv().await {
        if write.write_all(&protocol::line(&answer)).await.is_err() {
            return;
        }
    }
    // The other side sees the end of the stream whether this works or not.
    let _closing = write.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::RunFolder;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::os::unix::net::UnixStream as StdStream;

    struct Served {
        _tmp: tempfile::TempDir,
        run: PathBuf,
        control: Control,
        heard: mpsc::Receiver<Message>,
    }

    fn serve() -> Served {
        let tmp = tempfile::tempdir().unwrap();
        let run = tmp.path().join("run");
        RunFolder::create(&run).unwrap();
        let (to, heard) = mpsc::channel(16);
        let control = Control::serve(run.clone(), to).unwrap();
        Served { _tmp: tmp, run, control, heard }
    }

    async fn connect(served: &mut Served) -> (StdStream, ConnectionId, mpsc::Sender<Answer>) {
        let stream = socket::connect(&served.run).unwrap();
        let Some(Message::Opened(id, answers)) = served.heard.recv().await else { panic!("not opened") };
        (stream, id, answers)
    }

    fn hello() -> Ask {
        Ask::Hello { name: "maria".into(), account: "ops".into(), take: false }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_said_is_heard_and_what_is_answered_is_written_before_the_end() {
        let mut served = serve();
        let (mut stream, id, answers) = connect(&mut served).await;
        stream.write_all(&protocol::line(&hello())).unwrap();
        assert!(
            matches!(served.heard.recv().await, Some(Message::Said(from, ask)) if from == id && ask == hello())
        );
        answers.send(Answer::Bye { why: "so long".into(), taken: false }).await.unwrap();
        drop(answers);
        served.control.close().await;
        let mut said = String::new();
        BufReader::new(stream).read_to_string(&mut said).unwrap();
        assert_eq!(said, "{\"say\":\"bye\",\"why\":\"so long\",\"taken\":false}\n");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn junk_and_endless_lines_close_the_connection_and_nothing_else() {
        let mut served = serve();
        let (_quiet, _, _answers) = connect(&mut served).await;
        for junk in [b"GET / HTTP/1.1\r\n".to_vec(), vec![b'x'; 4 * MAX_LINE], vec![0xff, b'\n']] {
            let (mut stream, id, _answers) = connect(&mut served).await;
            // The other side may close before all of it is taken.
            let _cut = stream.write_all(&junk);
            assert!(matches!(served.heard.recv().await, Some(Message::Closed(closed)) if closed == id));
            assert_eq!(BufReader::new(stream).read_until(b'\n', &mut Vec::new()).unwrap_or(0), 0);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn too_many_are_turned_away() {
        let mut served = serve();
        let mut all = Vec::new();
        for _ in 0..MOST_CONNECTIONS {
            all.push(connect(&mut served).await);
        }
        let one_more = socket::connect(&served.run).unwrap();
        assert_eq!(BufReader::new(one_more).read(&mut [0]).unwrap(), 0);
        drop(all.pop());
        assert!(matches!(served.heard.recv().await, Some(Message::Closed(_))));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_socket_that_somebody_removed_is_put_back() {
        let mut served = serve();
        std::fs::remove_file(socket::path(&served.run)).unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while !socket::stands(&served.run) {
            assert!(tokio::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        connect(&mut served).await;
    }
}
