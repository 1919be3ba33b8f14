//! What comparisons have proved, kept in the run folder between looks.
//!
//! Owns the files and the load of each comparison. Refuses to know what a ledger says: see `compare`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::course::Tell;
use super::endpoint::connect;
use super::look::Context;
use super::scrub::Scrub;
use super::words::line;
use crate::compare::tables::{Ledger, Load};
use crate::databases::trail::Mark;
use crate::engine::state::LoadAsked;
use crate::files;
use crate::plan::model::{Probe, ProbeKind, TablesProbe};
use crate::plan::{EndpointId, ProbeId};

/// One server may take so long to let a trail go, or to move it on.
const TRAIL_WITHIN: Duration = Duration::from_secs(30);

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

    fn set(&self, probe: &ProbeId, asked: LoadAsked) {
        let mut loads = self.loads.lock().unwrap_or_else(PoisonError::into_inner);
        loads.asked.insert(probe.clone(), asked);
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

    /// Whoever is told how comparisons stand.
    pub(super) fn tell(&self) -> &Tell {
        &self.tell
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
pub fn set_load(ctx: &Context, probe: &ProbeId, asked: LoadAsked) {
    if let Some(ledgers) = &ctx.ledgers {
        ledgers.set(probe, asked);
    }
}

/// Whether a comparison has found that nothing tells what is written: then reading before the window saves nothing in it.
pub fn keeps_no_trail(ctx: &Context, probe: &Probe) -> bool {
    ctx.ledgers.as_ref().is_some_and(|ledgers| ledgers.read(&probe.id).without.is_some())
}

/// Lets go of the trails that a comparison has kept: a server keeps its log for each. What was proved by them does not hold
/// from here on. Whoever looks after a server reads in the log of the program where that failed.
pub async fn let_trails_go(ctx: &Context, probe: &Probe) {
    let Some((tables, ledgers)) = with_trails(ctx, probe) else { return };
    let name = ledgers.trail(&probe.id);
    for side in [&tables.from, &tables.to] {
        if let Err(why) = moved(ctx, side, &name, None).await {
            tracing::error!(%side, probe = %probe.id, why, "a trail could not be let go: the server keeps its log for it");
        }
    }
    if let Err(why) = ledgers.keep(&probe.id, &Ledger::default()) {
        tracing::warn!(probe = %probe.id, why, "the ledger stays as it was");
    }
}

/// Lets servers forget what a comparison knows by now. That costs them as much as telling it did, so it comes after the
/// answer; where it fails they keep their log until the next one.
pub async fn move_trails_on(ctx: &Context, probe: &Probe) {
    let Some((tables, ledgers)) = with_trails(ctx, probe) else { return };
    let Some(marks) = ledgers.read(&probe.id).marks else { return };
    let name = ledgers.trail(&probe.id);
    for (side, mark) in [(&tables.from, &marks.source), (&tables.to, &marks.target)] {
        if let Err(why) = moved(ctx, side, &name, Some(mark)).await {
            tracing::warn!(%side, probe = %probe.id, why, "a trail could not be moved on: the server keeps its log for it");
        }
    }
}

/// A comparison that keeps trails, and where its ledger is.
fn with_trails<'a>(ctx: &'a Context, probe: &'a Probe) -> Option<(&'a TablesProbe, &'a Ledgers)> {
    let (ProbeKind::Tables(tables), Some(ledgers)) = (&probe.kind, &ctx.ledgers) else { return None };
    probe.reads_before().then_some((tables, ledgers))
}

/// Moves the trail of one side on to a mark, or lets it go; what goes wrong is told without secrets.
async fn moved(ctx: &Context, side: &EndpointId, name: &str, to: Option<&Mark>) -> Result<(), String> {
    let mut scrub = Scrub::default();
    let done = match (connect(ctx, &mut scrub, side, TRAIL_WITHIN), to) {
        (Ok(database), None) => database.let_trail_go(name).await.map_err(|why| why.to_string()),
        (Ok(database), Some(mark)) => match database.trail(name, Some(mark)).await {
            Ok(mut trail) => trail.confirm(mark).await.map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        },
        (Err(why), _) => Err(why),
    };
    done.map_err(|why| line(&scrub.text(why), 300))
}

fn path(run: &Path, probe: &ProbeId) -> PathBuf {
    run.join("ledger").join(format!("{probe}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many as a server is given are as many as a person may ask for.
    const _: () = assert!(Load::MOST as u64 == TablesProbe::MOST_CONNECTIONS);

    fn ledgers(run: &Path) -> Ledgers {
        Ledgers::new("L-1".to_owned(), run.to_owned(), BTreeMap::new(), Box::new(|_| {}))
    }

    #[test]
    fn a_ledger_that_is_damaged_is_none() {
        let run = tempfile::tempdir().unwrap();
        let ledgers = ledgers(run.path());
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
    fn what_was_said_of_a_load_holds_for_the_looks_that_come() {
        let run = tempfile::tempdir().unwrap();
        let ledgers = ledgers(run.path());
        let (rows, other) = (ProbeId::from("rows"), ProbeId::from("other"));
        let asked = LoadAsked { held: true, connections: None };
        ledgers.set(&rows, asked);
        let load = ledgers.load(&rows, Load::default);
        assert_eq!((load.held(), load.connections()), (true, Load::CONNECTIONS));
        ledgers.set(&rows, LoadAsked { held: false, connections: Some(1_000_000) });
        assert_eq!((load.held(), load.connections()), (false, Load::MOST));
        assert_eq!(ledgers.load(&other, Load::default).connections(), Load::CONNECTIONS);
    }
}
