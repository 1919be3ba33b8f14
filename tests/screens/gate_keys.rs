//! What passes a gate and what never does: typed ahead, pasted, held down, bursts, a sheet that changes.

use std::time::Duration;

use cutover::engine::event::{Decision, Event as Happened, Mode};
use cutover::engine::input::Intent;
use cutover::engine::reading::Unmeasured;
use cutover::engine::rules::evidence;
use cutover::panes::Request;
use cutover::ui::input::Event;

use crate::night::hands::Hands;
use crate::night::{self, Night, World};

const LARGE: (u16, u16) = (120, 36);

fn hands() -> Hands {
    Hands::on(night::at_the_gate(Night::live()), LARGE)
}

fn decisions(hands: &Hands) -> Vec<Decision> {
    let events = hands.night.journal.iter().flat_map(|record| &record.events);
    let decided = events.filter_map(|event| match event {
        Happened::GateDecided { gate, decision, .. } if gate.as_str() == "go" => Some(*decision),
        _ => None,
    });
    decided.collect()
}

fn says_go(hands: &Hands) -> bool {
    decisions(hands).contains(&Decision::Go)
}

#[test]
fn a_go_is_typed_word_and_code() {
    let mut hands = hands();
    hands.press("g");
    hands.types("azure 7k3m");
    assert!(hands.reads().contains("azure 7k3m"));
    hands.press("enter");
    assert_eq!(decisions(&hands), [Decision::Go]);
}

#[test]
fn a_wrong_word_a_wrong_code_and_half_an_answer_are_refused_and_cleared() {
    for (typed, why) in [
        ("azul 7k3m", "not the target's word"),
        ("azure 7k3n", "not the code on the gate"),
        ("7k3m", "two things are wanted"),
        ("azure 1 7k3m", "two things are wanted"),
    ] {
        let mut hands = hands();
        hands.press("g");
        hands.types(typed);
        hands.press("enter");
        assert!(hands.reads().contains(why), "{typed}: {}", hands.reads());
        assert!(!says_go(&hands), "{typed}");
        hands.types("azure 7k3m");
        hands.press("enter");
        assert!(says_go(&hands), "the next try counts by itself");
    }
}

#[test]
fn enter_alone_never_says_go() {
    let mut hands = hands();
    hands.press("g");
    for _ in 0..20 {
        hands.press("enter");
    }
    hands.press("esc");
    for _ in 0..20 {
        hands.press("enter");
        hands.press("esc");
    }
    assert!(!says_go(&hands));
}

#[test]
fn keys_from_before_the_gate_could_be_seen_are_dropped() {
    let mut night = night::at_the_gate(Night::live());
    night.pass(1);
    let mut hands = Hands::on(night, LARGE);
    // The gate comes anew, and the keys were on their way.
    hands.event(&Event::Resumed);
    let on_their_way = hands.at;
    for key in ["g", "a", "z", "u", "r", "e", "space", "7", "k", "3", "m", "enter"] {
        hands.at = on_their_way + Duration::from_millis(20);
        hands.key(key, false, false);
    }
    assert!(!says_go(&hands));
    assert!(hands.reads().contains("dropped"), "{}", hands.reads());
}

#[test]
fn a_paste_says_nothing_marked_or_not() {
    let mut hands = hands();
    hands.press("g");
    hands.event(&Event::Paste("azure 7k3m\r".into()));
    assert!(hands.reads().contains("a paste says nothing here"), "{}", hands.reads());
    for key in ["a", "z", "u", "r", "e", "space", "7", "k", "3", "m", "enter"] {
        hands.key(key, false, true);
    }
    hands.press("enter");
    assert!(!says_go(&hands));
    hands.types("azure 7k3m");
    hands.press("enter");
    assert!(says_go(&hands), "honest keys that a slow link bundled cost one more try, and nothing else");
}

#[test]
fn a_whole_answer_pasted_at_the_gate_opens_nothing() {
    let mut hands = hands();
    for key in ["g", "a", "z", "u", "r", "e", "space", "7", "k", "3", "m", "enter"] {
        hands.key(key, false, true);
    }
    assert!(!says_go(&hands));
    assert!(!hands.reads().contains("then enter"), "the field stays shut");
}

