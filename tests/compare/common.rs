//! Two databases, what the comparison says of them, and how a test writes a difference down.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use cutover::compare::tables::{
    Difference, DifferenceKind, Outcome, Request, Sides, TableOutcome, Verdict, compare,
};
use cutover::databases::{Database, Settings, Value, connect};
use tokio_postgres::{Client, NoTls};

use crate::mariadb::{ADMIN, MariaDb};
use crate::servers::postgres::Postgres;

/// One question may take this long.
const LIMIT: Duration = Duration::from_secs(60);

/// A server of PostgreSQL with the databases `source` and `target`, made one after the other, so that no object has the
/// same number in both.
pub(crate) struct Pg {
    pub(crate) server: Postgres,
    pub(crate) source: Client,
    pub(crate) target: Client,
}

impl Pg {
    pub(crate) async fn start() -> Pg {
        Pg::with("").await
    }

    /// With more behind `create database`.
    pub(crate) async fn with(options: &str) -> Pg {
        let server = Postgres::with(
            "synchronous_commit = off\nfull_page_writes = off\nautovacuum = off\nmax_locks_per_transaction = 1000",
        );
        for name in ["source", "target"] {
            server.sql("postgres", &format!("create database {name} {options}"));
        }
        let (source, target) = (client(&server, "source").await, client(&server, "target").await);
        Pg { server, source, target }
    }

    /// Runs statements on both sides.
    pub(crate) async fn both(&self, sql: &str) {
        run(&self.source, sql).await;
        run(&self.target, sql).await;
    }

    pub(crate) fn sides(&self) -> Sides {
        self.sides_as("postgres")
    }

    pub(crate) fn sides_as(&self, account: &str) -> Sides {
        let side = |name: &str| database("postgres", name, self.server.url(name, account));
        Sides { source: side("source"), target: side("target"), link: None }
    }
}

/// A session of the superuser, in UTF-8.
pub(crate) async fn client(server: &Postgres, database: &str) -> Client {
    let (client, line) = tokio_postgres::connect(&server.url(database, "postgres"), NoTls).await.unwrap();
    tokio::spawn(line);
    client
}

/// Runs statements.
pub(crate) async fn run(client: &Client, sql: &str) {
    if let Err(why) = client.batch_execute(sql).await {
        panic!("{sql}: {:?}", why.as_db_error());
    }
}

/// Two servers of MariaDB with the database `t` on each.
pub(crate) struct Maria {
    pub(crate) source: MariaDb,
    pub(crate) target: MariaDb,
}

impl Maria {
    pub(crate) fn start() -> Maria {
        let more = ["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0", "--max-allowed-packet=64M"];
        let maria = Maria { source: MariaDb::start(1, &more), target: MariaDb::start(2, &more) };
        maria.both("do 1");
        maria
    }

    /// Runs statements on both sides.
    pub(crate) fn both(&self, sql: &str) {
        Maria::on(&self.source, sql);
        Maria::on(&self.target, sql);
    }

    /// Runs statements of any length in `t`, in UTF-8, with nothing made to fit.
    pub(crate) fn on(server: &MariaDb, sql: &str) {
        use std::io::Write as _;
        let mut client = server.client();
        client.args(["--default-character-set=utf8mb4", "--max-allowed-packet=64M"]);
        client.stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut client = client.spawn().unwrap();
        let mut input = client.stdin.take().unwrap();
        let sql = format!("create database if not exists t character set utf8mb4; use t; {sql};\n");
        let writer = std::thread::spawn(move || input.write_all(sql.as_bytes()));
        let done = client.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        writer.join().unwrap().unwrap();
    }

    pub(crate) fn sides(&self) -> Sides {
        self.sides_as(ADMIN)
    }

    pub(crate) fn sides_as(&self, account: &str) -> Sides {
        let side = |name: &str, server: &MariaDb| database("mysql", name, server.url(account, "t"));
        Sides { source: side("source", &self.source), target: side("target", &self.target), link: None }
    }
}

/// A database by its address.
pub(crate) fn database(kind: &str, name: &str, address: String) -> Arc<dyn Database> {
    let settings = Settings { name: name.to_owned(), address, root: "/".into(), timeout: LIMIT };
    connect(kind, &settings).unwrap()
}

/// What the comparison says, every row that differs named.
pub(crate) async fn compared(sides: &Sides) -> Outcome {
    compared_with(sides, Request::default()).await
}

/// … of what is asked for.
pub(crate) async fn compared_with(sides: &Sides, request: Request) -> Outcome {
    let request = Request { listed: usize::MAX, ..request };
    compare(sides, &request, &mut |_, _| ControlFlow::Continue(())).await
}

/// Every row that differs, as `table kind key [columns]`, in order.
pub(crate) fn lines(outcome: &Outcome) -> Vec<String> {
    let of = |t: &TableOutcome| t.differences.iter().map(|d| line(&t.name, d)).collect::<Vec<_>>();
    let mut lines: Vec<String> = outcome.tables.iter().flat_map(of).collect();
    lines.sort_unstable();
    assert_eq!(outcome.different(), lines.len() as u64, "every row that is counted is named");
    lines
}

fn line(table: &str, difference: &Difference) -> String {
    let key: Vec<String> = difference.key.iter().map(|(_, value)| text(value)).collect();
    match &difference.kind {
        DifferenceKind::Missing => written(table, "missing", &key, &[]),
        DifferenceKind::Extra => written(table, "extra", &key, &[]),
        DifferenceKind::Changed { columns } => written(table, "changed", &key, columns),
    }
}

/// A difference as [`lines`] writes it.
pub(crate) fn written(table: &str, kind: &str, key: &[String], columns: &[String]) -> String {
    format!("{table} {kind} ({}) [{}]", key.join(", "), columns.join(" "))
}

/// … where one column of a row differs, whose key is of text.
pub(crate) fn changed(table: &str, key: &[&str], column: &str) -> String {
    let key: Vec<String> = key.iter().map(|k| text(&Value::text(k))).collect();
    written(table, "changed", &key, &[column.to_owned()])
}

/// A value so that no two look alike.
pub(crate) fn text(value: &Value) -> String {
    value.to_string()
}

/// The one table of this name.
pub(crate) fn table<'o>(outcome: &'o Outcome, name: &str) -> &'o TableOutcome {
    outcome.tables.iter().find(|t| t.name == name).unwrap_or_else(|| panic!("no {name} in {outcome:?}"))
}

/// Why nothing was proved.
pub(crate) fn not_proved(verdict: Verdict) -> String {
    match verdict {
        Verdict::NotProved { why } => why,
        other => panic!("{other:?}"),
    }
}

/// Fails with the first lines that only one of the two has.
pub(crate) fn agree(found: &[String], expected: &[String], what: &str) {
    if found == expected {
        return;
    }
    let only = |a: &[String], b: &[String]| {
        let mut rest = b.to_vec();
        let mut only = Vec::new();
        for line in a {
            match rest.binary_search(line) {
                Ok(at) => drop(rest.remove(at)),
                Err(_) => only.push(line.clone()),
            }
        }
        only
    };
    let (wolf, missed) = (only(found, expected), only(expected, found));
    let some = |lines: &[String]| lines.iter().take(20).fold(String::new(), |all, line| all + "\n  " + line);
    panic!("{what}: {} false alarms{}\n{} misses{}", wolf.len(), some(&wolf), missed.len(), some(&missed));
}
