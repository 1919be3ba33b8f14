//! What comparisons have proved, kept in the run folder between looks; and how each stands, for whoever watches.
//!
//! Owns the files, the words and the load of each comparison. Refuses to know what a ledger says: see `compare`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::endpoint::connect;
use super::look::Context;
use super::scrub::Scrub;
use super::words::{count, line};
use crate::clock::{Clock, Timestamp};
use crate::compare::tables::{Equality, Ledger, Load, Outcome, Progress, Stage, TableOutcome, Verdict};
use crate::engine::course::{Course, Doing, Proved, Standing, TableSeen, TablesSeen};
use crate::engine::event::LoadChange;
use crate::engine::state::LoadAsked;
use crate::files;
use crate::plan::ProbeId;
use crate::plan::model::{Probe, ProbeKind};

/// How often whoever watches is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How often they are told how each table stands meanwhile.
const TELL_TABLES_EVERY: Duration = Duration::from_secs(5);
/// So many tables are named: the worst.
const TABLES: usize = 200;
/// A reason is cut here.
const WHY: usize = 200;

/// One server may take so long to let a trail go.
const LET_GO_WITHIN: Duration = Duration::from_secs(30);

/// Whoever is told how comparisons stand.
pub(crate) type Tell = Box<dyn Fn(Course) + Send + Sync>;

/// The ledgers of a run.
pub(crate) struct Ledgers {
    run: String,
    folder: PathBuf,
    tell: Tell,
    loads: Mutex<Loads>,
}

/// What comparisons may ask of their servers: of those that have begun, and as somebody has said of any.
struct Loads {
    begun: HashMap<ProbeId, Arc<Load>>,
    asked: BTreeMap<ProbeId, LoadAsked>,
}

impl Ledgers {
    pub(crate) fn new(
        run: String,
        folder: PathBuf,
        asked: BTreeMap<ProbeId, LoadAsked>,
        tell: Tell,
    ) -> Ledgers {
        Ledgers { run, folder, tell, loads: Mutex::new(Loads { begun: HashMap::new(), asked }) }
    }

    /// What a comparison may ask for, for as long as the run lasts.
    pub(crate) fn load(&self, probe: &ProbeId, new: impl FnOnce() -> Load) -> Arc<Load> {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = loads.begun.get(probe) {
            return Arc::clone(load);
        }
        let load = Arc::new(new());
        if let Some(asked) = loads.asked.get(probe) {
            apply(&load, *asked);
        }
        loads.begun.insert(probe.clone(), Arc::clone(&load));
        load
    }

    fn change(&self, probe: &ProbeId, change: LoadChange) {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = loads.asked.entry(probe.clone()).or_default();
        asked.take(change);
        let asked = *asked;
        if let Some(load) = loads.begun.get(probe) {
            apply(load, asked);
        }
    }

    /// What its trails are called: no other run's, and no other comparison's of this one.
    pub(crate) fn trail(&self, probe: &ProbeId) -> String {
        format!("{}/{probe}", self.run)
    }

    /// The ledger as it was kept last. One that is damaged is none: everything is read again, which costs time and proves
    /// as much.
    pub(super) fn read(&self, probe: &ProbeId) -> Ledger {
        let path = path(&self.folder, probe);
        let read = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|why| why.to_string()),
            Err(why) if why.kind() == ErrorKind::NotFound => return Ledger::default(),
            Err(why) => Err(why.to_string()),
        };
        read.unwrap_or_else(|why| {
            tracing::warn!(%probe, why, "the ledger {} cannot be read: everything is compared again", path.display());
            Ledger::default()
        })
    }

    /// Keeps a ledger durably.
    pub(super) fn keep(&self, probe: &ProbeId, ledger: &Ledger) -> Result<(), String> {
        let path = path(&self.folder, probe);
        let text = serde_json::to_vec(ledger).map_err(|why| why.to_string())?;
        files::put(&path, &text, true).map_err(|why| format!("{} cannot be written: {why}", path.display()))
    }

    /// Whoever tells how far a comparison is.
    pub(super) fn teller<'a>(
        &'a self,
        (probe, load): (&'a ProbeId, &'a Load),
        clock: &'a Clock,
        since: Timestamp,
    ) -> Teller<'a> {
        let (told, told_tables, pace) = (None, None, Pace::default());
        Teller { ledgers: self, clock, probe, load, since, told, told_tables, pace, ended: false }
    }
}

fn apply(load: &Load, asked: LoadAsked) {
    load.hold(asked.held);
    if let Some(connections) = asked.connections {
        load.set_connections(usize::try_from(connections).unwrap_or(Load::MOST));
    }
}

