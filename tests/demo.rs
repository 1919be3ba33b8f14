//! `cutover demo`, driven with keys alone in a real pty: to its end, and back. The oracle is not ours: the client's
//! log against the `sqlite3` command.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unused_self,
    reason = "what a test relies on and does not find fails the test"
)]

#[path = "demo/hand.rs"]
mod hand;
mod oracle;
mod pty;

use cutover::demo::Side;
use hand::Demo;

#[test]
fn keys_alone_bring_the_demo_to_its_end() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.go();
    demo.end_the_price_job();
    demo.go();
    demo.terminal.shows("GO / NO-GO   Announce success");
    demo.go();
    demo.is_over_on(Side::Target, &["source", "target"], 0);
    let said = demo.oracle().direct_write(Side::Source).unwrap_err();
    assert!(said.contains("fenced"), "{said}");
}

#[test]
fn turned_back_before_the_switch_nothing_has_moved() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.go();
    demo.end_the_price_job();
    demo.turn_back();
    demo.is_over_on(Side::Source, &["source"], 1);
}

#[test]
fn turned_back_after_the_switch_every_order_comes_back() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.go();
    demo.end_the_price_job();
    demo.go();
    demo.terminal.shows("GO / NO-GO   Announce success");
    demo.turn_back();
    demo.is_over_on(Side::Source, &["source", "target", "source"], 1);
}

#[test]
fn a_row_altered_on_the_target_blocks_go_and_is_named() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.go();
    demo.end_the_price_job();
    // All of it holds, and then somebody's hand is on the target.
    demo.terminal.answer();
    demo.does("alter", "Alter a row of the target behind its back");
    demo.terminal.shows("1 row differs: customers 7");
    demo.terminal.go_is_refused("GO / NO-GO", "cloud abcd");
    demo.terminal.shows("rows, now is not well");
    assert_eq!(demo.users_are_on(), Side::Source);
    // Mended, it is compared again by itself, and the checklist ticks again.
    demo.does("mend", "Mend the target's rows");
    demo.answers_alarms();
    demo.go();
    demo.terminal.shows("GO / NO-GO   Announce success");
    demo.go();
    demo.is_over_on(Side::Target, &["source", "target"], 0);
}

#[test]
fn a_replicator_that_stands_still_shows_and_no_time_is_promised() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.does("stop the", "Stop the replicator");
    let t = &mut demo.terminal;
    t.shows("growing");
    t.shows("finish unknown: orders");
    t.until("the gauge raises an alarm", |s| s.contains("! orders").then_some(()));
    demo.terminal.go_is_refused("GO / NO-GO", "cloud abcd");
    demo.terminal.shows("orders is not well");
    demo.does("start the", "Start the replicator");
    demo.answers_alarms();
}

#[test]
fn a_target_that_is_away_is_unknown_and_refuses_go() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.does("take the", "Take the target away");
    demo.terminal.shows("? orders");
    demo.terminal.shows("unknown: orders is");
    demo.terminal.go_is_refused("GO / NO-GO", "cloud abcd");
    demo.terminal.shows("orders is unknown");
    demo.does("bring", "Bring the target back");
    demo.answers_alarms();
}

#[test]
fn a_stray_write_on_the_target_is_a_breach() {
    let mut demo = Demo::start();
    demo.prepare();
    demo.does("stray", "A stray write on the target");
    demo.terminal.shows("! stray writes");
    demo.terminal.go_is_refused("GO / NO-GO", "cloud abcd");
    demo.terminal.shows("stray writes is not well");
}

#[test]
fn every_key_arrives_whatever_else_goes_on() {
    let mut demo = Demo::start();
    demo.prepare();
    for round in 0..15 {
        let typed = format!("the quick brown fox {round} jumps over the lazy dog");
        demo.terminal.opens_the_palette();
        let t = &mut demo.terminal;
        t.bytes(typed.as_bytes());
        t.shows(&typed);
        t.esc();
        t.gone("Command");
    }
}
