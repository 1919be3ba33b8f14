//! The convention on real files: the log, sessions, fence and seal as the tables have them, replication.

use std::path::PathBuf;
use std::process::Command;

use proptest::strategy::ValueTree;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

const SCHEMA: &str = "
create table orders (id text primary key not null, amount integer, note text);
create table lines (order_id text, no integer, item text unique, primary key (order_id, no));
create table prices (product integer primary key, price real);
create table files (digest blob primary key not null, half real, twice generated always as (half * 4));
create table readings (at real primary key, value text) without rowid;
";
const TABLES: &[&str] = &["orders", "lines", "prices", "files", "readings"];

struct Side {
    path: PathBuf,
    conn: Connection,
}

impl Side {
    fn new(dir: &TempDir, name: &str) -> Side {
        let path = dir.path().join(name);
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(SCHEMA).unwrap();
        install(&conn, TABLES).unwrap();
        Side { path, conn }
    }

    fn run(&self, sql: &str) {
        self.conn.execute_batch(sql).unwrap();
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = self.conn.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn log(&self) -> Vec<String> {
        self.texts("select op || ' ' || tbl || ' ' || key from cutover_change order by seq")
    }

    /// The whole contents of the replicated tables, types and all.
    fn contents(&self) -> Vec<String> {
        [
            "select quote(id) || quote(amount) || quote(note) from orders order by 1",
            "select quote(order_id) || quote(no) || quote(item) from lines order by 1",
            "select quote(product) || quote(price) from prices order by 1",
            "select quote(digest) || quote(half) || quote(twice) from files order by 1",
            "select quote(at) || quote(value) from readings order by 1",
            "select quote(id) || quote(made_ms) from cutover_marker order by 1",
        ]
        .iter()
        .flat_map(|sql| self.texts(sql))
        .collect()
    }
}

fn pair() -> (TempDir, Side, Side) {
    let dir = TempDir::new().unwrap();
    let (source, target) = (Side::new(&dir, "source.db"), Side::new(&dir, "target.db"));
    (dir, source, target)
}

fn drain(from: &mut Side, to: &mut Side, limit: u32) -> u64 {
    let mut carried = 0;
    loop {
        let batch = apply_batch(&mut from.conn, &mut to.conn, limit).unwrap();
        if batch.changes == 0 {
            return carried;
        }
        carried += batch.changes;
    }
}

/// The fence as `super::super::fence` sets it, by hand: these tests are about what the tables do.
fn set_fence(side: &Side, fence: &str) {
    side.run(&format!(
        "update cutover_state set fence = '{fence}', epoch = epoch + ('{fence}' = 'fenced'),
         fence_seq = (select coalesce(max(seq), 0) from cutover_change)"
    ));
}

#[test]
fn every_change_is_logged_with_its_key() {
    let (_dir, source, _) = pair();
    source.run("insert into orders values ('a', 1, 'x'), ('it''s \"b\"', 2, null)");
    source.run("update orders set amount = 3 where id = 'a'");
    source.run("update orders set id = 'c' where id = 'a'");
    source.run("delete from orders where id = 'c'");
    source.run("insert into lines values ('o', 7, 'i')");
    source.run("insert into files (digest, half) values (x'00ff', 0.5)");
    source.run("insert into readings values (0.5, 'v')");
    assert_eq!(
        source.log(),
        [
            r#"insert orders ["a"]"#,
            r#"insert orders ["it's \"b\""]"#,
            r#"update orders ["a"]"#,
            r#"delete orders ["a"]"#,
            r#"insert orders ["c"]"#,
            r#"delete orders ["c"]"#,
            r#"insert lines ["o",7]"#,
            r#"insert files [{"hex":"00FF"}]"#,
            r#"insert readings [{"real":"0.5"}]"#,
        ]
    );
    let at: i64 = source.conn.query_row("select min(at_ms) from cutover_change", [], |r| r.get(0)).unwrap();
    assert!(at > 1_700_000_000_000, "{at} is not a time of today in milliseconds");
}

#[test]
fn a_table_without_a_key_is_refused_by_name_and_nothing_is_installed() {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch("create table keyless (a, b); create table fine (a primary key)").unwrap();
    let error = install(&conn, &["fine", "keyless"]).unwrap_err();
    assert!(error.to_string().contains("keyless has no primary key"), "{error}");
    assert!(install(&conn, &["absent"]).unwrap_err().to_string().contains("absent does not exist"));
    assert!(!installed(&conn).unwrap());
}

#[test]
fn installing_twice_keeps_what_is_there() {
    let (_dir, source, target) = pair();
    source.run("insert into orders values ('a', 1, 'x')");
    let identity = source.texts("select system from cutover_identity");
    install(&source.conn, TABLES).unwrap();
    assert_eq!(source.texts("select system from cutover_identity"), identity);
    assert_ne!(target.texts("select system from cutover_identity"), identity);
    source.run("insert into orders values ('b', 1, 'x')");
    assert_eq!(source.log().len(), 2, "one entry a change, not one an installation");
}

#[test]
fn a_batch_carries_rows_of_every_kind_of_key_and_is_not_logged_again() {
    let (_dir, mut source, mut target) = pair();
    source.run("insert into orders values ('a', 1, 'x'), ('', 0, ' '), ('b', -1, null)");
    source.run("insert into lines values ('o', -7, 'i'), (null, 1, 'j'), ('', null, 'k')");
    source.run("insert into prices values (-5, 0.1), (9223372036854775807, 1e300)");
    source.run("insert into files (digest, half) values (x'', 0.5), (x'00ff', null)");
    source.run("insert into readings values (0.1, 'v'), (1.0, 'w'), (1e999, 'infinite')");
    source.run("insert into cutover_marker values ('m', 5)");
    source.run("delete from orders where id = 'b'");
    let before = lag(&source.conn, &target.conn).unwrap();
    assert_eq!(drain(&mut source, &mut target, 4), before);
    assert_eq!(target.contents(), source.contents());
    assert_eq!(target.log(), Vec::<String>::new(), "what was applied must not travel back");
    assert_eq!(lag(&source.conn, &target.conn).unwrap(), 0);
    source.run("update lines set item = 'jj' where order_id is null");
    drain(&mut source, &mut target, 100);
    assert_eq!(target.contents(), source.contents());
}

#[test]
fn a_real_key_is_found_again_whatever_its_bits() {
    use proptest::prelude::*;
    let (_dir, mut source, mut target) = pair();
    // Infinities and every exponent; NaN is NULL to SQLite, which this table's key refuses.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let any_real = any::<u64>().prop_map(f64::from_bits).prop_filter("NaN", |f| !f.is_nan());
    let tx = source.conn.transaction().unwrap();
    for i in 0..20_000 {
        let key = any_real.new_tree(&mut runner).unwrap().current();
        tx.execute("insert or ignore into readings values (?1, ?2)", rusqlite::params![key, i]).unwrap();
    }
    tx.commit().unwrap();
    drain(&mut source, &mut target, 30_000);
    let count = "select count(*) || '' from readings";
    assert_eq!(target.texts(count), source.texts(count));
}

#[test]
fn two_rows_may_exchange_a_unique_value_across_any_batches() {
    for limit in 1..8 {
        let (_dir, mut source, mut target) = pair();
        source.run("insert into lines values ('o', 1, 'one'), ('o', 2, 'two')");
        drain(&mut source, &mut target, 10);
        source.run(
            "update lines set item = 'tmp' where no = 1; update lines set item = 'one' where no = 2;
             update lines set item = 'two' where no = 1",
        );
        drain(&mut source, &mut target, limit);
        assert_eq!(target.contents(), source.contents(), "batches of {limit}");
    }
}

#[test]
fn changes_travel_back_without_an_echo() {
    let (_dir, mut source, mut target) = pair();
    source.run("insert into orders values ('a', 1, 'x')");
    drain(&mut source, &mut target, 10);
    target.run("update orders set note = 'from the target'; insert into orders values ('b', 2, null)");
    assert_eq!(drain(&mut target, &mut source, 10), 2);
    assert_eq!(drain(&mut source, &mut target, 10), 0);
    assert_eq!(target.contents(), source.contents());
}

#[test]
fn a_target_that_claims_more_than_the_source_has_is_not_its_target() {
    let (_dir, source, target) = pair();
    target.run("update cutover_state set applied = 9");
    let error = lag(&source.conn, &target.conn).unwrap_err();
    assert!(error.to_string().contains("applied change 9"), "{error}");
}

#[test]
fn a_batch_that_fails_leaves_nothing_behind() {
    let (_dir, mut source, mut target) = pair();
    source.run("insert into orders values ('a', 1, 'x'); insert into prices values (1, 1.0)");
    target.run("drop table prices");
    assert!(apply_batch(&mut source.conn, &mut target.conn, 10).is_err());
    assert_eq!(target.texts("select id from orders"), Vec::<String>::new());
    assert_eq!(target.texts("select applying || ',' || applied from cutover_state"), ["0,0"]);
}

#[test]
fn a_session_from_before_the_fence_writes_on_and_a_new_one_does_not() {
    let (_dir, source, _) = pair();
    let mut old = open_session(&source.path, "price-job", "demo", "orders").unwrap();
    old.write("order", |tx| tx.execute("insert into orders values ('a', 1, 'x')", [])).unwrap();
    set_fence(&source, "fenced");
    let mut new = open_session(&source.path, "orders", "demo", "orders").unwrap();
    assert!(new.read_only() && !old.read_only());
    let refused = new.write("order", |tx| tx.execute("delete from orders", [])).unwrap_err();
    assert_eq!(refused.code(), Some("SQLITE_READONLY"));
    old.write("reprice", |tx| tx.execute("update orders set amount = 2", [])).unwrap();
    let recorded = "select writes || ' ' || last_statement || ' ' || (last_write_ms >= opened_ms)
                    || ' ' || epoch from cutover_session order by id";
    let nothing = "select (last_write_ms is null) || ' ' || writes || ' ' || epoch from cutover_session
                   where id = 2";
    assert_eq!(source.texts(&format!("{recorded} limit 1")), ["2 reprice 1 0"]);
    assert_eq!(source.texts(nothing), ["1 0 1"]);
    new.close().unwrap();
    assert_eq!(source.texts("select name from cutover_session where ended_ms is null"), ["price-job"]);
}

#[test]
fn a_failed_write_leaves_no_trace_of_itself() {
    let (_dir, source, _) = pair();
    let mut session = open_session(&source.path, "a", "b", "c").unwrap();
    session
        .write("twice the same", |tx| {
            tx.execute("insert into orders values ('a', 1, 'x')", [])?;
            tx.execute("insert into orders values ('a', 1, 'x')", [])
        })
        .unwrap_err();
    assert_eq!(source.texts("select id from orders"), Vec::<String>::new());
    assert_eq!(source.texts("select writes || '' from cutover_session"), ["0"]);
    assert_eq!(source.log(), Vec::<String>::new());
}

#[test]
fn an_ended_session_knows_it_and_writes_no_more() {
    let (_dir, source, _) = pair();
    let mut session = open_session(&source.path, "price-job", "demo", "orders").unwrap();
    assert!(!session.end_requested().unwrap());
    source.run("update cutover_session set end_requested = 1");
    assert!(session.end_requested().unwrap());
    let refused =
        session.write("late", |tx| tx.execute("insert into prices values (1, 1.0)", [])).unwrap_err();
    assert_eq!(refused.code(), Some("ENDED"));
    session.close().unwrap();
    assert_eq!(forget_sessions(&source.conn).unwrap(), 0);
}

#[test]
fn sessions_of_a_killed_program_are_forgotten_only_when_told() {
    let (_dir, source, _) = pair();
    drop(open_session(&source.path, "a", "b", "c").unwrap());
    assert_eq!(source.texts("select name from cutover_session where ended_ms is null"), ["a"]);
    assert_eq!(forget_sessions(&source.conn).unwrap(), 1);
}

#[test]
fn a_sealed_side_refuses_the_sqlite3_command_and_takes_replication_and_markers() {
    let (_dir, mut source, mut target) = pair();
    source.run("insert into orders values ('a', 1, 'x')");
    drain(&mut source, &mut target, 10);
    set_fence(&target, "fenced");
    set_fence(&target, "sealed");
    for sql in [
        "insert into orders values ('direct', 1, 'x')",
        "insert or replace into orders values ('a', 2, 'x')",
        "update orders set amount = 9",
        "delete from orders",
    ] {
        let out = Command::new("sqlite3").arg(&target.path).arg(sql).output().unwrap();
        let error = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && error.contains(FENCED), "{sql}: {error}");
    }
    let marker = Command::new("sqlite3")
        .arg(&target.path)
        .arg("insert into cutover_marker values ('m', 1)")
        .output()
        .unwrap();
    assert!(marker.status.success(), "{}", String::from_utf8_lossy(&marker.stderr));
    source.run("update orders set note = 'replicated'; insert into orders values ('b', 2, null)");
    drain(&mut source, &mut target, 10);
    drain(&mut target, &mut source, 10);
    assert_eq!(target.contents(), source.contents());
    set_fence(&target, "open");
    let out = Command::new("sqlite3").arg(&target.path).arg("delete from orders").output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_direct_write_with_the_sqlite3_command_is_logged() {
    let (_dir, source, _) = pair();
    let out = Command::new("sqlite3")
        .arg(&source.path)
        .arg("insert into files (digest, half) values (x'ab', 1.5)")
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(source.log(), [r#"insert files [{"hex":"AB"}]"#]);
}

#[test]
fn a_missing_file_is_not_reachable_and_is_not_created() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("gone.db");
    let error = open_session(&path, "a", "b", "c").unwrap_err();
    assert!(matches!(error, Error::NotReachable { .. }), "{error}");
    assert!(!path.exists());
}