/// Has a comparison ask more of its servers, less, or nothing for a while: from its next question on, and for as long as
/// the run lasts.
pub fn change_load(ctx: &Context, probe: &ProbeId, change: LoadChange) {
    if let Some(ledgers) = &ctx.ledgers {
        ledgers.change(probe, change);
    }
}

/// Whether a comparison has found that nothing tells what is written: then reading before the window saves nothing in it.
pub fn keeps_no_trail(ctx: &Context, probe: &Probe) -> bool {
    ctx.ledgers.as_ref().is_some_and(|ledgers| ledgers.read(&probe.id).without.is_some())
}

/// Lets go of the trails that a comparison has kept: a server keeps its log for each. What was proved by them does not hold
/// from here on. Whoever looks after a server reads in the log of the program where that failed.
pub async fn let_trails_go(ctx: &Context, probe: &Probe) {
    let (ProbeKind::Tables(tables), Some(ledgers)) = (&probe.kind, &ctx.ledgers) else { return };
    if !probe.reads_before() {
        return;
    }
    let mut scrub = Scrub::default();
    for side in [&tables.from, &tables.to] {
        let gone = match connect(ctx, &mut scrub, side, LET_GO_WITHIN) {
            Ok(database) => {
                database.let_trail_go(&ledgers.trail(&probe.id)).await.map_err(|why| why.to_string())
            }
            Err(why) => Err(why),
        };
        if let Err(why) = gone {
            let why = line(&scrub.text(why), 300);
            tracing::error!(%side, probe = %probe.id, why, "a trail could not be let go: the server keeps its log for it");
        }
    }
    if let Err(why) = ledgers.keep(&probe.id, &Ledger::default()) {
        tracing::warn!(probe = %probe.id, why, "the ledger stays as it was");
    }
}

fn path(run: &Path, probe: &ProbeId) -> PathBuf {
    run.join("ledger").join(format!("{probe}.json"))
}

/// Tells how far a look of a comparison is, and that none is under way any more when it is dropped.
pub(super) struct Teller<'a> {
    ledgers: &'a Ledgers,
    clock: &'a Clock,
    probe: &'a ProbeId,
    load: &'a Load,
    since: Timestamp,
    told: Option<Instant>,
    told_tables: Option<Instant>,
    pace: Pace,
    ended: bool,
}

impl Teller<'_> {
    pub(super) fn tell(&mut self, progress: &Progress, tables: &[TableOutcome]) {
        let rate = self.pace.of(progress);
        if self.told.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let now = Standing {
            since: self.since,
            doing: match progress.stage {
                Stage::Schema => Doing::Connecting,
                Stage::Digesting => Doing::Reading,
                Stage::LookingAgain => Doing::LookingAgain,
            },
            table: progress.table.clone(),
            tables: progress.tables.map(|all| (progress.tables_done as u64, all as u64)),
            rows: progress.rows,
            of: progress.rows_expected,
            rate,
            connections: self.load.connections() as u64,
            suspects: progress.suspects,
            waits: progress.waits.clone(),
        };
        // Until it is known what was read before, each of them seems to be to come.
        let due = self.told_tables.is_none_or(|at| at.elapsed() >= TELL_TABLES_EVERY);
        let seen = (progress.stage == Stage::Digesting && due).then(|| {
            self.told_tables = self.told;
            seen(self.since, tables, |table| is_under_way(table, progress))
        });
        self.say(Some(now), seen);
    }

    /// Tells how it ended.
    pub(super) fn end(mut self, outcome: &Outcome) {
        self.ended = true;
        let why = outcome.unfinished.as_deref();
        let tables = (!outcome.tables.is_empty())
            .then(|| seen(self.since, &outcome.tables, |table| ended(table, why)));
        self.say(None, tables);
    }

    fn say(&self, now: Option<Standing>, tables: Option<TablesSeen>) {
        let told = self.clock.now().boot;
        (self.ledgers.tell)(Course { probe: self.probe.clone(), told, now, tables });
    }
}

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.say(None, None);
        }
    }
}

/// How fast rows are read, leaving out the time in which it waits.
#[derive(Default)]
struct Pace {
    last: Option<(Instant, u64)>,
    worked: Duration,
    rows: u64,
}

