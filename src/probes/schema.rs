//! The shape of a database, object by object: any change is a breach.

use super::baseline::{Baseline, Object, finding, still};
use super::endpoint::{Lane, unmeasured};
use super::look::Look;
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::EndpointId;

/// Reads every definition and compares it with the baseline.
pub(super) async fn look(look: &mut Look<'_>, endpoint: &EndpointId) -> Result<Measure, Unmeasured> {
    look.ask(format!("every definition in {endpoint}"));
    let database = look.database(endpoint)?;
    let _turn = look.turn(Lane::Gauges, endpoint).await;
    let schema = database.schema().await.map_err(unmeasured)?;
    let objects = schema.objects.into_iter().map(|(name, digest)| (name.to_string(), Object::of(digest)));
    let seen = Baseline { objects: objects.collect(), ..Baseline::default() };
    let baseline = look.against(&seen);
    let findings: Vec<_> =
        baseline.changes(&seen).into_iter().map(|(name, change)| finding(name, change.words())).collect();
    for finding in &findings {
        look.keep(&format!("{} {}", finding.what, finding.change));
    }
    Ok(still(&baseline, look.is_first(), "object", findings))
}
