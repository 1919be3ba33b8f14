//! What a person at the demo can do to the world, to see what the cockpit makes of it.
//!
//! [`ACTIONS`] is the table; the palette lists it and [`perform`] does one of its lines from any process
//! that knows the folder. One line of the table, one arm of [`Levers::pull`].

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};

use super::control::{self, Request};
use super::door::Door;
use super::replicator::Replicator;
use super::store::{Fence, Store, fence};
use super::tables::TABLES;
use super::{Side, WorldError};
use crate::clock::Clock;
use crate::counts::counted;
use crate::databases::sqlite::convention;

/// One thing that can be done to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// What it does, for programs.
    pub what: ActionId,
    /// Its name on a command line.
    pub id: &'static str,
    /// What the palette calls it.
    pub title: &'static str,
    /// What it does, in one line.
    pub explains: &'static str,
}

/// What an [`Action`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionId {
    /// The replicator carries nothing more.
    StopReplicator,
    /// It goes on where it was.
    StartReplicator,
    /// The target's database cannot be opened.
    TakeTargetAway,
    /// It can again.
    BringTargetBack,
    /// Somebody writes to the target.
    StrayWriteOnTarget,
    /// A row of the target changes, and no log says so.
    AlterRowOnTarget,
    /// The target gets the source's rows again.
    MendTarget,
    /// The source's schema changes.
    ChangeSourceSchema,
    /// It changes back.
    UndoSourceSchema,
}

/// Every action, in the order in which the palette lists them.
pub const ACTIONS: &[Action] = &[
    Action {
        what: ActionId::StopReplicator,
        id: "stop-replicator",
        title: "Stop the replicator",
        explains: "Changes pile up on the sending side until it is started again.",
    },
    Action {
        what: ActionId::StartReplicator,
        id: "start-replicator",
        title: "Start the replicator",
        explains: "It goes on with the first change that it has not carried.",
    },
    Action {
        what: ActionId::TakeTargetAway,
        id: "take-target-away",
        title: "Take the target away",
        explains: "Its database cannot be opened by anybody; the rows in it are safe.",
    },
    Action {
        what: ActionId::BringTargetBack,
        id: "bring-target-back",
        title: "Bring the target back",
        explains: "Its database is where it was, as it was.",
    },
    Action {
        what: ActionId::StrayWriteOnTarget,
        id: "stray-write-on-target",
        title: "A stray write on the target",
        explains: "Somebody with the right to pass the fence places one order there.",
    },
    Action {
        what: ActionId::AlterRowOnTarget,
        id: "alter-row-on-target",
        title: "Alter a row of the target behind its back",
        explains: "One customer moves to another town there, and no log of changes says so.",
    },
    Action {
        what: ActionId::MendTarget,
        id: "mend-target",
        title: "Mend the target's rows",
        explains: "Every row there becomes the source's again, as long as the source takes the orders.",
    },
    Action {
        what: ActionId::ChangeSourceSchema,
        id: "change-source-schema",
        title: "Change the source's schema",
        explains: "Somebody adds an index to the orders in spite of the freeze.",
    },
    Action {
        what: ActionId::UndoSourceSchema,
        id: "undo-source-schema",
        title: "Undo the change of the source's schema",
        explains: "The index goes away again.",
    },
];

impl Action {
    /// The action with this id.
    pub fn find(id: &str) -> Option<&'static Action> {
        ACTIONS.iter().find(|action| action.id == id)
    }
}

/// Does one thing to the world that runs on this folder. Blocks until it is done; returns what was done,
/// in a sentence.
///
/// # Errors
/// [`WorldError::NotRunning`], or why it was not done.
pub fn perform(dir: &Path, action: ActionId) -> Result<String, WorldError> {
    control::tell(dir, &Request::Perform { action })
}

/// The world's parts that actions reach.
#[derive(Clone)]
pub(super) struct Levers {
    pub(super) clock: Clock,
    pub(super) source: Arc<Store>,
    pub(super) target: Arc<Store>,
    pub(super) replicator: Replicator,
    pub(super) door: Arc<Door>,
}

impl Levers {
    /// Does it, and says what was done.
    pub(super) fn pull(&self, action: ActionId) -> Result<String, WorldError> {
        match action {
            ActionId::StopReplicator => {
                self.replicator.stop()?;
                Ok("the replicator is stopped".to_owned())
            }
            ActionId::StartReplicator => {
                self.replicator.go_on()?;
                Ok("the replicator goes on".to_owned())
            }
            ActionId::TakeTargetAway => {
                self.target.take_away()?;
                Ok("the target's database is away".to_owned())
            }
            ActionId::BringTargetBack => {
                self.target.bring_back()?;
                Ok("the target's database is back".to_owned())
            }
            ActionId::StrayWriteOnTarget => self.stray_write(),
            ActionId::AlterRowOnTarget => self.alter_row(),
            ActionId::MendTarget => self.mend_target(),
            ActionId::ChangeSourceSchema => on(&self.source, |tx| {
                tx.execute_batch("create index if not exists orders_by_day on orders (placed_ms)")?;
                Ok("the source has an index orders_by_day".to_owned())
            }),
            ActionId::UndoSourceSchema => on(&self.source, |tx| {
                tx.execute_batch("drop index if exists orders_by_day")?;
                Ok("the source has no index orders_by_day".to_owned())
            }),
        }
    }

