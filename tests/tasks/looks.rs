//! When probes are looked at, and what is kept of them.

use std::fs;

use cutover::engine::effect::Effect;
use cutover::engine::input::Report;
use cutover::engine::reading::{Origin, Unmeasured};
use cutover::tasks::{Happened, Known, last_path};

use crate::common::{Folder, Run, appears};

const PLAN: &str = r#"
[[probe]]
id = "count"
command = ["sh", "-c", "echo x >> $DIR/counted; wc -l < $DIR/counted"]
every = "50ms"
timeout = "10s"

[[probe]]
id = "slow"
command = ["sh", "-c", "echo in >> $DIR/slow; sleep 0.3; echo out >> $DIR/slow"]
every = "20ms"
timeout = "10s"

[[probe]]
id = "hangs"
command = ["sleep", "300"]
every = "100ms"
timeout = "200ms"

[[validation]]
id = "asked"
command = ["true"]

[[freeze.monitor]]
id = "state"
command = ["cat", "$DIR/state"]
every = "100ms"
since = "point"

[freeze]
controls = [{ id = "c", enforce = ["true"], verify = ["true"], lift = ["true"] }]

[[phase.step]]
id = "point"
title = "Point"
timeout = "30s"
command = ["true"]
proof = { command = ["test", "-e", "$DIR/there"] }
"#;

fn folder() -> Folder {
    let folder = Folder::with(PLAN);
    fs::write(folder.path("state"), "a\nb\n").unwrap();
    folder
}

#[tokio::test]
async fn a_probe_is_looked_at_again_and_again_whatever_others_do() {
    let mut run = folder().begin();
    let first = run.reading("count").await;
    let mut last = first.clone();
    for _ in 0..5 {
        let next = run.reading("count").await;
        assert!(next.boot > last.boot, "{next:?} after {last:?}");
        assert_eq!((next.source, next.result.is_ok()), (Origin::Measured, true));
        last = next;
    }
}

#[tokio::test]
async fn what_nobody_needs_is_not_looked_at_even_if_its_time_had_been_set() {
    let folder = folder();
    let mut run = folder.begin();
    // Its task waits for its first look by now.
    tokio::task::yield_now().await;
    run.performer.want(|_| false);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!folder.path("counted").exists());
    run.performer.want(|_| true);
    assert!(run.reading("count").await.result.is_ok());
}

#[tokio::test]
async fn looks_of_one_probe_never_overlap() {
    let folder = folder();
    let mut run = folder.begin();
    for _ in 0..3 {
        run.performer.start(&[Effect::Measure { probe: "slow".into() }]);
        run.reading("slow").await;
    }
    drop(run);
    let said = fs::read_to_string(folder.path("slow")).unwrap();
    for pair in said.lines().collect::<Vec<_>>().chunks_exact(2) {
        assert_eq!(pair, ["in", "out"]);
    }
}

#[tokio::test]
async fn a_probe_that_hangs_is_a_timeout_each_time() {
    let mut run = folder().begin();
    for _ in 0..2 {
        assert_eq!(run.reading("hangs").await.result, Err(Unmeasured::TimedOut(200)));
    }
}

#[tokio::test]
async fn what_could_not_be_looked_at_is_looked_at_again_when_its_system_answers() {
    let folder = Folder::with(
        r#"
[endpoints.shop]
sqlite = { path = "$DIR/shop.db" }

[[probe]]
id = "often"
sql = { on = "shop", query = "select 1", expect = { is = "1" } }
every = "50ms"

[[probe]]
id = "seldom"
sql = { on = "shop", query = "select 2", expect = { is = "2" } }
every = "1h"

[[phase.step]]
id = "point"
title = "Point"
timeout = "30s"
command = ["true"]
"#,
    );
    let mut run = folder.begin();
    assert!(run.reading("seldom").await.result.is_err());
    rusqlite::Connection::open(folder.path("shop.db")).unwrap().execute_batch("create table t (x)").unwrap();
    let seen = tokio::time::timeout(std::time::Duration::from_secs(10), run.reading("seldom")).await;
    assert!(seen.expect("long before its time").result.unwrap().pass);
}

#[tokio::test]
async fn what_is_on_demand_is_looked_at_when_asked_and_after_the_ask() {
    let mut run = folder().begin();
    let before = cutover::clock::Clock::system().now().boot;
    run.performer.start(&[Effect::Measure { probe: "asked".into() }]);
    assert!(run.reading("asked").await.boot >= before);
}

#[tokio::test]
async fn a_proof_that_is_not_there_yet_is_looked_for_again() {
    let folder = folder();
    let mut run = folder.begin();
    run.performer.start(&[Effect::Measure { probe: "point.proof".into() }]);
    assert!(!run.reading("point.proof").await.result.unwrap().pass);
    fs::write(folder.path("there"), "").unwrap();
    while !run.reading("point.proof").await.result.unwrap().pass {}
}

async fn baseline(run: &mut Run) -> String {
    loop {
        if let Report::Baseline { probe, digest, objects } = run.report().await {
            assert_eq!((probe.as_str(), objects), ("state", 2));
            return digest;
        }
    }
}

