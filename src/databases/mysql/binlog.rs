//! What was written, as the server's own log tells it.
//!
//! Owns reading that log once from a position to its end. Rows that replication wrote carry the number of the server that they
//! were first written on, rows of this server's own sessions carry its own: that parts the two without a trigger on
//! anybody's table. Who wrote them the log does not say. What a privileged session keeps out of the log (`sql_log_bin = 0`) is
//! not seen.
//!
//! Source: MySQL's "Replication Protocol" and "Binary Log Event", MariaDB's `GTID_EVENT` and `COM_BINLOG_DUMP`.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream as _;
use mysql_async::binlog::events::{Event, EventData, RowsEventData};
use mysql_async::binlog::row::BinlogRow;
use mysql_async::binlog::value::BinlogValue;
use mysql_async::{BinlogStream, BinlogStreamRequest, Sid, Value as Sent};
use tokio::time::timeout_at;

use super::connection::{Problem, Server};
use super::gtid::{File, Place, Sets};
use super::look;
use super::session::{Named, Session, on, only};
use super::sql::{OURS, Piece, first_words, literal, pieces};
use crate::clock::Timestamp;
use crate::databases::{Change, Error, Op, Position, Writes};

/// What is asked, in words.
const DOING: &str = "reading what was written";
/// What a server says of a log that it cannot send from a place.
pub(super) const NOT_FROM_THERE: u16 = 1236;
/// MariaDB's own events.
const MARIADB_GTID: u8 = 162;
/// Compressed ones, which are not read here.
pub(super) const COMPRESSED: std::ops::RangeInclusive<u8> = 165..=171;
/// A text that loads a file, which names its table nowhere else.
pub(super) const LOAD: u8 = 18;

/// Looks whether the log can tell.
///
/// # Errors
/// [`Error::Broken`] says which setting is missing.
pub(super) async fn required(session: &mut Session) -> Result<(), Problem> {
    can_tell(&session.row(KEPT).await?)
}

/// What is asked for it.
const KEPT: &str = "select @@global.log_bin as log, @@global.binlog_format as format";

fn can_tell(row: &Named) -> Result<(), Problem> {
    if !on(row.get("log")) {
        return Err(Problem::broken(
            "it keeps no binary log, so nobody knows what is written to it",
            "start the server with `log_bin`",
        ));
    }
    if row.get("format") != Some("ROW") {
        return Err(Problem::broken(
            format!("its log has statements and not rows (binlog_format = {})", row.text("format")),
            "set binlog_format = ROW",
        ));
    }
    Ok(())
}

/// What is to be known before the log is read.
struct Before {
    server: u32,
    until: Position,
    end: Place,
    keys: HashMap<(String, String), Vec<(usize, String)>>,
}

/// What was written since a position.
///
/// # Errors
/// The log cannot tell; it was cut in the meantime; or the position is of another server.
pub(super) async fn since(server: &Server, limit: Duration, position: &Position) -> Result<Writes, Error> {
    let name = server.address.name.clone();
    let database = server.address.database.clone();
    let deadline = tokio::time::Instant::now() + limit;
    let of = database.clone();
    // At the same time: over a long way either takes long.
    let (before, session) = tokio::try_join!(
        server.ask(DOING, limit, |s| Box::pin(async move { before(s, of.as_deref()).await })),
        server.connect(deadline, limit)
    )?;
    let late = || Error::TimedOut { what: name.clone(), doing: DOING.to_owned(), after: limit };
    let from = Place::read(&name, session.hello.mariadb, position)?;
    let reading = async {
        let mut log = open(session, &from).await?;
        let mut reader = Reader {
            before: &before,
            database: database.as_deref(),
            file: match &from {
                Place::File(file) => file.name.clone(),
                Place::State(_) | Place::Sets(_) => String::new(),
            },
            transaction: matches!(from, Place::File(_)).then(|| position.clone()),
            counted: BTreeMap::new(),
            first: Vec::new(),
            last_at: None,
        };
        while let Some(event) = poll_fn(|cx| Pin::new(&mut log).poll_next(cx)).await {
            let event = event.map_err(|why| cut(why, position))?;
            if !reader.take(&event, &log)? {
                break;
            }
        }
        Ok::<Writes, Problem>(reader.writes())
    };
    let answer = timeout_at(deadline, reading).await.map_err(|_| late())?;
    answer.map_err(|problem| problem.explained(&name, DOING, limit))
}

