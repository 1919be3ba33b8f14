//! What screens say: what to do next where something is wrong, only what is true now, and that there is more where
//! there is no room.

use std::time::Duration;

use cutover::engine::Event;
use cutover::engine::event::Outcome;
use cutover::engine::input::{Input, Intent};
use cutover::engine::reading::{Facts, ReadBefore};
use cutover::engine::readings::Readings;
use cutover::engine::rules::replication::{Missing, caught_up};
use cutover::engine::state::{Stage, Status};
use cutover::panes::words;
use cutover::plan::model::ProbeKind;

use crate::night::hands::Hands;
use crate::night::{self, Night};

const LARGE: (u16, u16) = (120, 36);

#[test]
fn a_fence_that_opens_again_says_who_it_is_and_what_ends_it() {
    let mut hands = Hands::on(crate::live_wrong(), LARGE);
    let screen = hands.reads();
    assert!(screen.contains("4 its session, x ends it"), "{screen}");
    assert!(screen.contains("! source       price-job writes on, 118 rows"), "{screen}");
    hands.press("x");
    assert!(hands.reads().contains("Type price-job to end its session 4211"), "{}", hands.reads());
}

#[test]
fn the_detail_of_a_step_says_no_less_than_its_row() {
    let mut hands = Hands::on(crate::live_wrong(), LARGE);
    hands.press("enter");
    let screen = hands.reads();
    assert!(screen.contains("stop-writes  Writes are fenced on the source"), "{screen}");
    assert!(
        screen.contains("now           no longer true: source: price-job writes on, 118 rows moved"),
        "{screen}"
    );
    assert!(screen.contains("stands        fenced: new sessions are refused"), "{screen}");
    assert!(screen.contains("older session price-job (batch from 10.4.2.17)"), "{screen}");
    hands.press("esc");
    hands.press("j");
    hands.press("j");
    hands.press("enter");
    let screen = hands.reads();
    assert!(
        screen.contains("now           waits: billing: source is fenced, and that is not proved"),
        "{screen}"
    );
}

#[test]
fn a_detail_breaks_what_is_too_long_instead_of_cutting_it() {
    let mut hands = Hands::on(crate::live_wrong(), (60, 16));
    hands.press("enter");
    let screen = hands.reads();
    assert!(screen.contains("now           no longer true: source: price-job"), "{screen}");
    assert!(
        screen.contains("                fenced, probe refused)") || screen.contains("probe refused)"),
        "{screen}"
    );
}

#[test]
fn the_cursor_of_a_view_stands_only_on_what_can_be_opened() {
    let mut hands = Hands::on(crate::live_wrong(), LARGE);
    hands.press("4");
    hands.press("G");
    hands.press("enter");
    assert!(hands.reads().contains("price-job  session 4211"), "{}", hands.reads());
    hands.press("esc");
    hands.press("k");
    hands.press("enter");
    assert!(hands.reads().contains("▌schema ─"), "the heading is passed over\n{}", hands.reads());
    hands.press("esc");
    hands.press("j");
    hands.press("enter");
    assert!(hands.reads().contains("price-job  session 4211"), "{}", hands.reads());
    hands.press("esc");
    hands.press("2");
    hands.press("enter");
    assert!(hands.reads().contains("roll-call  Everybody"), "{}", hands.reads());
}

#[test]
fn ending_a_session_where_there_is_none_says_so() {
    let mut hands = Hands::on(crate::live_quiet(), LARGE);
    for view in ["1", "4", "2"] {
        hands.press(view);
        hands.press("x");
        let screen = hands.reads();
        assert!(screen.contains("no session is older than a fence"), "{screen}");
        assert!(!screen.contains("x end the session"), "{screen}");
    }
}

#[test]
fn the_only_failed_step_is_tried_again_wherever_the_cursor_stands() {
    let mut night = crate::live_quiet();
    night.sees("billing", night::World::Behind { rows: 0, each_second: 0 });
    night.until("00:46:00");
    night.ends("sequences", Outcome::Failed { code: Some(1) }, "no such sequence").pass(1);
    let mut hands = Hands::on(night, LARGE);
    assert!(hands.reads().contains("failed: no such sequence"), "{}", hands.reads());
    for key in ["j", "j", "j", "r"] {
        hands.press(key);
    }
    let status = hands.night.state.step(&hands.night.plan, &"sequences".into()).unwrap().status;
    assert_eq!(status, Status::Running, "{}", hands.reads());
    hands.press("r");
    assert!(hands.reads().contains("nothing has failed"), "{}", hands.reads());
}

