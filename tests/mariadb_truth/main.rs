//! Whether the gauge of MariaDB tells the truth: while servers fall, and about what is wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "../asked/mod.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod asked;
mod faults;
#[path = "../gauge/mod.rs"]
mod gauge;
#[path = "../servers/mariadb.rs"]
#[allow(dead_code, unreachable_pub, reason = "another test uses the rest")]
mod mariadb;
mod odd;
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../trouble/mod.rs"]
mod trouble;
mod truth;

use cutover::plan::model::{DatabaseKind, LinkKind};
use gauge::Gauge;
use mariadb::MariaDb;
use servers::wait;

/// Where a source stands, asked.
const POSITION: &str = "select @@gtid_binlog_pos";

/// How a target follows its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Gtid,
    /// A file of the source's log and an offset.
    Place,
}

/// A gauge between these two addresses.
fn gauge(ends: [&str; 2]) -> Gauge {
    Gauge::new(DatabaseKind::Mysql, LinkKind::Mariadb, None, ends)
}

/// A source that loses nothing it has acknowledged, with a table of numbered rows by writer, and a target that follows.
fn following(by: By, options: &[&str]) -> (MariaDb, MariaDb) {
    let source =
        MariaDb::start(1, &["--gtid-domain-id=1", "--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"]);
    let options: Vec<&str> = ["--gtid-domain-id=2"].iter().chain(options).copied().collect();
    let target = MariaDb::start(2, &options);
    let place = match by {
        By::Gtid => "master_use_gtid = slave_pos".to_owned(),
        By::Place => {
            let status = source.run("show master status");
            let mut words = status.split_whitespace();
            let (file, at) = (words.next().unwrap(), words.next().unwrap());
            format!("master_use_gtid = no, master_log_file = '{file}', master_log_pos = {at}")
        }
    };
    source.run(
        "create database shop;
         create table shop.numbered (w int, n bigint, pad text, primary key (w, n)) engine = InnoDB",
    );
    target.follow_from(source.port, &place);
    wait("it follows", || {
        let tables = "select count(*) from information_schema.tables where table_schema = 'shop'";
        (target.run(tables) == "1").then_some(())
    });
    (source, target)
}

/// Has the target apply again what came after a position of the source, up to where the source is, whatever it has of it.
fn again_from(position: &str, source: &MariaDb, target: &MariaDb) {
    target.run(&format!(
        "stop slave; set global gtid_strict_mode = 0; set global slave_exec_mode = 'IDEMPOTENT';
         set global gtid_slave_pos = '{position}'; start slave; select master_gtid_wait('{}', 30);
         stop slave; set global gtid_strict_mode = 1; set global slave_exec_mode = 'STRICT'; start slave",
        source.run(POSITION)
    ));
}
