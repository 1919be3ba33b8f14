//! What an endpoint must prove to be, before anything is done to it.
//!
//! The identifier that the system itself gives, and the one row that tells clones apart. A system that is
//! also another endpoint of the plan is never what it should be.

use std::borrow::Cow;
use std::time::Duration;

use super::endpoint::{Lane, unmeasured};
use super::fence::{ACCOUNT, by_way, fenced_before, useless};
use super::look::{Context, Look, fail, pass};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Something of the plan rests on its log of changes.
    pub followed: bool,
    /// It takes writes: the plan stops them.
    pub open: bool,
    /// The write that proves later that they are stopped, where it goes by the system's own address: it has to succeed
    /// now.
    pub write: Option<String>,
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
            if let Some(sql) = &expected.write {
                let tried =
                    asked.database(endpoint)?.probe_write(sql, ACCOUNT, None).await.map_err(unmeasured)?;
                if let Some(why) = useless(&tried) {
                    return Ok(Measure {
                        pass: false,
                        text: format!("{}, and {why}", measure.text),
                        ..measure
                    });
                }
            }
        }
        Ok(measure)
    };
    let result = tokio::time::timeout(timeout, answers).await;
    answer(asked, result.unwrap_or_else(|_| Err(super::timed_out(timeout))))
}

/// Whether the application's way to a side leads there and takes the probe write, before a run begins; what is wrong
/// where it does not. Ends within `timeout`.
pub async fn way(
    ctx: &Context,
    way: &EndpointId,
    side: &EndpointId,
    sql: &str,
    timeout: Duration,
) -> Result<String, String> {
    let mut asked = Look::new(ctx, timeout, None);
    let answers = async {
        let (way, there) = (asked.database(way)?, asked.database(side)?);
        let tried = by_way(way.as_ref(), there.as_ref(), sql).await.map_err(unmeasured)?;
        Ok(match useless(&tried) {
            None => pass(format!("leads to {side}, and takes the probe write")),
            Some(why) => fail(why),
        })
    };
    let result = tokio::time::timeout(timeout, answers).await;
    answer(asked, result.unwrap_or_else(|_| Err(super::timed_out(timeout))))
}

fn answer(asked: Look<'_>, result: Result<Measure, Unmeasured>) -> Result<String, String> {
    match asked.finish(result).result {
        Ok(measure) if measure.pass => Ok(measure.text),
        Ok(measure) => Err(measure.text),
        Err(why) => Err(why.to_string()),
    }
}

/// Another endpoint that is this very system. One that does not answer cannot be told: it has a probe of
/// its own. A way to a side is that side, and is not asked: it has to be used as its application does.
async fn twin(look: &mut Look<'_>, endpoint: &EndpointId, found: &Identity) -> Option<EndpointId> {
    let others: Vec<EndpointId> =
        look.ctx.endpoints.iter().filter(|e| e.id != *endpoint && !e.way).map(|e| e.id.clone()).collect();
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
