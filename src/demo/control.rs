//! How another process speaks to the world: one line of JSON each way over a socket in its folder.
//!
//! The folder is private, and so the socket is: no port, no password. Who may enter may ask anything.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

use super::actions::ActionId;
use super::parts::Stop;
use super::replicator::Direction;
use super::{Dir, Side, Status, WorldError};

/// No line is longer.
const LINE: u64 = 64 * 1024;
/// How long an answer may take: an action may wait for the parts, and a mended target for its rows.
const PATIENCE: Duration = Duration::from_secs(30);

/// What can be asked of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// How it is.
    Status,
    /// Send users to this side.
    Point {
        /// Which one.
        to: Side,
    },
    /// Carry changes in this direction.
    Replicate {
        /// Which one.
        direction: Direction,
    },
    /// Do one of [`super::actions::ACTIONS`].
    Perform {
        /// Which one.
        action: ActionId,
    },
    /// Come to an end.
    End,
}

/// What the world answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// How it is.
    Status(Box<Status>),
    /// It was done: what, in a sentence.
    Done(String),
    /// It was not done: why.
    Refused(String),
}

/// Asks the world that runs on this folder, and waits for the answer.
///
/// # Errors
/// [`WorldError::NotRunning`] when nobody answers there.
pub fn ask(dir: &Path, request: &Request) -> Result<Reply, WorldError> {
    let path = Dir::new(dir).control();
    let folder = open_folder(dir)?;
    let not_running = |_| WorldError::NotRunning { dir: dir.to_owned() };
    let socket = std::os::unix::net::UnixStream::connect(short(&folder)).map_err(not_running)?;
    let exchange = || -> std::io::Result<String> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        (&socket).write_all(line.as_bytes())?;
        let mut reply = String::new();
        BufReader::new((&socket).take(LINE)).read_line(&mut reply)?;
        Ok(reply)
    };
    let reply = exchange().map_err(WorldError::file("speak over", &path))?;
    if reply.is_empty() {
        return Err(WorldError::NotRunning { dir: dir.to_owned() });
    }
    serde_json::from_str(&reply).map_err(|e| WorldError::file("understand the answer over", &path)(e.into()))
}

/// Asks for something to be done; returns what was, in a sentence.
///
/// # Errors
/// [`WorldError::Refused`] with the world's reason, or as [`ask`].
pub fn tell(dir: &Path, request: &Request) -> Result<String, WorldError> {
    match ask(dir, request)? {
        Reply::Done(said) => Ok(said),
        Reply::Refused(why) => Err(WorldError::Refused(why)),
        Reply::Status(_) => Err(WorldError::Refused("the world told its status instead".to_owned())),
    }
}

/// Asks the world how it is.
///
/// # Errors
/// As [`ask`].
pub fn status(dir: &Path) -> Result<Status, WorldError> {
    match ask(dir, &Request::Status)? {
        Reply::Status(status) => Ok(*status),
        Reply::Done(said) | Reply::Refused(said) => Err(WorldError::Refused(said)),
    }
}

/// Opens the socket for [`serve`]. Only the holder of the world's lock may: one from an earlier world is
/// taken away.
pub(super) fn listen(dir: &Dir) -> Result<tokio::net::UnixListener, WorldError> {
    let path = dir.control();
    match std::fs::remove_file(&path) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(WorldError::file("remove", path)(e)),
    }
    let folder = open_folder(dir.path())?;
    let open = || -> std::io::Result<tokio::net::UnixListener> {
        let listener = std::os::unix::net::UnixListener::bind(short(&folder))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(listener)
    };
    open().map_err(WorldError::file("listen at", &path))
}

/// Answers until the parts are to end. `answer` may block.
pub(super) async fn serve(
    listener: tokio::net::UnixListener,
    stop: Stop,
    answer: Arc<dyn Fn(Request) -> Reply + Send + Sync>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.told() => return,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(e) => {
                tracing::warn!("accepting at the control socket: {e}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let answer = Arc::clone(&answer);
        tokio::spawn(async move {
            if let Err(e) = converse(socket, answer).await {
                tracing::warn!("at the control socket: {e}");
            }
        });
    }
}

async fn converse(
    mut socket: tokio::net::UnixStream,
    answer: Arc<dyn Fn(Request) -> Reply + Send + Sync>,
) -> std::io::Result<()> {
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new((&mut socket).take(LINE));
    tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await??;
    let reply = match serde_json::from_str::<Request>(&line) {
        Ok(request) => tokio::task::spawn_blocking(move || answer(request)).await?,
        Err(e) => Reply::Refused(format!("not understood: {e}")),
    };
    let mut text = serde_json::to_string(&reply)?;
    text.push('\n');
    socket.write_all(text.as_bytes()).await
}

fn open_folder(dir: &Path) -> Result<std::os::fd::OwnedFd, WorldError> {
    rustix::fs::open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| WorldError::file("open the folder", dir)(e.into()))
}

/// The socket's path by way of the open folder: a socket's name may have 107 bytes, a folder's more.
fn short(folder: &std::os::fd::OwnedFd) -> String {
    format!("/proc/self/fd/{}/control.sock", folder.as_raw_fd())
}
