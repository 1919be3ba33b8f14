//! Refs of a repository: any move is a breach, named with what it was and is.
//!
//! By whom, when and with which words comes from the commit or tag itself, and whether a branch was forced from its
//! history: both are asked of the repository for the first few refs that moved. A repository that does not give them
//! leaves them open; that a ref has moved is known without.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};

use super::baseline::{Baseline, Change, Object, short, still};
use super::command::{run_with, typed};
use super::commit::{Said, Way};
use super::look::{Look, failed};
use super::words::{counted, line};
use crate::engine::reading::{Finding, Measure, Unmeasured};
use crate::process::Env;

/// So many moved refs are asked about; the rest are named without who and when.
const ASKED: usize = 5;

/// What commits say, as far as it was asked, by where a ref came from and went: that never changes.
#[derive(Default)]
pub(super) struct Commits(Mutex<HashMap<Move, Option<Said>>>);

/// Where a ref came from, where it was at all, and where it went.
type Move = (Option<String>, String);

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
    // However slow the answers about commits are: that refs have moved is said in time.
    let until = Instant::now() + look.timeout / 2;
    let mut findings = Vec::new();
    for (name, change) in baseline.changes(&seen) {
        let (was, is) = match change {
            Change::Removed(was) => (Some(was.digest.as_str()), None),
            Change::Added(is) => (None, Some(is.digest.as_str())),
            Change::Altered { was, is } => (Some(was.digest.as_str()), Some(is.digest.as_str())),
        };
        let said = match is {
            Some(is) if findings.len() < ASKED => said(look, remote, name, was, is, until).await,
            Some(_) | None => None,
        };
        let change = words(was, is, said.as_ref());
        let (when, who) = said.map(|said| (said.when, said.who)).unzip();
        findings.push(Finding { what: name.to_owned(), change, when, who });
    }
    for finding in &findings {
        look.keep(&format!("{} {}", finding.what, finding.change));
    }
    Ok(still(&baseline, look.is_first(), "ref", findings))
}

/// What became of a ref.
fn words(was: Option<&str>, is: Option<&str>, said: Option<&Said>) -> String {
    let (of, way) = said.map_or((None, None), |said| (said.of.as_deref(), said.way));
    let of = of.map_or_else(String::new, |commit| format!(" (of {})", short(commit)));
    let way = match way {
        Some(Way::On(commits)) => format!(" by {}", counted(commits, "commit")),
        Some(Way::Forced) => " by force".to_owned(),
        None => String::new(),
    };
    let subject = said.map(|said| line(&said.subject, 60)).filter(|subject| !subject.is_empty());
    let subject = subject.map_or_else(String::new, |subject| format!(": {subject}"));
    match (was, is) {
        (Some(was), None) => format!("deleted, was {}", short(was)),
        (None, Some(is)) => format!("created at {}{of}{subject}", short(is)),
        (Some(was), Some(is)) => format!("moved {} to {}{of}{way}{subject}", short(was), short(is)),
        (None, None) => String::new(),
    }
}

/// Nobody sits at a terminal to be asked for a password, and a remote is no way to run a program.
pub(super) fn quiet() -> Result<Env, Unmeasured> {
    let mut env = Env::new();
    let mut set =
        |name: &str, value: &str| env.set(name, value).map_err(|why| Unmeasured::Failed(why.to_string()));
    set("GIT_TERMINAL_PROMPT", "0")?;
    // What was left out of a fetch is not fetched behind our back.
    set("GIT_NO_LAZY_FETCH", "1")?;
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

/// What the commit or tag says, asked for once.
async fn said(
    look: &mut Look<'_>,
    remote: &str,
    name: &str,
    was: Option<&str>,
    is: &str,
    until: Instant,
) -> Option<Said> {
    let commits = &look.ctx.commits;
    let key = (was.map(str::to_owned), is.to_owned());
    if let Some(known) = commits.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return known.clone();
    }
    let said = timeout_at(until, super::commit::said(look, remote, name, was, is)).await.ok().flatten();
    // What was not given once is not asked for again: the same finding says the same every time.
    commits.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, said.clone());
    said
}