pub(super) fn cut(why: mysql_async::Error, position: &Position) -> Problem {
    match &why {
        mysql_async::Error::Server(said) if said.code == NOT_FROM_THERE => Problem::broken(
            format!("its log does not go back to {position}: {}", said.message),
            "it is another server than the one that this position is of, or its log was cut",
        ),
        _ => why.into(),
    }
}

async fn before(session: &mut Session, database: Option<&str>) -> Result<Before, Problem> {
    let sql = format!(
        "select k.table_schema as d, k.table_name as t, k.column_name as c, c.ordinal_position - 1 as i
         from information_schema.key_column_usage k join information_schema.columns c
           on c.table_schema = k.table_schema and c.table_name = k.table_name and c.column_name = k.column_name
         where k.constraint_name = 'PRIMARY' and {} order by 1, 2, k.ordinal_position",
        look::scope("k.table_schema", database)
    );
    let (until, rows) = if session.hello.mariadb {
        let [kept, end, rows] = session.several([KEPT, look::END, &sql]).await?;
        can_tell(&only(kept)?)?;
        (look::end(&only(end)?)?, rows)
    } else {
        required(session).await?;
        (look::position(session).await?, session.rows(&sql).await?)
    };
    let end = look::place(session, "the log", &until)?;
    let mut keys: HashMap<(String, String), Vec<(usize, String)>> = HashMap::new();
    for row in rows {
        let at = usize::try_from(row.number("i")).unwrap_or(usize::MAX);
        keys.entry((row.text("d"), row.text("t"))).or_default().push((at, row.text("c")));
    }
    Ok(Before { server: session.hello.server, until, end, keys })
}

/// The log from a place on. We ask under number 0, as `mysqlbinlog` does: any other would end the stream of a replica that
/// has it.
pub(super) async fn open(mut session: Session, from: &Place) -> Result<BinlogStream, Problem> {
    let request = BinlogStreamRequest::new(0).with_non_blocking();
    let request = match from {
        Place::State(state) => {
            let last: Vec<String> = state
                .0
                .keys()
                .filter_map(|domain| {
                    state.last(*domain).map(|(server, number)| format!("{domain}-{server}-{number}"))
                })
                .collect();
            session
                .run(&format!(
                    "set @mariadb_slave_capability = 4, @slave_gtid_strict_mode = 0, @slave_gtid_ignore_duplicates = 0,
                       @slave_connect_state = {}",
                    literal(&last.join(","))
                ))
                .await?;
            request
        }
        Place::Sets(sets) => request.with_gtid().with_gtid_set(blocks(sets)?),
        Place::File(file) => {
            if session.hello.mariadb {
                session.run("set @mariadb_slave_capability = 4").await?;
            }
            request.with_filename(file.name.as_bytes()).with_pos(file.at)
        }
    };
    let Session { conn, mut leash, .. } = session;
    let log = conn.get_binlog_stream(request).await?;
    // It ends with the stream, and with the log's end.
    leash.done();
    Ok(log)
}

/// A set as the protocol has it. An interval's end lies behind its last number there.
fn blocks(sets: &Sets) -> Result<Vec<Sid<'static>>, Problem> {
    let mut blocks = Vec::new();
    for (name, ranges) in &sets.0 {
        let ranges =
            ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect::<Vec<_>>().join(":");
        let sid: Sid<'static> = format!("{name}:{ranges}").parse().map_err(|_| {
            Problem::broken("a GTID set cannot be sent", "take a position that was read from this side")
        })?;
        blocks.push(sid);
    }
    Ok(blocks)
}

