//! What a machine does to a writer: kill -9 at every call, a failing sync, a full disk, a limit, a file
//! that somebody moves away.
//!
//! The writer under test is this test binary, started again: see [`appender`].

use std::env;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use cutover::journal::{
    AppendError, Expected, HaltError, Lock, RunFolder, StartError, Writer, replay, verify,
};

use crate::support::{Judges, Sample, create, long, now, payload, payload_of, run_id};

/// The run's folder for [`appender`].
const RUN: &str = "CUTOVER_TEST_RUN";
/// How many records it appends.
const RECORDS: u64 = 5;

/// A process that appends to a run, new or resumed, and says what was acknowledged. After a failure it
/// tries once more, then halts.
#[test]
#[ignore = "other tests start this in a process of its own"]
fn appender() {
    let Some(dir) = env::var_os(RUN) else { return };
    let dir = Path::new(&dir);
    let folder = if dir.exists() { RunFolder::open(dir) } else { RunFolder::create(dir) }.unwrap();
    let lock = Lock::take(&folder, now()).unwrap();
    let mut writer = if dir.join("journal").exists() {
        Writer::resume(folder, lock, &Expected::default(), now(), |_| {}).unwrap().0
    } else {
        Writer::create(folder, lock, &run_id(), now()).unwrap()
    };
    let say = |what: String| writeln!(std::io::stdout(), "{what}").unwrap();
    for _ in 0..RECORDS {
        let seq = writer.next_seq();
        match writer.append_batch(&[payload(seq)], now()) {
            Ok(_) => say(format!("acknowledged {seq}")),
            Err(error) => {
                say(format!("{error:?}"));
                say(format!("{:?}", writer.append_batch(&[payload(seq)], now()).unwrap_err()));
                match writer.halt(payload(seq).as_bytes(), now()) {
                    Ok(halted) => say(format!("halted {}", halted.seqs.start)),
                    Err(error) => say(format!("{error:?}")),
                }
                return;
            }
        }
    }
}

/// Runs [`appender`] (or another test of this file) under a tool.
fn under(tool: &[&str], test: &str, dir: &Path) -> Output {
    let exe = env::current_exe().unwrap();
    let mut words: Vec<&str> = tool.to_vec();
    words.push(exe.to_str().unwrap());
    let output = Command::new(words[0])
        .args(&words[1..])
        .args(["--exact", &format!("faults::{test}"), "--ignored", "--nocapture", "--test-threads=1"])
        .env(RUN, dir)
        .output();
    output.unwrap_or_else(|error| panic!("{} cannot be run: {error}; install it", words[0]))
}

fn acknowledged(output: &Output) -> u64 {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.rsplit_once("acknowledged ")?.1.parse().ok()).max().unwrap_or(0)
}

fn strace(dir: &Path, inject: &str) -> Vec<String> {
    let call = inject.split(':').next().unwrap();
    let mut words: Vec<String> = ["strace", "-f", "-qq", "-o", "/dev/null"].map(str::to_owned).to_vec();
    for name in ["journal", "journal.new", "head", "head.new", "reserve", "lock", "journal.torn-1", ".", ".."]
    {
        let path = match name {
            "." => dir.to_owned(),
            ".." => dir.parent().unwrap().to_owned(),
            name => dir.join(name),
        };
        words.extend(["-P".to_owned(), path.display().to_string()]);
    }
    words.extend(["-e".to_owned(), format!("trace={call}"), "-e".to_owned(), format!("inject={inject}")]);
    words
}

fn under_strace(dir: &Path, inject: &str) -> Output {
    let words = strace(dir, inject);
    under(&words.iter().map(String::as_str).collect::<Vec<_>>(), "appender", dir)
}