#[test]
fn a_key_held_down_types_nothing() {
    let mut hands = hands();
    hands.press("g");
    for _ in 0..60 {
        hands.at += Duration::from_millis(33);
        hands.key("g", false, false);
    }
    assert!(hands.reads().contains("held down"), "{}", hands.reads());
    for _ in 0..60 {
        hands.at += Duration::from_millis(33);
        hands.key("enter", true, false);
    }
    assert!(!says_go(&hands));
}

#[test]
fn a_key_that_was_held_down_leaves_nothing_of_itself_behind() {
    for times in 3..12 {
        let mut hands = hands();
        hands.press("g");
        for _ in 0..times {
            hands.at += Duration::from_millis(33);
            hands.key("a", false, false);
        }
        hands.types("zure 7k3m");
        hands.press("enter");
        assert!(!says_go(&hands), "{times} times");
    }
}

#[test]
fn too_early_keeps_what_was_typed() {
    let mut hands = hands();
    hands.event(&Event::Resumed);
    hands.wait(Duration::from_millis(300));
    hands.press("g");
    hands.types("azure 7k3m");
    // Whoever types this fast has not waited for the gate to arm.
    hands.at -= Duration::from_millis(900);
    hands.key("enter", false, false);
    assert!(hands.reads().contains("too early"), "{}", hands.reads());
    assert!(!says_go(&hands));
    hands.wait(Duration::from_secs(2));
    hands.press("enter");
    assert!(says_go(&hands), "{}", hands.reads());
}

/// Half of an answer is typed when the backup turns bad.
fn worsens_while_typing() -> Hands {
    let mut hands = hands();
    hands.press("g");
    hands.types("azure 7k");
    hands.night.sees(
        "backup",
        World::Says { pass: false, text: "no file".into(), facts: cutover::engine::reading::Facts::Plain },
    );
    hands.night.pass(11);
    hands.feed();
    hands
}

#[test]
fn a_sheet_that_worsens_clears_what_was_typed_and_says_what_changed() {
    let mut hands = worsens_while_typing();
    let screen = hands.reads();
    assert!(screen.contains("sheet 1 is void, 2 counts: backup was good"), "{screen}");
    assert!(screen.contains("Not yet: backup is not well"), "{screen}");
    hands.types("3m");
    hands.press("enter");
    assert!(!says_go(&hands));
}

#[test]
fn who_types_on_past_a_sheet_that_worsens_asks_for_nothing() {
    let mut hands = worsens_while_typing();
    hands.reads();
    // Each of these is a key of the gate: HOLD, NO-GO, a waiver.
    hands.types("hnw");
    assert!(hands.night.state.hold.is_none(), "{}", hands.reads());
    hands.press("enter");
    assert!(decisions(&hands).is_empty() && hands.night.state.hold.is_none(), "{}", hands.reads());
}

/// While a server is gone a sheet follows another, and whoever reads them is not to lose every fourth key.
#[test]
fn a_new_sheet_drops_what_decides_and_not_what_only_looks() {
    for (key, looks) in [("?", true), ("enter", true), ("h", false), ("n", false)] {
        let mut hands = hands();
        hands.night.sees("backup", World::Fails(Unmeasured::TimedOut(5_000)));
        hands.night.pass(11);
        hands.feed();
        let before = hands.reads();
        assert!(before.contains("sheet 1 is void"), "{before}");
        hands.at += Duration::from_millis(20);
        hands.key(key, false, false);
        let after = hands.reads();
        assert_eq!(after.contains("were dropped"), !looks, "{key}: {after}");
        assert!(hands.night.state.hold.is_none(), "{after}");
    }
}

