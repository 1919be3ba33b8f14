//! Commits orders on one side: one thread, one session, many orders a transaction.
//!
//! Plays the application's connection pool, and a good one: a session is tried before it is lent, so a
//! fence reaches it with the very next order; one that is idle or a second old is given back. The part
//! that does *not* behave so well is [`super::price_job`].
//!
//! An order is answered when its transaction is committed. That outlives the process, whatever kills it;
//! it need not outlive a power cut (`synchronous = normal`).

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension, Transaction, params};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::parts::{Part, Stop};
use super::store::{Fence, Lease, Store, fence};
use super::{Side, WorldError};
use crate::clock::Clock;
use crate::databases::sqlite::convention::{self, Session};

/// How many orders wait for the thread before more are turned away.
const QUEUE: usize = 512;
/// How many orders one transaction takes.
const BATCH: usize = 64;
/// How long a session lives; how long it is kept without work.
const SESSION_AGE: Duration = Duration::from_secs(1);
const SESSION_IDLE: Duration = Duration::from_millis(200);

/// An order as a client sends it. The client names it, so that it can ask again after a lost answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrder {
    pub(super) id: String,
    pub(super) customer: u64,
    pub(super) lines: Vec<NewLine>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLine {
    pub(super) product: u64,
    pub(super) quantity: u64,
}

/// Why an order was not taken.
#[derive(Clone, Debug)]
pub(super) enum Declined {
    /// The side is fenced.
    Fenced,
    /// Nothing was committed, and asking again may help.
    Unavailable(String),
    /// Whether anything was committed is not known; asking again with the same id is safe.
    Unclear(String),
    /// The order itself is wrong.
    Invalid(String),
}

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Declined::Fenced => f.write_str("this side takes no orders now; look again in a moment"),
            Declined::Unavailable(why) | Declined::Unclear(why) | Declined::Invalid(why) => f.write_str(why),
        }
    }
}

type Answer = Result<(), Declined>;

struct Job {
    order: NewOrder,
    answer: oneshot::Sender<Answer>,
}

/// The way to the thread.
#[derive(Clone)]
pub(super) struct Orders(SyncSender<Job>);

impl Orders {
    /// Starts the thread of one side.
    pub(super) fn start(store: Arc<Store>, clock: Clock, stop: &Stop) -> Result<(Orders, Part), WorldError> {
        let (sender, receiver) = sync_channel(QUEUE);
        let part = Part::start("order application", stop, {
            let stop = stop.clone();
            move || Till { store, clock, open: None }.run(&receiver, &stop)
        })?;
        Ok((Orders(sender), part))
    }

    /// Takes the order, and answers when it is committed or certainly is not.
    pub(super) async fn place(&self, order: NewOrder) -> Answer {
        let (answer, settled) = oneshot::channel();
        match self.0.try_send(Job { order, answer }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(Declined::Unavailable(format!("{QUEUE} orders wait already; try again")));
            }
            Err(TrySendError::Disconnected(_)) => {
                return Err(Declined::Unavailable("the shop is closing".to_owned()));
            }
        }
        settled.await.unwrap_or_else(|_| Err(Declined::Unclear("the shop ended meanwhile".to_owned())))
    }
}

struct Till {
    store: Arc<Store>,
    clock: Clock,
    open: Option<Open>,
}

struct Open {
    session: Session,
    lease: Lease,
    epoch: i64,
    since: Instant,
}

impl Till {
    fn run(mut self, jobs: &Receiver<Job>, stop: &Stop) {
        let mut used = Instant::now();
        while !stop.is_told() {
            let first = match jobs.recv_timeout(Duration::from_millis(20)) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            self.give_back_if_due(used.elapsed() > SESSION_IDLE);
            if let Some(first) = first {
                let batch: Vec<Job> = std::iter::once(first).chain(jobs.try_iter().take(BATCH - 1)).collect();
                self.commit(batch);
                used = Instant::now();
            }
        }
        self.give_back();
    }

    fn commit(&mut self, batch: Vec<Job>) {
        let now = self.clock.now().wall.0;
        let side = self.store.side();
        let result = self.with_session(|session, epoch| {
            let mut stale = false;
            let placed = session.write("insert into orders", |tx| {
                if fence(tx)? != Fence::Open(epoch) {
                    stale = true;
                    // Any error takes the transaction back; `stale` says what happened.
                    return Err(rusqlite::Error::InvalidQuery);
                }
                batch.iter().map(|job| place(tx, side, &job.order, now)).collect::<Result<Vec<_>, _>>()
            });
            if stale { Ok(None) } else { placed.map(Some) }
        });
        match result {
            Ok(answers) => {
                for (job, answer) in batch.into_iter().zip(answers) {
                    // Whoever asked may have gone; the order stands all the same.
                    let _gone = job.answer.send(answer);
                }
            }
            Err(declined) => {
                for job in batch {
                    let _gone = job.answer.send(Err(declined.clone()));
                }
            }
        }
    }

