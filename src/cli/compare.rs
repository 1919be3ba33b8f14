//! `cutover compare`: the validation engine by itself.
//!
//! Owns which databases are meant, how far it is on the screen, and the two forms of the answer. What is compared and
//! proved is `compare`'s.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};

use super::exit::{Exit, Failure};
use super::print;
use crate::compare::tables::{
    Difference, DifferenceKind, Load, Outcome, Progress, Request, Sides, Stage, TableOutcome, Verdict,
    compare_with,
};
use crate::counts::counted;
use crate::databases::snapshot::Stamp;
use crate::databases::{Database, Error, Settings, Value, connect, postgres};
use crate::ui::{format, safe};

/// A question to a server may take this long, but for the reading of rows.
const WITHIN: Duration = Duration::from_secs(30);
/// How often a line says how far it is, where that is no terminal.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// So many differing rows of a table are named unless all are asked for.
const LISTED: usize = 1_000;
/// A value is shown up to so many characters: its whole is in the JSON.
const SHOWN: usize = 60;

/// Compares two databases, every row of them, and names each row that differs.
///
/// SOURCE and TARGET are addresses (postgres://…, mysql://…, what libpq reads) or SQLite files, two of one kind. Rows are
/// hashed inside the databases, each side in one consistent look; only rows that differ are fetched. Nothing is written.
/// Without a replication link in between, a row that differs is looked at again until both sides stood still.
///
/// Ends with 0 when every row is the same, with 1 when something differs for certain, with 3 when neither could be proved.
///
/// `--json` prints `{"verdict", "why", "source", "target", "hashing", "tables", "left_out", "differences", "took_ms"}`;
/// each of `differences` has `table`, `key`, `kind` (`changed`, `missing` or `extra` at the target), `columns`, and the
/// row of either side.
#[derive(clap::Args)]
pub(super) struct Args {
    /// What is right by definition. Passwords belong into ~/.pgpass or ~/.my.cnf: everybody on this host can see what
    /// stands here.
    source: String,
    /// What has to be the same.
    target: String,
    /// Only tables whose name fits, with `*` and `?`; may be given several times, or parted by commas.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    tables: Vec<String>,
    /// All but tables whose name fits.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    except: Vec<String>,
    /// Names every row that differs, and not the first thousand of a table.
    #[arg(long)]
    full: bool,
    /// Counts rows that differ and names none.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// How many connections a side work at a time, where the databases can share one moment.
    #[arg(long, value_name = "N", default_value_t = Load::CONNECTIONS)]
    connections: usize,
    /// Prints a document for scripts.
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let (source, target) = (database(&args.source, "source")?, database(&args.target, "target")?);
    let sides = Sides { source, target, link: None };
    let listed = match (args.full, args.quick) {
        (true, _) => usize::MAX,
        (_, true) => 0,
        _ => LISTED,
    };
    let request =
        Request { include: args.tables.clone(), except: args.except.clone(), listed, ..Request::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::NotProved, format!("nothing can be asked: {error}")))?;
    let mut teller = Teller::new();
    let load = Load::new(args.connections);
    let outcome = runtime.block_on(compare_with(&sides, &request, &load, None, &mut |progress| {
        teller.tell(progress);
        ControlFlow::Continue(())
    }));
    teller.end();
    if args.json {
        print::json(&document(&outcome, args))?;
    } else {
        print::out(&words(&outcome))?;
    }
    Ok(match outcome.verdict() {
        Verdict::Same => Exit::Done,
        Verdict::Different => Exit::Different,
        Verdict::NotProved { .. } => Exit::NotProved,
    })
}

/// The database that a word of the command line means. Connects to nothing yet.
fn database(address: &str, name: &str) -> Result<Arc<dyn Database>, Failure> {
    let kind = if postgres::is_address(address) {
        "postgres"
    } else if ["mysql://", "mariadb://"].iter().any(|scheme| address.starts_with(scheme)) {
        "mysql"
    } else if Path::new(address).is_file() {
        "sqlite"
    } else {
        let why = if Path::new(address).is_dir() { "is a folder" } else { "is no file, and no address" };
        return Err(Failure::usage(format!(
            "{name}: {address} {why}: give a SQLite file, or an address such as postgres://host/database or mysql://host/database"
        )));
    };
    let root = PathBuf::new();
    let settings = Settings { name: name.to_owned(), address: address.to_owned(), root, timeout: WITHIN };
    connect(kind, &settings).map_err(|error| match error {
        Error::Broken { .. } => Failure::usage(error.to_string()),
        _ => Failure::new(Exit::NotProved, error.to_string()),
    })
}

/// Says how far it is, beside the answer: a line that is drawn over on a terminal, else a new one now and then.
struct Teller {
    terminal: bool,
    begun: Instant,
    /// When rows were first read, and how many had been by then.
    reading: Option<(Instant, u64)>,
    told: Instant,
}

impl Teller {
    fn new() -> Teller {
        let now = Instant::now();
        Teller { terminal: std::io::stderr().is_terminal(), begun: now, reading: None, told: now }
    }

