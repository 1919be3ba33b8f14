//! A port that accepts.

use std::io::ErrorKind;

use tokio::net::TcpStream;

use super::look::{Look, fail, pass};
use crate::engine::reading::{Measure, Unmeasured};

/// Opens a connection and closes it again. *Refused* is an answer; silence is none.
pub(super) async fn look(look: &mut Look<'_>, address: &str) -> Result<Measure, Unmeasured> {
    look.ask(format!("connect to {address}"));
    match TcpStream::connect(address).await {
        Ok(stream) => {
            if let Ok(peer) = stream.peer_addr() {
                look.keep(&format!("connected to {peer}"));
            }
            Ok(pass("accepts"))
        }
        Err(why) if why.kind() == ErrorKind::ConnectionRefused => Ok(fail("refuses connections")),
        Err(why) => Err(unreachable(&why)),
    }
}

/// What an error of the network means for a look.
pub(super) fn unreachable(why: &std::io::Error) -> Unmeasured {
    Unmeasured::NotReachable(match why.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof => {
            "the connection was cut".to_owned()
        }
        _ => why.to_string(),
    })
}