#[test]
fn the_palette_says_why_something_means_nothing_now_and_runs_nothing() {
    let mut hands = Hands::on(crate::live_quiet(), LARGE);
    let records = hands.night.journal.len();
    for (typed, why) in [
        ("skip", "no step that is left may be skipped"),
        ("resume", "it is not held"),
        ("retry", "nothing has failed"),
        ("settle", "there is no step that nobody knows the end of"),
    ] {
        hands.press(":");
        assert!(!hands.reads().contains("Not now"), "nothing was asked for yet\n{}", hands.reads());
        hands.types(typed);
        assert!(hands.reads().contains(&format!("Not now: {why}")), "{typed}\n{}", hands.reads());
        hands.press("enter");
        let screen = hands.reads();
        assert!(screen.lines().nth(2).unwrap().contains(why), "{typed}\n{screen}");
    }
    assert_eq!(hands.night.journal.len(), records);
    assert!(hands.asked.is_empty(), "{:?}", hands.asked);
}

#[test]
fn the_palette_shows_whole_sentences_at_eighty_columns() {
    let mut hands = Hands::on(crate::live_quiet(), (80, 24));
    hands.press(":");
    let screen = hands.reads();
    assert!(screen.contains("Holds: nothing new starts, the T-clock stops; what runs finishes."), "{screen}");
    assert!(
        screen.contains("Ends the run before the switch: fences and freezes go, nothing else."),
        "{screen}"
    );
}

#[test]
fn the_end_says_only_what_is_true_at_that_end() {
    let mut hands = Hands::on(night::over(Night::live()), LARGE);
    let screen = hands.reads();
    assert!(screen.contains("users are on azure; the way back of this run is closed"), "{screen}");
    assert!(
        screen.contains("source is sealed: nobody can write") && screen.contains("target takes writes"),
        "{screen}"
    );
    assert!(!screen.contains("restorable"), "the plan's fallback was about a run that goes on\n{screen}");
    assert!(screen.contains("q leave"), "{screen}");
    hands.night.silence(Duration::from_secs(30));
    assert!(!hands.reads().contains("R go on"), "{}", hands.reads());
    hands.press("R");
    assert!(hands.reads().contains("the run is over") && hands.asked.is_empty(), "{}", hands.reads());

    let mut night = Night::live();
    night.begin().pass(5);
    night.wants(Intent::Abort { reason: "not tonight".into() }).unwrap();
    night.pass(5);
    assert!(matches!(night.state.stage, Stage::Over(_)), "{:?}", night.state.stage);
    let screen = Hands::on(night, LARGE).reads();
    assert!(screen.contains("users are on dc1; what was fenced or frozen is lifted"), "{screen}");
}

#[test]
fn the_clock_that_users_feel_stays_when_the_engine_is_gone() {
    for size in [(60, 16), (80, 24), (120, 36)] {
        let mut hands = Hands::on(crate::live_quiet(), size);
        hands.night.silence(Duration::from_secs(12));
        let screen = hands.reads();
        let first = screen.lines().next().unwrap();
        assert!(first.contains("NO CONTACT") && first.contains("users read-only 3:1"), "{size:?}\n{screen}");
        assert!(first.contains("R "), "{size:?}\n{screen}");
    }
}

#[test]
fn help_and_the_way_out_stand_in_every_last_line() {
    let scenes: [fn() -> Night; 4] = [
        crate::live_quiet,
        crate::live_wrong,
        || night::at_the_gate(Night::live()),
        || night::at_a_bad_gate(Night::live()),
    ];
    for size in [(60, 16), (80, 24)] {
        for scene in scenes {
            let mut hands = Hands::on(scene(), size);
            for keys in [&["tab"][..], &["h"], &["H"]] {
                for key in keys {
                    hands.press(key);
                }
                let screen = hands.reads();
                let last = screen.lines().last().unwrap();
                assert!(last.contains("? help"), "{size:?} {keys:?}\n{screen}");
                assert!(!screen.contains("┏━") || last.contains("esc look around"), "{size:?}\n{screen}");
            }
        }
    }
}

