//! What a commit or a tag of a repository says of itself, and how a branch got there.
//!
//! Objects are fetched into a store of ours in the scratch folder, never with files: the commit alone first, and
//! its history only from a repository that gives commits without their files.

use std::collections::HashSet;

use super::command::quietly;
use super::git::quiet;
use super::look::Look;
use crate::clock::Timestamp;
use crate::process::Limits;

/// So many commits back it is looked for where a branch came from.
const BACK: &str = "--depth=500";
/// A history with many merges is much longer than it is deep: beyond this nothing is said of it.
const MOST: usize = 10_000;

/// What a commit or tag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// When it was committed or tagged.
    pub(super) when: Timestamp,
    /// Who wrote it, and who committed it where that is somebody else.
    pub(super) who: String,
    /// The first line of its message.
    pub(super) subject: String,
    /// For a tag with a message of its own: what it is on.
    pub(super) of: Option<String>,
    /// How a branch got there, where that can be told.
    pub(super) way: Option<Way>,
}

/// How a branch got where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By so many commits on top of what was there.
    On(u64),
    /// What was there is not part of it any more.
    Forced,
}

/// What the commit or tag `is` says, to which `name` points now; `None` where the repository does not give it.
pub(super) async fn said(
    look: &mut Look<'_>,
    remote: &str,
    name: &str,
    was: Option<&str>,
    is: &str,
) -> Option<Said> {
    let store = look.ctx.scratch.join("commits.git").to_string_lossy().into_owned();
    let dir = format!("--git-dir={store}");
    tokio::fs::create_dir_all(&look.ctx.scratch).await.ok()?;
    git(look, &["init", "--quiet", "--bare", "--", &store]).await?;
    // A path is no name of a repository that gives commits without their files; a name of ours is.
    let url = format!("remote.watched.url={remote}");
    let fetch = |depth: &'static str| {
        ["-c", &url, &dir, "fetch", "--quiet", "--no-tags", depth, "--filter=tree:0", "--", "watched", name]
            .map(str::to_owned)
    };
    git(look, &fetch("--depth=1").each_ref().map(String::as_str)).await?;
    let mut said = parsed(&git(look, &[&dir, "cat-file", "-p", is]).await?)?;
    let Some(was) = was.filter(|_| name.starts_with("refs/heads/")) else { return Some(said) };
    // With its tree there the repository gives no commit without its files: its history is too much to ask for.
    let tree = format!("{is}^{{tree}}");
    if git(look, &[&dir, "cat-file", "-e", &tree]).await.is_some() {
        return Some(said);
    }
    if git(look, &fetch(BACK).each_ref().map(String::as_str)).await.is_some() {
        said.way = way(look, &dir, &store, was, is).await;
    }
    Some(said)
}

async fn way(look: &mut Look<'_>, dir: &str, store: &str, was: &str, is: &str) -> Option<Way> {
    let most = format!("--max-count={MOST}");
    let list = git(look, &[dir, "rev-list", &most, "--end-of-options", is]).await?;
    let history: HashSet<&str> = list.lines().collect();
    if history.contains(was) {
        let range = format!("{was}..{is}");
        let count = git(look, &[dir, "rev-list", "--count", "--end-of-options", &range]).await?;
        return count.trim().parse().ok().map(Way::On);
    }
    // Where the history was cut off, what was there may lie behind the cut.
    let cut = tokio::fs::read_to_string(format!("{store}/shallow")).await.unwrap_or_default();
    let whole = history.len() < MOST && !cut.lines().any(|commit| history.contains(commit));
    whole.then_some(Way::Forced)
}

/// What git prints, where it succeeds.
async fn git(look: &mut Look<'_>, args: &[&str]) -> Option<String> {
    let command: Vec<String> = ["git"].iter().chain(args).map(|a| (*a).to_owned()).collect();
    let ran = quietly(look, &command, quiet().ok()?, Limits::default()).await.ok()?;
    if ran.code == 0 { ran.output().ok() } else { None }
}

/// A commit or a tag as `git cat-file -p` prints it.
fn parsed(object: &str) -> Option<Said> {
    let (head, message) = object.split_once("\n\n").unwrap_or((object, ""));
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let subject = message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
    if let Some(tagger) = field("tagger") {
        let (who, when) = person(tagger)?;
        return Some(Said { when, who, subject, of: field("object").map(str::to_owned), way: None });
    }
    let (author, _) = person(field("author")?)?;
    let (committer, when) = person(field("committer")?)?;
    let who = if committer == author { author } else { format!("{author}, committed by {committer}") };
    Some(Said { when, who, subject, of: None, way: None })
}

/// `Jun <jun@example.net> 1796335445 +0100`.
fn person(text: &str) -> Option<(String, Timestamp)> {
    let (who, when) = text.rsplit_once("> ")?;
    let seconds: i64 = when.split(' ').next()?.parse().ok()?;
    Some((format!("{who}>"), Timestamp(seconds.checked_mul(1000)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_and_tags_say_who_when_and_what() {
        let commit = "tree 1a\nparent 2b\nauthor Jun <jun@x> 1796335445 +0100\ncommitter Web <web@x> 1796335500 +0000\ngpgsig -----BEGIN\n author Nobody <n@x> 1 +0000\n\n\nFix > the price\n\nauthor of it all\n";
        let said = parsed(commit).unwrap();
        assert_eq!(said.who, "Jun <jun@x>, committed by Web <web@x>");
        assert_eq!((said.when, said.subject.as_str()), (Timestamp(1_796_335_500_000), "Fix > the price"));
        let tag = "object 3c\ntype commit\ntag v2\ntagger Ada <ada@x> 1796335600 +0000\n\nVersion 2\n";
        let said = parsed(tag).unwrap();
        assert_eq!((said.who.as_str(), said.of.as_deref()), ("Ada <ada@x>", Some("3c")));
        for junk in
            ["", "tree 1a\n\nx", "author Jun\ncommitter Jun\n\nx", "author a <b> x\ncommitter a <b> 1\n"]
        {
            assert_eq!(parsed(junk), None, "{junk}");
        }
    }
}
