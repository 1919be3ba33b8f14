//! Whole nights with MariaDB: `sample-plans/mariadb.toml`, driven by keys in a real pty from its start page to its end or back,
//! while a client orders through `HAProxy`. The oracle is not ours: the client's log against the client `mariadb`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "what a test relies on and does not find fails the test"
)]

mod client;
#[path = "../servers/mariadb.rs"]
#[allow(dead_code, unreachable_pub, reason = "another test uses the rest")]
mod mariadb;
#[path = "../pty/mod.rs"]
mod pty;
#[path = "../servers/mod.rs"]
mod servers;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use client::{Log, Orders, Prober};
use mariadb::{APP, MariaDb};
use pty::Terminal;
use servers::haproxy::Door;
use servers::wait;
use tempfile::TempDir;

const SCHEMA: &str = "
    create database shop; use shop;
    create table customers (id bigint primary key, name text not null);
    create table orders (id uuid primary key, customer bigint not null, cents bigint not null,
      placed timestamp(6) not null default current_timestamp(6));
    create table tickets (id bigint auto_increment primary key, of_order bigint not null);
    insert into customers select seq, concat('customer ', seq) from seq_1_to_5000";

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans").join(name)
}

/// Two servers, a front door, and what has to be there before the night.
struct World {
    source: MariaDb,
    target: MariaDb,
    door: Door,
    home: TempDir,
}

impl World {
    fn new() -> World {
        let source = MariaDb::start(1, &["--gtid-domain-id=1"]);
        let target = MariaDb::start(2, &["--gtid-domain-id=2"]);
        for server in [&source, &target] {
            // The accounts are the sample's, with no right that it does not give.
            server.run("set sql_log_bin = 0; drop user cutover@'%', app@'%', repl@'%'");
            file(server, "mariadb/accounts.sql", &[]);
            server.run("set sql_log_bin = 0; create user bystander@'%' identified by 'secret'");
            server.run("set sql_log_bin = 0; grant select, insert on shop.* to bystander@'%'");
        }
        source.run(SCHEMA);
        let at = |server: &MariaDb| server.port.to_string();
        file(&source, "mariadb/source.sql", &[("db.cloud.example", "127.0.0.1"), ("3306", &at(&target))]);
        dump(&source, &target);
        file(&target, "mariadb/target.sql", &[("db.dc1.example", "127.0.0.1"), ("3306", &at(&source))]);
        let door = Door::start(source.port, target.port);
        let world = World { source, target, door, home: TempDir::new().unwrap() };
        let clients = std::fs::read_to_string(sample("mariadb/clients.cnf")).unwrap();
        let here = |server: &MariaDb| format!("127.0.0.1\nport = {}", server.port);
        let clients = clients
            .replace("PASSWORD", "secret")
            .replace("db.dc1.example", &here(&world.source))
            .replace("db.cloud.example", &here(&world.target))
            .replace("haproxy.example", "127.0.0.1")
            .replace("3306", &world.door.port.to_string());
        std::fs::write(world.clients(), clients).unwrap();
        std::fs::set_permissions(world.clients(), std::fs::Permissions::from_mode(0o600)).unwrap();
        world
    }

    fn clients(&self) -> PathBuf {
        self.home.path().join("clients.cnf")
    }

    /// The shop as an application reaches it.
    fn app(&self) -> String {
        format!("mysql://{APP}:secret@127.0.0.1:{}/shop", self.door.port)
    }

    fn terminal(&self) -> Terminal {
        let plan = sample("mariadb.toml");
        let sets = [
            format!("source=127.0.0.1:{}", self.source.port),
            format!("target=127.0.0.1:{}", self.target.port),
            format!("app=127.0.0.1:{}", self.door.port),
            format!("clients={}", self.clients().display()),
            format!("door={}", self.door.dir.path().display()),
        ];
        let mut args = vec!["run", plan.to_str().unwrap(), "--as", "lead"];
        for set in &sets {
            args.extend(["--set", set]);
        }
        let secrets = [("CUTOVER_PASSWORD", "secret"), ("APP_PASSWORD", "secret")];
        Terminal::start_with(self.home.path(), 120, 36, &args, &secrets)
    }

    /// Which directions run: forward, and back.
    fn directions(&self) -> (bool, bool) {
        (runs(&self.target), runs(&self.source))
    }
}

impl Drop for World {
    /// What replication says stands beside what a test says that fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (side, server) in [("source", &self.source), ("target", &self.target)] {
                let said =
                    server.client().arg("-E").args(["-e", "show slave status; show processlist"]).output();
                let said = said.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
                println!("{side}:\n{said}");
            }
        }
    }
}

fn runs(server: &MariaDb) -> bool {
    server.run("show global status like 'slave_running'").ends_with("ON")
}

/// Runs a file beside the sample plan as the administrator, with other texts in it.
fn file(server: &MariaDb, name: &str, texts: &[(&str, &str)]) {
    let mut sql = std::fs::read_to_string(sample(name)).unwrap().replace("PASSWORD", "secret");
    for (from, to) in texts {
        sql = sql.replace(from, to);
    }
    server.run(&sql);
}

/// Brings the source's rows to the target, as target.sql says.
fn dump(source: &MariaDb, target: &MariaDb) {
    let mut loading = target.client().stdin(Stdio::piped()).spawn().unwrap();
    let mut input = loading.stdin.take().unwrap();
    input.write_all(b"set sql_log_bin = 0;\n").unwrap();
    let dumped = Command::new("mariadb-dump")
        .args(["--no-defaults", "-u", "root", "-S"])
        .arg(source.socket())
        .args(["--single-transaction", "--gtid", "--master-data", "--triggers", "--routines", "--events"])
        .args(["--databases", "shop", "cutover"])
        .stdout(input)
        .status()
        .unwrap();
    assert!(dumped.success() && loading.wait().unwrap().success());
}

