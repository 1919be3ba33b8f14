//! What a watcher sees, from the files alone.

use cutover::clock::Timestamp;
use cutover::engine::event::{Event, Grade, Mode};
use cutover::engine::input::Intent;
use cutover::engine::state::At;
use cutover::journal::Contact;
use cutover::session::feed::Feed;

use super::support::{Run, kill};

const MANUAL: &str =
    "[[phase.step]]\nid = \"told\"\ntitle = \"Told\"\nmanual = \"Tell them\"\nestimate = \"1s\"\n";

fn notes(events: &[Event]) -> usize {
    events.iter().filter(|e| matches!(e, Event::Noted { .. })).count()
}

#[test]
fn who_watched_all_along_and_who_comes_late_see_the_same() {
    let run = Run::live(MANUAL);
    let _engine = run.engine();
    let mut maria = run.drive("maria");
    let mut early = Feed::open(&run.path).unwrap();
    for n in 0..20 {
        maria.ask(Intent::Note { text: format!("{n}") }).unwrap();
        early.poll();
    }
    early.poll();
    let (early, late) = (early.snapshot(), run.look());
    assert_eq!(format!("{:?}", early.state), format!("{:?}", late.state));
    assert_eq!(early.entries, late.entries);
    assert_eq!((early.contact, late.contact), (Contact::Fresh, Contact::Fresh));
}

#[test]
fn damage_is_seen_while_watching_and_what_was_seen_before_stands() {
    let run = Run::live(MANUAL);
    let _engine = run.engine();
    let mut maria = run.drive("maria");
    let mut feed = Feed::open(&run.path).unwrap();
    feed.poll();
    let before = feed.snapshot().state.seq;
    maria.ask(Intent::Note { text: "now".into() }).unwrap();
    let journal = run.path.join("journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    assert!(feed.poll());
    let seen = feed.snapshot();
    assert!(seen.damage.as_ref().unwrap().contains("corrupt"), "{:?}", seen.damage);
    assert_eq!(seen.state.seq, before);
    // The engine sees that somebody wrote into its record, and goes.
    let told = maria.ask(Intent::Note { text: "again".into() });
    assert!(told.is_ok() || told.unwrap_err().contains("journal"));
}

#[test]
fn what_nobody_was_told_is_shown_apart_and_counts_when_the_run_is_taken_up() {
    let run = Run::live(MANUAL);
    let mut engine = run.engine();
    let mut maria = run.drive("maria");
    maria.ask(Intent::Note { text: "told".into() }).unwrap();
    let head = std::fs::read(run.path.join("head")).unwrap();
    maria.ask(Intent::Note { text: "not told".into() }).unwrap();
    kill(&mut engine);
    // As if it had died between its sync and its head.
    std::fs::write(run.path.join("head"), head).unwrap();

    let seen = run.look();
    assert!(!seen.engine);
    assert_eq!(notes(&run.events()), 1);
    let beyond: Vec<Event> = seen.beyond.iter().flat_map(|entry| entry.events.clone()).collect();
    assert_eq!(notes(&beyond), 1);
    assert!(seen.beyond.iter().all(|entry| entry.at.seq > seen.state.seq));

    let _engine = run.engine();
    assert_eq!(notes(&run.events()), 2);
    assert!(run.look().beyond.is_empty());
}

#[test]
fn a_rehearsal_that_is_taken_up_goes_on_at_its_own_time() {
    let speed = 1000.0;
    let run = Run::of(Mode::Rehearsal { number: 1, speed, grade: Grade::Simulated }, MANUAL);
    let mut engine = run.engine();
    let mut maria = run.drive("maria");
    let first = run.look();
    let began = first.state.started.unwrap();
    // An hour of the run's own time.
    run.until("an hour on", |seen| seen.clock.now().wall.since(began).as_secs() > 3600);
    maria.ask(Intent::Note { text: "late".into() }).unwrap();
    let last: At = run.look().state.last.unwrap();
    assert!(last.wall.since(began).as_secs() >= 3600);
    kill(&mut engine);

    let _engine = run.engine();
    let resumed = run.look().state.last.unwrap();
    assert!(resumed.wall >= last.wall && resumed.boot >= last.boot, "{resumed:?} {last:?}");
    assert!(resumed.wall.since(last.wall).as_secs() < 3600, "{resumed:?} {last:?}");
    assert!(run.look().clock.now().wall >= resumed.wall);
    assert!(last.wall > Timestamp(0));
}
