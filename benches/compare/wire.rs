//! Counts what goes over the wire.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Stands before a server, hands everything on, and counts it.
pub struct Relay {
    pub port: u16,
    bytes: Arc<AtomicU64>,
}

impl Relay {
    /// Before the server at a port of this machine.
    pub fn to(server: u16) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, bytes) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
        let counted = bytes.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                for socket in [&client, &server] {
                    socket.set_nodelay(true).unwrap();
                }
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (from, to) in [(client, server), back] {
                    let counted = counted.clone();
                    std::thread::spawn(move || hand_on(from, to, &counted));
                }
            }
        });
        Relay { port, bytes }
    }

    /// What went through it, both ways.
    pub fn megabytes(&self) -> f64 {
        let bytes = u32::try_from(self.bytes.load(Ordering::Relaxed) / 100).unwrap();
        f64::from(bytes) / 1e4
    }
}

/// Until one of them has gone.
fn hand_on(mut from: TcpStream, mut to: TcpStream, counted: &AtomicU64) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        counted.fetch_add(n as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _gone = to.shutdown(Shutdown::Write);
}
