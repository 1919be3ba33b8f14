//! Every trap that softer comparisons were seen to fall into, each by its name.

use cutover::compare::tables::{Equality, Request, Verdict};
use cutover::databases::Value;

use crate::common::{
    Maria, Pg, agree, changed, client, compared, compared_with, lines, not_proved, run, table, text, written,
};

/// Pairs of values that are two to people, each in a row of a table of PostgreSQL; every one has to be named, and the row
/// of the same two beside it not.
async fn told_apart(pairs: &[(&str, &str, &str)]) {
    let pg = Pg::start().await;
    let mut expected = Vec::new();
    for (at, (of, one, other)) in pairs.iter().enumerate() {
        pg.both(&format!("create table t{at} (id int primary key, v {of}); insert into t{at} values (1, {one}), (2, {one}), (3, {other})")).await;
        run(
            &pg.target,
            &format!("update t{at} set v = {other} where id = 1; update t{at} set v = {one} where id = 3"),
        )
        .await;
        for id in ["1", "3"] {
            expected.push(written(
                &format!("public.t{at}"),
                "changed",
                &[text(&Value::text(id))],
                &["v".to_owned()],
            ));
        }
    }
    expected.sort_unstable();
    let outcome = compared(&pg.sides()).await;
    assert_eq!(outcome.unfinished, None);
    agree(&lines(&outcome), &expected, &format!("{pairs:?}"));
    assert!(outcome.hashing.contains("as PostgreSQL writes them"), "which equality was proved is said");
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_neither_nought_nor_empty() {
    told_apart(&[
        ("float8", "null", "0.0"),
        ("float4", "null", "0"),
        ("numeric", "null", "0"),
        ("int8", "null", "0"),
        ("text", "null", "''"),
        ("bytea", "null", "''"),
        ("boolean", "null", "false"),
        ("text[]", "null", "'{}'"),
        ("text[]", "'{NULL}'", "'{}'"),
        ("jsonb", "null", "'null'"),
        ("interval", "null", "'0'"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_what_they_are_written_as() {
    told_apart(&[
        ("numeric", "1.0", "1.00"),
        ("numeric", "5", "-5"),
        ("numeric(14,2)", "1234.50", "-1234.50"),
        ("numeric", "0.110106036", "0.110106044"),
        ("float8", "'-0'", "0"),
        ("float4", "'-0'", "0"),
        ("float8", "0.1", "0.10000000000000002"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_bytes_are_not_folded_into_four() {
    told_apart(&[
        ("bigint", "-1", "4294967295"),
        ("bigint", "1", "4294967296"),
        ("timestamp", "'2000-01-01 00:00:00.000001'", "'2000-01-01 01:11:34.967296'"),
        // The upper four of their eight bytes are each other's complement, the lower four are the same.
        ("timestamp", "'2000-07-22 14:43:06.167872'", "'1999-06-11 08:05:19.111744'"),
        ("timestamptz", "'2000-07-22 14:43:06.167872+00'", "'1999-06-11 08:05:19.111744+00'"),
        ("timestamptz", "'2000-01-01 00:00:00.000001+00'", "'2000-01-01 01:11:34.967296+00'"),
        ("time", "'00:00:00.000001'", "'01:11:34.967296'"),
        ("pg_lsn", "'0/1'", "'1/0'"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_what_they_are_written_as() {
    told_apart(&[
        ("interval", "'1 day'", "'24 hours'"),
        ("interval", "'1 month'", "'30 days'"),
        ("timestamp", "'2025-01-01 00:00:00.000001'", "'2025-01-01 00:00:00.000002'"),
        ("timestamptz", "'2025-01-01 00:00:00.000001+00'", "'2025-01-01 00:00:00+00'"),
        ("timetz", "'12:00+00'", "'13:00+01'"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_what_they_are_written_as() {
    told_apart(&[
        ("jsonb", "'[[1],2]'", "'[[1,2]]'"),
        ("jsonb", "'{\"a\":{\"b\":1},\"c\":2}'", "'{\"a\":{\"b\":1,\"c\":2}}'"),
        ("jsonb", "'{\"due\":-5}'", "'{\"due\":5}'"),
        ("jsonb", "'{\"due\":1.0}'", "'{\"due\":1.00}'"),
        // What lies 32 places apart has changed places.
        (
            "jsonb",
            "(select jsonb_agg(n order by n) from generate_series(1, 40) n)",
            "(select jsonb_agg(case n when 1 then 33 when 33 then 1 else n end order by n) from generate_series(1, 40) n)",
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_without_a_hash_of_their_own_are_compared() {
    told_apart(&[
        ("json", "'{\"a\":1}'", "'{\"a\": 1}'"),
        ("xml", "'<a/>'", "'<a></a>'"),
        ("point", "'(0,0)'", "'(0,-0)'"),
        ("tsvector", "'a:1'", "'a:1A'"),
        ("bit(3)", "'101'", "'100'"),
        ("money", "1.00::money", "1.01::money"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_collation_folds_what_people_tell_apart() {
    told_apart(&[
        ("text", "'a'", "'a '"),
        ("text", "'a'", "'A'"),
        ("bpchar", "'a'", "'a '"),
        ("text", "'á'", "'a\u{301}'"),
        ("text", "'a'", "'a\u{200b}'"),
    ])
    .await;
}

/// Money is written with the sign and the digits of the server's country, objects by the session's path.
#[tokio::test(flavor = "multi_thread")]
async fn settings_of_a_side_change_no_value() {
    let pg = Pg::start().await;
    pg.both("create schema other; create table other.named (a int);
             create table t (id int primary key, m money, i interval, f float8, b bytea, z timestamptz, d date, o regclass, x xml, e text[]);
             insert into t values (1, 1234.5::numeric::money, '1 mon -1 day 01:02:03.5', 0.1, '\\x00ff', '2024-01-01 12:00+00', '2024-05-06', 'other.named', '<a/>', '{a,NULL}')").await;
    run(&pg.target, "alter role postgres in database target set search_path = other, public;
      alter role postgres in database target set intervalstyle = iso_8601; alter role postgres in database target set extra_float_digits = 0;
      alter role postgres in database target set bytea_output = escape; alter role postgres in database target set timezone = 'Asia/Kathmandu';
      alter role postgres in database target set datestyle = 'German'; alter role postgres in database target set xmloption = document").await;
    assert_eq!(compared(&pg.sides()).await.verdict(), Verdict::Same);
}

/// The sum of rows' hashes would stay when two rows have each other's value, were a row's hash itself a sum or an exclusive-or.
#[tokio::test(flavor = "multi_thread")]
async fn values_that_two_rows_have_swapped_are_found() {
    let pg = Pg::start().await;
    pg.both("create table t (id int primary key, a int, b text); insert into t select i, i * 7, 'row ' || i from generate_series(1, 60000) i").await;
    run(&pg.target, "update t set a = (select a from t o where o.id = t.id + case when t.id % 6 = 1 then 1 else -1 end) where id % 6 in (1, 2)").await;
    let outcome = compared(&pg.sides()).await;
    assert_eq!((table(&outcome, "public.t").changed, outcome.unfinished), (20_000, None));
}

/// … nor does a row stay the same when two of its columns have each other's value, or both have none.
#[tokio::test(flavor = "multi_thread")]
async fn values_that_two_columns_have_swapped_are_found() {
    let pg = Pg::start().await;
    let types = [
        ("float8", "0, -0, null, 1, NaN"),
        ("int8", "0, 1, -1, null, 4294967295, 4294967296"),
        ("timestamptz", "2000-01-01 00:00+00, 1999-12-31 23:59:59.999999+00, null, infinity, -infinity"),
        ("date", "2000-01-01, 1999-12-31, null, infinity, -infinity"),
        ("text", "x, y, null, null again"),
        ("bytea", "\\x, \\x00, null"),
        ("numeric", "0, 0.0, null, -1, 1"),
        ("bool", "true, false, null"),
    ];
    for (of, values) in types {
        pg.both(&format!(
            "create table t_{of} (a {of}, b {of}, c {of}, d {of}, id int generated always as identity primary key);
             with v as (select nullif(v, 'null')::{of} v from unnest(string_to_array('{values}', ', ')) v)
             insert into t_{of} select a.v, b.v, null, c.v from v a, v b, v c"
        ))
        .await;
        run(&pg.target, &format!("update t_{of} set a = b, b = a, c = d, d = c")).await;
    }
    let outcome = compared(&pg.sides()).await;
    for (of, values) in types {
        let values: Vec<&str> = values.split(", ").collect();
        // Every row but those in which both pairs are of one value.
        let (all, same) = (values.len().pow(3), values.len());
        let found = table(&outcome, &format!("public.t_{of}"));
        assert_eq!((found.changed, found.rows_source), ((all - same) as u64, Some(all as u64)), "{of}");
    }
    assert_eq!(outcome.unfinished, None);
}

/// A server goes only so deep into an expression.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_as_many_columns_as_there_can_be_is_compared() {
    let pg = Pg::start().await;
    let columns: Vec<String> = (1..1_600).map(|n| format!("c{n} int default {n}")).collect();
    pg.both(&format!(
        "create table t (id int primary key, {}); insert into t values (1), (2)",
        columns.join(", ")
    ))
    .await;
    run(&pg.target, "update t set c1599 = 7 where id = 2").await;
    let outcome = compared(&pg.sides()).await;
    agree(&lines(&outcome), &[changed("public.t", &["2"], "c1599")], "wide");
    assert_eq!(outcome.unfinished, None);
}

/// … and a table may have none.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_columns_is_compared_by_how_many_rows_it_has() {
    let pg = Pg::start().await;
    pg.both("create table t (); insert into t default values; insert into t default values").await;
    let outcome = compared(&pg.sides()).await;
    assert_eq!((outcome.verdict(), table(&outcome, "public.t").rows_source), (Verdict::Same, Some(2)));
    run(&pg.target, "insert into t default values").await;
    assert_eq!(table(&compared(&pg.sides()).await, "public.t").extra, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_counts_do_not_hide_100_missing_and_100_extra_rows() {
    let (pg, maria) = (Pg::start().await, Maria::start());
    let fill = "create table t (id bigint primary key, v varchar(20))";
    pg.both(&format!("{fill}; insert into t select i, 'row ' || i from generate_series(-10000, 10000) i"))
        .await;
    maria.both(&format!(
        "{fill}; insert into t select cast(seq as signed) - 10001, concat('row ', seq) from seq_1_to_20001"
    ));
    let less = |digit: u32| format!("delete from t where abs(id) % 200 = {digit}");
    run(&pg.source, &less(7)).await;
    run(&pg.target, &less(8)).await;
    Maria::on(&maria.source, &less(7));
    Maria::on(&maria.target, &less(8));
    for (sides, name) in [(pg.sides(), "public.t"), (maria.sides(), "t")] {
        let outcome = compared(&sides).await;
        let found = table(&outcome, name);
        assert_eq!(found.rows_source, found.rows_target);
        assert_eq!((found.missing, found.extra, found.changed), (100, 100, 0), "{name}");
        assert_eq!(lines(&outcome).len(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_count_in_a_table_without_a_key() {
    let (pg, maria) = (Pg::start().await, Maria::start());
    let fill = "create table t (a int, b varchar(9)); insert into t values (1, 'x'), (1, 'x'), (2, 'y'), (null, null)";
    pg.both(fill).await;
    maria.both(fill);
    // Two of one row are two of another: equal counts, an equal exclusive-or.
    let change = "delete from t where a = 1; insert into t values (3, 'z'), (3, 'z'), (2, 'y'); delete from t where a is null";
    for (sides, name) in [(pg.sides(), "public.t"), (maria.sides(), "t")] {
        let same = compared(&sides).await;
        assert_eq!(same.verdict(), Verdict::Same);
        assert_eq!(table(&same, name).equality, Equality::Multiset);
    }
    run(&pg.target, change).await;
    Maria::on(&maria.target, change);
    for (sides, name) in [(pg.sides(), "public.t"), (maria.sides(), "t")] {
        let outcome = compared(&sides).await;
        let found = table(&outcome, name);
        assert_eq!((found.missing, found.extra, found.changed), (3, 3, 0), "{:?}", lines(&outcome));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_at_the_ends_of_their_type_are_compared() {
    let (pg, maria) = (Pg::start().await, Maria::start());
    let ends = [i64::MIN, i64::MIN + 1, -3000, -1, 0, 1, 2999, i64::MAX - 1, i64::MAX];
    let values: Vec<String> = ends.iter().map(|n| format!("({n}, 'v')")).collect();
    let fill = format!(
        "create table t (id bigint primary key, v varchar(9)); insert into t values {}",
        values.join(", ")
    );
    pg.both(&fill).await;
    maria.both(&fill);
    let change = format!(
        "update t set v = 'w' where id in ({}, -1, {}); delete from t where id in (-3000, {})",
        i64::MIN,
        i64::MAX,
        i64::MAX - 1
    );
    run(&pg.target, &change).await;
    Maria::on(&maria.target, &change);
    for (sides, name) in [(pg.sides(), "public.t"), (maria.sides(), "t")] {
        let outcome = compared(&sides).await;
        let found = table(&outcome, name);
        assert_eq!((found.missing, found.extra, found.changed), (2, 0, 3), "{:?}", outcome.unfinished);
    }
}

/// What we call things in our questions may be what people call theirs.
#[tokio::test(flavor = "multi_thread")]
async fn names_of_people_and_of_our_questions_are_not_confused() {
    let pg = Pg::start().await;
    let names = ["b", "d", "h", "x", "beside", "wanted", "rows", "sum"];
    for name in names {
        let columns = "bucket int, hash int, rows int, sum int, beside int, cutover_low int, k1 int";
        pg.both(&format!(
            "create table \"{name}\" (low int primary key, {columns}, high bigint);
             insert into \"{name}\" select i, 0, 0, 0, 0, 0, 0, 0, 4294967295 + i from generate_series(-3000, 3000) i;
             analyze \"{name}\""
        ))
        .await;
        run(&pg.target, &format!("update \"{name}\" set k1 = 1 where low = -7")).await;
    }
    let outcome = compared(&pg.sides()).await;
    let mut expected = names.map(|name| changed(&format!("public.{name}"), &["-7"], "k1"));
    expected.sort_unstable();
    assert_eq!(lines(&outcome), expected, "{:?}", outcome.unfinished);
}

/// `concat_ws` passes over NULL, and a value that holds a separator moves a border.
#[tokio::test(flavor = "multi_thread")]
async fn values_do_not_run_into_each_other() {
    let maria = Maria::start();
    maria.both("create table t (id int primary key, a varchar(9), b varchar(9), c varbinary(9))");
    Maria::on(
        &maria.source,
        "insert into t values (1, 'x', null, null), (2, 'x,y', 'z', 'q'), (3, 'n', 'n', 'n'), (4, '', 't1:a', ''), (5, '1', '', '')",
    );
    Maria::on(
        &maria.target,
        "insert into t values (1, null, 'x', null), (2, 'x', 'y,z', 'q'), (3, 'n', null, 'n'), (4, 't1:a', '', ''), (5, '', '1', '')",
    );
    assert_eq!(table(&compared(&maria.sides()).await, "t").changed, 5);
}

/// A server that hashes a known row otherwise is not compared with: nothing could be made of its hashes.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_hash_otherwise_are_told_by_a_known_row() {
    let pg = Pg::start().await;
    pg.both("create table t (id int primary key); insert into t values (1)").await;
    assert_eq!(compared(&pg.sides()).await.verdict(), Verdict::Same);
    // As another version might: bytes, by the hash of another type.
    run(&pg.target, "set allow_system_table_mods = on;
      update pg_amproc set amproc = 'hashint4extended'::regproc where amproclefttype = 'bytea'::regtype and amproc = 'hashvarlenaextended'::regproc").await;
    let outcome = compared(&pg.sides()).await;
    let why = not_proved(outcome.verdict());
    assert!(why.contains("target: it hashes the same row otherwise than source"), "{why}");
}

/// Text is its characters, whatever bytes a database keeps them in; where those have no meaning, it is its bytes.
#[tokio::test(flavor = "multi_thread")]
async fn encodings_of_the_two_sides_may_differ() {
    let pg = Pg::start().await;
    for (name, encoding) in [("latin", "LATIN1"), ("bytes", "SQL_ASCII")] {
        let sql = format!(
            "create database {name} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
        );
        pg.server.sql("postgres", &sql);
    }
    let fill = "create table t (id int primary key, v text, c char(4), j json, b jsonb, a text[]);
                insert into t values (1, 'é', 'u', '{\"ö\": 1}', '{\"ö\": [1.0]}', '{ñ}'), (2, 'e', 'u', '{}', '{}', '{}')";
    let at = |name: &str| crate::common::database("postgres", name, pg.server.url(name, "postgres"));
    for name in ["source", "latin", "bytes"] {
        run(&client(&pg.server, name).await, fill).await;
    }
    for other in ["latin", "bytes"] {
        let sides = cutover::compare::tables::Sides { source: at("source"), target: at(other), link: None };
        assert_eq!(compared(&sides).await.verdict(), Verdict::Same, "{other}");
        run(&client(&pg.server, other).await, "update t set v = 'è' where id = 1").await;
        let outcome = compared(&sides).await;
        assert_eq!(
            lines(&outcome),
            [written("public.t", "changed", &[text(&Value::text("1"))], &["v".to_owned()])]
        );
        let row = table(&outcome, "public.t").differences[0].target.clone().unwrap();
        assert_eq!(row[1].1, Value::text("è"));
    }
    // Bytes that are no text at all.
    run(&client(&pg.server, "bytes").await, "update t set v = E'\\xff\\xfe' where id = 1").await;
    let sides = cutover::compare::tables::Sides { source: at("source"), target: at("bytes"), link: None };
    let row = table(&compared(&sides).await, "public.t").differences[0].target.clone().unwrap();
    assert_eq!(row[1].1, Value::Text(vec![0xff, 0xfe]));
}

/// A type that holds more on one side is a difference of the table, and not of each of its rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_differs_makes_no_row_differ() {
    let (pg, maria) = (Pg::start().await, Maria::start());
    let rows = "insert into t values (1, 5, 7, 'a', 1.5), (2, -1, 0, 'b ', 2)";
    run(
        &pg.source,
        &format!("create table t (id int primary key, n int, m int, s varchar(9), r numeric); {rows}"),
    )
    .await;
    run(&pg.target, &format!("create table t (id bigint primary key, n bigint, m text, s text, r float8); {rows}; update t set s = 'b' where id = 2")).await;
    Maria::on(
        &maria.source,
        &format!("create table t (id int primary key, n int, m int, s varchar(9), r float); {rows}"),
    );
    Maria::on(
        &maria.target,
        &format!(
            "create table t (id bigint primary key, n bigint, m varchar(9), s text, r double); {rows}; update t set s = 'b' where id = 2"
        ),
    );
    for (sides, name) in [(pg.sides(), "public.t"), (maria.sides(), "t")] {
        let outcome = compared_with(&sides, Request::default()).await;
        let found = table(&outcome, name);
        assert_eq!(found.schema.len(), 5, "{:?}", found.schema);
        assert_eq!((found.missing, found.extra, found.changed), (0, 0, 1), "{:?}", lines(&outcome));
        assert!(lines(&outcome)[0].ends_with("[s]"), "{:?}", lines(&outcome));
    }
}