    fn stray_write(&self) -> Result<String, WorldError> {
        let now = self.clock.now().wall.0;
        let id = format!("stray-{now}");
        on(&self.target, |tx| {
            let fence: String = tx.query_row("select fence from cutover_state", [], |row| row.get(0))?;
            // Inside one transaction, so that nobody else ever gets through.
            tx.execute("update cutover_state set fence = 'open'", [])?;
            tx.execute("insert into orders values (?1, 1, ?2, 100)", params![id, now])?;
            tx.execute("insert into order_lines values (?1, 1, 1, 1, 100)", [&id])?;
            tx.execute("insert into payments values (?1 || '/stray', ?1, 100)", [&id])?;
            tx.execute("update cutover_state set fence = ?1", [fence])?;
            Ok(format!("order {id} was placed on the target by a stray hand"))
        })
    }

    fn alter_row(&self) -> Result<String, WorldError> {
        on(&self.target, |tx| {
            unlogged(tx, |tx| {
                tx.execute("update customers set town = 'Elsewhere' where id = 7", [])?;
                Ok("customer 7 lives elsewhere on the target".to_owned())
            })
        })
    }

    fn mend_target(&self) -> Result<String, WorldError> {
        if self.door.to() == Side::Target {
            return Err(WorldError::Refused(
                "the target takes the orders now: its rows are the true ones".to_owned(),
            ));
        }
        let source = self.source.path();
        let lease = self.target.lease().ok_or_else(|| away(&self.target))?;
        let path = self.target.path();
        let db = convention::open(&path)?;
        let mend = || -> rusqlite::Result<Option<usize>> {
            // The attached side is only read.
            db.execute("attach database ?1 as source", [source.to_string_lossy()])?;
            let tx = Transaction::new_unchecked(&db, TransactionBehavior::Immediate)?;
            if matches!(fence(&tx)?, Fence::Open(_)) {
                return Ok(None);
            }
            let mended = unlogged(&tx, mend_rows)?;
            tx.commit()?;
            Ok(Some(mended))
        };
        let mended = mend().map_err(WorldError::database("mend the rows of", &path))?;
        drop((db, lease));
        match mended {
            Some(rows) => {
                Ok(counted(rows as u64, "row of the target was mended", "rows of the target were mended"))
            }
            None => Err(WorldError::Refused("the target is open for orders: fence it first".to_owned())),
        }
    }
}

/// Runs a piece of a transaction as a replicator would: past the fence, and without a trace in the log.
fn unlogged<T>(
    tx: &Transaction<'_>,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    tx.execute("update main.cutover_state set applying = 1", [])?;
    let done = work(tx)?;
    tx.execute("update main.cutover_state set applying = 0", [])?;
    Ok(done)
}

/// Makes `main` what `source` is. A row that is on its way by replication meanwhile arrives a second time
/// and does no harm.
fn mend_rows(tx: &Transaction<'_>) -> rusqlite::Result<usize> {
    let mut mended = 0;
    for table in TABLES {
        let key = if table == "order_lines" { "order_id, line" } else { "id" };
        mended += tx.execute(
            &format!("delete from main.{table} where ({key}) not in (select {key} from source.{table})"),
            [],
        )?;
        mended += tx.execute(
            &format!(
                "insert or replace into main.{table}
                 select * from source.{table} except select * from main.{table}"
            ),
            [],
        )?;
    }
    Ok(mended)
}

/// Does something in one transaction on one side.
fn on(
    store: &Store,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<String>,
) -> Result<String, WorldError> {
    let lease = store.lease().ok_or_else(|| away(store))?;
    let path = store.path();
    let mut db: Connection = convention::open(&path)?;
    let done = db.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|tx| {
        let said = work(&tx)?;
        tx.commit()?;
        Ok(said)
    });
    drop((db, lease));
    done.map_err(WorldError::database("change", path))
}

fn away(store: &Store) -> WorldError {
    WorldError::Refused(format!("the {} is not reachable", store.side()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_action_once_under_the_name_that_travels() {
        for action in ACTIONS {
            let named: ActionId = serde_json::from_value(serde_json::json!(action.id)).unwrap();
            assert_eq!(named, action.what);
            assert_eq!(Action::find(action.id), Some(action));
        }
        let ids: std::collections::BTreeSet<_> = ACTIONS.iter().map(|a| a.id).collect();
        assert_eq!(ids.len(), ACTIONS.len());
        assert_eq!(Action::find("no-such"), None);
    }
}
