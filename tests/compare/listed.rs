//! Which tables are looked at: each once, whatever it is made of; and none left out without a word.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use cutover::compare::tables::{
    Load, Outcome, Progress, Request, SchemaDifference, Stage, TableOutcome, Verdict, compare_with,
};
use cutover::databases::Value;

use crate::common::{
    Maria, Pg, agree, changed, compared, compared_with, database, lines, not_proved, run, table, text,
    written,
};
use crate::mariadb::{ADMIN, APP};
use crate::servers::postgres::Postgres;

fn left_out(outcome: &Outcome) -> BTreeMap<&str, &str> {
    outcome.left_out.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_read_once_through_their_table_and_heirs_by_themselves() {
    let pg = Pg::start().await;
    pg.both(
        "create table p (id int, d date, v text, primary key (id, d)) partition by range (d);
         create table p_old partition of p for values from (minvalue) to ('2024-01-01') partition by hash (id);
         create table p_old_0 partition of p_old for values with (modulus 2, remainder 0);
         create table p_old_1 partition of p_old for values with (modulus 2, remainder 1);
         create table p_rest partition of p default;
         insert into p select i, '2023-12-01'::date + i, 'v' from generate_series(1, 90) i;
         create table elder (id int primary key, v text);
         create table heir (more int) inherits (elder); alter table heir add primary key (id);
         insert into elder select i, 'v' from generate_series(1, 50) i;
         insert into heir select i, 'v', i from generate_series(40, 99) i;
         create table \"odd.\"\"name\" (id int primary key, \"a.b \"\"c\" text); insert into \"odd.\"\"name\" values (1, 'x')",
    )
    .await;
    let same = compared(&pg.sides()).await;
    assert_eq!(same.verdict(), Verdict::Same);
    let names: Vec<(&str, Option<u64>)> =
        same.tables.iter().map(|t| (t.name.as_str(), t.rows_source)).collect();
    assert_eq!(
        names,
        [
            ("public.elder", Some(50)),
            ("public.heir", Some(60)),
            ("public.odd.\"name", Some(1)),
            ("public.p", Some(90))
        ]
    );
    run(
        &pg.target,
        "update p set v = 'w' where id = 7; update only elder set v = 'w' where id = 45; update heir set v = 'w' where id = 46;
         update \"odd.\"\"name\" set \"a.b \"\"c\" = 'y'",
    )
    .await;
    let expected = [
        changed("public.elder", &["45"], "v"),
        changed("public.heir", &["46"], "v"),
        changed("public.odd.\"name", &["1"], "a.b \"c"),
        changed("public.p", &["7", "2023-12-08"], "v"),
    ];
    agree(&lines(&compared(&pg.sides()).await), &expected, "partitions and heirs");
    // The same rows in other partitions are the same rows.
    run(&pg.target, "update p set v = 'v'; update elder set v = 'v'; update \"odd.\"\"name\" set \"a.b \"\"c\" = 'x';
         alter table p detach partition p_rest; create table p_rest2 partition of p for values from ('2024-01-01') to (maxvalue);
         insert into p select * from p_rest; drop table p_rest").await;
    let outcome = compared(&pg.sides()).await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{:?}", lines(&outcome));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_no_rows_of_its_own_is_left_out_by_name() {
    let pg = Pg::start().await;
    pg.both(
        "create table t (id int primary key, v text, g text generated always as (upper(v)) stored, gone int);
         alter table t drop column gone; insert into t values (1, 'a');
         create unlogged table quick (id int primary key); insert into quick values (1);
         create temporary table mine (id int);
         create view seen as select * from t; create materialized view kept as select * from t;
         create extension file_fdw; create server files foreign data wrapper file_fdw;
         create foreign table far (a text) server files options (filename '/nowhere');
         create extension hstore; create table of_hstore (a int); alter extension hstore add table of_hstore;
         create sequence numbers",
    )
    .await;
    let outcome = compared(&pg.sides()).await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{:?}", outcome.unfinished);
    let names: Vec<&str> = outcome.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["public.quick", "public.t"]);
    assert_eq!(
        left_out(&outcome),
        BTreeMap::from([
            ("public.far", "a foreign table, whose rows another server has"),
            ("public.kept", "a materialized view is made of other tables: refresh it at the target"),
            ("public.of_hstore", "the extension hstore makes its rows"),
            ("public.seen", "a view has no rows of its own"),
        ])
    );
    // What is computed differs when it was computed otherwise.
    run(&pg.target, "drop view seen; drop materialized view kept; alter table t drop column g; alter table t add column g text generated always as (lower(v)) stored; update t set v = 'b'").await;
    agree(
        &lines(&compared(&pg.sides()).await),
        &[written("public.t", "changed", &[text(&Value::text("1"))], &["v".into(), "g".into()])],
        "generated",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_the_account_may_not_read_whole_are_not_proved() {
    let pg = Pg::start().await;
    pg.both(
        "create table open (id int primary key); insert into open values (1);
         create table shut (id int primary key); insert into shut values (1);
         create table part (id int primary key, secret text); insert into part values (1, 'a');
         create table by_columns (id int primary key, v text); insert into by_columns values (1, 'a');
         create table hidden (id int primary key, owner text); insert into hidden values (1, 'reader'), (2, 'other');
         alter table hidden enable row level security; create policy own on hidden using (owner = current_user);
         create schema closed; create table closed.t (id int primary key);
         do $$ begin create role reader login; exception when duplicate_object then null; end $$;
         grant select on open, hidden, closed.t to reader; grant select (id) on part to reader;
         grant select (id, v) on by_columns to reader",
    )
    .await;
    // What is hidden differs, and what is seen is the same.
    run(&pg.target, "delete from hidden where id = 2; delete from shut; update part set secret = 'b'").await;
    let outcome = compared(&pg.sides_as("reader")).await;
    let why = |name: &str| not_proved(table(&outcome, name).verdict());
    for (name, expected) in [
        ("public.shut", "at the source reader may not read all of it: grant it SELECT"),
        ("public.part", "at the source reader may not read all of it: grant it SELECT"),
        ("closed.t", "at the source reader may not read all of it: grant it SELECT"),
        ("public.hidden", "at the source row level security may hide rows of it from reader"),
    ] {
        assert!(why(name).starts_with(expected), "{name}: {}", why(name));
        assert_eq!(table(&outcome, name).rows_source, None);
    }
    assert_eq!(table(&outcome, "public.open").verdict(), Verdict::Same);
    assert_eq!(table(&outcome, "public.by_columns").verdict(), Verdict::Same);
    assert!(not_proved(outcome.verdict()).contains("reader"), "{outcome:?}");
    let some = Request { include: vec!["public.open".into(), "public.by*".into()], ..Request::default() };
    assert_eq!(compared_with(&pg.sides_as("reader"), some).await.verdict(), Verdict::Same);
    // The owner sees every row.
    assert_eq!(table(&compared(&pg.sides()).await, "public.hidden").missing, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_standby_never_has_are_not_proved_there() {
    let source = Postgres::start();
    source.sql("postgres", "create table t (id int primary key); insert into t values (1); create unlogged table quick (id int primary key)");
    let standby = Postgres::standby_of(&source);
    let sides = cutover::compare::tables::Sides {
        source: database("postgres", "source", source.url("postgres", "postgres")),
        target: database("postgres", "target", standby.url("postgres", "postgres")),
        link: None,
    };
    let outcome = compared(&sides).await;
    assert_eq!(table(&outcome, "public.t").verdict(), Verdict::Same, "{:?}", outcome.unfinished);
    let why = not_proved(table(&outcome, "public.quick").verdict());
    assert_eq!(why, "at the target it is unlogged, and a standby has none of its rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_mariadb_are_looked_at_or_named() {
    let maria = Maria::start();
    maria.both(
        "create table t (id int primary key, v varchar(9), g varchar(9) as (upper(v)) virtual, s varchar(9) as (lower(v)) persistent, i int invisible default 3);
         insert into t (id, v) values (1, 'a'), (2, 'b');
         create table parts (id int primary key, v int) partition by hash (id) partitions 4; insert into parts select seq, seq from seq_1_to_50;
         create table versions (id int primary key, v int) with system versioning; insert into versions values (1, 1); update versions set v = 2;
         create table old (id int primary key) engine = MyISAM; create table aria (id int primary key) engine = Aria;
         create table all_old (id int) engine = MERGE union = (old); create view seen as select * from t; create sequence numbers",
    );
    let outcome = compared(&maria.sides()).await;
    assert_eq!(
        left_out(&outcome),
        BTreeMap::from([
            ("all_old", "its engine keeps no rows of its own"),
            ("numbers", "a sequence has a number and no rows"),
            ("seen", "a view has no rows of its own"),
            ("versions (earlier versions)", "only rows as they are now are compared"),
        ])
    );
    assert_eq!(outcome.unfinished, None);
    for name in ["old", "aria"] {
        let why = not_proved(table(&outcome, name).verdict());
        assert!(why.contains("has no transactions"), "{why}");
    }
    for (name, rows) in [("t", 2), ("parts", 50), ("versions", 1)] {
        assert_eq!(
            (table(&outcome, name).verdict(), table(&outcome, name).rows_source),
            (Verdict::Same, Some(rows))
        );
    }
    Maria::on(
        &maria.target,
        "update t set i = 4 where id = 1; update t set v = 'c' where id = 2; update parts set v = 0 where id = 9; update versions set v = 3",
    );
    let except = Request { except: vec!["old".into(), "aria".into()], ..Request::default() };
    let key = |n: i64| [text(&Value::Integer(n))];
    let expected = [
        written("parts", "changed", &key(9), &["v".into()]),
        written("t", "changed", &key(1), &["i".into()]),
        written("t", "changed", &key(2), &["v".into(), "g".into(), "s".into()]),
        written("versions", "changed", &key(1), &["v".into()]),
    ];
    agree(&lines(&compared_with(&maria.sides(), except).await), &expected, "tables of MariaDB");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_an_account_of_mariadb_is_not_shown_are_not_proved() {
    let maria = Maria::start();
    maria.both(
        "create table open (id int primary key); create table shut (id int primary key);
         create table part (id int primary key, secret int);
         insert into open values (1); insert into shut values (1); insert into part values (1, 1);
         grant select on t.open to app@'%'; grant select (id) on t.part to app@'%';
         create role readers; grant select on t.* to readers;
         create user clerk@'%' identified by 'secret'; grant readers to clerk@'%'; set default role readers for clerk@'%'",
    );
    Maria::on(&maria.target, "update shut set id = 2; update part set secret = 2");
    let outcome = compared(&maria.sides_as(APP)).await;
    let why = not_proved(outcome.verdict());
    assert!(why.contains("may not read all of it"), "{why}");
    let why = not_proved(table(&outcome, "(unseen at the source)").verdict());
    assert!(why.contains("is shown only tables that it has rights to: grant it SELECT on `t`.*"), "{why}");
    assert!(not_proved(table(&outcome, "part").verdict()).contains("may not read all of it"));
    assert_eq!(table(&outcome, "open").verdict(), Verdict::Same);
    let only = |pattern: &str| Request { include: vec![pattern.into()], ..Request::default() };
    assert_eq!(compared_with(&maria.sides_as(APP), only("open")).await.verdict(), Verdict::Same);
    not_proved(compared_with(&maria.sides_as(APP), only("o*")).await.verdict());
    // By a role, or by the right to all of it, every table is seen.
    for account in ["clerk", ADMIN] {
        assert_eq!(compared(&maria.sides_as(account)).await.different(), 3, "{account}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_otherwise_is_compared_and_columns_are_left_out() {
    let pg = Pg::start().await;
    run(
        &pg.source,
        "create table orders (id int primary key, total numeric, etag text);
         insert into orders select i, i, 'here' from generate_series(1, 500) i;
         create table notes (a int, b text); insert into notes values (1, 'x'), (1, 'x')",
    )
    .await;
    run(
        &pg.target,
        "create schema sales; create table sales.bookings (nr int primary key, amount numeric, etag text, loaded timestamptz);
         insert into sales.bookings select i, i, 'there', now() from generate_series(1, 500) i;
         create table notes (a int, b text, c int); insert into notes values (1, 'x', 1), (1, 'x', 2)",
    )
    .await;
    let asked = || Request {
        rename: [
            ("public.orders", "sales.bookings"),
            ("public.orders.id", "nr"),
            ("public.orders.total", "amount"),
        ]
        .into_iter()
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect(),
        without: ["public.orders.etag", "*.loaded", "public.notes.c"].map(str::to_owned).into(),
        ..Request::default()
    };
    let outcome = compared_with(&pg.sides(), asked()).await;
    assert_eq!(outcome.verdict(), Verdict::Same, "{:?} {:?}", outcome.unfinished, outcome.tables);
    assert_eq!(
        table(&outcome, "public.orders").proves(),
        "every row, by its primary key; it is sales.bookings at the target; without etag; id is nr at the target; \
         total is amount at the target; without loaded, which only the target has"
    );
    run(
        &pg.target,
        "update sales.bookings set amount = 8 where nr = 7; delete from sales.bookings where nr = 9;
         insert into sales.bookings values (501, 1); insert into notes values (2, 'y', 3)",
    )
    .await;
    let outcome = compared_with(&pg.sides(), asked()).await;
    let mut expected = [
        changed("public.orders", &["7"], "total"),
        written("public.orders", "missing", &[text(&Value::text("9"))], &[]),
        written("public.orders", "extra", &[text(&Value::text("501"))], &[]),
        written("public.notes", "extra", &[text(&Value::text("2")), text(&Value::text("y"))], &[]),
    ];
    expected.sort_unstable();
    agree(&lines(&outcome), &expected, "renamed");
    // A slip of the pen is said: what it was to say would silently not hold.
    let slip = |change: fn(&mut Request)| {
        let mut request = asked();
        change(&mut request);
        let sides = pg.sides();
        async move { compared_with(&sides, request).await.unfinished.unwrap() }
    };
    let why = slip(|r| drop(r.rename.insert("public.order".into(), "x".into()))).await;
    assert!(why.contains("\"public.order\" is neither a table"), "{why}");
    let why = slip(|r| drop(r.rename.insert("public.notes".into(), "sales.bookings".into()))).await;
    assert!(why.contains("two tables of the source are called \"sales.bookings\""), "{why}");
    let why = slip(|r| r.without.push("public.orders.etga".into())).await;
    assert!(why.contains("fits no column"), "{why}");
    let why = slip(|r| r.without.push("public.orders.id".into())).await;
    assert!(why.contains("is of the primary key"), "{why}");
    // What the target calls by a table's name may be another's: then it has none for this one.
    let taken = Request {
        rename: [("public.orders".to_owned(), "public.notes".to_owned())].into(),
        ..Request::default()
    };
    let outcome = compared_with(&pg.sides(), taken).await;
    assert_eq!(table(&outcome, "public.notes").schema, [SchemaDifference::TableMissing]);
    // Without being told, the tables are two.
    let outcome = compared(&pg.sides()).await;
    assert_eq!(table(&outcome, "public.orders").verdict(), Verdict::Different);
    assert_eq!(table(&outcome, "sales.bookings").verdict(), Verdict::Different);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_written_anew_while_it_is_compared_is_not_proved() {
    let pg = Pg::start().await;
    pg.both(
        "create table a (id int primary key, v text); insert into a select i, repeat(md5(i::text), 4) from generate_series(1, 700000) i;
         create table b (id int primary key, v text); insert into b values (1, 'x'); analyze",
    )
    .await;
    run(&pg.target, "update b set v = 'y'").await;
    // As soon as the first table is read, and long before the second is.
    let (begun, mut begins) = tokio::sync::mpsc::channel(1);
    let alter = async {
        begins.recv().await.unwrap();
        pg.both("alter table b alter column v type text using v || 'z'").await;
    };
    let (sides, request, load) = (pg.sides(), Request::default(), Load::new(1));
    let mut tell = |progress: &Progress, _: &[TableOutcome]| {
        if progress.stage == Stage::Digesting {
            let _full = begun.try_send(());
        }
        ControlFlow::Continue(())
    };
    let (outcome, ()) = tokio::join!(compare_with(&sides, &request, &load, None, &mut tell), alter);
    assert_eq!(table(&outcome, "public.a").verdict(), Verdict::Same, "{:?}", outcome.unfinished);
    let why = not_proved(table(&outcome, "public.b").verdict());
    assert!(why.contains("it was altered at the"), "{why}");
    // At rest again it says what is so.
    let outcome = compared(&sides).await;
    assert_eq!(lines(&outcome), [changed("public.b", &["1"], "v")], "{:?}", outcome.unfinished);
}

/// A type that was changed on the way makes every row differ by its text; cast to one, only what differs does.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cast_is_compared_as_that_type() {
    let (pg, maria) = (Pg::start().await, Maria::start());
    run(
        &pg.source,
        "create table t (id int primary key, at timestamp, n varchar(9), doc json);
         insert into t values (1, '2026-01-01 00:00', '007', '{\"a\":1}'), (2, '2026-01-01 00:00', '8', null), (3, null, '9', '[1]')",
    )
    .await;
    run(
        &pg.target,
        "create table t (id int primary key, at timestamptz, n int, doc jsonb);
         insert into t values (1, '2026-01-01 00:00+00', 7, '{\"a\": 1}'), (2, '2026-01-01 00:00+01', 8, null), (3, null, 9, '[1.0]')",
    )
    .await;
    let casts = |of: &[(&str, &str)]| {
        let cast = of.iter().map(|(column, to)| ((*column).to_owned(), (*to).to_owned())).collect();
        Request { cast, ..Request::default() }
    };
    let all = [("public.t.at", "timestamptz"), ("public.t.n", "integer"), ("public.t.doc", "jsonb")];
    let outcome = compared_with(&pg.sides(), casts(&all)).await;
    assert_eq!(lines(&outcome), [changed("public.t", &["2"], "at"), changed("public.t", &["3"], "doc")]);
    let told = table(&outcome, "public.t");
    assert_eq!((told.schema.as_slice(), told.aside.len()), (&[][..], 3), "{:?}", told.aside);
    let without = compared(&pg.sides()).await;
    assert_eq!(table(&without, "public.t").changed, 3, "{:?}", lines(&without));

    Maria::on(
        &maria.source,
        "create table t (id int primary key, n varchar(9), d varchar(20));
         insert into t values (1, '007', '2026-01-01'), (2, '8', '2026-01-02'), (3, '9', 'never'), (4, null, null)",
    );
    Maria::on(
        &maria.target,
        "create table t (id int primary key, n int, d date);
         insert into t values (1, 7, '2026-01-01'), (2, 9, '2026-01-02'), (3, 9, null), (4, null, null)",
    );
    let outcome = compared_with(&maria.sides(), casts(&[("t.n", "signed"), ("t.d", "date")])).await;
    let key = |n: i64| [text(&Value::Integer(n))];
    assert_eq!(
        lines(&outcome),
        [written("t", "changed", &key(2), &["n".into()]), written("t", "changed", &key(3), &["d".into()])]
    );

    for (of, to, why) in [
        ("public.t.id", "bigint", "of the primary key"),
        ("public.t.x", "bigint", "is no column of the source"),
        ("public.t.n", "int); drop table t; --", "is no type"),
        ("public.t.n", "int) or (1", "is no type"),
        ("public.t.n", "", "is no type"),
    ] {
        let said = compared_with(&pg.sides(), casts(&[(of, to)])).await.unfinished.unwrap();
        assert!(said.contains(why), "{said}");
    }
    // A value that the server cannot cast proves nothing.
    run(&pg.source, "update t set n = 'x' where id = 1").await;
    let outcome = compared_with(&pg.sides(), casts(&all)).await;
    assert!(not_proved(outcome.verdict()).contains("invalid input syntax"), "{outcome:?}");
}