    fn tell(&mut self, progress: &Progress) {
        if progress.stage == Stage::Digesting && self.reading.is_none() {
            self.reading = Some((Instant::now(), progress.rows));
        }
        if !self.terminal && self.told.elapsed() < TELL_EVERY {
            return;
        }
        self.told = Instant::now();
        let line = safe::line(&self.line(progress)).into_owned();
        let mut err = std::io::stderr().lock();
        // Nobody is there to tell when it fails; the answer comes all the same.
        let _closed = if self.terminal { write!(err, "\r\x1b[K{line}") } else { writeln!(err, "{line}") };
        let _flushed = err.flush();
    }

    fn line(&self, progress: &Progress) -> String {
        let table = progress.table.as_deref().unwrap_or_default();
        let doing = match progress.stage {
            Stage::Schema => return format!("connecting, {}", format::span(self.begun.elapsed())),
            Stage::LookingAgain => {
                let rows = counted(progress.suspects, "row", "rows");
                return format!("looking at {rows} again that may be on their way");
            }
            Stage::Digesting => table,
        };
        let of = progress.tables.unwrap_or_default();
        let mut parts = vec![format!("{doing} ({} of {of})", (progress.tables_done + 1).min(of))];
        if let Some(expected) = progress.rows_expected.filter(|&expected| expected > 0) {
            parts.push(format!("{} %", progress.rows.min(expected) * 100 / expected));
        }
        if let Some(rate) = self.rate(progress) {
            parts.push(format!("{} rows/s", format::count(rate)));
            let left = progress.rows_expected.map(|all| all.saturating_sub(progress.rows) / rate);
            parts.extend(left.map(|left| format!("about {} left", format::span(Duration::from_secs(left)))));
        }
        parts.join(", ")
    }

    /// Rows a second, since the first was read.
    fn rate(&self, progress: &Progress) -> Option<u64> {
        let (since, before) = self.reading?;
        let ms = u64::try_from(since.elapsed().as_millis()).ok().filter(|&ms| ms > 0)?;
        Some(progress.rows.saturating_sub(before) * 1_000 / ms).filter(|&rate| rate > 0)
    }

