//! The MySQL engine on real MariaDB servers: links, the fence, what was written, comparing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "tests"
)]

#[path = "servers/mariadb.rs"]
#[allow(dead_code, reason = "another test uses the rest")]
mod mariadb;
mod servers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::databases::{
    Asked, Database, Ends, Error, Fence, FenceSpec, Lag, Link, Op, ProbeWrite, Seal, SessionId, Unit, Value,
    link,
};
use cutover::plan::model::LinkKind;
use mariadb::{ADMIN, APP, MariaDb};

const SHOP: &str = "create database shop; use shop;
  create table orders (id int primary key auto_increment, name varchar(40), amount decimal(10,2)) engine = InnoDB;
  insert into orders (name, amount) values ('ada', 1.50), ('bob', 2.25), ('cleo', 0)";
const INSERT: &str = "insert into orders (name) values ('probe')";

struct Pair {
    source: MariaDb,
    target: MariaDb,
    from: Arc<dyn Database>,
    to: Arc<dyn Database>,
    link: Arc<dyn Link>,
}

/// A source, and a target that follows it, each with a GTID domain of its own.
fn pair() -> Pair {
    let (source, target) =
        (MariaDb::start(1, &["--gtid-domain-id=1"]), MariaDb::start(2, &["--gtid-domain-id=2"]));
    source.run(SHOP);
    target.follow(&source);
    arrived(&target);
    let (from, to) = (source.database("source", ADMIN, "shop"), target.database("target", ADMIN, "shop"));
    let link = link("mariadb", Ends::new(Arc::clone(&from), Arc::clone(&to))).unwrap();
    Pair { source, target, from, to, link }
}

fn arrived(target: &MariaDb) {
    let began = Instant::now();
    while target.run("show databases like 'shop'").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "nothing arrives");
    }
}