fn known(digest: &str) -> Known {
    Known { baselines: [("state".into(), digest.to_owned())].into(), ..frozen() }
}

/// The step since which the monitor counts has finished.
fn frozen() -> Known {
    Known { done: vec!["point".into()], ..Known::default() }
}

#[tokio::test]
async fn what_changes_before_a_monitor_counts_is_wanted_and_held_still_from_then_on() {
    let folder = folder();
    let mut run = folder.begin();
    let text = |reading: cutover::engine::reading::Reading| reading.result.unwrap().text;
    assert_eq!(text(run.reading("state").await), "noted, 2 lines");
    fs::write(folder.path("state"), "a\n").unwrap();
    while text(run.reading("state").await) != "noted, 1 line" {}
    fs::write(folder.path("state"), "b\nc\n").unwrap();
    run.performer.start(&[Effect::TakeBaseline { probe: "state".into() }]);
    baseline(&mut run).await;
    fs::write(folder.path("state"), "b\n").unwrap();
    while run.reading("state").await.result.unwrap().pass {}
}

#[tokio::test]
async fn a_baseline_is_reported_before_anything_is_measured_by_it_and_holds_over_engines() {
    let folder = folder();
    let mut run = folder.resume(frozen());
    let digest = loop {
        match run.next().await {
            Happened::Report(Report::Baseline { digest, .. }) => break digest,
            Happened::Reading(reading) => assert_ne!(reading.probe.as_str(), "state"),
            Happened::Report(_) | Happened::Course(_) => {}
        }
    };
    assert!(run.reading("state").await.result.unwrap().pass);
    drop(run);

    fs::write(folder.path("state"), "a\nc\n").unwrap();
    let mut run = folder.resume(known(&digest));
    let seen = run.reading("state").await.result.unwrap();
    assert!(!seen.pass, "{seen:?}");

    // Wanted after all: written down anew, on the record.
    run.performer.start(&[Effect::TakeBaseline { probe: "state".into() }]);
    assert_ne!(baseline(&mut run).await, digest);
    assert!(run.reading("state").await.result.unwrap().pass);
}

#[tokio::test]
async fn a_baseline_that_was_kept_and_not_recorded_is_reported_by_the_next_engine() {
    let folder = folder();
    let mut run = folder.resume(frozen());
    let digest = baseline(&mut run).await;
    drop(run);
    fs::write(folder.path("state"), "a\nb\nc\n").unwrap();
    let mut run = folder.resume(frozen());
    assert_eq!(baseline(&mut run).await, digest);
    assert!(!run.reading("state").await.result.unwrap().pass);
}

#[tokio::test]
async fn a_baseline_that_is_gone_or_another_is_no_measure_and_is_not_taken_anew() {
    let folder = folder();
    let mut run = folder.resume(frozen());
    let digest = baseline(&mut run).await;
    drop(run);
    for (recorded, said) in [("00".repeat(32), "not the one on record"), (digest, "is gone")] {
        let mut run = folder.resume(known(&recorded));
        let why = run.reading("state").await.result.unwrap_err();
        assert!(matches!(&why, Unmeasured::Failed(text) if text.contains(said)), "{why:?}");
        drop(run);
        let _ = fs::remove_dir_all(folder.run().join("baselines"));
    }
    assert!(!folder.run().join("baselines").exists());
}

#[tokio::test]
async fn the_last_output_of_a_probe_is_kept_for_people() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let mut run = folder.resume(frozen());
    run.reading("state").await;
    let path = last_path(&folder.run(), &"state".into());
    assert_eq!(appears(&path).await, format!("cat {}/state\n\na\nb\n", folder.dir.path().display()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn whoever_stops_answering_is_asked_who_it_is_at_once_and_again_when_it_is_back() {
    let folder = Folder::with(
        r#"
[endpoints.side]
sqlite = { path = "$DIR/side.db" }
identity = { row = { sql = "select name from who", is = "side" } }

[[probe]]
id = "ask"
sql = { on = "side", query = "select count(*) from who", expect = { is = "1" } }
every = "100ms"

[[phase.step]]
id = "point"
title = "Point"
manual = "Look"
"#,
    );
    let (here, away) = (folder.path("side.db"), folder.path("away.db"));
    let side = rusqlite::Connection::open(&here).unwrap();
    side.execute_batch("create table who (name text); insert into who values ('side')").unwrap();
    drop(side);
    let mut run = folder.begin();
    assert!(run.reading("identity:side").await.result.unwrap().pass);
    fs::rename(&here, &away).unwrap();
    // By its own schedule it would come round in half a minute.
    let gone = std::time::Instant::now();
    let Err(Unmeasured::NotReachable(why)) = run.reading("identity:side").await.result else { panic!() };
    assert!(why.starts_with("side: No such file") && why.ends_with("/side.db"), "{why}");
    fs::rename(&away, &here).unwrap();
    assert!(run.reading("identity:side").await.result.unwrap().pass);
    assert!(gone.elapsed() < std::time::Duration::from_secs(20), "{:?}", gone.elapsed());
}
