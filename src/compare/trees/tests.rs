//! The engine on trees of this host: what differs is named, what is the same is not, what cannot be told is said.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::filter::Walked;
use super::local::Local;
use super::place::{Answer, Ask, Attributes, Can, Folder};
use super::*;
use crate::compare::tables::Verdict;

/// Two folders.
struct Trees(tempfile::TempDir);

impl Trees {
    fn new() -> Trees {
        let trees = Trees(tempfile::tempdir().unwrap());
        fs::create_dir(trees.path("a")).unwrap();
        fs::create_dir(trees.path("b")).unwrap();
        trees
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(below)
    }

    /// The same file on both sides, of the same time.
    fn both(&self, name: impl AsRef<Path>, holds: impl AsRef<[u8]>) {
        for side in ["a", "b"] {
            self.one(Path::new(side).join(&name), holds.as_ref());
        }
    }

    fn one(&self, name: impl AsRef<Path>, holds: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, holds).unwrap();
        settle_time(&path);
    }

    fn request(&self) -> Request {
        Request::new(self.path("a").to_str().unwrap(), self.path("b").to_str().unwrap())
    }

    fn compare(&self) -> Outcome {
        compare(&self.request(), Path::new("/"), &mut |_| ControlFlow::Continue(()))
    }
}

/// A time that both sides have.
fn settle_time(path: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

/// What differs, as text: path and aspects.
fn named(outcome: &Outcome) -> Vec<String> {
    let each = |d: &Difference| {
        let aspects: Vec<&str> = d.aspects.iter().map(Aspect::word).collect();
        format!("{} {}", String::from_utf8_lossy(&d.path), aspects.join("+"))
    };
    outcome.differences.iter().map(each).collect()
}

fn why(outcome: &Outcome) -> String {
    match outcome.verdict() {
        Verdict::NotProved { why } => why,
        other => panic!("{other:?}: {:?}", named(outcome)),
    }
}

#[test]
fn the_same_is_the_same_and_says_how_it_knows() {
    let trees = Trees::new();
    trees.both("x", "hello");
    trees.both("deep/er/y", vec![7; 300_000]);
    trees.both("deep/empty", "");
    fs::create_dir(trees.path("a/none")).unwrap();
    fs::create_dir(trees.path("b/none")).unwrap();
    for side in ["a", "b"] {
        symlink("../elsewhere", trees.path(side).join("link")).unwrap();
        symlink(".", trees.path(side).join("loop")).unwrap();
    }
    let outcome = trees.compare();
    assert_eq!(outcome.verdict(), Verdict::Same, "{:?}", named(&outcome));
    assert_eq!(outcome.source, Held { files: 3, bytes: 300_005, folders: 3, links: 2, others: 0 });
    assert_eq!(
        (outcome.source, outcome.ways),
        (outcome.target, Ways { bytes: 2, empty: 1, ..Ways::default() })
    );
    assert_eq!(outcome.ways.to_string(), "byte by byte");
}

#[test]
fn every_difference_is_named_with_all_its_aspects() {
    let trees = Trees::new();
    let mut large = vec![1; 40 << 20];
    trees.both("silent", "0123456789");
    trees.both("time", "same");
    trees.both("mode", "same");
    trees.both("large", &large);
    trees.both("both", "same");
    trees.one("a/missing", "");
    trees.one("b/extra", "");
    trees.one("a/gone/deep/file", "x");
    trees.one("a/size", "1");
    trees.one("b/size", "12");
    trees.one("a/kind", "1");
    fs::create_dir(trees.path("b/kind")).unwrap();
    symlink("here", trees.path("a/link")).unwrap();
    symlink("there", trees.path("b/link")).unwrap();
    for name in [b"caf\xe9".as_slice(), b"two\nlines"] {
        trees.both(OsStr::from_bytes(name), "1");
        trees.one(Path::new("b").join(OsStr::from_bytes(name)), "2");
    }
    // Size and time stay as they are.
    trees.one("b/silent", "0123x56789");
    large[33 << 20] = 2;
    trees.one("b/large", &large);
    File::options()
        .write(true)
        .open(trees.path("b/time"))
        .unwrap()
        .set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH))
        .unwrap();
    fs::set_permissions(trees.path("b/mode"), fs::Permissions::from_mode(0o600)).unwrap();

    let outcome = trees.compare();
    assert_eq!(outcome.verdict(), Verdict::Different);
    assert_eq!(
        named(&outcome),
        [
            "caf\u{fffd} content",
            "extra extra",
            "gone missing",
            "gone/deep missing",
            "gone/deep/file missing",
            "kind kind",
            "large content",
            "link link",
            "missing missing",
            "mode mode",
            "silent content",
            "size size",
            "time time",
            "two\nlines content",
        ]
    );
    let parts = |name: &[u8]| outcome.differences.iter().find(|d| d.path == name).unwrap().parts_at;
    assert_eq!((parts(b"silent"), parts(b"large")), (Some(4), Some(33 << 20)));
    assert_eq!(
        outcome.differing_words(),
        "4 missing, 1 extra, 1 of another kind, 1 of another size, 4 with other contents, 1 leading elsewhere, \
         1 with another mode, 1 with another time"
    );
    let link = outcome.differences.iter().find(|d| d.path == b"link").unwrap();
    assert_eq!(link.target.as_ref().unwrap().link.as_deref(), Some(b"there".as_slice()));

    let same =
        |request: Request| named(&compare(&request, Path::new("/"), &mut |_| ControlFlow::Continue(())));
    let left = same(Request { times: false, modes: false, ..trees.request() });
    assert!(!left.iter().any(|d| d.contains("time") || d.contains("mode")), "{left:?}");
    let only = |patterns: [&str; 2]| patterns.map(str::to_owned).to_vec();
    assert_eq!(same(Request { only: only(["s*", "gone"]), ..trees.request() }).len(), 5);
    assert_eq!(same(Request { except: only(["s*", "gone"]), ..trees.request() }).len(), 9);
}

