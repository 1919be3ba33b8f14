//! Five million rows, of which one differs: what is paid for being sure.

use crate::common::table::Table;
use crate::contest::{self, cutover};
use crate::findings::{against, of_ours, of_reladiff};
use crate::peers::RELADIFF;
use crate::postgres::{self, DATABASE, Pair, reladiff, url};

const ROWS: u32 = 5_000_000;

pub fn run(turns: usize) {
    let peer = RELADIFF.find();
    let pair = Pair::of(ROWS, 1);
    let ours = cutover(|port| url(port, DATABASE), &[], &[1]);
    let mut clients = vec![ours, postgres::floor()];
    clients.extend(peer.as_ref().map(reladiff));
    let all = contest::run("5M rows, 1 differs", &clients, pair.ends(), turns);
    let (ours, floor) = (&all["cutover"], &all["floor"]);
    let found = of_ours(&ours.said[0]);
    assert_eq!(found.len(), 1, "one row was made to differ");
    let mut table = Table::new();
    match (&peer, all.get("reladiff")) {
        (Some(peer), Some(theirs)) => {
            println!("rows: {} {}", peer.shown, against(&of_reladiff(&theirs.said[0]), &found));
            table.ratio("CPU of all", "s", ours.cpu(), (&peer.shown, theirs.cpu()), Some(0.28));
            table.ratio("wall", "s", ours.wall, (&peer.shown, theirs.wall), None);
        }
        _ => RELADIFF.missing(&mut table, "CPU of all"),
    }
    let bare = "bare sum of hashes";
    table.ratio("CPU of the servers", "s", ours.server, (bare, floor.server), Some(1.3));
    table.ratio("wall", "s", ours.wall, (bare, floor.wall), None);
    table.bound("peak memory", "MB", ours.peak, 64.0);
}
