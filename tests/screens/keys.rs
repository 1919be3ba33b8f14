//! What keys do away from a gate: starting, leaving, losing the engine, finding, commands, prompts, watching.

use std::sync::Arc;
use std::time::Duration;

use cutover::engine::reading::Facts;
use cutover::panes::{Cockpit, Extra, Request, Seat};
use cutover::plan::model::Severity;
use cutover::ui::actions::Context;
use cutover::ui::input::Event;
use cutover::ui::keymap::Keymap;

use crate::night::hands::Hands;
use crate::night::{self, Night, World};

const LARGE: (u16, u16) = (120, 36);

fn quiet() -> Hands {
    Hands::on(crate::live_quiet(), LARGE)
}

fn before_the_start() -> Hands {
    let mut hands = Hands::on(Night::live(), LARGE);
    hands.cockpit = Cockpit::new(Seat::Operator("maria".into()), Keymap::default());
    let mut page = crate::start_page(&hands.night);
    page.blocks.clear();
    page.endpoints[1].1 = Some(Ok("production-azure".into()));
    hands.cockpit.on_start(page);
    hands
}

#[test]
fn only_the_targets_word_typed_by_hand_starts_a_run() {
    let mut hands = before_the_start();
    hands.press("enter");
    assert!(hands.reads().contains("that is not the target's word"), "{}", hands.reads());
    hands.types("dc1");
    hands.press("enter");
    hands.event(&Event::Paste("azure".into()));
    assert!(hands.reads().contains("a paste starts nothing"), "{}", hands.reads());
    for key in ["a", "z", "u", "r", "e", "enter"] {
        hands.key(key, false, true);
    }
    assert!(hands.asked.is_empty(), "{:?}", hands.asked);
    hands.types("azure");
    hands.press("enter");
    assert_eq!(hands.asked, [Request::Start { typed: "azure".into() }]);
    hands.press("enter");
    assert_eq!(hands.asked.len(), 1, "one run is enough");
}

#[test]
fn what_has_to_be_mended_keeps_a_run_from_starting() {
    let mut hands = before_the_start();
    hands.cockpit.on_start(crate::start_page(&hands.night));
    hands.types("azure");
    hands.press("enter");
    assert!(hands.asked.is_empty(), "{:?}", hands.asked);
    let screen = hands.reads();
    assert!(screen.matches("target has not proved what it is").count() == 2, "the reason itself\n{screen}");
    assert!(!screen.contains("enter start") && screen.contains("? help"), "{screen}");
}

#[test]
fn a_system_that_is_another_or_has_not_answered_keeps_a_run_from_starting() {
    let mut hands = before_the_start();
    let mut page = crate::start_page(&hands.night);
    page.blocks.clear();
    hands.cockpit.on_start(page.clone());
    assert!(hands.reads().contains("It cannot start"), "{}", hands.reads());
    hands.types("azure");
    hands.press("enter");
    assert!(hands.asked.is_empty(), "{:?}", hands.asked);
    assert!(hands.reads().contains("target: says staging-azure"), "{}", hands.reads());
    assert_eq!(page.in_the_way().unwrap(), "target: says staging-azure, and should be production-azure");
    page.endpoints[1].1 = None;
    hands.cockpit.on_start(page.clone());
    assert!(hands.reads().contains("Wait: target is being asked"), "{}", hands.reads());
    hands.press("enter");
    assert!(hands.asked.is_empty(), "{:?}", hands.asked);
    page.endpoints[1].1 = Some(Ok("production-azure".into()));
    hands.cockpit.on_start(page);
    assert!(hands.reads().contains("Type azure to start"), "{}", hands.reads());
    hands.press("enter");
    assert_eq!(hands.asked, [Request::Start { typed: "azure".into() }], "the word that stands there counts");
}

#[test]
fn a_step_whose_turn_it_is_says_that_it_waits_for_an_identity() {
    let mut night = Night::live();
    let facts = Facts::Identity { system: "1".into(), row: Some("staging".into()) };
    let text = "says it is staging, not production-dc1".into();
    night.sees("identity:source", World::Says { pass: false, text, facts });
    night.begin();
    night.confirm("roll-call").pass(5);
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    assert_eq!(screen.matches("waits: identity of source is not proved").count(), 1, "{screen}");
    hands.night.sees("identity:source", night::same(0)).pass(60);
    hands.feed();
    assert!(!hands.reads().contains("is not proved"), "{}", hands.reads());
}

