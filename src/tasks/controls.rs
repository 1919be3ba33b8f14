//! Freeze controls: enforced and then verified, lifted and then verified, each by its own commands.
//!
//! One after the other, and all of them whatever becomes of one: at the end each is named with how it
//! stands. A control is not enforced because its command said so, but because its verify command does.

use super::executor::{Ended, Hand};
use crate::engine::reading::Unmeasured;
use crate::plan::ProbeId;
use crate::plan::model::{Control, ProbeKind};
use crate::probes;

/// How a control stands.
enum Stands {
    /// It refuses.
    Shut,
    /// It does not.
    Open,
    /// Nobody knows, because of this.
    Unknown(String),
}

/// Enforces them, and sees that each refuses.
pub(super) async fn enforce(hand: &Hand, controls: &[ProbeId]) -> Ended {
    change(hand, controls, true).await
}

/// Lifts them, and sees that each refuses no more.
pub(super) async fn lift(hand: &Hand, controls: &[ProbeId]) -> Ended {
    change(hand, controls, false).await
}

/// After the engine was gone: do they stand as they were asked to?
pub(super) async fn stand(hand: &Hand, controls: &[ProbeId], shut: bool) -> Ended {
    let mut all = Vec::new();
    for id in controls {
        all.push((id, None, verify(hand, id).await));
    }
    match told(&all, shut) {
        (Verdict::AsAsked, text) => Ended::done(text),
        (Verdict::Otherwise | Verdict::Unknown, text) => Ended::unknown(text),
    }
}

async fn change(hand: &Hand, controls: &[ProbeId], shut: bool) -> Ended {
    let mut all = Vec::new();
    for id in controls {
        let said = match hand.setup.plan.controls.iter().find(|c| c.id == *id) {
            None => Some("the plan has no such control".to_owned()),
            Some(control) => run(hand, control, shut).await.err(),
        };
        all.push((id, said, verify(hand, id).await));
    }
    match told(&all, shut) {
        (Verdict::AsAsked, text) => Ended::done(text),
        (Verdict::Otherwise, text) => Ended::failed(text),
        (Verdict::Unknown, text) => Ended::unknown(text),
    }
}

/// Runs a control's command. `Err` says how it failed.
async fn run(hand: &Hand, control: &Control, shut: bool) -> Result<(), String> {
    let command = if shut { &control.enforce } else { &control.lift };
    super::notices::run(hand, command, &[], control.timeout).await
}

/// Asks the control's own probe.
async fn verify(hand: &Hand, id: &ProbeId) -> Stands {
    let Some(probe) = hand.setup.plan.probe(id) else {
        return Stands::Unknown("the plan has no such control".to_owned());
    };
    if !matches!(probe.kind, ProbeKind::Control(_)) {
        return Stands::Unknown("it is no control".to_owned());
    }
    let looked = probes::measure(&hand.context, probe, None).await;
    // A look like any other: what the screen shows of it is then no older than the end of this step.
    hand.read(id, looked.began, looked.result.clone()).await;
    match looked.result {
        Ok(measure) if measure.pass => Stands::Shut,
        Ok(_) => Stands::Open,
        Err(why @ (Unmeasured::Failed(_) | Unmeasured::NotReachable(_) | Unmeasured::TimedOut(_))) => {
            Stands::Unknown(why.to_string())
        }
    }
}

enum Verdict {
    AsAsked,
    Otherwise,
    Unknown,
}

/// Each control with how it stands, what is wrong first.
fn told(all: &[(&ProbeId, Option<String>, Stands)], shut: bool) -> (Verdict, String) {
    let (mut wrong, mut unknown, mut well) = (Vec::new(), Vec::new(), Vec::new());
    for (id, said, stands) in all {
        let said = said.as_ref().map_or_else(String::new, |said| format!(" ({said})"));
        match (stands, shut) {
            (Stands::Shut, true) => well.push(format!("{id} refuses{said}")),
            (Stands::Open, false) => well.push(format!("{id} is lifted{said}")),
            (Stands::Open, true) => wrong.push(format!("{id} does not refuse{said}")),
            (Stands::Shut, false) => wrong.push(format!("{id} still refuses{said}")),
            (Stands::Unknown(why), _) => unknown.push(format!("{id} could not be verified: {why}{said}")),
        }
    }
    let verdict = match (wrong.is_empty(), unknown.is_empty()) {
        (false, _) => Verdict::Otherwise,
        (true, false) => Verdict::Unknown,
        (true, true) => Verdict::AsAsked,
    };
    wrong.extend(unknown);
    wrong.extend(well);
    (verdict, wrong.join("; "))
}
