//! What is read of a server: who it is, where its log stands, its tables and rows.

use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Column as SentColumn, Value as Sent};

use super::connection::Problem;
use super::grants;
use super::gtid::{Place, Sets, State};
use super::session::{Named, Session, on, only, value};
use super::sql::{OURS, Piece, SYSTEM, first_words, literal, pieces, quoted};
use crate::clock::Timestamp;
use crate::databases::{Column, Identity, Position, Rows, Sequence, Table, Value};

/// The binary character set: what has it is bytes, not text.
const BINARY: u16 = 63;
/// What a question may begin with.
const ASKING: [&str; 8] = ["select", "with", "show", "describe", "desc", "explain", "table", "values"];

/// Which system this is.
///
/// MySQL has a `server_uuid`, which a copy of its files shares until its `auto.cnf` is taken away. MariaDB has none: its number
/// in replication stands for the system, and later versions' `server_uid`, made of the network card and the port. The place is
/// the host's name, the port, the folder and the second of the start: two names of one server share all four.
pub(super) async fn identity(session: &mut Session, row: Option<&str>) -> Result<Identity, Problem> {
    let place = "select @@hostname as host, @@port as port, @@datadir as folder, @@socket as socket";
    let own = if session.hello.mariadb {
        "select variable_value from information_schema.global_variables where variable_name = 'SERVER_UID'"
    } else {
        "select @@server_uuid"
    };
    let [place, own] = session.several([place, own]).await?;
    let (place, own) = (only(place)?, value(own));
    let row = match row {
        None => None,
        Some(sql) => {
            let rows = query(session, sql).await?;
            Some(rows.single().cloned().ok_or_else(|| {
                Problem::broken(
                    "the query for its identity gave other than one row of one column",
                    "make it select exactly one value",
                )
            })?)
        }
    };
    let hello = &session.hello;
    let own = own.unwrap_or_default();
    let system = if hello.mariadb { format!("{}/{own}", hello.server) } else { own.clone() };
    let place = ["host", "port", "folder", "socket"].map(|name| place.text(name)).join("|");
    let place = format!("{place}|{}|{own}|{}", hello.started, hello.server);
    let version = if hello.mariadb { hello.text.clone() } else { format!("MySQL {}", hello.text) };
    Ok(Identity { system, place: Some(place), version, row })
}

/// The end of the log.
///
/// MariaDB: `@@gtid_binlog_state`, which every transaction enters before it is acknowledged; MySQL: `@@gtid_executed`, without
/// GTIDs the file and offset of its log.
///
/// # Errors
/// There is no binary log; or a domain's numbers do not rise in it, so that no number says what lies before it.
pub(super) async fn position(session: &mut Session) -> Result<Position, Problem> {
    if session.hello.mariadb {
        return end(&session.row(END).await?);
    }
    if !session.is_on("@@global.log_bin").await? {
        return Err(no_log());
    }
    if gtids(session).await? {
        return sets(session).await;
    }
    place_of_log(session).await
}

/// What MariaDB is asked for the end of its log.
pub(super) const END: &str =
    "select @@global.log_bin as logs, @@global.gtid_binlog_state as state, @@global.gtid_binlog_pos as last";

/// … and what it says.
pub(super) fn end(row: &Named) -> Result<Position, Problem> {
    if !on(row.get("logs")) {
        return Err(no_log());
    }
    let (state, last) = (state(row.get("state"))?, state(row.get("last"))?);
    for domain in last.0.keys() {
        if last.last(*domain).map(|l| l.1) < state.last(*domain).map(|l| l.1) {
            return Err(Problem::broken(
                format!("the numbers in GTID domain {domain} of its log do not rise"),
                "let one server write in a domain, and set gtid_strict_mode",
            ));
        }
    }
    Ok(Position(state.to_string()))
}

/// Why a server has no place in its log.
pub(super) fn no_log() -> Problem {
    Problem::broken("it keeps no binary log", "start the server with `log_bin`")
}

/// The end of the log as a file and an offset.
pub(super) async fn place_of_log(session: &mut Session) -> Result<Position, Problem> {
    let row = session.row(log_status(session)).await?;
    Ok(Position(format!("{}:{}", row.text("file"), row.text("position"))))
}

