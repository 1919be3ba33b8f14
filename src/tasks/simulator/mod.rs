//! The performer of a rehearsal: nothing real is touched.
//!
//! Owns the made-up world ([`world`], which is pure) and the one task that lets its time pass. No process is
//! started, no socket opened, no file written: what the plan would do is only said to have been done, after
//! its estimate, by a clock that may run faster than the real one.

mod looks;
mod world;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::{Happened, Setup};
use crate::clock::Clock;
use crate::engine::effect::Effect;
use world::World;

/// The performer of a rehearsal.
#[derive(Debug)]
pub(super) struct Simulator {
    world: Arc<Shared>,
    clock: Clock,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    /// Something new may be due.
    news: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator {
    /// Begins to let time pass.
    pub(super) fn begin(setup: Setup, out: mpsc::Sender<Happened>) -> Simulator {
        let Setup { plan, clock, known, .. } = setup;
        let world = World::new(&plan, &known, clock.now());
        let shared = Arc::new(Shared { world: Mutex::new(world), news: Notify::new() });
        let task = tokio::spawn(live(Arc::clone(&shared), clock.clone(), out));
        Simulator { world: shared, clock, task }
    }

    /// Sets effects going.
    pub(super) fn start(&self, effects: &[Effect]) {
        self.world.lock().start(effects, self.clock.now());
        self.world.news.notify_one();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Says what is due as soon as it is, until the run is over or nobody listens.
async fn live(shared: Arc<Shared>, clock: Clock, out: mpsc::Sender<Happened>) {
    loop {
        let (due, next) = {
            let mut world = shared.lock();
            (world.due(clock.now()), world.next())
        };
        for happened in due {
            if out.send(happened).await.is_err() {
                return;
            }
        }
        if shared.lock().is_over() {
            return;
        }
        let wait = next.map(|at| clock.real(at.since(clock.now().boot)));
        tokio::select! {
            () = shared.news.notified() => {}
            () = sleep(wait) => {}
        }
    }
}

async fn sleep(wait: Option<std::time::Duration>) {
    match wait {
        // Clocks tell milliseconds: a shorter sleep would come back before anything is due.
        Some(wait) => tokio::time::sleep(wait.max(std::time::Duration::from_millis(1))).await,
        None => std::future::pending().await,
    }
}