#[test]
fn steps_that_have_no_room_are_counted() {
    let mut hands = Hands::on(crate::live_quiet(), (80, 24));
    let screen = hands.reads();
    let steps: usize =
        screen.lines().filter(|line| line.contains("GO / NO-GO  ") || line.starts_with("  ·")).count();
    assert!(steps > 3, "{screen}");
    let mut hands_small = Hands::on(crate::live_quiet(), (60, 16));
    let small = hands_small.reads();
    let more = |screen: &str| {
        screen.lines().any(|line| line.trim_start().starts_with("… ") && line.contains("more"))
    };
    assert!(more(&small), "{small}");
    assert!(more(&screen), "{screen}");
    // Where everything has room, nothing is counted.
    let large = Hands::on(crate::live_quiet(), (200, 50)).reads();
    assert!(!more(&large), "{large}");
}

#[test]
fn a_stray_write_says_that_only_a_waiver_goes_on() {
    let mut night = night::at_the_gate(Night::live());
    night.stray_write("quiet-target").pass(20);
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    assert!(screen.contains("target is not well (w waive)"), "{screen}");
    hands.press("esc");
    hands.press("4");
    for _ in 0..3 {
        hands.press("j");
    }
    hands.press("enter");
    let screen = hands.reads();
    assert!(
        screen.contains("way on        a write that was found stays found: only a waiver at the gate"),
        "{screen}"
    );
}

#[test]
fn what_does_not_count_now_says_that_and_no_old_value() {
    let mut hands = Hands::on(crate::live_quiet(), LARGE);
    hands.press("3");
    let screen = hands.reads();
    let back = screen.lines().find(|line| line.contains("orders, back")).unwrap();
    assert!(back.contains("not watched yet") && !back.contains("rows"), "{screen}");
    hands.press("4");
    let screen = hands.reads();
    assert!(
        screen.lines().any(|line| line.contains("target") && line.contains("not opened yet")),
        "{screen}"
    );
}

#[test]
fn a_finish_that_nobody_knows_says_why() {
    let screen = Hands::on(crate::live_wrong(), LARGE).reads();
    assert!(
        screen.contains("unknown: source is not proved") || screen.contains("unknown: audit grows"),
        "{screen}"
    );
    let mut night = crate::live_quiet();
    night.sees("billing", night::World::Behind { rows: 60, each_second: 240 });
    night.pass(60);
    let screen = Hands::on(night, LARGE).reads();
    assert!(screen.contains("finish unknown: billing grows"), "{screen}");
}

#[test]
fn sentences_of_the_journal_stand_by_themselves() {
    let plan = night::plan("orders.toml");
    let says = |event: &Event| {
        let line = words::of(&plan, event);
        [line.subject, line.what, line.detail].map(std::borrow::Cow::into_owned).join("|")
    };
    let ended = Event::SessionEnded { endpoint: "source".into(), session: "1".into(), failed: None };
    assert_eq!(says(&ended), "source|session 1 ended|");
    let mut night = Night::live();
    night.operator = "you".into();
    night.begin();
    let first = night.journal.iter().flat_map(|record| &record.events).next().unwrap();
    assert!(matches!(first, Event::RunStarted(_)));
    assert!(says(first).starts_with("run|started, you drive|"), "{}", says(first));
}

#[test]
fn what_was_compared_before_the_freeze_stays_said_when_the_engine_was_restarted() {
    let mut night = crate::live_quiet();
    night.readings = Readings::new(false);
    night.put(Input::Resume { boot_id: "b2".into(), torn_bytes: 0 }).unwrap();
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    assert!(screen.contains("1 held before"), "{screen}");
    let before = screen.find("rows, before 128 of 128 tables the same").unwrap_or_else(|| panic!("{screen}"));
    // And when that was.
    let row = &screen[before..before + 60];
    assert!(row.contains(':'), "{row}\n{screen}");
}

