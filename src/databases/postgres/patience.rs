//! A gauge's look that comes a moment too early: what the server or another look has just written is on its way.

use std::time::Duration;

use tokio::time::Instant;

use crate::databases::{Error, Lag};

/// So much log may hold nothing but markers, or what concerns nobody; whether it does shows when the marker comes through.
const SMALL: u64 = 256 << 10;
/// How often it is looked again.
const AGAIN: Duration = Duration::from_millis(20);
/// … and for how long at most.
const PATIENCE: Duration = Duration::from_millis(300);

/// A gauge that may be looked at again.
pub(super) trait Gauge: Sync {
    /// How long one question may take.
    fn limit(&self) -> Duration;

    /// One look.
    fn look(&self) -> impl Future<Output = Result<Lag, Error>> + Send;
}

/// Looks until nothing is behind, for a moment.
pub(super) async fn patiently(gauge: &impl Gauge) -> Result<Lag, Error> {
    let patience = Instant::now() + PATIENCE.min(gauge.limit() / 3);
    loop {
        let lag = gauge.look().await?;
        let waits = lag.stopped.is_none() && lag.behind > 0 && lag.behind <= SMALL;
        if !waits || Instant::now() >= patience {
            return Ok(lag);
        }
        tokio::time::sleep(AGAIN).await;
    }
}
