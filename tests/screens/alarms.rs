//! Alarms as they are read and answered: the worst first, what is over marked as over, one count everywhere.

use std::time::Duration;

use cutover::engine::event::AlarmId;
use cutover::engine::reading::{Facts, Unmeasured};

use crate::night::hands::Hands;
use crate::night::{self, Night, World};

const LARGE: (u16, u16) = (120, 36);

/// The rows of the pane.
fn rows(screen: &str) -> Vec<String> {
    let lines = screen.lines().skip_while(|line| !line.contains("Alarms ─")).skip(1);
    let rows = lines.map(|line| line.chars().skip(61).collect::<String>().trim().to_owned());
    rows.take_while(|row| !row.is_empty()).collect()
}

fn well(night: &mut Night, probe: &str) {
    night.sees(probe, World::Says { pass: true, text: "well".into(), facts: Facts::Plain });
}

/// A warning that burns, another that is over, and cautions of both kinds; nobody has answered.
pub(crate) fn mixed() -> Night {
    let mut night = night::at_the_gate(Night::live());
    for probe in ["backup", "front-door", "quiet-target"] {
        night.sees(probe, World::Fails(Unmeasured::TimedOut(5_000)));
    }
    night.pass(60);
    well(&mut night, "quiet-target");
    well(&mut night, "backup");
    night.pass(60);
    night.breach("app-files", "srv/app/config.toml", "changed");
    night.pass(20);
    night
}

/// Somebody whose cursor is in the alarms pane.
fn in_the_pane(night: Night) -> Hands {
    let mut hands = Hands::on(night, LARGE);
    hands.press("esc");
    for _ in 0..5 {
        hands.press("tab");
    }
    hands
}

fn answered(hands: &Hands) -> usize {
    hands.night.state.alarms.values().filter(|alarm| alarm.acknowledged.is_some()).count()
}

#[test]
fn what_burns_stands_before_what_is_over_and_what_is_over_says_so_first() {
    let screen = in_the_pane(mixed()).reads();
    let rows = rows(&screen);
    let at =
        |text: &str| rows.iter().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{screen}"));
    let (files, door, target, backup) =
        (at("app files:"), at("front door:"), at("target: no"), at("backup: no"));
    assert!(files < door && door < target && target < backup, "{screen}");
    assert!(rows[files].starts_with("! 00:"), "{screen}");
    assert!(rows[target].starts_with("✓ over 00:4"), "{screen}");
    assert!(rows[target].ends_with("to answer"), "it still wants one\n{screen}");
    assert!(rows[backup].starts_with("✓ over 00:4"), "{screen}");
    assert!(!rows[backup].ends_with("answer"), "a caution that went wants none\n{screen}");
}

#[test]
fn the_answer_key_goes_on_to_the_next_from_one_that_is_answered() {
    let mut hands = in_the_pane(mixed());
    hands.press("a");
    assert_eq!(answered(&hands), 1, "{}", hands.reads());
    let files = AlarmId::Probe("app-files".into());
    assert!(hands.night.state.alarms[&files].acknowledged.is_some(), "the worst is selected first");
    hands.press("a");
    let screen = hands.reads();
    assert_eq!(answered(&hands), 2, "{screen}");
    assert!(screen.contains("that one wants no answer; answered instead: front door: "), "{screen}");
    hands.press("a");
    assert_eq!(answered(&hands), 3, "{}", hands.reads());
    hands.press("a");
    let screen = hands.reads();
    assert_eq!(answered(&hands), 3, "a caution that is over wants none\n{screen}");
    assert!(screen.contains("no alarm wants an answer"), "{screen}");
}

#[test]
fn the_pane_and_the_gate_count_the_same_warnings() {
    let mut hands = Hands::on(mixed(), LARGE);
    let screen = hands.reads();
    assert!(screen.contains("─ 2 warnings, 1 caution to answer"), "{screen}");
    let gate: String = screen
        .lines()
        .filter_map(|line| line.strip_prefix("┃ ")?.split('┃').next())
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ");
    assert!(gate.contains("2 warnings are not answered (a answer)"), "{gate}\n{screen}");
    hands.press("a");
    hands.night.pass(1);
    hands.feed();
    let screen = hands.reads();
    assert!(screen.contains("─ 1 warning, 1 caution to answer"), "{screen}");
    assert!(screen.contains("1 warning is not"), "{screen}");
}

#[test]
fn on_a_small_screen_an_alarm_that_is_over_does_not_look_as_if_it_burned() {
    for size in [(60, 16), (80, 24)] {
        let mut night = night::at_the_gate(Night::live());
        night.sees("quiet-target", World::Fails(Unmeasured::TimedOut(5_000)));
        night.pass(60);
        well(&mut night, "quiet-target");
        night.pass(60);
        let mut hands = Hands::on(night, size);
        hands.press("esc");
        let screen = hands.reads();
        let line = screen.lines().find(|line| line.contains(" Alarms ")).unwrap();
        assert!(line.starts_with("✓ Alarms      over 00:4"), "{screen}");
        assert!(line.contains("a answer"), "{screen}");
    }
}

#[test]
fn the_journal_says_what_is_well_again_and_which_alarm_is_over() {
    let mut night = crate::live_quiet();
    night.sees("backup", World::Fails(Unmeasured::TimedOut(5_000)));
    night.pass(60);
    well(&mut night, "backup");
    night.pass(30);
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    let journal: Vec<&str> = screen.lines().skip_while(|line| !line.starts_with(" Journal ─")).collect();
    let says = |a: &str, b: &str| journal.iter().any(|line| line.contains(a) && line.contains(b));
    assert!(says("backup ", "well again"), "{screen}");
    assert!(says("alarm ", "over: backup"), "{screen}");
    // What is well for the first time goes by: nobody has read that it was not.
    hands.press("7");
    hands.press("g");
    hands.wait(Duration::from_secs(1));
    let screen = hands.reads();
    assert!(screen.contains(" well  ") && !screen.contains("well again"), "{screen}");
}
