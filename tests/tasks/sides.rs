//! Fences, openings, sessions and statements on real SQLite databases.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use cutover::clock::Clock;
use cutover::databases::sqlite::convention;
use cutover::engine::effect::Effect;
use cutover::engine::event::{Leg, Outcome};
use cutover::engine::input::Report;
use cutover::engine::reading::FenceState;
use cutover::tasks::Known;
use rusqlite::Connection;

use crate::common::{Folder, Run, eventually, perform};

const PLAN: &str = r#"
[[phase.step]]
id = "stop"
title = "Writes stop"
timeout = "30s"
[phase.step.fence]
endpoint = "source"
probe_write = { sql = "insert into orders values ('probe', 0)" }
spare = [{ application = "price-job", because = "writes at night only" }]

[[phase.step]]
id = "open"
title = "Writes go on"
timeout = "30s"
fence = { endpoint = "source", open = true }

[[phase.step]]
id = "change"
title = "Rows change"
timeout = "2s"
sql = { on = "source", statement = "update orders set qty = qty + 1; insert into orders values ('o2', 2)" }

[[phase.step]]
id = "wrong"
title = "Rows would change"
timeout = "2s"
sql = { on = "source", statement = "update orders set qty = 9; insert into nowhere values (1)" }

[endpoints.source]
sqlite = { path = "source.db" }
"#;

fn folder() -> (Folder, PathBuf) {
    let folder = Folder::with(PLAN);
    let path = folder.path("source.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch(
        "create table orders (id text primary key, qty integer); insert into orders values ('o1', 1)",
    )
    .unwrap();
    convention::install(&conn, &["orders"]).unwrap();
    (folder, path)
}