#[test]
fn what_builds_on_a_pass_before_says_that_its_rows_were_counted_then() {
    let mut night = night::at_the_gate(Night::live());
    let night::World::Says { pass, text, facts: Facts::Compared(mut compared) } = night::same(18_204_412)
    else {
        panic!("it compares")
    };
    compared.before = Some(Box::new(ReadBefore { at: night::at("00:10:00"), tables: 128, again: 1_586 }));
    night
        .sees("rows", night::World::Says { pass, text, facts: Facts::Compared(compared) })
        .look(&"rows".into());
    let mut hands = Hands::on(night, LARGE);
    for key in ["esc", "5", "g", "j", "enter"] {
        hands.press(key);
    }
    let screen = hands.reads();
    for said in [
        "18 204 412 when they were read whole",
        "128 tables read whole at 00:10",
        "1 586 rows written and looked at again",
    ] {
        assert!(screen.contains(said), "{said} in {screen}");
    }
}

#[test]
fn what_is_found_before_its_time_calls_while_there_is_time_to_mend_it() {
    let found = night::different(Night::live()).world["rows"].clone();
    let mut night = night::quiet(Night::live());
    let plan = std::sync::Arc::make_mut(&mut night.plan);
    let rows = plan.probes.iter_mut().find(|probe| probe.id.as_str() == "rows").unwrap();
    rows.since = Some("announced".into());
    let ProbeKind::Tables(tables) = &mut rows.kind else { panic!("it compares") };
    tables.before = true;
    night.sees("rows", found).look(&"rows".into());
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    assert!(screen.contains("! rows, now    127 of 128 tables the same, 12"), "{screen}");
    hands.press("esc");
    hands.press("5");
    let screen = hands.reads();
    assert!(screen.contains("they are compared again by themselves"), "{screen}");
    // Read again once a minute or so, and no less true meanwhile.
    hands.night.pass(50);
    hands.feed();
    let screen = hands.reads();
    assert!(screen.contains("127 of 128 tables the same, 12 rows"), "{screen}");
}

#[test]
fn a_comparison_is_held_and_goes_on_with_more_or_fewer_connections() {
    let mut hands = Hands::on(night::reading(Night::live()), LARGE);
    let run = |hands: &mut Hands, command: &str| {
        hands.press("esc");
        hands.press(":");
        hands.types(command);
        hands.wait(Duration::from_secs(1));
        hands.press("enter");
        format!("{:?}", hands.night.journal.last().expect("a record").events)
    };
    let said = run(&mut hands, "compare.faster");
    assert!(said.contains("Connections(4)") && said.contains("maria"), "{said}\n{}", hands.reads());
    let said = run(&mut hands, "compare.slower");
    assert!(said.contains("Connections(1)"), "{said}");
    let said = run(&mut hands, "compare.hold");
    assert!(said.contains("change: Hold"), "{said}");
    let rows = "rows".into();
    assert!(hands.night.state.loads[&rows].held);
    let mut told = hands.night.readings.course(&rows).unwrap().clone();
    told.now.as_mut().unwrap().held = true;
    hands.night.readings.follow(told);
    hands.feed();
    hands.press("5");
    let screen = hands.reads();
    assert!(screen.contains("· rows, now      held by hand, 64 % "), "{screen}");
    let said = run(&mut hands, "compare.hold");
    assert!(said.contains("change: GoOn"), "{said}");
    assert!(!hands.night.state.loads[&rows].held);
    // Nothing is under way: it is said, and nothing is asked.
    let mut hands = Hands::on(night::quiet(Night::live()), LARGE);
    let records = hands.night.journal.len();
    run(&mut hands, "compare.hold");
    assert_eq!(hands.night.journal.len(), records);
    // While the palette is open, one begins.
    let mut hands = Hands::on(night::reading(Night::live()), LARGE);
    let records = hands.night.journal.len();
    let begun = hands.night.readings.course(&rows).unwrap().clone();
    let mut none = begun.clone();
    none.now = None;
    hands.night.readings.follow(none);
    hands.feed();
    hands.press(":");
    hands.types("compare.hold");
    assert!(hands.reads().contains("Not now: no comparison is under way"), "{}", hands.reads());
    hands.night.readings.follow(begun);
    hands.feed();
    let screen = hands.reads();
    assert!(screen.contains("Holds a comparison") && !screen.contains("Not now"), "{screen}");
    hands.press("enter");
    assert_eq!(hands.night.journal.len(), records + 1);
}

