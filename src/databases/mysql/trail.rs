//! Which rows were written, as the server's own log tells it.
//!
//! Everything in the log counts, whoever wrote it, replication too. A row's key is read out of its image; whatever does not have
//! it whole (a statement, a definition, a type whose image is not its value) is *all of the table*. What a privileged session
//! keeps out of the log (`sql_log_bin = 0`) is not seen. Nothing is kept for us: a log that was purged since breaks the trail.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream as _;
use mysql_async::BinlogStream;
use mysql_async::Value as Sent;
use mysql_async::binlog::events::{Event, EventData, RowsEventData};
use mysql_async::binlog::row::BinlogRow;
use mysql_async::binlog::value::BinlogValue;
use tokio::time::timeout_at;

use super::binlog::{self, COMPRESSED, LOAD, cut, unreadable};
use super::connection::{Problem, Server};
use super::gtid::{File, Place, State};
use super::look;
use super::session::Session;
use super::sight::Sight;
use super::sql::{OURS, first_words};
use crate::databases::trail::{Mark, Seen, Stretch, Trail};
use crate::databases::{Answer, Error, Position, Value};

const DOING: &str = "reading which rows were written";

/// Takes up the log where it stood, or at its end.
///
/// # Errors
/// Also [`Error::Broken`] where the server keeps no log of rows.
pub(super) async fn take_up(
    server: Arc<Server>,
    limit: Duration,
    since: Option<&Mark>,
) -> Result<Box<dyn Trail>, Error> {
    let end = server
        .ask("beginning a trail", limit, |s| {
            Box::pin(async move {
                binlog::required(s).await?;
                unfiltered(s).await?;
                if !s.hello.mariadb && !look::gtids(s).await? {
                    return Err(Problem::broken(
                        "its log has no GTIDs, and without them nothing says which of it a snapshot sees",
                        "set gtid_mode = ON, or let the window pay for a whole comparison",
                    ));
                }
                look::position(s).await
            })
        })
        .await?;
    let mark = since.cloned().unwrap_or(Mark(end.0));
    Ok(Box::new(Log { server, limit, mark }))
}

/// A log that leaves databases out does not tell what is written to them.
async fn unfiltered(session: &mut Session) -> Result<(), Problem> {
    let row = session.row(look::log_status(session)).await?;
    let left_out = |name: &str| row.get(name).is_some_and(|list| !list.is_empty());
    if left_out("binlog_do_db") || left_out("binlog_ignore_db") {
        return Err(Problem::broken(
            "its log leaves databases out (binlog_do_db, binlog_ignore_db)",
            "start the server without these, or let the window pay for a whole comparison",
        ));
    }
    Ok(())
}

#[derive(Debug)]
struct Log {
    server: Arc<Server>,
    limit: Duration,
    mark: Mark,
}

impl Trail for Log {
    fn how(&self) -> &'static str {
        "the binary log"
    }

    fn mark(&self) -> Mark {
        self.mark.clone()
    }

    fn read(&mut self, seen: &Seen) -> Answer<'_, Stretch> {
        Box::pin(read(&self.server, self.limit, &self.mark, seen.clone()))
    }

    fn confirm(&mut self, until: &Mark) -> Answer<'_, ()> {
        self.mark = until.clone();
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A column of a primary key.
#[derive(Clone, Debug)]
struct KeyColumn {
    name: String,
    /// From 0.
    at: usize,
    kind: Kind,
}

/// How a column's image is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A whole number, of so many bits where it has no sign: the log does not say that it has none.
    Whole(Option<u32>),
    /// Characters whose bytes are those of UTF-8.
    Text,
    /// Characters whose bytes are those of UTF-8 as long as they are ASCII.
    Ascii,
    Bytes,
    Decimal,
    Date,
    /// An image that is not its value.
    Other,
}

async fn read(server: &Server, limit: Duration, mark: &Mark, seen: Seen) -> Result<Stretch, Error> {
    let name = server.address.name.clone();
    let database = server.address.database.clone();
    let deadline = tokio::time::Instant::now() + limit;
    let of = database.clone();
    let (end, tables) = server
        .ask(DOING, limit, |s| {
            Box::pin(async move { Ok((look::position(s).await?, tables(s, of.as_deref()).await?)) })
        })
        .await?;
    let session = server.connect(deadline, limit).await?;
    let since = Position(mark.0.clone());
    let from = Place::read(&name, session.hello.mariadb, &since)?;
    if !lies_within(&from, &Place::read(&name, session.hello.mariadb, &end)?) {
        return Err(Error::broken(
            name,
            format!("its log does not go back to {since}: it was begun anew"),
            "the next comparison reads everything again",
        ));
    }
    let reading = async {
        let mut log = binlog::open(session, &from).await?;
        let mut reader = Reader {
            tables,
            database: database.as_deref(),
            stretch: Stretch::empty(mark.clone()),
            sight: Sight::of(&seen, &from),
        };
        // It ends with the log: later than it was asked for, which is more and never less.
        while let Some(event) = poll_fn(|cx| Pin::new(&mut log).poll_next(cx)).await {
            reader.take(&event.map_err(|why| cut(why, &since))?, &log)?;
        }
        reader.stretch.until = reader.sight.mark();
        Ok::<Stretch, Problem>(reader.stretch)
    };
    let late = || Error::TimedOut { what: name.clone(), doing: DOING.to_owned(), after: limit };
    timeout_at(deadline, reading)
        .await
        .map_err(|_| late())?
        .map_err(|problem| problem.explained(&name, DOING, limit))
}