async fn lag_until(link: &Arc<dyn Link>, wanted: impl Fn(&Lag) -> bool) -> Lag {
    let began = Instant::now();
    loop {
        let lag = link.lag().await.unwrap();
        if wanted(&lag) {
            return lag;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{lag:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn one() -> (MariaDb, Arc<dyn Database>) {
    let server = MariaDb::start(1, &[]);
    server.run(SHOP);
    let database = server.database("source", ADMIN, "shop");
    (server, database)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_counts_transactions_and_says_what_stopped_it() {
    let Pair { source, target, from, to, link } = pair();
    let lag = lag_until(&link, |lag| lag.behind == 0 && lag.stopped.is_none()).await;
    assert_eq!(lag.unit, Unit::Transactions);
    assert_eq!(to.count("orders").await.unwrap(), 3);
    assert_eq!(link.gaps(&[]).await.unwrap(), Vec::<String>::new());

    let one = from.identity(Some("select name from orders where id = 1")).await.unwrap();
    assert_eq!(one.row, Some(Value::text("ada")));
    assert!(!one.same_system(&to.identity(None).await.unwrap()));
    assert!(one.same_system(&source.database("again", ADMIN, "").identity(None).await.unwrap()));

    // A stopped thread, and what was written meanwhile.
    target.run("stop slave sql_thread");
    let before = from.position().await.unwrap();
    for i in 0..5 {
        source.run(&format!("insert into shop.orders (name) values ('more {i}')"));
    }
    let lag = link.lag().await.unwrap();
    assert_eq!(lag.behind, 5, "{lag:?}");
    assert!(lag.stopped.as_ref().is_some_and(|why| why.contains("SQL thread")), "{lag:?}");
    let end = from.position().await.unwrap();
    assert!(link.reached(&before).await.unwrap() && !link.reached(&end).await.unwrap());
    target.run("start slave sql_thread");
    lag_until(&link, |lag| lag.behind == 0 && lag.stopped.is_none()).await;
    assert!(link.reached(&end).await.unwrap());

    // A marker goes the same way.
    let sent = from.write_marker("m1").await.unwrap();
    lag_until(&link, |lag| lag.behind == 0).await;
    assert_eq!(to.find_marker("m1").await.unwrap(), Some(sent));
    assert!(from.write_marker("m1").await.unwrap() >= sent);
    assert_eq!(to.find_marker("m2").await.unwrap(), None);

    // One that the target lacks, since it came before replication did, is moved on and stops nothing.
    lag_until(&link, |lag| lag.behind == 0).await;
    target.run("set sql_log_bin = 0; delete from cutover.marker");
    std::thread::sleep(Duration::from_millis(5));
    let sent = from.write_marker("m1").await.unwrap();
    let lag = lag_until(&link, |lag| lag.behind == 0 || lag.stopped.is_some()).await;
    assert_eq!(lag.stopped, None);
    assert_eq!(to.find_marker("m1").await.unwrap(), Some(sent));

    // A conflict stops it, in its own words.
    target.run("set sql_log_bin = 0; insert into shop.orders (id, name) values (900, 'in the way')");
    source.run("insert into shop.orders (id, name) values (900, 'late')");
    let lag = lag_until(&link, |lag| lag.stopped.is_some()).await;
    assert_eq!(lag.behind, 1);
    assert!(lag.stopped.as_ref().is_some_and(|why| why.contains("1062")), "{lag:?}");

    let turned = cutover::databases::link("mariadb", Ends::new(to, from)).unwrap();
    assert!(turned.lag().await.unwrap().stopped.unwrap().contains("no replication"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_zero_is_ever_false() {
    let Pair { source, target: _target, from, to, link } = pair();
    lag_until(&link, |lag| lag.behind == 0 && lag.stopped.is_none()).await;
    let writer = source.session(ADMIN);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writing = std::thread::spawn({
        let (mut writer, stop) = (writer, Arc::clone(&stop));
        move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                writer.tell("insert into shop.orders (name) values ('busy')");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let (mut zeros, mut looks) = (0, 0);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(8) {
        // What was there before the look …
        let there = from.count("orders").await.unwrap();
        let lag = link.lag().await.unwrap();
        looks += 1;
        if lag.behind == 0 {
            zeros += 1;
            // … has arrived when it says so.
            let arrived = to.count("orders").await.unwrap();
            assert!(arrived >= there, "0 behind, yet {arrived} of {there} rows: {lag:?}");
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writing.join().unwrap();
    assert!(zeros > 0, "{looks} looks and no zero: nothing is proved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_travel_is_named() {
    let source = MariaDb::start(1, &["--gtid-domain-id=1"]);
    let target = MariaDb::start(2, &["--gtid-domain-id=2", "--replicate-ignore-table=shop.audit"]);
    source.run(SHOP);
    source.run("create table shop.audit (id int primary key); create table shop.gone (id int primary key)");
    target.follow(&source);
    arrived(&target);
    let (from, to) = (source.database("source", ADMIN, "shop"), target.database("target", ADMIN, "shop"));
    let link = link("mariadb", Ends::new(from, to)).unwrap();
    lag_until(&link, |lag| lag.behind == 0 && lag.stopped.is_none()).await;
    target.run("set sql_log_bin = 0; drop table shop.gone");
    source.run("set global binlog_format = MIXED");
    let gaps = link.gaps(&[]).await.unwrap().join("\n");
    assert!(gaps.contains("table audit does not travel: replicate_ignore_table"), "{gaps}");
    assert!(gaps.contains("table gone does not exist at the target"), "{gaps}");
    assert!(gaps.contains("binlog_format = MIXED"), "{gaps}");
    assert!(!gaps.contains("orders"), "{gaps}");
    let less = link.gaps(&["audit".to_owned(), "gone".to_owned()]).await.unwrap().join("\n");
    assert!(!less.contains("table "), "{less}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_shuts_out_and_names_who_may_pass() {
    let (server, db) = one();
    let app = server.database("source as the application", APP, "shop");
    let spec = FenceSpec::default();
    assert_eq!(db.fence_state().await.unwrap().fence, Fence::Open);
    assert!(matches!(db.seal_if_quiet(&spec).await, Err(Error::Refused { .. })), "it is open");
    assert_eq!(app.probe_write(INSERT, APP, None).await.unwrap(), ProbeWrite::Succeeded);
    assert_eq!(db.count("orders").await.unwrap(), 3, "rolled back");
    assert!(
        matches!(db.probe_write(INSERT, APP, None).await, Err(Error::Broken { .. })),
        "ours proves nothing"
    );
    let mut held = server.session(APP);
    held.tell("begin");
    held.tell("insert into shop.orders (name) values ('held')");
    let mut root = server.session(ADMIN);
    root.tell("select 1");
    let census = db.census(&spec).await.unwrap();
    assert!(
        census.sessions.iter().any(|s| s.account == APP) && census.writers().next().is_none(),
        "{census:?}"
    );

    let fenced = db.fence(&spec).await.unwrap();
    assert_eq!(fenced.fence, Fence::Fenced);
    assert!(fenced.since.is_some() && fenced.at.is_some());
    assert_eq!(db.fence(&spec).await.unwrap(), fenced, "it keeps its time and position");
    held.tell("commit");
    match app.probe_write(INSERT, APP, None).await.unwrap() {
        ProbeWrite::Refused { code, by_fence: true, .. } => assert_eq!(code, "1290"),
        other => panic!("{other:?}"),
    }
    let other = app.probe_write("insert into nothing values (1)", APP, None).await.unwrap();
    assert!(matches!(other, ProbeWrite::Refused { by_fence: false, .. }), "{other:?}");
    assert_eq!(db.count("orders").await.unwrap(), 3, "what was begun before cannot be committed");
    assert!(matches!(
        db.statement("insert into orders (name) values ('x')").await,
        Err(Error::Refused { .. })
    ));
    db.write_marker("behind").await.expect("markers go through");

    let Seal::NotYet(left) = db.seal_if_quiet(&spec).await.unwrap() else { panic!("somebody may pass") };
    assert_eq!(left.iter().map(|s| s.account.as_str()).collect::<Vec<_>>(), [ADMIN], "{left:?}");
    assert!(db.end_session(&left[0].id).await.unwrap());
    let began = Instant::now();
    let sealed = loop {
        match db.seal_if_quiet(&spec).await.unwrap() {
            Seal::Sealed(state) => break state,
            Seal::NotYet(left) => assert!(began.elapsed() < Duration::from_secs(10), "{left:?}"),
        }
    };
    assert_eq!((sealed.fence, sealed.at.clone()), (Fence::Sealed, fenced.at.clone()));
    assert_eq!(db.fence_state().await.unwrap(), sealed);
    assert!(!db.end_session(&left[0].id).await.unwrap(), "it is gone");
    assert!(!db.end_session(&SessionId("nobody".into())).await.unwrap());

    // Somebody who may pass comes later: the seal is not what it was, and what they write is named.
    let mut late = server.session(ADMIN);
    late.tell("insert into shop.orders (id, name) values (77, 'stray')");
    let began = Instant::now();
    while db.count("orders").await.unwrap() == 3 {
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(db.fence_state().await.unwrap().fence, Fence::Fenced);
    let writes = db.writes_since(&fenced.at.unwrap()).await.unwrap();
    assert_eq!(writes.tables, [("orders".to_owned(), 1)], "the marker is left out: {writes:?}");
    assert_eq!((writes.first[0].key.as_str(), writes.first[0].op), ("[77]", Op::Insert));

    let open = db.lift().await.unwrap();
    assert_eq!((open.fence, open.at), (Fence::Open, None));
    assert_eq!(app.probe_write(INSERT, APP, None).await.unwrap(), ProbeWrite::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_that_waits_for_a_lock_is_given_up_and_undone() {
    let (server, db) = one();
    let mut held = server.session(ADMIN);
    held.tell("use shop");
    held.tell("lock tables orders write");
    std::thread::sleep(Duration::from_millis(500));
    let began = Instant::now();
    let error = db.within(Duration::from_secs(3)).fence(&FenceSpec::default()).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    drop(held);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(db.fence_state().await.unwrap().fence, Fence::Open, "not set behind our back");
    assert_eq!(server.run("select @@read_only"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_else_could_write_is_in_the_census() {
    let server = MariaDb::start(1, &["--event-scheduler=ON"]);
    server.run(SHOP);
    let db = server.database("source", ADMIN, "shop");
    server.run(
        "create event shop.nightly on schedule every 1 day starts now() + interval 1 day do delete from shop.orders;
         create role operator; grant read_only admin on *.* to operator; grant operator to app@'%';
         xa start 'x1'; insert into shop.orders (name) values ('xa'); xa end 'x1'; xa prepare 'x1'",
    );
    let mut held = server.session(APP);
    held.tell("select sleep(600), 'a secret'");
    std::thread::sleep(Duration::from_millis(300));
    db.fence(&FenceSpec::default()).await.unwrap();
    let census = db.census(&FenceSpec { spare: vec![APP.to_owned()] }).await.unwrap();
    let find = |id: &str| census.sessions.iter().find(|s| s.id.0.starts_with(id));
    assert!(find("xa:x1").is_some_and(|s| s.older), "{census:?}");
    assert!(find("event:shop.nightly").is_some_and(|s| s.older), "{census:?}");
    let app = census.sessions.iter().find(|s| s.account == APP).unwrap();
    assert!(app.older && app.spared, "a role lets it pass: {app:?}");
    let ran = app.last_statement.clone().unwrap();
    assert!(ran.starts_with("select sleep") && !ran.contains("secret"), "{ran}");
    for id in ["xa:x1", "event:shop.nightly"] {
        let error = db.end_session(&SessionId(id.to_owned())).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
    }
    let blind = server.database("blind", APP, "shop").census(&FenceSpec::default()).await;
    assert!(matches!(blind, Err(Error::Refused { .. })), "who may not see everybody says so: {blind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_procedure_that_writes_for_others_is_in_the_census() {
    let (server, db) = one();
    server.run(
        "create user clerk@'%' identified by 'secret'; create role staff; grant staff to clerk@'%';
         create user keeper@'%' account lock; grant read_only admin on *.* to keeper@'%'; grant select, delete, execute on shop.* to keeper@'%';
         use shop; create procedure tidy() delete from orders where id = 1;
         create definer = keeper@'%' procedure kept() delete from orders where id = 2;
         create user middle@'%' account lock; grant execute on procedure tidy to middle@'%';
         create definer = middle@'%' procedure indirect() call tidy();
         grant execute on procedure indirect to middle@'%'; grant execute on procedure indirect to app@'%';
         create procedure nobodys() delete from orders;
         create procedure own() sql security invoker delete from orders;
         create definer = app@'%' procedure harmless() delete from orders;
         grant execute on procedure tidy to staff; grant execute on procedure kept to app@'%';
         grant execute on procedure own to clerk@'%'; grant execute on procedure harmless to clerk@'%'",
    );
    db.fence(&FenceSpec::default()).await.unwrap();
    // It is as the census says.
    for (account, call, is_taken) in [
        ("clerk", "call shop.own()", false),
        ("clerk", "call shop.harmless()", false),
        ("clerk", "set role staff; call shop.tidy()", true),
        (APP, "call shop.indirect()", true),
        (APP, "call shop.kept()", true),
    ] {
        let told = server.run_as(account, call);
        assert_eq!(told.is_ok(), is_taken, "{call}: {told:?}");
    }
    assert_eq!(db.count("orders").await.unwrap(), 1);

    let named = |left: &[cutover::databases::SessionInfo]| {
        let of = |s: &cutover::databases::SessionInfo| (s.id.0.clone(), s.passes.clone().unwrap_or_default());
        left.iter().map(of).collect::<Vec<_>>()
    };
    let Seal::NotYet(left) = db.seal_if_quiet(&FenceSpec::default()).await.unwrap() else { panic!("sealed") };
    let says = |name: &str, definer: &str, caller: &str| {
        let why = format!("it runs as {definer}, who may pass read_only, and {caller} may call it");
        (format!("procedure:shop.{name}"), why)
    };
    assert_eq!(named(&left), [says("kept", "keeper", "app"), says("tidy", "root", "clerk, middle")]);
    let error = db.end_session(&left[0].id).await.unwrap_err().to_string();
    assert!(error.contains("ALTER PROCEDURE shop.kept SQL SECURITY INVOKER"), "{error}");
    server.run("set sql_log_bin = 0; alter procedure shop.kept sql security invoker; grant execute on shop.* to public");
    let Seal::NotYet(left) = db.seal_if_quiet(&FenceSpec::default()).await.unwrap() else { panic!("sealed") };
    assert_eq!(named(&left), [says("nobodys", "root", "everybody"), says("tidy", "root", "everybody")]);
    server.run("set sql_log_bin = 0; drop procedure shop.nobodys; drop procedure shop.tidy");
    assert!(matches!(db.seal_if_quiet(&FenceSpec::default()).await.unwrap(), Seal::Sealed(_)));
    for (account, name) in [("clerk", "own"), (APP, "kept")] {
        let why = server.run_as(account, &format!("call shop.{name}()")).unwrap_err();
        assert!(why.contains("read-only"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_that_are_not_shown_are_not_taken_for_none() {
    let server = MariaDb::start(1, &[]);
    server.run(SHOP);
    server.run("create user few@'%' identified by 'secret'; grant insert on shop.orders to few@'%'; create table shop.more (id int primary key auto_increment)");
    let few = server.database("source", "few", "shop");
    let error = few.sequences().await.unwrap_err().to_string();
    assert!(error.contains("grant SELECT on `shop`.* to 'few'@'%'"), "{error}");
    server.run("grant select on shop.* to few@'%'");
    let all = server.database("source", "few", "shop").sequences().await.unwrap();
    assert_eq!(all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["more", "orders"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_streams_is_meant_by_its_name() {
    let (east, west) =
        (MariaDb::start(1, &["--gtid-domain-id=1"]), MariaDb::start(2, &["--gtid-domain-id=2"]));
    let target = MariaDb::start(3, &["--gtid-domain-id=3"]);
    east.run(SHOP);
    west.run("create database depot; create table depot.stock (id int primary key)");
    for (name, source) in [("east", &east), ("west", &west)] {
        target.run(&format!(
            "change master '{name}' to master_host = '127.0.0.1', master_port = {}, master_user = 'repl',
               master_password = 'secret', master_use_gtid = slave_pos; start slave '{name}'",
            source.port
        ));
    }
    let (from, to) = (east.database("east", ADMIN, ""), target.database("target", ADMIN, ""));
    let named = |from: &Arc<dyn Database>, name: Option<&str>| {
        let ends = Ends { name: name.map(str::to_owned), ..Ends::new(Arc::clone(from), Arc::clone(&to)) };
        link("mariadb", ends).unwrap()
    };
    let by_east = named(&from, Some("east"));
    let by_west = named(&west.database("west", ADMIN, ""), Some("west"));
    for one in [&by_east, &by_west] {
        lag_until(one, |lag| lag.behind == 0 && lag.stopped.is_none()).await;
        assert_eq!(one.gaps(&[]).await.unwrap(), Vec::<String>::new());
    }
    // One is stopped, and the other says nothing of it.
    target.run("stop slave 'west'");
    west.run("insert into depot.stock values (1)");
    east.run("insert into shop.orders (name) values ('more')");
    let end = from.position().await.unwrap();
    let lag = by_west.lag().await.unwrap();
    assert!(lag.behind == 1 && lag.stopped.is_some_and(|why| why.contains("is stopped")));
    lag_until(&by_east, |lag| lag.behind == 0 && lag.stopped.is_none()).await;
    assert!(by_east.reached(&end).await.unwrap());
    for &trap in LinkKind::Mariadb.traps() {
        by_east.trap(trap, &Asked::default()).await.unwrap();
    }
    for (name, wanted) in [
        (None, "the target is fed by `east`, `west`: say which with `channel`"),
        (Some("north"), "the target has no stream `north`; it has `east`, `west`"),
    ] {
        let stopped = named(&from, name).lag().await.unwrap().stopped;
        assert_eq!(stopped.as_deref(), Some(wanted));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strays_on_a_replica_are_named_and_replication_is_not() {
    let Pair { source, target, to, link, from: _from } = pair();
    lag_until(&link, |lag| lag.behind == 0 && lag.stopped.is_none()).await;
    to.note_writes().await.unwrap();
    let since = to.position().await.unwrap();
    source.run("insert into shop.orders (name) values ('replicated'); update shop.orders set amount = 9");
    lag_until(&link, |lag| lag.behind == 0).await;
    let quiet = to.writes_since(&since).await.unwrap();
    assert_eq!((quiet.total, quiet.last_at), (0, None), "{quiet:?}");

    target.run("update shop.orders set amount = 5 where id in (1, 2); delete from shop.orders where id = 3");
    let writes = to.writes_since(&since).await.unwrap();
    assert_eq!(writes.tables, [("orders".to_owned(), 3)]);
    let named: Vec<_> = writes.first.iter().map(|c| (c.key.as_str(), c.op)).collect();
    assert_eq!(named, [("[1]", Op::Update), ("[2]", Op::Update), ("[3]", Op::Delete)]);
    assert!(writes.last_at.is_some());
    assert_eq!(to.writes_since(&writes.until).await.unwrap().total, 0, "each is told once");
    target.run("truncate shop.orders; create table shop.t (a int)");
    let emptied = to.writes_since(&writes.until).await.unwrap();
    assert_eq!((emptied.total, emptied.first[0].op), (1, Op::Delete), "{emptied:?}");

    target.run("flush binary logs; set global binlog_format = STATEMENT");
    let error = to.writes_since(&since).await.unwrap_err().to_string();
    assert!(error.contains("binlog_format = ROW"), "{error}");
    let strange = to.writes_since(&cutover::databases::Position("c:17".into())).await.unwrap_err();
    assert!(matches!(strange, Error::Broken { .. }), "{strange}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_schema_is_named() {
    let (server, db) = one();
    server.run(
        "use shop; create view v as select id from orders;
         create trigger tr before insert on orders for each row set new.amount = 1;
         create procedure p() select 1; create event e on schedule every 1 day disable do select 1",
    );
    let before = db.schema().await.unwrap();
    server.run("insert into shop.orders (name) values ('counts on')");
    assert_eq!(before.changes_to(&db.schema().await.unwrap()), [], "rows are no definition");
    server.run(
        "use shop; alter table orders add index by_name (name); drop view v; alter event e enable;
         create or replace procedure p() select 2; create table t (a int)",
    );
    let after = db.schema().await.unwrap();
    let named: Vec<String> = before.changes_to(&after).iter().map(ToString::to_string).collect();
    assert_eq!(
        named,
        [
            "event e was altered",
            "procedure p was altered",
            "table orders was altered",
            "view v was removed",
            "table t was added"
        ]
    );
    db.write_marker("m").await.unwrap();
    assert_eq!(after.changes_to(&db.schema().await.unwrap()), [], "ours is left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_can_change_nothing() {
    let (server, db) = one();
    server.define(
        "create function shop.f() returns int deterministic begin delete from shop.orders; return 1; end",
    );
    for sql in [
        "delete from orders",
        "select f()",
        "select 1; delete from orders",
        "set global read_only = 1",
        "call p()",
        "select 1 into outfile '/tmp/cutover-never'",
        "/*!50000 delete from orders */",
        "analyze delete from orders",
        "kill 1",
    ] {
        assert!(db.query(sql).await.is_err(), "{sql}");
    }
    assert_eq!(db.count("orders").await.unwrap(), 3);
    let rows =
        db.query("select id, name, amount, null, 1e0, x'00ff' from orders where id = 1").await.unwrap();
    let wanted = vec![
        Value::Integer(1),
        Value::text("ada"),
        Value::text("1.50"),
        Value::Null,
        Value::Real(1.0),
        Value::Blob(vec![0, 255]),
    ];
    assert_eq!(rows.rows, [wanted]);
    let many = db.query("select seq from seq_1_to_5000").await.unwrap();
    assert!(many.more && many.rows.len() == 1_000);

    assert_eq!(
        db.statement("insert into orders (name) values ('d'), ('e'); update orders set amount = 7; select 1")
            .await
            .unwrap()
            .rows,
        7
    );
    assert!(
        db.statement("insert into orders (name) values ('f'); insert into nothing values (1)").await.is_err()
    );
    assert_eq!(db.count("orders").await.unwrap(), 5, "all or nothing");
    assert!(db.statement("commit").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_unreachable_and_comes_back_by_itself() {
    let (mut server, db) = one();
    db.reachable().await.unwrap();
    let mut link = db.snapshot().await.unwrap();
    server.kill();
    let error = db.reachable().await.unwrap_err();
    assert!(matches!(error, Error::NotReachable { .. }), "{error}");
    assert!(link.tables().await.is_err());
    server.up();
    let began = Instant::now();
    while db.reachable().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(db.count("orders").await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_is_ended() {
    let (server, db) = one();
    let running =
        || server.run("select count(*) from information_schema.processlist where info like 'select sleep%'");
    let error = db.within(Duration::from_millis(600)).query("select sleep(60)").await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    let _ = tokio::time::timeout(Duration::from_millis(300), db.query("select sleep(61)")).await;
    db.reachable().await.unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(running(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_and_not_shown() {
    let (server, _db) = one();
    let settings = cutover::databases::Settings {
        name: "source".into(),
        address: server.url(ADMIN, "shop").replace("secret", "hunter2"),
        root: "/".into(),
        timeout: Duration::from_secs(5),
    };
    let error = cutover::databases::connect("mysql", &settings).unwrap().reachable().await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "1045"), "{error}");
    assert!(!error.to_string().contains("hunter2"));
}

const TYPES: &str = "create table shop.types (
  a bigint, b varchar(9) charset latin1, d float, e double, f decimal(30,10), g bit(9), h json, i longblob, j varbinary(9),
  k datetime(6), l timestamp(3) null, m time(2), n year, o enum('x','y'), p set('x','y'), q char(5), r text, s bigint unsigned,
  t date, u inet6, v uuid, w geometry, x tinyint(1), primary key (a, b)) engine = InnoDB;
  insert into shop.types values
  (1, 'a', 0.1, 0.1e0 + 0.2e0, 12345678901234567890.0123456789, b'101010101', '{\"a\": 1}', x'00ff27', x'00', now(6), now(3),
   '-12:34:56.78', 2026, 'x', 'x,y', 'q ', 'a''b|c', 18446744073709551615, '2026-11-28', '::1', uuid(), point(1, 2), 1),
  (2, 'é', null, -0e0, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
  (-3, '', 1e30, 5e-324, 0, 0, '[]', '', '', null, null, null, null, null, '', '', '', 0, null, null, null, null, 0)";

async fn compared(
    source: &Arc<dyn Database>,
    target: &Arc<dyn Database>,
) -> cutover::compare::tables::Outcome {
    let sides = cutover::compare::tables::Sides {
        source: Arc::clone(source),
        target: Arc::clone(target),
        link: Some(link("mariadb", Ends::new(Arc::clone(source), Arc::clone(target))).unwrap()),
    };
    let request =
        cutover::compare::tables::Request { patience: Duration::from_secs(5), ..Default::default() };
    cutover::compare::tables::compare(&sides, &request, &mut |_, _| std::ops::ControlFlow::Continue(())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sides_are_compared_value_by_value() {
    use cutover::compare::tables::Verdict;
    let Pair { source, target, from, to, link } = pair();
    source.run(TYPES);
    source.run(
        "use shop; create table shop.big (id bigint primary key, name varchar(20)); create table shop.bag (a int, b text);
         insert into shop.big select cast(seq as signed) - 2500, concat('n', seq) from seq_1_to_5000;
         insert into shop.bag values (1, 'x'), (1, 'x'), (2, null)",
    );
    lag_until(&link, |lag| lag.behind == 0 && lag.stopped.is_none()).await;
    let same = compared(&from, &to).await;
    assert_eq!(same.verdict(), Verdict::Same, "{same:?}");
    assert_eq!(same.tables.len(), 4, "{same:?}");

    // Each alone is a difference, however small, and whatever a collation says.
    for (table, change, back) in [
        (
            "types",
            "update shop.types set e = 0.3e0 where a = 1",
            "update shop.types set e = 0.1e0 + 0.2e0 where a = 1",
        ),
        (
            "types",
            "update shop.types set d = 0.10000001 where a = 1",
            "update shop.types set d = 0.1 where a = 1",
        ),
        (
            "types",
            "update shop.types set r = 'A''b|c' where a = 1",
            "update shop.types set r = 'a''b|c' where a = 1",
        ),
        ("types", "update shop.types set o = 'y' where a = 1", "update shop.types set o = 'x' where a = 1"),
        ("types", "update shop.types set i = null where a = -3", "update shop.types set i = '' where a = -3"),
        (
            "types",
            "update shop.types set g = b'101010100' where a = 1",
            "update shop.types set g = b'101010101' where a = 1",
        ),
        (
            "big",
            "update shop.big set name = 'N7' where id = -2493",
            "update shop.big set name = 'n7' where id = -2493",
        ),
        ("big", "delete from shop.big where id = 2500", "insert into shop.big values (2500, 'n5000')"),
        ("bag", "insert into shop.bag values (1, 'x')", "delete from shop.bag where a = 1 limit 1"),
    ] {
        target.run(&format!("set sql_log_bin = 0; set time_zone = '+00:00'; {change}"));
        let outcome = compared(&from, &to).await;
        assert_eq!(outcome.verdict(), Verdict::Different, "{change}: {outcome:?}");
        let named: Vec<&str> =
            outcome.tables.iter().filter(|t| !t.differences.is_empty()).map(|t| t.name.as_str()).collect();
        assert_eq!(named, [table], "{change}: {outcome:?}");
        target.run(&format!("set sql_log_bin = 0; {back}"));
    }
    assert_eq!(compared(&from, &to).await.verdict(), Verdict::Same);
}