/// One server that is gone keeps every trap from being looked for: that is one row and one thing that is missing. Why
/// stands there in full, since in its row it is cut.
#[test]
fn traps_that_nobody_could_look_for_stand_in_one_row_and_why_in_full() {
    for size in [(80, 24), LARGE] {
        let mut night = Night::of(night::plan("../../sample-plans/postgres-logical.toml"), Mode::Live);
        let ids = |begin: &str| {
            let ids = night.plan.probes.iter().map(|probe| probe.id.to_string());
            ids.filter(|id| id.starts_with(begin)).collect::<Vec<_>>()
        };
        let traps = ids("ready:");
        for id in traps.iter().chain(&ids("orders")) {
            let why =
                "target: connecting was refused: password authentication failed for user \"cutover\" (28P01)";
            night.sees(id, World::Fails(Unmeasured::Failed(why.to_owned())));
        }
        night.begin();
        night.pass(70);
        let mut hands = Hands::on(night, size);
        let screen = hands.reads();
        let count = traps.len();
        assert!(count > 15 && screen.contains(&format!("? {count} traps")), "{screen}");
        let gate: String = screen.lines().filter_map(|line| line.split('┃').nth(1)).collect();
        let gate = gate.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(gate.contains(&format!("Not yet: orders is unknown, {count} traps are unknown")), "{screen}");
        let why = "orders: target: connecting was refused: password authentication failed for user \"cutover\" (28P01)";
        assert!(gate.contains(why), "{screen}");
        // One finding is waived at a time: of a row with several a person chooses.
        hands.press("down");
        hands.press("w");
        assert!(hands.reads().contains("choose which finding"), "{}", hands.reads());
        hands.press("enter");
        assert!(hands.reads().contains("? keyless tab"), "{}", hands.reads());
    }
}

#[test]
fn of_words_whose_beginning_was_dropped_the_rest_is_dropped_too() {
    let mut hands = hands();
    hands.press("esc");
    hands.press("b");
    // At once, and at a person's pace: the gate cannot have been read when it begins.
    for key in [":", "h", "n", "o", "h"] {
        hands.at += Duration::from_millis(90);
        hands.key(key, false, false);
    }
    assert!(hands.night.state.hold.is_none(), "{}", hands.reads());
    assert!(hands.reads().contains("dropped"), "{}", hands.reads());
    hands.wait(Duration::from_secs(1));
    hands.press("h");
    assert!(hands.night.state.hold.is_some(), "after a pause a key is a key: {}", hands.reads());
}

#[test]
fn a_sheet_that_only_improves_keeps_what_was_typed() {
    let mut night = night::at_the_gate(Night::live());
    night.sees("backup", World::Fails(Unmeasured::TimedOut(5_000)));
    night.pass(12);
    let mut hands = Hands::on(night, LARGE);
    hands.press("g");
    hands.types("azure ");
    hands.night.sees(
        "backup",
        World::Says { pass: true, text: "of 21:30".into(), facts: cutover::engine::reading::Facts::Plain },
    );
    hands.night.pass(11);
    hands.feed();
    hands.wait(Duration::from_secs(2));
    hands.types("7k3m");
    hands.press("enter");
    assert!(says_go(&hands), "{}", hands.reads());
}

#[test]
fn a_waiver_has_a_reason_and_its_number_is_typed() {
    let mut night = night::at_the_gate(Night::live());
    night.breach("app-files", "srv/app/config.toml", "changed");
    night.pass(16);
    let mut hands = Hands::on(night, LARGE);
    hands.press("w");
    assert!(hands.reads().contains("Go on in spite of app files: why?"), "{}", hands.reads());
    hands.press("enter");
    assert!(hands.reads().contains("write a few words"), "{}", hands.reads());
    hands.types("log level only");
    hands.press("enter");
    hands.night.pass(1);
    hands.feed();
    // The breach has raised a warning too: it is answered by name before anybody can go on.
    hands.press("esc");
    hands.press("a");
    hands.press("b");
    hands.night.pass(1);
    hands.feed();
    hands.wait(Duration::from_secs(2));
    let screen = hands.reads();
    assert!(screen.contains("waived by maria: log level only"), "{screen}");
    assert!(screen.contains("azure 1 7k3m"), "{screen}");
    hands.press("g");
    hands.types("azure 7k3m");
    hands.press("enter");
    assert!(hands.reads().contains("three things are wanted"), "{}", hands.reads());
    hands.types("azure 1 7k3m");
    hands.press("enter");
    assert!(says_go(&hands), "{}", hands.reads());
}

