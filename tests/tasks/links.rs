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

/// What a step does may turn replication round: a marker that came after that would be a row that travels nowhere.
#[tokio::test]
async fn a_gauge_that_is_not_needed_any_more_writes_nothing_once_the_next_step_begins() {
    let server = MariaDb::start(1, &[]);
    server.run(
        "create database cutover; create table cutover.marker (id varchar(190), made_ms bigint, primary key (id, made_ms))",
    );
    // One server is both ends, so that each marker has arrived once it is written.
    let folder = Folder::with(&format!(
        r#"
[endpoints.source]
mysql = {{ url = "mysql://cutover:${{file:password}}@127.0.0.1:{}" }}

[endpoints.target]
mysql = {{ url = "mysql://cutover:${{file:password}}@127.0.0.1:{}" }}

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
        way::to(server.port, AWAY),
        server.port,
    ));
    std::fs::write(folder.path("password"), "secret").unwrap();
    let markers = || server.run("select count(*) from cutover.marker").parse::<u32>().unwrap();
    let mut run = folder.begin();
    for phase in 1..=PHASES {
        let before = markers();
        run.performer.want(|_| true);
        eventually("a marker is written", || (markers() > before).then_some(())).await;
        tokio::time::sleep(AWAY * phase / 2).await;
        run.performer.want(|_| false);
        run.performer.start(&[perform("turn", phase, Leg::Forward)]);
        assert_eq!(run.end().await.outcome, Outcome::Done);
        let then = markers();
        tokio::time::sleep(AWAY * 12).await;
        assert_eq!(markers(), then, "disturbed in phase {phase}");
    }
}
