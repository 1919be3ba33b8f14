//! A replication gauge: how far one side is behind, by log position, and a marker that travels.
//!
//! A position says how far the stream has come, not that all of it was carried; so what the link leaves out
//! is looked for now and then, and where the plan asks for it a row of ours goes along. The row itself is a
//! change of the log, and most logs do not say whose: so it travels between two looks, or a quiet link would never be at zero.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::endpoint::{silent, stream, unit};
use super::look::Look;
use super::marker::comes;
use super::words::{count, counted, line, plural, size, span};
use crate::clock::{Boot, Clock, Timestamp};
use crate::databases::{self, Database, Error, Fence, Unit};
use crate::engine::reading::{Facts, Lag, LagUnit, MarkerSeen, Measure, Unmeasured};
use crate::plan::model::Link;
use crate::plan::{EndpointId, ProbeId};

/// What a link carries is good for so many times as long as looking at it took …
const GAPS_SHARE: u32 = 5;
/// … and for this long at most.
const GAPS_EVERY: Duration = Duration::from_secs(60);
/// A marker that has been under way for longer says that a gauge at zero is wrong.
const LATE: Duration = Duration::from_secs(10);
/// One that was sent just now, since looks were asked for one upon the other, has this long to arrive, from when it was sent.
const YOUNG: Duration = Duration::from_secs(1);

/// What is remembered of links from one look to the next.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<(EndpointId, EndpointId), Remembered>>);

#[derive(Clone, Debug, Default)]
struct Remembered {
    gaps: Vec<String>,
    gaps_at: Option<Boot>,
    /// For how long they are good.
    gaps_for: Duration,
    markers: u64,
    under_way: Option<UnderWay>,
    arrived: Option<MarkerSeen>,
    /// The last one was refused, by a fence that shuts out everybody.
    refused: bool,
}

/// Who may write markers. A gauge that nobody needs any more writes none, be it in the middle of a look: what is done next may turn
/// replication round, and a row that is written after that travels nowhere.
#[derive(Default)]
pub(crate) struct Markers(Mutex<HashMap<ProbeId, Arc<Gate>>>);

#[derive(Default)]
struct Gate {
    shut: AtomicBool,
    /// Held while a marker is written; which one that was last.
    last: tokio::sync::Mutex<Option<Sent>>,
}

/// Where a marker goes, and by what it is known there.
struct Sent {
    target: Arc<dyn Database>,
    id: String,
    at: Timestamp,
}

impl Markers {
    /// Allows a gauge to write, or forbids it from now on: what it is writing it may end. One that was never spoken of may.
    pub(crate) fn allow(&self, probe: &ProbeId, allowed: bool) {
        self.gate(probe).shut.store(!allowed, Ordering::SeqCst);
    }

    /// Waits until nobody writes any more who may not, and what they wrote last has come, where it comes at all in the time
    /// that a marker has. A write that hangs is given up with its look.
    pub(crate) async fn at_rest(&self, clock: &Clock) {
        let all: Vec<Arc<Gate>> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        for gate in all.iter().filter(|gate| gate.shut.load(Ordering::SeqCst)) {
            let sent = gate.last.lock().await.take();
            if let Some(Sent { target, id, at }) = sent {
                let patience = (clock.now().boot, YOUNG);
                if let Err(why) = comes(clock, target.as_ref(), &id, at, patience).await {
                    tracing::info!(%why, "whether the last marker has come is not known");
                }
            }
        }
    }

    fn gate(&self, probe: &ProbeId) -> Arc<Gate> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(probe.clone()).or_default())
    }
}

/// A marker that was sent. How long ago that was, our own clock says: the one that it carries is another machine's.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    sent: Timestamp,
    since: Boot,
}

/// Reads both positions, and moves the marker on.
pub(super) async fn look(look: &mut Look<'_>, link: &Link) -> Result<Measure, Unmeasured> {
    look.ask(format!("how far {} is behind {}", link.to, link.from));
    let [source, target] = look.sides(link)?;
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

    let id = format!("link:{}:{}", link.from, link.to);
    if link.marker {
        arrives(look, &mut known, target.as_ref(), &id).await?;
    }
    let mut lag = stream.lag().await.map_err(silent)?;
    if lag.behind > 0 && lag.unit == Unit::Changes {
        let rows = source.writes_since(&lag.target).await.map_err(silent)?;
        lag.behind = lag.behind.min(rows.total);
    }
    if known.gaps_at.is_none_or(|at| look.began.boot.since(at) >= known.gaps_for) {
        let began = look.ctx.clock.now().boot;
        known.gaps = stream.gaps(&link.except).await.map_err(silent)?;
        known.gaps_for = (look.ctx.clock.now().boot.since(began) * GAPS_SHARE).min(GAPS_EVERY);
        known.gaps_at = Some(look.began.boot);
    }
    look.keep(&format!("source {}\ntarget {}\nbehind {} {}", lag.source, lag.target, lag.behind, lag.unit));
    for gap in lag.stopped.iter().chain(&known.gaps) {
        look.keep(gap);
    }
    // After the positions are read: what was written just before them, not even the fastest link would have carried.
    if link.marker {
        departs(look, &mut known, [&source, &target], &id).await?;
    }
    look.ctx.gauges.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, known.clone());
    Ok(judge(link, &lag, &known, look.ctx.clock.now().boot))
}

