//! Real SQLite databases of the convention: values, identities, gauges, fences, quiet sides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover::databases::sqlite::Sqlite;
use cutover::databases::sqlite::convention::{self, Session};
use cutover::databases::{Database as _, FenceSpec};
use cutover::engine::reading::{Compared, Facts, FenceFacts, FenceState, Lag, Measure, Unmeasured};
use cutover::plan::model::{
    Expect, FenceTarget, Identity, IdentityRow, Link, LinkKind, ProbeKind, ProbeWrite, TablesProbe,
};
use rusqlite::Connection;

use crate::common::{World, failed, findings, sqlite};

const SCHEMA: &str = "create table orders (id text primary key, qty integer);
    create table environment (name text primary key);";

struct Pair {
    world: World,
    source: PathBuf,
    target: PathBuf,
    _dir: tempfile::TempDir,
}

/// Two databases with one order, and a name each.
fn pair() -> Pair {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("source.db"), dir.path().join("target.db"));
    for (path, name) in [(&source, "dc1"), (&target, "cloud")] {
        let conn = Connection::open(path).unwrap();
        conn.execute_batch(SCHEMA).unwrap();
        conn.execute("insert into environment values (?1)", [name]).unwrap();
        conn.execute("insert into orders values ('o1', 1)", []).unwrap();
        convention::install(&conn, &["orders", "environment"]).unwrap();
    }
    let mut endpoints = vec![sqlite("source", &source), sqlite("target", &target)];
    endpoints[0].identity = Some(Identity {
        system: None,
        row: Some(IdentityRow { sql: "select name from environment".to_owned(), is: "dc1".to_owned() }),
    });
    Pair { world: World::with(endpoints, vec![link(false)]), source, target, _dir: dir }
}

fn write(path: &Path, sql: &str) {
    convention::open(path).unwrap().execute_batch(sql).unwrap();
}

fn replicate(from: &Path, to: &Path) {
    let mut target = convention::open(to).unwrap();
    let mut source = convention::open(from).unwrap();
    while convention::apply_batch(&mut source, &mut target, 100).unwrap().changes > 0 {}
}

fn query(sql: &str, expect: Expect) -> ProbeKind {
    ProbeKind::Sql { endpoint: "source".into(), query: sql.to_owned(), expect, same_on: None }
}

#[tokio::test]
async fn one_value_is_asked_for_and_nothing_else_is_taken_for_it() {
    let pair = pair();
    let few = || Expect { at_most: Some(5.0), ..Expect::default() };
    let seen = pair.world.seen(query("select count(*) from orders", few())).await;
    assert_eq!((seen.pass, seen.facts), (true, Facts::Number { value: 1.0 }));
    for (sql, said) in [
        ("select qty from orders where id = 'none'", "no row"),
        ("select sum(qty) from orders where id = 'none'", "NULL"),
        ("select id, qty from orders", "1 row of 2 columns"),
        ("select 'many' from orders", "no number"),
        ("select * from nowhere", "nowhere"),
        ("delete from orders", "refused"),
    ] {
        let why = pair.world.unmeasured(query(sql, few())).await;
        assert!(failed(&why).contains(said), "{sql}: {why:?}");
    }
    let seen = pair.world.seen(query("select id from orders", Expect::default())).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "answers, 1 row"));
}

#[tokio::test]
async fn rows_are_counted_whatever_stands_in_them() {
    let pair = pair();
    let none = || Expect { rows: Some(0), ..Expect::default() };
    let seen = pair.world.seen(query("select * from orders where qty < 0", none())).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "0 rows"));
    let looked = pair.world.look(query("select id, qty from orders", none())).await;
    assert_eq!(looked.result.unwrap().text, "1 row, expected 0");
    assert!(looked.raw.contains("o1 | 1"), "what was found is on the screen: {}", looked.raw);
    let many = "with recursive n(i) as (select 1 union all select i + 1 from n limit 1001) select i from n";
    let seen = pair.world.seen(query(many, Expect { rows: Some(1000), ..Expect::default() })).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "more than 1 000 rows, expected 1000"));
    let like = Expect { matches: Some("^o[0-9]$".to_owned()), ..Expect::default() };
    assert!(pair.world.seen(query("select id from orders", like)).await.pass);
}

