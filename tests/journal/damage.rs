//! What can be done to the files of a journal, and what both verifiers say to it.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};

use cutover::journal::{Class, Expected, Hash, KeptHead, StartError, replay, verify};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::{Judges, Sample, long, payload_of, short};

#[test]
fn a_journal_cut_at_any_byte_is_truncated_when_it_was_acknowledged() {
    let (sample, mut judges) = (Sample::new(30), Judges::new());
    for cut in 0..sample.journal.len() {
        sample.set_journal(&sample.journal[..cut]);
        let (seq, offset) = sample.line_at(cut);
        judges.expect(&sample.dir, "truncated", seq, offset);
    }
    sample.set_journal(&sample.journal);
    judges.expect(&sample.dir, "whole", 30, sample.journal.len() as u64);
}

#[test]
fn a_journal_cut_behind_its_head_is_mended_and_goes_on() {
    let records = if long() { 60 } else { 8 };
    let (sample, mut judges) = (Sample::new(records), Judges::new());
    let acknowledged = 4;
    for cut in sample.starts[acknowledged + 1]..sample.journal.len() {
        sample.set_journal(&sample.journal[..cut]);
        sample.set_head(acknowledged as u64);
        let (seq, offset) = sample.line_at(cut);
        let torn = cut as u64 - offset;
        let (class, n) = if torn == 0 { ("whole", seq - 1) } else { ("torn", seq) };
        let verdict = judges.expect(&sample.dir, class, n, offset);
        assert_eq!((verdict.proved, verdict.acknowledged), (seq - 1, Some(4)));

        let mut replayed = 0;
        let (mut writer, mended) = sample.resume(|_| replayed += 1).unwrap();
        assert_eq!((replayed, writer.next_seq()), (seq - 1, seq));
        let mended = mended.map(|mended| {
            let kept = fs::read(&mended.kept).unwrap();
            fs::remove_file(&mended.kept).unwrap();
            (mended.seq, mended.offset, mended.bytes, kept)
        });
        let expected = (torn > 0)
            .then(|| (seq, offset, torn, sample.journal[usize::try_from(offset).unwrap()..cut].to_vec()));
        assert_eq!(mended, expected);
        writer.append_batch(&[crate::support::payload(seq)], crate::support::now()).unwrap();
        drop(writer);
        judges.expect(&sample.dir, "whole", seq, sample.starts[usize::try_from(seq).unwrap() + 1] as u64);
    }
}

