//! The engines, each with types, SQL, and a way of its own to read a table whole.

use std::fmt::Write as _;

use cutover::compare::tables::Sides;
use cutover::databases::Value;
use cutover::databases::value::hex;
use mysql_async::prelude::Queryable as _;
use tempfile::TempDir;
use tokio_postgres::SimpleQueryMessage;

use super::Engine;
use super::tables::{Shape, Table};
use super::values::{Kind, Of, Val};
use crate::common::{Maria, Pg, database, run};
use crate::mariadb::ADMIN;

const fn kind(declared: &'static str, of: Of, key: bool) -> Kind {
    Kind { declared, of, key }
}

const INT8: Of = Of::Whole(i64::MIN as i128, i64::MAX as i128);
const INT4: Of = Of::Whole(i32::MIN as i128, i32::MAX as i128);
const INT2: Of = Of::Whole(i16::MIN as i128, i16::MAX as i128);

/// Columns as they are declared, by how a name is quoted.
fn columns(table: &Table, quoted: impl Fn(&str) -> String) -> String {
    let mut all: Vec<String> = table
        .columns
        .iter()
        .enumerate()
        .map(|(i, c)| {
            let need = if table.key.contains(&i) { " not null" } else { " null" };
            format!("{} {}{need}", quoted(&c.name), c.kind.declared)
        })
        .collect();
    if !table.key.is_empty() {
        let key: Vec<String> = table.key.iter().map(|i| quoted(&table.columns[*i].name)).collect();
        all.push(format!("primary key ({})", key.join(", ")));
    }
    all.join(", ")
}

/// Rows behind `values`, in statements that are not too long.
fn values(rows: &[Vec<Val>], before: &str, after: &str, written: impl Fn(&Val) -> String) -> String {
    let mut sql = String::new();
    for some in rows.chunks(500) {
        let rows: Vec<String> = some
            .iter()
            .map(|row| format!("({})", row.iter().map(&written).collect::<Vec<_>>().join(", ")))
            .collect();
        let _ = writeln!(sql, "{before} values {}{after};", rows.join(", "));
    }
    sql
}

fn doubled(name: &str, mark: char) -> String {
    format!("{mark}{}{mark}", name.replace(mark, &format!("{mark}{mark}")))
}

pub struct Postgres(Pg);

impl Postgres {
    pub async fn start() -> Postgres {
        let pg = Pg::start().await;
        pg.both(
            "create type mood as enum ('sad', 'Sad', 'ok');
             create collation nd (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
             set timezone = 'UTC'",
        )
        .await;
        Postgres(pg)
    }
}

impl Engine for Postgres {
    fn kinds(&self) -> &'static [Kind] {
        const KINDS: &[Kind] = &[
            kind("int2", INT2, true),
            kind("int4", INT4, true),
            kind("int8", INT8, true),
            kind("int8", INT8, true),
            kind("boolean", Of::One(&["true", "false"]), false),
            kind("numeric", Of::Decimal, false),
            kind("numeric(12,2)", Of::Scaled(2), true),
            kind("float8", Of::Double, true),
            kind("float4", Of::Single, false),
            kind("text", Of::Text(9), true),
            kind("text", Of::Text(6_000), false),
            kind("text collate nd", Of::Text(9), false),
            kind("varchar(40)", Of::Text(9), true),
            kind("char(14)", Of::Text(9), true),
            kind("bytea", Of::Bytes(6_000), false),
            kind("date", Of::Day, true),
            kind("timestamp", Of::Moment, true),
            kind("timestamptz", Of::Moment, true),
            kind("time", Of::Clock, false),
            kind(
                "interval",
                Of::One(&["1 day", "24 hours", "1 mon", "30 days", "0", "00:00:00.000001"]),
                false,
            ),
            kind("uuid", Of::Uuid, true),
            kind("json", Of::One(&["{\"a\":1}", "{\"a\": 1}", "null", "1", "1.0"]), false),
            kind("jsonb", Of::One(&["{\"a\":1}", "{\"a\":1.0}", "null", "1", "[]"]), false),
            kind("int4[]", Of::One(&["{}", "{1}", "{1,2}", "{2,1}", "{NULL}", "{1,NULL}"]), false),
            kind("text[]", Of::One(&["{}", "{a}", "{A}", "{NULL}", "{\"NULL\"}", "{\"\"}"]), false),
            kind("inet", Of::One(&["10.0.0.0/8", "10.0.0.0/9", "::/8", "::1/64"]), false),
            kind("mood", Of::One(&["sad", "Sad", "ok"]), false),
            kind("numrange", Of::One(&["empty", "[1,2)", "[1.0,2)", "(,2)"]), false),
        ];
        KINDS
    }

