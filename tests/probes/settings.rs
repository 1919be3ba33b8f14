//! Configuration in tables of a real SQLite database: rows that are held still, by name.

use cutover::plan::model::{ProbeKind, RowsProbe};
use rusqlite::Connection;

use crate::common::{World, failed, findings, sqlite};

const TABLE: &str = "create table settings (app text, key text, value, by text);
    insert into settings values ('web', 'colour', 'blue', 'ada'), ('web', 'smtp_password', 'tulip', 'ada'),
        ('api', 'limit', 10, null);";

fn world() -> (World, Connection) {
    let world = World::new();
    let path = world.path().join("settings.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(TABLE).unwrap();
    let endpoints = vec![sqlite("source", &path)];
    (World { context: World::with(endpoints, Vec::new()).context, ..world }, connection)
}

fn rows(query: &str, key: usize) -> ProbeKind {
    ProbeKind::Rows(RowsProbe { endpoint: "source".into(), query: query.to_owned(), key })
}

#[tokio::test]
async fn every_row_that_changed_is_named_and_no_value_told() {
    let (world, connection) = world();
    let kind = || rows("select app, key, value, by from settings", 2);
    let (seen, baseline) = world.baseline(kind()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "noted, 3 rows"));
    assert!(world.against(kind(), &baseline).await.result.unwrap().pass);

    // The number became a text: the same to read, and another value.
    let changes = "update settings set value = 'rose', by = 'ben' where key = 'smtp_password';
        update settings set value = '10' where key = 'limit';
        delete from settings where key = 'colour'; insert into settings values ('web', 'feature_x', 'on', 'ben');";
    connection.execute_batch(changes).unwrap();
    let looked = world.against(kind(), &baseline).await;
    let seen = looked.result.unwrap();
    assert!(!seen.pass);
    let said: Vec<_> = findings(&seen).iter().map(|f| format!("{} {}", f.what, f.change)).collect();
    let [limit, colour, feature, password] = said.as_slice() else { panic!("{said:?}") };
    assert!(limit.starts_with("row api, limit altered ") && limit.ends_with(": value"), "{limit}");
    assert!(colour.starts_with("row web, colour removed, was "), "{colour}");
    assert!(feature.starts_with("row web, feature_x added, "), "{feature}");
    assert!(password.ends_with(": by, value") && password.contains(" to "), "{password}");
    let kept = format!("{seen:?} {baseline:?}");
    assert!(!kept.contains("tulip") && !kept.contains("rose"), "{kept}");
    assert!(looked.raw.contains("rose"), "the screen shows what is there: {}", looked.raw);
    // Two runs cannot be compared by anybody who has only their digests.
    let (_, other) = world.baseline(kind()).await;
    let (_, another) = world.baseline(kind()).await;
    assert_ne!(other.objects["row web, feature_x"].digest, another.objects["row web, feature_x"].digest);
}

#[tokio::test]
async fn what_cannot_be_told_row_by_row_is_no_measure() {
    let (world, connection) = world();
    let why = world.unmeasured(rows("select app, value from settings", 1)).await;
    assert!(failed(&why).starts_with("row web is there more than once: "), "{why:?}");
    let why = world.unmeasured(rows("select app from settings", 2)).await;
    assert_eq!(failed(&why), "2 columns name a row, and the query gives 1");
    connection
        .execute_batch("with recursive n(i) as (select 1 union all select i + 1 from n where i < 1200) insert into settings select 'many', i, i, null from n")
        .unwrap();
    let why = world.unmeasured(rows("select app, key, value from settings", 2)).await;
    assert!(failed(&why).starts_with("the query gives more than 1"), "{why:?}");
    let kind = || rows("select app, key, value from settings where app <> 'many'", 2);
    let (_, baseline) = world.baseline(kind()).await;
    connection.execute_batch("drop table settings").unwrap();
    let why = world.against(kind(), &baseline).await.result.unwrap_err();
    assert!(failed(&why).contains("no such table"), "{why:?}");
}

#[tokio::test]
async fn a_query_that_writes_is_refused() {
    let (world, connection) = world();
    let why = world.unmeasured(rows("delete from settings returning key", 1)).await;
    assert!(failed(&why).contains("refused") || failed(&why).contains("read"), "{why:?}");
    let left: i64 = connection.query_row("select count(*) from settings", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 3);
}
