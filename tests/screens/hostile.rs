//! What comes from outside, and what comes in masses: names of two hundred columns, other scripts, escape
//! sequences, hundreds of alarms, thousands of steps, every size of screen.

use std::time::Instant;

use cutover::engine::event::Outcome;
use cutover::engine::reading::{Facts, Unmeasured};
use cutover::panes::{Cockpit, Output, Request, Seat};
use cutover::ui::keymap::Keymap;
use cutover::ui::mode::Mode;

use crate::night::hands::Hands;
use crate::night::screen::{ansi, drawn, look, text};
use crate::night::{self, Night, World};

/// Text that wants to act on a terminal, hide, or be wider than it looks.
const NASTY: &str = "\x1b]0;title\x07\x1b[2J\x1b[31m\u{202e}gnp.exe\u{200b} 本番環境 e\u{301}\u{302}\u{303} \r\n\x08\x7f\u{9b}31m 🚀";

/// The escape sequences of a screen: only those that set looks and places may be in it.
fn only_our_sequences(bytes: &str) {
    let mut rest = bytes;
    while let Some(at) = rest.find('\x1b') {
        rest = &rest[at + 1..];
        let body =
            rest.strip_prefix('[').unwrap_or_else(|| panic!("a sequence that is not ours: {:?}", &rest[..8]));
        let end = body.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        assert!(matches!(&body[end..=end], "m" | "H" | "J" | "l"), "{:?}", &body[..=end]);
    }
    let acts = |c: &char| c.is_control() && *c != '\x1b' && *c != '\n';
    assert!(!bytes.chars().any(|c| acts(&c)), "a control character reached the screen");
    assert!(!bytes.contains('\u{202e}') && !bytes.contains('\u{200b}'), "hidden text reached the screen");
}

#[test]
fn foreign_text_is_seen_and_not_obeyed_wherever_it_stands() {
    let mut night = night::quiet(Night::live());
    night.sees("schema", World::Says { pass: false, text: NASTY.repeat(9), facts: Facts::Plain });
    night.sees("backup", World::Fails(Unmeasured::Failed(NASTY.into())));
    night.sees("front-door", World::Fails(Unmeasured::NotReachable(NASTY.into())));
    night.breach("app-files", NASTY, NASTY);
    night.old_session("fence:source", NASTY, 3);
    night.wants(cutover::engine::input::Intent::Note { text: NASTY.into() }).unwrap();
    night.pass(40);
    for size in crate::SIZES {
        for keys in [
            &[][..],
            &["7"],
            &["4", "G", "enter"],
            &["l", "j", "enter"],
            &["tab", "tab", "tab", "enter"],
            &["7", "enter"],
            &["q"],
            &["4", "G", "x"],
        ] {
            let mut hands = Hands::on(fresh(&night), size);
            for key in keys {
                hands.press(key);
            }
            for request in std::mem::take(&mut hands.asked) {
                if let Request::Look(source) = request {
                    let output = Output {
                        asked: Some(NASTY.into()),
                        tail: NASTY.as_bytes().repeat(9),
                        ..Output::default()
                    };
                    hands.cockpit.on_output(source, output);
                }
            }
            only_our_sequences(&ansi(&hands.show()));
        }
    }
}

/// The same night once more: engine and readings are not changed by looking.
fn fresh(night: &Night) -> Night {
    let mut again = Night::live();
    again.state = night.state.clone();
    again.readings = night.readings.clone();
    again.journal.clone_from(&night.journal);
    again.now = night.now;
    again
}

#[test]
fn no_size_of_screen_breaks_anything() {
    let nights: [fn() -> Night; 3] =
        [crate::live_wrong, || night::at_a_bad_gate(Night::rehearsed()), || night::over(Night::live())];
    for night in nights {
        let mut hands = Hands::on(night(), (120, 36));
        for keys in [
            &[][..],
            &["2"],
            &["3"],
            &["4"],
            &["5"],
            &["6"],
            &["7"],
            &["enter"],
            &["esc", "?"],
            &["esc", ":"],
            &["esc", "q"],
        ] {
            for key in keys {
                hands.press(key);
            }
            for (width, height) in [1, 20, 60, 61, 79, 80, 109, 110, 119, 120, 180, 200]
                .into_iter()
                .flat_map(|w| [1, 3, 15, 16, 17, 24, 30, 36, 60].map(|h| (w, h)))
            {
                hands.size = (width, height);
                hands.show();
            }
        }
    }
}

#[test]
fn names_of_two_hundred_columns_are_cut_where_it_is_seen() {
    let mut plan = night::plan("orders.toml");
    for step in &mut plan.steps {
        step.title = format!("{} {}", step.title, "und 本番環境 ".repeat(16));
    }
    for probe in &mut plan.probes {
        probe.title = format!("{} {}", probe.title, "langer Name ".repeat(16));
    }
    plan.name = "Ein sehr langer Name ".repeat(10);
    let mut night = night::quiet(Night::of(plan, cutover::engine::event::Mode::Live));
    night.pass(1);
    for size in crate::SIZES {
        let mut hands = Hands::on(fresh_of(&night), size);
        let screen = hands.reads();
        assert!(screen.contains('…'), "{screen}");
        assert!(screen.contains("users read-only 3:"), "{screen}");
    }
}