/// Kills the writer at every call of one kind until it gets through; the run must then go on.
fn killed_at_every(call: &str, judges: &mut Judges, prepare: impl Fn(&Path)) -> u32 {
    for when in 1.. {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("run");
        prepare(&dir);
        let output = under_strace(&dir, &format!("{call}:signal=KILL:when={when}"));
        if output.status.signal() != Some(9) {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return when - 1;
        }
        let acknowledged = acknowledged(&output);
        if dir.join("journal").exists() {
            let verdict = judges.verdict(&dir);
            assert!(!verdict.is_damaged(), "{call} {when}: {verdict}");
            assert!(verdict.acknowledged >= Some(acknowledged), "{call} {when}: {verdict}");
        } else {
            // Killed while it was created: nothing had begun, and it can still be begun.
            assert_eq!(acknowledged, 0);
        }

        let output = under(&[], "appender", &dir);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(judges.verdict(&dir).class.word(), "whole");
        let mut seen = 0;
        replay(&dir, &Expected::default(), |record| {
            seen += 1;
            assert_eq!(record.payload, payload(seen).as_bytes());
        });
        assert!(seen >= acknowledged + RECORDS);
    }
    0
}

#[test]
fn a_writer_killed_at_any_call_loses_nothing_that_it_acknowledged() {
    let mut judges = Judges::new();
    for (call, least) in [
        ("write", 6),
        ("fdatasync", 5),
        ("pwrite64", 7),
        ("fsync", 3),
        ("openat", 5),
        ("fallocate", 2),
        ("renameat", 1),
    ] {
        let kills = killed_at_every(call, &mut judges, |_| {});
        assert!(kills >= least, "{call} was met {kills} times only");
    }
}

#[test]
fn a_mending_killed_at_any_call_is_done_again() {
    let sample = Sample::new(4);
    let cut = sample.starts[4] + 30;
    let prepare = |dir: &Path| {
        drop(create(dir));
        fs::write(dir.join("journal"), &sample.journal[..cut]).unwrap();
        fs::write(dir.join("head"), &sample.heads[3]).unwrap();
    };
    let mut judges = Judges::new();
    for (call, least) in [("ftruncate", 1), ("fsync", 3), ("write", 6), ("openat", 5)] {
        let kills = killed_at_every(call, &mut judges, prepare);
        assert!(kills >= least, "{call} was met {kills} times only");
    }
}

#[test]
fn a_writer_killed_at_random_loses_nothing_that_it_acknowledged() {
    let mut judges = Judges::new();
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("run");
    drop(create(&dir));
    let mut last = 0;
    for round in 0..if long() { 500u64 } else { 20 } {
        // `timeout` kills it after a time that differs from round to round.
        let after = format!("0.{:03}", 3 + round * 7 % 40);
        let output = under(&["timeout", "-s", "KILL", &after], "appender", &dir);
        last = acknowledged(&output).max(last);
        let verdict = judges.verdict(&dir);
        assert!(!verdict.is_damaged(), "{verdict}");
        assert!(verdict.acknowledged >= Some(last), "{verdict}");
    }
}

#[test]
fn a_failed_sync_is_never_tried_again() {
    for when in 1..=RECORDS {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("run");
        // Only this one sync fails: a second try would seem to succeed.
        let output = under_strace(&dir, &format!("fdatasync:error=EIO:when={when}"));
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(acknowledged(&output), when - 1, "{said}");
        for word in ["Failed(", "Refused(", "Sealed(", "Input/output error"] {
            assert!(said.contains(word), "{word} in: {said}");
        }
        // What was written and not synced is behind the head; a resume may keep it.
        let verdict = verify(&dir, &Expected::default());
        assert_eq!((verdict.class.word(), verdict.acknowledged), ("whole", Some(when - 1)));
    }
}

#[test]
fn a_write_that_was_cut_short_seals_the_journal_and_is_mended_on_resume() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("run");
    drop(create(&dir));
    // Skips the write and claims ten bytes of it: nothing of the record is there, and nobody is told.
    let output = under_strace(&dir, "write:retval=10:when=2");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(acknowledged(&output), 1, "{said}");
    assert!(said.contains("only 10 of"), "{said}");
    assert!(said.contains("halted 2"), "{said}");
    assert_eq!(verify(&dir, &Expected::default()).class.word(), "whole");
}

