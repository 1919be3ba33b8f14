//! What is done to a side: its fence, its opening, its sessions, a plan's statements.
//!
//! Whatever an error leaves open is looked at again before anything is said: a fence that stands stands,
//! however the answer to setting it was lost.

use std::time::Duration;

use super::executor::{Ended, Hand};
use crate::clock::Timestamp;
use crate::databases::{
    Census, Database, Error, Fence, FenceSpec, FenceState as Stands, Position, SessionId, SessionInfo,
};
use crate::engine::event::Outcome;
use crate::engine::input::Report;
use crate::engine::reading::FenceState;
use crate::plan::EndpointId;
use crate::plan::model::{FenceTarget, Probe, ProbeKind};
use crate::probes;
use crate::probes::endpoint::{Lane, called, fence_spec, spared};
use crate::probes::fence;
use crate::probes::words::{counted, line};

/// One question may take this long.
const QUESTION: Duration = Duration::from_secs(15);
/// A session whose end was asked for has this long to go.
const ENDING: Duration = Duration::from_secs(3);
/// How often the census is taken meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Runs a plan's statements in one transaction.
pub(super) async fn statement(hand: &Hand, endpoint: &EndpointId, sql: &str, timeout: Duration) -> Ended {
    let database = match hand.database(endpoint, timeout) {
        Ok(database) => database,
        Err(why) => return Ended::failed(why),
    };
    // A side that does not answer at all has not been touched; asked first, since afterwards nobody knows.
    if let Err(why) = database.reachable().await {
        return Ended::new(Outcome::NotStarted, why.to_string());
    }
    match database.statement(sql).await {
        Ok(done) => Ended::done(format!("{} changed", counted(done.rows, "row"))),
        Err(why @ Error::TimedOut { .. }) => Ended::new(Outcome::TimedOut, why.to_string()),
        Err(why @ Error::NotReachable { .. }) => {
            Ended::unknown(format!("the connection was lost while it ran: {why}"))
        }
        Err(why @ Error::Cancelled { .. }) => Ended::new(Outcome::Stopped, why.to_string()),
        Err(why @ (Error::Refused { .. } | Error::Broken { .. })) => Ended::failed(why.to_string()),
    }
}

/// Stops writes on a side: proves that the probe write works before, sets the fence, ends the sessions that
/// are older and not spared, and says where the log stood after that.
pub(super) async fn fence(hand: &Hand, target: &FenceTarget) -> Ended {
    let database = match hand.database(&target.endpoint, QUESTION) {
        Ok(database) => database,
        Err(why) => return Ended::failed(why),
    };
    if let Err(ended) = writable(hand, database.as_ref(), target).await {
        return ended;
    }
    let spec = fence_spec(target);
    let _turn = hand.context.turn(Lane::Gauges, &target.endpoint).await;
    let stands = match set(database.as_ref(), &spec).await {
        Ok(stands) => stands,
        Err(ended) => return ended,
    };
    say(hand, &target.endpoint, &stands).await;
    let (ended, left, refused) = match end_older(hand, database.as_ref(), target, &spec).await {
        Ok(both) => both,
        // The fence stands; that somebody is left the probe will say.
        Err(why) => return Ended::done(format!("fenced; the sessions could not be ended: {why}")),
    };
    // Only what lies before this position is certain to have been written before the last writer went.
    if let Ok(position) = database.position().await {
        if left.is_empty() {
            hand.context.moved.set(&target.endpoint, stands.since, position.clone());
        }
        say(hand, &target.endpoint, &Stands { at: Some(position), ..stands }).await;
    }
    let left = match left.as_slice() {
        [] => String::new(),
        some => {
            let why = refused.map_or_else(String::new, |why| format!(" ({why})"));
            format!("; still here: {}{why}", some.iter().map(named).collect::<Vec<_>>().join(", "))
        }
    };
    Ended::done(format!("fenced, {} ended{left}", counted(ended, "session")))
}

/// A probe write that fails before the fence is set would prove nothing after it, and neither would one that is never
/// tried since somebody else has fenced the side before this run.
async fn writable(hand: &Hand, database: &dyn Database, target: &FenceTarget) -> Result<(), Ended> {
    let stands =
        database.fence_state().await.map_err(|why| Ended::new(Outcome::NotStarted, why.to_string()))?;
    let before = |since: Timestamp| hand.setup.known.began.is_some_and(|began| since < began);
    if stands.fence != Fence::Open
        && hand.setup.plan.begins_open(&target.endpoint)
        && stands.since.is_none_or(before)
    {
        return Err(Ended::new(Outcome::NotStarted, fence::fenced_before(stands.since)));
    }
    let (Fence::Open, Some(write)) = (stands.fence, &target.probe_write) else { return Ok(()) };
    let tried = match &write.through {
        None => database.probe_write(&write.sql, fence::ACCOUNT, None).await,
        Some(way) => {
            let way = hand.database(way, QUESTION).map_err(Ended::failed)?;
            fence::by_way(way.as_ref(), database, &write.sql).await
        }
    };
    match tried {
        Ok(tried) => fence::useless(&tried).map_or(Ok(()), |why| Err(Ended::failed(why))),
        Err(why) => Err(Ended::failed(format!("the probe write could not be tried: {why}"))),
    }
}

async fn set(database: &dyn Database, spec: &FenceSpec) -> Result<Stands, Ended> {
    let why = match database.fence(spec).await {
        Ok(stands) => return Ok(stands),
        Err(why) => why,
    };
    match database.fence_state().await {
        Ok(stands) if stands.fence != Fence::Open => Ok(stands),
        Ok(_) => Err(Ended::failed(format!("the fence was not set: {why}"))),
        Err(_) => Err(Ended::unknown(format!("whether the fence was set nobody knows: {why}"))),
    }
}