/// The statement for where the log ends, which changed its name in MySQL 8.4.
pub(super) fn log_status(session: &Session) -> &'static str {
    let renamed = !session.hello.mariadb && session.hello.version >= (8, 2, 0);
    if renamed { "show binary log status" } else { "show master status" }
}

/// Whether MySQL gives every transaction a GTID.
pub(super) async fn gtids(session: &mut Session) -> Result<bool, Problem> {
    Ok(session.value("select @@global.gtid_mode").await?.is_some_and(|mode| mode.starts_with("ON")))
}

async fn sets(session: &mut Session) -> Result<Position, Problem> {
    let text = session.value("select @@global.gtid_executed").await?.unwrap_or_default();
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if Sets::read(&text).is_none() {
        return Err(Problem::broken("its GTIDs cannot be read", "check that this is MySQL"));
    }
    Ok(Position(text))
}

/// What MariaDB is asked for what it has applied.
pub(super) const APPLIED: &str = "select @@global.gtid_slave_pos";

/// GTIDs of MariaDB as it writes them: an empty text is none, and no text is no answer.
pub(super) fn state(text: Option<&str>) -> Result<State, Problem> {
    text.and_then(State::read)
        .ok_or_else(|| Problem::broken("its GTIDs cannot be read", "check that this is MariaDB"))
}

/// What is applied of the log that it is fed from: `@@gtid_slave_pos` of MariaDB, `@@gtid_executed` of MySQL; without GTIDs
/// the source's file and offset of the one stream there is.
pub(super) async fn applied(session: &mut Session) -> Result<Position, Problem> {
    if session.hello.mariadb {
        return Ok(Position(state(session.value(APPLIED).await?.as_deref())?.to_string()));
    }
    if gtids(session).await? {
        return sets(session).await;
    }
    let streams = super::status::read(session).await?;
    match streams.as_slice() {
        [one] => one
            .applied
            .clone()
            .ok_or_else(|| Problem::broken("it has applied nothing yet", "start its replication")),
        _ => Err(Problem::broken(
            format!("it has {} streams of replication and no GTIDs", streams.len()),
            "name the stream of the link",
        )),
    }
}

/// Whether a table of ours is there.
pub(super) async fn has(session: &mut Session, table: &str) -> Result<bool, Problem> {
    let sql = format!(
        "select count(*) from information_schema.tables where table_schema = '{OURS}' and table_name = {}",
        literal(table)
    );
    session.is_on(&format!("({sql})")).await
}

/// The number that `auto_increment` gave last in each table that has it (`information_schema.tables`).
///
/// MySQL 8 keeps such figures for a day unless it is told not to.
///
/// # Errors
/// The account may not see every table: one that is not shown would be taken for one that gives no numbers.
pub(super) async fn sequences(session: &mut Session, of: Option<&str>) -> Result<Vec<Sequence>, Problem> {
    let on = of.map_or_else(|| "*.*".to_owned(), grants::whole);
    grants::need(session, "auto_increment of every table", &[("SELECT", on)]).await?;
    if !session.hello.mariadb {
        session.run("set session information_schema_stats_expiry = 0").await?;
    }
    let scope = scope("table_schema", of);
    let shown = if of.is_some() { "table_name" } else { "concat(table_schema, '.', table_name)" };
    let sql = format!(
        "select {shown} as name, auto_increment as next from information_schema.tables
         where auto_increment is not null and table_type = 'BASE TABLE' and {scope} order by 1"
    );
    let rows = session.rows(&sql).await?;
    Ok(rows
        .iter()
        .map(|row| {
            let last = i64::try_from(row.number("next")).unwrap_or(i64::MAX).saturating_sub(1);
            Sequence { name: row.text("name"), last: (last > 0).then_some(last), step: 1 }
        })
        .collect())
}

/// Whether the table is not there (1146), or our whole database (1049).
pub(super) fn is_missing(why: &Problem) -> bool {
    matches!(why.number(), Some(1146 | 1049))
}

/// The time that a marker carries here: the latest of it.
pub(super) async fn marker(session: &mut Session, id: &str) -> Result<Option<Timestamp>, Problem> {
    let sql = format!("select max(made_ms) from {OURS}.marker where id = {}", literal(id));
    match session.value(&sql).await {
        Ok(found) => Ok(found.and_then(|ms| ms.parse().ok()).map(Timestamp)),
        Err(why) if is_missing(&why) => Ok(None),
        Err(why) => Err(why),
    }
}

