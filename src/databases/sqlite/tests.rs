//! The engine as a whole, on real files: what it answers, what it refuses, how long it takes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::databases::sqlite::convention::{FENCED, apply_batch, install, open_session};
use crate::databases::{Ends, Error, Fence, FenceSpec, Op, ProbeWrite, Seal, Value, connect, link};

const SECOND: Duration = Duration::from_secs(1);
const INSERT: &str = "insert into orders values ('probe', 1)";

struct Side {
    path: PathBuf,
    conn: Connection,
    db: Arc<dyn Database>,
}

impl Side {
    fn new(dir: &TempDir, name: &str) -> Side {
        let path = dir.path().join(name);
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(&format!(
            "create table orders (id text primary key not null, amount integer);
             create table environment (name text primary key not null);
             insert into environment values ('demo-{name}'); insert into orders values ('a', 1)"
        ))
        .unwrap();
        install(&conn, &["orders"]).unwrap();
        let db = Arc::new(Sqlite::new(&path, 5 * SECOND));
        Side { path, conn, db }
    }

    fn run(&self, sql: &str) {
        self.conn.execute_batch(sql).unwrap();
    }

    fn orders(&self) -> String {
        let sql = "select coalesce(group_concat(id || '=' || amount, ' ' order by id), '') from orders";
        self.conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn one() -> (TempDir, Side) {
    let dir = TempDir::new().unwrap();
    let side = Side::new(&dir, "source");
    (dir, side)
}

fn everybody() -> FenceSpec {
    FenceSpec::default()
}

#[tokio::test]
async fn it_says_who_it_is() {
    let (dir, source) = one();
    let target = Side::new(&dir, "target");
    let identity = source.db.identity(Some("select name from environment")).await.unwrap();
    assert_eq!(identity.row, Some(Value::text("demo-source")));
    assert!(!identity.same_system(&target.db.identity(None).await.unwrap()));

    let alias = dir.path().join("alias");
    std::os::unix::fs::symlink(&source.path, &alias).unwrap();
    let same = Sqlite::new(&alias, SECOND).identity(None).await.unwrap();
    assert!(identity.same_system(&same), "another path of the same file is the same system");

    source
        .run("vacuum into 'copy.db'".replace("copy.db", dir.path().join("copy").to_str().unwrap()).as_str());
    let copy = Sqlite::new(dir.path().join("copy"), SECOND).identity(None).await.unwrap();
    assert_eq!(copy.system, identity.system, "copies share the identifier");
    assert!(!identity.same_system(&copy), "and are two systems all the same");

    let two = source.db.identity(Some("select 1 union select 2")).await.unwrap_err();
    assert!(matches!(two, Error::Broken { .. }), "{two}");
}

#[tokio::test]
async fn what_is_not_there_is_not_reachable_and_is_not_made() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("gone.db");
    let db = Sqlite::new(&path, SECOND);
    for error in [
        db.reachable().await.unwrap_err(),
        db.position().await.unwrap_err(),
        db.probe_write(INSERT, "app", None).await.unwrap_err(),
        db.statement("create table t (a)").await.unwrap_err(),
        db.snapshot().await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotReachable { .. }), "{error}");
        assert!(error.to_string().contains("gone.db"), "{error}");
    }
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_broken_and_stays_as_it_was() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("letter.txt");
    let text = "Dear Sir or Madam, this is no database. ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let error = Sqlite::new(&path, SECOND).reachable().await.unwrap_err();
    assert!(matches!(&error, Error::Broken { why, .. } if why.contains("not an SQLite database")), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_renamed_file_is_unreachable_at_once_and_back_when_it_is_back() {
    let (dir, side) = one();
    side.db.reachable().await.unwrap();
    let away = dir.path().join("away");
    std::fs::rename(&side.path, &away).unwrap();
    assert!(matches!(side.db.reachable().await, Err(Error::NotReachable { .. })));
    std::fs::rename(&away, &side.path).unwrap();
    side.db.reachable().await.unwrap();
}

#[tokio::test]
async fn a_database_without_the_convention_says_so() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("plain.db");
    Connection::open(&path).unwrap().execute_batch("create table t (a primary key)").unwrap();
    let db = Sqlite::new(&path, SECOND);
    db.reachable().await.unwrap();
    assert_eq!(db.tables().await.unwrap().len(), 1);
    let error = db.fence(&everybody()).await.unwrap_err();
    let mend = format!("`cutover convention {}` installs one", path.display());
    assert!(error.to_string().contains(&mend), "{error}");
}