struct Reader<'a> {
    before: &'a Before,
    database: Option<&'a str>,
    /// The file that is being read.
    file: String,
    /// Where the transaction stands that is being read, when it counts.
    transaction: Option<Position>,
    counted: BTreeMap<String, u64>,
    first: Vec<Change>,
    last_at: Option<Timestamp>,
}

impl Reader<'_> {
    /// Takes an event in. `false`: the rest is later than the look.
    fn take(&mut self, event: &Event, log: &BinlogStream) -> Result<bool, Problem> {
        let header = event.header();
        let own = header.server_id() == self.before.server;
        let kind = header.event_type_raw();
        if kind == MARIADB_GTID {
            self.transaction = None;
            let (number, domain) = mariadb_gtid(event.data()).ok_or_else(unreadable)?;
            if let Place::State(end) = &self.before.end {
                let known = end.of_server(header.server_id()).get(&domain).copied().unwrap_or(0);
                self.transaction = (own && number <= known)
                    .then(|| Position(format!("{domain}-{}-{number}", header.server_id())));
            }
            return Ok(true);
        }
        if self.transaction.is_some() && own && (COMPRESSED.contains(&kind) || kind == LOAD) {
            return Err(Problem::broken(
                "its log has compressed or loaded changes, which cannot be counted",
                "set log_bin_compress = OFF, and load by insert",
            ));
        }
        match event.read_data().map_err(|_| unreadable())? {
            Some(EventData::RotateEvent(rotate)) => {
                self.file = File::name_of(rotate.name_raw()).ok_or_else(unreadable)?;
            }
            Some(EventData::GtidEvent(gtid)) => {
                let sid = uuid(&gtid.sid());
                let sets = Sets::read(&format!("{sid}:{}", gtid.gno())).ok_or_else(unreadable)?;
                if let Place::Sets(end) = &self.before.end {
                    let counts = own && sets.missing_in(end) == 0;
                    self.transaction = counts.then(|| Position(format!("{sid}:{}", gtid.gno())));
                }
            }
            Some(EventData::RowsEvent(rows)) => self.rows(event, &rows, log)?,
            Some(EventData::QueryEvent(query)) => {
                let (of, sql) = (query.schema().into_owned(), query.query().into_owned());
                self.statement(event, &of, &sql);
            }
            _ => {}
        }
        if let Place::File(end) = &self.before.end {
            let at = File { name: self.file.clone(), at: u64::from(header.log_pos()) };
            self.transaction = Some(Position(format!("{}:{}", at.name, at.at)));
            return Ok(at.lies_before(end));
        }
        Ok(true)
    }

    fn rows(&mut self, event: &Event, rows: &RowsEventData<'_>, log: &BinlogStream) -> Result<(), Problem> {
        if event.header().server_id() != self.before.server || self.transaction.is_none() {
            return Ok(());
        }
        let table = log.get_tme(rows.table_id()).ok_or_else(unreadable)?;
        let (of, name) = (table.database_name().into_owned(), table.table_name().into_owned());
        if !self.is_looked_at(&of) {
            return Ok(());
        }
        for row in rows.rows(table) {
            let (old, new) = row.map_err(|_| unreadable())?;
            let (op, row) = match (old, new) {
                (None, Some(row)) => (Op::Insert, row),
                (Some(row), None) => (Op::Delete, row),
                (Some(row), Some(_)) => (Op::Update, row),
                (None, None) => continue,
            };
            let key = self.before.keys.get(&(of.clone(), name.clone())).map_or(&[][..], Vec::as_slice);
            let key = key_of(&row, key);
            self.count(event, look::shown(&of, &name, self.database), key, op);
        }
        Ok(())
    }

    /// A change that stands in the log as a statement: its table is known from its words only.
    fn statement(&mut self, event: &Event, of: &str, sql: &str) {
        let named = named_database(sql);
        let of = named.as_deref().unwrap_or(of);
        if event.header().server_id() != self.before.server
            || self.transaction.is_none()
            || !self.is_looked_at(of)
        {
            return;
        }
        let op = match first_words(sql).first().map(String::as_str) {
            Some("truncate" | "delete") => Op::Delete,
            Some("update") => Op::Update,
            Some("insert" | "replace" | "load") => Op::Insert,
            // Definitions are the schema's to tell.
            _ => return,
        };
        let table = format!("{of}: {}", super::sql::without_values(sql));
        self.count(event, table, String::new(), op);
    }

    fn is_looked_at(&self, of: &str) -> bool {
        of != OURS && of != "mysql" && self.database.is_none_or(|database| database.eq_ignore_ascii_case(of))
    }

    fn count(&mut self, event: &Event, table: String, key: String, op: Op) {
        let at = Timestamp(i64::from(event.header().timestamp()) * 1_000);
        self.last_at = self.last_at.max(Some(at));
        *self.counted.entry(table.clone()).or_default() += 1;
        if self.first.len() < Writes::LISTED as usize
            && let Some(position) = self.transaction.clone()
        {
            self.first.push(Change { table, key, op, at, position, by: None });
        }
    }

    fn writes(self) -> Writes {
        Writes {
            total: self.counted.values().sum(),
            tables: self.counted.into_iter().collect(),
            first: self.first,
            last_at: self.last_at,
            until: self.before.until.clone(),
        }
    }
}

