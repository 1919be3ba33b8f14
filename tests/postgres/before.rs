//! A pass before the window, and then only what was written since: on two servers, by logical slots.

use std::sync::Arc;
use std::time::Duration;

use cutover::compare::tables::{Sides, Verdict};
use cutover::databases::Database;

use super::before_window::{
    Before, NAME, again, told, what_a_look_has_not_seen_is_told_again, what_is_held_is_told_until_it_is_seen,
};
use super::servers::postgres::Postgres;
use super::servers::wait;
use super::{at, shop};

/// Tables of every shape: a key of whole numbers, a partitioned one, one of texts with quotes in their names, one without a
/// key, one whose replica identity is another index.
const TABLES: &str = r#"
    create table orders (id bigint primary key, note text, cents numeric);
    insert into orders select g, 'n' || g, g from generate_series(1, 20000) g;
    create table parted (id bigint, day date, note text, primary key (id, day)) partition by range (day);
    create table parted_a partition of parted for values from ('2026-01-01') to ('2026-02-01');
    create table parted_b partition of parted for values from ('2026-02-01') to ('2026-03-01');
    insert into parted select g, '2026-01-01'::date + g % 50, 'p' from generate_series(1, 3000) g;
    create table "Odd: INSERT" ("key ""a""" text, at timestamptz, b bytea, v text, primary key ("key ""a""", at));
    insert into "Odd: INSERT" select 'it''s ' || g, '2026-01-01Z'::timestamptz + g * interval '1 s', '\x00ff', 'v' from generate_series(1, 3000) g;
    create table keyless (a int, b text);
    insert into keyless select g, 'k' from generate_series(1, 500) g;
    create table other (id int primary key, code text not null unique, v text);
    alter table other replica identity using index other_code_key;
    insert into other select g, 'c' || g, 'v' from generate_series(1, 500) g;
"#;

struct Pair {
    source: Postgres,
    target: Postgres,
    before: Before,
}

impl Pair {
    fn new() -> Pair {
        let (source, target) = (Postgres::start(), Postgres::start());
        for server in [&source, &target] {
            server.sql("postgres", "create database shop");
            server.sql("shop", TABLES);
            server.sql("shop", "analyze");
        }
        let sides = Sides { source: shop("source", &source), target: shop("target", &target), link: None };
        Pair { source, target, before: Before::new(sides) }
    }

