//! A pass before the window, and then only what was written since: on two MariaDB servers, by their logs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

mod before;
#[path = "servers/mariadb.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod mariadb;
mod servers;

use before::{
    Before, again, told, what_a_look_has_not_seen_is_told_again, what_is_held_is_told_until_it_is_seen,
};
use cutover::compare::tables::{Sides, Verdict};
use mariadb::{ADMIN, MariaDb};
use servers::wait;

/// Tables of every kind of key.
const TABLES: &str = "create database shop; use shop;
    create table orders (id bigint unsigned primary key, note varchar(40), cents decimal(10,2));
    insert into orders select seq, concat('n', seq), seq from seq_1_to_20000;
    insert into orders values (18446744073709551000, 'far', 1);
    create table small (id tinyint unsigned primary key, v int);
    insert into small select seq, 1 from seq_1_to_255;
    create table named (a varchar(20) character set utf8mb4 collate utf8mb4_general_ci, b varbinary(8), d date, v text, primary key (a, b, d));
    insert into named select concat('it''s é ', seq), unhex('00ff'), '2026-01-01', 'v' from seq_1_to_3000;
    create table latin (a varchar(20) character set latin1 primary key, v int);
    insert into latin select concat('l', seq), 1 from seq_1_to_500;
    create table priced (p decimal(8,3) primary key, v int);
    insert into priced select seq / 8, 1 from seq_1_to_500;
    create table kinds (k enum('a', 'b', 'c') primary key, v int);
    insert into kinds values ('a', 1), ('b', 2);
    create table keyless (a int, b text);
    insert into keyless select seq, 'k' from seq_1_to_500;";
const ROWS: u64 = 20_001 + 255 + 3_000 + 500 + 500 + 2 + 500;

struct Pair {
    source: MariaDb,
    target: MariaDb,
    before: Before,
}

impl Pair {
    /// A source, and a target that follows it and logs what it has from there.
    fn new() -> Pair {
        let source = MariaDb::start(1, &["--gtid-domain-id=1"]);
        let target = MariaDb::start(2, &["--gtid-domain-id=2", "--log-slave-updates"]);
        source.run(TABLES);
        target.follow(&source);
        let sides = Sides {
            source: source.database("source", ADMIN, "shop"),
            target: target.database("target", ADMIN, "shop"),
            link: None,
        };
        Pair { source, target, before: Before::new(sides) }
    }

    /// Waits until everything has come through.
    fn carried(&self) {
        wait("everything has come through", || {
            let there = self.target.run("select @@gtid_slave_pos");
            (there == self.source.run("select @@gtid_binlog_pos")).then_some(())
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_written_on_either_side_after_the_pass_is_found_and_nothing_else_is_read() {
    let mut pair = Pair::new();
    pair.carried();
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!((outcome.verdict(), rows), (Verdict::Same, 2 * ROWS), "{outcome:?}");
    assert_eq!(outcome.without, None);
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!((outcome.verdict(), rows), (Verdict::Same, 0), "{outcome:?}");

    pair.source.run(
        "use shop; update orders set cents = cents + 1 where id <= 3000; delete from orders where id between 6000 and 6099;
         update orders set note = 'far too' where id = 18446744073709551000; update small set v = 2 where id >= 250;
         update named set a = 'neu ß' where a = 'it''s é 7'; update named set d = '2026-02-02' where a = 'it''s é 8';
         update latin set v = 2 where a = 'l9'; update priced set p = 99.999 where p = 1.125;
         begin; delete from orders; rollback;
         set session binlog_row_image = minimal; update orders set id = 70000 where id = 7000; update small set v = 3 where id = 1",
    );
    pair.carried();
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!((outcome.verdict(), rows), (Verdict::Same, 0), "{outcome:?}");
    assert_eq!(again(&outcome, "orders"), Some(3_000 + 100 + 1 + 2));
    assert_eq!((again(&outcome, "small"), again(&outcome, "named")), (Some(7), Some(4)));

    // A stray write of each kind of key, a lost delete, a lost insert.
    pair.target.run(
        "use shop; update orders set note = 'stray' where id in (12345, 18446744073709551000); delete from small where id = 251;
         update named set v = 'V' where a = 'it''s é 9'; insert into latin values ('stray', 1); update priced set v = 5 where p = 2.5",
    );
    pair.target.run("stop slave");
    pair.source
        .run("use shop; delete from orders where id = 777; insert into orders values (80000, 'lost', 1)");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 0);
    assert_eq!(
        told(&outcome),
        [
            "latin stray extra",
            "named it's é 9 | 00ff | 2026-01-01 changed v",
            "orders 12345 changed note",
            "orders 18446744073709551000 changed note",
            "orders 777 extra",
            "orders 80000 missing",
            "priced 2.500 changed v",
            "small 251 missing",
        ]
    );

    // What cannot be told row by row is read whole again, and only that.
    pair.target.run("use shop; insert into keyless values (1, 'k'); update kinds set v = 7 where k = 'b'");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 501 + 500 + 2 * 2, "keyless and kinds");
    let told = told(&outcome);
    assert!(told.contains(&"keyless 1 | k extra".to_owned()), "{told:?}");
    assert!(told.contains(&"kinds b changed v".to_owned()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_a_look_begins_is_told_to_the_next_one_too() {
    let server = MariaDb::start(1, &[]);
    server.run("create database shop; create table shop.orders (id int primary key)");
    let side = server.database("source", ADMIN, "shop");
    let write = || drop(server.run("insert into shop.orders values (1)"));
    what_a_look_has_not_seen_is_told_again(side.as_ref(), "orders", write).await;

    // A transaction that waits for a replica is in the log and in no snapshot.
    let set = |sql: &str| drop(server.run(&format!("set global {sql}")));
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let waiting = std::cell::OnceCell::new();
            let hold = || {
                set("rpl_semi_sync_master_wait_point = AFTER_SYNC, rpl_semi_sync_master_timeout = 600000");
                set("rpl_semi_sync_master_enabled = on");
                let insert = || drop(server.run("insert into shop.orders values (2)"));
                waiting.set(scope.spawn(insert)).unwrap();
                let waits = "select variable_value from information_schema.global_status
                             where variable_name = 'rpl_semi_sync_master_wait_sessions'";
                wait("it waits", || (server.run(waits) == "1").then_some(()));
            };
            let let_go = || {
                set("rpl_semi_sync_master_enabled = off");
                wait("it has ended", || waiting.get()?.is_finished().then_some(()));
            };
            what_is_held_is_told_until_it_is_seen(side.as_ref(), "orders", (1, 2), (hold, let_go));
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_a_definition_and_a_log_that_was_purged_void_what_they_may_have_changed() {
    let mut pair = Pair::new();
    pair.carried();
    pair.before.compare().await;
    // Another order of columns: what the log had before must not be read by it.
    pair.target.run("use shop; update small set v = 9 where id = 5; alter table small modify v int first");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 2 * ROWS);
    assert_eq!(told(&outcome), ["small 5 changed v"]);
    pair.target
        .run("set session binlog_format = statement; update shop.orders set note = 'stray' where id = 3");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 2 * ROWS);
    assert_eq!(told(&outcome), ["orders 3 changed note", "small 5 changed v"]);
    pair.target.run("update shop.orders set note = 'unseen' where id = 4; flush binary logs; reset master");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 2 * ROWS, "{outcome:?}");
    assert_eq!(told(&outcome), ["orders 3 changed note", "orders 4 changed note", "small 5 changed v"]);
}
