//! Infrastructure: what terraform would change, what has drifted, and what is not as it was at the freeze.
//!
//! One plain `terraform plan` shows two of the three. It asks the provider for every resource first, and what differs
//! from the last known state stands in the plan as drift (all that `-refresh-only` would show); then it compares with
//! the configuration, which shows what was applied from another one, or is not applied yet. A configuration that was
//! changed *and* applied leaves no trace in either: for that the state after the refresh is held still, resource by
//! resource. Nothing is ever applied, no lock is taken, and terraform writes no state for a plan.
//!
//! A plan and a state hold secrets. The plan is a file in memory that nobody else can open once the look is over; what
//! is said and kept are addresses, names of attributes, and digests mixed with a salt that stays in the run folder.

use std::fs::File;
use std::os::fd::AsRawFd as _;

use rustix::fs::{MemfdFlags, memfd_create};
use serde::Deserialize;

use super::baseline::still;
use super::command::{Ran, ended, finished, typed};
use super::drift;
use super::look::{Look, failed};
use super::walk::aside;
use super::words::line;
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::model::TerraformProbe;
use crate::process::{Ended, Env, Limits, NotStarted};

/// A plan of thousands of resources is some megabytes of JSON; more than this is not read.
const MOST: usize = 128 << 20;
/// So much of what was said on the way is kept: the errors stand at the end.
const SAID: usize = 1 << 20;

/// Plans, reads the plan, and compares it with the configuration and the baseline.
pub(super) async fn look(look: &mut Look<'_>, probe: &TerraformProbe) -> Result<Measure, Unmeasured> {
    let salt = look.salt()?;
    if !look.ctx.root.join(&probe.folder).is_dir() {
        return failed(format!("the folder {} is not there: see `folder` in the plan", probe.folder));
    }
    let chdir = format!("-chdir={}", probe.folder);
    let mut plan: Vec<String> = ["terraform", &chdir, "plan"].map(str::to_owned).into();
    plan.extend(
        ["-json", "-input=false", "-lock=false", "-no-color", "-detailed-exitcode"].map(str::to_owned),
    );
    plan.extend(probe.var_files.iter().map(|file| format!("-var-file={file}")));
    look.ask(typed(&plan));
    let env = env(look, probe)?;

    let file = memfd_create("plan", MemfdFlags::CLOEXEC)
        .map(File::from)
        .map_err(|why| Unmeasured::Failed(format!("no file in memory for the plan: {why}")))?;
    // It has no name of its own: terraform opens it through us.
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    plan.push(format!("-out={path}"));
    let ran = run(look, &plan, &env, SAID).await?;
    let told = diagnostics(&ran.printed());
    for diagnostic in &told {
        look.keep(&diagnostic.whole());
    }
    // 0: nothing to change; 2: something; anything else is no plan.
    let differs = match ran.code {
        0 => false,
        2 => true,
        _ => {
            let error = told.iter().find(|d| d.severity == "error").map(Diagnostic::words);
            return failed(error.unwrap_or_else(|| ran.said()));
        }
    };
    let show = ["terraform", &chdir, "show", "-json", "-no-color", &path].map(str::to_owned);
    let ran = run(look, &show, &env, MOST).await?;
    if ran.code != 0 {
        return failed(ran.said());
    }
    let Some(json) = ran.bytes() else {
        return failed("the plan is longer than 128 MiB: watch smaller configurations");
    };
    let except = probe.except.clone();
    let read = aside(move |_| drift::read(&json, &except, &salt).map_err(Unmeasured::Failed)).await?;
    let baseline = look.against(&read.now);
    let findings = read.findings(&baseline, differs);
    for finding in &findings {
        look.keep(&format!("{} {}", finding.what, finding.change));
    }
    Ok(still(&baseline, look.is_first(), "resource", findings))
}

fn env(look: &mut Look<'_>, probe: &TerraformProbe) -> Result<Env, Unmeasured> {
    let mut env = Env::new();
    let mut set =
        |name: &str, value: &str| env.set(name, value).map_err(|why| Unmeasured::Failed(why.to_string()));
    // It asks nobody, asks nowhere for its own news, and gives no advice for a terminal.
    set("TF_INPUT", "0")?;
    set("TF_IN_AUTOMATION", "1")?;
    set("CHECKPOINT_DISABLE", "1")?;
    for (name, value) in &probe.env {
        set(name, look.reveal(value)?.expose())?;
    }
    Ok(env)
}

/// Runs terraform to its end. What it prints may hold secrets, and is kept nowhere.
async fn run(look: &Look<'_>, argv: &[String], env: &Env, most: usize) -> Result<Ran, Unmeasured> {
    let finished = finished(look, argv, env.clone(), Limits { capture: most }).await?;
    if let Ended::NotStarted(NotStarted::NotFound { .. }) = finished.ended {
        return failed(
            "there is no terraform on the PATH of whoever started the run: install it there, or take this monitor out",
        );
    }
    ended(look, finished)
}

/// What terraform says on the way that people should know.
#[derive(Deserialize)]
struct Diagnostic {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    address: Option<String>,
}

impl Diagnostic {
    /// In a line.
    fn words(&self) -> String {
        let of = self.address.as_ref().map_or_else(String::new, |address| format!("{address}: "));
        line(&format!("terraform: {of}{}: {}", self.summary.trim_end_matches('.'), self.detail), 180)
    }

    fn whole(&self) -> String {
        format!("{}: {}\n{}", self.severity, self.summary, self.detail)
    }
}

fn diagnostics(said: &str) -> Vec<Diagnostic> {
    #[derive(Deserialize)]
    struct Line {
        diagnostic: Diagnostic,
    }
    // Other lines tell of progress.
    said.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()).map(|l| l.diagnostic).collect()
}