#[test]
fn leaving_a_live_run_asks_and_says_what_goes_on() {
    let mut hands = quiet();
    hands.press("q");
    let screen = hands.reads();
    assert!(screen.contains("users stay read-only: 3:0"), "{screen}");
    assert!(hands.asked.is_empty());
    hands.press("esc");
    assert_eq!(hands.cockpit.context(), Context::Main);
    hands.press("q");
    hands.press("l");
    assert_eq!(hands.asked, [Request::Quit { held: true }]);
    hands.press("a");
    hands.types("the report is wrong");
    hands.press("enter");
    assert!(matches!(hands.night.state.stage, cutover::engine::state::Stage::Aborting), "{}", hands.reads());
}

#[test]
fn whoever_watches_or_has_seen_the_end_just_leaves() {
    let mut hands = Hands::on(night::over(Night::live()), LARGE);
    hands.press("q");
    assert_eq!(hands.asked, [Request::Quit { held: false }]);
    let mut hands = quiet();
    hands.cockpit = Cockpit::new(Seat::Watcher, Keymap::default());
    hands.feed();
    hands.press("q");
    assert_eq!(hands.asked, [Request::Quit { held: false }]);
}

#[test]
fn an_engine_that_is_silent_is_said_at_three_seconds_and_resumed_by_one_key_at_ten() {
    let mut hands = quiet();
    hands.feed();
    hands.night.silence(Duration::from_millis(1_500));
    assert!(!hands.reads().contains("STALE"), "{}", hands.reads());
    hands.night.silence(Duration::from_secs(2));
    let screen = hands.reads();
    assert!(screen.contains("STALE, the engine is silent for"), "{screen}");
    assert!(screen.contains("users read-only 3:0"), "the clock that users feel runs on\n{screen}");
    hands.press("R");
    assert!(hands.asked.is_empty(), "silent is not gone");
    hands.night.silence(Duration::from_secs(7));
    let screen = hands.reads();
    assert!(screen.contains("NO CONTACT for 1") && screen.contains("R takes it up again"), "{screen}");
    assert!(!screen.contains("H hold"), "{screen}");
    hands.press("R");
    assert_eq!(hands.asked, [Request::Resume]);
}

#[test]
fn what_was_said_of_a_lost_line_is_said_no_more_once_it_stands() {
    let mut hands = quiet();
    hands.cockpit.say_of_line("no engine runs it now");
    assert!(hands.reads().contains("no engine runs it now"), "{}", hands.reads());
    hands.cockpit.set_seat(Seat::Operator("maria".into()));
    assert!(!hands.reads().contains("no engine runs it now"), "{}", hands.reads());
}

#[test]
fn hold_and_release_are_one_key_each() {
    let mut hands = quiet();
    hands.press("H");
    assert!(hands.reads().contains("HELD 0:0"), "{}", hands.reads());
    hands.press("H");
    assert!(hands.reads().contains("held already: R goes on"), "{}", hands.reads());
    hands.press("R");
    assert!(hands.night.state.hold.is_none());
}

#[test]
fn a_manual_step_is_confirmed_with_a_note() {
    let mut night = Night::live();
    night.begin();
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    assert!(screen.contains("lead: Are dba, app, net and qa on the bridge?  c done"), "{screen}");
    hands.press("c");
    hands.types("all five");
    hands.press("enter");
    assert!(hands.night.state.step(&hands.night.plan, &"roll-call".into()).unwrap().is_settled());
    assert!(hands.reads().contains("done, says maria"), "{}", hands.reads());
}

#[test]
fn a_step_that_waits_for_its_key_is_started_by_it() {
    let mut night = night::at_the_gate(Night::live());
    night.go("go").pass(1);
    night.done("switch", "").pass(7);
    night.done("open-target", "").pass(8);
    night.done("drained", "").pass(1);
    let mut hands = Hands::on(night, LARGE);
    assert!(hands.reads().contains("waits for a key: c start it"), "{}", hands.reads());
    hands.press("c");
    assert!(hands.reads().contains("Do the sums of orders and payments agree"), "{}", hands.reads());
}

#[test]
fn an_alarm_is_answered_by_name() {
    let mut hands = Hands::on(crate::live_wrong(), LARGE);
    let before = hands.night.state.alarms.values().filter(|a| a.acknowledged.is_some()).count();
    hands.press("a");
    let answered: Vec<_> =
        hands.night.state.alarms.values().filter_map(|a| a.acknowledged.as_ref()).collect();
    assert_eq!(answered.len(), before + 1);
    assert_eq!(answered[0].0, "maria");
}