impl Pace {
    /// Rows a second by now, `None` before there is one.
    fn of(&mut self, progress: &Progress) -> Option<u64> {
        let now = Instant::now();
        if let Some((at, rows)) = self.last
            && progress.stage == Stage::Digesting
            && progress.waits.is_none()
        {
            self.worked += now - at;
            self.rows += progress.rows.saturating_sub(rows);
        }
        self.last = (progress.stage == Stage::Digesting).then_some((now, progress.rows));
        let ms = u64::try_from(self.worked.as_millis()).ok().filter(|&ms| ms >= 500)?;
        Some(self.rows.saturating_mul(1_000) / ms).filter(|&rate| rate > 0)
    }
}

fn is_under_way(table: &TableOutcome, progress: &Progress) -> Proved {
    match table.verdict() {
        Verdict::Different => ended(table, None),
        _ if table.looked_at && table.in_flight > 0 => ended(table, None),
        Verdict::Same => Proved::Same,
        Verdict::NotProved { why } if matches!(table.equality, Equality::NotCompared { .. }) => {
            Proved::Not(line(&why, WHY))
        }
        Verdict::NotProved { .. } => {
            let begun = table.read.0 > 0 || progress.table.as_ref() == Some(&table.name);
            if begun { Proved::Reading } else { Proved::ToCome }
        }
    }
}

fn ended(table: &TableOutcome, unfinished: Option<&str>) -> Proved {
    match table.verdict() {
        Verdict::Same => Proved::Same,
        Verdict::Different => Proved::Different(line(&differs(table), WHY)),
        Verdict::NotProved { why } => {
            let why = unfinished.filter(|_| !table.looked_at).map_or(why, str::to_owned);
            Proved::Not(line(&why, WHY))
        }
    }
}

/// How the two sides of a table differ, in words.
pub(super) fn differs(table: &TableOutcome) -> String {
    let structure = table.schema.iter().map(ToString::to_string);
    let rows = [(table.missing, "missing"), (table.extra, "extra"), (table.changed, "changed")];
    let rows = rows.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", count(n)));
    structure.chain(rows).collect::<Vec<_>>().join(", ")
}

