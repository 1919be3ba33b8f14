//! A replication gauge: how far one side is behind, by log position, and a marker that travels.
//!
//! A position says how far the stream has come, not that all of it was carried; so what the link leaves out
//! is looked for now and then, and where the plan asks for it a row of ours goes along. The row itself is a
//! change of the log: it is counted out, or a quiet link would never be at zero.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::endpoint::{stream, unit, unmeasured};
use super::look::Look;
use super::words::{count, counted, line, plural, size, span};
use crate::clock::{Boot, Timestamp};
use crate::databases::{self, Database, Unit};
use crate::engine::reading::{Facts, Lag, LagUnit, MarkerSeen, Measure, Unmeasured};
use crate::plan::EndpointId;
use crate::plan::model::Link;

/// What a link carries is looked at again after this.
const GAPS_EVERY: Duration = Duration::from_secs(60);
/// A marker that has been under way for longer says that a gauge at zero is wrong.
const LATE: Duration = Duration::from_secs(10);

/// What is remembered of links from one look to the next.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<(EndpointId, EndpointId), Remembered>>);

#[derive(Clone, Debug, Default)]
struct Remembered {
    gaps: Vec<String>,
    gaps_at: Option<Boot>,
    markers: u64,
    under_way: Option<Timestamp>,
    arrived: Option<MarkerSeen>,
}

/// Reads both positions, and moves the marker on.
pub(super) async fn look(look: &mut Look<'_>, link: &Link) -> Result<Measure, Unmeasured> {
    look.ask(format!("how far {} is behind {}", link.to, link.from));
    let (source, target) = (look.database(&link.from)?, look.database(&link.to)?);
    let stream = stream(link, &source, &target)?;
    let key = (link.from.clone(), link.to.clone());
    let mut known = look
        .ctx
        .gauges
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&key)
        .cloned()
        .unwrap_or_default();

    // First, so that what the marker itself puts into the log is on its way when the positions are read.
    if link.marker {
        follow(look, &mut known, source.as_ref(), target.as_ref(), link).await?;
    }
    let mut lag = stream.lag().await.map_err(unmeasured)?;
    if lag.behind > 0 && lag.unit == Unit::Changes {
        let rows = source.writes_since(&lag.target).await.map_err(unmeasured)?;
        lag.behind = lag.behind.min(rows.total);
    }
    if known.gaps_at.is_none_or(|at| look.began.boot.since(at) >= GAPS_EVERY) {
        known.gaps = stream.gaps(&link.except).await.map_err(unmeasured)?;
        known.gaps_at = Some(look.began.boot);
    }
    look.keep(&format!("source {}\ntarget {}\nbehind {} {}", lag.source, lag.target, lag.behind, lag.unit));
    for gap in &known.gaps {
        look.keep(gap);
    }
    look.ctx.gauges.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, known.clone());
    Ok(judge(link, &lag, &known, look.ctx.clock.now().wall))
}

/// One marker is under way at a time: the next is sent when it has arrived. One that is late is written anew, since the
/// link may have begun to carry rows after it was; it is as late as the first of them all the same.
async fn follow(
    look: &mut Look<'_>,
    known: &mut Remembered,
    source: &dyn Database,
    target: &dyn Database,
    link: &Link,
) -> Result<(), Unmeasured> {
    let id = format!("link:{}:{}", link.from, link.to);
    if let Some(sent) = known.under_way
        && target.find_marker(&id).await.map_err(unmeasured)?.is_some_and(|carried| carried >= sent)
    {
        let took = look.ctx.clock.now().wall.since(sent);
        let took_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        known.arrived = Some(MarkerSeen { id: known.markers.to_string(), sent, took_ms });
        known.under_way = None;
    }
    match known.under_way {
        None => {
            known.under_way = Some(source.write_marker(&id).await.map_err(unmeasured)?);
            known.markers += 1;
        }
        Some(sent) if look.ctx.clock.now().wall.since(sent) > LATE => {
            source.write_marker(&id).await.map_err(unmeasured)?;
        }
        Some(_) => {}
    }
    Ok(())
}

fn judge(link: &Link, lag: &databases::Lag, known: &Remembered, now: Timestamp) -> Measure {
    let unit = unit(lag.unit);
    let late = known.under_way.map(|sent| now.since(sent)).filter(|&age| link.marker && age > LATE);
    let behind = amount(lag.behind, unit);
    let (pass, text) = if let Some(why) = &lag.stopped {
        (false, line(&format!("{behind} behind, {why}"), 160))
    } else if let Some(gap) = known.gaps.first() {
        (false, line(&format!("{behind} behind, and {gap}"), 160))
    } else if lag.behind > link.warn {
        (false, format!("{behind} behind, at most {} asked for", amount(link.warn, unit)))
    } else if let Some(age) = late {
        (false, format!("{behind} behind, yet marker {} is under way for {}", known.markers, span(age)))
    } else {
        (true, format!("{behind} behind"))
    };
    let marker = match (&known.arrived, late, known.under_way) {
        (_, Some(_), Some(sent)) => Some(MarkerSeen { id: known.markers.to_string(), sent, took_ms: None }),
        (arrived, _, _) => arrived.clone(),
    };
    let facts = Facts::Lag(Lag {
        behind: lag.behind,
        unit,
        source: lag.source.0.clone(),
        target: lag.target.0.clone(),
        marker,
        stopped: lag.stopped.clone(),
        late_ms: lag.late_ms,
    });
    Measure { pass, text, facts }
}

/// `1 842 changes`, `1.2 MiB`.
fn amount(n: u64, unit: LagUnit) -> String {
    match unit {
        LagUnit::Changes => counted(n, "change"),
        LagUnit::Bytes => size(n),
        LagUnit::Transactions => format!("{} {}", count(n), plural(n, "transaction")),
    }
}