/// Asks every older session that is not spared to end, and waits a while. How many have ended, who has not, and why
/// one of them could not be asked.
async fn end_older(
    hand: &Hand,
    database: &dyn Database,
    target: &FenceTarget,
    spec: &FenceSpec,
) -> Result<(u64, Vec<SessionInfo>, Option<Error>), Error> {
    let unwanted = |census: Census| -> Vec<SessionInfo> {
        census.sessions.into_iter().filter(|s| s.older && spared(target, s).is_none()).collect()
    };
    let found = unwanted(database.census(spec).await?);
    let mut refused = None;
    for session in &found {
        // That one cannot be ended keeps nobody from ending the others.
        if let Err(why) = database.end_session(&session.id).await {
            refused = Some(why);
        }
    }
    let asked = hand.setup.clock.now().boot;
    loop {
        let left = unwanted(database.census(spec).await?);
        if left.is_empty() || hand.setup.clock.now().boot.since(asked) >= ENDING {
            let ended = found.iter().filter(|was| left.iter().all(|session| session.id != was.id)).count();
            return Ok((ended as u64, left, refused));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A side takes writes again.
pub(super) async fn open(hand: &Hand, endpoint: &EndpointId) -> Ended {
    let database = match hand.database(endpoint, QUESTION) {
        Ok(database) => database,
        Err(why) => return Ended::failed(why),
    };
    let lifted = database.lift().await;
    // Read again in any case: what counts is how it stands, not what was answered.
    match (database.fence_state().await, lifted) {
        (Ok(stands), _) if stands.fence == Fence::Open => opened(hand, endpoint, &stands).await,
        (Ok(_), Err(why)) => Ended::failed(format!("it still takes no writes: {why}")),
        (Ok(_), Ok(_)) => Ended::failed("it was opened and takes no writes all the same: look who fences it"),
        (Err(why), _) => Ended::unknown(format!("whether it takes writes nobody knows: {why}")),
    }
}

/// After the engine was gone: does the side take writes, as it was asked to?
pub(super) async fn is_open(hand: &Hand, endpoint: &EndpointId) -> Ended {
    match stands(hand, endpoint).await {
        Ok(stands) if stands.fence == Fence::Open => opened(hand, endpoint, &stands).await,
        Ok(_) => Ended::new(Outcome::NotStarted, "it takes no writes: it was not opened"),
        Err(why) => Ended::unknown(format!("whether it takes writes nobody knows: {why}")),
    }
}

/// After the engine was gone: does the fence stand?
pub(super) async fn is_fenced(hand: &Hand, endpoint: &EndpointId) -> Ended {
    match stands(hand, endpoint).await {
        Ok(stands) if stands.fence != Fence::Open => {
            // What is on record already is where the log stood after the last session that had to go.
            let recorded = hand.setup.known.sides.get(endpoint).and_then(|(_, at)| at.clone()).map(Position);
            say(hand, endpoint, &Stands { at: recorded.or(stands.at.clone()), ..stands }).await;
            Ended::done("the fence stands")
        }
        Ok(_) => Ended::new(Outcome::NotStarted, "it takes writes: the fence was not set"),
        Err(why) => Ended::unknown(format!("whether the fence stands nobody knows: {why}")),
    }
}

/// Ends one session and waits until it has gone. `Err` says why it has not.
pub(super) async fn end_session(hand: &Hand, endpoint: &EndpointId, session: &str) -> Result<(), String> {
    let database = hand.database(endpoint, QUESTION)?;
    let id = SessionId(session.to_owned());
    let words = |why: Error| why.to_string();
    if !database.end_session(&id).await.map_err(words)? {
        return Ok(()); // It had gone already.
    }
    let asked = hand.setup.clock.now().boot;
    loop {
        let census = database.census(&FenceSpec::default()).await.map_err(words)?;
        if census.sessions.iter().all(|s| s.id != id) {
            return Ok(());
        }
        if hand.setup.clock.now().boot.since(asked) >= ENDING {
            return Err(format!("it was asked to end and is still here after {}s", ENDING.as_secs()));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Looks at the fence of a side, whose census has just changed: whoever changed it is to see so at once.
pub(super) async fn look(hand: &Hand, endpoint: &EndpointId) {
    let of_side = |p: &&Probe| matches!(&p.kind, ProbeKind::Fence(fence) if fence.endpoint == *endpoint);
    for probe in hand.setup.plan.probes.iter().filter(of_side) {
        let looked = probes::measure(&hand.context, probe, None).await;
        hand.read(&probe.id, looked.began, looked.result).await;
    }
}

async fn opened(hand: &Hand, endpoint: &EndpointId, stands: &Stands) -> Ended {
    say(hand, endpoint, stands).await;
    Ended::done("takes writes")
}

async fn stands(hand: &Hand, endpoint: &EndpointId) -> Result<Stands, String> {
    hand.database(endpoint, QUESTION)?.fence_state().await.map_err(|why| why.to_string())
}

async fn say(hand: &Hand, endpoint: &EndpointId, stands: &Stands) {
    let state = fence::state(stands.fence);
    let report = Report::Fence {
        endpoint: endpoint.clone(),
        state,
        position: stands.at.as_ref().filter(|_| state != FenceState::Open).map(|p| p.0.clone()),
        at: stands.since.unwrap_or_else(|| hand.setup.clock.now().wall),
    };
    hand.say(report).await;
}

fn named(session: &SessionInfo) -> String {
    format!("{} (session {})", line(called(session), 40), session.id.0)
}
