//! `cutover compare` of two databases: which are meant, how far it is, and the two forms of the answer.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};

use super::super::exit::{Exit, Failure};
use super::super::print;
use super::teller::Teller;
use super::{Args, verdict_words};
use crate::compare::Pace;
use crate::compare::tables::{
    Difference, DifferenceKind, Load, Outcome, Progress, Remarks, Request, Sides, Stage, TableOutcome,
    Verdict, compare_with,
};
use crate::counts::counted;
use crate::databases::snapshot::Stamp;
use crate::databases::{Database, Error, Settings, Value, connect, postgres};
use crate::ui::format;

/// A question to a server may take this long, but for the reading of rows.
const WITHIN: Duration = Duration::from_secs(30);
/// So many differing rows of a table are named unless all are asked for.
const LISTED: usize = 1_000;
/// So many remarks are told.
const REMARKS: usize = 20;
/// A value is shown up to so many characters: its whole is in the JSON.
const SHOWN: usize = 60;

/// Compares databases of these kinds, and prints the answer.
pub(super) fn main(args: &Args, kinds: [&str; 2]) -> Result<Verdict, Failure> {
    let source = database(kinds[0], &args.source, "source")?;
    let target = database(kinds[1], &args.target, "target")?;
    let sides = Sides { source, target, link: None };
    let listed = match (args.full, args.quick) {
        (true, _) => usize::MAX,
        (_, true) => 0,
        _ => LISTED,
    };
    let request = Request {
        include: args.only.clone(),
        except: args.except.clone(),
        without: args.without.clone(),
        rename: args.rename.iter().cloned().collect(),
        cast: args.cast.iter().cloned().collect(),
        sequences: true,
        listed,
        ..Request::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::NotProved, format!("nothing can be asked: {error}")))?;
    let mut teller = Teller::new();
    let mut pace = Pace::default();
    let load = Load::new(args.connections);
    let outcome = runtime.block_on(compare_with(&sides, &request, &load, None, &mut |progress, _| {
        let works = progress.stage == Stage::Digesting && progress.waits.is_none();
        let rate = pace.of(Instant::now(), progress.rows, works);
        teller.tell(|begun| line(progress, begun, rate));
        ControlFlow::Continue(())
    }));
    teller.end();
    if args.json {
        print::json(&document(&outcome, args))?;
    } else {
        print::out(&words(&outcome))?;
    }
    Ok(outcome.verdict())
}

/// Which engine's database an address means.
pub(super) fn kind(address: &str) -> Option<&'static str> {
    if postgres::is_address(address) {
        Some("postgres")
    } else if ["mysql://", "mariadb://"].iter().any(|scheme| address.starts_with(scheme)) {
        Some("mysql")
    } else if Path::new(address).is_file() {
        Some("sqlite")
    } else {
        None
    }
}

/// The database that a word of the command line means. Connects to nothing yet.
fn database(kind: &str, address: &str, name: &str) -> Result<Arc<dyn Database>, Failure> {
    let root = PathBuf::new();
    let settings = Settings { name: name.to_owned(), address: address.to_owned(), root, timeout: WITHIN };
    connect(kind, &settings).map_err(|error| match error {
        Error::Broken { .. } => Failure::usage(error.to_string()),
        _ => Failure::new(Exit::NotProved, error.to_string()),
    })
}

/// How far it is.
fn line(progress: &Progress, begun: Instant, rate: Option<u64>) -> String {
    let table = progress.table.as_deref().unwrap_or_default();
    let doing = match progress.stage {
        Stage::Schema => return format!("connecting, {}", format::span(begun.elapsed())),
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
    if let Some(rate) = rate {
        parts.push(format!("{} rows/s", format::count(rate)));
        let left = progress.rows_expected.map(|all| all.saturating_sub(progress.rows) / rate);
        parts.extend(left.map(|left| format!("about {} left", format::span(Duration::from_secs(left)))));
    }
    parts.join(", ")
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
    lines.extend(remarks(&outcome.remarks));
    let left = outcome.left_out.iter().filter(|(_, why)| why != "not asked for");
    lines.extend(left.map(|(table, why)| format!("left out: {table}, {why}")));
    lines.push(format!("\n{}", verdict(outcome)));
    lines.join("\n").trim_start_matches('\n').to_owned()
}

/// What is otherwise around the tables.
fn remarks(remarks: &Remarks) -> Vec<String> {
    let unknown = remarks
        .unknown
        .iter()
        .map(|why| format!("\nnobody knows what is otherwise around the tables: {why}"));
    let mut lines: Vec<String> = unknown.collect();
    if !remarks.found.is_empty() {
        lines.push("\nnot of the rows, and no part of the verdict:".to_owned());
        lines.extend(remarks.found.iter().take(REMARKS).map(|found| format!("  {found}")));
        let more = remarks.found.len().saturating_sub(REMARKS) as u64;
        if more > 0 {
            lines.push(format!("  … and {} more (--json names all)", format::count(more)));
        }
    }
    lines
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
        (Some(source), Some(target)) if source == target => counted(source, "row", "rows"),
        (None, None) => "? rows".to_owned(),
        (source, target) => format!("{} and {} rows", count(source), count(target)),
    };
    let how = match table.verdict() {
        Verdict::Same => table.proves(),
        Verdict::NotProved { why } => why,
        Verdict::Different if table.different() == 0 => "differs in structure".to_owned(),
        Verdict::Different => {
            let part = |n: u64, word: &str| (n > 0).then(|| format!("{} {word}", format::count(n)));
            let parts =
                [part(table.changed, "changed"), part(table.missing, "missing"), part(table.extra, "extra")];
            let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
            std::iter::once(parts).chain(table.aside.iter().cloned()).collect::<Vec<_>>().join("; ")
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
        "remarks": outcome.remarks.found,
        "remarks_unknown": outcome.remarks.unknown,
        "took_ms": u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn table(of: &TableOutcome) -> Json {
    let (verdict, why) = verdict_words(&of.verdict());
    json!({
        "table": of.name,
        "verdict": verdict,
        "why": why,
        "rows": { "source": of.rows_source, "target": of.rows_target },
        "equality": of.proves(),
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
