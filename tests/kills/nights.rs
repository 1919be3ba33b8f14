//! How many moves, and what is aimed at in each.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::aim::{Bag, Class, Histogram, Seeded, WANTED};
use super::night::night;
use crate::shop::TurnsBack;

/// What is aimed at in a move of the long tier: at its first step, which is tried again after each …
const FIRST: [(Class, usize); 2] = [(Class::Between, 1), (Class::Both, 1)];
/// … on its way, and on its way back.
const FORWARD: [(Class, usize); 6] = [
    (Class::Running, 5),
    (Class::Append, 4),
    (Class::Between, 2),
    (Class::Both, 1),
    (Class::Resume, 3),
    (Class::Random, 1),
];
const BACK: [(Class, usize); 3] = [(Class::Rollback, 4), (Class::Between, 1), (Class::Both, 1)];
/// … and in the one move of the short tier: what needs a command that runs comes first, while every command is
/// still to come.
const FEW_FIRST: [(Class, usize); 2] = [(Class::Between, 1), (Class::Both, 2)];
const FEW_FORWARD: [(Class, usize); 4] =
    [(Class::Running, 2), (Class::Append, 2), (Class::Resume, 1), (Class::Random, 1)];
const FEW_BACK: [(Class, usize); 2] = [(Class::Rollback, 1), (Class::Resume, 1)];
/// The long tier has its numbers after so many moves, or it does not get them.
const MOST_MOVES: u64 = 45;
/// So many moves at a time.
const HANDS: usize = 3;

fn turns_back(seed: u64) -> TurnsBack {
    [TurnsBack::At("announce"), TurnsBack::At("go"), TurnsBack::Never][usize::try_from(seed % 3).unwrap()]
}

fn seed() -> Option<u64> {
    std::env::var("CUTOVER_SEED").ok().map(|seed| seed.parse().unwrap())
}

pub(super) fn long() -> bool {
    std::env::var_os("CUTOVER_LONG").is_some()
}

fn take_in_orphans() {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
}

#[test]
fn killed_at_any_moment_a_move_loses_nothing_and_does_nothing_twice() {
    take_in_orphans();
    let histogram = Mutex::new(Histogram::default());
    let each = |struck: &super::reaper::Struck| histogram.lock().unwrap().count(struck.class());
    let bag = |seed| Bag::new(&mut Seeded(seed), &FIRST, &FORWARD, &BACK);
    match (seed(), long()) {
        (Some(seed), _) => night(seed, turns_back(seed), bag(seed), each),
        (None, false) => {
            let missing = || {
                let histogram = histogram.lock().unwrap();
                WANTED.map(|(class, _)| class).into_iter().find(|class| histogram.of(*class) == 0)
            };
            // Back before the switch: the shortest move that goes both ways. One is enough, unless the machine is so
            // busy that a moment of milliseconds is missed whenever it is aimed at.
            for seed in [1, 4, 7] {
                let bag = Bag::new(&mut Seeded(seed), &FEW_FIRST, &FEW_FORWARD, &FEW_BACK);
                night(seed, turns_back(seed), bag, each);
                if missing().is_none() {
                    break;
                }
            }
            assert_eq!(missing(), None, "{}", histogram.lock().unwrap().text());
        }
        (None, true) => {
            let next = AtomicU64::new(0);
            std::thread::scope(|scope| {
                for _ in 0..HANDS {
                    scope.spawn(|| {
                        while !histogram.lock().unwrap().is_full() {
                            let seed = next.fetch_add(1, Ordering::Relaxed);
                            if seed >= MOST_MOVES {
                                break;
                            }
                            night(seed, turns_back(seed), bag(seed), each);
                            println!("after move {seed}:\n{}", histogram.lock().unwrap().text());
                        }
                    });
                }
            });
            assert!(histogram.lock().unwrap().is_full(), "{}", histogram.lock().unwrap().text());
        }
    }
    println!("{}", histogram.lock().unwrap().text());
}
