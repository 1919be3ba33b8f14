//! An attempt to make, and processes to look for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cutover::process::step::{self, Exit, Found, Launched, Outcome};
use cutover::process::{Ended, Env, Finished, Spec};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) const CUTOVER: &str = env!("CARGO_BIN_EXE_cutover");
/// Long enough for anything here; a test that needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn long() -> bool {
    std::env::var_os("CUTOVER_LONG").is_some()
}

pub(crate) fn boot_id() -> String {
    cutover::clock::boot_id().unwrap()
}

/// Waits until something is so.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn spec(argv: &[&str], dir: &Path) -> Spec {
    Spec::new(argv, dir, PATIENCE).unwrap()
}

/// A folder for one attempt and for what its command leaves.
pub(crate) struct Attempt {
    tmp: tempfile::TempDir,
}

impl Attempt {
    pub(crate) fn new() -> Attempt {
        Attempt { tmp: tempfile::tempdir().unwrap() }
    }

    /// Where the command runs.
    pub(crate) fn place(&self) -> &Path {
        self.tmp.path()
    }

    /// The attempt's own folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.tmp.path().join("copy.1")
    }

    pub(crate) fn shell(&self, script: &str) -> Spec {
        spec(&["sh", "-c", script], self.place())
    }

    pub(crate) fn launch(&self, spec: &Spec) -> Launched {
        step::claim(&self.dir()).unwrap().launch(Path::new(CUTOVER), spec).unwrap()
    }

    pub(crate) async fn finish(&self, spec: &Spec) -> Exit {
        exited(self.launch(spec).wait().await.unwrap())
    }

    pub(crate) async fn finish_shell(&self, script: &str) -> Exit {
        self.finish(&self.shell(script)).await
    }

    pub(crate) fn find(&self) -> Found {
        step::find(&self.dir(), &boot_id()).unwrap()
    }

    pub(crate) fn output(&self) -> Vec<u8> {
        fs::read(self.dir().join("output")).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place().join(name)
    }

    /// The process id that the command wrote to a file.
    pub(crate) async fn pid(&self, name: &str) -> Pid {
        let path = self.path(name);
        let written = || {
            let text = fs::read_to_string(&path).ok()?;
            Pid::from_raw(text.strip_suffix('\n')?.parse().ok()?)
        };
        until(&format!("a process id in {name}"), written).await
    }

    pub(crate) async fn shim(&self) -> Pid {
        let path = self.dir().join("started");
        let written = || {
            let started: serde_json::Value = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
            Pid::from_raw(i32::try_from(started["shim"].as_i64()?).ok()?)
        };
        until("the shim's process id", written).await
    }
}

pub(crate) fn exited(found: Found) -> Exit {
    match found {
        Found::Exited(exit) => exit,
        other => panic!("no exit: {other:?}"),
    }
}

pub(crate) fn reason(exit: &Exit) -> &str {
    match &exit.outcome {
        Outcome::NotStarted(reason) => reason,
        other => panic!("it was started: {other}"),
    }
}

pub(crate) fn reason_of_run(done: &Finished) -> String {
    assert!(matches!(done.ended, Ended::NotStarted(_)), "it was started: {}", done.ended);
    done.ended.to_string()
}

/// Whether a process runs; one that is dead and not yet reaped does not.
pub(crate) fn runs(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with(['Z', 'X']))
}

pub(crate) async fn gone(pid: Pid) {
    until("the end of a process", || (!runs(pid)).then_some(())).await;
}

pub(crate) fn kill(pid: Pid) {
    kill_process(pid, Signal::KILL).unwrap();
}

pub(crate) fn env(pairs: &[(&str, &str)]) -> Env {
    let mut env = Env::new();
    for (name, value) in pairs {
        env.set(name, value).unwrap();
    }
    env
}