/// Whether a log that ends there has been at a place. Where that place was purged the server says so.
fn lies_within(place: &Place, end: &Place) -> bool {
    match (place, end) {
        (Place::State(place), Place::State(end)) => {
            let number = |state: &State, domain: u32| state.last(domain).map(|(_, number)| number);
            place.0.keys().all(|domain| number(place, *domain) <= number(end, *domain))
        }
        (Place::Sets(place), Place::Sets(end)) => place.missing_in(end) == 0,
        _ => false,
    }
}

/// Every table's primary key; empty for one that has none.
async fn tables(
    session: &mut Session,
    database: Option<&str>,
) -> Result<HashMap<(String, String), Vec<KeyColumn>>, Problem> {
    let of = look::scope("t.table_schema", database);
    let sql = format!(
        "select t.table_schema as d, t.table_name as t, c.column_name as c, c.ordinal_position - 1 as i,
           c.data_type as ty, c.column_type as whole, c.character_set_name as chars
         from information_schema.tables t
           left join information_schema.key_column_usage k on k.table_schema = t.table_schema
             and k.table_name = t.table_name and k.constraint_name = 'PRIMARY'
           left join information_schema.columns c on c.table_schema = k.table_schema
             and c.table_name = k.table_name and c.column_name = k.column_name
         where t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and {of} order by 1, 2, k.ordinal_position"
    );
    let mut all: HashMap<(String, String), Vec<KeyColumn>> = HashMap::new();
    for row in session.rows(&sql).await? {
        let key = all.entry((row.text("d"), row.text("t"))).or_default();
        if let Some(name) = row.get("c") {
            let kind = kind(&row.text("ty"), &row.text("whole"), row.get("chars").unwrap_or_default());
            let at = usize::try_from(row.number("i")).unwrap_or(usize::MAX);
            key.push(KeyColumn { name: name.to_owned(), at, kind });
        }
    }
    Ok(all)
}

fn kind(data_type: &str, whole: &str, characters: &str) -> Kind {
    let bits = match data_type {
        "tinyint" => Some(8),
        "smallint" => Some(16),
        "mediumint" => Some(24),
        "int" => Some(32),
        "bigint" => Some(64),
        _ => None,
    };
    match (bits, data_type, characters) {
        (Some(bits), ..) => Kind::Whole(whole.contains("unsigned").then_some(bits)),
        (_, "char" | "varchar", "utf8mb4" | "utf8mb3" | "utf8" | "ascii") => Kind::Text,
        (_, "char" | "varchar", "latin1") => Kind::Ascii,
        (_, "binary" | "varbinary", _) => Kind::Bytes,
        (_, "decimal", _) => Kind::Decimal,
        (_, "date", _) => Kind::Date,
        _ => Kind::Other,
    }
}

struct Reader<'a> {
    sight: Sight,
    tables: HashMap<(String, String), Vec<KeyColumn>>,
    database: Option<&'a str>,
    stretch: Stretch,
}