    fn shapes(&self) -> &'static [Shape] {
        &[Shape::Plain, Shape::Plain, Shape::Plain, Shape::Plain, Shape::Partitioned, Shape::Inherited]
    }

    async fn run(&mut self, on_target: bool, script: &str) {
        let side = if on_target { &self.0.target } else { &self.0.source };
        run(side, &format!("begin; {script}; commit")).await;
    }

    async fn rows(&mut self, on_target: bool, table: &Table) -> Vec<Vec<Value>> {
        let side = if on_target { &self.0.target } else { &self.0.source };
        let only = if table.shape == Shape::Partitioned { "" } else { "only" };
        let said = side.simple_query(&format!("select * from {only} {}", table.written)).await.unwrap();
        let value = |i: usize, text: Option<&str>| match text {
            None => Value::Null,
            // A truth value is written in full by its cast to text.
            Some("t") if table.columns[i].kind.declared == "boolean" => Value::text("true"),
            Some("f") if table.columns[i].kind.declared == "boolean" => Value::text("false"),
            Some(text) => Value::text(text),
        };
        said.iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|i| value(i, row.get(i))).collect()),
                _ => None,
            })
            .collect()
    }

    fn create(&self, table: &Table) -> String {
        let (name, quoted) = (&table.written, |name: &str| doubled(name, '"'));
        let mut sql = format!("create table {name} ({})", columns(table, quoted));
        match table.shape {
            Shape::Plain => sql.push_str(";\n"),
            Shape::Partitioned => {
                let by = table.key.first().unwrap_or(&0);
                let _ = writeln!(sql, " partition by hash ({});", quoted(&table.columns[*by].name));
                for i in 0..3 {
                    let _ = writeln!(
                        sql,
                        "create table {name}_{i} partition of {name} for values with (modulus 3, remainder {i});"
                    );
                }
            }
            Shape::Inherited => {
                let _ = writeln!(sql, ";\ncreate table {name}_heir () inherits ({name});");
            }
        }
        if table.viewed {
            let _ = writeln!(sql, "create view {name}_seen as select * from {name};");
        }
        sql
    }

    fn insert(&self, table: &Table, rows: &[Vec<Val>]) -> String {
        let after = if table.key.is_empty() { "" } else { " on conflict do nothing" };
        let written = |value: &Val| match value {
            Val::Null => "null".to_owned(),
            Val::Bare(text) => format!("'{text}'"),
            Val::Text(text) => doubled(text, '\''),
            Val::Bytes(bytes) => format!("'\\x{}'", hex(bytes)),
        };
        let mut sql = values(rows, &format!("insert into {}", table.written), after, written);
        if let Some(heir) = table.heir() {
            let mut some = rows.to_vec();
            some.sort_unstable();
            some.truncate(5);
            sql.push_str(&values(&some, &format!("insert into {}", heir.written), "", written));
        }
        sql
    }

    fn empty(&self, table: &Table) -> String {
        let only = if table.shape == Shape::Inherited { "only" } else { "" };
        format!("delete from {only} {};\n", table.written)
    }

    fn name(&self, table: &Table) -> String {
        format!("public.{}", table.written)
    }

    fn sides(&self) -> Sides {
        self.0.sides()
    }
}

pub struct MariaDb {
    maria: Maria,
    source: mysql_async::Conn,
    target: mysql_async::Conn,
}

impl MariaDb {
    pub async fn start() -> MariaDb {
        let maria = Maria::start();
        let connect = async |server: &crate::mariadb::MariaDb| {
            let mut conn =
                mysql_async::Conn::new(mysql_async::Opts::from_url(&server.url(ADMIN, "t")).unwrap())
                    .await
                    .unwrap();
            conn.query_drop("set time_zone = '+00:00'").await.unwrap();
            conn
        };
        let (source, target) = (connect(&maria.source).await, connect(&maria.target).await);
        MariaDb { maria, source, target }
    }
}