#[test]
fn all_are_counted_and_the_first_are_named() {
    let trees = Trees::new();
    for n in 0..50 {
        trees.one(format!("a/f{n:02}"), "");
        trees.one(format!("a/g{n:02}"), "1");
        trees.one(format!("b/g{n:02}"), "2");
    }
    let request = Request { listed: 3, ..trees.request() };
    let outcome = compare(&request, Path::new("/"), &mut |_| ControlFlow::Continue(()));
    assert_eq!((outcome.different(), outcome.differences.len()), (100, 6));
    assert!(outcome.differences.iter().all(|d| !d.path.is_empty()));
    assert_eq!(outcome.differing_words(), "50 missing, 50 with other contents");
}

#[test]
fn quick_reads_nothing_and_proves_nothing_but_differences() {
    let trees = Trees::new();
    trees.both("x", "one");
    trees.one("b/x", "two");
    let request = Request { quick: true, ..trees.request() };
    let quick = || compare(&request, Path::new("/"), &mut |_| ControlFlow::Continue(()));
    assert_eq!(why(&quick()), "contents were not compared, only names, sizes and times");
    trees.one("b/y", "");
    assert_eq!(quick().verdict(), Verdict::Different);
}

#[test]
fn a_pipe_hangs_nobody_and_an_other_kind_is_said() {
    let trees = Trees::new();
    for name in ["a/pipe", "b/pipe", "a/or-file"] {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            trees.path(name),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o644),
            0,
        )
        .unwrap();
    }
    trees.one("b/or-file", "");
    let outcome = trees.compare();
    assert_eq!((named(&outcome), outcome.source.others), (vec!["or-file kind".to_owned()], 2));
}

#[test]
fn a_name_in_another_case_is_shown_beside_the_one_that_is_missing() {
    let trees = Trees::new();
    trees.one("a/Readme", "1");
    trees.one("b/README", "1");
    trees.both("x", "");
    let outcome = trees.compare();
    assert_eq!(named(&outcome), ["README extra", "Readme missing"]);
    assert_eq!(outcome.differences[1].twin.as_deref(), Some(b"README".as_slice()));
}

