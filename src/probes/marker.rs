//! A row of ours, written on one side and looked for on the other.

use std::time::Duration;

use super::endpoint::unmeasured;
use super::look::{Look, fail};
use super::words::span;
use crate::clock::{Boot, Clock, Timestamp};
use crate::databases::{Database, Error};
use crate::engine::reading::{Facts, Measure, Unmeasured};
use crate::plan::EndpointId;

/// How often the other side is asked.
const AGAIN: Duration = Duration::from_millis(50);
/// What the last time may take on a busy machine.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// Writes a marker and waits for it, as long as the look may take.
pub(super) async fn look(
    look: &mut Look<'_>,
    from: &EndpointId,
    to: &EndpointId,
) -> Result<Measure, Unmeasured> {
    look.ask(format!("a marker from {from} to {to}"));
    let (source, target) = (look.database(from)?, look.database(to)?);
    let id = format!("probe:{from}:{to}");
    let sent = source.write_marker(&id).await.map_err(unmeasured)?;
    look.keep(&format!("written to {from} at {}", sent.rfc3339()));
    let began = look.ctx.clock.now();
    // Less than the look may take, so that *not come through* is still an answer.
    let reserve = (look.timeout / 5).max(LAST_LOOK).min(look.timeout / 2);
    let patience = look.timeout.saturating_sub(reserve + began.boot.since(look.began.boot));
    let clock = &look.ctx.clock;
    let (come, waited) =
        comes(clock, target.as_ref(), &id, sent, (began.boot, patience)).await.map_err(unmeasured)?;
    if !come {
        return Ok(fail(format!("has not come through in {}", span(waited))));
    }
    look.keep(&format!("found in {to} after {}", span(waited)));
    #[expect(clippy::cast_precision_loss, reason = "a look takes minutes at most")]
    let facts = Facts::Number { value: waited.as_millis() as f64 };
    Ok(Measure { pass: true, text: format!("came through in {}", span(waited)), facts })
}

/// Waits for a marker that was `sent`, for so long after a moment: whether it has come, and how long after that moment it is
/// known. It is asked for once in any case.
///
/// # Errors
/// Where it goes gives no answer.
pub(super) async fn comes(
    clock: &Clock,
    target: &dyn Database,
    id: &str,
    sent: Timestamp,
    (since, patience): (Boot, Duration),
) -> Result<(bool, Duration), Error> {
    loop {
        let come = target.find_marker(id).await?.is_some_and(|carried| carried >= sent);
        let waited = clock.now().boot.since(since);
        if come || waited >= patience {
            return Ok((come, waited));
        }
        tokio::time::sleep(AGAIN).await;
    }
}
