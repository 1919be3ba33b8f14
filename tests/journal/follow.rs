//! Watching a journal: only what is acknowledged, in order, with the writer's beat.

use std::fs;
use std::time::Duration;

use cutover::clock::Now;
use cutover::journal::{Class, Contact, Follower, Head, RunFolder};

use crate::support::{Sample, create, now, payload};

fn later(now: Now, by: Duration) -> Now {
    Now { real: now.real.plus(by), wall: now.wall.plus(by), ..now }
}

#[test]
fn a_follower_gets_each_record_once_and_in_order() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("run");
    let mut writer = create(&dir);
    let mut follower = Follower::open(&dir).unwrap();
    let mut got = Vec::new();
    let mut poll = |got: &mut Vec<String>| {
        follower
            .poll(now(), |record| got.push(String::from_utf8(record.payload.to_vec()).unwrap()))
            .unwrap()
            .new
    };
    assert_eq!(poll(&mut got), 0);
    writer.append_batch(&[payload(1)], now()).unwrap();
    assert_eq!(poll(&mut got), 1);
    writer.append_batch(&[payload(2), payload(3), payload(4)], now()).unwrap();
    writer.append_batch(&[payload(5)], now()).unwrap();
    assert_eq!(poll(&mut got), 4);
    assert_eq!(poll(&mut got), 0);
    assert_eq!(got, (1..=5).map(payload).collect::<Vec<_>>());
}

#[test]
fn a_follower_beside_a_busy_writer_misses_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("run");
    let mut writer = create(&dir);
    let mut follower = Follower::open(&dir).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for batch in 0..100u64 {
                let payloads: Vec<String> = (1..=7).map(|n| payload(batch * 7 + n)).collect();
                writer.append_batch(&payloads, now()).unwrap();
                writer.beat(now()).unwrap();
            }
        });
        let mut next = 1;
        while next <= 700 {
            follower
                .poll(now(), |record| {
                    assert_eq!((record.seq, record.payload), (next, payload(next).as_bytes()));
                    next += 1;
                })
                .unwrap();
        }
    });
    assert_eq!(follower.kept().seq, 700);
}

#[test]
fn what_is_not_acknowledged_is_kept_back_and_shown_apart() {
    let sample = Sample::new(5);
    sample.set_head(3);
    let mut follower = Follower::open(&sample.dir).unwrap();
    assert_eq!(follower.poll(now(), |_| {}).unwrap().new, 3);
    let mut beyond = Vec::new();
    assert_eq!(follower.unacknowledged(|record| beyond.push(record.seq)).unwrap(), 2);
    assert_eq!(beyond, [4, 5]);
    assert_eq!(follower.poll(now(), |_| {}).unwrap().new, 0);
    // An engine that resumes acknowledges them.
    let (_writer, mended) = sample.resume(|_| {}).unwrap();
    assert_eq!(mended, None);
    assert_eq!(follower.poll(now(), |_| {}).unwrap().new, 2);
}

#[test]
fn a_beat_grows_stale_and_is_lost() {
    let tmp = tempfile::tempdir().unwrap();
    let dir = tmp.path().join("run");
    let mut writer = create(&dir);
    let mut follower = Follower::open(&dir).unwrap();
    let beat = now();
    writer.beat(beat).unwrap();
    let mut contact =
        |after: u64| follower.poll(later(beat, Duration::from_millis(after)), |_| {}).unwrap().contact;
    assert_eq!(contact(0), Contact::Fresh);
    assert_eq!(contact(2_999), Contact::Fresh);
    assert_eq!(contact(3_000), Contact::Stale(Duration::from_secs(3)));
    assert_eq!(contact(10_000), Contact::NoContact(Some(Duration::from_secs(10))));
    writer.beat(later(beat, Duration::from_secs(20))).unwrap();
    assert_eq!(contact(20_500), Contact::Fresh);
}