/// The tables with people's data, of one database by their names, of all by `database.table`.
///
/// Source: `information_schema.tables`, `.columns`, `.key_column_usage`.
pub(super) async fn tables(session: &mut Session, database: Option<&str>) -> Result<Vec<Table>, Problem> {
    let of = scope("table_schema", database);
    let names = format!(
        "select table_schema as d, table_name as t, create_time as made from information_schema.tables
         where table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and {of} order by 1, 2"
    );
    let columns = format!(
        "select table_schema as d, table_name as t, column_name as c, column_type as ty from information_schema.columns
         where {of} order by 1, 2, ordinal_position"
    );
    let keys = format!(
        "select table_schema as d, table_name as t, column_name as c from information_schema.key_column_usage
         where constraint_name = 'PRIMARY' and {of} order by 1, 2, ordinal_position"
    );
    let [names, columns, keys] = session.several([&names, &columns, &keys]).await?;
    let mut tables: Vec<Table> = Vec::with_capacity(names.len());
    let mut at = std::collections::HashMap::new();
    for row in &names {
        at.insert((row.text("d"), row.text("t")), tables.len());
        let name = shown(&row.text("d"), &row.text("t"), database);
        tables.push(Table {
            name,
            columns: Vec::new(),
            key: Vec::new(),
            integer_key: false,
            made: row.text("made"),
        });
    }
    for row in &columns {
        let table = at.get(&(row.text("d"), row.text("t"))).and_then(|i| tables.get_mut(*i));
        if let Some(table) = table {
            table.columns.push(Column { name: row.text("c"), type_name: plain_type(&row.text("ty")) });
        }
    }
    for row in &keys {
        if let Some(table) = at.get(&(row.text("d"), row.text("t"))).and_then(|i| tables.get_mut(*i)) {
            // The key of a system-versioned table ends with a column that nobody sees, the same for every row as it is now.
            if table.columns.iter().any(|column| column.name == row.text("c")) {
                table.key.push(row.text("c"));
            }
        }
    }
    for table in &mut tables {
        table.integer_key = match table.key.as_slice() {
            [key] => table.columns.iter().any(|c| c.name == *key && fits_i64(&c.type_name)),
            _ => false,
        };
    }
    Ok(tables)
}

/// A condition for the databases that are looked at.
pub(super) fn scope(column: &str, database: Option<&str>) -> String {
    match database {
        Some(database) => format!("{column} = {}", literal(database)),
        None => format!("{column} not in ({SYSTEM})"),
    }
}

/// How a table is called here.
pub(super) fn shown(database: &str, table: &str, of: Option<&str>) -> String {
    if of == Some(database) { table.to_owned() } else { format!("{database}.{table}") }
}

/// Whole numbers have a width of showing in older versions that says nothing of what they hold.
pub(super) fn plain_type(declared: &str) -> String {
    let whole = ["tinyint", "smallint", "mediumint", "int", "bigint"];
    match declared.split_once('(') {
        Some((word, rest)) if whole.contains(&word) && !declared.contains("zerofill") => {
            format!("{word}{}", rest.split_once(')').map_or("", |(_, more)| more))
        }
        _ => declared.to_owned(),
    }
}

fn fits_i64(type_name: &str) -> bool {
    let word = type_name.split(['(', ' ']).next().unwrap_or_default();
    match word {
        "tinyint" | "smallint" | "mediumint" | "int" => true,
        "bigint" => !type_name.contains("unsigned"),
        _ => false,
    }
}

/// A table as it stands in SQL: in a database of the address the whole name is the table's, otherwise what is before the
/// first dot is the database.
pub(super) fn quoted_table(name: &str, database: Option<&str>) -> String {
    match (database, name.split_once('.')) {
        (Some(database), _) => format!("{}.{}", quoted(database), quoted(name)),
        (None, Some((database, table))) => format!("{}.{}", quoted(database), quoted(table)),
        (None, None) => quoted(name),
    }
}

/// How many rows a table has.
pub(super) async fn count(
    session: &mut Session,
    table: &str,
    database: Option<&str>,
) -> Result<u64, Problem> {
    let counted = session.value(&format!("select count(*) from {}", quoted_table(table, database))).await?;
    counted.and_then(|n| n.parse().ok()).ok_or_else(|| Problem::broken("a count is no number", "ask again"))
}

