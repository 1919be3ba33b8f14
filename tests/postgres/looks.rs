//! What is read of a server, and what becomes of it when that goes away.

use std::time::{Duration, Instant};

use cutover::compare::tables::{Request, Sides, Verdict, compare};
use cutover::databases::{Error, Value};

use super::servers::postgres::Postgres;
use super::{LIMIT, at, furnish, shop};

#[tokio::test]
async fn who_it_is_what_it_is_made_of_and_what_changed() {
    let server = Postgres::start();
    furnish(&server, true).await;
    let db = shop("source", &server);
    db.reachable().await.unwrap();

    let who = db.identity(Some("select current_database()")).await.unwrap();
    let system = server.sql("postgres", "select system_identifier from pg_control_system()");
    assert_eq!((who.system, who.row), (system, Some(Value::text("shop"))));

    let tables = db.tables().await.unwrap();
    let names: Vec<&str> = tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["public.customers", "public.orders"]);
    assert!(tables[0].integer_key && !tables[1].integer_key);
    assert_eq!(tables[1].key, ["id"]);

    let before = db.schema().await.unwrap();
    let from = db.redefined(None).await.unwrap().until.unwrap();
    server.sql("shop", "alter table orders add column note text; create index by_customer on orders (customer); create sequence s");
    let changes: Vec<String> =
        before.changes_to(&db.schema().await.unwrap()).iter().map(ToString::to_string).collect();
    assert_eq!(
        changes,
        [
            "table public.orders was altered",
            "index public.by_customer was added",
            "sequence public.s was added"
        ]
    );

    // Who it was, by the event triggers that the convention has made.
    let noted = db.redefined(Some(&from)).await.unwrap();
    let commands: Vec<(&str, &str)> =
        noted.changes.iter().rev().map(|change| (change.object.as_str(), change.command.as_str())).collect();
    assert_eq!(
        commands,
        [
            ("public.orders", "ALTER TABLE"),
            ("public.by_customer", "CREATE INDEX"),
            ("public.s", "CREATE SEQUENCE")
        ]
    );
    assert!(
        noted.changes.iter().all(|change| change.by.starts_with("postgres psql from 127.0.0.1")),
        "{noted:?}"
    );
    // Rows of the catalogue that have moved change nothing of what they say.
    server.sql("shop", "create publication p for table customers, orders");
    let still = db.schema().await.unwrap();
    server
        .sql("shop", "alter table customers set (fillfactor = 90); alter table customers reset (fillfactor)");
    server.sql("shop", "vacuum full pg_class");
    assert_eq!(still.changes_to(&db.schema().await.unwrap()), []);

    let rows = db.query("select 1 as one, null as two").await.unwrap();
    assert_eq!(
        (rows.columns, rows.rows),
        (vec!["one".to_owned(), "two".to_owned()], vec![vec![Value::text("1"), Value::Null]])
    );
    let refused = db.query("delete from orders").await.unwrap_err();
    assert_eq!(refused.code(), Some("25006"), "{refused}");
    let two = db.query("select 1; commit; delete from orders").await.unwrap_err();
    assert_eq!(two.code(), Some("42601"), "{two}");

    let done = db
        .statement(
            "insert into customers values (1, 'a'), (2, 'b'); update customers set name = 'c' where id = 2",
        )
        .await;
    assert_eq!(done.unwrap().rows, 3);
    let torn = db
        .statement("insert into customers values (3, 'x'); commit; insert into customers values (4, 'y')")
        .await;
    assert!(matches!(torn, Err(Error::Broken { .. })), "{torn:?}");
    assert_eq!(db.count("public.customers").await.unwrap(), 4, "it is said, since it cannot be undone");

    let from = db.redefined(None).await.unwrap().until.unwrap();
    server.sql("shop", "drop sequence s; create temp table passing (id int)");
    db.note_writes().await.unwrap();
    let noted = db.redefined(Some(&from)).await.unwrap();
    let commands: Vec<&str> = noted.changes.iter().map(|change| change.command.as_str()).collect();
    assert_eq!(commands, ["DROP SEQUENCE"], "neither what is temporary nor what is ours");

    // The server tells nobody on what a right was given.
    server.sql("shop", "alter table customers add column note text");
    server.sql(
        "shop",
        "create role ann superuser; set session authorization ann; grant select on orders to public",
    );
    let noted = db.redefined(Some(&from)).await.unwrap();
    let who = |object| noted.of(object).map(|by| (by.command.as_str(), by.by.split(' ').next().unwrap()));
    assert_eq!(who("table public.customers"), Some(("ALTER TABLE", "postgres")));
    assert_eq!(who("table public.orders"), Some(("GRANT", "ann")), "{noted:?}");
}