fn fresh_of(night: &Night) -> Night {
    let mut again = Night::of((*night.plan).clone(), cutover::engine::event::Mode::Live);
    again.state = night.state.clone();
    again.readings = night.readings.clone();
    again.journal.clone_from(&night.journal);
    again.now = night.now;
    again
}

#[test]
fn everything_unknown_is_drawn_calmly_and_shows_no_number() {
    let mut night = Night::live();
    let ids: Vec<String> = night.world.keys().cloned().collect();
    for id in ids {
        night.sees(&id, World::Fails(Unmeasured::TimedOut(2_000)));
    }
    night.begin();
    night.pass(20);
    let screen = Hands::on(night, (120, 36)).reads();
    for name in ["orders", "billing", "audit"] {
        let row = screen
            .lines()
            .find(|line| line.contains(&format!("? {name} ")))
            .unwrap_or_else(|| panic!("{screen}"));
        assert!(row.contains('—') && row.contains("no answer within 2.0s"), "{row}");
        let value = row.split_once(&format!("? {name} ")).unwrap().1;
        assert!(!value.contains("0 "), "{row}");
    }
}

#[test]
fn hundreds_of_alarms_are_the_loudest_few_and_a_sum() {
    let mut plan = night::plan("orders.toml");
    let model = plan.probes.iter().find(|p| p.id.as_str() == "front-door").unwrap().clone();
    for n in 0..300 {
        let mut probe = model.clone();
        probe.id = format!("host-{n}").into();
        probe.title = format!("host {n}");
        probe.alarm = Some(if n % 10 == 0 {
            cutover::plan::model::Severity::Warning
        } else {
            cutover::plan::model::Severity::Caution
        });
        plan.probes.push(probe);
    }
    let mut night = Night::of(plan.indexed(), cutover::engine::event::Mode::Live);
    let ids: Vec<String> = night.world.keys().filter(|id| id.starts_with("host-")).cloned().collect();
    for id in ids {
        night.sees(&id, World::Fails(Unmeasured::NotReachable("connection refused".into())));
    }
    night.begin();
    night.pass(20);
    let screen = Hands::on(night, (120, 36)).reads();
    assert!(screen.contains("30 warnings, 270 cautions to answer"), "{screen}");
    let sum = screen
        .lines()
        .find(|line| line.contains("more, ") && line.contains("warnings"))
        .unwrap_or_else(|| panic!("{screen}"));
    assert!(sum.contains("270 cautions"), "{sum}");
    let alarms = screen.lines().filter(|line| line.contains("not reachable")).count();
    assert!(alarms < 20, "{screen}");
}

#[test]
fn a_step_that_fails_says_what_to_do() {
    let mut night = night::quiet(Night::live());
    night.sees("billing", World::Behind { rows: 0, each_second: 0 });
    night.until("00:44:20");
    night.ends("sequences", Outcome::Failed { code: Some(3) }, "exit 3: no such sequence");
    night.pass(1);
    let mut hands = Hands::on(night, (120, 36));
    let screen = hands.reads();
    assert!(screen.contains("failed: exit 3: no such sequence"), "{screen}");
    assert!(screen.contains("r try again") && screen.contains("r retry"), "{screen}");
    hands.press("r");
    assert_eq!(hands.night.state.step(&hands.night.plan, &"sequences".into()).unwrap().attempts, 2);
}

/// Ten thousand steps: what a key costs must not grow with the plan. The time is told, not judged.
#[test]
fn ten_thousand_steps_are_drawn_by_the_window() {
    let mut took = Vec::new();
    for steps in [100, 10_000] {
        let mut plan = night::plan("orders.toml");
        let model = plan.steps.iter().find(|s| s.id.as_str() == "sequences").unwrap().clone();
        let phase = plan.phases.last().unwrap().clone();
        let (mut kept, added) = (plan.steps.clone(), steps);
        for n in 0..added {
            let mut step = model.clone();
            step.id = format!("many-{n}").into();
            step.title = format!("One of many, number {n}");
            step.phase = phase.id.clone();
            step.after = vec![kept.last().unwrap().id.clone()];
            kept.push(step);
        }
        plan.steps = kept;
        plan.phases.last_mut().unwrap().count += added;
        let mut night = Night::of(plan.indexed(), cutover::engine::event::Mode::Live);
        night.begin();
        let mut hands = Hands::on(night, (120, 36));
        hands.press("G");
        let screen = hands.reads();
        assert!(screen.contains(&format!("One of many, number {}", steps - 1)), "{screen}");
        let theme = look("dark", Mode::Live);
        let began = Instant::now();
        for n in 0..100 {
            hands.key(if n % 2 == 0 { "k" } else { "j" }, false, false);
            drawn(120, 36, &theme, |canvas| hands.cockpit.draw(canvas, hands.night.now));
        }
        took.push((steps, began.elapsed() / 100));
    }
    println!("a key and its frame, by steps in the plan: {took:?}");
}

#[test]
fn without_unicode_no_byte_is_above_seven_bits() {
    let night = night::at_a_bad_gate(Night::live());
    let mut cockpit = Cockpit::new(Seat::Operator(night.operator.clone()), Keymap::default());
    cockpit.on_feed(night.feed());
    let plain = cutover::ui::canvas::Look { glyphs: &cutover::ui::glyphs::ASCII, ..look("dark", Mode::Live) };
    for (width, height) in crate::SIZES {
        let screen = text(&drawn(width, height, &plain, |canvas| cockpit.draw(canvas, night.now)));
        assert!(screen.is_ascii(), "{screen}");
    }
}