#[test]
fn a_session_is_ended_from_the_census_by_typing_its_name() {
    let mut hands = Hands::on(crate::live_wrong(), LARGE);
    hands.press("4");
    hands.press("G");
    hands.press("x");
    hands.event(&Event::Paste("price-job".into()));
    assert!(hands.reads().contains("a paste confirms nothing"), "{}", hands.reads());
    hands.types("price");
    hands.press("enter");
    assert!(hands.reads().contains("that is not what stands there"), "{}", hands.reads());
    hands.types("-job");
    hands.press("enter");
    assert!(hands.reads().contains("4 freeze") || hands.cockpit.context() == Context::View);
    let ended = hands.night.journal.iter().flat_map(|r| &r.events).any(|event| {
        matches!(event, cutover::engine::Event::SessionEndAsked { session, by, .. } if session == "4211" && by == "maria")
    });
    assert!(ended);
}

#[test]
fn the_palette_has_every_action_by_name_and_what_the_caller_added() {
    let mut hands = quiet();
    let extra = Extra {
        id: "demo.stray-write".into(),
        title: "demo: stray write".into(),
        help: "Writes a row.".into(),
    };
    hands.cockpit.set_commands(vec![extra], vec!["light".into()]);
    hands.press(":");
    let screen = hands.reads();
    for action in ["rollback", "abort", "note", "hold"] {
        assert!(screen.contains(action), "{action}\n{screen}");
    }
    hands.types("stray");
    hands.press("enter");
    hands.press(":");
    hands.types("theme light");
    hands.press("enter");
    assert_eq!(hands.asked, [Request::Extra("demo.stray-write".into()), Request::Theme("light".into())]);
    hands.press(":");
    hands.types("zzzz");
    assert!(hands.reads().contains("nothing is called like that"), "{}", hands.reads());
    hands.press("esc");
    hands.press(":");
    hands.types("note");
    hands.press("enter");
    hands.types("the bridge is up");
    hands.press("enter");
    assert!(hands.reads().contains("the bridge is up"), "{}", hands.reads());
}

#[test]
fn finding_goes_from_match_to_match() {
    let mut hands = quiet();
    hands.press("/");
    hands.types("users");
    hands.press("enter");
    for match_ in
        ["tell  Users are told", "go  Send users to Azure", "orders-flow  Users can sign in and order"]
    {
        hands.press("enter");
        assert!(hands.reads().contains(match_), "{match_}\n{}", hands.reads());
        hands.press("esc");
        hands.press("n");
    }
    hands.press("N");
    hands.press("enter");
    assert!(hands.reads().contains("orders-flow  Users can"), "round and back\n{}", hands.reads());
    hands.press("esc");
    hands.press("/");
    hands.types("nowhere");
    hands.press("enter");
    assert!(hands.reads().contains("nothing here says"), "{}", hands.reads());
    hands.press("7");
    hands.press("/");
    hands.types("sealed");
    hands.press("enter");
    hands.press("enter");
    assert!(hands.reads().contains("\"event\": \"fence-changed\""), "{}", hands.reads());
}

#[test]
fn a_status_update_and_a_detail_are_copied() {
    let mut hands = quiet();
    hands.press("y");
    let Some(Request::Copy(update)) = hands.asked.pop() else { panic!("{:?}", hands.asked) };
    assert!(update.starts_with("Orders to Azure, 00:43 +01:00: Cut over, 2 of 10 steps done."), "{update}");
    assert!(update.contains("Users are read-only for 3:0") && update.contains("Way back free."), "{update}");
    hands.press("enter");
    hands.asked.clear();
    hands.press("y");
    let Some(Request::Copy(detail)) = hands.asked.pop() else { panic!("{:?}", hands.asked) };
    assert!(detail.starts_with("caught-up  Replication is caught up\n"), "{detail}");
    assert!(detail.contains("waits for     orders, billing, audit to be caught up"), "{detail}");
}

