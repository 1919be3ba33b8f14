//! A fence: set, proved by a refused write, nobody older left, no row moved since.
//!
//! A write of a new session that is refused proves nothing about the old ones, so the census and the rows
//! that moved are looked at as well. Rows count as moved from where the log stood when the last session that
//! had to go was gone: what it wrote on its way out is in the log like anything before. When nobody older is left the side is sealed: that is the one thing this
//! look changes, and it can only shut what is shut already.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::endpoint::{Lane, fence_spec, key, seen, unmeasured};
use super::look::Look;
use super::words::{counted, line};
use super::writes::word;
use crate::clock::Timestamp;
use crate::databases::{Database, Error, Fence, FenceState as Stands, Position, ProbeWrite, Seal, Writes};
use crate::engine::reading::{Facts, FenceFacts, FenceState, Measure, SessionSeen, Unmeasured};
use crate::plan::EndpointId;
use crate::plan::model::{self, FenceTarget};

/// So many rows are named.
const NAMED: usize = 5;
/// The account under which the write is tried where the plan names none.
pub(crate) const ACCOUNT: &str = "cutover";

/// Looks at the fence, the census, a write and the rows.
pub(super) async fn look(look: &mut Look<'_>, target: &FenceTarget) -> Result<Measure, Unmeasured> {
    look.ask(match &target.probe_write {
        Some(write) => {
            format!("can anybody write to {}; tried and rolled back: {}", target.endpoint, write.sql)
        }
        None => format!("can anybody write to {}", target.endpoint),
    });
    let database = look.database(&target.endpoint)?;
    let _turn = look.turn(Lane::Gauges, &target.endpoint).await;
    let stands = database.fence_state().await.map_err(unmeasured)?;
    if stands.fence == Fence::Open {
        return Ok(open());
    }
    let (stands, older) = census(database.as_ref(), target, stands).await?;
    let unwanted = older.iter().any(|s| s.spared.is_none());
    let end = database.position().await.map_err(unmeasured)?;
    let base = look.ctx.moved.from(&target.endpoint, &stands, unwanted, end.clone());
    // Neither waits for the other: with a server that is far away each takes long.
    let attempt = async {
        match &target.probe_write {
            None => Ok(None),
            Some(write) => tried(look, &database, write).await,
        }
    };
    let reading = async {
        if !database.names_writes() {
            let none = Writes { total: 0, tables: Vec::new(), first: Vec::new(), last_at: None, until: end };
            return Ok((none, 0));
        }
        match base {
            Some(base) => moved(database.as_ref(), &stands, &base).await.map_err(unmeasured),
            None => super::look::failed("the fence stands and has no position: it was not set by cutover"),
        }
    };
    let (tried, moved) = tokio::join!(attempt, reading);
    let (tried, (writes, all)) = (tried?, moved?);
    keep(look, &stands, &older, tried.as_ref(), &writes);
    Ok(judge(&stands, older, tried.as_ref(), &writes, all))
}

/// What was written since nobody unwanted was left; and since the fence, where nobody can write any more: then it is told how
/// much there was, all of it.
async fn moved(database: &dyn Database, stands: &Stands, base: &Position) -> Result<(Writes, u64), Error> {
    let since_fence = async {
        match &stands.at {
            Some(at) if stands.fence == Fence::Sealed && at != base => {
                Ok(Some(database.writes_since(at).await?.total))
            }
            Some(_) | None => Ok(None),
        }
    };
    let (writes, all) = tokio::try_join!(database.writes_since(base), since_fence)?;
    let all = all.unwrap_or(writes.total);
    Ok((writes, all))
}

/// Tries the write by the application's way; directly where that leads to another system by now, as it does after the
/// switch. `None` where that would prove nothing, since the side's own account may pass the fence: then what is judged is
/// the fence itself, who is there, and what was written.
async fn tried(
    look: &mut Look<'_>,
    database: &Arc<dyn Database>,
    write: &model::ProbeWrite,
) -> Result<Option<ProbeWrite>, Unmeasured> {
    let Some(way) = &write.through else {
        return database.probe_write(&write.sql, ACCOUNT, None).await.map(Some).map_err(unmeasured);
    };
    let way = look.database(way)?;
    match by_way(way.as_ref(), database.as_ref(), &write.sql).await.map_err(unmeasured)? {
        ProbeWrite::Elsewhere => look.keep("the application's way leads elsewhere: tried directly"),
        found @ (ProbeWrite::Succeeded | ProbeWrite::Refused { .. }) => return Ok(Some(found)),
    }
    match database.probe_write(&write.sql, ACCOUNT, None).await {
        Ok(found) => Ok(Some(found)),
        Err(why @ Error::Broken { .. }) => {
            look.keep(&format!("not tried: {why}"));
            Ok(None)
        }
        Err(why) => Err(unmeasured(why)),
    }
}

