//! Telling somebody: a step's notice, alarms beside the screen, and the short commands that this needs.

use std::time::Duration;

use super::executor::{Ended, Hand};
use crate::engine::event::Outcome;
use crate::engine::reading::Unmeasured;
use crate::plan::model::{CommandLine, NotifyBy};
use crate::plan::secret::Template;
use crate::probes::http;
use crate::probes::words::line;
use crate::process::{self, Env, Limits, Spec};

/// Nobody waits longer for a messenger.
const MESSENGER: Duration = Duration::from_secs(30);

/// Posts a notice of a step.
pub(super) async fn webhook(hand: &Hand, url: &Template, text: &str) -> Ended {
    let url = match hand.reveal(url) {
        Ok(url) => url,
        Err(why) => return Ended::new(Outcome::NotStarted, why),
    };
    match http::post(url.expose(), body(text), MESSENGER).await {
        Ok(status) if (200..300).contains(&status) => Ended::done(format!("told, {status}")),
        Ok(status) => Ended::new(Outcome::Failed { code: None }, format!("answered {status}")),
        Err(why @ Unmeasured::NotReachable(_)) => Ended::failed(why.to_string()),
        Err(why @ Unmeasured::TimedOut(_)) => Ended::new(Outcome::TimedOut, why.to_string()),
        Err(why @ Unmeasured::Failed(_)) => Ended::unknown(format!("whether it came nobody knows: {why}")),
    }
}

/// Tells people of an alarm. That they could not be told is nothing to stop for: the alarm stands on the
/// screen, and the log of the engine says why.
pub(super) async fn alarm(hand: &Hand, text: &str) {
    let Some(notify) = &hand.setup.plan.alarm_notify else { return };
    let told = match &notify.by {
        NotifyBy::Command(command) => run(hand, command, &[("CUTOVER_TEXT", text)], MESSENGER).await,
        NotifyBy::Webhook(url) => posted(hand, url, text).await,
    };
    if let Err(why) = told {
        tracing::warn!(why = hand.clean(why), "an alarm could not be told");
    }
}

async fn posted(hand: &Hand, url: &Template, text: &str) -> Result<(), String> {
    let url = hand.reveal(url)?;
    match http::post(url.expose(), body(text), MESSENGER).await {
        Ok(status) if (200..300).contains(&status) => Ok(()),
        Ok(status) => Err(format!("the webhook answered {status}")),
        Err(why) => Err(why.to_string()),
    }
}

fn body(text: &str) -> String {
    serde_json::json!({ "text": text }).to_string()
}

/// Runs a short command that is no step of its own. `Err` says how it failed.
pub(super) async fn run(
    hand: &Hand,
    command: &CommandLine,
    extra: &[(&str, &str)],
    timeout: Duration,
) -> Result<(), String> {
    hand.as_pinned(command).await?;
    let mut env = Env::new();
    for (name, value) in &command.env {
        env.set(name, hand.reveal(value)?.expose()).map_err(|why| why.to_string())?;
    }
    for (name, value) in extra.iter().copied().chain([("CUTOVER_RUN", hand.setup.run.as_str())]) {
        env.set(name, value).map_err(|why| why.to_string())?;
    }
    let spec = Spec::new(&command.argv, &hand.setup.root, hand.setup.clock.real(timeout))
        .map_err(|why| why.to_string())?
        .env(env);
    let finished = process::run(&spec, Limits { capture: 64 << 10 }).await;
    if finished.ended.is_success() {
        return Ok(());
    }
    let said = finished.stderr.text() + "\n" + &finished.stdout.text();
    let last = said.lines().map(|l| line(l, 120)).find(|l| !l.is_empty());
    Err(match last {
        Some(last) => format!("{}: {last}", finished.ended),
        None => finished.ended.to_string(),
    })
}
