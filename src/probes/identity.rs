//! What an endpoint must prove to be, before anything is done to it.
//!
//! The identifier that the system itself gives, and the one row that tells clones apart. A system that is
//! also another endpoint of the plan is never what it should be.

use std::borrow::Cow;
use std::time::Duration;

use super::endpoint::{Lane, unmeasured};
use super::fence::fenced_before;
use super::look::{Context, Look};
use super::words::line;
use crate::databases::{Fence, Identity, Value};
use crate::engine::reading::{Facts, Measure, Unmeasured};
use crate::plan::EndpointId;
use crate::plan::model;

/// Asks the system who it is.
pub(super) async fn look(look: &mut Look<'_>, endpoint: &EndpointId) -> Result<Measure, Unmeasured> {
    let wanted = look.ctx.endpoint(endpoint).map_err(Unmeasured::Failed)?.identity.clone();
    let row = wanted.as_ref().and_then(|w| w.row.as_ref());
    look.ask(match row {
        Some(row) => format!("who is {endpoint}, and: {}", row.sql),
        None => format!("who is {endpoint}"),
    });
    let database = look.database(endpoint)?;
    let found = {
        let _turn = look.turn(Lane::Gauges, endpoint).await;
        database.identity(row.map(|r| r.sql.as_str())).await.map_err(unmeasured)?
    };
    look.keep(&format!(
        "{}\nsystem {}\nrow {:?}\n{}",
        database.name(),
        found.system,
        found.row,
        found.version
    ));
    let said = found.row.as_ref().and_then(Value::plain).map(Cow::into_owned);
    let twin = twin(look, endpoint, &found).await;
    let (pass, text) = judge(wanted.as_ref(), &found.system, said.as_deref(), twin.as_ref());
    Ok(Measure { pass, text, facts: Facts::Identity { system: found.system, row: said } })
}

/// What a plan expects of a system before a run of it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Something of the plan rests on its log of changes.
    pub followed: bool,
    /// It takes writes: the plan stops them.
    pub open: bool,
}

/// What a system says it is before a run begins, or why nothing may begin against it: it is another, it does not
/// answer, or it is not as it is `expected`. Ends within `timeout`.
pub async fn ready(
    ctx: &Context,
    endpoint: &EndpointId,
    expected: Expected,
    timeout: Duration,
) -> Result<String, String> {
    let mut asked = Look::new(ctx, timeout, None);
    let answers = async {
        let measure = look(&mut asked, endpoint).await?;
        if measure.pass && expected.followed {
            asked.database(endpoint)?.position().await.map_err(unmeasured)?;
        }
        if measure.pass && expected.open {
            let stands = asked.database(endpoint)?.fence_state().await.map_err(unmeasured)?;
            if stands.fence != Fence::Open {
                let text = format!("{}, and {}", measure.text, fenced_before(stands.since));
                return Ok(Measure { pass: false, text, ..measure });
            }
        }
        Ok(measure)
    };
    let result = tokio::time::timeout(timeout, answers).await;
    match asked.finish(result.unwrap_or_else(|_| Err(super::timed_out(timeout)))).result {
        Ok(measure) if measure.pass => Ok(measure.text),
        Ok(measure) => Err(measure.text),
        Err(why) => Err(why.to_string()),
    }
}

/// Another endpoint that is this very system. One that does not answer cannot be told: it has a probe of
/// its own.
async fn twin(look: &mut Look<'_>, endpoint: &EndpointId, found: &Identity) -> Option<EndpointId> {
    let others: Vec<EndpointId> =
        look.ctx.endpoints.iter().map(|e| &e.id).filter(|id| *id != endpoint).cloned().collect();
    for other in others {
        let Ok(database) = look.database(&other) else { continue };
        let _turn = look.turn(Lane::Gauges, &other).await;
        if database.identity(None).await.is_ok_and(|theirs| theirs.same_system(found)) {
            return Some(other);
        }
    }
    None
}

fn judge(
    wanted: Option<&model::Identity>,
    system: &str,
    said: Option<&str>,
    twin: Option<&EndpointId>,
) -> (bool, String) {
    if let Some(twin) = twin {
        return (false, format!("is the same system as {twin}"));
    }
    if let Some(asked) = wanted.and_then(|w| w.system.as_deref()).filter(|&asked| asked != system) {
        return (false, format!("is {system}, not {asked}"));
    }
    let Some(row) = wanted.and_then(|w| w.row.as_ref()) else {
        return (true, format!("is {system}"));
    };
    match said {
        Some(said) if said == row.is => (true, format!("is {}", line(said, 60))),
        Some(said) => (false, format!("says it is {}, not {}", line(said, 60), row.is)),
        None => (false, format!("says nothing where {} should stand", row.is)),
    }
}
