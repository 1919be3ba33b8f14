//! Gauges that write markers, on a real server that is far away.

use std::time::Duration;

use cutover::engine::event::{Leg, Outcome};

use crate::common::{Folder, eventually, perform};
use crate::mariadb::MariaDb;
use crate::servers::way;

/// How far away the side is that markers are written to.
const AWAY: Duration = Duration::from_millis(50);
/// How long a look is at work, by and by: each time it is disturbed somewhere else.
const PHASES: u32 = 10;

/// A plan with a gauge between two ports, and a step that stands for one that turns replication round.
fn folder(from: u16, to: u16) -> Folder {
    let folder = Folder::with(&format!(
        r#"
[endpoints.source]
mysql = {{ url = "mysql://cutover:${{file:password}}@127.0.0.1:{from}" }}

[endpoints.target]
mysql = {{ url = "mysql://cutover:${{file:password}}@127.0.0.1:{to}" }}

[[replication]]
id = "orders"
mariadb = {{ from = "source", to = "target" }}
every = "100ms"

[[phase.step]]
id = "turn"
title = "Replication turns"
command = ["true"]
timeout = "30s"
"#,
    ));
    std::fs::write(folder.path("password"), "secret").unwrap();
    folder
}

fn server(id: u32) -> MariaDb {
    let server = MariaDb::start(id, &[]);
    server.run(
        "create database cutover; create table cutover.marker (id varchar(190), made_ms bigint, primary key (id, made_ms))",
    );
    server
}

fn markers(server: &MariaDb) -> u32 {
    server.run("select count(*) from cutover.marker").parse().unwrap()
}

/// What a step does may turn replication round: a marker that is written after that is a row that travels nowhere.
#[tokio::test]
async fn a_gauge_that_is_not_needed_any_more_writes_nothing_once_the_next_step_begins() {
    // One server is both ends, so that each marker has arrived once it is written.
    let server = server(1);
    let folder = folder(way::to(server.port, AWAY), server.port);
    let mut run = folder.begin();
    for phase in 1..=PHASES {
        let before = markers(&server);
        run.performer.want(|_| true);
        eventually("a marker is written", || (markers(&server) > before).then_some(())).await;
        tokio::time::sleep(AWAY * phase / 2).await;
        run.performer.want(|_| false);
        run.performer.start(&[perform("turn", phase, Leg::Forward)]);
        assert_eq!(run.end().await.outcome, Outcome::Done);
        let then = markers(&server);
        tokio::time::sleep(AWAY * 12).await;
        assert_eq!(markers(&server), then, "disturbed in phase {phase}");
    }
}

/// … and so is one that is still on its way.
#[tokio::test]
async fn a_step_waits_for_the_last_marker_and_but_a_moment_for_one_that_never_comes() {
    // Nothing replicates between them but what is carried here.
    let (source, target) = (server(1), server(2));
    let folder = folder(source.port, target.port);
    let mut run = folder.begin();
    let mut turns = async |number: u32| {
        run.performer.want(|_| true);
        eventually("a marker is written", || (markers(&source) >= number).then_some(())).await;
        run.performer.want(|_| false);
        run.performer.start(&[perform("turn", number, Leg::Forward)]);
        let carried = async {
            if number == 1 {
                tokio::time::sleep(Duration::from_millis(400)).await;
                let row = source.run("select concat(quote(id), ',', made_ms) from cutover.marker");
                target.run(&format!("insert into cutover.marker values ({row})"));
            }
        };
        let ended = async {
            assert_eq!(run.end().await.outcome, Outcome::Done);
            markers(&target)
        };
        tokio::join!(ended, carried).0
    };
    assert_eq!(turns(1).await, 1, "the step has ended before the marker came");
    assert_eq!(turns(2).await, 1, "the step has waited for what does not come");
}