#[test]
fn a_step_that_waits_for_zero_says_what_is_missing_and_promises_no_time_that_is_not_its_own() {
    let mut night = crate::live_wrong();
    let link = night.plan.probes.iter().find(|p| p.id.as_str() == "billing").unwrap().clone();
    let ProbeKind::Link(asked) = &link.kind else { panic!("billing is a link") };
    night.sees("billing", night::World::Behind { rows: 0, each_second: 0 });
    night.pass(1);
    // At zero for a second only; but its source's fence is not proved, and that is what is missing.
    let missing = caught_up(&night.plan, &night.state, &night.readings, &link, asked, night.now).unwrap_err();
    assert_eq!(missing, Missing::Fence("source".into()));
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    assert!(screen.contains("billing: source is fenced, and that is not"), "{screen}");
    assert!(!screen.contains("of zero on"), "{screen}");
}

#[test]
fn after_the_end_nothing_is_stale_and_what_was_seen_last_says_of_when_it_is() {
    let mut hands = Hands::on(night::over(Night::live()), LARGE);
    hands.press("esc");
    hands.night.silence(Duration::from_secs(90));
    let screen = hands.reads();
    for not in ["stale", "no look", "well", "unknown", "to answer", "a answer"] {
        assert!(!screen.contains(not), "{not}\n{screen}");
    }
    assert!(screen.contains("as of 0") && screen.contains("── closed"), "{screen}");
    assert!(
        screen.contains("the run is over: users are on azure; ") && screen.contains("run is closed"),
        "{screen}"
    );
}

#[test]
fn the_end_scrolls_where_it_has_more_lines_than_the_screen() {
    let mut hands = Hands::on(night::over(Night::live()), (80, 24));
    let shop: Vec<(String, String)> = (0..8).map(|n| (format!("figure {n}"), n.to_string())).collect();
    hands.cockpit.on_ending(shop);
    let screen = hands.reads();
    assert!(screen.contains("1-17 of ") && screen.contains(", pgdn"), "{screen}");
    hands.press("pgdn");
    hands.press("pgdn");
    let screen = hands.reads();
    assert!(screen.contains("Planned and actual") && screen.contains("Cut over"), "{screen}");
}

#[test]
fn what_is_open_and_runs_nothing_is_not_counted_as_running() {
    let mut hands = Hands::on(night::at_the_gate(Night::live()), LARGE);
    hands.press("q");
    let screen = hands.reads();
    assert!(screen.contains("the gate stays open") && !screen.contains("to the end"), "{screen}");
}

#[test]
fn a_gauge_that_is_not_well_says_why_and_not_what_is_well_in_spite_of_it() {
    use cutover::engine::reading::{Facts, Lag, LagUnit, MarkerSeen};
    let mut night = crate::live_quiet();
    let marker = MarkerSeen { id: "12".into(), sent: night.now.wall, took_ms: None };
    let (source, target) = ("3/9F21C040".to_owned(), "3/9F21C040".to_owned());
    let facts = Facts::Lag(Lag {
        behind: 0,
        unit: LagUnit::Changes,
        source,
        target,
        marker: Some(marker),
        stopped: None,
        late_ms: None,
        takes_no_marker: false,
    });
    let text = "0 rows behind, yet marker 12 is under way for 8s".to_owned();
    night.sees("orders", night::World::Says { pass: false, text, facts });
    night.pass(20);
    let mut hands = Hands::on(night, LARGE);
    for size in [(80, 24), LARGE] {
        hands.size = size;
        let screen = hands.reads();
        let gauge = screen.lines().find(|line| line.contains("! ") && line.contains("orders ")).unwrap();
        assert!(gauge.contains("marker 12 is un") && !gauge.contains("zero for"), "{screen}");
    }
}

