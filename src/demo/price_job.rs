//! The nightly price job: one session of its own on the source, opened long ago and kept.
//!
//! It is the writer that a freeze forgets. New sessions come up read-only behind the fence and every
//! probe says so, while this one writes on, because it was there before. It ends when its session is
//! ended, and comes back when the fence is lifted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::WorldError;
use super::parts::{Part, Stop};
use super::store::{Fence, Store, fence};
use super::tables::{PRODUCTS, scatter};
use crate::clock::{Clock, Timestamp};
use crate::databases;
use crate::databases::sqlite::convention::{self, Session};

/// The name under which its session stands in the census.
pub const SESSION: &str = "price-job";

/// How often it looks whether its session was ended: well within the tenth of a second that a server takes.
const LOOK: Duration = Duration::from_millis(40);
/// How long it waits before it tries to connect again.
const AGAIN: Duration = Duration::from_millis(200);

/// What the price job is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceJobStatus {
    /// Since when it is connected, `None` while it is not.
    pub connected: Option<Timestamp>,
    /// Prices that it has changed since the world started.
    pub prices_changed: u64,
    /// When it last changed any.
    pub last_write: Option<Timestamp>,
    /// Why it is not connected or could not write, in words.
    pub trouble: Option<String>,
}

/// How often the job writes, and how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) every: Duration,
    pub(super) prices: u64,
}

/// The job, as the rest of the world sees it.
#[derive(Clone)]
pub(super) struct PriceJob(Arc<Mutex<PriceJobStatus>>);

impl PriceJob {
    pub(super) fn start(
        store: Arc<Store>,
        clock: Clock,
        stop: &Stop,
        pace: Pace,
    ) -> Result<(PriceJob, Part), WorldError> {
        let job = PriceJob(Arc::default());
        let worker = Worker { job: job.clone(), store, clock, pace, stop: stop.clone() };
        let part = Part::start("price job", stop, move || worker.run())?;
        Ok((job, part))
    }

    pub(super) fn status(&self) -> PriceJobStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, change: impl FnOnce(&mut PriceJobStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Worker {
    job: PriceJob,
    store: Arc<Store>,
    clock: Clock,
    pace: Pace,
    stop: Stop,
}

impl Worker {
    fn run(self) {
        while !self.stop.is_told() {
            let ended = match self.connect() {
                Ok(Some(session)) => self.work(session),
                Ok(None) => Ok(()),
                Err(e) => Err(e),
            };
            self.job.note(|status| {
                status.connected = None;
                if let Err(e) = &ended {
                    tracing::warn!("price job: {e}");
                    status.trouble = Some(e.to_string());
                }
            });
            self.stop.rest(AGAIN, || false);
        }
    }

    /// A session that can write; `None` while the side is fenced.
    fn connect(&self) -> Result<Option<Session>, WorldError> {
        let path = self.store.path();
        let look = convention::open(&path)?;
        if fence(&look).map_err(WorldError::database("look at the fence of", &path))? == Fence::Shut {
            self.job.note(|status| status.trouble = Some("the source is fenced".to_owned()));
            return Ok(None);
        }
        let session = convention::open_session(&path, SESSION, "nightly price job", "pricing")?;
        if session.read_only() {
            session.close()?;
            return Ok(None);
        }
        session
            .connection()
            .pragma_update(None, "synchronous", "normal")
            .map_err(WorldError::database("set up the session on", &path))?;
        self.job.note(|status| {
            status.connected = Some(self.clock.now().wall);
            status.trouble = None;
        });
        Ok(Some(session))
    }

    /// Changes prices until the session is ended or the world is.
    fn work(&self, mut session: Session) -> Result<(), WorldError> {
        let mut wrote = Instant::now();
        while !self.stop.is_told() {
            if session.end_requested()? {
                break;
            }
            if wrote.elapsed() >= self.pace.every {
                wrote = Instant::now();
                if let Err(e) = self.change_prices(&mut session) {
                    // Ended between the look and the write; anything else is trouble.
                    if e.code() == Some("ENDED") {
                        break;
                    }
                    session.close()?;
                    return Err(e.into());
                }
            }
            self.stop.rest(LOOK, || false);
        }
        session.close()?;
        Ok(())
    }

    fn change_prices(&self, session: &mut Session) -> Result<(), databases::Error> {
        let now = self.clock.now().wall;
        let prices = self.pace.prices.min(PRODUCTS);
        let round = u64::try_from(now.0).unwrap_or(0);
        session.write("update products set price_cents", |tx| {
            let mut update =
                tx.prepare_cached("update products set price_cents = ?2, priced_ms = ?3 where id = ?1")?;
            for n in 0..prices {
                let product = (scatter(round) % PRODUCTS + n) % PRODUCTS + 1;
                update.execute(params![product, 200 + scatter(round ^ product) % 9_800, now.0])?;
            }
            Ok(())
        })?;
        self.job.note(|status| {
            status.prices_changed += prices;
            status.last_write = Some(now);
        });
        Ok(())
    }
}