#[tokio::test]
async fn a_query_gives_the_same_on_both_sides() {
    let pair = pair();
    let same = |sql: &str| ProbeKind::Sql {
        endpoint: "source".into(),
        query: sql.to_owned(),
        expect: Expect::default(),
        same_on: Some("target".into()),
    };
    let seen = pair.world.seen(same("select count(*), sum(qty) from orders")).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "the same on both, 1 row"));
    write(&pair.source, "update orders set qty = 7; insert into orders values ('o2', 1)");
    let looked = pair.world.look(same("select count(*), sum(qty) from orders")).await;
    assert_eq!(looked.result.unwrap().text, "source and target differ");
    assert!(looked.raw.contains("2 | 8") && looked.raw.contains("1 | 1"), "{}", looked.raw);
    let seen = pair.world.seen(same("select id, qty from orders order by id")).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "2 rows on source, 1 on target"));
    write(&pair.target, "insert into orders values ('o2', null)");
    let seen = pair.world.seen(same("select id, qty from orders order by id desc")).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "source and target differ at row 1 of 2"));
    let many = "with recursive n(i) as (select 1 union all select i + 1 from n limit 1001) select i from n";
    let why = pair.world.unmeasured(same(many)).await;
    assert!(failed(&why).contains("more than 1 000 rows"), "{why:?}");
    std::fs::rename(&pair.target, pair.target.with_extension("away")).unwrap();
    assert!(matches!(pair.world.unmeasured(same("select 1")).await, Unmeasured::NotReachable(_)));
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_a_timeout() {
    let pair = pair();
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    let mut probe = crate::common::probe(query(endless, Expect::default()));
    probe.timeout = Duration::from_millis(300);
    let looked = cutover::probes::measure(&pair.world.context, &probe, None).await;
    assert!(matches!(looked.result, Err(Unmeasured::TimedOut(_))), "{looked:?}");
}

#[tokio::test]
async fn a_database_that_is_away_is_not_reachable_whatever_is_asked() {
    let pair = pair();
    std::fs::rename(&pair.source, pair.source.with_extension("away")).unwrap();
    for kind in [
        query("select 1", Expect::default()),
        ProbeKind::Identity { endpoint: "source".into() },
        ProbeKind::Schema { endpoint: "source".into() },
        ProbeKind::Writes { endpoint: "source".into() },
        ProbeKind::Link(link(false)),
        ProbeKind::Fence(fence(None)),
        ProbeKind::Marker { from: "source".into(), to: "target".into() },
    ] {
        let why = pair.world.unmeasured(kind.clone()).await;
        assert!(matches!(why, Unmeasured::NotReachable(_)), "{kind:?}: {why:?}");
    }
}

#[tokio::test]
async fn a_side_says_who_it_is() {
    let pair = pair();
    let seen = pair.world.seen(ProbeKind::Identity { endpoint: "source".into() }).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "is dc1"));
    write(&pair.source, "update environment set name = 'staging'");
    let seen = pair.world.seen(ProbeKind::Identity { endpoint: "source".into() }).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "says it is staging, not dc1"));
}

#[tokio::test]
async fn one_system_under_two_names_is_found_out() {
    let pair = pair();
    let world = World::with(vec![sqlite("source", &pair.source), sqlite("target", &pair.source)], Vec::new());
    let seen = world.seen(ProbeKind::Identity { endpoint: "target".into() }).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "is the same system as source"));
}

#[tokio::test]
async fn a_changed_definition_is_named() {
    let pair = pair();
    let kind = || ProbeKind::Schema { endpoint: "source".into() };
    let (seen, baseline) = pair.world.baseline(kind()).await;
    assert!(seen.pass && seen.text.starts_with("noted, "), "{}", seen.text);
    write(&pair.source, "alter table orders add column note text; create table extra (x)");
    let seen = pair.world.against(kind(), &baseline).await.result.unwrap();
    let said: Vec<_> = findings(&seen).iter().map(|f| format!("{} {}", f.what, f.change)).collect();
    assert!(said[0].starts_with("table extra added, "), "{said:?}");
    assert!(said[1].starts_with("table orders altered ") && said[1].contains(" to "), "{said:?}");
    assert_eq!(said.len(), 2, "{said:?}");
}

#[tokio::test]
async fn a_row_that_replication_did_not_write_is_named() {
    let pair = pair();
    let kind = || ProbeKind::Writes { endpoint: "target".into() };
    let (seen, baseline) = pair.world.baseline(kind()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "noted, looked at from here on"));
    write(&pair.source, "insert into orders values ('o2', 2)");
    replicate(&pair.source, &pair.target);
    assert!(pair.world.against(kind(), &baseline).await.result.unwrap().pass);
    write(&pair.target, "insert into orders values ('stray', 0)");
    let seen = pair.world.against(kind(), &baseline).await.result.unwrap();
    assert_eq!((seen.pass, seen.text.as_str()), (false, "1 row written: orders stray insert"));
    assert!(findings(&seen)[0].when.is_some());
}