#[tokio::test]
async fn a_server_that_is_killed_hangs_or_comes_back_is_told_as_it_is() {
    let mut server = Postgres::start();
    furnish(&server, true).await;
    let db = at("source", server.url("shop", "postgres"), Duration::from_secs(2));
    db.position().await.unwrap();

    server.kill();
    let why = db.position().await.unwrap_err();
    assert!(matches!(why, Error::NotReachable { .. }), "{why}");
    server.up();
    let began = Instant::now();
    while db.position().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10), "it does not come back by itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    server.freeze(true);
    let why = db.position().await.unwrap_err();
    assert!(matches!(why, Error::TimedOut { .. }), "{why}");
    server.freeze(false);
    while db.position().await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // A question that is given up does not run on in the server.
    let slow = at("source", server.url("shop", "postgres"), Duration::from_millis(500));
    let why = slow.query("select pg_sleep(30)").await.unwrap_err();
    assert!(matches!(why, Error::TimedOut { .. }), "{why}");
    super::servers::wait("the slow query ends", || {
        let left = server.sql(
            "shop",
            "select count(*) from pg_stat_activity where query = 'select pg_sleep(30)' and state = 'active'",
        );
        (left == "0").then_some(())
    });

    server.sql("postgres", "alter role app connection limit 0");
    let app = at("app", server.url("shop", "app"), LIMIT);
    let why = app.reachable().await.unwrap_err();
    assert_eq!(why.code(), Some("53300"), "{why}");
}

#[tokio::test]
async fn rows_that_differ_are_named_whatever_their_types() {
    let (left, right) = (Postgres::start(), Postgres::start());
    let odd = "create type mood as enum ('well', 'ill');
        create table odd (a bigint, b text, n numeric, f float8, t timestamptz, i interval, j json, jb jsonb, m mood,
          arr text[], by bytea, c char(5), u uuid, p point, primary key (a, b));
        insert into odd select g, 'k' || g, g / 3.0, g / 7.0, '2026-01-01Z'::timestamptz + g * interval '1 s', g * interval '1 day',
          '{\"a\": 1}', '{\"a\": 1}', 'well', array['x', null], '\\x00ff', 'ab', gen_random_uuid_from(g), point(g, g)
        from generate_series(1, 3000) g;
        create table keyless (x int, y text);
        insert into keyless select g % 10, 'same' from generate_series(1, 500) g";
    for server in [&left, &right] {
        furnish(server, false).await;
        server.sql("shop", "create function gen_random_uuid_from(g bigint) returns uuid language sql immutable as $$ select md5(g::text)::uuid $$");
        server.sql("shop", odd);
        server.sql("shop", "insert into orders select md5(g::text)::uuid, g, g from generate_series(1, 5000) g; insert into customers select g - 100, 'c' from generate_series(1, 5000) g");
    }
    let sides = Sides { source: shop("source", &left), target: shop("target", &right), link: None };
    let request = Request { patience: Duration::from_secs(6), ..Request::default() };
    let same = compare(&sides, &request, &mut |_, _| std::ops::ControlFlow::Continue(())).await;
    assert_eq!(same.verdict(), Verdict::Same, "{same:?}");

    right.sql(
        "shop",
        "update odd set i = interval '1 month' where a = 30; update odd set f = f + 1e-15 where a = 8;
         update odd set j = '{\"a\":1}' where a = 9; update odd set n = 1.0 where a = 3;
         delete from orders where customer = 77; insert into customers values (99999, 'stray');
         update customers set name = 'other' where id = -50; insert into keyless values (1, 'same')",
    );
    let outcome = compare(&sides, &request, &mut |_, _| std::ops::ControlFlow::Continue(())).await;
    assert_eq!(outcome.verdict(), Verdict::Different, "{outcome:?}");
    let mut found: Vec<String> = outcome
        .tables
        .iter()
        .flat_map(|t| {
            t.differences.iter().map(move |d| {
                let key = d.key.iter().filter_map(|(_, v)| v.plain()).collect::<Vec<_>>().join(",");
                format!("{} {key} {:?}", t.name, d.kind)
            })
        })
        .collect();
    found.sort();
    let told = found.join("\n");
    for part in [
        "public.odd 30,k30",
        "public.odd 8,k8",
        "public.odd 9,k9",
        "public.odd 3,k3",
        "public.customers 99999 Extra",
        "public.customers -50",
        "public.keyless",
    ] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
    assert_eq!(outcome.different(), 8, "{told}");
}
