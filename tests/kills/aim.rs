//! Which moments are aimed at, and how often each was hit.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A kind of moment at which an engine is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// With a step running.
    Running,
    /// Within five milliseconds of an append.
    Append,
    /// A step's start is on record, and its command has not been started.
    Between,
    /// On the way back.
    Rollback,
    /// An engine that takes the run up, before it has answered its first hello.
    Resume,
    /// Engine and shim of a running step.
    Both,
    /// Any other moment.
    Random,
}

/// How often each class has to be hit in the long tier.
pub(super) const WANTED: [(Class, usize); 7] = [
    (Class::Running, 50),
    (Class::Append, 50),
    (Class::Between, 30),
    (Class::Rollback, 20),
    (Class::Resume, 20),
    (Class::Both, 20),
    (Class::Random, 0),
];
/// How many kills there have to be in all.
pub(super) const WANTED_IN_ALL: usize = 200;

/// A sequence of numbers that is the same for the same seed (`SplitMix64`).
pub(super) struct Seeded(pub(super) u64);

impl Seeded {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(super) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap();
            all.swap(last, other);
        }
    }
}

/// What is aimed at in one run, in a seeded order.
pub(super) struct Bag {
    forward: Vec<Class>,
    back: Vec<Class>,
}

impl Bag {
    /// `first` comes before the others of the way, in its own order.
    pub(super) fn new(
        rng: &mut Seeded,
        first: &[(Class, usize)],
        forward: &[(Class, usize)],
        back: &[(Class, usize)],
    ) -> Bag {
        let mut fill = |parts: &[(Class, usize)]| {
            let mut all: Vec<Class> =
                parts.iter().flat_map(|(class, times)| std::iter::repeat_n(*class, *times)).collect();
            rng.shuffle(&mut all);
            all
        };
        let mut bag = Bag { forward: fill(forward), back: fill(back) };
        for (class, times) in first.iter().rev() {
            bag.forward.extend(std::iter::repeat_n(*class, *times));
        }
        bag
    }

    /// What to aim at next, by whether the run is on its way back.
    pub(super) fn draw(&mut self, back: bool) -> Option<Class> {
        if back { &mut self.back } else { &mut self.forward }.pop()
    }

    /// Aims at this when nothing else is left to aim at on the way.
    pub(super) fn at_last(&mut self, class: Class) {
        self.forward.insert(0, class);
    }

    /// Missed: it is aimed at again, after everything else on the way that the run is on now.
    pub(super) fn again(&mut self, class: Class, back: bool) {
        if back { &mut self.back } else { &mut self.forward }.insert(0, class);
    }
}

/// How often each class was hit. A kill counts once: in the class that it was aimed at if it hit there, else as
/// one at any other moment.
#[derive(Debug, Default)]
pub(super) struct Histogram(BTreeMap<Class, usize>);

impl Histogram {
    pub(super) fn count(&mut self, class: Class) {
        *self.0.entry(class).or_default() += 1;
    }

    pub(super) fn of(&self, class: Class) -> usize {
        self.0.get(&class).copied().unwrap_or(0)
    }

    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Whether the long tier has what it wants.
    pub(super) fn is_full(&self) -> bool {
        self.total() >= WANTED_IN_ALL && WANTED.iter().all(|(class, least)| self.of(*class) >= *least)
    }

    pub(super) fn text(&self) -> String {
        let words = |class| match class {
            Class::Running => "with a step running",
            Class::Append => "within 5 ms of an append",
            Class::Between => "between record and spawn",
            Class::Rollback => "on the way back",
            Class::Resume => "during resume",
            Class::Both => "engine and shim together",
            Class::Random => "any other moment",
        };
        let mut text = String::new();
        for (class, _) in WANTED {
            let count = self.of(class);
            writeln!(text, "{:26} {count:4} {}", words(class), "#".repeat(count)).unwrap();
        }
        writeln!(text, "{:26} {:4}", "in all", self.total()).unwrap();
        text
    }
}