#[tokio::test]
async fn a_locked_database_times_out_in_the_time_it_was_given() {
    let (_dir, side) = one();
    side.run("begin immediate");
    let db = Sqlite::new(&side.path, Duration::from_millis(200));
    db.count("orders").await.expect("readers do not wait for the writer");
    let begun = Instant::now();
    let error = db.write_marker("m").await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
    side.run("rollback");
    db.write_marker("m").await.unwrap();
}

#[tokio::test]
async fn asking_does_not_drop_the_locks_that_this_process_has() {
    let (_dir, side) = one();
    // In this mode the lock is on the file itself, as an advisory lock of the process.
    side.run("pragma journal_mode = delete; begin immediate; update orders set amount = 5");
    side.db.count("orders").await.unwrap();
    let other = std::process::Command::new("sqlite3")
        .arg(&side.path)
        .arg("update orders set amount = 6")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(said.contains("locked"), "another process got past the lock: {said}");
    side.run("commit");
    assert_eq!(side.orders(), "a=5");
}

#[tokio::test]
async fn an_endless_query_is_interrupted() {
    let (_dir, side) = one();
    let db = Sqlite::new(&side.path, Duration::from_millis(100));
    let begun = Instant::now();
    let endless = "with recursive c(n) as (select 1 union all select n + 1 from c) select max(n) from c";
    let error = db.query(endless).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
}

