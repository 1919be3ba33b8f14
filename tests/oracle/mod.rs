//! What became of the shop's orders, read from the client's own log and with the `sqlite3` command: not with code
//! of ours.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use cutover::demo::{Dir, Side};

/// The judge of one world.
pub struct Oracle(PathBuf);

/// One try of the client to place an order.
struct Attempt {
    /// When it was answered, in milliseconds since 1970.
    at: u64,
    /// Straight at one side, past the front door.
    direct: bool,
    order: String,
    /// The side that answered, `-` where none did.
    side: String,
    /// The HTTP status; 201 says that the order stands.
    status: u16,
}

impl Oracle {
    /// The judge of the world in this folder.
    pub fn of(world: impl Into<PathBuf>) -> Oracle {
        Oracle(world.into())
    }

    fn database(&self, side: Side) -> PathBuf {
        Dir::new(&self.0).database(side)
    }

    fn attempts(&self) -> Vec<Attempt> {
        let log = std::fs::read_to_string(Dir::new(&self.0).client_log()).unwrap();
        log.lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .map(|words| Attempt {
                at: words[1].parse().unwrap(),
                direct: words[2] == "direct",
                order: words[3].to_owned(),
                side: words[4].to_owned(),
                status: words[5].parse().unwrap(),
            })
            .collect()
    }

    /// What `sqlite3` answers.
    pub fn sqlite(&self, side: Side, sql: &str) -> String {
        let out = Command::new("sqlite3")
            .args(["-cmd", ".timeout 10000"])
            .arg(self.database(side))
            .arg(sql)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    /// What `sqlite3` says to a direct write.
    pub fn direct_write(&self, side: Side) -> Result<(), String> {
        let out = Command::new("sqlite3")
            .args(["-cmd", ".timeout 10000"])
            .arg(self.database(side))
            .arg("insert into customers select max(id) + 1, 'stray', 'x', 'x' from customers")
            .output()
            .unwrap();
        if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
    }

    /// Every order for which the client was told 2xx stands exactly once on a side, whole. Gives their number.
    pub fn every_order_stands_once(&self, side: Side) -> usize {
        let tries = self.attempts();
        let accepted: Vec<&str> =
            tries.iter().filter(|a| a.status == 201).map(|a| a.order.as_str()).collect();
        assert!(accepted.len() > 100, "{} orders only", accepted.len());
        let stored: BTreeMap<String, u32> = self
            .sqlite(
                side,
                "select o.id, count(*) from orders o join payments p on p.order_id = o.id group by o.id",
            )
            .lines()
            .map(|line| line.split_once('|').unwrap())
            .map(|(id, times)| (id.to_owned(), times.parse().unwrap()))
            .collect();
        let missing: Vec<_> = accepted.iter().filter(|id| stored.get(**id) != Some(&1)).take(5).collect();
        assert!(missing.is_empty(), "not exactly once on the {side}: {missing:?}");
        let told: HashSet<_> = accepted.iter().collect();
        assert_eq!(told.len(), accepted.len(), "an order was told twice");
        accepted.len()
    }

    /// Which side took orders, in turns: by the client's log, in which every line has its time and side. The client
    /// tries both sides directly all the time; a moment at which both took orders would show as more turns.
    pub fn turns(&self) -> Vec<String> {
        let tries = self.attempts();
        for side in ["source", "target"] {
            let direct = tries.iter().filter(|a| a.direct && a.side == side).count();
            assert!(direct >= 10, "the {side} was tried {direct} times only");
        }
        let mut taken: Vec<_> = tries.into_iter().filter(|a| a.status == 201).collect();
        taken.sort_by(|a, b| (a.at, &a.side).cmp(&(b.at, &b.side)));
        let mut turns: Vec<String> = Vec::new();
        for Attempt { side, .. } in taken {
            if turns.last() != Some(&side) {
                turns.push(side);
            }
        }
        turns
    }

    /// Both sides hold the same rows, to the last byte of a dump.
    pub fn both_the_same(&self) {
        let (source, target) = (self.dump(Side::Source), self.dump(Side::Target));
        let differing = source.lines().zip(target.lines()).find(|(a, b)| a != b);
        assert!(source == target, "{} and {} bytes, {differing:?}", source.len(), target.len());
    }

    /// What `sqlite3` dumps of the tables that are moved.
    fn dump(&self, side: Side) -> String {
        ["customers", "products", "orders", "order_lines", "payments"].iter().fold(
            String::new(),
            |mut all, table| {
                writeln!(
                    all,
                    "{table}\n{}",
                    self.sqlite(side, &format!("select * from {table} order by 1, 2"))
                )
                .unwrap();
                all
            },
        )
    }
}
