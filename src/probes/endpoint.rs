//! The databases of the plan, as a look gets at them: one at a time, with what went wrong in our words.
//!
//! Two lanes an endpoint: the built-in looks at one side share a connection among them and so do the plan's own
//! queries, so that a slow query of the plan delays no gauge. Looks at two sides (links, markers) wait in no
//! lane: a side that hangs must not hold up what is asked of the other. A comparison of every row has
//! snapshots of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::look::{Context, Look, reveal};
use super::scrub::Scrub;
use super::words::span;
use crate::databases::{self, Database, Ends, Error, FenceSpec, Link, SessionInfo, Settings};
use crate::engine::reading::{LagUnit, SessionSeen, Unmeasured};
use crate::plan::EndpointId;
use crate::plan::model::{self, DatabaseSettings, Endpoint, FenceTarget};

/// Who waits for whom at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Looks that are made of a few known questions.
    Gauges,
    /// Whatever the plan asks.
    Queries,
}

/// One lock an endpoint and lane.
#[derive(Default)]
pub(super) struct Lanes(HashMap<(EndpointId, Lane), Arc<Mutex<()>>>);

impl Lanes {
    pub(super) fn of(endpoints: &[Endpoint]) -> Lanes {
        let both = |e: &Endpoint| [(e.id.clone(), Lane::Gauges), (e.id.clone(), Lane::Queries)];
        Lanes(endpoints.iter().flat_map(both).map(|key| (key, Arc::default())).collect())
    }
}

impl Look<'_> {
    /// The database of an endpoint. Connects to nothing yet.
    pub(super) fn database(&mut self, id: &EndpointId) -> Result<Arc<dyn Database>, Unmeasured> {
        let timeout = self.timeout;
        connect(self.ctx, &mut self.scrub, id, timeout).map_err(Unmeasured::Failed)
    }

    /// The sides of a link. Each has less time than the whole look, so that it can still be said which gave no answer.
    pub(super) fn sides(&mut self, link: &model::Link) -> Result<[Arc<dyn Database>; 2], Unmeasured> {
        let patience = self.timeout * 4 / 5;
        Ok([self.database(&link.from)?.within(patience), self.database(&link.to)?.within(patience)])
    }

    /// Waits for the turn of this look at an endpoint; keep what it returns until the look is over.
    pub(super) async fn turn(&mut self, lane: Lane, endpoint: &EndpointId) -> Option<OwnedMutexGuard<()>> {
        let turn = self.ctx.turn(lane, endpoint).await;
        self.began = self.ctx.clock.now();
        turn
    }
}

impl Context {
    /// Waits for a turn at an endpoint. Whoever changes a side takes one too: a look in the middle of that would
    /// see half of it.
    pub(crate) async fn turn(&self, lane: Lane, endpoint: &EndpointId) -> Option<OwnedMutexGuard<()>> {
        let lane = self.lanes.0.get(&(endpoint.clone(), lane))?;
        Some(Arc::clone(lane).lock_owned().await)
    }
}

/// The database of an endpoint, each question with this time limit. Connects to nothing yet.
pub(crate) fn connect(
    ctx: &Context,
    scrub: &mut Scrub,
    id: &EndpointId,
    timeout: Duration,
) -> Result<Arc<dyn Database>, String> {
    let endpoint = ctx.endpoint(id)?;
    let DatabaseSettings { kind, address } = &endpoint.database;
    let address = reveal(scrub, address, &ctx.root)?;
    let settings = Settings {
        name: id.to_string(),
        address: address.expose().to_owned(),
        root: ctx.root.clone(),
        timeout,
    };
    ctx.databases.get(kind.key(), &settings).map_err(|why| why.to_string())
}

/// The stream of a link, between its two ends.
pub(super) fn stream(
    link: &model::Link,
    from: &Arc<dyn Database>,
    to: &Arc<dyn Database>,
) -> Result<Arc<dyn Link>, Unmeasured> {
    let ends = Ends { from: Arc::clone(from), to: Arc::clone(to), name: link.name.clone() };
    databases::link(link.kind.key(), ends).map_err(unmeasured)
}

/// What an error means for a look at two sides: it says which of them it waited for.
pub(super) fn silent(why: Error) -> Unmeasured {
    match why {
        Error::TimedOut { what, doing, after } => {
            Unmeasured::NotReachable(format!("{what}: no answer to {doing} in {}", span(after)))
        }
        other => unmeasured(other),
    }
}

/// What an error of a database means for a look. A look may ask two sides: it is said which one it was.
pub(crate) fn unmeasured(why: Error) -> Unmeasured {
    match why {
        Error::NotReachable { what, why } => Unmeasured::NotReachable(format!("{what}: {why}")),
        Error::TimedOut { after, .. } => super::timed_out(after),
        Error::Refused { what, doing, code, message } => {
            Unmeasured::Failed(format!("{what}: {doing} was refused: {message} ({code})"))
        }
        Error::Broken { what, why, next } => Unmeasured::Failed(format!("{what}: {why}; {next}")),
        Error::Cancelled { doing, .. } => Unmeasured::Failed(format!("{doing} was called off")),
    }
}

/// The fence as the plan wants it, in the words of databases.
pub(crate) fn fence_spec(target: &FenceTarget) -> FenceSpec {
    FenceSpec { spare: target.spare.iter().map(|(application, _)| application.clone()).collect() }
}

/// Why the plan spares a session, if it does.
pub(crate) fn spared<'a>(target: &'a FenceTarget, session: &SessionInfo) -> Option<&'a str> {
    let named = |name: &str| name == session.application || name == session.name || name == session.account;
    target.spare.iter().find(|(name, _)| named(name)).map(|(_, because)| because.as_str())
}

/// What people know a session by: what it calls itself, which is also what a plan spares it by.
pub(crate) fn called(session: &SessionInfo) -> &str {
    if session.name.is_empty() { &session.application } else { &session.name }
}

/// A session in the words of readings.
pub(crate) fn seen(target: &FenceTarget, session: &SessionInfo) -> SessionSeen {
    SessionSeen {
        id: session.id.0.clone(),
        application: called(session).to_owned(),
        account: session.account.clone(),
        client: session.client.clone(),
        passes: session.passes.clone(),
        since: session.since,
        last_write: session.last_write,
        statement: session.last_statement.clone(),
        spared: spared(target, session).map(str::to_owned),
    }
}

/// What a lag is counted in, in the words of readings.
pub(super) fn unit(unit: databases::Unit) -> LagUnit {
    match unit {
        databases::Unit::Changes => LagUnit::Changes,
        databases::Unit::Bytes => LagUnit::Bytes,
        databases::Unit::Transactions => LagUnit::Transactions,
    }
}

/// A key of the log as people write it: `81f2` for `["81f2"]`.
pub(super) fn key(logged: &str) -> String {
    let Ok(serde_json::Value::Array(values)) = serde_json::from_str(logged) else { return logged.to_owned() };
    let plain = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    values.iter().map(plain).collect::<Vec<_>>().join(", ")
}
