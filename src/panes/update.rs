//! A status update, ready to paste: where we are, in sentences that somebody can read who sees no cockpit.

use crate::engine::rules::forecast::Forecast;
use crate::engine::rules::wayback::Cost;
use crate::engine::state::Stage;
use crate::ui::format;
use crate::ui::safe;

use super::scene::Scene;
use super::words::{ending_in_words, offset_name};

/// The update as one paragraph.
pub(super) fn text(scene: &Scene<'_>) -> String {
    let mut said = vec![format!(
        "{}, {} {}:",
        scene.plan.name,
        scene.hour_minute(scene.now.wall),
        offset_name(scene.plan.offset)
    )];
    let mode = scene.mode.word();
    if mode != "LIVE" {
        said.push(format!("({mode})"));
    }
    if let Stage::Over(ending) = scene.state.stage {
        said.push(format!("the run is over: {}.", ending_in_words(ending)));
    } else if let Some(part) = scene.figures.parts.get(scene.figures.current) {
        let steps = format::of_counted(part.done, part.slots.len(), "step", "steps");
        said.push(format!("{}, {steps} done.", part.title));
    }
    if let Some(hold) = &scene.state.hold {
        let by = hold.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        said.push(format!("Held since {}{by}: {}.", scene.hour_minute(hold.since), hold.reason));
    }
    if let Some(outage) = scene.figures.clocks.outage {
        let of =
            scene.figures.clocks.budget.map_or_else(String::new, |b| format!(" of {}", format::clock(b)));
        said.push(format!("Users are read-only for {}{of}.", format::clock(outage)));
    }
    match &scene.figures.forecast {
        Forecast::Finish { at, .. } => said.push(format!("Done about {}.", scene.hour_minute(*at))),
        Forecast::Unknown { because } => said.push(format!("Finish unknown: {because}.")),
        Forecast::Over => {}
    }
    if !scene.state.is_over() {
        let way = match &scene.figures.way_back.cost {
            Cost::Free => "free".to_owned(),
            Cost::Lossless { .. } => "lossless".to_owned(),
            Cost::Rows { behind, .. } => format!("costs {}", format::counted(*behind, "row", "rows")),
            Cost::Everything { since } => {
                format!("costs every row that the target took since {}", scene.hour_minute(*since))
            }
            Cost::Unknown { because } => format!("unknown: {because}"),
            Cost::Closed { because } => format!("closed: {because}"),
        };
        said.push(format!("Way back {way}."));
    }
    let alarms = scene.state.raised_alarms();
    match alarms.as_slice() {
        [] => said.push("No alarm.".to_owned()),
        [(_, loudest), ..] => {
            let n = format::counted(alarms.len() as u64, "alarm", "alarms");
            said.push(format!("{n}, the loudest: {}.", loudest.text));
        }
    }
    let run = scene.state.run.as_ref().map_or("", |run| run.run.as_str());
    said.push(format!("[{run} #{}]", scene.state.seq));
    safe::line(&said.join(" ")).into_owned()
}
