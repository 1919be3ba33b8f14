//! A journal to damage, and the two verifiers to ask about it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cutover::clock::{Clock, Now};
use cutover::journal::{Class, Expected, Lock, Record, RunFolder, RunId, Verdict, Writer, verify};

pub(crate) fn long() -> bool {
    std::env::var_os("CUTOVER_LONG").is_some()
}

pub(crate) fn now() -> Now {
    Clock::system().now()
}

pub(crate) fn run_id() -> RunId {
    "R-20261205T2100Z-orders-7k3m".parse().unwrap()
}

pub(crate) fn payload(seq: u64) -> String {
    let note = "x".repeat(usize::try_from(seq * 7 % 23).unwrap());
    format!(
        r#"{{"seq":{seq},"wall":{},"events":[{{"kind":"note","text":"{note}"}}]}}"#,
        1_764_975_791_000 + seq
    )
}

/// A payload of a given length.
pub(crate) fn payload_of(seq: u64, len: usize) -> String {
    let start = format!(r#"{{"seq":{seq},"fill":""#);
    format!("{start}{}\"}}", "y".repeat(len - start.len() - 2))
}

pub(crate) fn create(dir: &Path) -> Writer {
    let folder = RunFolder::create(dir).unwrap();
    let lock = Lock::take(&folder, now()).unwrap();
    Writer::create(folder, lock, &run_id(), now()).unwrap()
}

/// A finished journal of a run, its bytes, and the head as it was after each record.
pub(crate) struct Sample {
    _tmp: tempfile::TempDir,
    pub(crate) dir: PathBuf,
    pub(crate) journal: Vec<u8>,
    pub(crate) heads: Vec<Vec<u8>>,
    /// Where each line begins, the header's first; the last is the end of the file.
    pub(crate) starts: Vec<usize>,
}

impl Sample {
    pub(crate) fn new(records: u64) -> Sample {
        Sample::with(records, payload)
    }

    pub(crate) fn with(records: u64, payload: impl Fn(u64) -> String) -> Sample {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("run");
        let mut writer = create(&dir);
        let mut heads = vec![fs::read(dir.join("head")).unwrap()];
        for seq in 1..=records {
            writer.append_batch(&[payload(seq)], now()).unwrap();
            heads.push(fs::read(dir.join("head")).unwrap());
        }
        let journal = fs::read(dir.join("journal")).unwrap();
        let newlines = journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let starts = [0].into_iter().chain(newlines.map(|(at, _)| at + 1)).collect();
        Sample { _tmp: tmp, dir, journal, heads, starts }
    }

    pub(crate) fn last(&self) -> u64 {
        self.heads.len() as u64 - 1
    }

    /// The line of a record, or of the header (0).
    pub(crate) fn line(&self, seq: usize) -> &[u8] {
        &self.journal[self.starts[seq]..self.starts[seq + 1]]
    }

    /// Which line a byte is in, and where that line begins.
    pub(crate) fn line_at(&self, byte: usize) -> (u64, u64) {
        let line = self.starts.partition_point(|start| *start <= byte) - 1;
        (line as u64, self.starts[line] as u64)
    }

    pub(crate) fn set_journal(&self, bytes: &[u8]) {
        fs::write(self.dir.join("journal"), bytes).unwrap();
    }

    pub(crate) fn set_head(&self, seq: u64) {
        fs::write(self.dir.join("head"), &self.heads[usize::try_from(seq).unwrap()]).unwrap();
    }

    /// Resumes the run as it lies there.
    pub(crate) fn resume(
        &self,
        each: impl FnMut(Record<'_>),
    ) -> Result<(Writer, Option<cutover::journal::Mended>), cutover::journal::StartError> {
        let folder = RunFolder::open(&self.dir).unwrap();
        let lock = Lock::take(&folder, now()).unwrap();
        Writer::resume(folder, lock, &Expected::default(), now(), each)
    }
}

/// Both verifiers, the second one kept running.
pub(crate) struct Judges {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Judges {
    pub(crate) fn new() -> Judges {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_journal.py");
        let mut child = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs the second verifier: install it");
        let (ask, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Judges { child, ask, answers }
    }

    /// The verdict that both give.
    pub(crate) fn verdict(&mut self, dir: &Path) -> Verdict {
        self.verdict_with(dir, &Expected::default())
    }

    pub(crate) fn verdict_with(&mut self, dir: &Path, expected: &Expected) -> Verdict {
        let ours = verify(dir, expected);
        let mut case = dir.display().to_string();
        if let Some(run) = &expected.run {
            case = format!("{case} run={run}");
        }
        for kept in &expected.heads {
            case = format!("{case} {}:{}", kept.seq, kept.hash);
        }
        writeln!(self.ask.as_mut().unwrap(), "{case}").unwrap();
        let mut theirs = String::new();
        self.answers.read_line(&mut theirs).unwrap();
        assert_eq!(short(&ours), theirs.trim_end(), "the two verifiers differ on {case}: {ours}");
        ours
    }

    /// Both give this class, record and byte.
    pub(crate) fn expect(&mut self, dir: &Path, class: &str, seq: u64, offset: u64) -> Verdict {
        let verdict = self.verdict(dir);
        assert_eq!(short(&verdict), format!("{class} {seq} {offset}"));
        assert_eq!(verdict.is_damaged(), !matches!(verdict.class, Class::Whole | Class::Torn { .. }));
        verdict
    }
}

impl Drop for Judges {
    fn drop(&mut self) {
        drop(self.ask.take());
        self.child.wait().unwrap();
    }
}

pub(crate) fn short(verdict: &Verdict) -> String {
    format!("{} {} {}", verdict.class.word(), verdict.seq, verdict.offset)
}