fn link(marker: bool) -> Link {
    Link {
        kind: LinkKind::Sqlite,
        name: None,
        from: "source".into(),
        to: "target".into(),
        marker,
        warn: 2,
        zero_for: Duration::from_secs(1),
        except: Vec::new(),
        reverse: false,
    }
}

fn lag(measure: &Measure) -> &Lag {
    match &measure.facts {
        Facts::Lag(lag) => lag,
        other => panic!("no lag: {other:?}"),
    }
}

#[tokio::test]
async fn lag_is_counted_in_changes_and_never_falls_to_zero_by_itself() {
    let pair = pair();
    let gauge = || ProbeKind::Link(link(false));
    let seen = pair.world.seen(gauge()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "0 rows behind"));
    write(&pair.source, "insert into orders values ('o2', 2), ('o3', 3), ('o4', 4)");
    let seen = pair.world.seen(gauge()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "3 rows behind, at most 2 rows asked for"));
    assert_eq!(lag(&seen).behind, 3);
    replicate(&pair.source, &pair.target);
    assert_eq!(lag(&pair.world.seen(gauge()).await).behind, 0);
}

#[tokio::test]
async fn a_marker_goes_along_and_is_not_counted_as_lag() {
    let pair = pair();
    let gauge = || ProbeKind::Link(link(true));
    let seen = pair.world.seen(gauge()).await;
    assert_eq!(lag(&seen).marker, None, "nothing has come through yet");
    // The marker is in the log and not applied: still nothing of anybody's is missing.
    let seen = pair.world.seen(gauge()).await;
    assert_eq!((lag(&seen).behind, lag(&seen).marker.clone()), (0, None));
    replicate(&pair.source, &pair.target);
    let seen = pair.world.seen(gauge()).await;
    let marker = lag(&seen).marker.clone().expect("the marker came through");
    assert_eq!((marker.id.as_str(), marker.took_ms.is_some()), ("1", true));
}

#[tokio::test]
async fn a_table_that_the_link_does_not_carry_makes_it_unwell() {
    let pair = pair();
    write(&pair.source, "create table late (id integer primary key)");
    let seen = pair.world.seen(ProbeKind::Link(link(false))).await;
    assert!(!seen.pass && seen.text.contains("late"), "{}", seen.text);
}

