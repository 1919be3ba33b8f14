//! How a comparison stands, told to whoever watches.
//!
//! Owns when that is told, and what of a comparison's outcome is said of each table. Nothing rests on it.

use std::time::{Duration, Instant};

use super::words::{count, line};
use crate::clock::{Clock, Timestamp};
use crate::compare::Pace;
use crate::compare::tables::{Equality, Load, Outcome, Progress, Stage, TableOutcome, Verdict};
use crate::compare::trees;
use crate::engine::course::{Course, Doing, Proved, Standing, TableSeen, TablesSeen, What};
use crate::plan::ProbeId;

/// How often whoever watches is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How often they are told how each table stands meanwhile, where there are many …
const TELL_TABLES_EVERY: Duration = Duration::from_secs(5);
/// … more than this.
const FEW: usize = 40;
/// So many tables are named: the worst.
const TABLES: usize = 200;
/// A reason is cut here.
const WHY: usize = 200;

/// Whoever is told how comparisons stand.
pub(crate) type Tell = Box<dyn Fn(Course) + Send + Sync>;

/// Tells how far a look of a comparison is, and that none is under way any more when it is dropped.
pub(super) struct Teller<'a> {
    to: &'a Tell,
    clock: &'a Clock,
    probe: &'a ProbeId,
    load: Option<&'a Load>,
    since: Timestamp,
    told: Option<Instant>,
    told_tables: Option<Instant>,
    pace: Pace,
    ended: bool,
}

impl<'a> Teller<'a> {
    /// Of a look that began at `since`; with its load where that can be changed.
    pub(super) fn new(
        to: &'a Tell,
        (probe, load): (&'a ProbeId, Option<&'a Load>),
        clock: &'a Clock,
        since: Timestamp,
    ) -> Teller<'a> {
        let (told, told_tables, pace) = (None, None, Pace::default());
        Teller { to, clock, probe, load, since, told, told_tables, pace, ended: false }
    }

    pub(super) fn tell(&mut self, progress: &Progress, tables: &[TableOutcome]) {
        let works = progress.stage == Stage::Digesting && progress.waits.is_none();
        let rate = self.pace.of(Instant::now(), progress.rows, works);
        if !self.is_due() {
            return;
        }
        let now = Standing {
            since: self.since,
            doing: match progress.stage {
                Stage::Schema => Doing::Connecting,
                Stage::Digesting => Doing::Reading,
                Stage::LookingAgain => Doing::LookingAgain,
            },
            table: progress.table.clone(),
            what: What::Rows,
            tables: progress.tables.map(|all| (progress.tables_done as u64, all as u64)),
            rows: progress.rows,
            of: progress.rows_expected,
            rate,
            connections: self.load.map_or(0, Load::connections) as u64,
            suspects: progress.suspects,
            held: self.load.is_some_and(Load::held),
            waits: progress.waits.clone(),
        };
        // Until it is known what was read before, each of them seems to be to come.
        let due = self.told_tables.is_none_or(|at| tables.len() <= FEW || at.elapsed() >= TELL_TABLES_EVERY);
        let seen = (progress.stage == Stage::Digesting && due).then(|| {
            self.told_tables = self.told;
            seen(self.since, tables, |table| is_under_way(table, progress))
        });
        self.say(Some(now), seen);
    }

    /// … of one that compares files.
    pub(super) fn tell_files(&mut self, progress: &trees::Progress) {
        let reads = progress.stage == trees::Stage::Reading;
        let rate = self.pace.of(Instant::now(), progress.bytes_done, reads);
        if !self.is_due() {
            return;
        }
        let (doing, rows, of) = match progress.stage {
            trees::Stage::Walking => (Doing::Listing, progress.entries, None),
            trees::Stage::Reading => (Doing::Reading, progress.bytes_done, Some(progress.bytes)),
            trees::Stage::LookingAgain => (Doing::LookingAgain, progress.bytes_done, Some(progress.bytes)),
        };
        let now = Standing {
            since: self.since,
            doing,
            table: None,
            what: What::Bytes,
            tables: reads.then_some((progress.files_done, progress.files)),
            rows,
            of,
            rate,
            connections: 0,
            suspects: 0,
            held: false,
            waits: None,
        };
        self.say(Some(now), None);
    }

    /// Whether it is time to tell; then it is told now.
    fn is_due(&mut self) -> bool {
        let due = self.told.is_none_or(|at| at.elapsed() >= TELL_EVERY);
        if due {
            self.told = Some(Instant::now());
        }
        due
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
        (self.to)(Course { probe: self.probe.clone(), told, now, tables });
    }
}

impl Drop for Teller<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.say(None, None);
        }
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
    use std::sync::{Arc, Mutex};

    #[test]
    fn how_it_stands_is_told_while_it_runs_and_that_it_does_no_longer() {
        let told = Arc::<Mutex<Vec<Course>>>::default();
        let to = Arc::clone(&told);
        let tell: Tell = Box::new(move |course| to.lock().unwrap().push(course));
        let (id, clock, load) = (ProbeId::from("rows"), Clock::system(), Load::default());
        let table =
            |name: &str| TableOutcome { read: (0, 50), ..TableOutcome::new(name, Equality::EveryRow) };
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
        let mut teller = Teller::new(&tell, (&id, Some(&load)), &clock, Timestamp(5));
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
        drop(Teller::new(&tell, (&id, Some(&load)), &clock, Timestamp(6)));
        assert_eq!(told.lock().unwrap().pop().map(|told| (told.now, told.tables)), Some((None, None)));
    }
}