#[test]
fn every_flipped_bit_is_found_where_it_is() {
    let sample = if long() { Sample::with(64, |seq| payload_of(seq, 950)) } else { Sample::new(8) };
    let mut judges = Judges::new();
    let file = fs::OpenOptions::new().write(true).open(sample.dir.join("journal")).unwrap();
    for (at, byte) in sample.journal.iter().enumerate() {
        let (seq, offset) = sample.line_at(at);
        for bit in 0..8 {
            file.write_all_at(&[byte ^ 1 << bit], at as u64).unwrap();
            judges.expect(&sample.dir, "corrupt", seq, offset);
        }
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    judges.expect(&sample.dir, "whole", sample.last(), sample.journal.len() as u64);
}

#[test]
fn a_removed_record_is_missing_and_removed_last_ones_are_truncated() {
    let (sample, mut judges) = (Sample::new(12), Judges::new());
    for seq in 1..=12 {
        let (start, end) = (sample.starts[seq], sample.starts[seq + 1]);
        sample.set_journal(&[&sample.journal[..start], &sample.journal[end..]].concat());
        let class = if seq == 12 { "truncated" } else { "missing" };
        let verdict = judges.expect(&sample.dir, class, seq as u64, start as u64);
        if seq < 12 {
            assert_eq!(verdict.class, Class::Missing { found: seq as u64 + 1 });
        }
        sample.set_journal(&sample.journal[..start]);
        let verdict = judges.expect(&sample.dir, "truncated", seq as u64, start as u64);
        assert_eq!(verdict.class, Class::Truncated { reached: 12 });
    }
}

#[test]
fn swapped_and_repeated_records_are_found_at_the_first_wrong_place() {
    let (sample, mut judges) = (Sample::new(12), Judges::new());
    for first in 1..12 {
        for second in first + 1..=12 {
            let mut order: Vec<usize> = (0..=12).collect();
            order.swap(first, second);
            sample.set_journal(&order.iter().flat_map(|seq| sample.line(*seq)).copied().collect::<Vec<_>>());
            let start = sample.starts[first] as u64;
            let verdict = judges.expect(&sample.dir, "missing", first as u64, start);
            assert_eq!(verdict.class, Class::Missing { found: second as u64 });

            let mut order: Vec<usize> = (0..=12).collect();
            order.insert(second, first);
            sample.set_journal(&order.iter().flat_map(|seq| sample.line(*seq)).copied().collect::<Vec<_>>());
            let start = sample.starts[second] as u64;
            let verdict = judges.expect(&sample.dir, "replayed", second as u64, start);
            assert_eq!(verdict.class, Class::Replayed { found: first as u64 });
        }
    }
}

#[test]
fn zeros_at_the_end_are_torn_only_behind_the_head() {
    let (sample, mut judges) = (Sample::new(6), Judges::new());
    let end = sample.journal.len();
    for zeros in (1..=4096).step_by(if long() { 1 } else { 61 }).chain([65_607, 65_608, 1 << 20]) {
        sample.set_journal(&[sample.journal.as_slice(), &vec![0; zeros]].concat());
        let verdict = judges.expect(&sample.dir, "torn", 7, end as u64);
        assert_eq!(verdict.class, Class::Torn { bytes: zeros as u64 });
    }
    // A record of which the end is zeros, acknowledged and not.
    let mut journal = sample.journal.clone();
    journal[end - 20..].fill(0);
    sample.set_journal(&journal);
    judges.expect(&sample.dir, "corrupt", 6, sample.starts[6] as u64);
    sample.set_head(5);
    judges.expect(&sample.dir, "torn", 6, sample.starts[6] as u64);
    let (_, mended) = sample.resume(|_| {}).unwrap();
    let kept = fs::read(mended.unwrap().kept).unwrap();
    assert_eq!(kept, &journal[sample.starts[6]..end - 20]);
}

#[test]
fn what_no_write_of_ours_can_leave_at_the_end_is_corrupt() {
    let (sample, mut judges) = (Sample::new(3), Judges::new());
    let end = sample.journal.len() as u64;
    let longest = 65_607;
    let tails: [(Vec<u8>, &str); 6] = [
        (vec![b'x'; longest], "torn"),
        (vec![b'x'; longest + 1], "corrupt"),
        ([vec![b'x'; longest], vec![0; 300_000]].concat(), "torn"),
        ([vec![0; longest + 1], b"x".to_vec()].concat(), "corrupt"),
        ([vec![0; 300_000], b"\n".to_vec()].concat(), "corrupt"),
        (b"\n".to_vec(), "corrupt"),
    ];
    for (tail, class) in tails {
        sample.set_journal(&[sample.journal.as_slice(), &tail].concat());
        judges.expect(&sample.dir, class, 4, end);
    }
}

#[test]
fn a_bad_record_followed_by_good_ones_is_not_taken_for_a_torn_tail() {
    let (sample, mut judges) = (Sample::new(9), Judges::new());
    sample.set_head(3);
    let mut journal = sample.journal.clone();
    journal[sample.starts[7] + 90] ^= 1;
    sample.set_journal(&journal);
    judges.expect(&sample.dir, "corrupt", 7, sample.starts[7] as u64);
    assert!(matches!(sample.resume(|_| {}), Err(StartError::Damaged(_))));
    // A complete last line with a wrong hash: no write that was cut short leaves that.
    sample.set_journal(&journal[..sample.starts[8]]);
    judges.expect(&sample.dir, "corrupt", 7, sample.starts[7] as u64);
    assert_eq!(fs::read(sample.dir.join("journal")).unwrap(), &journal[..sample.starts[8]]);
}

#[test]
fn a_journal_that_was_written_anew_is_rewritten_at_the_first_head_that_knows_better() {
    let (sample, mut judges) = (Sample::new(9), Judges::new());
    let other = Sample::with(9, |seq| crate::support::payload(seq).replace("note", "NOTE"));
    assert_eq!(sample.starts, other.starts);
    sample.set_journal(&other.journal);
    judges.expect(&sample.dir, "rewritten", 9, sample.starts[9] as u64);

    // With its head written anew too, only what others kept can tell.
    fs::write(sample.dir.join("head"), &other.heads[9]).unwrap();
    judges.expect(&sample.dir, "whole", 9, sample.journal.len() as u64);
    let kept = |seq: u64, sample: &Sample| {
        let mut found = None;
        replay(&sample.dir, &Expected::default(), |record| {
            found = (record.seq == seq).then_some(record.hash).or(found);
        });
        KeptHead { seq, hash: found.unwrap() }
    };
    let right = kept(4, &other);
    let wrong = KeptHead { seq: 6, hash: Hash::of(b"another") };
    let beyond = KeptHead { seq: 12, hash: Hash::of(b"later") };
    for (heads, expected) in [
        (vec![right], format!("whole 9 {}", sample.journal.len())),
        (vec![right, wrong], format!("rewritten 6 {}", sample.starts[6])),
        (vec![beyond, right], format!("truncated 10 {}", sample.journal.len())),
    ] {
        let verdict = judges.verdict_with(&sample.dir, &Expected { run: None, heads });
        assert_eq!(short(&verdict), expected);
    }

    let longer = Sample::with(9, |seq| payload_of(seq, 300));
    sample.set_journal(&longer.journal);
    judges.expect(&sample.dir, "rewritten", 9, longer.starts[9] as u64);
}

#[test]
fn without_a_good_head_nobody_vouches_for_the_end() {
    let (sample, mut judges) = (Sample::new(5), Judges::new());
    let end = sample.journal.len() as u64;
    let head = sample.dir.join("head");
    let good = &sample.heads[5];
    for bad in [&good[..good.len() - 1], b"", &[good.as_slice(), b"\n"].concat(), &good.to_ascii_uppercase()]
    {
        fs::write(&head, bad).unwrap();
        judges.expect(&sample.dir, "headless", 6, end);
    }
    fs::remove_file(&head).unwrap();
    judges.expect(&sample.dir, "headless", 6, end);
    assert!(matches!(sample.resume(|_| {}), Err(StartError::Damaged(_))));
    sample.set_journal(&sample.journal[..sample.starts[3] + 5]);
    judges.expect(&sample.dir, "headless", 3, sample.starts[3] as u64);
    sample.set_journal(b"");
    judges.expect(&sample.dir, "corrupt", 0, 0);
    symlink("journal", &head).unwrap();
    sample.set_journal(&sample.journal);
    judges.expect(&sample.dir, "headless", 6, end);
}

#[test]
fn a_newer_a_foreign_and_an_unreadable_journal_are_named_and_left_alone() {
    let (sample, mut judges) = (Sample::new(3), Judges::new());
    let body = "cutover/2 R-20261205T2100Z-orders-7k3m";
    let header = format!("{body} {}\n", Hash::of(body.as_bytes()));
    let newer = [header.as_bytes(), &sample.journal[sample.starts[1]..]].concat();
    sample.set_journal(&newer);
    let verdict = judges.expect(&sample.dir, "newer", 0, 0);
    assert!(verdict.to_string().contains("format 2"), "{verdict}");
    let Err(StartError::Damaged(refused)) = sample.resume(|_| {}) else {
        panic!("appended to a newer journal")
    };
    assert_eq!(refused, verdict);
    assert_eq!(fs::read(sample.dir.join("journal")).unwrap(), newer);

    sample.set_journal(&sample.journal);
    let expected = Expected { run: Some("L-other".parse().unwrap()), heads: Vec::new() };
    assert_eq!(short(&judges.verdict_with(&sample.dir, &expected)), "foreign 0 0");

    let journal = sample.dir.join("journal");
    fs::rename(&journal, sample.dir.join("moved")).unwrap();
    judges.expect(&sample.dir, "unreadable", 0, 0);
    symlink("moved", &journal).unwrap();
    judges.expect(&sample.dir, "unreadable", 0, 0);
    fs::remove_file(&journal).unwrap();
    fs::create_dir(&journal).unwrap();
    judges.expect(&sample.dir, "unreadable", 0, 0);
    judges.expect(&sample.dir.join("nowhere"), "unreadable", 0, 0);
    let link = sample.dir.join("link");
    symlink(".", &link).unwrap();
    judges.expect(&link, "unreadable", 0, 0);
}

#[derive(Clone, Debug)]
enum Mutation {
    Set { at: prop::sample::Index, to: u8 },
    Insert { at: prop::sample::Index, bytes: Vec<u8> },
    Remove { at: prop::sample::Index, len: usize },
    Copy { from: prop::sample::Index, len: usize, to: prop::sample::Index },
    Line { from: prop::sample::Index, to: prop::sample::Index },
    Cut { at: prop::sample::Index },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), prop_oneof![any::<u8>(), Just(b'\n'), Just(b' '), b'0'..=b'9'])
            .prop_map(|(at, to)| Mutation::Set { at, to }),
        (index(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Mutation::Insert { at, bytes }),
        (index(), 1..200usize).prop_map(|(at, len)| Mutation::Remove { at, len }),
        (index(), 1..200usize, index()).prop_map(|(from, len, to)| Mutation::Copy { from, len, to }),
        (index(), index()).prop_map(|(from, to)| Mutation::Line { from, to }),
        index().prop_map(|at| Mutation::Cut { at }),
    ]
}

