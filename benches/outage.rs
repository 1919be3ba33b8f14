//! How long users are without writes, with the pass before the window and without it.
//!
//! `cargo bench --bench outage -- [ROWS]`: the sample plans for PostgreSQL and MariaDB, driven by keys in a real pty to their
//! end while a client orders, each once as it is and once without `before`; half a million customers a side unless another
//! number is given. What is printed is the cockpit's own account at the end, and what the client saw.

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

#[path = "../tests/servers/mariadb.rs"]
mod mariadb;
#[path = "../tests/worlds/mariadb.rs"]
mod on_mariadb;
#[path = "../tests/worlds/postgres.rs"]
mod on_postgres;
#[path = "../tests/pty/mod.rs"]
mod pty;
#[path = "../tests/servers/mod.rs"]
mod servers;
#[path = "../tests/users/mod.rs"]
mod users;

use std::path::{Path, PathBuf};

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
    for before in [true, false] {
        let world = on_postgres::World::logical(rows);
        let plan = Plan::of("postgres-logical", before);
        night("PostgreSQL", (rows, before), world.night(), world.cockpit(&plan.file), || {
            on_postgres::numbers(&world.target)
        });
    }
    for before in [true, false] {
        let world = on_mariadb::World::new(rows);
        let plan = Plan::of("mariadb", before);
        night("MariaDB", (rows, before), world.night(), world.cockpit(&plan.file), || {
            on_mariadb::numbers(&world.target)
        });
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

fn night(
    engine: &str,
    (rows, before): (u32, bool),
    night: Night,
    mut t: Terminal,
    numbers: impl FnOnce() -> String,
) {
    println!("{engine}, {rows} customers, {} the pass before:", if before { "with" } else { "without" });
    until_the_switch(&mut t);
    to_the_end(&mut t, &night);
    night.ends(numbers, 2);
}
