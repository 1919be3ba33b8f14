//! The simulator as a performer: virtual time passes by itself, and nothing is left behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cutover::clock::{Clock, Timestamp};
use cutover::engine::effect::Effect;
use cutover::engine::event::{Leg, Outcome};
use cutover::engine::reading::Origin;
use cutover::tasks::{Happened, Known, Performer, Setup};

use crate::common::{Folder, Run, perform};

const PLAN: &str = r#"
[[probe]]
id = "up"
tcp = "127.0.0.1:1"
every = "10s"

[[phase.step]]
id = "long"
title = "Long"
timeout = "2h"
estimate = "1h"
command = ["sh", "-c", "touch $DIR/touched"]
"#;

fn begin(folder: &Folder, clock: Clock) -> Run {
    let (performer, happened) = Performer::simulated(Setup {
        plan: Arc::clone(&folder.plan),
        run: "R-test".to_owned(),
        root: folder.dir.path().to_owned(),
        folder: folder.run(),
        exe: PathBuf::from("/nowhere"),
        clock,
        known: Known::default(),
    });
    Run { performer, happened }
}

#[tokio::test(start_paused = true)]
async fn an_hour_passes_at_once_with_every_look_in_it_and_touches_nothing() {
    let folder = Folder::with(PLAN);
    let clock = Clock::paused(Timestamp(1_770_000_000_000));
    let began = clock.now();
    let mut run = begin(&folder, clock.clone());
    run.perform("long");
    let mut looks = 0;
    loop {
        match run.happened.recv().await.unwrap() {
            Happened::Reading(reading) => {
                assert_eq!(reading.source, Origin::Simulated);
                looks += 1;
            }
            Happened::Course(course) => panic!("nothing is compared: {course:?}"),
            Happened::Report(report) => {
                let end = format!("{report:?}");
                assert!(end.contains("Done"), "{end}");
                break;
            }
        }
    }
    assert_eq!(clock.now().boot.since(began.boot), Duration::from_secs(3600));
    assert!((359..=361).contains(&looks), "{looks}");
    assert!(!folder.path("touched").exists());
    assert_eq!(std::fs::read_dir(folder.run()).unwrap().count(), 0, "nothing in the run folder");

    run.performer.start(&[Effect::Finish]);
    while run.happened.recv().await.is_some() {}
}

#[tokio::test]
async fn a_faster_clock_shortens_what_takes_long() {
    let folder = Folder::with(PLAN);
    let mut run = begin(&folder, Clock::scaled(36_000.0));
    let began = std::time::Instant::now();
    run.performer.start(&[perform("long", 1, Leg::Forward)]);
    assert_eq!(run.end().await.outcome, Outcome::Done);
    assert!(began.elapsed() < Duration::from_secs(30), "an hour in a tenth of a second or so");
}