#[test]
fn no_go_and_hold_are_one_key_away_also_out_of_the_field() {
    let mut hands = hands();
    hands.press("g");
    hands.types("azu");
    hands.press("f8");
    assert!(hands.reads().contains("NO-GO at Send users to Azure: why?"), "{}", hands.reads());
    hands.types("lag in the report");
    hands.press("enter");
    assert_eq!(decisions(&hands), [Decision::NoGo]);
    assert!(hands.night.state.hold.is_some());

    let mut hands = self::hands();
    hands.press("g");
    hands.press("f9");
    assert!(hands.night.state.hold.is_some());
    assert!(decisions(&hands).is_empty(), "a hold is no decision");
    assert!(hands.reads().contains("Not yet: the run is held by maria"), "{}", hands.reads());
}

#[test]
fn a_held_run_goes_on_by_one_key_at_the_gate_too() {
    let mut hands = hands();
    hands.press("h");
    let screen = hands.reads();
    assert!(screen.contains("Not yet: the run is held by maria (R go on)"), "{screen}");
    assert!(screen.contains("R go on  "), "the last line has it\n{screen}");
    hands.press("g");
    hands.types("azure 7k3m");
    hands.press("enter");
    assert!(hands.reads().contains("the run is held: let it go on first"), "{}", hands.reads());
    hands.press("esc");
    hands.press("R");
    assert!(hands.night.state.hold.is_none(), "{}", hands.reads());
    assert!(hands.reads().contains("┏━ GO / NO-GO"), "the gate stays open\n{}", hands.reads());
    hands.press("g");
    hands.types("azure 7k3m");
    hands.press("enter");
    assert!(says_go(&hands), "{}", hands.reads());

    let mut early = self::hands();
    early.press("h");
    early.event(&Event::Resumed);
    early.key("R", false, false);
    assert!(early.night.state.hold.is_some(), "a key from before the gate could be read is dropped");
}

#[test]
fn what_the_cockpit_says_has_a_line_of_its_own_above_the_gate() {
    for size in [(60, 16), (80, 24)] {
        let mut hands = Hands::on(night::at_the_gate(Night::live()), size);
        hands.press("a");
        let screen = hands.reads();
        let lines: Vec<&str> = screen.lines().collect();
        assert_eq!(lines[2].trim(), "no alarm wants an answer", "{screen}");
        assert!(lines[3].starts_with("┏━ GO / NO-GO   Send users to Azure ━"), "{screen}");
        hands.press("n");
        let screen = hands.reads();
        assert!(screen.lines().nth(2).unwrap().starts_with("┏━ GO / NO-GO   Send users"), "{screen}");
    }
}

#[test]
fn taking_back_what_was_typed_is_no_paste() {
    let mut hands = hands();
    hands.press("g");
    hands.types("azure 1234");
    for _ in 0..4 {
        hands.key("backspace", false, true);
    }
    assert!(!hands.reads().contains("a paste says nothing"), "{}", hands.reads());
    hands.types("7k3m");
    hands.press("enter");
    assert!(says_go(&hands), "{}", hands.reads());
}

#[test]
fn looking_around_leaves_the_gate_open_and_says_how_to_come_back() {
    let mut hands = hands();
    hands.press("esc");
    let screen = hands.reads();
    assert!(screen.contains("GO / NO-GO waits: Send users to Azure   b back to the gate"), "{screen}");
    assert!(screen.contains("Cut over ─"), "{screen}");
    hands.press("g");
    hands.types("azure 7k3m");
    hands.press("enter");
    assert!(!says_go(&hands), "outside the gate its keys mean other things");
    let mut hands = self::hands();
    hands.press("esc");
    hands.press("b");
    hands.wait(Duration::from_secs(2));
    assert!(hands.reads().contains("┏━ GO / NO-GO"), "{}", hands.reads());
    hands.press("g");
    hands.types("azure 7k3m");
    hands.press("enter");
    assert!(says_go(&hands));
}

#[test]
fn an_evidence_opens_over_the_gate_and_comes_back() {
    let mut hands = hands();
    // The links lie folded in the first line; the second is the source's fence.
    for key in ["down", "down", "enter"] {
        hands.press(key);
    }
    let screen = hands.reads();
    assert!(screen.contains("on the sheet  good"), "{screen}");
    assert!(hands.asked.iter().any(|r| matches!(r, Request::Look(_))), "{:?}", hands.asked);
    hands.press("esc");
    assert!(hands.reads().contains("┏━ GO / NO-GO"), "{}", hands.reads());
}