/// Looks whether the marker that is under way has come.
async fn arrives(
    look: &Look<'_>,
    known: &mut Remembered,
    target: &dyn Database,
    id: &str,
) -> Result<(), Unmeasured> {
    let Some(UnderWay { sent, since }) = known.under_way else { return Ok(()) };
    let (come, took) = comes(&look.ctx.clock, target, id, sent, (since, YOUNG)).await.map_err(silent)?;
    if come {
        let took_ms = Some(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        known.arrived = Some(MarkerSeen { id: known.markers.to_string(), sent, took_ms });
        known.under_way = None;
    }
    Ok(())
}

/// One marker is under way at a time: the next is sent when it has arrived. One that is late is written anew, since the
/// link may have begun to carry rows after it was; it is as late as the first of them all the same.
async fn departs(
    look: &Look<'_>,
    known: &mut Remembered,
    [source, target]: [&Arc<dyn Database>; 2],
    id: &str,
) -> Result<(), Unmeasured> {
    let gate = look.probe.map(|probe| look.ctx.markers.gate(probe)).unwrap_or_default();
    let mut last = gate.last.lock().await;
    if gate.shut.load(Ordering::SeqCst) {
        return Ok(());
    }
    let since = look.ctx.clock.now().boot;
    let new = known.under_way.is_none();
    if known.under_way.is_some_and(|under_way| since.since(under_way.since) <= LATE) {
        return Ok(());
    }
    let sent = send(source.as_ref(), id).await?;
    if let Some(at) = sent {
        *last = Some(Sent { target: target.within(YOUNG), id: id.to_owned(), at });
    }
    if new {
        known.refused = sent.is_none();
        known.under_way = sent.map(|sent| UnderWay { sent, since });
        known.markers += u64::from(sent.is_some());
    }
    Ok(())
}

/// Writes a marker. `None` behind a fence that shuts out everybody, ourselves too: there the position alone proves.
async fn send(source: &dyn Database, id: &str) -> Result<Option<Timestamp>, Unmeasured> {
    let why = match source.write_marker(id).await {
        Ok(sent) => return Ok(Some(sent)),
        Err(why) => why,
    };
    let refused = matches!(why, Error::Refused { .. });
    if refused && source.fence_state().await.map_err(silent)?.fence == Fence::Sealed {
        return Ok(None);
    }
    Err(silent(why))
}

fn judge(link: &Link, lag: &databases::Lag, known: &Remembered, now: Boot) -> Measure {
    let unit = unit(lag.unit);
    let late = known.under_way.map(|marker| now.since(marker.since)).filter(|&age| link.marker && age > LATE);
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
        (_, Some(_), Some(UnderWay { sent, .. })) => {
            Some(MarkerSeen { id: known.markers.to_string(), sent, took_ms: None })
        }
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
        takes_no_marker: known.refused,
    });
    Measure { pass, text, facts }
}

/// `1 842 rows`, `1.2 MiB`.
fn amount(n: u64, unit: LagUnit) -> String {
    match unit {
        LagUnit::Changes => counted(n, "row"),
        LagUnit::Bytes => size(n),
        LagUnit::Transactions => format!("{} {}", count(n), plural(n, "transaction")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::Position;
    use crate::plan::model::LinkKind;

    #[test]
    fn how_late_a_marker_is_does_not_hang_on_the_clock_of_its_server() {
        let link = Link {
            kind: LinkKind::PostgresLogical,
            name: None,
            from: "a".into(),
            to: "b".into(),
            marker: true,
            warn: 1,
            zero_for: Duration::ZERO,
            except: Vec::new(),
            reverse: false,
        };
        let place = Position("0/1".to_owned());
        let lag = databases::Lag {
            behind: 0,
            unit: Unit::Bytes,
            source: place.clone(),
            target: place,
            stopped: None,
            late_ms: None,
        };
        let now = Boot(1_000_000);
        // A clock that is slow by decades, one that is right, one that is far ahead.
        for sent in [0, 1_790_000_000_000, i64::MAX].map(Timestamp) {
            for (age, good) in [(9_000, true), (11_000, false)] {
                let under_way = Some(UnderWay { sent, since: Boot(now.0 - age) });
                let seen = judge(&link, &lag, &Remembered { under_way, ..Remembered::default() }, now);
                assert_eq!(seen.pass, good, "{sent:?}, {age} ms ago: {}", seen.text);
            }
        }
    }
}
