//! Google's validation of rows by their hash, on the million rows of which a thousand differ.

use std::process::Command;

use crate::common::table::Table;
use crate::contest::{self, Client, cutover};
use crate::findings::{against, of_ours, of_validator};
use crate::peers::{Found, VALIDATOR};
use crate::postgres::{DATABASE, Pair, url};
use crate::thousand::{DIFFER, ROWS};

pub fn run(turns: usize) {
    let Some(peer) = VALIDATOR.find() else { return };
    let pair = Pair::of(ROWS, DIFFER);
    let clients = [cutover(|port| url(port, DATABASE), &[], &[1]), validator(&peer)];
    let all = contest::run("1M rows, 1,000 differ", &clients, pair.ends(), turns);
    let (ours, theirs) = (&all["cutover"], &all["validator"]);
    let found = of_ours(&ours.said[0]);
    println!("rows: {} {}", peer.shown, against(&of_validator(&theirs.said[0]), &found));
    let mut table = Table::new();
    table.ratio("wall", "s", ours.wall, (&peer.shown, theirs.wall), None);
    table.ratio("CPU of all", "s", ours.cpu(), (&peer.shown, theirs.cpu()), None);
    table.ratio("peak memory", "MB", ours.peak, (&peer.shown, theirs.peak), None);
}

/// It keeps the two addresses in files, which are written before it is measured.
fn validator(found: &Found) -> Client<'_> {
    let home = tempfile::tempdir().unwrap();
    Client {
        name: "validator",
        shown: found.shown.clone(),
        exits: &[0],
        commands: Box::new(move |ports| {
            for (name, port) in ["source", "target"].into_iter().zip(ports) {
                let added = Command::new(&found.path)
                    .env("PSO_DV_CONN_HOME", home.path())
                    .args(["connections", "add", "-c", name, "Postgres", "--host", "127.0.0.1"])
                    .args(["--port", &port.to_string(), "--user", "postgres", "--password", "none"])
                    .args(["--database", DATABASE])
                    .output()
                    .unwrap();
                assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
            }
            let mut command = Command::new(&found.path);
            command
                .env("PSO_DV_CONN_HOME", home.path())
                .args(["validate", "row", "-sc", "source", "-tc", "target", "-tbls", "public.items"])
                .args(["--primary-keys", "id", "--hash", "*", "--format", "json", "--filter-status", "fail"]);
            vec![command]
        }),
    }
}