/// What users and bystanders did all night.
struct Night {
    orders: Orders,
    on_source: Prober,
    on_target: Prober,
}

impl Night {
    fn begin(world: &World) -> Night {
        Night {
            orders: Orders::begin(&world.app()),
            on_source: Prober::begin(&world.source.url("bystander", "shop")),
            on_target: Prober::begin(&world.target.url("bystander", "shop")),
        }
    }

    /// Lets users order for a while.
    fn goes_on(&self) {
        let now = self.orders.count();
        wait("users order", || (self.orders.count() > now + 50).then_some(()));
    }

    /// Ends it, and holds what was seen against what is there.
    fn ends(self, final_side: &MariaDb, turns: usize) -> Log {
        let log = self.orders.end();
        let (source, target) = (self.on_source.end(), self.on_target.end());
        let rows = final_side.run("select customer from shop.orders");
        let (missing, twice) = client::missing_and_twice(&log, &rows);
        assert_eq!((missing.as_slice(), twice), ([].as_slice(), 0), "orders missing, and twice");
        assert!(log.wrong.is_empty(), "{:?}", log.wrong);
        assert!(log.acknowledged.len() > 100, "{} orders were acknowledged", log.acknowledged.len());
        // No two spans of different sides touch: never did both take writes.
        let mut all: Vec<(Instant, Instant, &str)> = source
            .iter()
            .map(|&(from, to)| (from, to, "source"))
            .chain(target.iter().map(|&(from, to)| (from, to, "target")))
            .collect();
        all.sort();
        let mut seen = vec![all[0].2];
        for pair in all.windows(2) {
            if pair[0].2 != pair[1].2 {
                assert!(pair[0].1 < pair[1].0, "both sides took writes at the same time");
                seen.push(pair[1].2);
            }
        }
        assert_eq!(seen.len(), turns, "{seen:?}");
        println!(
            "{} orders acknowledged, none missing, none twice; the client was without writes for {:.1} s",
            log.acknowledged.len(),
            log.outage().as_secs_f64()
        );
        log
    }
}

/// From the start page to the gate that moves users.
fn until_the_switch(t: &mut Terminal) {
    t.shows("Type cloud to start");
    t.shows("is dc1");
    t.shows("is cloud");
    t.shows("takes the probe write");
    t.until_typed("cloud", "a paste starts nothing");
    t.shows("GO / NO-GO   Stop writes");
    t.answers_alarms();
    t.go();
    t.shows("GO / NO-GO   Send users to the cloud");
    t.answers_alarms();
}

/// Both sides hold the same rows, and the final one gives no number twice.
fn both_the_same(world: &World, last: &MariaDb) {
    for table in ["customers", "orders", "tickets"] {
        let sql = format!("select * from shop.{table} order by 1");
        let (source, target) = (world.source.run(&sql), world.target.run(&sql));
        assert!(source == target && !source.is_empty(), "{table} differs");
    }
    let next = last.run(
        "select auto_increment > (select max(id) from shop.tickets) from information_schema.tables
         where table_schema = 'shop' and table_name = 'tickets'",
    );
    assert_eq!(next, "1", "the next number is ahead");
}

/// Waits until what was written last is on both sides.
fn arrives(world: &World) {
    wait("replication has caught up", || {
        let count = |server: &MariaDb| server.run("select count(*) from shop.tickets");
        (count(&world.source) == count(&world.target)).then_some(())
    });
}

fn leaves(t: &mut Terminal, exit: u32) {
    t.pump(Duration::from_secs(1));
    println!("{}", t.screen());
    t.text("q");
    assert_eq!(t.exit(), exit);
}

#[test]
fn to_its_end() {
    let mut world = World::new();
    let night = Night::begin(&world);
    let mut t = world.terminal();
    until_the_switch(&mut t);
    t.go();
    t.shows("GO / NO-GO   Announce success");
    night.goes_on();
    t.answers_alarms();
    t.go();
    t.shows("Planned and actual");
    leaves(&mut t, 0);
    // A front door that starts anew leads where the plan has left it.
    world.door.restart();
    night.goes_on();
    night.ends(&world.target, 2);
    arrives(&world);
    both_the_same(&world, &world.target);
    assert_eq!(world.directions(), (false, true), "forward and back");
    let direct = client::write_once(&world.source.url(APP, "shop"), "insert into probe values (9)");
    assert!(direct.unwrap_err().contains("read-only"));
}

#[test]
fn and_back_after_the_switch() {
    let world = World::new();
    let night = Night::begin(&world);
    let mut t = world.terminal();
    until_the_switch(&mut t);
    t.go();
    t.shows("GO / NO-GO   Announce success");
    night.goes_on();
    t.turn_back();
    t.shows("Planned and actual");
    night.goes_on();
    leaves(&mut t, 1);
    night.ends(&world.source, 3);
    arrives(&world);
    both_the_same(&world, &world.source);
    assert_eq!(world.directions(), (true, false), "forward and back");
    let direct = client::write_once(&world.target.url(APP, "shop"), "insert into probe values (9)");
    assert!(direct.unwrap_err().contains("read-only"));
}

#[test]
fn and_back_before_the_switch() {
    let world = World::new();
    let night = Night::begin(&world);
    let mut t = world.terminal();
    until_the_switch(&mut t);
    assert_eq!(world.directions(), (false, true), "forward and back");
    t.turn_back();
    t.shows("Planned and actual");
    night.goes_on();
    leaves(&mut t, 1);
    night.ends(&world.source, 1);
    arrives(&world);
    both_the_same(&world, &world.source);
    assert_eq!(world.directions(), (true, false), "forward and back");
}
