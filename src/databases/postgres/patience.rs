//! A gauge's look that comes a moment too early: the marker that was just written is on its way.

use std::time::Duration;

use tokio::time::Instant;

use crate::databases::Lag;

/// So much log may hold nothing but the marker, or what concerns nobody; whether it does shows when the marker comes through.
const SMALL: u64 = 256 << 10;
/// How often it is looked again.
const AGAIN: Duration = Duration::from_millis(20);
/// … and for how long at most.
const PATIENCE: Duration = Duration::from_millis(300);

/// How long it is looked again.
pub(super) struct Patience(Instant);

impl Patience {
    /// For a gauge of which each question may take `limit`.
    pub(super) fn new(limit: Duration) -> Patience {
        Patience(Instant::now() + PATIENCE.min(limit / 3))
    }

    /// Whether another look may find nothing behind; waits a moment for it.
    pub(super) async fn waits(&self, lag: &Lag) -> bool {
        let waits = lag.stopped.is_none() && lag.behind > 0 && lag.behind <= SMALL && Instant::now() < self.0;
        if waits {
            tokio::time::sleep(AGAIN).await;
        }
        waits
    }
}
