//! Refs of a repository: any move is a breach, named with what it was and is, and by whom where the
//! repository tells.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use super::baseline::{Baseline, Change, Object, short, still};
use super::command::{run_with, typed};
use super::look::{Look, failed};
use crate::clock::Timestamp;
use crate::engine::reading::{Finding, Measure, Unmeasured};
use crate::process::Env;

/// So many moved refs are asked about; the rest are named without who and when.
const ASKED: usize = 5;

/// Who committed what, as far as it was asked: what a commit says never changes.
#[derive(Default)]
pub(super) struct Commits(Mutex<HashMap<String, Option<(Timestamp, String)>>>);

/// Lists the refs and compares them with the baseline.
pub(super) async fn look(look: &mut Look<'_>, remote: &str, refs: &[String]) -> Result<Measure, Unmeasured> {
    let mut argv: Vec<String> = ["git", "ls-remote", "--", remote].map(str::to_owned).into();
    argv.extend(refs.iter().cloned());
    look.ask(typed(&argv));
    let ran = run_with(look, &argv, quiet()?).await?;
    if ran.code != 0 {
        return failed(ran.said());
    }
    let output = ran.output().map_err(|why| Unmeasured::Failed(why.to_owned()))?;
    let objects = parsed(&output)?;
    if objects.is_empty() && look.baseline.is_none() {
        return failed("no ref there matches: check the patterns");
    }
    let seen = Baseline { objects, ..Baseline::default() };
    let baseline = look.against(&seen);
    let mut findings = Vec::new();
    for (name, change) in baseline.changes(&seen) {
        let (change, now) = match change {
            Change::Removed(was) => (format!("deleted, was {}", short(&was.digest)), None),
            Change::Added(is) => (format!("created at {}", short(&is.digest)), Some(&is.digest)),
            Change::Altered { was, is } => {
                (format!("moved {} to {}", short(&was.digest), short(&is.digest)), Some(&is.digest))
            }
        };
        let said = match now {
            Some(commit) if findings.len() < ASKED => said(look, remote, name, commit).await,
            Some(_) | None => None,
        };
        let (when, who) = said.unzip();
        findings.push(Finding { what: name.to_owned(), change, when, who });
    }
    for finding in &findings {
        look.keep(&format!("{} {}", finding.what, finding.change));
    }
    Ok(still(&baseline, look.is_first(), "ref", findings))
}

/// Nobody sits at a terminal to be asked for a password, and a remote is no way to run a program.
fn quiet() -> Result<Env, Unmeasured> {
    let mut env = Env::new();
    let mut set =
        |name: &str, value: &str| env.set(name, value).map_err(|why| Unmeasured::Failed(why.to_string()));
    set("GIT_TERMINAL_PROMPT", "0")?;
    set("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh")?;
    if std::env::var_os("GIT_SSH_COMMAND").is_none() {
        set("GIT_SSH_COMMAND", "ssh -T -o BatchMode=yes -o ConnectTimeout=5")?;
    }
    Ok(env)
}

fn parsed(output: &str) -> Result<BTreeMap<String, Object>, Unmeasured> {
    let mut objects = BTreeMap::new();
    for line in output.lines() {
        match line.split_once('\t') {
            // What a tag points at says no more than the tag.
            Some((_, name)) if name.ends_with("^{}") => {}
            Some((oid, name)) if oid.len() >= 40 && oid.bytes().all(|b| b.is_ascii_hexdigit()) => {
                objects.insert(name.to_owned(), Object::of(oid));
            }
            Some(_) | None => return failed("git listed something that is no ref"),
        }
    }
    Ok(objects)
}

/// When and by whom, from the commit itself: fetched without its history or files, once. A repository
/// that does not give it leaves both open.
async fn said(look: &mut Look<'_>, remote: &str, name: &str, commit: &str) -> Option<(Timestamp, String)> {
    if let Some(known) = look.ctx.commits.0.lock().unwrap_or_else(PoisonError::into_inner).get(commit) {
        return known.clone();
    }
    let said = fetched(look, remote, name, commit).await;
    look.ctx.commits.0.lock().unwrap_or_else(PoisonError::into_inner).insert(commit.to_owned(), said.clone());
    said
}

async fn fetched(look: &mut Look<'_>, remote: &str, name: &str, commit: &str) -> Option<(Timestamp, String)> {
    let store = look.ctx.scratch.join("commits.git").to_string_lossy().into_owned();
    let git =
        |args: &[&str]| -> Vec<String> { ["git"].iter().chain(args).map(|a| (*a).to_owned()).collect() };
    let dir = format!("--git-dir={store}");
    tokio::fs::create_dir_all(&look.ctx.scratch).await.ok()?;
    let steps = [
        git(&["init", "--quiet", "--bare", "--", &store]),
        git(&[&dir, "fetch", "--quiet", "--no-tags", "--depth=1", "--filter=tree:0", "--", remote, name]),
    ];
    for argv in steps {
        if run_with(look, &argv, quiet().ok()?).await.ok()?.code != 0 {
            return None;
        }
    }
    let show = git(&[&dir, "log", "-1", "--format=%ct%x09%an <%ae>", "--end-of-options", commit]);
    let output =
        run_with(look, &show, quiet().ok()?).await.ok().filter(|ran| ran.code == 0)?.output().ok()?;
    let (seconds, who) = output.trim().split_once('\t')?;
    Some((Timestamp(seconds.parse::<i64>().ok()?.checked_mul(1000)?), who.to_owned()))
}