#[test]
fn the_code_waits_until_the_last_row_has_been_seen() {
    let mut night = night::at_the_gate(Night::live());
    for probe in [
        "app-files",
        "schema",
        "quiet-target",
        "backup",
        "front-door",
        "certificate",
        "identity:source",
        "identity:target",
        "pipelines",
    ] {
        night.sees(probe, World::Fails(cutover::engine::reading::Unmeasured::TimedOut(1_000)));
    }
    night.pass(400);
    // Each of them is waived: everything holds, in more rows than the screen has.
    night.wants(Intent::AcknowledgeAlarm { alarm: None }).unwrap();
    let lines = evidence::lines(&night.plan, &night.state, &night.readings, &"go".into(), night.now);
    for line in lines.iter().filter(|line| !line.passes()) {
        let (evidence, finding) = (line.id.clone(), line.finding.clone().unwrap());
        let waive = Intent::Waive { gate: "go".into(), evidence, finding, reason: "known".into() };
        night.wants(waive).unwrap();
    }
    night.pass(1);
    let mut hands = Hands::on(night, (80, 24));
    let screen = hands.reads();
    assert!(!screen.contains(night::CODE), "{screen}");
    assert!(screen.contains("its code comes when the last row has been seen"), "{screen}");
    hands.press("g");
    assert!(hands.reads().contains("look at all of the evidence first"), "{}", hands.reads());
    hands.press("pgdn");
    hands.press("pgdn");
    hands.press("pgdn");
    assert!(hands.reads().contains(night::CODE), "{}", hands.reads());
}

#[test]
fn on_a_small_screen_only_no_go_and_hold_work() {
    let mut hands = Hands::on(night::at_the_gate(Night::live()), (60, 16));
    let screen = hands.reads();
    assert!(screen.contains("needs a screen of 80x24"), "{screen}");
    assert!(screen.contains("n NO-GO  h HOLD"), "{screen}");
    assert!(!screen.contains("g GO"), "{screen}");
    hands.press("g");
    hands.types("azure 7k3m");
    hands.press("enter");
    assert!(!says_go(&hands));
    hands.press("h");
    assert!(hands.night.state.hold.is_some());
}

#[test]
fn the_way_back_is_said_by_code_alone_also_while_the_run_is_held() {
    let mut night = night::at_the_gate(Night::live());
    night.go("go").pass(1);
    night.done("switch", "").pass(7);
    let mut hands = Hands::on(night, LARGE);
    hands.press("H");
    hands.press(":");
    hands.types("rollback");
    hands.press("enter");
    hands.types("orders are missing");
    hands.press("enter");
    hands.wait(Duration::from_secs(2));
    let screen = hands.reads();
    assert!(screen.contains("GO / NO-GO   Roll back"), "{screen}");
    hands.press("g");
    hands.types("7k3m");
    hands.press("enter");
    assert!(matches!(hands.night.state.stage, cutover::engine::state::Stage::Back(_)), "{}", hands.reads());
}

#[test]
fn the_way_back_can_be_ordered_from_the_smallest_screen() {
    let mut night = night::at_the_gate(Night::live());
    night.go("go").pass(1);
    night.done("switch", "").pass(7);
    let mut hands = Hands::on(night, (60, 16));
    hands.press(":");
    hands.types("rollback");
    hands.press("enter");
    hands.types("orders are missing");
    hands.press("enter");
    hands.wait(Duration::from_secs(2));
    let screen = hands.reads();
    for all in ["After this  users are on dc1", "How  ", "Costs  ", "Evidence", "g then 7k3m", "g GO"] {
        assert!(screen.contains(all), "{all}\n{screen}");
    }
    hands.press("g");
    hands.types("7k3m");
    hands.wait(Duration::from_secs(2));
    let screen = hands.reads();
    assert!(screen.contains("type 7k3m  then enter") && screen.contains("GO  7k3m"), "{screen}");
    hands.press("enter");
    assert!(matches!(hands.night.state.stage, cutover::engine::state::Stage::Back(_)), "{}", hands.reads());
}

