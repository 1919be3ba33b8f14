//! A way to a server of this machine: as long as one likes, to be shut like a black hole, and what goes over it is counted.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

/// So many pieces, of 64 KiB at most, may be under way at a time.
const UNDER_WAY: usize = 1_024;

/// A way that leads to a server until the test ends.
pub(crate) struct Way {
    /// Where it begins.
    pub(crate) port: u16,
    state: Arc<State>,
}

struct State {
    away: Duration,
    shut: Mutex<bool>,
    opened: Condvar,
    bytes: AtomicU64,
}

/// The port at which a server is reached that is so far away.
pub(crate) fn to(server: u16, away: Duration) -> u16 {
    if away.is_zero() { server } else { Way::to(server, away).port }
}

impl Way {
    /// To the server at a port, so far away: half of what a question and its answer take.
    pub(crate) fn to(server: u16, away: Duration) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bytes = AtomicU64::new(0);
        let state = Arc::new(State { away, shut: Mutex::new(false), opened: Condvar::new(), bytes });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || begin(client.ok()?, server, &state).ok());
            }
        });
        Way { port, state }
    }

    /// While it is shut it takes connections and bytes, and passes nothing on.
    pub(crate) fn shut(&self, shut: bool) {
        *self.state.shut.lock().unwrap() = shut;
        self.state.opened.notify_all();
    }

    /// What went over it, both ways.
    pub(crate) fn megabytes(&self) -> f64 {
        let bytes = u32::try_from(self.state.bytes.load(Ordering::Relaxed) / 100).unwrap();
        f64::from(bytes) / 1e4
    }
}

impl State {
    fn until_it_is_open(&self) {
        let _open = self.opened.wait_while(self.shut.lock().unwrap(), |shut| *shut).unwrap();
    }
}

fn begin(client: TcpStream, server: u16, state: &Arc<State>) -> std::io::Result<()> {
    state.until_it_is_open();
    let server = TcpStream::connect(("127.0.0.1", server))?;
    for socket in [&client, &server] {
        socket.set_nodelay(true)?;
    }
    let back = (server.try_clone()?, client.try_clone()?);
    for (from, to) in [(client, server), back] {
        travel(from, to, Arc::clone(state));
    }
    Ok(())
}

/// Until one of them has gone.
fn travel(mut from: TcpStream, mut to: TcpStream, state: Arc<State>) {
    let (departs, arrives) = mpsc::sync_channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let away = state.away;
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            if departs.send((Instant::now() + away, buffer[..n].to_vec())).is_err() {
                break;
            }
        }
    });
    std::thread::spawn(move || {
        for (at, bytes) in arrives {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            state.until_it_is_open();
            state.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _gone = to.shutdown(Shutdown::Write);
    });
}