#[test]
fn a_full_disk_halts_the_run_and_the_halt_is_on_record() {
    let can = |flags: &str| {
        Command::new("unshare").args([flags, "true"]).status().is_ok_and(|status| status.success())
    };
    // In a container root may have mounts of its own, but no accounts.
    let Some(flags) = ["-Urm", "-m"].into_iter().find(|flags| can(flags)) else {
        assert!(env::var_os("CUTOVER_REAL_PARTS").is_none(), "`unshare` is not allowed here");
        return; // The limit on the size of files, below, meets the same code.
    };
    let tmp = tempfile::tempdir().unwrap();
    let mount = r#"mount -t tmpfs -o size=96m none "$CUTOVER_TEST_RUN" && exec "$@""#;
    let output = under(&["unshare", flags, "sh", "-c", mount, "sh"], "full_disk", tmp.path());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "another test starts this with a small disk of its own"]
fn full_disk() {
    let Some(mount) = env::var_os(RUN) else { return };
    let mount = Path::new(&mount);
    let dir = mount.join("run");
    let mut writer = create(&dir);
    let filler = mount.join("filler");
    let error = fs::write(&filler, vec![1; 96 << 20]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);

    let error = loop {
        if let Err(error) = writer.append_batch(&[payload_of(writer.next_seq(), 60_000)], now()) {
            break error;
        }
    };
    let AppendError::Failed(_) = &error else { panic!("{error}") };
    let seq = writer.next_seq();
    assert!(seq > 200, "the space that was taken ahead holds {seq} records");
    let again = writer.append_batch(&[payload(seq)], now()).unwrap_err();
    assert!(matches!(again, AppendError::Refused(_)), "{again}");
    assert!(writer.beat(now()).is_err());
    assert!(!verify(&dir, &Expected::default()).is_damaged());

    let halted = writer.halt(payload(seq).as_bytes(), now()).unwrap();
    assert_eq!(halted.seqs, seq..seq + 1);
    let mut last = Vec::new();
    let verdict = replay(&dir, &Expected::default(), |record| last = record.payload.to_vec());
    assert_eq!((verdict.class.word(), verdict.acknowledged), ("whole", Some(seq)));
    assert_eq!(last, payload(seq).into_bytes());

    let resume = || {
        let folder = RunFolder::open(&dir).unwrap();
        let lock = Lock::take(&folder, now()).unwrap();
        Writer::resume(folder, lock, &Expected::default(), now(), |_| {})
    };
    let refused = resume().unwrap_err();
    assert!(matches!(refused, StartError::Space { .. }), "{refused}");
    fs::remove_file(&filler).unwrap();
    let (mut writer, mended) = resume().unwrap();
    assert_eq!(mended, None);
    writer.append_batch(&[payload(seq + 1)], now()).unwrap();
    assert_eq!(dir.join("reserve").metadata().unwrap().len(), 1 << 20);
}