    /// Does the work with a session that can write; tries once more with a new one when the first turns
    /// out to be from before a fence.
    fn with_session<T>(
        &mut self,
        mut work: impl FnMut(&mut Session, i64) -> Result<Option<T>, crate::databases::Error>,
    ) -> Result<T, Declined> {
        for _attempt in 0..2 {
            let open = self.borrow()?;
            if open.session.read_only() {
                // A pool that kept it would not notice that the fence is lifted.
                self.give_back();
                return Err(Declined::Fenced);
            }
            let epoch = open.epoch;
            match work(&mut open.session, epoch) {
                Ok(Some(done)) => return Ok(done),
                Ok(None) => self.give_back(),
                Err(e) => {
                    self.give_back();
                    return Err(match e.code() {
                        Some("SQLITE_READONLY" | "SQLITE_CONSTRAINT_TRIGGER") => Declined::Fenced,
                        _ => Declined::Unclear(e.to_string()),
                    });
                }
            }
        }
        Err(Declined::Fenced)
    }

    fn borrow(&mut self) -> Result<&mut Open, Declined> {
        if self.open.is_none() {
            self.open = Some(self.open_session()?);
        }
        self.open.as_mut().ok_or_else(|| Declined::Unavailable("no session".to_owned()))
    }

    fn open_session(&self) -> Result<Open, Declined> {
        let side = self.store.side();
        let lease = self
            .store
            .lease()
            .ok_or_else(|| Declined::Unavailable(format!("the {side} is not reachable")))?;
        let unavailable = |e: &dyn fmt::Display| Declined::Unavailable(e.to_string());
        let path = self.store.path();
        // Whether it would be of any use first: a fenced side's list of sessions is not for those who
        // only knock.
        let look = convention::open(&path).map_err(|e| unavailable(&e))?;
        if fence(&look).map_err(|e| unavailable(&e))? == Fence::Shut {
            return Err(Declined::Fenced);
        }
        drop(look);
        let session = convention::open_session(&path, "orders", "order application", "shop")
            .map_err(|e| unavailable(&e))?;
        session.connection().pragma_update(None, "synchronous", "normal").map_err(|e| unavailable(&e))?;
        let epoch = session
            .connection()
            .query_row("select epoch from cutover_session where id = ?1", [session.id().0], |r| r.get(0))
            .map_err(|e| unavailable(&e))?;
        Ok(Open { session, lease, epoch, since: Instant::now() })
    }

    fn give_back_if_due(&mut self, idle: bool) {
        let due = self.open.as_ref().is_some_and(|open| {
            idle || open.since.elapsed() > SESSION_AGE
                || open.lease.ended()
                || fence(open.session.connection()).ok() != Some(Fence::Open(open.epoch))
                || open.session.end_requested().unwrap_or(true)
        });
        if due {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(open) = self.open.take()
            && let Err(e) = open.session.close()
        {
            tracing::warn!(side = %self.store.side(), "giving a session back: {e}");
        }
    }
}

/// Enters one order. One that is there already is answered as before and left alone.
fn place(tx: &Transaction<'_>, side: Side, order: &NewOrder, now: i64) -> rusqlite::Result<Answer> {
    let mut priced = Vec::with_capacity(order.lines.len());
    for line in &order.lines {
        let price = tx
            .prepare_cached("select price_cents from products where id = ?1")?
            .query_row([line.product], |row| row.get::<_, u64>(0))
            .optional()?;
        match price {
            Some(price) => priced.push((line, price)),
            None => return Ok(Err(Declined::Invalid(format!("there is no product {}", line.product)))),
        }
    }
    let total: u64 = priced.iter().map(|(line, price)| line.quantity * price).sum();
    let fresh = tx
        .prepare_cached(
            "insert into orders (id, customer_id, placed_ms, total_cents) values (?1, ?2, ?3, ?4)
             on conflict (id) do nothing",
        )?
        .execute(params![order.id, order.customer, now, total])?;
    if fresh == 0 {
        return Ok(Ok(()));
    }
    let mut enter = tx.prepare_cached("insert into order_lines values (?1, ?2, ?3, ?4, ?5)")?;
    for (number, (line, price)) in (1_u64..).zip(&priced) {
        enter.execute(params![order.id, number, line.product, line.quantity, price])?;
    }
    // Named after the side too: an order that both sides took has two payments, whichever way the rows
    // went afterwards.
    tx.prepare_cached("insert into payments values (?1, ?2, ?3)")?.execute(params![
        format!("{}/{side}", order.id),
        order.id,
        total
    ])?;
    Ok(Ok(()))
}
