//! How much a comparison may ask of two servers at a time: set when it begins, changed while it runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Sides;
use crate::counts::counted;
use crate::databases::Error;

/// How often the servers are asked whether they have other work.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long to wait until somebody who waits looks again.
const AGAIN: Duration = Duration::from_millis(200);

/// What a comparison may ask for. Shared: whoever holds it can change it.
#[derive(Debug)]
pub struct Load {
    connections: AtomicUsize,
    held: AtomicBool,
    /// About so many rows are read by one statement.
    rows: u64,
    /// More statements at work on a side than this, and it waits.
    running: u64,
    /// More of the link's lag than this, in its own unit, and it waits.
    behind: Option<u64>,
    asked: Mutex<Asked>,
}

/// What the servers said last.
#[derive(Debug, Default)]
struct Asked {
    at: Option<Instant>,
    waits: Option<String>,
}

impl Default for Load {
    fn default() -> Load {
        Load::new(Load::CONNECTIONS)
    }
}

impl Load {
    /// Connections a side unless somebody says otherwise.
    pub const CONNECTIONS: usize = 2;
    /// More are no use to anybody, and a server has people to serve.
    pub const MOST: usize = 32;
    /// Rows of one statement, about: well below a second of a core's work.
    pub const ROWS: u64 = 1 << 18;
    /// Statements at work beside ours with which a server is busy.
    pub const BUSY: u64 = 32;

    /// So many connections a side at a time.
    pub fn new(connections: usize) -> Load {
        Load {
            connections: AtomicUsize::new(connections.clamp(1, Load::MOST)),
            held: AtomicBool::new(false),
            rows: Load::ROWS,
            running: Load::BUSY,
            behind: None,
            asked: Mutex::default(),
        }
    }

    /// The same, and it waits while the link is further behind than this (in its own unit).
    #[must_use]
    pub fn within(self, behind: Option<u64>) -> Load {
        Load { behind, ..self }
    }

    /// The same, with statements of about so many rows.
    #[must_use]
    pub fn by(self, rows: u64) -> Load {
        Load { rows: rows.max(1), ..self }
    }

    /// About how many rows one statement reads.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many connections a side work at a time.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Takes more connections, or fewer, from the next question on.
    pub fn set_connections(&self, connections: usize) {
        self.connections.store(connections.clamp(1, Load::MOST), Ordering::Relaxed);
    }

    /// Whether somebody has stopped it for a while.
    pub fn held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Stops it after the questions that are under way, or lets it go on.
    pub fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// Why it waits, if it does.
    pub fn waits(&self) -> Option<String> {
        if self.held() {
            return Some("held by hand".to_owned());
        }
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).waits.clone()
    }

    /// Waits until worker `number` (from 0) may ask the next question.
    pub(super) async fn turn(&self, number: usize, sides: &Sides) -> Result<(), Error> {
        loop {
            if !self.held() && number < self.connections() {
                self.ask(sides).await?;
                if self.waits().is_none() {
                    return Ok(());
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Asks the servers whether they have other work, once a second at most and one worker at a time.
    async fn ask(&self, sides: &Sides) -> Result<(), Error> {
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.at.is_some_and(|at| at.elapsed() < ASK_EVERY) {
                return Ok(());
            }
            asked.at = Some(Instant::now());
        }
        let waits = self.reason(sides).await?;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).waits = waits;
        Ok(())
    }

    async fn reason(&self, sides: &Sides) -> Result<Option<String>, Error> {
        for side in [&sides.source, &sides.target] {
            if let Some(running) = side.running().await?.filter(|&running| running > self.running) {
                let statements = counted(running, "statement", "statements");
                return Ok(Some(format!("{} is busy: {statements} at work", side.name())));
            }
        }
        if let (Some(link), Some(limit)) = (&sides.link, self.behind) {
            let lag = link.lag().await?;
            if lag.behind > limit && lag.stopped.is_none() {
                return Ok(Some(format!("replication is behind: {} {}", lag.behind, lag.unit)));
            }
        }
        Ok(None)
    }
}