/// An application that keeps a session until its end is asked for, as a client library would.
struct Application {
    gone: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Application {
    fn start(path: &std::path::Path, name: &str, obeys: bool) -> Application {
        let session = convention::open_session(path, name, name, "app").unwrap();
        let gone = Arc::new(AtomicBool::new(false));
        let leave = Arc::clone(&gone);
        let thread = std::thread::spawn(move || {
            while !(leave.load(Ordering::Relaxed) || (obeys && session.end_requested().unwrap())) {
                std::thread::sleep(Duration::from_millis(20));
            }
            session.close().unwrap();
            leave.store(true, Ordering::Relaxed);
        });
        Application { gone, thread: Some(thread) }
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

async fn fence_report(run: &mut Run) -> (FenceState, Option<String>) {
    match run.report().await {
        Report::Fence { state, position, .. } => (state, position),
        other => panic!("not a fence: {other:?}"),
    }
}

fn qty(path: &std::path::Path) -> i64 {
    Connection::open(path)
        .unwrap()
        .query_row("select qty from orders where id = 'o1'", [], |r| r.get(0))
        .unwrap()
}

#[tokio::test]
async fn a_fence_is_set_and_older_sessions_ended_but_for_those_that_are_spared() {
    let (folder, path) = folder();
    let (shop, job) = (Application::start(&path, "shop", true), Application::start(&path, "price-job", true));
    let mut run = folder.begin();
    run.perform("stop");
    assert_eq!(fence_report(&mut run).await, (FenceState::Fenced, Some("c:0".to_owned())));
    // Once more, when the sessions have gone: where the log stood after the last of them.
    assert_eq!(fence_report(&mut run).await.0, FenceState::Fenced);
    let end = run.end().await;
    assert_eq!((end.outcome, end.detail.as_str()), (Outcome::Done, "fenced, 1 session ended"));
    eventually("the shop has gone", || shop.is_gone().then_some(())).await;
    assert!(!job.is_gone());

    run.performer.start(&[perform("open", 1, Leg::Forward)]);
    assert_eq!(fence_report(&mut run).await, (FenceState::Open, None));
    let end = run.end().await;
    assert_eq!((end.outcome, end.detail.as_str()), (Outcome::Done, "takes writes"));
}

/// Goes when its end is asked for, and finishes what it is at before.
fn busy(path: &std::path::Path) -> JoinHandle<()> {
    let session = convention::open_session(path, "shop", "shop", "app").unwrap();
    std::thread::spawn(move || {
        while !session.end_requested().unwrap() {
            std::thread::sleep(Duration::from_millis(5));
        }
        for _ in 0..5 {
            session.connection().execute("update orders set qty = qty + 1", []).unwrap();
        }
        session.close().unwrap();
    })
}

#[tokio::test]
async fn what_a_session_wrote_on_its_way_out_is_not_held_against_those_that_stay() {
    let (folder, path) = folder();
    let (shop, _job) = (busy(&path), Application::start(&path, "price-job", true));
    let mut run = folder.begin();
    run.perform("stop");
    let (_, at_first) = fence_report(&mut run).await;
    let (_, position) = fence_report(&mut run).await;
    assert!(at_first < position, "the shop wrote on: {at_first:?} {position:?}");
    assert_eq!(run.end().await.outcome, Outcome::Done);
    shop.join().unwrap();
    let fenced = (true, "fenced, probe refused, 1 session spared".to_owned());
    assert_eq!(fence_seen(&mut run).await, fenced);
    drop(run);
    // For an engine that comes later too: the position is on record.
    let sides = [("source".into(), (FenceState::Fenced, position))].into();
    let mut run = folder.resume(Known { sides, ..Known::default() });
    assert_eq!(fence_seen(&mut run).await, fenced);
}

/// What a look sees that begins now.
async fn fence_seen(run: &mut Run) -> (bool, String) {
    let asked = cutover::clock::Clock::system().now().boot;
    run.performer.start(&[Effect::Measure { probe: "fence:source".into() }]);
    loop {
        let reading = run.reading("fence:source").await;
        if reading.boot >= asked {
            let seen = reading.result.unwrap();
            return (seen.pass, seen.text);
        }
    }
}

#[tokio::test]
async fn the_undo_of_a_fence_opens_the_side_again() {
    let (folder, _) = folder();
    let mut run = folder.begin();
    run.perform("stop");
    assert_eq!(run.end().await.outcome, Outcome::Done);
    run.performer.start(&[perform("stop", 2, Leg::Undo)]);
    assert_eq!(fence_report(&mut run).await, (FenceState::Open, None));
    let end = run.end().await;
    assert_eq!((end.leg, end.outcome), (Leg::Undo, Outcome::Done));
}

#[tokio::test]
async fn who_does_not_go_is_named() {
    let (folder, path) = folder();
    let _stubborn = Application::start(&path, "old-report", false);
    let mut run = folder.begin();
    run.perform("stop");
    let end = run.end().await;
    assert_eq!(end.outcome, Outcome::Done);
    assert_eq!(end.detail, "fenced, 0 sessions ended; still here: old-report (session 1)");
}

#[tokio::test]
async fn a_probe_write_that_fails_before_the_fence_stops_it() {
    let (folder, path) = folder();
    Connection::open(&path).unwrap().execute_batch("drop table orders").unwrap();
    let mut run = folder.begin();
    run.perform("stop");
    let end = run.end().await;
    assert_eq!(end.outcome, Outcome::Failed { code: None });
    assert!(end.detail.contains("it would prove nothing"), "{end:?}");
    let fence: String = Connection::open(&path)
        .unwrap()
        .query_row("select fence from cutover_state", [], |r| r.get(0))
        .unwrap();
    assert_eq!(fence, "open");
}

#[tokio::test]
async fn a_side_that_somebody_else_has_fenced_before_is_no_fence_of_this_run() {
    let (folder, _path) = folder();
    let mut earlier = folder.begin();
    earlier.perform("stop");
    assert_eq!(earlier.end().await.outcome, Outcome::Done);
    drop(earlier);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let began = Some(Clock::system().now().wall);
    let mut run = folder.resume(Known { began, ..Known::default() });
    run.perform("stop");
    let end = run.end().await;
    assert_eq!(end.outcome, Outcome::NotStarted, "{end:?}");
    assert!(end.detail.contains("nothing of this run stopped them"), "{end:?}");
}

#[tokio::test]
async fn a_fence_of_an_engine_that_died_is_looked_at() {
    let (folder, path) = folder();
    let end = folder.resume_running("stop").end().await;
    assert_eq!(
        (end.outcome, end.detail.as_str()),
        (Outcome::NotStarted, "it takes writes: the fence was not set")
    );
    let end = folder.resume_running("open").end().await;
    assert_eq!(end.outcome, Outcome::Done, "{end:?}");

    let mut run = folder.begin();
    run.perform("stop");
    run.end().await;
    drop(run);
    let mut run = folder.resume_running("stop");
    assert_eq!(fence_report(&mut run).await.0, FenceState::Fenced);
    assert_eq!(run.end().await.outcome, Outcome::Done);
    assert_eq!(folder.resume_running("open").end().await.outcome, Outcome::NotStarted);

    std::fs::rename(&path, path.with_extension("away")).unwrap();
    assert_eq!(folder.resume_running("stop").end().await.outcome, Outcome::Unknown);
    assert_eq!(folder.resume_running("change").end().await.outcome, Outcome::Unknown);
}

#[tokio::test]
async fn a_session_of_the_census_is_ended_or_the_reason_is_told() {
    let (folder, path) = folder();
    let (shop, _stubborn) =
        (Application::start(&path, "shop", true), Application::start(&path, "old", false));
    let mut run = folder.begin();
    for (session, well) in [("1", true), ("2", false), ("99", true)] {
        run.performer.start(&[Effect::EndSession { endpoint: "source".into(), session: session.to_owned() }]);
        // What the census says now comes before the word that it is so.
        run.reading("fence:source").await;
        match run.report().await {
            Report::Session { session: ended, failed, .. } => {
                assert_eq!((ended.as_str(), failed.is_none()), (session, well), "{failed:?}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(shop.is_gone());
}

#[tokio::test]
async fn statements_are_done_whole_or_not_at_all() {
    let (folder, path) = folder();
    let mut run = folder.begin();
    run.perform("change");
    let end = run.end().await;
    assert_eq!(end.outcome, Outcome::Done, "{end:?}");
    assert_eq!(qty(&path), 2);
    run.perform("wrong");
    let end = run.end().await;
    assert_eq!(end.outcome, Outcome::Failed { code: None });
    assert!(end.detail.contains("nowhere"), "{end:?}");
    assert_eq!(qty(&path), 2);
}

#[tokio::test]
async fn a_side_that_is_away_is_not_touched_and_a_lock_is_a_timeout() {
    let (folder, path) = folder();
    let mut run = folder.begin();
    let away = path.with_extension("away");
    std::fs::rename(&path, &away).unwrap();
    run.perform("change");
    let end = run.end().await;
    assert_eq!(end.outcome, Outcome::NotStarted, "{end:?}");
    std::fs::rename(&away, &path).unwrap();

    let locker = Connection::open(&path).unwrap();
    locker.execute_batch("begin immediate").unwrap();
    run.performer.start(&[perform("change", 2, Leg::Forward)]);
    assert_eq!(run.end().await.outcome, Outcome::TimedOut);
    // Stopped while it waits for the lock: the statement never runs.
    run.performer.start(&[perform("change", 3, Leg::Forward)]);
    run.performer.start(&[Effect::Stop { step: "change".into(), attempt: 3, leg: Leg::Forward }]);
    assert_eq!(run.end().await.outcome, Outcome::Stopped);
    locker.execute_batch("rollback").unwrap();
    assert_eq!(qty(&path), 1);
}