#[test]
fn a_beat_of_another_machine_counts_from_when_it_is_seen_to_move() {
    let sample = Sample::new(2);
    let head = sample.dir.join("head");
    let folder = RunFolder::look(&sample.dir).unwrap();
    let write = |count: u64| {
        // The format's own words, with another boot id and a boot time that means nothing here.
        let head_now = Head::read(&folder).unwrap();
        let body = format!(
            "cutover-head/1 {:020} {:020} {} {count:020} {:020} {:020} {} ",
            head_now.seq,
            head_now.offset,
            head_now.hash,
            5,
            head_now.beat.wall.0,
            "00000000-0000-4000-8000-000000000000"
        );
        fs::write(&head, format!("{body}{}\n", cutover::journal::Hash::of(body.as_bytes()))).unwrap();
    };
    write(70);
    let mut follower = Follower::open(&sample.dir).unwrap();
    let start = now();
    let mut contact =
        |after: u64| follower.poll(later(start, Duration::from_millis(after)), |_| {}).unwrap().contact;
    assert_eq!(contact(0), Contact::NoContact(None));
    assert_eq!(contact(900), Contact::NoContact(None));
    write(71);
    assert_eq!(contact(1_000), Contact::Fresh);
    assert_eq!(contact(3_900), Contact::Fresh);
    assert_eq!(contact(4_000), Contact::Stale(Duration::from_secs(3)));
    assert_eq!(contact(11_000), Contact::NoContact(Some(Duration::from_secs(10))));
}

#[test]
fn a_journal_cut_together_with_its_head_is_found_by_who_was_watching() {
    let sample = Sample::new(6);
    let mut follower = Follower::open(&sample.dir).unwrap();
    follower.poll(now(), |_| {}).unwrap();
    sample.set_journal(&sample.journal[..sample.starts[4]]);
    sample.set_head(3);
    let verdict = follower.poll(now(), |_| {}).unwrap_err();
    assert_eq!((verdict.class, verdict.seq), (Class::Truncated { reached: 6 }, 4));
}

#[test]
fn a_journal_replaced_while_it_is_watched_is_judged_and_an_equal_copy_is_taken() {
    let sample = Sample::new(6);
    let journal = sample.dir.join("journal");
    sample.set_head(2);
    let mut follower = Follower::open(&sample.dir).unwrap();
    assert_eq!(follower.poll(now(), |_| {}).unwrap().new, 2);

    fs::remove_file(&journal).unwrap();
    sample.set_journal(&sample.journal);
    follower.poll(now(), |_| {}).unwrap();
    sample.set_head(6);
    assert_eq!(follower.poll(now(), |_| {}).unwrap().new, 4);

    let other = Sample::with(6, |seq| payload(seq).replace("note", "NOTE"));
    fs::remove_file(&journal).unwrap();
    sample.set_journal(&other.journal);
    fs::write(sample.dir.join("head"), &other.heads[6]).unwrap();
    let verdict = follower.poll(now(), |_| {}).unwrap_err();
    assert_eq!((verdict.class, verdict.seq), (Class::Rewritten, 6));
    fs::remove_file(&journal).unwrap();
    assert_eq!(follower.poll(now(), |_| {}).unwrap_err().class.word(), "unreadable");
}

#[test]
fn damage_on_the_way_to_the_head_is_named_and_what_came_before_is_handed_out() {
    let sample = Sample::new(6);
    let mut bytes = sample.journal.clone();
    bytes[sample.starts[5] + 80] ^= 4;
    sample.set_journal(&bytes);
    let mut got = 0;
    let verdict = Follower::open(&sample.dir).unwrap().poll(now(), |_| got += 1).unwrap_err();
    assert_eq!((verdict.class, verdict.seq, got), (Class::Corrupt, 5, 4));
}

#[test]
fn a_folder_without_a_journal_is_refused_with_the_reason() {
    let tmp = tempfile::tempdir().unwrap();
    let verdict = Follower::open(tmp.path()).unwrap_err();
    assert_eq!(verdict.class.word(), "unreadable");
    fs::write(tmp.path().join("journal"), "hello\n").unwrap();
    assert_eq!(Follower::open(tmp.path()).unwrap_err().class, Class::Corrupt);
}
