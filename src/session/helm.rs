//! Who is connected with the keys, and when they were last heard of.
//!
//! Owns the one connection that may act. Whether somebody may take the keys, and what follows when they are
//! gone, is the engine's to decide; this only knows connections and real time.

use std::time::Duration;

use crate::clock::Boot;

/// Not heard of for so long: nobody has the keys.
pub const LOST_AFTER: Duration = Duration::from_secs(3);
/// When we ourselves were away for longer than this, we could not have heard anybody.
const OUR_GAP: Duration = Duration::from_secs(1);

/// A connection to the control socket, by the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Who is connected with the keys.
#[derive(Debug)]
pub struct Helm {
    active: Option<ConnectionId>,
    heard: Boot,
    looked: Boot,
}

impl Helm {
    /// Nobody is connected yet; whoever started the run has three seconds.
    pub fn new(real: Boot) -> Helm {
        Helm { active: None, heard: real, looked: real }
    }

    /// The connection that may act.
    pub fn active(&self) -> Option<ConnectionId> {
        self.active
    }

    /// A connection has been given the keys; gives back the one that had them.
    pub fn give(&mut self, to: ConnectionId, real: Boot) -> Option<ConnectionId> {
        self.heard = real;
        self.active.replace(to).filter(|before| *before != to)
    }

    /// Something came from a connection.
    pub fn heard(&mut self, from: ConnectionId, real: Boot) {
        if self.active == Some(from) {
            self.heard = real;
        }
    }

    /// A connection is closed. Its person has three seconds to come back.
    pub fn closed(&mut self, connection: ConnectionId) {
        self.active = self.active.filter(|active| *active != connection);
    }

    /// Whether whoever has the keys is lost. Time in which we could not listen does not count.
    pub fn is_lost(&mut self, real: Boot) -> bool {
        let away = real.since(self.looked);
        self.looked = real;
        if away > OUR_GAP {
            self.heard = self.heard.plus(away);
        }
        real.since(self.heard) >= LOST_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARIA: ConnectionId = ConnectionId(1);
    const JUN: ConnectionId = ConnectionId(2);

    /// Looks every 250 ms from `from` to `to` and says when somebody was first lost.
    fn lost_at(helm: &mut Helm, from: u64, to: u64) -> Option<u64> {
        (from..=to).step_by(250).find(|at| helm.is_lost(Boot(*at)))
    }

    #[test]
    fn whoever_is_silent_for_three_seconds_is_lost() {
        let mut helm = Helm::new(Boot(1500));
        assert_eq!(helm.give(MARIA, Boot(1500)), None);
        helm.heard(MARIA, Boot(2000));
        assert_eq!(lost_at(&mut helm, 2000, 9000), Some(5000));
    }

    #[test]
    fn a_closed_connection_leaves_three_seconds_to_come_back() {
        let mut helm = Helm::new(Boot(0));
        helm.give(MARIA, Boot(1000));
        helm.closed(MARIA);
        assert_eq!(helm.active(), None);
        assert_eq!(lost_at(&mut helm, 1000, 3500), None);
        assert_eq!(helm.give(JUN, Boot(3500)), None);
        assert_eq!(lost_at(&mut helm, 3500, 6250), None);
    }

    #[test]
    fn who_takes_the_keys_leaves_the_other_without_a_voice() {
        let mut helm = Helm::new(Boot(0));
        helm.give(MARIA, Boot(0));
        assert_eq!(helm.give(JUN, Boot(500)), Some(MARIA));
        helm.heard(MARIA, Boot(3000));
        helm.closed(MARIA);
        assert_eq!(helm.active(), Some(JUN));
        assert_eq!(lost_at(&mut helm, 500, 9000), Some(3500));
    }

    #[test]
    fn time_in_which_the_engine_itself_was_stopped_is_nobodys_silence() {
        let mut helm = Helm::new(Boot(0));
        helm.give(MARIA, Boot(0));
        assert!(!helm.is_lost(Boot(250)));
        assert!(!helm.is_lost(Boot(60_250)));
        helm.heard(MARIA, Boot(60_300));
        assert_eq!(lost_at(&mut helm, 60_500, 70_000), Some(63_500));
    }
}
