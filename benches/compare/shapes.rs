//! Tables of other shapes, a million rows each: many differences, a key that is no number, no key at all.

use serde_json::Value as Json;

use crate::common::table::Table;
use crate::contest::{self, cutover, made};
use crate::postgres::{self, DATABASE, Numbers, Pair, url};
use crate::thousand::{DIFFER, ROWS};

const MANY: u32 = 100_000;

/// A database that is made of the one that has no differences.
struct Shape {
    database: &'static str,
    /// What is done to the table on both sides.
    reshaped: &'static str,
    differ: u32,
    expected: fn(u32) -> Numbers,
}

const SHAPES: [Shape; 3] = [
    Shape { database: "many", reshaped: "select", differ: MANY, expected: postgres::numbers },
    Shape {
        database: "by_token",
        reshaped: "alter table items drop constraint items_pkey; alter table items add primary key (token)",
        differ: DIFFER,
        expected: postgres::numbers_by_token,
    },
    Shape {
        database: "keyless",
        reshaped: "alter table items drop constraint items_pkey; create index on items (id)",
        differ: DIFFER,
        expected: postgres::numbers_without_key,
    },
];

pub fn run(turns: usize) {
    let pair = Pair::of(ROWS, 0);
    let floor = contest::run("1M rows, none differs", &[postgres::floor()], pair.ends(), turns);
    let floor = &floor["floor"];
    let mut table = Table::new();
    for Shape { database, reshaped, differ, expected } in SHAPES {
        made(&format!("{database}: {differ} differ"), || {
            pair.on_both(|server| {
                server.sql("postgres", &format!("create database {database} template {DATABASE}"));
                server.sql(database, reshaped);
            });
            pair.differ(database, ROWS, differ);
        });
        let title = format!("{database}, {differ} differ");
        let ours = [cutover(|port| url(port, database), &["--full"], &[1, 3])];
        let all = contest::run(&title, &ours, pair.ends(), turns);
        let ours = &all["cutover"];
        let document: Json = serde_json::from_str(&ours.said[0]).unwrap();
        let number = |name: &str| u32::try_from(document["tables"][0][name].as_u64().unwrap()).unwrap();
        let found =
            Numbers { changed: number("changed"), missing: number("missing"), extra: number("extra") };
        let named = document["differences"].as_array().unwrap().len();
        match document["verdict"].as_str() {
            Some("different") => {
                assert_eq!(
                    (found, named),
                    (expected(differ), found.all()),
                    "not the rows that were made to differ"
                );
                println!("rows: cutover names all {named} that were made to differ");
            }
            verdict => println!("rows: cutover says {verdict:?}: {}", document["why"]),
        }
        let bare = ("bare sum of hashes", floor.server);
        table.ratio(&format!("{title}, CPU of the servers"), "s", ours.server, bare, None);
        table.bound(&format!("{title}, peak memory"), "MB", ours.peak, 64.0);
    }
}