#[test]
fn a_file_size_limit_cuts_a_record_short_and_the_halt_still_fits() {
    let tmp = tempfile::tempdir().unwrap();
    let ignoring = r#"trap "" XFSZ; exec "$@""#;
    let output = under(&["sh", "-c", ignoring, "sh"], "limited", &tmp.path().join("run"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "another test starts this with the signal of the limit ignored"]
fn limited() {
    let Some(dir) = env::var_os(RUN) else { return };
    let dir = Path::new(&dir);
    let mut writer = create(dir);
    writer.append_batch(&[payload(1)], now()).unwrap();
    let limit = dir.join("journal").metadata().unwrap().len() + 1_000;
    let limits = rustix::process::Rlimit { current: Some(limit), maximum: Some(limit) };
    rustix::process::setrlimit(rustix::process::Resource::Fsize, limits).unwrap();

    let error = writer.append_batch(&[payload_of(2, 30_000)], now()).unwrap_err();
    assert!(error.to_string().contains("only 1000 of"), "{error}");
    assert_eq!(verify(dir, &Expected::default()).class.word(), "torn");
    writer.halt(payload(2).as_bytes(), now()).unwrap();
    let verdict = verify(dir, &Expected::default());
    assert_eq!((verdict.class.word(), verdict.seq), ("whole", 2));
}

#[test]
fn a_journal_that_somebody_touches_is_not_appended_to() {
    type Touch = fn(&Path);
    let touches: [(Touch, &str); 4] = [
        (|journal| fs::remove_file(journal).unwrap(), "removed or replaced"),
        (
            |journal| {
                let copy = journal.with_file_name("copy");
                fs::copy(journal, &copy).unwrap();
                fs::rename(copy, journal).unwrap();
            },
            "removed or replaced",
        ),
        (
            |journal| {
                let mut file = fs::OpenOptions::new().append(true).open(journal).unwrap();
                file.write_all(b"a note\n").unwrap();
            },
            "bytes",
        ),
        (|journal| fs::OpenOptions::new().write(true).open(journal).unwrap().set_len(100).unwrap(), "bytes"),
    ];
    for (touch, said) in touches {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("run");
        let mut writer = create(&dir);
        writer.append_batch(&[payload(1)], now()).unwrap();
        touch(&dir.join("journal"));
        let error = writer.append_batch(&[payload(2)], now()).unwrap_err();
        assert!(matches!(&error, AppendError::Failed(_)) && error.to_string().contains(said), "{error}");
        let error = writer.halt(payload(2).as_bytes(), now()).unwrap_err();
        assert!(matches!(error, HaltError::Sealed(_)), "{error}");
    }
}

#[test]
fn a_run_is_begun_once_and_by_one() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("run");
    let writer = create(&dir);
    let folder = RunFolder::open(&dir).unwrap();
    assert!(Lock::take(&folder, now()).is_err());
    drop(writer);
    let lock = Lock::take(&folder, now()).unwrap();
    let error = Writer::create(folder, lock, &run_id(), now()).unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");
}

#[test]
fn a_journal_that_is_gone_is_not_begun_anew() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("run");
    create(&dir).append_batch(&[payload(1)], now()).unwrap();
    fs::remove_file(dir.join("journal")).unwrap();
    let folder = RunFolder::open(&dir).unwrap();
    let lock = Lock::take(&folder, now()).unwrap();
    let error = Writer::create(folder, lock, &run_id(), now()).unwrap_err();
    assert!(matches!(error, StartError::Damaged(_)), "{error}");
    assert!(!dir.join("journal").exists());
}

#[test]
fn a_batch_is_all_or_nothing_and_an_empty_one_is_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("run");
    let mut writer = create(&dir);
    let error = writer.append_batch(&[payload(1), payload(3)], now()).unwrap_err();
    assert!(matches!(error, AppendError::Payload(_)), "{error}");
    assert_eq!(writer.next_seq(), 1);
    assert_eq!(writer.append_batch(&[payload(1), payload(2)], now()).unwrap().seqs, 1..3);
    assert!(writer.append_batch::<&[u8]>(&[], now()).unwrap().seqs.is_empty());
    assert_eq!(verify(&dir, &Expected::default()).seq, 2);
}

/// Prints how long it takes; run it with `--release` for a figure that means something.
#[test]
fn a_hundred_thousand_records_are_opened_and_proved() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("run");
    let mut writer = create(&dir);
    for batch in 0..100u64 {
        let payloads: Vec<String> = (1..=1_000).map(|n| payload_of(batch * 1_000 + n, 400)).collect();
        writer.append_batch(&payloads, now()).unwrap();
    }
    drop(writer);
    let began = std::time::Instant::now();
    let (mut count, mut bytes) = (0u64, 0);
    let verdict = replay(&dir, &Expected::default(), |record| {
        count += 1;
        bytes += record.payload.len();
    });
    writeln!(std::io::stdout(), "{count} records, {bytes} bytes: {:?}", began.elapsed()).unwrap();
    assert_eq!((verdict.class.word(), verdict.seq, count), ("whole", 100_000, 100_000));
}