fn mutate(sample: &Sample, journal: &mut Vec<u8>, mutation: &Mutation) {
    let len = journal.len();
    if len == 0 {
        return;
    }
    match mutation {
        Mutation::Set { at, to } => journal[at.index(len)] = *to,
        Mutation::Insert { at, bytes } => {
            let at = at.index(len);
            journal.splice(at..at, bytes.iter().copied());
        }
        Mutation::Remove { at, len: n } => {
            let at = at.index(len);
            journal.drain(at..(at + n).min(len));
        }
        Mutation::Copy { from, len: n, to } => {
            let (from, to) = (from.index(len), to.index(len));
            let bytes = journal[from..(from + n).min(len)].to_vec();
            journal.splice(to..to, bytes);
        }
        Mutation::Line { from, to } => {
            let lines = sample.starts.len() - 1;
            let (line, to) = (sample.line(from.index(lines)), sample.starts[to.index(lines)].min(len));
            journal.splice(to..to, line.iter().copied());
        }
        Mutation::Cut { at } => journal.truncate(at.index(len)),
    }
}

/// A runner with a fixed seed: what fails here fails again.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[test]
fn both_verifiers_agree_on_random_damage_and_never_miss_it() {
    let sample = Sample::new(20);
    let judges = std::cell::RefCell::new(Judges::new());
    let cases = if long() { 50_000 } else { 3_000 };
    let case = (prop::collection::vec(mutation(), 1..4), 0..=20u64);
    let tested = runner(cases).run(&case, |(mutations, head)| {
        let mut journal = sample.journal.clone();
        for mutation in &mutations {
            mutate(&sample, &mut journal, mutation);
        }
        sample.set_journal(&journal);
        sample.set_head(head);
        let verdict = judges.borrow_mut().verdict(&sample.dir);
        let acknowledged = sample.starts[usize::try_from(head).unwrap() + 1];
        let intact = journal.get(..acknowledged) == sample.journal.get(..acknowledged);
        if !intact {
            prop_assert!(verdict.is_damaged(), "damage before the head passed: {verdict}");
        }
        if verdict.class == Class::Whole {
            let whole = sample.journal.get(..journal.len()) == Some(&journal);
            prop_assert!(whole, "damage behind the head passed: {verdict}");
        }
        Ok(())
    });
    if let Err(error) = tested {
        panic!("{error}");
    }
}