#[test]
fn whoever_watches_has_no_code_and_no_keys() {
    use cutover::panes::{Cockpit, Seat};
    use cutover::ui::keymap::Keymap;
    let mut hands = hands();
    hands.cockpit = Cockpit::new(Seat::Watcher, Keymap::default());
    hands.feed();
    hands.wait(Duration::from_secs(2));
    let screen = hands.reads();
    assert!(screen.contains("WATCH LIVE"), "{screen}");
    assert!(!screen.contains(night::CODE) && !screen.contains("g GO"), "{screen}");
    hands.press("g");
    hands.press("n");
    assert!(hands.reads().contains("maria has the keys"), "{}", hands.reads());
    assert!(decisions(&hands).is_empty());
}

#[test]
fn a_view_is_turned_to_from_the_gate_which_stays_open_and_is_read_anew() {
    for key in ["2", "3", "4", "5", "6", "7"] {
        let mut hands = hands();
        hands.press(key);
        let screen = hands.reads();
        assert!(screen.contains("GO / NO-GO waits: Send users to Azure   b back to the gate"), "{screen}");
        hands.press("esc");
        hands.press("g");
        let screen = hands.reads();
        assert!(screen.contains("GO is said there only: b goes back to it"), "{screen}");
        hands.types("azure 7k3m");
        hands.press("enter");
        assert!(!says_go(&hands));
    }
    let mut hands = hands();
    hands.press("1");
    let screen = hands.reads();
    assert!(
        screen.contains("┏━ GO / NO-GO") && screen.contains("esc looks around; the gate stays open"),
        "{screen}"
    );
    hands.press("?");
    assert!(hands.reads().contains("7 Shows the journal") || hands.reads().contains("Shows the journal."));
    let mut early = self::hands();
    early.event(&Event::Resumed);
    early.key("7", false, false);
    assert!(early.reads().contains("┏━ GO / NO-GO"), "a key from before the gate could be read is dropped");
}

#[test]
fn what_was_opened_at_the_gate_is_folded_before_it_is_left() {
    let mut hands = hands();
    let folded = hands.reads();
    hands.press("enter");
    assert_ne!(hands.reads(), folded, "the links lie folded in the first line");
    hands.press("esc");
    assert!(hands.reads().contains("┏━ GO / NO-GO"), "{}", hands.reads());
    assert!(hands.reads().contains("3 links"), "{}", hands.reads());
    hands.press("esc");
    assert!(hands.reads().contains("GO / NO-GO waits"), "{}", hands.reads());
}

#[test]
fn a_gate_that_is_shut_invites_nobody_to_type_and_offers_the_answer_that_is_missing() {
    let mut night = night::at_the_gate(Night::live());
    night.sees("orders", World::Fails(cutover::engine::reading::Unmeasured::TimedOut(1_000)));
    night.pass(70);
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    assert!(screen.contains("its code comes when everything holds"), "{screen}");
    assert!(!screen.contains(night::CODE) && !screen.contains("g then"), "{screen}");
    let alarm = screen.contains("not answered");
    assert_eq!(screen.lines().last().unwrap().contains("a answer"), alarm, "{screen}");
    assert!(alarm, "{screen}");
    let quiet = self::hands().reads();
    assert!(
        quiet.contains("g then azure 7k3m") && !quiet.lines().last().unwrap().contains("a answer"),
        "{quiet}"
    );
}

#[test]
fn at_a_gate_that_is_not_ready_no_code_is_asked_for_and_letters_are_no_keys() {
    for size in [(80, 24), LARGE] {
        let mut hands = Hands::on(night::at_a_bad_gate(Night::live()), size);
        hands.wait(Duration::from_secs(5));
        assert!(!hands.reads().contains(night::CODE), "{}", hands.reads());
        let records = hands.night.journal.len();
        hands.press("g");
        // HOLD, NO-GO, a waiver, an answer, were they keys here.
        hands.types("hnwa 1 7k3m");
        hands.press("enter");
        let screen = hands.reads();
        assert!(screen.contains("nothing can be said yet: the code comes when everything"), "{screen}");
        assert_eq!(hands.night.journal.len(), records, "{screen}");
        // It is given out when all of it holds, and arms from then on.
        hands.press("esc");
        for (probe, text) in [("backup", "of 21:30"), ("front-door", "answers")] {
            let facts = cutover::engine::reading::Facts::Plain;
            hands.night.sees(probe, World::Says { pass: true, text: text.into(), facts });
        }
        hands.night.pass(11);
        hands.feed();
        hands.press("a");
        hands.night.pass(1);
        hands.feed();
        let screen = hands.reads();
        assert!(screen.contains("g then azure 1 7k3m  arms in"), "{screen}");
        hands.wait(Duration::from_secs(2));
        hands.press("g");
        hands.types("azure 1 7k3m");
        hands.press("enter");
        assert!(says_go(&hands), "{}", hands.reads());
    }
}