/// One query that can change nothing: it begins with a word that asks, writes no file, and runs in a read-only transaction,
/// so that a function that writes is refused. More than one statement is refused by the protocol for prepared ones.
pub(super) async fn query(session: &mut Session, sql: &str) -> Result<Rows, Problem> {
    let first = first_words(sql).into_iter().next().unwrap_or_default();
    let writes_file = pieces(sql)
        .iter()
        .any(|p| matches!(p, Piece::Word(w) if w == "outfile" || w == "dumpfile") || *p == Piece::Hidden);
    if !ASKING.contains(&first.as_str()) || writes_file {
        return Err(Problem::Refused(
            "QUERY",
            format!(
                "only what asks may stand here, such as select or show, and it may write no file (`{first}`)"
            ),
        ));
    }
    let most = Rows::MOST + 1;
    session.run(&format!("set session sql_select_limit = {most}")).await?;
    session.run("start transaction read only").await?;
    let answer = prepared(session, sql).await;
    if !matches!(&answer, Err(Problem::Server(why)) if why.is_fatal()) {
        session.run("rollback").await?;
        session.run("set session sql_select_limit = default").await?;
    }
    answer
}

async fn prepared(session: &mut Session, sql: &str) -> Result<Rows, Problem> {
    let statement = session.conn.prep(sql).await?;
    let outcome = async {
        let mut result = session.conn.exec_iter(&statement, ()).await?;
        let columns: Vec<SentColumn> = result.columns_ref().to_vec();
        let mut rows = Rows {
            columns: columns.iter().map(|c| c.name_str().into_owned()).collect(),
            rows: Vec::new(),
            more: false,
        };
        while let Some(row) = result.next().await? {
            if rows.rows.len() == Rows::MOST {
                rows.more = true;
                break;
            }
            rows.rows.push(row.unwrap().into_iter().zip(&columns).map(|(v, c)| read(v, c)).collect());
        }
        result.drop_result().await?;
        Ok::<Rows, Problem>(rows)
    };
    let rows = outcome.await;
    if !matches!(&rows, Err(Problem::Server(why)) if why.is_fatal()) {
        session.conn.close(statement).await?;
    }
    rows
}

/// A value as it was sent in answer to a prepared statement.
fn read(sent: Sent, column: &SentColumn) -> Value {
    match sent {
        Sent::NULL => Value::Null,
        Sent::Int(n) => Value::Integer(n),
        Sent::UInt(n) => i64::try_from(n).map_or_else(|_| Value::text(&n.to_string()), Value::Integer),
        Sent::Float(f) => Value::Real(f64::from(f)),
        Sent::Double(f) => Value::Real(f),
        Sent::Bytes(bytes) => {
            let is_text = column.character_set() != BINARY
                || matches!(
                    column.column_type(),
                    ColumnType::MYSQL_TYPE_NEWDECIMAL | ColumnType::MYSQL_TYPE_JSON
                );
            if is_text { Value::Text(bytes) } else { Value::Blob(bytes) }
        }
        other @ (Sent::Date(..) | Sent::Time(..)) => Value::text(other.as_sql(true).trim_matches('\'')),
    }
}

/// A position, read for this server.
pub(super) fn place(session: &Session, what: &str, position: &Position) -> Result<Place, Problem> {
    Ok(Place::read(what, session.hello.mariadb, position)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_width_of_showing_is_no_part_of_a_type() {
        assert_eq!(plain_type("int(11)"), "int");
        assert_eq!(plain_type("bigint(20) unsigned"), "bigint unsigned");
        assert_eq!(plain_type("int(5) unsigned zerofill"), "int(5) unsigned zerofill");
        assert_eq!(plain_type("decimal(10,2)"), "decimal(10,2)");
        assert!(fits_i64("int unsigned") && !fits_i64("bigint unsigned") && !fits_i64("decimal(10,0)"));
    }

    #[test]
    fn a_table_is_of_the_addresss_database_or_says_its_own() {
        assert_eq!(quoted_table("a.b", Some("shop")), "`shop`.`a.b`");
        assert_eq!(quoted_table("shop.a.b", None), "`shop`.`a.b`");
        assert_eq!(shown("shop", "orders", Some("shop")), "orders");
        assert_eq!(shown("other", "orders", Some("shop")), "other.orders");
    }
}
