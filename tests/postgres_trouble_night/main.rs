//! A night on which things go wrong, in front of a person: what the screen says then, and what the keys still do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "what a test relies on and does not find fails the test"
)]

mod freeze;
mod gate;
mod load;
#[path = "../pty/mod.rs"]
mod pty;
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../trouble/subscription.rs"]
mod subscription;
#[path = "../trouble/mod.rs"]
mod trouble;
#[path = "../watched/mod.rs"]
mod watched;

use std::path::{Path, PathBuf};
use std::time::Duration;

use pty::Terminal;

/// A plan of this night.
fn plan(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres_trouble_night").join(name)
}

/// A screen as one line, without frames: a sentence that goes over several lines is whole again.
fn flat(screen: &str) -> String {
    screen
        .split(|c: char| c.is_whitespace() || c == '│')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What stands in a gate's box, as one line.
fn boxed(screen: &str) -> String {
    flat(&screen.lines().filter_map(|line| line.split('┃').nth(1)).collect::<Vec<_>>().join(" "))
}

/// The address of the shop for the account that looks; its password stands where psql looks for it too.
fn address(port: u16, home: &Path) -> String {
    let passwords = home.join(".pgpass");
    std::fs::write(&passwords, "*:*:*:gauge:secret\n").unwrap();
    std::fs::set_permissions(&passwords, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    format!("host=127.0.0.1 port={port} dbname=shop user=gauge")
}

/// The detail of what is selected at a gate, and back to it.
fn detail(t: &mut Terminal, gate: &str) -> String {
    for _ in 0..20 {
        // A key that comes at once after a change of the screen was meant for what was there before, and is dropped.
        t.pump(Duration::from_millis(300));
        if t.screen().contains("How it is looked at") {
            break;
        }
        t.enter();
    }
    let detail = t.screen();
    t.esc();
    t.shows(gate);
    detail
}
