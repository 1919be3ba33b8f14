//! Every row of two databases, by the validation engine.
//!
//! Owns how its outcome is told: figures and names here, values only in what stays in the run folder. *Not
//! proved* is no measure.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::course::Teller;
use super::endpoint::stream;
use super::kept;
use super::look::{Look, failed};
use super::words::{count, counted, line};
use crate::compare::tables::{
    Book, Difference, DifferenceKind, Ledger, Load, Outcome, Progress, Request, SchemaDifference, Sides,
    TableOutcome, Verdict, compare_with,
};
use crate::databases::{self, Database};
use crate::engine::reading::{Compared, DifferenceSeen, Facts, Measure, ReadBefore, Unmeasured};
use crate::plan::model::TablesProbe;

/// So many differing rows are carried along by name.
const NAMED: usize = 50;
/// So many are kept with their values, a table.
const LISTED: usize = 100;

/// Compares, and says what differs.
pub(super) async fn look(look: &mut Look<'_>, probe: &TablesProbe) -> Result<Measure, Unmeasured> {
    look.ask(asked(probe));
    let (source, target) = (look.database(&probe.from)?, look.database(&probe.to)?);
    // Where the plan has a link between the two, rows that differ may be on their way.
    let between = look.ctx.links.iter().find(|l| l.from == probe.from && l.to == probe.to);
    let link = between.map(|link| stream(link, &source, &target)).transpose()?;
    let sides = Sides { source, target, link };
    let request = Request {
        include: probe.include.clone(),
        except: probe.except.clone(),
        without: probe.without.clone(),
        rename: probe.rename.clone(),
        cast: probe.cast.clone(),
        listed: LISTED,
        ..Request::default()
    };
    let new = || {
        let load = Load::new(probe.connections.unwrap_or(Load::CONNECTIONS));
        load.within(between.filter(|_| probe.before).map(|link| link.warn))
    };
    let outcome = match (look.probe, &look.ctx.ledgers) {
        (Some(id), Some(ledgers)) => {
            let load = ledgers.load(id, new);
            let teller = Teller::new(ledgers.tell(), (id, Some(&load)), &look.ctx.clock, look.began.wall);
            let mut pulse = Pulse::new(teller, look.timeout);
            let mut tell = |progress: &Progress, tables: &[TableOutcome]| pulse.tell(progress, tables);
            let outcome = if probe.before {
                let (name, keep) = (ledgers.trail(id), |ledger: &Ledger| ledgers.keep(id, ledger));
                let now = || look.ctx.clock.now().wall;
                let mut book = Book { name: &name, ledger: ledgers.read(id), keep: &keep, now: &now };
                compare_with(&sides, &request, &load, Some(&mut book), &mut tell).await
            } else {
                compare_with(&sides, &request, &load, None, &mut tell).await
            };
            pulse.teller.end(&outcome);
            outcome
        }
        _ => compare_with(&sides, &request, &new(), None, &mut |_, _| ControlFlow::Continue(())).await,
    };
    for table in &outcome.tables {
        look.keep(&kept::table(table));
    }
    if let Some(why) = &outcome.without {
        look.keep(&format!("every row has to be read in the window: {why}"));
    }
    for found in &outcome.remarks.found {
        look.keep(&line(&format!("remark: {found}"), 500));
    }
    if let Some(why) = &outcome.remarks.unknown {
        look.keep(&format!("nobody knows what is otherwise around the tables: {why}"));
    }
    for (name, why) in &outcome.left_out {
        look.keep(&format!("{name}: left out, {why}"));
    }
    let in_flight = written(sides.source.as_ref(), outcome.source.position.as_ref()).await
        || written(sides.target.as_ref(), outcome.target.position.as_ref()).await;
    judge(&outcome, in_flight)
}

fn asked(probe: &TablesProbe) -> String {
    let part = |word: &str, tables: &[String]| match tables {
        [] => String::new(),
        some => format!(", {word} {}", some.join(", ")),
    };
    let (only, without) = (part("only", &probe.include), part("without", &probe.except));
    format!("every row of {} and {}{only}{without}", probe.from, probe.to)
}

/// Whether anybody but replication has written since. Where that cannot be told the stricter rules hold, those
/// for sides at rest.
async fn written(side: &dyn Database, since: Option<&databases::Position>) -> bool {
    match since {
        None => false,
        Some(position) => side.writes_since(position).await.is_ok_and(|writes| writes.total > 0),
    }
}

