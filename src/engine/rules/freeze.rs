//! The census: a named session can be ended by a person, on the record.

use crate::engine::event::Event;
use crate::engine::reading::Facts;
use crate::engine::readings::Readings;
use crate::engine::refusal::Refusal;
use crate::plan::model::ProbeKind;
use crate::plan::{EndpointId, Plan};

/// Somebody ends a session that the last census names.
pub(crate) fn end_session(
    plan: &Plan,
    readings: &Readings,
    endpoint: EndpointId,
    session: String,
    application: String,
    by: &str,
) -> Result<Vec<Event>, Refusal> {
    let named = plan
        .probes
        .iter()
        .filter(|p| matches!(&p.kind, ProbeKind::Fence(f) if f.endpoint == endpoint))
        .filter_map(|p| readings.measure(&p.id))
        .any(|m| matches!(&m.facts, Facts::Fence(f) if f.older.iter().any(|s| s.id == session)));
    if !named {
        return Err(Refusal::NoSuchSession(endpoint, session));
    }
    Ok(vec![Event::SessionEndAsked { endpoint, session, application, by: by.to_owned() }])
}