#[test]
fn a_power_cut_that_loses_any_unsynced_sectors_loses_nothing_acknowledged() {
    const SECTOR: usize = 512;
    let sample = Sample::with(12, |seq| payload_of(seq, 700));
    let judges = std::cell::RefCell::new(Judges::new());
    let end = sample.journal.len();
    let case =
        (0..=12usize, 0..=12usize, any::<prop::sample::Index>(), prop::collection::vec(any::<bool>(), 32));
    let tested = runner(if long() { 20_000 } else { 1_000 }).run(&case, |(synced, head, size, lost)| {
        // Synced up to a record; the head, which is never synced, is of that record or an earlier one.
        let head = head.min(synced);
        let safe = sample.starts[synced + 1];
        let mut journal = sample.journal[..safe + size.index(end - safe + 1)].to_vec();
        for (sector, _) in lost.iter().enumerate().filter(|(_, lost)| **lost) {
            let unsynced = (sector * SECTOR).max(safe)..((sector + 1) * SECTOR).min(journal.len());
            journal.get_mut(unsynced).unwrap_or_default().fill(0);
        }
        sample.set_journal(&journal);
        sample.set_head(head as u64);
        let verdict = judges.borrow_mut().verdict(&sample.dir);
        prop_assert!(verdict.proved >= synced as u64, "{verdict}");
        // What was written and never synced may be damaged beyond mending; it is never silently taken.
        prop_assert!(
            matches!(verdict.class, Class::Whole | Class::Torn { .. } | Class::Corrupt),
            "{verdict}"
        );
        prop_assert!(verdict.class == Class::Whole || verdict.seq > synced as u64, "{verdict}");
        Ok(())
    });
    if let Err(error) = tested {
        panic!("{error}");
    }
}

#[test]
fn every_verdict_says_what_happened_and_what_to_do() {
    let sample = Sample::new(3);
    sample.set_journal(&sample.journal[..sample.starts[2]]);
    let text = verify(&sample.dir, &Expected::default()).to_string();
    assert_eq!(
        text,
        format!(
            "truncated: the journal ends before record 2 at byte {}, but it had reached record 3; the 1 records \
             before it are proved, nothing will be appended: keep the folder as it is, and compare it with a copy \
             or a watcher's",
            sample.starts[2]
        )
    );
}