#[test]
fn the_cursor_goes_through_steps_and_panes_and_follows_the_run_again() {
    let mut hands = quiet();
    for _ in 0..30 {
        hands.press("j");
    }
    hands.press("enter");
    assert!(hands.reads().contains("announce  Stakeholders are told"), "{}", hands.reads());
    hands.press("esc");
    hands.press("g");
    hands.press("enter");
    assert!(hands.reads().contains("roll-call  Everybody is on the bridge"), "{}", hands.reads());
    hands.press("esc");
    hands.press("esc");
    assert!(hands.reads().contains("▌Cut over"), "{}", hands.reads());
    for title in ["▌Replication", "▌Freeze", "▌Validation", "▌Journal", "▌Cut over"] {
        hands.press("tab");
        assert!(hands.reads().contains(title), "{title}\n{}", hands.reads());
    }
}

#[test]
fn the_mouse_selects_what_it_points_at() {
    use cutover::ui::{Mouse, MouseAction};
    let mut hands = quiet();
    let screen = hands.reads();
    let y = screen.lines().position(|line| line.contains("app files")).unwrap();
    let click = |x, y| Event::Mouse(Mouse { action: MouseAction::Press, x, y: u16::try_from(y).unwrap() });
    hands.event(&click(70, y));
    assert!(hands.reads().contains("▌Freeze"), "{}", hands.reads());
    hands.press("enter");
    assert!(hands.reads().contains("app-files  app files"), "{}", hands.reads());
    hands.press("esc");
    hands.press("7");
    let screen = hands.reads();
    let y = screen.lines().position(|line| line.contains("GO by maria")).unwrap();
    hands.event(&click(30, y));
    hands.press("enter");
    assert!(hands.reads().contains("\"event\": \"gate-decided\""), "{}", hands.reads());
}

#[test]
fn whoever_watches_can_look_at_everything_and_change_nothing() {
    let mut hands = Hands::on(crate::live_wrong(), LARGE);
    hands.cockpit = Cockpit::new(Seat::Watcher, Keymap::default());
    hands.feed();
    let records = hands.night.journal.len();
    let screen = hands.reads();
    assert!(
        screen.contains("WATCH LIVE") && !screen.contains("H hold") && !screen.contains("a answer"),
        "{screen}"
    );
    for key in ["H", "R", "a", "c", "r", "f8", "f9"] {
        hands.press(key);
        assert!(hands.reads().contains("you are watching: maria has the keys"), "{key}\n{}", hands.reads());
    }
    for key in ["7", "enter", "y", "esc", "4", "G", "x", "?", "esc"] {
        hands.press(key);
    }
    assert_eq!(hands.night.journal.len(), records);
    assert!(
        hands.asked.iter().all(|r| matches!(r, Request::Copy(_) | Request::Look(_))),
        "{:?}",
        hands.asked
    );
}

#[test]
fn the_helm_is_taken_by_typing_whose_it_is() {
    let mut hands = quiet();
    hands.cockpit = Cockpit::new(Seat::Operator("jun".into()), Keymap::default());
    hands.feed();
    assert!(hands.reads().contains("maria drives"), "{}", hands.reads());
    hands.press("H");
    assert!(hands.reads().contains("maria has the keys"), "{}", hands.reads());
    hands.press(":");
    hands.types("helm");
    hands.press("enter");
    hands.types("maria");
    hands.press("enter");
    assert_eq!(hands.asked, [Request::TakeHelm]);
}

#[test]
fn a_line_that_is_being_typed_stays_when_a_gate_opens() {
    let mut night = crate::live_quiet();
    night.sees("billing", World::Behind { rows: 0, each_second: 0 });
    night.until("00:46:00");
    night.done("sequences", "").pass(1);
    let mut hands = Hands::on(night, LARGE);
    hands.press(":");
    hands.types("note");
    hands.press("enter");
    hands.types("half a no");
    hands.night.done("reverse", "").pass(3);
    hands.feed();
    let screen = hands.reads();
    assert!(screen.contains("┏━ GO / NO-GO") && screen.contains("half a no"), "{screen}");
    hands.types("te");
    hands.press("enter");
    assert!(hands.reads().contains("half a note"), "{}", hands.reads());
    assert_eq!(hands.cockpit.context(), Context::Gate);
}

#[test]
fn nothing_is_drawn_while_nothing_has_changed() {
    let mut hands = quiet();
    assert!(!hands.cockpit.dirty(hands.night.now));
    let feed = hands.night.feed();
    hands.cockpit.on_feed(feed);
    assert!(hands.cockpit.dirty(hands.night.now));
    hands.show();
    hands.night.silence(Duration::from_secs(1));
    assert!(hands.cockpit.dirty(hands.night.now), "the clock moves once a second");
}

