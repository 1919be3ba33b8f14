//! The cockpit's line to the engine: connecting and connecting again, on threads of their own.

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use super::Wake;
use crate::session::client::{Client, ConnectError, FromEngine, Hello};

/// How soon it is tried again after a try that failed.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Whoever comes back at once may meet their own name: the engine needs a moment to see that they had gone.
const OWN_NAME: Duration = Duration::from_secs(5);

/// The line, whether it stands or not.
pub(super) struct Line {
    run: PathBuf,
    name: String,
    account: String,
    wake: SyncSender<Wake>,
    /// Counts the tries, so that what an old connection says last is not taken for the new one's.
    generation: u64,
    client: Option<Client>,
    trying: bool,
    again: Option<Instant>,
    /// Until when one's own name is taken for what one has just left behind.
    own_name_until: Option<Instant>,
}

impl Line {
    /// Asks for the keys of a run.
    pub(super) fn open(run: PathBuf, name: String, account: String, wake: SyncSender<Wake>) -> Line {
        let mut line = Line {
            run,
            name,
            account,
            wake,
            generation: 0,
            client: None,
            trying: false,
            again: None,
            own_name_until: None,
        };
        line.connect(false);
        line
    }

    /// The connection, where it stands.
    pub(super) fn client(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// Asks for the keys, or takes them from whoever has them.
    pub(super) fn connect(&mut self, take: bool) {
        if self.trying {
            return;
        }
        self.client = None;
        self.again = None;
        self.trying = true;
        self.generation += 1;
        let generation = self.generation;
        let hello = Hello { name: self.name.clone(), account: self.account.clone(), take };
        let (run, wake, to) = (self.run.clone(), self.wake.clone(), self.wake.clone());
        let connect = move || {
            let told = Client::connect(&run, hello, move |what| {
                // Whoever sat here has left; then nobody wants to know.
                let _left = to.send(Wake::Engine(generation, what));
            });
            let _left = wake.send(Wake::Connected(generation, told));
        };
        if thread::Builder::new().name("connect".to_owned()).spawn(connect).is_err() {
            self.failed();
        }
    }

    /// A try has an end. Whether it is the newest.
    pub(super) fn connected(
        &mut self,
        generation: u64,
        told: Result<Client, ConnectError>,
    ) -> Option<Result<(), ConnectError>> {
        if generation != self.generation {
            return None;
        }
        self.trying = false;
        match told {
            Ok(client) => {
                self.own_name_until = None;
                self.client = Some(client);
                Some(Ok(()))
            }
            Err(ConnectError::Held { who, .. }) if who == self.name && self.may_be_mine() => {
                self.failed();
                None
            }
            Err(error) => {
                if !matches!(error, ConnectError::Held { .. }) {
                    self.failed();
                }
                Some(Err(error))
            }
        }
    }

    /// Something came over a connection. Whether it is the newest; whether it is over is remembered.
    pub(super) fn heard(&mut self, generation: u64, what: &FromEngine) -> bool {
        if generation != self.generation {
            return false;
        }
        if let FromEngine::Closed { taken, .. } = what {
            self.client = None;
            if !taken {
                self.failed();
            }
        }
        true
    }

    fn may_be_mine(&mut self) -> bool {
        let now = Instant::now();
        now < *self.own_name_until.get_or_insert(now + OWN_NAME)
    }

    fn failed(&mut self) {
        self.trying = false;
        self.again = Some(Instant::now() + AGAIN_AFTER);
    }

    /// Tries again when it is time, as long as there is an engine to try.
    pub(super) fn tend(&mut self, engine: bool) {
        if engine && !self.trying && self.again.is_some_and(|at| at <= Instant::now()) {
            self.connect(false);
        }
    }
}
