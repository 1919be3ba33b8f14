//! What a comparison of two databases costs, beside the least that it can cost and beside what others do.
//!
//! `cargo bench --bench compare -- [CASE]… [TURNS]`: all cases and the median of five when nothing is said. Every case
//! starts its own servers, makes its data in them, and runs the built program as a user would. Peers are run when they
//! are found in the folders of `CUTOVER_PEERS` (parted by colons) or on the PATH; for each its version is printed, or
//! that it is not installed. How to install them:
//!
//! ```text
//! python3 -m venv /tmp/peers/reladiff && /tmp/peers/reladiff/bin/pip install 'reladiff[postgresql]'
//! python3 -m venv /tmp/peers/dvt && /tmp/peers/dvt/bin/pip install google-pso-data-validator
//! apt-get install percona-toolkit
//! export CUTOVER_PEERS=/tmp/peers/reladiff/bin:/tmp/peers/dvt/bin
//! ```
//!
//! A case is one file with a `run`, and one line of [`CASES`].

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a bench prints, and stops where its ground gives way"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../../tests/servers/mariadb.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod mariadb_server;
#[path = "../../tests/servers/mod.rs"]
mod servers;

mod contest;
mod findings;
mod mariadb;
mod one;
mod peers;
mod postgres;
mod reference;
mod shapes;
mod thousand;
mod validator;
mod window;

/// The word that chooses a case, and what runs it, so many times each.
type Case = (&'static str, fn(usize));

const CASES: [Case; 6] = [
    ("thousand", thousand::run),
    ("one", one::run),
    ("validator", validator::run),
    ("window", window::run),
    ("mariadb", mariadb::run),
    ("shapes", shapes::run),
];

const TURNS: usize = 5;

fn main() {
    // Cargo says `--bench` to every bench.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if let Some((reference::WORD, commands)) = words.split_first().map(|(first, rest)| (first.as_str(), rest))
    {
        return reference::main(commands);
    }
    let (mut turns, mut chosen) = (TURNS, Vec::new());
    for word in &words {
        match (word.parse(), CASES.iter().find(|(name, _)| name == word)) {
            (Ok(number), _) if number > 0 => turns = number,
            (_, Some(case)) => chosen.push(case),
            _ => panic!("{word:?} is no case: there are {}", CASES.map(|(name, _)| name).join(", ")),
        }
    }
    if chosen.is_empty() {
        chosen.extend(&CASES);
    }
    for (name, run) in chosen {
        println!("{name}: median of {turns}");
        run(turns);
    }
}