#[test]
fn dropping_a_question_stops_its_work() {
    let (_dir, side) = one();
    let db = Sqlite::new(&side.path, 3_600 * SECOND);
    let endless = "with recursive c(n) as (select 1 union all select n + 1 from c) select max(n) from c";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_millis(50), db.query(endless)).await.unwrap_err();
    });
    let begun = Instant::now();
    // Waits for the blocking threads: for an hour, if the query went on.
    runtime.shutdown_timeout(60 * SECOND);
    assert!(begun.elapsed() < 30 * SECOND, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_query_can_change_nothing() {
    let (_dir, side) = one();
    let file = side.path.with_extension("other");
    for sql in [
        "insert into orders values ('b', 2)",
        "delete from orders returning id",
        "with x as (select 1) insert into orders select 'b', 2 from x",
        "create table t (a)",
        "pragma query_only = 0",
        "pragma user_version = 7",
        "pragma wal_checkpoint",
        "begin immediate",
        "vacuum",
        &format!("attach '{}' as other", file.display()),
        "select 1; delete from orders",
    ] {
        let error = side.db.query(sql).await.expect_err(sql);
        assert!(matches!(error, Error::Refused { .. } | Error::Broken { .. }), "{sql}: {error}");
    }
    assert_eq!(side.orders(), "a=1");
    assert!(!file.exists());
    for (sql, answer) in [
        ("select amount from orders", Value::Integer(1)),
        ("pragma integrity_check", Value::text("ok")),
        ("select count(*) from pragma_table_info('orders')", Value::Integer(2)),
        ("pragma user_version", Value::Integer(0)),
        ("select x'00'", Value::Blob(vec![0])),
    ] {
        assert_eq!(side.db.query(sql).await.unwrap().single(), Some(&answer), "{sql}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_says_so() {
    let (_dir, side) = one();
    let sql = "with recursive c(n) as (select 1 union all select n + 1 from c limit 1001) select n from c";
    let rows = side.db.query(sql).await.unwrap();
    assert!(rows.more && rows.rows.len() == Rows::MOST && rows.columns == ["n"]);
    assert_eq!(rows.single(), None);
}

#[tokio::test]
async fn statements_are_done_whole_or_not_at_all() {
    let (_dir, side) = one();
    let done = side.db.statement("insert into orders values ('b', 2); update orders set amount = 9").await;
    assert!(done.unwrap().rows >= 3, "rows of triggers count too");
    assert_eq!(side.orders(), "a=9 b=9");
    for sql in [
        "delete from orders; insert into nowhere values (1)",
        "delete from orders; commit; insert into nowhere values (1)",
        "delete from orders; rollback",
        "delete from orders; pragma query_only = 1",
        "delete from orders; savepoint s",
    ] {
        side.db.statement(sql).await.expect_err(sql);
        assert_eq!(side.orders(), "a=9 b=9", "{sql}");
    }
    side.db.fence(&everybody()).await.unwrap();
    let refused = side.db.statement("delete from orders").await.unwrap_err();
    assert_eq!(refused.code(), Some("SQLITE_READONLY"));
    assert_eq!(side.orders(), "a=9 b=9");
}

#[tokio::test]
async fn the_probe_succeeds_before_the_fence_fails_behind_it_and_leaves_nothing() {
    let (_dir, side) = one();
    let refused_by_fence = |probe: &ProbeWrite| matches!(probe, ProbeWrite::Refused { by_fence: true, code, .. } if code == "SQLITE_READONLY");
    assert_eq!(side.db.probe_write(INSERT, "app", None).await.unwrap(), ProbeWrite::Succeeded);
    side.db.fence(&everybody()).await.unwrap();
    assert!(refused_by_fence(&side.db.probe_write(INSERT, "app", None).await.unwrap()));
    assert!(matches!(side.db.seal_if_quiet(&everybody()).await.unwrap(), Seal::Sealed(_)));
    assert!(refused_by_fence(&side.db.probe_write(INSERT, "app", None).await.unwrap()));
    side.db.lift().await.unwrap();
    assert_eq!(side.db.probe_write(INSERT, "app", None).await.unwrap(), ProbeWrite::Succeeded);
    assert_eq!(side.orders(), "a=1");
    let left = "select (select count(*) from cutover_session) + (select count(*) from cutover_change)";
    assert_eq!(side.conn.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[tokio::test]
async fn a_probe_refused_for_another_reason_does_not_prove_a_fence() {
    let (_dir, side) = one();
    let duplicate = side.db.probe_write("insert into orders values ('a', 1)", "app", None).await.unwrap();
    assert!(
        matches!(&duplicate, ProbeWrite::Refused { by_fence: false, code, .. }
        if code == "SQLITE_CONSTRAINT_PRIMARYKEY"),
        "{duplicate:?}"
    );
    let typo = side.db.probe_write("insert into ordres values ('b', 1)", "app", None).await.unwrap();
    assert!(matches!(typo, ProbeWrite::Refused { by_fence: false, .. }), "{typo:?}");
    for sql in ["select 1", "insert into orders values ('b', 1); commit", "commit", "pragma query_only = 0"] {
        let error = side.db.probe_write(sql, "app", None).await.expect_err(sql);
        assert!(matches!(error, Error::Broken { .. }), "{sql}: {error}");
    }
    assert_eq!(side.orders(), "a=1");
}

#[tokio::test]
async fn a_fence_is_sealed_only_when_the_last_older_session_is_gone() {
    let (_dir, side) = one();
    let mut job = open_session(&side.path, "price-job", "nightly", "pricing").unwrap();
    let refused = side.db.seal_if_quiet(&everybody()).await.unwrap_err();
    assert_eq!(refused.code(), Some("OPEN"));

    let fenced = side.db.fence(&everybody()).await.unwrap();
    assert_eq!((fenced.fence, fenced.at.clone()), (Fence::Fenced, Some(Position("c:0".to_owned()))));
    let newer = open_session(&side.path, "late", "orders", "app").unwrap();
    job.write("reprice", |tx| tx.execute("update orders set amount = 7", [])).unwrap();

    let census = side.db.census(&everybody()).await.unwrap();
    let seen: Vec<_> = census.sessions.iter().map(|s| (s.name.as_str(), s.older, s.ending)).collect();
    assert_eq!(seen, [("price-job", true, false), ("late", false, false)]);
    let writer = census.writers().next().unwrap().clone();
    assert_eq!((writer.last_statement.as_deref(), writer.writes), (Some("reprice"), 1));
    assert!(writer.last_write >= fenced.since);
    let behind = side.db.writes_since(fenced.at.as_ref().unwrap()).await.unwrap();
    assert_eq!((behind.total, behind.tables.clone()), (1, vec![("orders".to_owned(), 1)]));

    let Seal::NotYet(left) = side.db.seal_if_quiet(&everybody()).await.unwrap() else {
        panic!("sealed over a session that writes");
    };
    assert_eq!(left.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["price-job"]);

    assert!(side.db.end_session(&writer.id).await.unwrap());
    assert!(side.db.census(&everybody()).await.unwrap().sessions[0].ending);
    assert!(
        matches!(side.db.seal_if_quiet(&everybody()).await.unwrap(), Seal::NotYet(_)),
        "asked is not gone"
    );
    assert!(job.end_requested().unwrap());
    job.close().unwrap();
    let Seal::Sealed(state) = side.db.seal_if_quiet(&everybody()).await.unwrap() else {
        panic!("nobody is left");
    };
    assert_eq!(
        (state.since, state.at),
        (fenced.since, fenced.at.clone()),
        "the seal keeps the fence's moment"
    );
    assert_eq!(side.db.fence_state().await.unwrap().fence, Fence::Sealed);
    let direct = side.conn.execute("delete from orders", []).unwrap_err();
    assert!(direct.to_string().contains(FENCED), "{direct}");

    assert!(!side.db.end_session(&writer.id).await.unwrap(), "it is not there any more");
    assert!(!side.db.end_session(&SessionId("pid 7".to_owned())).await.unwrap());
    let open = side.db.lift().await.unwrap();
    assert_eq!((open.fence, open.at), (Fence::Open, None));
    side.run("update orders set amount = 8");
    assert!(newer.read_only(), "what came up read-only stays so");
}

#[tokio::test]
async fn a_spared_session_is_no_writer_and_keeps_the_seal_off() {
    let (_dir, side) = one();
    let _monitor = open_session(&side.path, "monitor", "m", "ops").unwrap();
    let spec = FenceSpec { spare: vec!["monitor".to_owned()] };
    side.db.fence(&spec).await.unwrap();
    let census = side.db.census(&spec).await.unwrap();
    assert_eq!(census.writers().count(), 0);
    assert!(census.sessions[0].older && census.sessions[0].spared);
    assert!(matches!(side.db.seal_if_quiet(&spec).await.unwrap(), Seal::NotYet(left) if left[0].spared));
}

#[tokio::test]
async fn fencing_again_keeps_the_first_moment() {
    let (_dir, side) = one();
    let first = side.db.fence(&everybody()).await.unwrap();
    side.run("update orders set amount = 2");
    assert_eq!(side.db.fence(&everybody()).await.unwrap(), first);
}

#[tokio::test]
async fn written_rows_are_named_and_replication_and_markers_are_not_among_them() {
    let (dir, mut source) = one();
    let mut target = Side::new(&dir, "target");
    let link = link("sqlite", Ends::new(Arc::clone(&source.db), Arc::clone(&target.db))).unwrap();
    let start = target.db.position().await.unwrap();

    source.run("insert into orders values ('b', 2); update orders set amount = 3");
    let sent = source.db.write_marker("m1").await.unwrap();
    let wanted = source.db.position().await.unwrap();
    let lag = link.lag().await.unwrap();
    assert_eq!((lag.behind, lag.source, lag.target), (4, wanted.clone(), start.clone()));
    assert!(!link.reached(&wanted).await.unwrap());
    assert_eq!(target.db.find_marker("m1").await.unwrap(), None);

    target.db.fence(&everybody()).await.unwrap();
    target.db.seal_if_quiet(&everybody()).await.unwrap();
    apply_batch(&mut source.conn, &mut target.conn, 100).unwrap();
    assert!(link.reached(&wanted).await.unwrap(), "replication goes through the seal");
    assert_eq!(link.lag().await.unwrap().behind, 0);
    assert_eq!(target.db.find_marker("m1").await.unwrap(), Some(sent));
    target.db.write_marker("back").await.unwrap();
    assert_eq!(target.db.writes_since(&start).await.unwrap().total, 0);

    target.db.lift().await.unwrap();
    target.run("insert into orders values ('stray', 1); delete from orders where id = 'stray'");
    let stray = target.db.writes_since(&start).await.unwrap();
    let named: Vec<_> = stray.first.iter().map(|c| (c.table.as_str(), c.key.as_str(), c.op)).collect();
    assert_eq!(named, [("orders", r#"["stray"]"#, Op::Insert), ("orders", r#"["stray"]"#, Op::Delete)]);
    assert_eq!(stray.last_at, stray.first.last().map(|c| c.at));
    assert_eq!(target.db.writes_since(&stray.until).await.unwrap().total, 0);

    let error = target.db.writes_since(&Position("c:99".to_owned())).await.unwrap_err();
    assert!(error.to_string().contains("log ends at c:3"), "{error}");
    assert!(target.db.writes_since(&Position("0/16B3748".to_owned())).await.is_err());
    // The other way round they are no link: the target never had that many changes.
    let reverse =
        super::super::link("sqlite", Ends::new(Arc::clone(&target.db), Arc::clone(&source.db))).unwrap();
    assert_eq!(reverse.lag().await.unwrap().behind, 3);
    source.run("update cutover_state set applied = 50");
    assert!(matches!(reverse.lag().await.unwrap_err(), Error::Broken { .. }));
}

#[tokio::test]
async fn a_marker_that_is_written_again_moves_on() {
    let (_dir, side) = one();
    let first = side.db.write_marker("m").await.unwrap();
    side.db.fence(&everybody()).await.unwrap();
    let second = side.db.write_marker("m").await.unwrap();
    assert!(second >= first);
    assert_eq!(side.db.find_marker("m").await.unwrap(), Some(second));
}

#[tokio::test]
async fn a_change_of_the_schema_is_named_and_so_is_a_log_that_went_blind() {
    let (dir, source) = one();
    let target = Side::new(&dir, "target");
    let link = link("sqlite", Ends::new(Arc::clone(&source.db), Arc::clone(&target.db))).unwrap();
    assert_eq!(link.gaps(&[]).await.unwrap(), ["changes of table environment are not logged at the source"]);
    let baseline = source.db.schema().await.unwrap();
    source.run("alter table orders add column note text; create index by_amount on orders (amount)");
    source.run("drop trigger cutover_log_update_orders; create table extra (a primary key)");
    let now = source.db.schema().await.unwrap();
    let named: Vec<String> = baseline.changes_to(&now).iter().map(ToString::to_string).collect();
    assert_eq!(
        named,
        [
            "table orders was altered",
            "trigger cutover_log_update_orders was removed",
            "index by_amount was added",
            "table extra was added",
        ]
    );
    let gaps = link.gaps(&[]).await.unwrap().join("; ");
    assert!(gaps.contains("table orders are not logged"), "{gaps}");
    assert!(gaps.contains("table extra does not exist at the target"), "{gaps}");
}

#[tokio::test]
async fn tables_are_listed_with_their_keys() {
    let (_dir, side) = one();
    side.run(
        "create table a_int (id integer primary key, v);
         create table b_int_desc (id integer primary key desc, v);
         create table c_bigint (id bigint primary key, v);
         create table d_pair (y text, x int, v, w as (v || 'w'), primary key (x, y)) without rowid;
         create table e_int_without_rowid (id integer primary key) without rowid;
         create table \"f \"\"odd\" (v);
         create virtual table g_search using fts5(body);
         create view h_view as select 1",
    );
    let tables = side.db.tables().await.unwrap();
    let seen: Vec<_> = tables.iter().map(|t| (t.name.as_str(), t.key.join("+"), t.integer_key)).collect();
    assert_eq!(
        seen,
        [
            ("a_int", "id".to_owned(), true),
            ("b_int_desc", "id".to_owned(), false),
            ("c_bigint", "id".to_owned(), false),
            ("d_pair", "x+y".to_owned(), false),
            ("e_int_without_rowid", "id".to_owned(), false),
            ("environment", "name".to_owned(), false),
            ("f \"odd", String::new(), false),
            ("orders", "id".to_owned(), false),
        ]
    );
    assert_eq!(tables[3].columns.len(), 4, "a generated column has values too");
    assert_eq!(side.db.count("f \"odd").await.unwrap(), 0);
    assert!(side.db.count("nowhere").await.is_err());
}

#[test]
fn an_unknown_kind_is_told_which_there_are() {
    let settings =
        Settings { name: "x".to_owned(), address: "x".to_owned(), root: "/".into(), timeout: SECOND };
    let error = connect("oracle", &settings).unwrap_err();
    assert!(error.to_string().contains("use one of: sqlite"), "{error}");
    let db = connect("sqlite", &settings).unwrap();
    assert!(link("carrier pigeon", Ends::new(Arc::clone(&db), db)).is_err());
}
