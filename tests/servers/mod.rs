//! Private servers for tests: on loopback, on free ports, in temporary folders, ended when a test is over.

#![allow(dead_code, reason = "each test program uses some of them")]

pub(crate) mod haproxy;
pub(crate) mod pgbouncer;
pub(crate) mod postgres;
pub(crate) mod session;
pub(crate) mod template;
pub(crate) mod way;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until there is an answer, and says what it waited for when there is none.
pub(crate) fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let (began, patience) = (Instant::now(), Duration::from_secs(60));
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < patience, "waited {patience:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A command as the account that a server runs as: servers refuse to run as root.
pub(crate) fn as_account(account: &str, program: impl AsRef<Path>) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program.as_ref());
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", account, "--regid", account, "--init-groups", "--"]).arg(program.as_ref());
    command
}

/// Gives a folder to the account that a server runs as.
pub(crate) fn give(folder: &Path, account: &str) {
    if rustix::process::getuid().is_root() {
        let given = Command::new("chown").arg("-R").arg(account).arg(folder).status().unwrap();
        assert!(given.success(), "{} could not be given to {account}", folder.display());
    }
}