#[test]
fn a_link_that_is_stopped_says_why_however_it_grows() {
    use cutover::engine::reading::{Facts, Lag, LagUnit};
    let mut night = crate::live_quiet();
    for behind in 1..20 {
        let why = "subscription orders is disabled".to_owned();
        let facts = Facts::Lag(Lag {
            behind: behind * 50_000,
            unit: LagUnit::Bytes,
            source: "3/9F21C040".to_owned(),
            target: "3/9F000000".to_owned(),
            marker: None,
            stopped: Some(why.clone()),
            late_ms: Some(9_000),
            takes_no_marker: false,
        });
        night.sees("orders", night::World::Says { pass: false, text: format!("behind, {why}"), facts });
        night.pass(1);
    }
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    let gauge = screen.lines().find(|line| line.contains("! ") && line.contains("orders ")).unwrap();
    assert!(gauge.contains("subscription ord") && !gauge.contains("growing"), "{screen}");
}

#[test]
fn rows_that_differ_say_what_leads_on_by_its_keys() {
    let mut hands = Hands::on(night::different(Night::live()), LARGE);
    let screen = hands.reads();
    assert!(screen.contains("5 names them; mend them, then r compares again"), "{screen}");
    assert!(screen.contains("rollback goes back"), "{screen}");
    hands.press("5");
    let screen = hands.reads();
    assert!(screen.contains("mend them, then r compares again, or : rollback goes back"), "{screen}");
    for key in ["j", "enter"] {
        hands.press(key);
    }
    let screen = hands.reads();
    assert!(screen.contains("way on        mend them, then r compares again"), "{screen}");
    hands.press("esc");
    hands.press("G");
    hands.press("enter");
    let screen = hands.reads();
    assert!(screen.contains("orders  90aa") && screen.contains("way on        mend them"), "{screen}");
}

#[test]
fn whoever_only_watches_is_not_offered_the_helm() {
    use cutover::panes::{Cockpit, Seat};
    use cutover::ui::keymap::Keymap;
    let mut hands = Hands::on(crate::live_quiet(), LARGE);
    hands.cockpit = Cockpit::new(Seat::Watcher, Keymap::default());
    hands.feed();
    hands.press(":");
    assert!(hands.reads().contains("Takes the helm from whoever drives"), "{}", hands.reads());
    hands.press("esc");
    hands.cockpit.only_watches();
    hands.press(":");
    assert!(!hands.reads().contains("Takes the helm"), "{}", hands.reads());
    hands.types("helm");
    assert!(hands.reads().contains("Not now: this cockpit only watches"), "{}", hands.reads());
    hands.press("enter");
    let screen = hands.reads();
    assert!(screen.contains("`cutover run --resume RUN` takes part") && hands.asked.is_empty(), "{screen}");
}

#[test]
fn after_the_end_the_way_back_is_told_with_what_was_planned_and_what_it_took() {
    let mut night = night::at_the_gate(Night::live());
    night.wants(Intent::AskRollback { reason: "too late".into() }).expect("there is a way back");
    night.pass(1).go("rollback").pass(2);
    let mut undone = 0;
    loop {
        let running = night.state.running(&night.plan).map(|(step, _, _)| step).next();
        let Some(step) = running else { break };
        night.pass(7);
        if step.as_str() == "stop-writes" {
            night.sees("fence:source", night::open("source"));
        }
        night.done(step.as_str(), "taken back").pass(1);
        undone += 1;
    }
    assert!(night.state.is_over() && undone > 1, "{undone} steps were undone");
    let mut hands = Hands::on(night, LARGE);
    let screen = hands.reads();
    let way_back = screen
        .lines()
        .find(|line| line.trim_start().starts_with("Way back"))
        .unwrap_or_else(|| panic!("{screen}"));
    assert!(
        way_back.contains("00:") && way_back.contains('s'),
        "when it began, and how long it took: {way_back}"
    );
    hands.press("esc");
    hands.press("2");
    let screen = hands.reads();
    let from = screen.find("Way back").unwrap_or_else(|| panic!("{screen}"));
    assert!(screen[from..].lines().count() > undone, "its steps stand under it: {screen}");
}
