//! Real repositories: refs that are held still, and who moved them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use cutover::clock::Timestamp;
use cutover::engine::reading::{Finding, Measure};
use cutover::plan::model::ProbeKind;

use crate::common::{World, failed, findings};
use crate::watched::git;

/// A repository with one commit on main, a work tree to push from, and whether it gives commits without their files.
struct Repository {
    world: World,
    work: PathBuf,
    remote: String,
}

fn repository(filters: bool) -> Repository {
    let world = World::new();
    let work = world.path().join("work");
    fs::create_dir(&work).unwrap();
    git(world.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "origin.git"]);
    let remote = world.path().join("origin.git");
    git(&remote, &["config", "uploadpack.allowFilter", if filters { "true" } else { "false" }]);
    git(&work, &["init", "--quiet", "--initial-branch=main"]);
    let repository = Repository { remote: remote.to_string_lossy().into_owned(), world, work };
    repository.commit("one");
    repository.push(&["main"]);
    repository
}

impl Repository {
    fn commit(&self, message: &str) -> String {
        fs::write(self.work.join("file"), message).unwrap();
        git(&self.work, &["add", "file"]);
        git(&self.work, &["commit", "--quiet", "-m", message]);
        self.head()
    }

    fn head(&self) -> String {
        self.oid("HEAD")
    }

    /// What a name stands for, as findings say it.
    fn oid(&self, name: &str) -> String {
        let mut oid = git(&self.work, &["rev-parse", name]);
        oid.truncate(8);
        oid
    }

    fn push(&self, args: &[&str]) {
        git(&self.work, &[&["push", "--quiet", "../origin.git"], args].concat());
    }

    fn kind(&self) -> ProbeKind {
        let refs = ["refs/heads/*", "refs/tags/*"].map(str::to_owned).into();
        ProbeKind::Git { remote: self.remote.clone(), refs }
    }
}

fn said(measure: &Measure) -> Vec<String> {
    findings(measure).iter().map(|f| format!("{} {}", f.what, f.change)).collect()
}

fn by_jun(finding: &Finding) -> bool {
    finding.who.as_deref() == Some("Jun <jun@example.net>")
        && finding.when.map(Timestamp::rfc3339).as_deref() == Some("2026-12-05T21:04:05.000Z")
}

#[tokio::test]
async fn a_ref_that_moves_is_named_with_its_commit_and_who_and_when() {
    let it = repository(true);
    let one = it.head();
    let (seen, baseline) = it.world.baseline(it.kind()).await;
    assert_eq!((seen.pass, seen.text.as_str()), (true, "noted, 1 ref"));

    it.commit("two");
    let three = it.commit("three: the price\n\nis right again");
    git(&it.work, &["tag", "v2"]);
    git(&it.work, &["tag", "-a", "-m", "Version 3", "v3"]);
    it.push(&["main", "v2", "v3"]);
    let tag = it.oid("v3");
    let seen = it.world.against(it.kind(), &baseline).await.result.unwrap();
    assert_eq!(
        said(&seen),
        [
            format!("refs/heads/main moved {one} to {three} by 2 commits: three: the price"),
            format!("refs/tags/v2 created at {three}: three: the price"),
            format!("refs/tags/v3 created at {tag} (of {three}): Version 3"),
        ]
    );
    assert!(findings(&seen).iter().all(by_jun), "{seen:?}");
    // The same finding says the same every time: a waiver is for one.
    assert_eq!(said(&it.world.against(it.kind(), &baseline).await.result.unwrap()), said(&seen));
}

#[tokio::test]
async fn a_forced_push_and_a_deleted_ref_are_told_from_an_ordinary_push() {
    let it = repository(true);
    git(&it.work, &["branch", "release"]);
    let was = it.commit("two");
    it.push(&["main", "release"]);
    let (_, baseline) = it.world.baseline(it.kind()).await;
    let one = it.oid("release");

    git(&it.work, &["reset", "--quiet", "--hard", "HEAD~1"]);
    let is = it.commit("two, written anew");
    it.push(&["--force", "main"]);
    it.push(&["--delete", "release"]);
    let seen = it.world.against(it.kind(), &baseline).await.result.unwrap();
    assert_eq!(
        said(&seen),
        [
            format!("refs/heads/main moved {was} to {is} by force: two, written anew"),
            format!("refs/heads/release deleted, was {one}"),
        ]
    );
    assert!(by_jun(&findings(&seen)[0]));
    // Nobody knows who deleted it: git does not say.
    assert_eq!((&findings(&seen)[1].who, findings(&seen)[1].when), (&None, None));
}

#[tokio::test]
async fn where_the_history_is_too_much_to_ask_for_nothing_is_said_of_it() {
    let it = repository(false);
    let was = it.head();
    let (_, baseline) = it.world.baseline(it.kind()).await;
    let is = it.commit("two");
    it.push(&["main"]);
    let seen = it.world.against(it.kind(), &baseline).await.result.unwrap();
    assert_eq!(said(&seen), [format!("refs/heads/main moved {was} to {is}: two")]);
    assert!(by_jun(&findings(&seen)[0]));
}

#[tokio::test]
async fn a_branch_with_a_long_history_is_not_taken_for_a_forced_one() {
    let it = repository(true);
    let was = it.head();
    let (_, baseline) = it.world.baseline(it.kind()).await;
    let tree = git(&it.work, &["rev-parse", "HEAD^{tree}"]);
    let commit = |n: u32| {
        let from = if n == 0 { "from refs/heads/main^0\n" } else { "" };
        format!(
            "commit refs/heads/main\ncommitter Jun <jun@example.net> 1796335445 +0000\ndata 1\nx\n{from}M 040000 {tree} \n\n"
        )
    };
    let stream: Vec<String> = (0..600).map(commit).collect();
    fs::write(it.world.path().join("stream"), stream.concat()).unwrap();
    let input = fs::File::open(it.world.path().join("stream")).unwrap();
    let done =
        Command::new("git").args(["fast-import", "--quiet"]).current_dir(&it.work).stdin(input).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    it.push(&["main"]);
    let is = it.head();
    let seen = it.world.against(it.kind(), &baseline).await.result.unwrap();
    assert_eq!(said(&seen), [format!("refs/heads/main moved {was} to {is}: x")]);
}

#[tokio::test]
async fn a_remote_is_no_option_and_no_program() {
    let world = World::new();
    for remote in ["--upload-pack=touch ran", "ext::sh -c 'touch ran'", "/nowhere/at/all.git"] {
        let why =
            world.unmeasured(ProbeKind::Git { remote: remote.to_owned(), refs: vec!["main".into()] }).await;
        assert!(failed(&why).starts_with("exit 1"), "{why:?}");
    }
    assert!(!world.path().join("ran").exists());
}
