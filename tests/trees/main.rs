//! Trees of files compared by the program itself: on this host, over a real sshd, in S3 and in Azure Blob.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod here;
mod over_ssh;
#[path = "../servers/sshd.rs"]
mod sshd;
mod stored;
#[path = "../servers/stores.rs"]
mod stores;

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// A folder with the two trees `a` and `b`.
struct Trees {
    dir: tempfile::TempDir,
    env: Vec<(&'static str, String)>,
}

impl Trees {
    fn new() -> Trees {
        let trees = Trees { dir: tempfile::tempdir().unwrap(), env: Vec::new() };
        fs::create_dir(trees.path("a")).unwrap();
        fs::create_dir(trees.path("b")).unwrap();
        trees
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(below)
    }

    /// A file of a time that all have.
    fn write(&self, name: impl AsRef<Path>, holds: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, holds).unwrap();
        self.set_time(&path, 1_700_000_000);
    }

    fn set_time(&self, path: impl AsRef<Path>, secs: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::new(secs, 123_456_789);
        let file = File::options().write(true).open(self.path(path)).unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    /// What a night may meet, on both sides, and the differences that are then put into `b`.
    fn night(&self) {
        for side in ["a", "b"] {
            let at = |name: &str| Path::new(side).join(name);
            for n in 0..200 {
                self.write(at(&format!("many/{}/f{n}", n % 7)), format!("file number {n}"));
            }
            self.write(at("large"), vec![7; 5 << 20]);
            self.write(at("empty"), "");
            self.write(at("two\nlines"), "1");
            self.write(Path::new(side).join(OsStr::from_bytes(b"caf\xe9")), "1");
            fs::create_dir(self.path(at("hollow"))).unwrap();
            symlink("..", self.path(at("loop"))).unwrap();
            symlink("/nowhere", self.path(at("link"))).unwrap();
        }
        // Flips that keep size and time.
        for n in [3, 77, 140] {
            self.write(format!("b/many/{}/f{n}", n % 7), format!("file NUMBER {n}"));
        }
        let mut large = vec![7; 5 << 20];
        large[4 << 20] = 8;
        self.write("b/large", large);
        self.write(Path::new("b").join(OsStr::from_bytes(b"caf\xe9")), "2");
        fs::remove_file(self.path("b/many/0/f7")).unwrap();
        self.write("b/many/extra", "");
        self.set_time("b/many/1/f1", 1_700_000_001);
        fs::remove_file(self.path("b/link")).unwrap();
        symlink("/elsewhere", self.path("b/link")).unwrap();
    }

    fn cutover(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command.args(words).current_dir(self.dir.path()).env("HOME", self.dir.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let done = command.output().unwrap();
        let said = [done.stdout.as_slice(), &done.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains("hunter2"), "{done:?}");
        done
    }

    /// The document of a comparison, and how it ended.
    fn json(&self, words: &[&str]) -> (Value, i32) {
        let done = self.cutover(&[&["compare", "--json"], words].concat());
        let document = serde_json::from_slice(&done.stdout);
        (document.unwrap_or_else(|why| panic!("{words:?}: {why}\n{done:?}")), done.status.code().unwrap())
    }
}

/// Path and kind of each difference.
fn differences(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value["bytes"].to_string(), str::to_owned);
    let all = document["differences"].as_array().unwrap();
    all.iter().map(|d| (text(&d["path"]), text(&d["kind"]))).collect()
}

/// Those of [`Trees::night`], for places that have what files have here.
fn of_the_night() -> Vec<(String, String)> {
    let all = [
        ("\"636166e9\"", "content"),
        ("large", "content"),
        ("link", "link"),
        ("many/0/f140", "content"),
        ("many/0/f7", "missing"),
        ("many/0/f77", "content"),
        ("many/1/f1", "time"),
        ("many/3/f3", "content"),
        ("many/extra", "extra"),
    ];
    all.map(|(path, kind)| (path.to_owned(), kind.to_owned())).to_vec()
}

/// How contents were compared.
fn contents(document: &Value) -> Value {
    let of = &document["contents"];
    json!([of["byte_by_byte"], of["by_reading"], of["by_published_digest"]])
}