fn judge(outcome: &Outcome, in_flight: bool) -> Result<Measure, Unmeasured> {
    let same = outcome.tables.iter().filter(|t| t.verdict() == Verdict::Same).count() as u64;
    let tables = outcome.tables.len() as u64;
    let rows: u64 = outcome.tables.iter().filter_map(|t| t.rows_source).sum();
    let structure = outcome.tables.iter().map(|t| t.schema.len() as u64).sum::<u64>();
    let named = named(outcome);
    let before = before(outcome);
    let (pass, text) = match outcome.verdict() {
        Verdict::NotProved { why } => return failed(format!("not proved: {why}")),
        Verdict::Same => {
            let all =
                format!("{} of {} the same, {}", count(same), counted(tables, "table"), counted(rows, "row"));
            let again = before.as_ref().map_or_else(String::new, |before| {
                format!(" before, {} looked at again", count(before.again))
            });
            let remarks = match outcome.remarks.found.len() as u64 {
                0 => String::new(),
                n => format!(", {} on definitions", counted(n, "remark")),
            };
            (true, format!("{all}{again}{remarks}"))
        }
        Verdict::Different => (false, different(outcome, structure, &named)),
    };
    let equality: BTreeSet<String> = outcome.tables.iter().map(TableOutcome::proves).collect();
    let position = |stamp: &databases::snapshot::Stamp| {
        stamp.position.as_ref().map_or_else(String::new, |p| p.0.clone())
    };
    let facts = Facts::Compared(Compared {
        trees: false,
        tables,
        same,
        rows,
        differences: outcome.different() + structure,
        named,
        equality: line(&equality.into_iter().collect::<Vec<_>>().join("; "), 300),
        positions: (position(&outcome.source), position(&outcome.target)),
        in_flight,
        before,
    });
    Ok(Measure { pass, text, facts })
}

/// What was read before, where anything was.
fn before(outcome: &Outcome) -> Option<Box<ReadBefore>> {
    let known = || outcome.tables.iter().filter_map(|table| table.again);
    let at = known().map(|again| again.read_at).max()?;
    let (tables, again) = (known().count() as u64, known().map(|again| again.rows).sum());
    Some(Box::new(ReadBefore { at, tables, again }))
}

/// Tells how far it is, and gives up where nothing has moved for too long.
struct Pulse<'a> {
    teller: Teller<'a>,
    patience: Duration,
    last: (Progress, Instant),
}

impl Pulse<'_> {
    fn new(teller: Teller<'_>, patience: Duration) -> Pulse<'_> {
        Pulse { teller, patience, last: (Progress::default(), Instant::now()) }
    }

    fn tell(&mut self, progress: &Progress, tables: &[TableOutcome]) -> ControlFlow<()> {
        self.teller.tell(progress, tables);
        if self.last.0 != *progress || progress.waits.is_some() {
            self.last = (progress.clone(), Instant::now());
        }
        if self.last.1.elapsed() < self.patience { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn different(outcome: &Outcome, structure: u64, named: &[DifferenceSeen]) -> String {
    let mut all = Vec::new();
    if structure > 0 {
        all.push(format!("{} of structure", counted(structure, "difference")));
    }
    if outcome.different() > 0 {
        let verb = if outcome.different() == 1 { "differs" } else { "differ" };
        all.push(format!("{} {verb}", counted(outcome.different(), "row")));
    }
    let first = named.first().map_or_else(String::new, |d| {
        let columns =
            if d.columns.is_empty() { String::new() } else { format!(" ({})", d.columns.join(", ")) };
        format!(": {} {} {}{columns}", d.table, d.key, d.kind)
    });
    line(&format!("{}{first}", all.join(", ")), 160)
}

fn named(outcome: &Outcome) -> Vec<DifferenceSeen> {
    let structure = outcome.tables.iter().flat_map(|t| t.schema.iter().map(|d| of_structure(&t.name, d)));
    let rows = outcome.tables.iter().flat_map(|t| t.differences.iter().map(|d| of_row(&t.name, d)));
    structure.chain(rows).take(NAMED).collect()
}

fn of_structure(table: &str, difference: &SchemaDifference) -> DifferenceSeen {
    let (key, kind, columns) = match difference {
        SchemaDifference::TableMissing => ("(the table)", "missing", Vec::new()),
        SchemaDifference::TableExtra => ("(the table)", "extra", Vec::new()),
        SchemaDifference::ColumnMissing(column) => ("(a column)", "missing", vec![column.clone()]),
        SchemaDifference::ColumnExtra(column) => ("(a column)", "extra", vec![column.clone()]),
        SchemaDifference::Type { column, .. } => ("(a column's type)", "changed", vec![column.clone()]),
        SchemaDifference::Key { source, .. } => ("(the primary key)", "changed", source.clone()),
    };
    DifferenceSeen { table: table.to_owned(), key: key.to_owned(), kind: kind.to_owned(), columns }
}

pub(super) fn of_row(table: &str, difference: &Difference) -> DifferenceSeen {
    let (kind, columns) = match &difference.kind {
        DifferenceKind::Missing => ("missing", Vec::new()),
        DifferenceKind::Extra => ("extra", Vec::new()),
        DifferenceKind::Changed { columns } => ("changed", columns.clone()),
    };
    let key = difference.key.iter().map(|(_, value)| kept::plain(value)).collect::<Vec<_>>().join(", ");
    DifferenceSeen { table: table.to_owned(), key: line(&key, 80), kind: kind.to_owned(), columns }
}
