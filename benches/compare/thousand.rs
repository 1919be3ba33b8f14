//! A million rows, of which a thousand differ: who names them, and how long it takes.

use crate::common::table::Table;
use crate::contest::{self, cutover};
use crate::findings::{against, of_ours, of_reladiff};
use crate::peers::RELADIFF;
use crate::postgres::{self, DATABASE, Pair, reladiff, side, url};
use crate::reference;

pub const ROWS: u32 = 1_000_000;
pub const DIFFER: u32 = 1_000;

pub fn run(turns: usize) {
    let peer = RELADIFF.find();
    let pair = Pair::of(ROWS, DIFFER);
    let ours = cutover(|port| url(port, DATABASE), &[], &[1]);
    let mut clients = vec![ours, postgres::floor(), reference::client(side)];
    clients.extend(peer.as_ref().map(reladiff));
    let all = contest::run("1M rows, 1,000 differ", &clients, pair.ends(), turns);
    let (ours, floor, plain) = (&all["cutover"], &all["floor"], &all["reference"]);
    let truth = reference::findings(&plain.said[0]);
    assert_eq!(truth.len(), DIFFER as usize, "the reference does not find what was made to differ");
    assert_eq!(of_ours(&ours.said[0]), truth, "not the rows that the reference finds");
    println!("rows: cutover names those of the row-by-row reference");
    let mut table = Table::new();
    match (&peer, all.get("reladiff")) {
        (Some(peer), Some(theirs)) => {
            println!("rows: {} {}", peer.shown, against(&of_reladiff(&theirs.said[0]), &truth));
            table.ratio("wall", "s", ours.wall, (&peer.shown, theirs.wall), Some(0.1));
            table.ratio("CPU of all", "s", ours.cpu(), (&peer.shown, theirs.cpu()), None);
        }
        _ => RELADIFF.missing(&mut table, "wall"),
    }
    table.ratio("wall", "s", ours.wall, ("row by row", plain.wall), None);
    table.ratio("CPU of all", "s", ours.cpu(), ("row by row", plain.cpu()), None);
    table.ratio("CPU of the servers", "s", ours.server, ("bare sum of hashes", floor.server), Some(1.3));
    table.bound("peak memory", "MB", ours.peak, 64.0);
}