    fn end(&self) {
        if self.terminal {
            let _closed = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// The answer for a person: what is wrong first, the verdict last, where it is seen.
fn words(outcome: &Outcome) -> String {
    let mut lines = Vec::new();
    let rows: Vec<Vec<String>> = ordered(outcome).into_iter().map(row).collect();
    if !rows.is_empty() {
        lines.push(print::columns(&rows));
    }
    for table in ordered(outcome) {
        lines.extend(table.schema.iter().map(|difference| format!("\n{}: {difference}", table.name)));
        if !table.differences.is_empty() {
            lines.push(format!("\n{}", table.name));
            lines.extend(table.differences.iter().map(difference));
            let more = table.different().saturating_sub(table.differences.len() as u64);
            if more > 0 {
                lines.push(format!("  … and {} more (--full names all)", format::count(more)));
            }
        }
    }
    let left = outcome.left_out.iter().filter(|(_, why)| why != "not asked for");
    lines.extend(left.map(|(table, why)| format!("left out: {table}, {why}")));
    lines.push(format!("\n{}", verdict(outcome)));
    lines.join("\n").trim_start_matches('\n').to_owned()
}

/// Tables, those that are not the same first.
fn ordered(outcome: &Outcome) -> Vec<&TableOutcome> {
    let mut tables: Vec<&TableOutcome> = outcome.tables.iter().collect();
    let rank = |table: &TableOutcome| match table.verdict() {
        Verdict::Different => 0,
        Verdict::NotProved { .. } => 1,
        Verdict::Same => 2,
    };
    tables.sort_by_key(|table| rank(table));
    tables
}

fn row(table: &TableOutcome) -> Vec<String> {
    let said = match table.verdict() {
        Verdict::Same => "same".to_owned(),
        Verdict::NotProved { .. } => "not proved".to_owned(),
        Verdict::Different => "different".to_owned(),
    };
    let count = |rows: Option<u64>| rows.map_or_else(|| "?".to_owned(), format::count);
    let rows = match (table.rows_source, table.rows_target) {
        (source, target) if source == target => format!("{} rows", count(source)),
        (source, target) => format!("{} and {} rows", count(source), count(target)),
    };
    let how = match table.verdict() {
        Verdict::Same => table.equality.to_string(),
        Verdict::NotProved { why } => why,
        Verdict::Different if table.different() == 0 => "differs in structure".to_owned(),
        Verdict::Different => {
            let part = |n: u64, word: &str| (n > 0).then(|| format!("{} {word}", format::count(n)));
            let parts =
                [part(table.changed, "changed"), part(table.missing, "missing"), part(table.extra, "extra")];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    };
    vec![table.name.clone(), said, rows, how]
}

fn difference(of: &Difference) -> String {
    let key =
        of.key.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect::<Vec<_>>().join(", ");
    match &of.kind {
        DifferenceKind::Missing => format!("  {key}: missing at the target"),
        DifferenceKind::Extra => format!("  {key}: only at the target"),
        DifferenceKind::Changed { columns } => {
            let side = |row: &Option<Vec<(String, Value)>>, column: &str| {
                let value = row.iter().flatten().find(|(name, _)| name == column);
                value.map_or_else(|| "?".to_owned(), |(_, value)| shown(value))
            };
            let each: Vec<String> = columns
                .iter()
                .map(|column| {
                    format!("{column} {} became {}", side(&of.source, column), side(&of.target, column))
                })
                .collect();
            format!("  {key}: {}", each.join("; "))
        }
    }
}

/// A value, with its type where text would hide it.
fn shown(value: &Value) -> String {
    let Some(plain) = value.plain() else { return "NULL".to_owned() };
    let cut: String = plain.chars().take(SHOWN).collect();
    let cut = if cut.len() < plain.len() { format!("{cut}…") } else { cut };
    match value {
        Value::Text(_) => format!("'{cut}'"),
        Value::Blob(_) => format!("x'{cut}'"),
        Value::Integer(_) | Value::Real(_) | Value::Null => cut,
    }
}

fn verdict(outcome: &Outcome) -> String {
    let tables = counted(outcome.tables.len() as u64, "table", "tables");
    let took = format::span(outcome.took);
    let said = match outcome.verdict() {
        Verdict::Same => {
            let rows: u64 = outcome.tables.iter().filter_map(|table| table.rows_source).sum();
            format!("same: {}, {} on each side, by {}", tables, counted(rows, "row", "rows"), outcome.hashing)
        }
        Verdict::Different => {
            let differ = outcome.tables.iter().filter(|table| table.verdict() == Verdict::Different).count();
            let rows = counted(outcome.different(), "row", "rows");
            format!("different: {rows} in {differ} of {tables}")
        }
        Verdict::NotProved { why } => format!("not proved: {why}"),
    };
    match (&outcome.unfinished, outcome.verdict()) {
        (Some(why), Verdict::Different) => format!("{said}, {took}; it did not come to its end: {why}"),
        _ => format!("{said}, {took}"),
    }
}

fn document(outcome: &Outcome, args: &Args) -> Json {
    let (verdict, why) = verdict_words(&outcome.verdict());
    let side = |stamp: &Stamp| {
        json!({
            "position": stamp.position.as_ref().map(|position| &position.0),
            "applied": stamp.applied.as_ref().map(|position| &position.0),
        })
    };
    let tables: Vec<Json> = outcome.tables.iter().map(table).collect();
    let left: Vec<Json> =
        outcome.left_out.iter().map(|(table, why)| json!({ "table": table, "why": why })).collect();
    let differences: Vec<Json> = outcome
        .tables
        .iter()
        .flat_map(|table| table.differences.iter().map(|difference| differing(&table.name, difference)))
        .collect();
    json!({
        "verdict": verdict,
        "why": why.or_else(|| outcome.unfinished.clone()),
        "source": side(&outcome.source),
        "target": side(&outcome.target),
        "hashing": outcome.hashing,
        "tables": tables,
        "left_out": left,
        "named": if args.full { "all" } else if args.quick { "none" } else { "first 1000 of a table" },
        "differences": differences,
        "took_ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn verdict_words(verdict: &Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::Same => ("same", None),
        Verdict::Different => ("different", None),
        Verdict::NotProved { why } => ("not_proved", Some(why.clone())),
    }
}

fn table(of: &TableOutcome) -> Json {
    let (verdict, why) = verdict_words(&of.verdict());
    json!({
        "table": of.name,
        "verdict": verdict,
        "why": why,
        "rows": { "source": of.rows_source, "target": of.rows_target },
        "equality": of.equality.to_string(),
        "structure": of.schema.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "changed": of.changed,
        "missing": of.missing,
        "extra": of.extra,
        "in_flight": of.in_flight,
        "took_ms": u64::try_from(of.took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn differing(table: &str, of: &Difference) -> Json {
    let (kind, columns) = match &of.kind {
        DifferenceKind::Missing => ("missing", &[][..]),
        DifferenceKind::Extra => ("extra", &[][..]),
        DifferenceKind::Changed { columns } => ("changed", columns.as_slice()),
    };
    json!({
        "table": table,
        "key": record(&of.key),
        "kind": kind,
        "columns": columns,
        "source": of.source.as_deref().map(record),
        "target": of.target.as_deref().map(record),
    })
}

fn record(row: &[(String, Value)]) -> Json {
    Json::Object(row.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<Map<_, _>>())
}

/// A value as JSON has it. Bytes, and text that is none, as hex under their own name.
fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Integer(n) => json!(n),
        // JSON has no name for what is no number.
        Value::Real(r) if r.is_finite() => json!(r),
        Value::Real(r) => json!(r.to_string()),
        Value::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => json!({ "bytes": crate::databases::value::hex(bytes) }),
        },
        Value::Blob(bytes) => json!({ "bytes": crate::databases::value::hex(bytes) }),
    }
}