#[test]
fn holes_are_zeros() {
    let trees = Trees::new();
    let zeros = vec![0; 3 << 20];
    trees.both("sparse", &zeros);
    let file = File::create(trees.path("b/sparse")).unwrap();
    file.set_len(zeros.len() as u64).unwrap();
    settle_time(&trees.path("b/sparse"));
    assert_eq!(trees.compare().verdict(), Verdict::Same);
    File::options().append(true).open(trees.path("b/sparse")).unwrap().write_all(b"x").unwrap();
    trees.one("a/sparse", [zeros.as_slice(), b"y"].concat());
    settle_time(&trees.path("b/sparse"));
    assert_eq!(named(&trees.compare()), ["sparse content"]);
}

#[test]
fn nothing_on_either_side_is_no_proof_and_neither_is_a_comparison_with_itself() {
    let trees = Trees::new();
    assert_eq!(why(&trees.compare()), "there is nothing to compare on either side");
    let mut request = trees.request();
    request.target = trees.path("a/../a").to_str().unwrap().to_owned();
    let outcome = compare(&request, Path::new("/"), &mut |_| ControlFlow::Continue(()));
    assert!(why(&outcome).contains("one and the same folder"), "{}", why(&outcome));
    request.target = trees.path("c").to_str().unwrap().to_owned();
    let outcome = compare(&request, Path::new("/"), &mut |_| ControlFlow::Continue(()));
    assert!(why(&outcome).contains("is no tree of files"), "{}", why(&outcome));
    request = Request { except: vec!["nope".to_owned()], ..trees.request() };
    let outcome = compare(&request, Path::new("/"), &mut |_| ControlFlow::Continue(()));
    assert!(why(&outcome).contains("fits nothing"), "{}", why(&outcome));
}

#[test]
fn it_stops_when_told_to() {
    let trees = Trees::new();
    trees.both("x", vec![0; 64 << 20]);
    let outcome = compare(&trees.request(), Path::new("/"), &mut |_| ControlFlow::Break(()));
    // Where it was done before it was told, it is done.
    if outcome.verdict() != Verdict::Same {
        assert!(why(&outcome).contains("was stopped before it was done"), "{}", why(&outcome));
    }
    assert_eq!(outcome.different(), 0);
}

/// A folder in which one file is written to while it is read, so many times.
struct Busy {
    local: Local,
    file: PathBuf,
    times: AtomicU32,
}

impl Place for Busy {
    fn name(&self) -> &str {
        self.local.name()
    }

    fn can(&self) -> Can {
        self.local.can()
    }

    fn walk(
        &self,
        filter: &Filter,
        each: &mut dyn FnMut(Folder) -> ControlFlow<()>,
    ) -> Result<Walked, Error> {
        self.local.walk(filter, each)
    }

    fn look(&self, folder: &[u8], name: &[u8]) -> Result<Option<Attributes>, String> {
        self.local.look(folder, name)
    }

    fn digest(&self, asks: &[Ask<'_>], algorithm: Algorithm, meter: &Meter) -> Vec<Answer> {
        if self.times.load(Ordering::Relaxed) > 0 {
            self.times.fetch_sub(1, Ordering::Relaxed);
            // The same bytes and the same time again: only the time of the change tells.
            let holds = fs::read(&self.file).unwrap();
            fs::write(&self.file, holds).unwrap();
            settle_time(&self.file);
        }
        self.local.digest(asks, algorithm, meter)
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again_and_then_not_proved() {
    let trees = Trees::new();
    trees.both("busy", "same");
    trees.both("still", "same");
    for (times, proved) in [(0, true), (1, true), (2, false)] {
        let open = |side: &str| Local::open(side, &trees.path(side)).unwrap();
        let busy = Busy { local: open("b"), file: trees.path("b/busy"), times: AtomicU32::new(times) };
        let request = trees.request();
        let board = Board::new(&request);
        work((&open("a"), &busy), &request, &board).unwrap();
        let outcome = board.outcome();
        if proved {
            assert_eq!(outcome.verdict(), Verdict::Same, "{outcome:?}");
        } else {
            let why = why(&outcome);
            assert!(why.contains("busy: at the target: it was changed while it was read, twice"), "{why}");
        }
        assert_eq!(outcome.ways.read, if proved { 2 } else { 1 });
    }
}