/// Tries a write by the application's way to a side.
pub(crate) async fn by_way(way: &dyn Database, side: &dyn Database, sql: &str) -> Result<ProbeWrite, Error> {
    let there = side.identity(None).await?;
    way.probe_write(sql, ACCOUNT, Some(&there)).await
}

/// Why a probe write that is tried while writes are taken would prove nothing once it is refused.
pub(crate) fn useless(tried: &ProbeWrite) -> Option<String> {
    match tried {
        ProbeWrite::Succeeded => None,
        ProbeWrite::Elsewhere => Some(
            "the way of the probe write (`through`) leads to another system: it would prove nothing; mend it"
                .to_owned(),
        ),
        ProbeWrite::Refused { code, message, .. } => Some(format!(
            "the probe write is refused while writes are taken ({}, {code}): it would prove nothing; mend it",
            line(message, 120)
        )),
    }
}

/// Who is left from before; nobody seals it.
async fn census(
    database: &dyn Database,
    target: &FenceTarget,
    stands: Stands,
) -> Result<(Stands, Vec<SessionSeen>), Unmeasured> {
    if stands.fence == Fence::Sealed {
        return Ok((stands, Vec::new()));
    }
    match database.seal_if_quiet(&fence_spec(target)).await.map_err(unmeasured)? {
        Seal::Sealed(stands) => Ok((stands, Vec::new())),
        Seal::NotYet(left) => Ok((stands, left.iter().map(|s| seen(target, s)).collect())),
    }
}

/// From where on rows count as moved, by side.
#[derive(Default)]
pub(crate) struct Bases(Mutex<HashMap<EndpointId, Base>>);

struct Base {
    /// Which fence it is of, by when that was set; `None` where only the record told.
    fence: Option<Timestamp>,
    /// Where the log stood when nobody unwanted was left; not known yet where `None`.
    from: Option<Position>,
    /// Somebody unwanted was there at the last look.
    unwanted: bool,
}

impl Bases {
    /// Whoever set the fence has seen everybody go who had to.
    pub(crate) fn set(&self, endpoint: &EndpointId, fence: Option<Timestamp>, from: Position) {
        let base = Base { fence, from: Some(from), unwanted: false };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint.clone(), base);
    }

    /// From where on rows have moved, by what a look sees now; `end` is the end of the log.
    fn from(
        &self,
        endpoint: &EndpointId,
        stands: &Stands,
        unwanted: bool,
        end: Position,
    ) -> Option<Position> {
        let mut bases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Base { fence: stands.since, from: None, unwanted: false };
        let base = bases.entry(endpoint.clone()).or_insert_with(new);
        if base.fence.is_some_and(|fence| Some(fence) != stands.since) {
            *base = new();
        }
        if base.unwanted && !unwanted {
            base.from = Some(end);
        }
        base.unwanted = unwanted;
        base.from.clone().or_else(|| stands.at.clone())
    }
}

fn open() -> Measure {
    let facts = FenceFacts {
        state: FenceState::Open,
        position: None,
        refused: None,
        older: Vec::new(),
        moved: 0,
        moved_named: Vec::new(),
    };
    Measure { pass: false, text: "takes writes".to_owned(), facts: Facts::Fence(facts) }
}

