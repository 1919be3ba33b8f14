//! What stands on the page on which a live run begins.

use std::path::Path;
use std::sync::Arc;

use super::check::not_live;
use super::exit::{Exit, Failure};
use super::sitting::Identity;
use super::{doctor, who};
use crate::clock::Clock;
use crate::engine::event::Mode;
use crate::panes::{Rehearsed, StartPage};
use crate::plan::model::{Probe, ProbeKind};
use crate::plan::{EndpointId, Level, Loaded};
use crate::probes::{Context, measure};
use crate::session::runs;

/// The page, as far as it can be said at once.
pub(super) fn page(path: &Path, loaded: &Loaded, place: &Path, operator: &str) -> Result<StartPage, Failure> {
    let plan = &loaded.plan;
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::Journal, format!("{} cannot be read: {error}", place.display()))
    };
    let (_, last) = runs::rehearsals(place, &plan.name, &plan.pins).map_err(unreadable)?;
    let mut blocks = not_live(loaded);
    for open in runs::list(place).map_err(unreadable)?.iter().filter(|run| run.is_open()) {
        if let Some(started) = &open.started
            && started.plan == plan.name
            && started.mode == Mode::Live
        {
            blocks.push(format!(
                "{} of this plan is {}: go on with it (cutover run --resume {0}), or give it up there",
                open.id,
                open.standing().word()
            ));
        }
    }
    let warnings = loaded.notes.list.iter().filter(|d| d.level == Level::Warning);
    let mut cautions: Vec<String> = warnings.map(|d| d.message.clone()).collect();
    cautions.extend(doctor::against_a_night(place));
    Ok(StartPage {
        plan: Arc::new(plan.clone()),
        path: path.display().to_string(),
        endpoints: identity_probes(loaded).map(|(id, _)| (id.clone(), None)).collect(),
        operator: operator.to_owned(),
        account: who::account(),
        rehearsed: last.map(|last| Rehearsed {
            number: last.number,
            grade: "simulated".to_owned(),
            at: last.at,
            changed: last.changed,
        }),
        cautions,
        blocks,
    })
}

fn identity_probes(loaded: &Loaded) -> impl Iterator<Item = (&EndpointId, &Probe)> {
    loaded.plan.probes.iter().filter_map(|probe| match &probe.kind {
        ProbeKind::Identity { endpoint } => Some((endpoint, probe)),
        _ => None,
    })
}

/// What each system says it is: one look, before anything has begun.
pub(super) fn identities(loaded: &Loaded) -> Vec<(EndpointId, Identity)> {
    let plan = &loaded.plan;
    let asks = identity_probes(loaded).map(|(endpoint, probe)| {
        let (probe, root) = (probe.clone(), loaded.root.clone());
        let endpoints = plan.endpoints.clone();
        let ask: Identity = Box::new(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| error.to_string())?;
            // Such a look puts nothing down and asks no link.
            let context = Context::new(root, std::env::temp_dir(), endpoints, Vec::new(), Clock::system());
            match runtime.block_on(measure(&context, &probe, None)).result {
                Ok(measure) if measure.pass => Ok(measure.text),
                Ok(measure) => Err(measure.text),
                Err(why) => Err(why.to_string()),
            }
        });
        (endpoint.clone(), ask)
    });
    asks.collect()
}