impl Engine for MariaDb {
    fn kinds(&self) -> &'static [Kind] {
        const KINDS: &[Kind] = &[
            kind("tinyint", Of::Whole(-128, 127), true),
            kind("smallint unsigned", Of::Whole(0, 65_535), true),
            kind("int", INT4, true),
            kind("bigint", INT8, true),
            kind("bigint unsigned", Of::Whole(0, u64::MAX as i128), true),
            kind("decimal(20,4)", Of::Scaled(4), true),
            kind("float", Of::Single, false),
            kind("double", Of::Double, true),
            kind("char(14)", Of::Text(9), true),
            kind("varchar(40)", Of::Text(9), true),
            kind("varchar(40) collate utf8mb4_bin", Of::Text(9), true),
            kind("varchar(40) collate utf8mb4_general_nopad_ci", Of::Text(9), true),
            kind("text", Of::Text(6_000), false),
            kind("varchar(40) character set latin1", Of::One(&["a", "A", "a ", "é", "e", ""]), true),
            kind("varbinary(40)", Of::Bytes(20), true),
            kind("blob", Of::Bytes(6_000), false),
            kind("date", Of::Day, true),
            kind("datetime(6)", Of::Moment, true),
            kind(
                "timestamp(6)",
                Of::One(&[
                    "2024-01-01 00:00:00.000001",
                    "2024-01-01 00:00:00.000000",
                    "2024-01-01 01:00:00.000000",
                ]),
                false,
            ),
            kind("uuid", Of::Uuid, true),
            kind("json", Of::One(&["{\"a\":1}", "{\"a\": 1}", "null", "1", "1.0"]), false),
            kind("enum('sad', 'ok')", Of::One(&["sad", "ok"]), false),
            kind("set('x', 'y')", Of::One(&["", "x", "y", "x,y"]), false),
        ];
        KINDS
    }

    fn shapes(&self) -> &'static [Shape] {
        &[Shape::Plain, Shape::Plain, Shape::Plain, Shape::Partitioned]
    }

    async fn run(&mut self, on_target: bool, script: &str) {
        let server = if on_target { &self.maria.target } else { &self.maria.source };
        Maria::on(server, &format!("set time_zone = '+00:00'; {script}"));
    }

    async fn rows(&mut self, on_target: bool, table: &Table) -> Vec<Vec<Value>> {
        let side = if on_target { &mut self.target } else { &mut self.source };
        let rows: Vec<mysql_async::Row> =
            side.exec(format!("select * from {}", table.written), ()).await.unwrap();
        let read = |row: mysql_async::Row| {
            row.unwrap()
                .into_iter()
                .zip(&table.columns)
                .map(|(sent, column)| read(sent, column.kind.declared))
                .collect()
        };
        rows.into_iter().map(read).collect()
    }

    fn create(&self, table: &Table) -> String {
        let name = &table.written;
        let quoted = |name: &str| doubled(name, '`');
        let mut sql = format!("create table {name} ({}) character set utf8mb4", columns(table, quoted));
        if table.shape == Shape::Partitioned {
            let by: Vec<String> = if table.key.is_empty() {
                vec![quoted(&table.columns[0].name)]
            } else {
                vec![quoted(&table.columns[table.key[0]].name)]
            };
            let _ = write!(sql, " partition by key ({}) partitions 3", by.join(", "));
        }
        sql.push_str(";\n");
        if table.viewed {
            let _ = writeln!(sql, "create view {name}_seen as select * from {name};");
        }
        sql
    }

    fn insert(&self, table: &Table, rows: &[Vec<Val>]) -> String {
        values(rows, &format!("insert ignore into {}", table.written), "", |value| match value {
            Val::Null => "null".to_owned(),
            Val::Bare(text) => text.clone(),
            Val::Text(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
            Val::Bytes(bytes) => format!("x'{}'", hex(bytes)),
        })
    }

    fn name(&self, table: &Table) -> String {
        table.written.clone()
    }

    fn sides(&self) -> Sides {
        self.maria.sides()
    }
}

