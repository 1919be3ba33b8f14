//! What passes a gate, in thousands of seeded tries: from the terminal's bytes to the record and back, and nothing
//! between them but the program. What no person meant says no GO and sets nothing going; what a person means
//! does, in the very same room.
//!
//! `CUTOVER_LONG=1` makes it a thousand tries of each kind; `CUTOVER_SEED=n` has one try again.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests"
)]

#[path = "gates/dice.rs"]
mod dice;
#[path = "gates/person.rs"]
mod person;
mod pty;
#[path = "gates/room.rs"]
mod room;
#[path = "gates/terminal.rs"]
mod terminal;
#[path = "gates/tries.rs"]
mod tries;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use dice::Dice;
use room::{Place, Room};

/// What came of the tries of a kind.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    tries: usize,
    gos: usize,
    effects: usize,
    /// Tries after which the gate still asked and somebody said GO honestly; and how many of those went.
    afterwards: usize,
    went: usize,
}

/// How many tries, of which seeds.
fn seeds(normal: u64, long: u64) -> Vec<u64> {
    if let Ok(seed) = std::env::var("CUTOVER_SEED") {
        return vec![seed.parse().expect("CUTOVER_SEED is a number")];
    }
    (1..=if std::env::var_os("CUTOVER_LONG").is_some() { long } else { normal }).collect()
}

/// Tries a kind, each try in a room of its own, and says what came of it.
fn tried(kind: &str, places: &[Place], how: fn(&mut Room, &mut Dice)) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds(40, 1_000) {
        let one = catch_unwind(AssertUnwindSafe(|| one_try(seed, places, how, &mut tally)));
        if let Err(panic) = one {
            eprintln!("gates: {kind}: the try of seed {seed} failed: CUTOVER_SEED={seed} has it again");
            resume_unwind(panic);
        }
    }
    let Tally { tries, gos, effects, afterwards, went } = tally;
    eprintln!(
        "gates: {kind}: {tries} tries, {gos} GO, {effects} effects; then {afterwards} honest entries, {went} GO"
    );
    tally
}

fn one_try(seed: u64, places: &[Place], how: fn(&mut Room, &mut Dice), tally: &mut Tally) {
    let dice = &mut Dice::new(seed);
    let place = dice.pick(places);
    let mut room = Room::at(place, dice.pick(&SIZES));
    room.frames_apart = dice.span(0, 1_000);
    let (gos, performed) = (room.gos().len(), room.effects().len());
    how(&mut room, dice);
    let (said, set_going) = (room.gos().len() - gos, room.effects().len() - performed);
    tally.tries += 1;
    tally.gos += said;
    tally.effects += set_going;
    assert_eq!((said, set_going), (0, 0), "seed {seed}, {place:?}: {:?}\n{}", room.effects(), room.reads());
    room.frames_apart = room::ms(250);
    // Not after each: it takes as long as the try.
    if seed.is_multiple_of(4) && person::can_say_go(&mut room) {
        tally.afterwards += 1;
        person::says_go(&mut room, dice);
        let went = room.gos().len() - gos;
        assert_eq!(went, 1, "seed {seed}, {place:?}: an honest entry was refused\n{}", room.reads());
        tally.went += went;
    }
}

/// Nothing of a kind went, and the gates that were left as they were could still be passed.
fn nothing_went(tally: &Tally) {
    assert_eq!((tally.gos, tally.effects), (0, 0));
    assert_eq!(tally.afterwards, tally.went);
}

const SIZES: [(u16, u16); 3] = [(80, 24), (80, 24), (120, 36)];
const ALL: [Place; 3] = [Place::Plain, Place::Switch, Place::WayBack];

#[test]
fn honest_entries_say_go_and_what_they_decide_follows() {
    let mut went = 0;
    let seeds = seeds(100, 100);
    for seed in &seeds {
        let dice = &mut Dice::new(*seed);
        let place = dice.pick(&ALL);
        let mut room = Room::at(place, dice.pick(&SIZES));
        room.frames_apart = dice.span(0, 300);
        let (gos, performed) = (room.gos().len(), room.effects().len());
        person::says_go(&mut room, dice);
        assert_eq!(room.gos().len(), gos + 1, "seed {seed}, {place:?}:\n{}", room.reads());
        let set_going = room.effects().get(performed).map(|(step, _)| step.to_string());
        let follows = if place == Place::Switch { "switch" } else { "stop" };
        assert_eq!(set_going.as_deref(), Some(follows), "seed {seed}, {place:?}");
        went += 1;
    }
    eprintln!("gates: honest entries: {} tries, {went} GO, {went} effects", seeds.len());
    assert_eq!(went, seeds.len());
}

#[test]
fn keys_from_before_the_gate_was_drawn_say_nothing() {
    nothing_went(&tried("keys before the gate", &ALL, tries::early));
}

#[test]
fn a_held_key_says_nothing() {
    nothing_went(&tried("held keys", &ALL, tries::held));
}

#[test]
fn a_paste_of_the_right_entry_says_nothing() {
    let tally = tried("pastes", &ALL, tries::pasted);
    nothing_went(&tally);
}

#[test]
fn random_keys_say_nothing() {
    nothing_went(&tried("random keys", &ALL, tries::random));
}

#[test]
fn evidence_that_worsens_while_somebody_types_voids_what_they_type() {
    nothing_went(&tried("evidence that worsens", &[Place::Plain, Place::Switch], tries::worsening));
}