/// Figures on one screen agree with each other, through the whole night.
#[test]
fn figures_on_one_screen_agree() {
    let mut night = crate::live_quiet();
    let mut checked = 0;
    for _ in 0..20 {
        night.pass(7);
        let mut hands = Hands::on(copy(&night), (200, 50));
        let screen = hands.reads();
        let between = |from: &str, to: &str| {
            let rest = screen.split_once(from).unwrap_or_else(|| panic!("{from}\n{screen}")).1;
            rest.split_once(to).unwrap_or_else(|| panic!("{to}\n{screen}")).0.trim().to_owned()
        };
        // The phase's count stands in the second line and at its head.
        let (line, head) = (between("Cut over ", "  "), between("▌Cut over ", " steps"));
        assert_eq!(line, head.trim_start_matches('─').trim(), "{screen}");
        // Last safe stands in the second line and in the way back.
        assert_eq!(between("last safe ", "\n"), between("last safe at ", ","), "{screen}");
        // When it is done stands in the second line and in the timeline.
        let done: Vec<&str> = screen.split("done about ").skip(1).map(|rest| &rest[..5]).collect();
        assert!(done.windows(2).all(|pair| pair[0] == pair[1]), "{done:?}\n{screen}");
        // A link's value stands in its gauge and above its chart.
        checked += done.len();
    }
    assert!(checked >= 20);
}

fn copy(night: &Night) -> Night {
    let mut again = Night::live();
    again.state = night.state.clone();
    again.readings = night.readings.clone();
    again.journal.clone_from(&night.journal);
    again.now = night.now;
    again.plan = Arc::clone(&night.plan);
    again
}

#[test]
fn skipping_wants_a_choice_and_a_reason() {
    let mut plan = night::plan("orders.toml");
    for step in &mut plan.steps {
        step.skippable |= step.id.as_str() == "sequences";
    }
    let mut night = night::quiet(Night::of(plan, cutover::engine::event::Mode::Live));
    night.pass(1);
    let mut hands = Hands::on(night, LARGE);
    hands.press(":");
    assert!(!hands.reads().contains("Skips the selected step"), "{}", hands.reads());
    hands.press("esc");
    for key in ["j", "j", "j", ":"] {
        hands.press(key);
    }
    hands.types("skip");
    hands.press("enter");
    hands.press("enter");
    assert!(hands.reads().contains("write a few words"), "{}", hands.reads());
    hands.types("done by hand");
    hands.press("enter");
    let skipped = hands.night.state.step(&hands.night.plan, &"sequences".into()).unwrap().status;
    assert_eq!(skipped, cutover::engine::state::Status::Skipped, "{}", hands.reads());
}

#[test]
fn whoever_watches_is_told_of_no_key_that_is_the_drivers() {
    for night in [crate::live_wrong(), night::at_the_gate(Night::live())] {
        let mut hands = Hands::on(night, (120, 60));
        hands.cockpit = Cockpit::new(Seat::Watcher, Keymap::default());
        hands.feed();
        hands.wait(Duration::from_secs(1));
        if hands.cockpit.context() == Context::Gate {
            for key in ["g", "n", "h", "R", "w", "a", "f8", "f9"] {
                hands.press(key);
                let screen = hands.reads();
                assert!(screen.contains("you are watching: maria has the keys"), "{key}\n{screen}");
            }
        }
        hands.press("?");
        let screen = hands.reads();
        assert!(screen.contains("Signs"), "{screen}");
        for not in [
            "field in which GO",
            "Says NO-GO",
            "Holds",
            "after a hold",
            "Waives",
            "Answers",
            "Confirms",
            "Tries",
            "Ends the",
        ] {
            assert!(!screen.contains(not), "{not}\n{screen}");
        }
    }
}

#[test]
fn the_help_moves_with_the_first_key_says_where_it_is_and_breaks_its_sentences() {
    for size in [(60, 16), (80, 24)] {
        let mut hands = Hands::on(crate::live_quiet(), size);
        hands.press("?");
        let first = hands.reads();
        let of = format!("1-{} of ", size.1 - 6);
        assert!(first.contains(&of) && !first.contains('…'), "{first}");
        hands.press("pgdn");
        assert!(!hands.reads().contains(&of), "{}", hands.reads());
        for _ in 0..10 {
            hands.press("pgdn");
            assert!(!hands.reads().contains('…'), "{}", hands.reads());
        }
        assert!(hands.reads().contains("The point of no return."), "{}", hands.reads());
    }
}