/// A value as the driver has it of the binary protocol.
fn read(sent: mysql_async::Value, declared: &str) -> Value {
    use mysql_async::Value as Sent;
    match sent {
        Sent::NULL => Value::Null,
        Sent::Int(n) => Value::Integer(n),
        Sent::UInt(n) => i64::try_from(n).map_or_else(|_| Value::text(&n.to_string()), Value::Integer),
        Sent::Float(x) => Value::Real(f64::from(x)),
        Sent::Double(x) => Value::Real(x),
        Sent::Bytes(bytes) if declared.contains("blob") || declared.contains("binary") => Value::Blob(bytes),
        Sent::Bytes(bytes) => Value::Text(bytes),
        Sent::Date(y, m, d, ..) if declared == "date" => Value::text(&format!("{y:04}-{m:02}-{d:02}")),
        Sent::Date(y, m, d, h, min, s, us) => {
            Value::text(&format!("{y:04}-{m:02}-{d:02} {h:02}:{min:02}:{s:02}.{us:06}"))
        }
        Sent::Time(..) => panic!("no column here is a time"),
    }
}

pub struct Sqlite {
    dir: TempDir,
    source: rusqlite::Connection,
    target: rusqlite::Connection,
}

impl Sqlite {
    pub fn start() -> Sqlite {
        let dir = TempDir::new().unwrap();
        let open = |name: &str| {
            let conn = rusqlite::Connection::open(dir.path().join(name)).unwrap();
            conn.execute_batch("pragma journal_mode = wal; pragma synchronous = off").unwrap();
            conn
        };
        let (source, target) = (open("source"), open("target"));
        Sqlite { dir, source, target }
    }
}

impl Engine for Sqlite {
    fn kinds(&self) -> &'static [Kind] {
        const KINDS: &[Kind] = &[
            kind("integer", INT8, true),
            kind("integer", INT8, true),
            kind("text", Of::Text(20), true),
            kind("text collate nocase", Of::Text(20), true),
            kind("real", Of::Double, true),
            kind("blob", Of::Bytes(6_000), true),
            kind("numeric", Of::Decimal, true),
            kind("", Of::Any, true),
        ];
        KINDS
    }

    fn shapes(&self) -> &'static [Shape] {
        &[Shape::Plain]
    }

    async fn run(&mut self, on_target: bool, script: &str) {
        let side = if on_target { &self.target } else { &self.source };
        side.execute_batch(&format!("begin; {script}; commit")).unwrap();
    }

    async fn rows(&mut self, on_target: bool, table: &Table) -> Vec<Vec<Value>> {
        let side = if on_target { &self.target } else { &self.source };
        let mut statement = side.prepare(&format!("select * from {}", table.written)).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut all = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let value = |i| match row.get::<_, rusqlite::types::Value>(i).unwrap() {
                rusqlite::types::Value::Null => Value::Null,
                rusqlite::types::Value::Integer(n) => Value::Integer(n),
                rusqlite::types::Value::Real(x) => Value::Real(x),
                rusqlite::types::Value::Text(text) => Value::Text(text.into_bytes()),
                rusqlite::types::Value::Blob(bytes) => Value::Blob(bytes),
            };
            all.push((0..table.columns.len()).map(value).collect());
        }
        all
    }

    fn create(&self, table: &Table) -> String {
        let name = &table.written;
        let without = if table.key.is_empty() || table.key.len() == 1 { "" } else { " without rowid" };
        let mut sql =
            format!("create table {name} ({}){without};\n", columns(table, |name| doubled(name, '"')));
        if table.viewed {
            let _ = writeln!(sql, "create view {name}_seen as select * from {name};");
        }
        sql
    }

    fn insert(&self, table: &Table, rows: &[Vec<Val>]) -> String {
        values(rows, &format!("insert or ignore into {}", table.written), "", |value| match value {
            Val::Null => "null".to_owned(),
            Val::Bare(text) => text.clone(),
            Val::Text(text) => doubled(text, '\''),
            Val::Bytes(bytes) => format!("x'{}'", hex(bytes)),
        })
    }

    fn name(&self, table: &Table) -> String {
        table.written.clone()
    }

    fn sides(&self) -> Sides {
        let side = |name: &str| database("sqlite", name, self.dir.path().join(name).display().to_string());
        Sides { source: side("source"), target: side("target"), link: None }
    }
}
