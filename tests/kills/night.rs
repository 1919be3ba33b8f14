//! One whole move of the demo, with an engine that is killed again and again and taken up as a person would.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cutover::demo::Side;
use cutover::engine::event::Ending;
use cutover::engine::state::Stage;
use cutover::session::launch;

use super::aim::{Bag, Class, Seeded};
use super::body::Body;
use super::checks::record_is_true;
use super::counted::Counted;
use super::reaper::{Prey, Struck, kill, strike_resume};
use super::watch::Watcher;
use crate::shop::{Person, Sat, Shop, TurnsBack, exe, until_ended};

/// More engines than this for one run: it does not get on.
const MOST_LIVES: usize = 120;
/// An aim that missed so often in one run is given up.
const MOST_MISSES: usize = 10;

/// How long a command takes at least before it does its work and after it, in seconds: wide enough to be met.
const WIDTH: [f32; 2] = [0.3, 0.1];

/// Says which seed to replay when a run fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("this run again: CUTOVER_SEED={} cargo nextest run --test kills", self.0);
        }
    }
}

/// Ends the waiting of whoever wants to kill.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The demo's plan with commands that count their starts.
fn counting(home: &Path, plan: &str) -> String {
    Counted::place(home, WIDTH);
    let script = Counted::script(home);
    let named = plan.replace("[vars]", &format!("[vars]\ncounted = \"{}\"", script.display()));
    let mut counting = named;
    for (command, times) in
        [("[\"${cutover}\", \"__world", 6), ("enforce = [\"touch\"", 1), ("lift = [\"rm\"", 1)]
    {
        assert_eq!(counting.matches(command).count(), times, "{command}");
        let (before, name) = command.split_once('[').unwrap();
        counting = counting.replace(command, &format!("{before}[\"${{counted}}\", {name}"));
    }
    counting
}

/// Runs a move to its end under the kills of a bag; `each` hears of every kill. All checks are made at the end.
pub(super) fn night(seed: u64, turns_back: TurnsBack, mut bag: Bag, mut each: impl FnMut(&Struck)) {
    let replay = Seed(seed);
    let mut rng = Seeded(seed ^ 0x006b_696c_6c73);
    let mut shop = Shop::open_with(|home, plan| counting(home, &plan));
    let run = shop.run.clone();
    let watcher = Watcher::begin(&run);
    let mut person = Person::new(turns_back);
    if turns_back != TurnsBack::Never {
        bag.at_last(Class::Rollback);
    }
    let mut orphans = HashSet::new();
    let mut misses = 0;
    let mut back = false;
    for life in 0.. {
        assert!(life < MOST_LIVES, "no end after {life} engines");
        let mut aim = bag.draw(back);
        if life == 0 && aim == Some(Class::Resume) {
            // There is nothing to take up yet.
            aim = bag.draw(back);
            bag.again(Class::Resume, back);
        }
        let (over, struck) = live(&shop, &mut person, aim, &mut rng);
        let body = Body::examine(&run, watcher.seen());
        back = matches!(body.state.stage, Stage::Back(_));
        if let Some(struck) = struck {
            println!(
                "seed {seed}, engine {life}, aimed at {:?}, hit {}: {}",
                struck.aimed, struck.hit, struck.found
            );
            each(&struck);
            orphans.extend(struck.orphan.clone());
            if let Some(aim) = aim.filter(|aim| *aim != struck.aimed || !struck.hit) {
                misses += 1;
                if misses < MOST_MISSES {
                    bag.again(aim, back);
                }
            }
        }
        assert!(body.verdict.acknowledged >= Some(person.accepted), "{} was accepted", person.accepted);
        if over || body.state.is_over() {
            break;
        }
    }
    ended(&shop);
    let expected = if turns_back == TurnsBack::Never { Ending::Done } else { Ending::RolledBack };
    assert_eq!(Body::examine(&run, Vec::new()).state.stage, Stage::Over(expected));
    record_is_true(&run, &watcher.end(), &Counted::of(shop.home()), &orphans);
    shop.close();
    let (side, turns): (_, &[&str]) = match (expected, turns_back) {
        (Ending::Done, _) => (Side::Target, &["source", "target"]),
        (_, TurnsBack::At("go")) => (Side::Source, &["source"]),
        _ => (Side::Source, &["source", "target", "source"]),
    };
    let oracle = shop.oracle();
    let orders = oracle.every_order_stands_once(side);
    assert_eq!(oracle.turns(), turns);
    oracle.both_the_same();
    println!("seed {seed}, {turns_back:?}: {orders} orders, each of them once");
    drop(replay);
}

/// One engine's life: true when the run has come to its end, and how the engine was killed, if it was.
fn live(shop: &Shop, person: &mut Person, aim: Option<Class>, rng: &mut Seeded) -> (bool, Option<Struck>) {
    if aim == Some(Class::Resume) {
        return (false, Some(strike_resume(&shop.run, rng)));
    }
    let mut engine = shop.engine();
    let (seated, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (sat, struck) = std::thread::scope(|scope| {
        let prey = Prey { run: &shop.run, engine: &mut engine, seated: &seated, over: &over };
        let reaper = scope.spawn(move || aim.and_then(|aim| prey.strike(aim, rng)));
        let sat = {
            let _over = Over(&over);
            person.drive(shop, |_| seated.store(true, Ordering::Relaxed))
        };
        (sat, reaper.join().unwrap())
    });
    match sat {
        Sat::Over(_) => {
            if struck.is_none() {
                until_ended(&mut engine);
            }
            (true, struck)
        }
        Sat::EngineGone => {
            let log = || std::fs::read_to_string(shop.run.join(launch::LOG)).unwrap_or_default();
            assert!(
                struck.is_some(),
                "the engine ended by itself: {:?}\n{}",
                kill(&mut engine, &shop.run),
                log()
            );
            (false, struck)
        }
    }
}

/// A run whose end was written and told to nobody is told by whoever takes it up, who then finds nothing to do.
fn ended(shop: &Shop) {
    let body = Body::examine(&shop.run, Vec::new());
    if body.verdict.acknowledged < Some(body.verdict.seq) {
        let engine = std::process::Command::new(exe()).arg("__engine").arg(&shop.run).output().unwrap();
        assert_eq!(engine.status.code(), Some(2), "a run that is over is not taken up");
    }
}