impl Reader<'_> {
    fn take(&mut self, event: &Event, log: &BinlogStream) -> Result<(), Problem> {
        self.sight.take(event);
        let kind = event.header().event_type_raw();
        if COMPRESSED.contains(&kind) || kind == LOAD {
            self.everything("its log has compressed or loaded changes");
            return Ok(());
        }
        match event.read_data().map_err(|_| unreadable())? {
            Some(EventData::RowsEvent(rows)) => self.rows(&rows, log),
            Some(EventData::QueryEvent(query)) => {
                self.statement(&query.query());
                Ok(())
            }
            Some(EventData::RotateEvent(rotate)) => {
                self.sight.file(File::name_of(rotate.name_raw()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A statement names its table in words of which nobody can be sure: it counts for all of them.
    fn statement(&mut self, sql: &str) {
        let words = first_words(sql);
        let why = match words.first().map(String::as_str) {
            Some("insert" | "update" | "delete" | "replace" | "load" | "truncate" | "call" | "with") => {
                "the log has a statement in place of its rows"
            }
            Some("alter" | "create" | "drop" | "rename")
                if !matches!(
                    words.get(1).map(String::as_str),
                    Some(
                        "user" | "role" | "view" | "trigger" | "event" | "procedure" | "function" | "server"
                    )
                ) =>
            {
                "a definition was changed meanwhile"
            }
            _ => return,
        };
        self.everything(why);
    }

    fn everything(&mut self, why: &str) {
        for (of, table) in self.tables.keys() {
            self.stretch.all(&look::shown(of, table, self.database), why);
        }
    }

    fn rows(&mut self, rows: &RowsEventData<'_>, log: &BinlogStream) -> Result<(), Problem> {
        let table = log.get_tme(rows.table_id()).ok_or_else(unreadable)?;
        let place = (table.database_name().into_owned(), table.table_name().into_owned());
        if place.0 == OURS || self.database.is_some_and(|of| !of.eq_ignore_ascii_case(&place.0)) {
            return Ok(());
        }
        let name = look::shown(&place.0, &place.1, self.database);
        let Some(key) = self.tables.get(&place) else {
            self.stretch.all(&name, "it was dropped meanwhile");
            return Ok(());
        };
        if key.is_empty() {
            self.stretch.all(&name, "it has no primary key");
            return Ok(());
        }
        for row in rows.rows(table) {
            let (old, new) = row.map_err(|_| unreadable())?;
            let before = old.as_ref().map(|row| values(row, key));
            // An image of what has changed says nothing of a key that has not.
            let after = new.as_ref().map(|row| {
                let after = values(row, key).into_iter();
                match &before {
                    Some(before) => after.zip(before).map(|(now, was)| now.or_else(|| was.clone())).collect(),
                    None => after.collect::<Vec<_>>(),
                }
            });
            for key in [before, after].into_iter().flatten() {
                match key.into_iter().collect::<Option<Vec<Value>>>() {
                    Some(key) => self.stretch.row(&name, key),
                    None => self.stretch.all(&name, "the log does not have a row's key"),
                }
            }
        }
        Ok(())
    }
}

/// The values of a key in a row's image, each where it is there.
fn values(row: &BinlogRow, key: &[KeyColumn]) -> Vec<Option<Value>> {
    let columns = row.columns_ref();
    let value = |column: &KeyColumn| {
        let named = |name: &str| name == format!("@{}", column.at) || name == column.name;
        let at = columns.iter().position(|c| named(&c.name_str()))?;
        match row.as_ref(at)? {
            BinlogValue::Value(value) => read_value(value, column.kind),
            BinlogValue::Jsonb(_) | BinlogValue::JsonDiff(_) => None,
        }
    };
    key.iter().map(value).collect()
}

fn read_value(value: &Sent, kind: Kind) -> Option<Value> {
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(Value::text);
    match (kind, value) {
        (Kind::Whole(Some(bits)), Sent::Int(n)) if *n < 0 => {
            // Read as if it had a sign.
            let number = i128::from(*n) + (1_i128 << bits);
            Some(i64::try_from(number).map_or_else(|_| Value::text(&number.to_string()), Value::Integer))
        }
        (Kind::Whole(_), Sent::Int(n)) => Some(Value::Integer(*n)),
        (Kind::Whole(_), Sent::UInt(n)) => {
            Some(i64::try_from(*n).map_or_else(|_| Value::text(&n.to_string()), Value::Integer))
        }
        (Kind::Ascii, Sent::Bytes(bytes)) if bytes.is_ascii() => text(bytes),
        (Kind::Text | Kind::Decimal, Sent::Bytes(bytes)) => text(bytes),
        (Kind::Bytes, Sent::Bytes(bytes)) => Some(Value::Blob(bytes.clone())),
        (Kind::Date, Sent::Date(year, month, day, ..)) => {
            Some(Value::text(&format!("{year:04}-{month:02}-{day:02}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_sign_is_read_as_one() {
        let whole = |n, bits| read_value(&Sent::Int(n), Kind::Whole(bits)).unwrap();
        assert_eq!(whole(-1, None), Value::Integer(-1));
        assert_eq!(whole(-1, Some(8)), Value::Integer(255));
        assert_eq!(whole(-1, Some(24)), Value::Integer(16_777_215));
        assert_eq!(whole(7, Some(64)), Value::Integer(7));
        assert_eq!(whole(-1, Some(64)), Value::text("18446744073709551615"));
    }

    #[test]
    fn a_value_whose_image_is_not_it_is_none() {
        let bytes = |bytes: &[u8], kind| read_value(&Sent::Bytes(bytes.to_vec()), kind);
        assert_eq!(bytes(b"abc", Kind::Ascii), Some(Value::text("abc")));
        assert_eq!(bytes(b"\xe9", Kind::Ascii), None);
        assert_eq!(bytes(b"\xc3\xa9", Kind::Text), Some(Value::text("é")));
        assert_eq!(bytes(b"\xe9", Kind::Bytes), Some(Value::Blob(vec![0xe9])));
        assert_eq!(read_value(&Sent::Int(2), Kind::Other), None, "an enum's number");
        assert_eq!(kind("varchar", "varchar(9)", "sjis"), Kind::Other);
        assert_eq!(kind("bigint", "bigint(20) unsigned", ""), Kind::Whole(Some(64)));
    }
}