fn judge(
    stands: &Stands,
    older: Vec<SessionSeen>,
    tried: Option<&ProbeWrite>,
    writes: &Writes,
    all: u64,
) -> Measure {
    let sealed = stands.fence == Fence::Sealed;
    let word = if sealed { "sealed" } else { "fenced" };
    let left: Vec<&SessionSeen> = older.iter().filter(|s| s.spared.is_none()).collect();
    let moved_named: Vec<String> = writes
        .first
        .iter()
        .take(NAMED)
        .map(|c| line(&format!("{} {} {}", c.table, key(&c.key), self::word(c.op)), 120))
        .collect();
    let mover = older.iter().filter(|s| s.last_write > stands.since).max_by_key(|s| s.last_write);

    let (pass, text) = match tried {
        Some(ProbeWrite::Succeeded) => (false, format!("{word}, yet a new session can write")),
        Some(ProbeWrite::Refused { by_fence: false, code, message }) => {
            (false, format!("the probe write failed for another reason: {} ({code})", line(message, 80)))
        }
        Some(ProbeWrite::Elsewhere) => (false, format!("{word}, and the probe write led to another system")),
        Some(ProbeWrite::Refused { by_fence: true, .. }) | None => {
            let proof = if tried.is_some() { ", probe refused" } else { "" };
            // Who it is comes first: the end of a line is what a narrow screen cuts off.
            let rows = counted(writes.total, "row");
            if let Some(first) = left.first() {
                let more = left.len() - 1;
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let wrote = if writes.total == 0 { String::new() } else { format!(", {rows} moved") };
                let (who, id) = name(first);
                (false, format!("{who}{more} still here{wrote} (session {id}; {word}{proof})"))
            } else if writes.total > 0 && !sealed {
                let text = match mover.map(name) {
                    Some((who, id)) => {
                        format!("{who} writes on, {rows} moved (session {id}; {word}{proof})")
                    }
                    None => format!("{rows} moved since the fence ({word}{proof})"),
                };
                (false, text)
            } else if all > 0 {
                let rows = counted(all, "row");
                (true, format!("{word}{proof}, {rows} moved before the last session ended"))
            } else {
                let kept = match older.len() as u64 {
                    0 => String::new(),
                    n => format!(", {} spared", counted(n, "session")),
                };
                (true, format!("{word}{proof}{kept}"))
            }
        }
    };
    let refused = match tried {
        Some(ProbeWrite::Refused { by_fence: true, code, .. }) => Some(code.clone()),
        Some(ProbeWrite::Refused { by_fence: false, .. } | ProbeWrite::Succeeded | ProbeWrite::Elsewhere)
        | None => None,
    };
    let facts = FenceFacts {
        state: state(stands.fence),
        position: stands.at.as_ref().map(|p| p.0.clone()),
        refused,
        older,
        moved: writes.total,
        moved_named,
    };
    Measure { pass, text, facts: Facts::Fence(facts) }
}

/// The application and its session.
fn name(session: &SessionSeen) -> (String, &str) {
    (line(&session.application, 40), &session.id)
}

/// What is said of a side that a run is to fence and that takes no writes before it does.
pub(crate) fn fenced_before(since: Option<Timestamp>) -> String {
    let since = since.map_or_else(String::new, |at| format!(" since {}", at.rfc3339()));
    format!(
        "takes no writes{since}, and nothing of this run stopped them: a move may have ended here already \
         (`cutover runs` lists them). A step `fence = {{ endpoint = \"…\", open = true }}` opens it"
    )
}

/// The state of a fence in the words of readings.
pub(crate) fn state(fence: Fence) -> FenceState {
    match fence {
        Fence::Open => FenceState::Open,
        Fence::Fenced => FenceState::Fenced,
        Fence::Sealed => FenceState::Sealed,
    }
}

fn keep(
    look: &mut Look<'_>,
    stands: &Stands,
    older: &[SessionSeen],
    tried: Option<&ProbeWrite>,
    writes: &Writes,
) {
    look.keep(&format!(
        "fence {:?} since {}",
        stands.fence,
        stands.since.map_or_else(|| "?".to_owned(), Timestamp::rfc3339)
    ));
    match tried {
        None => {}
        Some(ProbeWrite::Succeeded) => look.keep("probe write succeeded"),
        Some(ProbeWrite::Elsewhere) => look.keep("probe write led to another system"),
        Some(ProbeWrite::Refused { code, message, .. }) => {
            look.keep(&format!("probe write refused: {message} ({code})"));
        }
    }
    for s in older {
        let spared = s.spared.as_ref().map_or_else(String::new, |why| format!(", spared: {why}"));
        let passes = s.passes.as_ref().map_or_else(String::new, |why| format!(", {why}"));
        let wrote =
            s.last_write.map_or_else(|| "never wrote".to_owned(), |t| format!("last wrote {}", t.rfc3339()));
        let ran = s.statement.as_deref().unwrap_or("?");
        let from = s.client.as_ref().map_or_else(String::new, |client| format!(" from {client}"));
        look.keep(&format!(
            "session {} {} as {}{from} since {}, {wrote}, ran {ran}{passes}{spared}",
            s.id,
            s.application,
            s.account,
            s.since.rfc3339()
        ));
    }
    for (table, rows) in &writes.tables {
        look.keep(&format!("moved since: {table}, {}", counted(*rows, "row")));
    }
    for change in &writes.first {
        look.keep(&format!(
            "  {} {} {} at {}",
            change.table,
            key(&change.key),
            word(change.op),
            change.at.rfc3339()
        ));
    }
}
