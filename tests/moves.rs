//! The demo's plan, live and without a screen: to its end, and back from before and after the switch. The oracle is
//! the client's log and the `sqlite3` command.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unused_self,
    reason = "what a test relies on and does not find fails the test"
)]

mod shop;

use cutover::demo::Side;
use cutover::engine::event::{Ending, Event};
use cutover::engine::reading::Verdict;
use cutover::session::feed::Snapshot;
use shop::{Person, Sat, Shop, TurnsBack, outage};

fn moved(turns_back: TurnsBack, expected: Ending) -> (Shop, Person, Snapshot) {
    let shop = Shop::open();
    let mut engine = shop.engine();
    let mut person = Person::new(turns_back);
    let mut last = None;
    let sat = person.drive(&shop, |seen| last = Some(seen.clone()));
    assert_eq!(sat, Sat::Over(expected));
    shop::until_ended(&mut engine);
    let last = last.unwrap();
    println!("{turns_back:?}: {}", outage(&last));
    (shop, person, last)
}

#[test]
fn users_move_and_no_order_is_lost() {
    let (mut shop, person, last) = moved(TurnsBack::Never, Ending::Done);
    assert!(person.ended_sessions.iter().all(|s| s == "price-job"));
    assert!(!person.ended_sessions.is_empty(), "the price job wrote behind the fence and was found");
    // The fast shop's job writes at once, so that the fence may be found out before it was ever ticked.
    let found = last.entries.iter().flat_map(|e| &e.events).any(|e| {
        matches!(e, Event::VerdictChanged { probe, verdict: Verdict::Fail, .. } if probe.as_str() == "fence:source")
    });
    assert!(found, "the write behind the fence is on the record");
    let said = shop.oracle().direct_write(Side::Source).unwrap_err();
    assert!(said.contains("fenced"), "{said}");
    shop.close();
    let orders = shop.oracle().every_order_stands_once(Side::Target);
    assert_eq!(shop.oracle().turns(), ["source", "target"]);
    shop.oracle().both_the_same();
    println!("{orders} orders accepted, all of them on the target once");
}

#[test]
fn turned_back_before_the_switch_everything_is_where_it_was() {
    let (mut shop, _, last) = moved(TurnsBack::At("go"), Ending::RolledBack);
    assert!(last.state.switched.is_none());
    shop.close();
    shop.oracle().every_order_stands_once(Side::Source);
    assert_eq!(shop.oracle().turns(), ["source"]);
    shop.oracle().both_the_same();
}

#[test]
fn turned_back_after_the_switch_the_orders_that_the_target_took_come_back_too() {
    let (mut shop, _, last) = moved(TurnsBack::At("announce"), Ending::RolledBack);
    assert!(last.state.switched.is_some());
    shop.close();
    shop.oracle().every_order_stands_once(Side::Source);
    assert_eq!(shop.oracle().turns(), ["source", "target", "source"]);
    shop.oracle().both_the_same();
}
