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

#[path = "../servers/mariadb.rs"]
#[allow(dead_code, unreachable_pub, reason = "another test uses the rest")]
mod mariadb;
#[path = "../pty/mod.rs"]
mod pty;
#[path = "../servers/mod.rs"]
mod servers;
#[path = "../users/mod.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod users;
#[path = "../worlds/mariadb.rs"]
mod world;

use std::time::Duration;

use mariadb::{APP, MariaDb};
use mysql_async::Conn;
use servers::wait;
use users::{Line as _, leaves, there_and_back, to_the_end, until_the_switch};
use world::{CUSTOMERS, World, numbers};

/// How far away the target may be: a question and its answer take twice as long.
const FAR: Duration = Duration::from_millis(40);

/// That the application is refused by a side that is shut.
fn is_shut(server: &MariaDb) {
    let said = users::runtime().block_on(async {
        let mut line = Conn::connect(&server.url(APP, "shop")).await.expect("it answers");
        line.run("insert into probe values (9)").await.expect_err("it refuses").why
    });
    assert!(said.contains("read-only"), "{said}");
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

#[test]
fn to_its_end() {
    let mut world = World::new(CUSTOMERS);
    let night = world.night();
    let mut t = world.terminal();
    until_the_switch(&mut t);
    to_the_end(&mut t, &night);
    // A front door that starts anew leads where the plan has left it.
    world.door.restart();
    night.goes_on();
    night.ends(|| numbers(&world.target), 2);
    arrives(&world);
    both_the_same(&world, &world.target);
    assert_eq!(world.directions(), (false, true), "forward and back");
    is_shut(&world.source);
}

#[test]
fn and_back_from_far_away() {
    back_after_the_switch(&World::apart(CUSTOMERS, FAR));
}

#[test]
fn and_back_after_the_switch() {
    back_after_the_switch(&World::new(CUSTOMERS));
}

fn back_after_the_switch(world: &World) {
    let night = world.night();
    let mut t = world.terminal();
    until_the_switch(&mut t);
    there_and_back(&mut t, &night);
    night.ends(|| numbers(&world.source), 3);
    arrives(world);
    both_the_same(world, &world.source);
    assert_eq!(world.directions(), (true, false), "forward and back");
    is_shut(&world.target);
}

#[test]
fn and_back_before_the_switch() {
    let world = World::new(CUSTOMERS);
    let night = world.night();
    let mut t = world.terminal();
    until_the_switch(&mut t);
    assert_eq!(world.directions(), (false, true), "forward and back");
    t.turn_back();
    t.shows("Planned and actual");
    night.goes_on();
    leaves(&mut t, 1);
    night.ends(|| numbers(&world.source), 1);
    arrives(&world);
    both_the_same(&world, &world.source);
    assert_eq!(world.directions(), (true, false), "forward and back");
}
