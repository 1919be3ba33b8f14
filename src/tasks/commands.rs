//! Commands of steps: each in a shim of its own, which outlives this process.
//!
//! The folder of a try is `steps/STEP.NUMBER`. It is made before the intent is recorded ([`claim`]), so that
//! a try without a folder is one that nobody prepared, and one whose folder is empty never ran.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::Notify;

use super::Attempt;
use super::executor::{Ended, Hand};
use crate::clock;
use crate::engine::event::{Outcome, OutputRef};
use crate::plan::StepId;
use crate::plan::model::CommandLine;
use crate::probes::words::line;
use crate::process::step::{self, Claim, Exit, Found, StepError, output};
use crate::process::{Env, Spec};

/// A command of a step without a timeout may take this long.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// So much of the end of an output is looked at for its last line.
const TAIL: u64 = 4096;
/// In which boot a try was prepared.
const BOOT: &str = "boot";

/// What a step's command is, and how it is to run.
pub(super) struct Order<'a> {
    pub(super) command: &'a CommandLine,
    /// For a notice: what it is about.
    pub(super) text: Option<&'a str>,
    pub(super) timeout: Option<Duration>,
}

/// The folder of a try of a step.
pub fn step_folder(run: &Path, step: &StepId, number: u32) -> PathBuf {
    run.join("steps").join(format!("{step}.{number}"))
}

/// The folder of a try.
pub(super) fn folder(run: &Path, attempt: &Attempt) -> PathBuf {
    step_folder(run, &attempt.step, attempt.number)
}

/// Makes the folder of a try and takes its lock. One that was made before and never used is made anew.
pub(super) fn claim(run: &Path, attempt: &Attempt) -> Result<Claim, String> {
    let words = |why: StepError| why.to_string();
    let dir = folder(run, attempt);
    let steps = run.join("steps");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&steps)
        .map_err(|why| format!("could not create {}: {why}", steps.display()))?;
    let claim = match step::claim(&dir) {
        Err(StepError::Taken(_))
            if step::find(&dir, &boot(&dir)?).map_err(words)? == Found::NeverLaunched =>
        {
            fs::remove_dir_all(&dir).map_err(|why| format!("could not clear {}: {why}", dir.display()))?;
            step::claim(&dir)
        }
        other => other,
    }
    .map_err(words)?;
    let id = clock::boot_id().map_err(|why| format!("the boot id cannot be read: {why}"))?;
    let path = dir.join(BOOT);
    fs::write(&path, id).map_err(|why| format!("could not write {}: {why}", path.display()))?;
    Ok(claim)
}

/// The boot in which a try was prepared; the present one where that was not reached.
fn boot(dir: &Path) -> Result<String, String> {
    match fs::read_to_string(dir.join(BOOT)) {
        Ok(id) if !id.is_empty() => Ok(id),
        Ok(_) => clock::boot_id().map_err(|why| why.to_string()),
        Err(why) if why.kind() == ErrorKind::NotFound => clock::boot_id().map_err(|why| why.to_string()),
        Err(why) => Err(format!("could not read {}: {why}", dir.join(BOOT).display())),
    }
}

/// Starts a step's command and sees it to its end, or until the bell stops it.
pub(super) async fn start(
    hand: &Hand,
    attempt: &Attempt,
    claim: Option<Claim>,
    order: &Order<'_>,
    bell: &Notify,
) -> Ended {
    let not_started = |why: String| Ended::new(Outcome::NotStarted, why);
    let spec = match spec(hand, attempt, order) {
        Ok(spec) => spec,
        Err(why) => return not_started(why),
    };
    if let Err(why) = hand.as_pinned(order.command).await {
        return not_started(why);
    }
    let claim = match claim.map_or_else(|| self::claim(&hand.setup.folder, attempt), Ok) {
        Ok(claim) => claim,
        Err(why) => return not_started(why),
    };
    let launched = match claim.launch(&hand.setup.exe, &spec) {
        Ok(launched) => launched,
        Err(why) => return not_started(why.to_string()),
    };
    let dir = folder(&hand.setup.folder, attempt);
    tokio::select! {
        found = launched.wait() => ended(&dir, found),
        () = bell.notified() => stop(&dir).await,
    }
}

