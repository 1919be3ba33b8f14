//! The fence: who is shut out, who is not, and what shows of it.

use cutover::databases::postgres::{Postgres as Database, convention};
use cutover::databases::{Fence, FenceSpec, ProbeWrite, Seal, Settings};

use super::servers::postgres::Postgres;
use super::servers::session::Session;
use super::servers::wait;
use super::{LIMIT, at, furnish, shop};

const WRITE: &str = "insert into customers values (-1, 'probe')";

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_shuts_out_the_new_ends_the_old_and_refuses_everybody() {
    let server = Postgres::start();
    furnish(&server, true).await;
    server.sql(
        "postgres",
        "create role stubborn login superuser; alter role stubborn set default_transaction_read_only = off",
    );
    let db = shop("source", &server);
    let app = at("app", server.url("shop", "app"), LIMIT);
    let everybody = FenceSpec::default();

    assert_eq!(db.fence_state().await.unwrap().fence, Fence::Open);
    assert_eq!(app.probe_write(WRITE, "", None).await.unwrap(), ProbeWrite::Succeeded);
    let missing = app.probe_write("insert into nowhere values (1)", "", None).await.unwrap();
    assert!(matches!(missing, ProbeWrite::Refused { by_fence: false, .. }), "{missing:?}");
    let looks = app.probe_write("select 1", "", None).await.unwrap_err();
    assert!(looks.to_string().contains("writes nothing"), "{looks}");

    let mut old = Session::of(&server, "app", "worker");
    let set = db.fence(&everybody).await.unwrap();
    assert_eq!(set.fence, Fence::Fenced);
    assert!(set.since.is_some() && set.at.is_some());
    assert_eq!(db.fence(&everybody).await.unwrap(), set, "it keeps its time and its position");

    // A new session is refused, also one whose account had a setting of its own.
    let refused = app.probe_write(WRITE, "", None).await.unwrap();
    assert!(
        matches!(&refused, ProbeWrite::Refused { by_fence: true, code, .. } if code == "25006"),
        "{refused:?}"
    );
    let stubborn = at("stubborn", server.url("shop", "stubborn"), LIMIT);
    let refused = stubborn.probe_write(WRITE, "", None).await.unwrap();
    assert!(matches!(refused, ProbeWrite::Refused { by_fence: true, .. }), "{refused:?}");

    // The old one writes on, and is named with what it wrote.
    old.run("insert into customers values (5, 'late')");
    let writes = wait("the late row is noted", || {
        let found = futures(db.writes_since(set.at.as_ref().unwrap())).unwrap();
        (found.total > 0).then_some(found)
    });
    assert_eq!((writes.tables[0].0.as_str(), writes.first[0].key.as_str()), ("public.customers", "[5]"));
    assert!(writes.first[0].by.as_deref().unwrap().starts_with("app worker"), "{:?}", writes.first[0].by);
    let census = db.census(&everybody).await.unwrap();
    let left: Vec<&str> = census.writers().map(|s| s.application.as_str()).collect();
    assert_eq!(left, ["worker"]);
    let Seal::NotYet(left) = db.seal_if_quiet(&everybody).await.unwrap() else { panic!("sealed too early") };
    assert_eq!(left.len(), 1);
    assert!(
        left[0].last_statement.as_deref().unwrap().contains("insert into customers values (?, ?)"),
        "{left:?}"
    );

    assert!(db.end_session(&left[0].id).await.unwrap());
    wait("it has ended", || (futures(db.census(&everybody)).unwrap().sessions.is_empty()).then_some(()));
    assert!(!db.end_session(&left[0].id).await.unwrap());
    let Seal::Sealed(sealed) = db.seal_if_quiet(&everybody).await.unwrap() else { panic!("not sealed") };
    assert_eq!((sealed.fence, sealed.since), (Fence::Sealed, set.since));

    // Now nobody writes, whatever they set: not even a superuser.
    let past = server.past_the_default("shop", "insert into customers values (6, 'x')");
    assert!(past.unwrap_err().contains("this side is fenced"));
    let past = server.past_the_default("shop", "truncate customers cascade");
    assert!(past.unwrap_err().contains("this side is fenced"));
    // But we do, and replication does.
    db.write_marker("m").await.unwrap();
    server
        .past_the_default(
            "shop",
            "set session_replication_role = replica; insert into customers values (7, 'replicated')",
        )
        .unwrap();
    assert_eq!(db.writes_since(&sealed.at.unwrap()).await.unwrap().total, 1, "replication is nobody");

    // Lifting ends who came up read-only, and puts back what was there.
    let _pooled = Session::of(&server, "app", "pooled");
    assert_eq!(db.lift().await.unwrap().fence, Fence::Open);
    wait("the pooled session has ended", || {
        (futures(db.census(&everybody)).unwrap().sessions.is_empty()).then_some(())
    });
    assert_eq!(app.probe_write(WRITE, "", None).await.unwrap(), ProbeWrite::Succeeded);
    assert_eq!(stubborn.probe_write(WRITE, "", None).await.unwrap(), ProbeWrite::Succeeded);
    assert_eq!(server.sql("shop", "select count(*) from pg_trigger where tgname like 'cutover%'"), "0");
    assert_eq!(server.sql("shop", "select count(*) from pg_db_role_setting where setdatabase <> 0"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_a_prepared_one_and_a_setting_of_ones_own_are_named() {
    let server = Postgres::start();
    furnish(&server, true).await;
    let db = shop("source", &server);
    let everybody = FenceSpec { spare: vec!["monitor".to_owned()] };
    let mut open = Session::of(&server, "app", "batch");
    open.run("begin");
    open.run("insert into customers values (1, 'open')");
    let _spared = Session::of(&server, "app", "monitor");
    server.sql("shop", "begin; insert into customers values (2, 'prepared'); prepare transaction 'gid-1'");
    db.fence(&everybody).await.unwrap();
    server.sql("postgres", "create role late login; grant all on database shop to late; alter role late in database shop set default_transaction_read_only = off");
    let _late = Session::of(&server, "late", "reporting");

    let census = db.census(&everybody).await.unwrap();
    let named: Vec<(&str, bool, bool)> =
        census.sessions.iter().map(|s| (s.application.as_str(), s.older, s.spared)).collect();
    assert_eq!(named.len(), 4, "{named:?}");
    for who in [
        ("batch", true, false),
        ("monitor", true, true),
        ("prepared transaction", true, false),
        ("reporting", true, false),
    ] {
        assert!(named.contains(&who), "{who:?} in {named:?}");
    }
    let prepared = census.sessions.iter().find(|s| s.id.0.starts_with("prepared:")).unwrap();
    let why = db.end_session(&prepared.id).await.unwrap_err().to_string();
    assert!(why.contains("gid-1") && why.contains("rollback prepared"), "{why}");
    let batch = census.sessions.iter().find(|s| s.application == "batch").unwrap();
    assert!(batch.last_write.is_some(), "it is in the middle of a write");
    let late = census.sessions.iter().find(|s| s.application == "reporting").unwrap();
    assert!(
        late.account == "late" && late.passes.as_deref().unwrap().contains("setting of its own"),
        "{late:?}"
    );
}

/// Whoever moves a shop owns its database, and may not say how other accounts begin.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_not_set_for_others_fences_all_the_same_and_names_who_passes() {
    let server = Postgres::start();
    furnish(&server, false).await;
    server.sql(
        "shop",
        "create role mover login; grant pg_monitor, pg_signal_backend to mover; alter database shop owner to mover;
         alter table customers owner to mover; alter table orders owner to mover;
         create role reports login; grant insert on customers to reports;
         alter role reports set default_transaction_read_only = off",
    );
    let address = server.url("shop", "mover");
    let settings =
        Settings { name: "shop".to_owned(), address: address.clone(), root: "/".into(), timeout: LIMIT };
    convention::install(&Database::new(&settings).unwrap()).await.unwrap();
    let db = at("source", address, LIMIT);
    let everybody = FenceSpec::default();
    assert_eq!(db.fence(&everybody).await.unwrap().fence, Fence::Fenced);

    let _new = Session::of(&server, "reports", "reporting");
    let Seal::NotYet(left) = db.seal_if_quiet(&everybody).await.unwrap() else { panic!("sealed too early") };
    assert_eq!((left.len(), left[0].application.as_str()), (1, "reporting"), "{left:?}");
    assert!(left[0].passes.as_deref().unwrap().contains("setting of its own"), "{left:?}");
    assert!(db.end_session(&left[0].id).await.unwrap());
    let sealed = wait("it is sealed", || match futures(db.seal_if_quiet(&everybody)).unwrap() {
        Seal::Sealed(stands) => Some(stands),
        Seal::NotYet(_) => None,
    });
    assert_eq!(sealed.fence, Fence::Sealed);
    let reports = at("reports", server.url("shop", "reports"), LIMIT);
    let refused = reports.probe_write(WRITE, "", None).await.unwrap();
    assert!(matches!(refused, ProbeWrite::Refused { by_fence: true, .. }), "{refused:?}");
    assert_eq!(db.lift().await.unwrap().fence, Fence::Open);
    assert_eq!(reports.probe_write(WRITE, "", None).await.unwrap(), ProbeWrite::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_the_convention_says_what_to_do() {
    let server = Postgres::start();
    furnish(&server, false).await;
    let db = shop("source", &server);
    for why in [
        db.fence(&FenceSpec::default()).await.unwrap_err(),
        db.write_marker("m").await.unwrap_err(),
        db.census(&FenceSpec::default()).await.unwrap_err(),
    ] {
        assert!(why.to_string().contains("cutover convention"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_nobody_should_have_written_is_named_with_who_did() {
    let server = Postgres::start();
    furnish(&server, true).await;
    let db = shop("target", &server);
    let from = db.position().await.unwrap();
    let why = db.writes_since(&from).await.unwrap_err();
    assert!(why.to_string().contains("nobody notes"), "{why}");
    db.note_writes().await.unwrap();
    let quiet = db.writes_since(&from).await.unwrap();
    assert_eq!(quiet.total, 0);
    let job = at("job", server.url("shop", "app"), LIMIT);
    job.statement("insert into customers values (9, 'by a job'); delete from customers where id = 9")
        .await
        .unwrap();
    server.sql("shop", "truncate orders");
    let writes = db.writes_since(&from).await.unwrap();
    assert_eq!(writes.total, 3);
    assert_eq!(writes.tables, [("public.customers".to_owned(), 2), ("public.orders".to_owned(), 1)]);
    assert_eq!(writes.first[0].by.as_deref(), Some("app cutover from 127.0.0.1"));
    db.lift().await.unwrap();
    assert_eq!(server.sql("shop", "select count(*) from pg_trigger where tgname like 'cutover%'"), "0");
}

/// An answer, waited for where a test waits by itself.
fn futures<T>(answer: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(answer))
}
