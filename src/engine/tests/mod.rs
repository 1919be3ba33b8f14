//! The engine under a manual clock: events in, events out. `driver` runs it as the engine process does; each
//! other file is a subject.

mod called;
mod driver;
mod folds;
mod gates;
mod loops;
mod steps;
mod wayback;