/// The database of the first name with a dot in a statement.
fn named_database(sql: &str) -> Option<String> {
    let pieces = pieces(sql);
    let at = pieces.iter().position(|piece| *piece == Piece::Sign('.'))?;
    match pieces.get(at.checked_sub(1)?)? {
        Piece::Word(word) | Piece::Name(word) => Some(word.clone()),
        Piece::Text | Piece::Sign(_) | Piece::Hidden => None,
    }
}

pub(super) fn unreadable() -> Problem {
    Problem::broken(
        "its log has something that cannot be read here",
        "check its version, and that it is whole",
    )
}

/// Number and domain of the transaction that begins with an event of MariaDB's.
pub(super) fn transaction(event: &Event) -> Option<(u64, u32)> {
    (event.header().event_type_raw() == MARIADB_GTID).then(|| mariadb_gtid(event.data()))?
}

/// Number and domain of MariaDB's event; the server is in the header.
fn mariadb_gtid(data: &[u8]) -> Option<(u64, u32)> {
    let number = u64::from_le_bytes(data.get(..8)?.try_into().ok()?);
    Some((number, u32::from_le_bytes(data.get(8..12)?.try_into().ok()?)))
}

fn uuid(bytes: &[u8]) -> String {
    let hex = crate::databases::value::hex(bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

/// The key's values as a JSON array; of all columns where the table has no key.
fn key_of(row: &BinlogRow, key: &[(usize, String)]) -> String {
    let columns = row.columns_ref();
    let value = |i: usize| match row.as_ref(i) {
        Some(BinlogValue::Value(Sent::Int(n))) => serde_json::json!(n),
        Some(BinlogValue::Value(Sent::UInt(n))) => serde_json::json!(n),
        Some(BinlogValue::Value(Sent::Float(n))) => serde_json::json!(n),
        Some(BinlogValue::Value(Sent::Double(n))) => serde_json::json!(n),
        Some(BinlogValue::Value(Sent::Bytes(bytes))) => match std::str::from_utf8(bytes) {
            Ok(text) => serde_json::json!(text),
            Err(_) => serde_json::json!(crate::databases::value::hex(bytes)),
        },
        Some(BinlogValue::Value(Sent::NULL)) | None => serde_json::Value::Null,
        Some(BinlogValue::Value(other)) => serde_json::json!(other.as_sql(true).trim_matches('\'')),
        Some(BinlogValue::Jsonb(_) | BinlogValue::JsonDiff(_)) => serde_json::json!("json"),
    };
    let values: Vec<serde_json::Value> = if key.is_empty() {
        (0..row.len()).map(value).collect()
    } else {
        // A row's image may leave columns out: each says which it is, by number or by name.
        let at = |(i, name): &(usize, String)| {
            columns.iter().position(|c| c.name_str() == format!("@{i}") || c.name_str() == name.as_str())
        };
        key.iter().filter_map(at).map(value).collect()
    };
    serde_json::Value::Array(values).to_string()
}