    fn on_both(&self, sql: &str) {
        self.source.sql("shop", sql);
        self.target.sql("shop", sql);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_written_on_either_side_after_the_pass_is_found_and_nothing_else_is_read() {
    let mut pair = Pair::new();
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{outcome:?}");
    assert_eq!((outcome.without.clone(), rows), (None, 2 * 27_000), "{outcome:?}");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!((outcome.verdict(), rows), (Verdict::Same, 0), "{outcome:?}");

    // The same on both: rows that move between partitions, keys that change, many at once, and what is rolled back.
    pair.on_both(
        "update orders set cents = cents + 1 where id <= 5000; delete from orders where id between 6000 and 6099;
         insert into orders values (-5, 'negative', 1.00), (9000000000, 'far', null);
         update parted set day = day + 31 where day = '2026-01-05'; update parted set id = id + 100000 where id = 7;
         update \"Odd: INSERT\" set \"key \"\"a\"\"\" = 'new \\ ''' || v where at = '2026-01-01 00:00:09Z'",
    );
    pair.on_both("begin; delete from orders; rollback");
    pair.on_both("begin; update orders set note = 'two' where id = 8000; prepare transaction 'p'");
    pair.on_both("commit prepared 'p'");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!((outcome.verdict(), rows), (Verdict::Same, 0), "{outcome:?}");
    assert_eq!(again(&outcome, "public.orders"), Some(5_103));
    assert_eq!(again(&outcome, "public.keyless"), Some(0));

    // A stray write, a lost delete, a lost insert and a lost update, one in each kind of table.
    pair.target
        .sql("shop", "update orders set note = 'stray' where id = 12345; delete from parted where id = 11");
    pair.source.sql(
        "shop",
        "delete from orders where id = 777; insert into \"Odd: INSERT\" values ('lost', '2026-05-01Z', '', null);
         update parted set note = 'lost' where id = 12",
    );
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 0);
    assert_eq!(
        told(&outcome),
        [
            "public.Odd: INSERT lost | 2026-05-01 00:00:00+00 missing",
            "public.orders 12345 changed note",
            "public.orders 777 extra",
            "public.parted 11 | 2026-01-12 missing",
            "public.parted 12 | 2026-01-13 changed note",
        ]
    );
    assert_eq!(outcome.verdict(), Verdict::Different);

    // What cannot be told row by row, or not at all, is read whole again, and only that.
    pair.on_both("create unlogged table fast (id int primary key, v int); insert into fast select g, 1 from generate_series(1, 100) g");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 200, "{outcome:?}");
    pair.target.sql("shop", "update fast set v = 2 where id = 7");
    pair.target.sql("shop", "insert into keyless values (1, 'k'); update other set id = 1000 where id = 3");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 501 + 500 + 2 * 500 + 200, "keyless, other and fast");
    let told = told(&outcome);
    assert!(told.contains(&"public.fast 7 changed v".to_owned()), "{told:?}");
    assert!(told.contains(&"public.keyless 1 | k extra".to_owned()), "{told:?}");
    assert!(told.contains(&"public.other 3 missing".to_owned()), "{told:?}");
    assert!(told.contains(&"public.other 1000 extra".to_owned()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_emptied_made_anew_or_altered_is_read_again() {
    let mut pair = Pair::new();
    pair.before.compare().await;
    pair.target.sql(
        "shop",
        "truncate keyless; drop table other; create table other (id int primary key, code text not null unique, v text);
         insert into other select g, 'c' || g, 'v' from generate_series(1, 499) g; drop table parted_b",
    );
    let (outcome, _) = pair.before.compare().await;
    let differ = |name: &str| {
        let table = outcome.tables.iter().find(|t| t.name == name).unwrap();
        (table.missing, table.extra, table.changed)
    };
    assert_eq!(differ("public.keyless"), (500, 0, 0));
    assert_eq!(differ("public.other"), (1, 0, 0));
    assert_eq!(differ("public.parted").0, 1_140, "{outcome:?}");
    assert_eq!(differ("public.orders"), (0, 0, 0));
    pair.source.sql("shop", "alter table orders alter cents type text");
    let (outcome, _) = pair.before.compare().await;
    let orders = outcome.tables.iter().find(|t| t.name == "public.orders").unwrap();
    assert_eq!((orders.schema.len(), orders.again), (1, None), "{orders:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_an_alteration_writes_anew_are_found_though_no_log_tells_them() {
    let mut pair = Pair::new();
    pair.before.compare().await;
    pair.target.sql("shop", "alter table orders alter note type text using note || '!'");
    let (outcome, _) = pair.before.compare().await;
    let orders = outcome.tables.iter().find(|t| t.name == "public.orders").unwrap();
    assert!(
        orders.changed > 0 && orders.schema.is_empty() && orders.again.is_none(),
        "{:?}",
        orders.verdict()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_gone_voids_the_ledger_and_one_that_is_let_go_keeps_no_log() {
    let mut pair = Pair::new();
    pair.before.compare().await;
    let slots = "select count(*) from pg_replication_slots where slot_name = 'cutover_l_1_night_rows'";
    assert_eq!(pair.target.sql("shop", slots), "1");
    pair.target.sql("shop", "select pg_drop_replication_slot('cutover_l_1_night_rows'); update orders set note = 'unseen' where id = 9");
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 2 * 27_000, "everything");
    assert_eq!(told(&outcome), ["public.orders 9 changed note"]);
    for (server, side) in
        [(&pair.source, &pair.before.sides.source), (&pair.target, &pair.before.sides.target)]
    {
        side.let_trail_go(NAME).await.unwrap();
        side.let_trail_go(NAME).await.unwrap();
        assert_eq!(server.sql("shop", slots), "0");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_slot_can_be_had_the_reason_is_said_and_nothing_is_left_behind() {
    let mut pair = Pair::new();
    let plain = Postgres::with("wal_level = replica");
    plain.sql("postgres", "create database shop");
    plain.sql("shop", TABLES);
    pair.before.sides.target = shop("target", &plain);
    let (outcome, _) = pair.before.compare().await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{outcome:?}");
    assert!(outcome.without.as_deref().unwrap().contains("wal_level = replica"), "{outcome:?}");
    assert_eq!(pair.source.sql("shop", "select count(*) from pg_replication_slots"), "0");

    pair.target.sql("postgres", "create role reader login; grant pg_read_all_data to reader");
    let reader: Arc<dyn Database> = at("target", pair.target.url("shop", "reader"), Duration::from_secs(10));
    let why = reader.trail("x", None).await.unwrap_err().to_string();
    assert!(why.contains("REPLICATION"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_a_look_begins_is_told_to_the_next_one_too() {
    let server = Postgres::start();
    server.sql("postgres", "create database shop");
    server.sql("shop", "create table orders (id int primary key)");
    let side = shop("source", &server);
    let write = || drop(server.sql("shop", "insert into orders values (1)"));
    what_a_look_has_not_seen_is_told_again(side.as_ref(), "public.orders", write).await;
    side.let_trail_go(NAME).await.unwrap();

    // A transaction that waits for its standby is in the log and in no snapshot.
    let waits = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    let set = |names: &str| {
        server.sql("shop", &format!("alter system set synchronous_standby_names = '{names}'"));
        server.sql("shop", "select pg_reload_conf()");
    };
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let waiting = std::cell::OnceCell::new();
            let hold = || {
                set("nobody");
                let insert = || drop(server.sql("shop", "insert into orders values (2)"));
                waiting.set(scope.spawn(insert)).unwrap();
                wait("it waits", || (server.sql("shop", waits) == "1").then_some(()));
            };
            let let_go = || {
                set("");
                wait("it has ended", || waiting.get()?.is_finished().then_some(()));
            };
            what_is_held_is_told_until_it_is_seen(side.as_ref(), "public.orders", (1, 2), (hold, let_go));
        });
    });
}

/// While both sides are written to, nothing is called different that is only on its way, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_under_live_writes_ends_with_what_is_on_its_way_and_the_next_one_settles_it() {
    let mut pair = Pair::new();
    pair.source.sql(
        "shop",
        "create publication p for table orders, parted, \"Odd: INSERT\" with (publish_via_partition_root)",
    );
    let subscribe = format!(
        "create subscription s connection 'host=127.0.0.1 port={} user=postgres dbname=shop' publication p with (copy_data = false)",
        pair.source.port
    );
    pair.target.sql("shop", &subscribe);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = {
        let (stop, url) = (Arc::clone(&stop), pair.source.url("shop", "postgres"));
        std::thread::spawn(move || {
            let mut rounds = 0_u32;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                rounds += 1;
                let sql = format!(
                    "update orders set cents = cents + 1 where id = {0}; insert into orders values ({1}, 'w', 1);
                     delete from orders where id = {1} - 3; update orders set note = 'hot' || {1} where id = 1",
                    rounds % 15_000 + 1,
                    50_000 + rounds
                );
                let done =
                    std::process::Command::new("psql").args(["-q", "-d", &url, "-c", &sql]).status().unwrap();
                assert!(done.success());
            }
            rounds
        })
    };
    let (under, _) = pair.before.compare().await;
    assert_ne!(under.verdict(), Verdict::Different, "{:?}", told(&under));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (under, rows) = pair.before.compare().await;
    assert_ne!(under.verdict(), Verdict::Different, "{:?}", told(&under));
    assert_eq!(rows, 0);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let rounds = writer.join().unwrap();
    assert!(rounds > 3, "{rounds} rounds of writes");
    pair.target.sql("shop", "update orders set note = 'stray' where id = 19999");
    let (still, rows) = pair.before.compare().await;
    assert_eq!((told(&still), rows), (vec!["public.orders 19999 changed note".to_owned()], 0));
}

/// Types of a key and a value of each: made of others, with texts of their own, and with texts that settings change.
const KEYS: [(&str, &str); 21] = [
    ("yes", "true"),
    ("four", "'a'"),
    ("mood", "'ok'"),
    ("bool", "false"),
    ("char(4)", "'b'"),
    ("\"char\"", "'x'"),
    ("name", "'n'"),
    ("inet", "'10.0.0.1'"),
    ("cidr", "'10.0.0.0/8'"),
    ("macaddr", "'08:00:2b:01:02:03'"),
    ("bit(3)", "B'101'"),
    ("money", "1234.5::numeric"),
    ("regclass", "'orders'"),
    ("interval", "'1 day 2 hours'"),
    ("date", "'2026-02-01'"),
    ("timestamp", "'2026-02-01 03:04:05.6'"),
    ("float8", "0.1"),
    ("numeric", "1.50"),
    ("daterange", "'[2026-02-01,2026-02-03)'"),
    ("date[]", "'{2026-02-01}'"),
    ("jsonb", "'{\"a\": 1.0}'"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_found_by_what_the_log_says_of_its_key_whatever_its_type() {
    let mut pair = Pair::new();
    pair.on_both(
        "create domain yes as bool; create domain four as char(4); create type mood as enum ('sad', 'ok');
         alter database shop set datestyle = 'German'; alter database shop set intervalstyle = 'iso_8601'",
    );
    for (n, (of, value)) in KEYS.iter().enumerate() {
        pair.on_both(&format!(
            "create table key{n} (k {of} primary key, v int); insert into key{n} values (({value})::{of}, 1)"
        ));
    }
    let (outcome, _) = pair.before.compare().await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{outcome:?}");
    for n in 0..KEYS.len() {
        pair.target.sql("shop", &format!("update key{n} set v = 2"));
    }
    let (outcome, rows) = pair.before.compare().await;
    assert_eq!(rows, 0, "nothing is read whole");
    for (n, (of, _)) in KEYS.iter().enumerate() {
        let table = outcome.tables.iter().find(|table| table.name == format!("public.key{n}")).unwrap();
        assert_eq!((table.changed, table.again.map(|again| again.rows)), (1, Some(1)), "{of}");
    }
}