/// Finds a command that an earlier engine has started, and sees it to its end.
pub(super) async fn resume(hand: &Hand, attempt: &Attempt, bell: &Notify) -> Ended {
    let dir = folder(&hand.setup.folder, attempt);
    let boot = match boot(&dir) {
        Ok(boot) => boot,
        Err(why) => return Ended::unknown(why),
    };
    tokio::select! {
        found = step::wait(&dir, &boot) => ended(&dir, found),
        () = bell.notified() => stop(&dir).await,
    }
}

async fn stop(dir: &Path) -> Ended {
    match boot(dir) {
        Ok(boot) => ended(dir, step::stop(dir, &boot).await),
        Err(why) => Ended::unknown(why),
    }
}

fn spec(hand: &Hand, attempt: &Attempt, order: &Order<'_>) -> Result<Spec, String> {
    let mut env = Env::new();
    let words = |why: crate::process::SpecError| why.to_string();
    for (name, value) in &order.command.env {
        env.set(name, hand.reveal(value)?.expose()).map_err(words)?;
    }
    env.set("CUTOVER_RUN", &hand.setup.run).map_err(words)?;
    env.set("CUTOVER_STEP", attempt.step.as_str()).map_err(words)?;
    env.set("CUTOVER_ATTEMPT", attempt.number.to_string()).map_err(words)?;
    if let Some(text) = order.text {
        env.set("CUTOVER_TEXT", text).map_err(words)?;
    }
    let timeout = order.timeout.map_or(LONGEST, |t| hand.setup.clock.real(t));
    Ok(Spec::new(&order.command.argv, &hand.setup.root, timeout).map_err(words)?.env(env))
}

fn ended(dir: &Path, found: Result<Found, StepError>) -> Ended {
    match found {
        Ok(Found::Exited(exit)) => exited(dir, exit),
        Ok(Found::NeverLaunched) => Ended::new(Outcome::NotStarted, "it was never started"),
        Ok(Found::OtherBoot) => Ended::unknown("the machine was restarted while it ran"),
        Ok(Found::Running) => Ended::unknown("it could not be stopped: something of it still runs"),
        Ok(Found::Unknown) => Ended::unknown("it was started and left no outcome"),
        Err(why) => Ended::unknown(why.to_string()),
    }
}

fn exited(dir: &Path, exit: Exit) -> Ended {
    let (outcome, mut detail) = match &exit.outcome {
        step::Outcome::Code(0) => (Outcome::Done, "exit 0".to_owned()),
        step::Outcome::Code(code) => {
            (Outcome::Failed { code: Some(*code) }, with_last_line(dir, format!("exit {code}")))
        }
        step::Outcome::Signal(_) => {
            (Outcome::Failed { code: None }, with_last_line(dir, exit.outcome.to_string()))
        }
        step::Outcome::TimedOut => (Outcome::TimedOut, with_last_line(dir, exit.outcome.to_string())),
        step::Outcome::Stopped => (Outcome::Stopped, with_last_line(dir, exit.outcome.to_string())),
        step::Outcome::NotStarted(reason) => (Outcome::NotStarted, reason.clone()),
    };
    if exit.left_children {
        detail.push_str("; something that it started still runs");
    }
    if let Some(why) = &exit.output_error {
        detail.push_str("; its output is not whole: ");
        detail.push_str(why);
    }
    Ended { outcome, detail, output: Some(OutputRef { sha256: exit.sha256, bytes: exit.bytes }) }
}

/// What it said last, which as a rule is why.
fn with_last_line(dir: &Path, detail: String) -> String {
    let Ok((bytes, _)) = output::tail(dir, TAIL) else { return detail };
    let text = String::from_utf8_lossy(&bytes);
    match text.lines().rev().map(|l| line(l, 160)).find(|l| !l.is_empty()) {
        Some(last) => format!("{detail}: {last}"),
        None => detail,
    }
}
