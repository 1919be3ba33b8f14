//! A replica by GTIDs, with parallel appliers and two domains, and one by file and offset, while servers fall.

use std::process::{Child, Stdio};
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};

use super::gauge::Gauge;
use super::gauge::truth::{Dice, Line, Pair, no_zero_is_false};
use super::mariadb::{ADMIN, MariaDb};
use super::{By, following, gauge};

impl Line for Conn {
    async fn connect(address: &str) -> Option<Conn> {
        let options = OptsBuilder::from_opts(Opts::from_url(address).unwrap()).prefer_socket(false);
        tokio::time::timeout(Duration::from_secs(2), Conn::new(options)).await.ok()?.ok()
    }

    async fn alive(&mut self) -> bool {
        self.ping().await.is_ok()
    }

    /// Each of the writers has a domain of its own, so that what they write is applied in any order.
    async fn commit(&mut self, writer: usize, first: i64, last: i64) -> bool {
        let sql = format!(
            "set gtid_domain_id = {}; insert into numbered select {writer}, seq, repeat('x', 100) from seq_{first}_to_{last}",
            writer + 11
        );
        self.query_drop(sql).await.is_ok()
    }

    async fn has(&mut self, writer: usize, number: i64) -> Option<bool> {
        let sql = format!("select exists (select 1 from numbered where w = {writer} and n = {number})");
        self.query_first(sql).await.ok()?
    }
}

/// Two servers, and who holds a table of the target's.
struct Two {
    source: MariaDb,
    target: MariaDb,
    held: Vec<Child>,
    /// The last row of the big transactions.
    big: u64,
}

impl Two {
    fn new(by: By, options: &[&str]) -> Two {
        let (source, target) = following(by, options);
        Two { source, target, held: Vec::new(), big: 0 }
    }
}

impl Pair for Two {
    type Line = Conn;

    fn gauge(&self) -> Gauge {
        let [source, target] = self.addresses();
        gauge([&source, &target])
    }

    fn addresses(&self) -> [String; 2] {
        [&self.source, &self.target].map(|server| server.url(ADMIN, "shop"))
    }

    fn disturb(&mut self, dice: &mut Dice) {
        let pause = dice.ms(200, 2_000);
        let Two { source, target, held, big } = self;
        match dice.below(10) {
            0 => {
                let all = "select concat('kill ', id, ';') from information_schema.processlist where command = 'Binlog Dump'";
                // It may have ended by itself.
                let _ended =
                    source.client().args(["-e", &source.run(all)]).stderr(Stdio::null()).status().unwrap();
            }
            threads @ 1..=3 => {
                let thread = ["", "sql_thread", "io_thread"][usize::try_from(threads).unwrap() - 1];
                target.run(&format!("stop slave {thread}"));
                std::thread::sleep(pause);
                target.run(&format!("start slave {thread}"));
            }
            4 => {
                target.freeze(true);
                std::thread::sleep(pause);
                target.freeze(false);
            }
            5 => {
                target.kill();
                std::thread::sleep(pause / 4);
                target.up();
                target.run("start slave");
            }
            6 => {
                source.kill();
                std::thread::sleep(pause / 4);
                source.up();
            }
            // Others may read it.
            7 => {
                let sql = format!("lock tables shop.numbered read; do sleep({})", pause.as_secs_f32());
                held.push(target.client().args(["-e", &sql]).stderr(Stdio::null()).spawn().unwrap());
            }
            8 => drop(source.run("flush binary logs")),
            _ => {
                let (first, last) = (*big + 1, *big + 30_000);
                source.run(&format!(
                    "use shop; insert into numbered select 9, seq, repeat('x', 100) from seq_{first}_to_{last}"
                ));
                *big = last;
            }
        }
    }

    fn mend(&mut self) {
        for mut child in self.held.drain(..) {
            // Its server may have fallen.
            let _ended = child.wait().unwrap();
        }
    }

    fn contents(&self) -> [String; 2] {
        let all = "select count(*), sum(n), sum(crc32(concat(w, ' ', n, pad))) from shop.numbered";
        [&self.source, &self.target].map(|server| server.run(all))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_zero_of_a_replica_by_gtids_is_false() {
    let two = Two::new(By::Gtid, &["--slave-parallel-threads=4"]);
    no_zero_is_false("by GTIDs", two).await;
}

/// What was applied last before a fall may be applied again after it: this way of following keeps its place in a file.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_zero_of_a_replica_by_file_and_offset_is_false() {
    let options = ["--slave-exec-mode=IDEMPOTENT", "--relay-log-recovery=1", "--gtid-strict-mode=0"];
    no_zero_is_false("by file and offset", Two::new(By::Place, &options)).await;
}
