//! Whose hands are on the keys, and the hold: nothing new starts without a person.

use crate::engine::State;
use crate::engine::event::{Event, HoldCause};
use crate::engine::refusal::Refusal;

/// An engine took the run up again: it opens in hold, and everything measured before is unknown.
pub(crate) fn resumed(state: &State, boot_id: String, torn_bytes: u64) -> Vec<Event> {
    let mut events = vec![Event::EngineResumed { boot_id, torn_bytes }];
    if !state.is_over() {
        events.extend(hold(state, HoldCause::Resumed, None, "the engine was restarted"));
    }
    events
}

/// Somebody connected with the keys.
pub(crate) fn arrived(
    state: &State,
    name: String,
    account: String,
    take: bool,
) -> Result<Vec<Event>, Refusal> {
    match &state.operator {
        Some(here) if here.name == name && here.account == account && !take => Ok(Vec::new()),
        Some(here) if !take => Err(Refusal::HelmTaken { name: here.name.clone(), since: here.since }),
        Some(here) => {
            let reason = format!("{name} took the helm from {}", here.name);
            let took_from = Some(here.name.clone());
            let mut events = vec![Event::OperatorArrived { name: name.clone(), account, took_from }];
            events.extend(hold(state, HoldCause::HelmTaken, Some(&name), &reason));
            Ok(events)
        }
        None => Ok(vec![Event::OperatorArrived { name, account, took_from: None }]),
    }
}

/// Nobody has been heard of for three seconds: what runs finishes, nothing new starts.
pub(crate) fn lost(state: &State) -> Vec<Event> {
    let Some(operator) = &state.operator else { return Vec::new() };
    let mut events = vec![Event::OperatorLost { name: operator.name.clone() }];
    if !state.is_over() {
        let reason = format!("{} is not connected", operator.name);
        events.extend(hold(state, HoldCause::NoOperator, None, &reason));
    }
    events
}

/// Nothing new starts. A run that is held already stays held for its first reason.
pub(crate) fn hold(state: &State, cause: HoldCause, by: Option<&str>, reason: &str) -> Vec<Event> {
    if state.hold.is_some() {
        return Vec::new();
    }
    vec![Event::Held { cause, by: by.map(str::to_owned), reason: reason.to_owned() }]
}

/// It goes on.
pub(crate) fn release(state: &State, by: &str) -> Result<Vec<Event>, Refusal> {
    if state.hold.is_none() {
        return Err(Refusal::NotHeld);
    }
    Ok(vec![Event::Released { by: by.to_owned() }])
}

/// Whether anything new may start: nobody holds the run, and somebody is there.
pub fn may_start(state: &State) -> Result<(), Refusal> {
    match (&state.hold, &state.operator) {
        (Some(hold), _) => Err(Refusal::Held(hold.reason.clone())),
        (None, None) => Err(Refusal::Held("nobody has the keys".to_owned())),
        (None, Some(_)) => Ok(()),
    }
}