/// The worst of the tables, by name where they are equally bad.
fn seen(at: Timestamp, tables: &[TableOutcome], proved: impl Fn(&TableOutcome) -> Proved) -> TablesSeen {
    let mut all: Vec<(usize, Proved, &TableOutcome)> = tables
        .iter()
        .map(|table| {
            let proved = proved(table);
            let rank = match &proved {
                Proved::Different(_) => 0,
                Proved::Not(_) => 1,
                Proved::Reading => 2,
                Proved::ToCome => 3,
                Proved::Same => 4,
            };
            (rank, proved, table)
        })
        .collect();
    let (of, same) = (all.len() as u64, all.iter().filter(|(_, proved, _)| *proved == Proved::Same).count());
    all.sort_by_key(|(rank, ..)| *rank);
    all.truncate(TABLES);
    let seen = all.into_iter().map(|(_, proved, table)| TableSeen {
        table: table.name.clone(),
        proved,
        rows: (table.rows_source, table.rows_target),
        read: table.read,
        whole: table.again.map(|again| again.read_at),
        again: table.again.map_or(0, |again| again.rows),
        equality: table.proves(),
    });
    TablesSeen { at, of, same: same as u64, worst: seen.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledgers(run: &Path) -> (Ledgers, Arc<Mutex<Vec<Course>>>) {
        let told = Arc::<Mutex<Vec<Course>>>::default();
        let to = Arc::clone(&told);
        let tell = Box::new(move |course| to.lock().unwrap().push(course));
        (Ledgers::new("L-1".to_owned(), run.to_owned(), BTreeMap::new(), tell), told)
    }

    #[test]
    fn a_ledger_that_is_damaged_is_none() {
        let run = tempfile::tempdir().unwrap();
        let (ledgers, _) = ledgers(run.path());
        let id = ProbeId::from("rows");
        assert_eq!(ledgers.read(&id), Ledger::default());
        let ledger = Ledger { without: Some("no log".to_owned()), ..Ledger::default() };
        ledgers.keep(&id, &ledger).unwrap();
        assert_eq!(ledgers.read(&id), ledger);
        fs::write(path(run.path(), &id), "{").unwrap();
        assert_eq!(ledgers.read(&id), Ledger::default());
        assert_eq!(ledgers.trail(&id), "L-1/rows");
    }

    #[test]
    fn how_it_stands_is_told_while_it_runs_and_that_it_does_no_longer() {
        let run = tempfile::tempdir().unwrap();
        let (ledgers, told) = ledgers(run.path());
        let (id, clock, load) = (ProbeId::from("rows"), Clock::system(), Load::default());
        let table = |name: &str| TableOutcome {
            name: name.to_owned(),
            rows_source: None,
            rows_target: None,
            equality: Equality::EveryRow,
            aside: Vec::new(),
            schema: Vec::new(),
            missing: 0,
            extra: 0,
            changed: 0,
            in_flight: 0,
            differences: Vec::new(),
            read: (0, 50),
            looked_at: false,
            again: None,
            took: Duration::ZERO,
        };
        let whole = TableOutcome { looked_at: true, read: (50, 50), ..table("a") };
        let begun = TableOutcome { read: (5, 50), ..table("b") };
        let wrong = TableOutcome { missing: 2, changed: 1, looked_at: true, ..table("d") };
        let flies = TableOutcome { in_flight: 1, looked_at: true, ..table("e") };
        let tables = [whole, begun, table("c"), wrong, flies];
        let progress = Progress {
            stage: Stage::Digesting,
            rows: 10,
            rows_expected: Some(100),
            tables: Some(5),
            ..Progress::default()
        };
        let mut teller = ledgers.teller((&id, &load), &clock, Timestamp(5));
        teller.tell(&progress, &tables);
        let proved = |course: &Course| -> Vec<(String, Proved)> {
            let tables = course.tables.iter().flat_map(|tables| &tables.worst);
            tables.map(|seen| (seen.table.clone(), seen.proved.clone())).collect()
        };
        let first = told.lock().unwrap().remove(0);
        assert_eq!(first.tables.as_ref().map(|tables| (tables.of, tables.same)), Some((5, 1)));
        let now = first.now.as_ref().unwrap();
        assert_eq!((now.percent(), now.tables, now.left()), (Some(10), Some((0, 5)), None));
        let flying = || Proved::Not("1 row differed and may still have been in flight".to_owned());
        let differing = || Proved::Different("2 missing, 1 changed".to_owned());
        assert_eq!(
            proved(&first),
            [
                ("d".to_owned(), differing()),
                ("e".to_owned(), flying()),
                ("b".to_owned(), Proved::Reading),
                ("c".to_owned(), Proved::ToCome),
                ("a".to_owned(), Proved::Same)
            ]
        );
        teller.tell(&progress, &tables);
        assert!(told.lock().unwrap().is_empty(), "not more often than anybody can read");
        let outcome = Outcome {
            tables: tables.to_vec(),
            unfinished: Some("it was stopped".to_owned()),
            ..Outcome::default()
        };
        teller.end(&outcome);
        let last = told.lock().unwrap().remove(0);
        assert_eq!(last.now, None);
        let stopped = || Proved::Not("it was stopped".to_owned());
        assert_eq!(
            proved(&last),
            [
                ("d".to_owned(), differing()),
                ("b".to_owned(), stopped()),
                ("c".to_owned(), stopped()),
                ("e".to_owned(), flying()),
                ("a".to_owned(), Proved::Same)
            ]
        );
        // A look that is given up leaves what was known of the tables as it was.
        drop(ledgers.teller((&id, &load), &clock, Timestamp(6)));
        assert_eq!(told.lock().unwrap().pop().map(|told| (told.now, told.tables)), Some((None, None)));
    }

    #[test]
    fn what_was_said_of_a_load_holds_for_the_looks_that_come() {
        let run = tempfile::tempdir().unwrap();
        let (ledgers, _) = ledgers(run.path());
        let (rows, other) = (ProbeId::from("rows"), ProbeId::from("other"));
        ledgers.change(&rows, LoadChange::Hold);
        let load = ledgers.load(&rows, Load::default);
        assert_eq!((load.held(), load.connections()), (true, Load::CONNECTIONS));
        ledgers.change(&rows, LoadChange::Connections(1_000_000));
        ledgers.change(&rows, LoadChange::GoOn);
        assert_eq!((load.held(), load.connections()), (false, Load::MOST));
        assert_eq!(ledgers.load(&other, Load::default).connections(), Load::CONNECTIONS);
    }

    #[test]
    fn the_pace_leaves_out_the_time_in_which_it_waits() {
        let mut pace = Pace::default();
        let at = |rows, waits: Option<&str>| Progress {
            stage: Stage::Digesting,
            rows,
            waits: waits.map(str::to_owned),
            ..Progress::default()
        };
        assert_eq!(pace.of(&at(0, None)), None);
        std::thread::sleep(Duration::from_millis(600));
        let first = pace.of(&at(600, None)).unwrap();
        assert!((500..=1_000).contains(&first), "{first}");
        std::thread::sleep(Duration::from_millis(600));
        assert_eq!(pace.of(&at(600, Some("held"))), Some(first));
    }
}
