//! How long users are without writes, with the pass before the window and without it.
//!
//! `cargo bench --bench outage -- [ROWS]`: the demo's plan and the sample plans for PostgreSQL and MariaDB, driven by keys in a
//! real pty to their end while clients order, each once as it is and once without `before`; half a million customers a side
//! unless another number is given. What is printed is the part of machines, and of it the time for which the step waited that
//! has to see every row the same, both by the run's record. What clients saw is held against the rows, which have to be right.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a bench prints, and stops where its ground gives way"
)]

#[path = "../tests/demo/hand.rs"]
mod hand;
#[path = "../tests/servers/mariadb.rs"]
mod mariadb;
#[path = "../tests/worlds/mariadb.rs"]
mod on_mariadb;
#[path = "../tests/worlds/postgres.rs"]
mod on_postgres;
#[path = "../tests/oracle/mod.rs"]
mod oracle;
#[path = "../tests/pty/mod.rs"]
mod pty;
#[path = "../tests/servers/mod.rs"]
mod servers;
#[path = "../tests/users/mod.rs"]
mod users;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cutover::demo::{Side, world};
use cutover::session::feed::{Feed, Snapshot};
use cutover::session::runs;
use hand::Demo;
use oracle::Oracle;
use pty::Terminal;
use tempfile::TempDir;
use users::{Night, to_the_end, until_the_switch};

const ROWS: u32 = 500_000;
/// The line that asks for the pass.
const BEFORE: &str = "before = true";

fn main() {
    // Cargo says `--bench` to every bench.
    let rows = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let rows = rows.map_or(ROWS, |word| word.parse().expect("a number of rows"));
    println!("write outage, the part of machines, with {rows} customers a side:");
    for before in [true, false] {
        let demo = on_the_demo(rows, before);
        says("the demo (SQLite)", before, demo.home());
    }
    for before in [true, false] {
        let world = on_postgres::World::logical(rows);
        let plan = Plan::of("postgres-logical", before);
        night(world.night(), world.cockpit(&plan.file), || on_postgres::numbers(&world.target));
        says("PostgreSQL", before, world.home());
    }
    for before in [true, false] {
        let world = on_mariadb::World::new(rows);
        let plan = Plan::of("mariadb", before);
        night(world.night(), world.cockpit(&plan.file), || on_mariadb::numbers(&world.target));
        says("MariaDB", before, world.home());
    }
}

/// A sample plan with what stands beside it, in a folder of its own.
struct Plan {
    file: PathBuf,
    _dir: TempDir,
}

impl Plan {
    fn of(name: &str, before: bool) -> Plan {
        let dir = TempDir::new().unwrap();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-plans");
        for folder in [name, "scripts"] {
            if !samples.join(folder).exists() {
                continue;
            }
            let into = dir.path().join(folder);
            std::fs::create_dir(&into).unwrap();
            for entry in std::fs::read_dir(samples.join(folder)).unwrap() {
                let entry = entry.unwrap();
                std::fs::copy(entry.path(), into.join(entry.file_name())).unwrap();
            }
        }
        let file = dir.path().join(format!("{name}.toml"));
        let mut text = std::fs::read_to_string(samples.join(format!("{name}.toml"))).unwrap();
        assert!(text.contains(BEFORE), "{name} has no pass before");
        if !before {
            text = text.replace(BEFORE, "before = false");
        }
        std::fs::write(&file, text).unwrap();
        Plan { file, _dir: dir }
    }
}

/// Drives a night to its end.
fn night(night: Night, mut t: Terminal, numbers: impl FnOnce() -> String) {
    until_the_switch(&mut t);
    to_the_end(&mut t, &night);
    night.ends(numbers, 2);
}

/// … of the demo's plan, with so many customers more.
fn on_the_demo(rows: u32, before: bool) -> Demo {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("shop");
    std::fs::create_dir(&dir).unwrap();
    let exe = env!("CARGO_BIN_EXE_cutover");
    let world = Command::new(exe).arg("__world").arg("--dir").arg(&dir).spawn().unwrap();
    let door = servers::wait("the shop is open", || world::find(&dir).unwrap()).door;
    for side in Side::BOTH {
        // As replication would have brought them.
        Oracle::of(&dir).sqlite(
            side,
            &format!(
                "begin immediate; update cutover_state set applying = 1;
                 with recursive n(i) as (select 1 union all select i + 1 from n where i < {rows})
                 insert into customers select 1000000 + i, 'customer ' || i, i || '@example.com', 'Ulm' from n;
                 update cutover_state set applying = 0; commit"
            ),
        );
    }
    let plan = Plan::of("demo", before);
    let sets = [
        format!("cutover={exe}"),
        format!("world={}", dir.display()),
        format!("door=http://127.0.0.1:{door}"),
    ];
    let mut args = vec!["run", plan.file.to_str().unwrap(), "--as", "you"];
    args.extend(sets.iter().flat_map(|set| ["--set", set]));
    let terminal = Terminal::start(home.path(), 120, 36, &args);
    let mut demo = Demo::of(home, terminal, world);
    demo.prepare();
    demo.go();
    demo.end_the_price_job();
    demo.go();
    demo.terminal.shows("GO / NO-GO   Announce success");
    demo.answers_alarms();
    demo.go();
    demo.terminal.shows("Planned and actual");
    demo.ends(0);
    demo.oracle().every_order_stands_once(Side::Target);
    assert_eq!(demo.oracle().turns(), ["source", "target"]);
    demo
}

/// Prints the part of machines, of the only run below a home.
fn says(engine: &str, before: bool, home: &Path) {
    let state = home.join("state").to_str().map(str::to_owned);
    let place = runs::place(|name| state.clone().filter(|_| name == "XDG_STATE_HOME")).unwrap();
    let mut feed = Feed::open(&runs::list(&place).unwrap()[0].path).unwrap();
    feed.poll();
    let Snapshot { state, plan, .. } = feed.snapshot();
    let machines: Duration = state
        .outages
        .iter()
        .map(|outage| outage.to.unwrap().since(outage.from).saturating_sub(outage.human))
        .sum();
    let same = plan.steps.iter().find(|step| step.id.as_str() == "same").unwrap();
    let step = state.step(&plan, &same.id).unwrap();
    let waited = step.ended.unwrap().wall.since(step.started.unwrap().wall);
    println!(
        "{engine}, {} the pass before the window: {:.1} s, of which {:.2} s until every row was the same",
        if before { "with" } else { "without" },
        machines.as_secs_f64(),
        waited.as_secs_f64()
    );
}