#[test]
fn a_code_that_cannot_be_used_while_the_run_is_held_is_not_shown() {
    let mut hands = hands();
    assert!(hands.reads().contains(night::CODE));
    hands.press("h");
    assert!(!hands.reads().contains(night::CODE), "{}", hands.reads());
    hands.press("R");
    assert!(hands.reads().contains(night::CODE), "{}", hands.reads());
}

#[test]
fn what_is_missing_is_never_cut_without_a_sign_and_the_detail_has_all_of_it() {
    for size in [(60, 16), (80, 24), LARGE] {
        let mut night = night::at_the_gate(Night::live());
        let probes =
            ["orders", "billing", "audit", "app-files", "schema", "quiet-target", "backup", "front-door"];
        for probe in probes {
            night.sees(probe, World::Fails(cutover::engine::reading::Unmeasured::TimedOut(1_000)));
        }
        night.pass(70);
        let mut hands = Hands::on(night, size);
        let screen = hands.reads();
        let lines: Vec<&str> = screen.lines().filter(|line| line.starts_with('┃')).collect();
        let from = lines.iter().position(|line| line.contains("Not yet: ")).unwrap();
        let inside = |line: &&str| line.split('┃').nth(1).unwrap().trim().to_owned();
        let said =
            lines[from..].iter().map(inside).take_while(|line| !line.starts_with("GO ")).collect::<Vec<_>>();
        let said = said.join(" ");
        assert!(
            said.ends_with("more (enter has all)") || said.contains("answered (a answer)"),
            "{said}\n{screen}"
        );
        // The evidence itself is not pushed out by what is missing.
        let evidence = lines[..from].iter().filter(|line| line.starts_with("┃ ?") || line.starts_with("┃ !"));
        assert!(evidence.count() >= 2, "{screen}");
        hands.press("enter");
        let mut all = hands.reads();
        for _ in 0..3 {
            hands.press("pgdn");
            all += &hands.reads();
        }
        for what in ["front door is ", "schema is ", "audit is "] {
            assert!(all.contains(what), "{what}\n{all}");
        }
    }
}

#[test]
fn without_contact_the_gate_says_so_and_what_to_do_and_hears_nothing() {
    for size in [(60, 16), (80, 24), LARGE] {
        let mut hands = Hands::on(night::at_the_gate(Night::live()), size);
        hands.night.silence(Duration::from_secs(12));
        let screen = hands.reads();
        assert!(screen.contains("No contact with the engine for 1"), "{screen}");
        assert!(screen.contains("R takes the run up again"), "{screen}");
        assert!(!screen.contains("code") && !screen.contains(night::CODE), "{screen}");
        hands.press("g");
        hands.types("azure 7k3m");
        hands.press("enter");
        assert!(!says_go(&hands) && hands.night.state.hold.is_none(), "{}", hands.reads());
    }
    // The engine goes while somebody types: what they typed is not sent to nobody.
    let mut hands = hands();
    hands.press("g");
    hands.types("azure 7k3m");
    hands.night.silence(Duration::from_secs(12));
    hands.press("enter");
    let screen = hands.reads();
    assert!(!says_go(&hands) && !screen.contains("the engine is asked"), "{screen}");
}

#[test]
fn after_a_no_go_the_way_back_is_named() {
    let mut hands = hands();
    hands.press("n");
    hands.types("users cannot order");
    hands.press("enter");
    let screen = hands.reads();
    assert!(screen.contains("R asks again, : rollback goes back"), "{screen}");
}