#[test]
fn the_start_page_has_help_and_gives_the_word_back_before_it_is_left() {
    let mut hands = before_the_start();
    assert!(hands.reads().contains("enter start") && hands.reads().contains("? help"), "{}", hands.reads());
    hands.types("azu");
    hands.press("?");
    assert_eq!(hands.cockpit.context(), Context::Help);
    let screen = hands.reads();
    assert!(screen.contains("Starts the run, if the target's name was typed."), "{screen}");
    assert!(
        !screen.contains("/ find") && screen.contains("esc back") && !screen.contains("What ─"),
        "{screen}"
    );
    hands.press("f8");
    hands.press("H");
    hands.press("esc");
    assert!(hands.reads().contains(" azu\n"), "{}", hands.reads());
    hands.press("esc");
    assert!(hands.asked.is_empty(), "what was typed goes first: {:?}", hands.asked);
    hands.press("esc");
    assert_eq!(hands.asked, [Request::Quit { held: false }]);
}

#[test]
fn on_a_screen_that_shows_nothing_only_what_it_names_works() {
    let mut hands = Hands::on(night::at_the_gate(Night::live()), (50, 12));
    let records = hands.night.journal.len();
    for key in ["n", "h", "g", "7", "k", "3", "m", "enter", "a", "w", "c", ":", "H", "?", "7", "j"] {
        hands.press(key);
    }
    hands.event(&Event::Paste("azure".into()));
    assert_eq!(hands.cockpit.context(), Context::Gate, "nothing has opened");
    assert_eq!(hands.night.journal.len(), records);
    hands.press("f9");
    assert!(hands.night.state.hold.is_some());
    hands.press("q");
    assert_eq!(hands.cockpit.context(), Context::Quit);
    hands.press("l");
    hands.press("a");
    assert!(hands.asked.is_empty(), "{:?}", hands.asked);
}

#[test]
fn alarms_that_have_gone_are_answered_by_one_key() {
    let mut plan = night::plan("orders.toml");
    for probe in plan.probes.iter_mut().filter(|p| ["orders", "billing", "audit"].contains(&p.id.as_str())) {
        probe.alarm = Some(Severity::Warning);
    }
    let mut night = night::at_the_gate(Night::of(plan, cutover::engine::event::Mode::Live));
    for probe in ["orders", "billing", "audit"] {
        night.sees(probe, World::Fails(cutover::engine::reading::Unmeasured::TimedOut(1_000)));
    }
    night.pass(70);
    for probe in ["orders", "billing", "audit"] {
        night.sees(probe, night::World::Behind { rows: 0, each_second: 0 });
    }
    night.pass(70);
    let open = |hands: &Hands| {
        let alarms = hands.night.state.alarms.values();
        let open = alarms
            .filter(|a| a.acknowledged.is_none() && (a.cleared.is_none() || a.severity == Severity::Warning));
        open.map(|a| a.cleared.is_some()).collect::<Vec<_>>()
    };
    let mut hands = Hands::on(night, LARGE);
    let before = open(&hands);
    assert!(before.len() > 1 && before.iter().all(|gone| *gone), "{before:?}");
    assert!(hands.reads().contains(&format!("a answer all {}", before.len())), "{}", hands.reads());
    hands.press("a");
    assert!(open(&hands).is_empty(), "{}", hands.reads());
}

#[test]
fn the_way_back_is_found_by_its_names() {
    for typed in ["roll", "rollback", "roll back"] {
        let mut hands = quiet();
        hands.press(":");
        hands.types(typed);
        hands.press("enter");
        assert!(hands.reads().contains("Go back: why?"), "{typed}\n{}", hands.reads());
    }
}

#[test]
fn the_answer_of_a_detail_is_asked_for_again_after_each_look() {
    let mut hands = quiet();
    for key in ["l", "enter"] {
        hands.press(key);
    }
    let looks = |hands: &Hands| hands.asked.iter().filter(|r| matches!(r, Request::Look(_))).count();
    assert_eq!(looks(&hands), 1, "{:?}", hands.asked);
    hands.show();
    assert_eq!(looks(&hands), 1, "nothing was looked at since");
    hands.night.pass(10);
    hands.feed();
    assert_eq!(looks(&hands), 2);
}