#[tokio::test]
async fn a_marker_comes_through_or_does_not() {
    let pair = pair();
    let kind = ProbeKind::Marker { from: "source".into(), to: "target".into() };
    let mut probe = crate::common::probe(kind.clone());
    probe.timeout = Duration::from_secs(3);
    let seen = cutover::probes::measure(&pair.world.context, &probe, None).await.result.unwrap();
    assert!(!seen.pass && seen.text.starts_with("has not come through in"), "{}", seen.text);

    let (source, target) = (pair.source.clone(), pair.target.clone());
    let going = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let go = std::sync::Arc::clone(&going);
    let replicator = std::thread::spawn(move || {
        while go.load(std::sync::atomic::Ordering::Relaxed) {
            replicate(&source, &target);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let seen = pair.world.seen(kind).await;
    going.store(false, std::sync::atomic::Ordering::Relaxed);
    replicator.join().unwrap();
    assert!(seen.pass && seen.text.starts_with("came through in"), "{}", seen.text);
}

fn tried(sql: &str) -> ProbeWrite {
    ProbeWrite { sql: sql.to_owned(), through: None }
}

fn fence(spare: Option<&str>) -> FenceTarget {
    FenceTarget {
        endpoint: "source".into(),
        spare: spare.map(|s| (s.to_owned(), "writes at night only".to_owned())).into_iter().collect(),
        probe_write: Some(tried("insert into orders values ('probe', 0)")),
    }
}

fn facts(measure: &Measure) -> &FenceFacts {
    match &measure.facts {
        Facts::Fence(facts) => facts,
        other => panic!("no fence: {other:?}"),
    }
}

fn session(path: &Path, application: &str) -> Session {
    convention::open_session(path, application, application, "app").unwrap()
}

#[tokio::test]
async fn a_side_that_takes_writes_is_not_fenced() {
    let pair = pair();
    let seen = pair.world.seen(ProbeKind::Fence(fence(None))).await;
    assert_eq!((seen.pass, seen.text.as_str()), (false, "takes writes"));
    assert_eq!(facts(&seen).state, FenceState::Open);
}

#[tokio::test]
async fn an_old_session_that_writes_on_breaks_the_fence_until_it_has_gone() {
    let pair = pair();
    let side = Sqlite::new(&pair.source, Duration::from_secs(5));
    let mut job = session(&pair.source, "price-job");
    side.fence(&FenceSpec::default()).await.unwrap();
    let look = || ProbeKind::Fence(fence(Some("price-job")));

    // Spared and quiet: nothing is wrong.
    let seen = pair.world.seen(look()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "fenced, probe refused, 1 session spared"));
    assert_eq!(facts(&seen).older[0].spared.as_deref(), Some("writes at night only"));

    // The promise is broken: the probe is refused as before, and rows move.
    job.write("prices", |tx| tx.execute("update orders set qty = 9", [])).unwrap();
    let seen = pair.world.seen(look()).await;
    assert!(!seen.pass);
    assert_eq!(
        seen.text,
        format!("price-job writes on, 1 row moved (session {}; fenced, probe refused)", job.id().0)
    );
    assert_eq!((facts(&seen).moved, facts(&seen).moved_named[0].as_str()), (1, "orders o1 update"));

    // Nobody spares it: it is named as still here.
    let seen = pair.world.seen(ProbeKind::Fence(fence(None))).await;
    assert!(
        !seen.pass && seen.text.contains("price-job") && seen.text.contains("still here"),
        "{}",
        seen.text
    );

    // It ends: the side is sealed, and a write past the client library is refused too.
    job.close().unwrap();
    let seen = pair.world.seen(look()).await;
    assert_eq!(
        (seen.pass, seen.text.as_str()),
        (true, "sealed, probe refused, 1 row moved before the last session ended")
    );
    assert_eq!(facts(&seen).state, FenceState::Sealed);
    let direct = convention::open(&pair.source).unwrap().execute("delete from orders", []);
    assert!(direct.unwrap_err().to_string().contains(convention::FENCED));
}

#[tokio::test]
async fn a_write_that_fails_for_another_reason_proves_nothing() {
    let pair = pair();
    let side = Sqlite::new(&pair.source, Duration::from_secs(5));
    side.fence(&FenceSpec::default()).await.unwrap();
    let target = FenceTarget { probe_write: Some(tried("insert into nowhere values (1)")), ..fence(None) };
    let looked = pair.world.look(ProbeKind::Fence(target)).await;
    let seen = looked.result.unwrap();
    assert!(!seen.pass && seen.text.contains("another reason"), "{}", seen.text);
    assert_eq!(facts(&seen).refused, None);
}

fn tables() -> ProbeKind {
    ProbeKind::Tables(TablesProbe {
        from: "source".into(),
        to: "target".into(),
        include: Vec::new(),
        except: vec!["environment".to_owned()],
        without: Vec::new(),
        rename: std::collections::BTreeMap::new(),
        cast: std::collections::BTreeMap::new(),
        before: false,
        connections: None,
    })
}

fn compared(measure: &Measure) -> &Compared {
    match &measure.facts {
        Facts::Compared(compared) => compared,
        other => panic!("nothing compared: {other:?}"),
    }
}

#[tokio::test]
async fn every_row_is_the_same_or_named() {
    let pair = pair();
    let seen = pair.world.seen(tables()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "1 of 1 table the same, 1 row"));
    assert!(!compared(&seen).in_flight);

    write(&pair.target, "update orders set qty = 7; insert into orders values ('stray', 1)");
    let looked = pair.world.look(tables()).await;
    let seen = looked.result.unwrap();
    assert_eq!((seen.pass, seen.text.as_str()), (false, "2 rows differ: orders o1 changed (qty)"));
    let named: Vec<_> = compared(&seen).named.iter().map(|d| (d.key.as_str(), d.kind.as_str())).collect();
    assert_eq!(named, [("o1", "changed"), ("stray", "extra")]);
    assert!(looked.raw.contains("    qty     1       7\n"), "{}", looked.raw);
    assert!(!format!("{seen:?}").contains('7'), "values stay out: {seen:?}");
}

#[tokio::test]
async fn a_difference_of_structure_is_named_before_any_row() {
    let pair = pair();
    write(&pair.target, "alter table orders add column note text");
    let seen = pair.world.seen(tables()).await;
    assert_eq!(
        (seen.pass, seen.text.as_str()),
        (false, "1 difference of structure: orders (a column) extra (note)")
    );
}

#[tokio::test]
async fn what_could_not_be_compared_is_no_measure() {
    let pair = pair();
    std::fs::rename(&pair.target, pair.target.with_extension("away")).unwrap();
    let why = pair.world.unmeasured(tables()).await;
    assert!(failed(&why).starts_with("not proved: "), "{why:?}");
}
