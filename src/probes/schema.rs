//! The shape of a database, object by object: any change is a breach.

use super::baseline::{Baseline, Change, Object, finding, still};
use super::endpoint::{Lane, unmeasured};
use super::look::Look;
use crate::databases::{Position, Redefined};
use crate::engine::reading::{Finding, Measure, Unmeasured};
use crate::plan::EndpointId;

/// Reads every definition and compares it with the baseline.
pub(super) async fn look(look: &mut Look<'_>, endpoint: &EndpointId) -> Result<Measure, Unmeasured> {
    look.ask(format!("every definition in {endpoint}"));
    let database = look.database(endpoint)?;
    let _turn = look.turn(Lane::Gauges, endpoint).await;
    // Before the definitions: what is changed between the two is found by the next look, and who it was with it.
    let position =
        if look.is_first() { database.redefined(None).await.map_err(unmeasured)?.until } else { None };
    let schema = database.schema().await.map_err(unmeasured)?;
    let objects = schema.objects.into_iter().map(|(name, digest)| (name.to_string(), Object::of(digest)));
    let seen = Baseline {
        objects: objects.collect(),
        position: position.map(|position| position.0),
        ..Baseline::default()
    };
    let baseline = look.against(&seen);
    let changes = baseline.changes(&seen);
    let since = baseline.position.clone().map(Position).filter(|_| !changes.is_empty());
    let noted = match &since {
        Some(since) => database.redefined(Some(since)).await.map_err(unmeasured)?,
        None => Redefined::default(),
    };
    let named = |(name, change): (&str, Change<'_>)| {
        let change = change.words();
        match noted.of(name) {
            Some(by) => Finding {
                what: name.to_owned(),
                change: format!("{change}, {}", by.command),
                when: Some(by.at),
                who: Some(by.by.clone()),
            },
            None => finding(name, change),
        }
    };
    let findings: Vec<_> = changes.into_iter().map(named).collect();
    for finding in &findings {
        look.keep(&format!("{} {}", finding.what, finding.change));
    }
    Ok(still(&baseline, look.is_first(), "object", findings))
}
