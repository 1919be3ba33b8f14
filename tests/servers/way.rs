//! A way to a server that is longer than loopback: what goes in at one end comes out at the other a while later.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// So many pieces, of 64 KiB at most, may be under way at a time.
const UNDER_WAY: usize = 1_024;

/// The port at which a server of this machine is reached as if it were so far away: half of what a question and its
/// answer take.
pub(crate) fn to(server: u16, away: Duration) -> u16 {
    if away.is_zero() {
        return server;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(client) = client else { return };
            // A server that is gone is gone for who comes.
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
            for socket in [&client, &server] {
                let _ = socket.set_nodelay(true);
            }
            let (Ok(back_from), Ok(back_to)) = (server.try_clone(), client.try_clone()) else { continue };
            travel(client, server, away);
            travel(back_from, back_to, away);
        }
    });
    port
}

/// Until one of them has gone.
fn travel(mut from: TcpStream, mut to: TcpStream, away: Duration) {
    let (departs, arrives) = mpsc::sync_channel::<(Instant, Vec<u8>)>(UNDER_WAY);
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
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _gone = to.shutdown(Shutdown::Both);
    });
}
