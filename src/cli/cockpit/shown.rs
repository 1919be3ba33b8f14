//! From what is read to what is shown.

use std::sync::Arc;

use crate::journal::Contact;
use crate::journal::record::Entry;
use crate::panes::{self, Feed, Recorded};
use crate::session::feed::Snapshot;

/// What the cockpit is fed with: the records are taken over once, whatever comes how often.
#[derive(Default)]
pub(super) struct Shown {
    journal: Arc<Vec<Arc<Recorded>>>,
}

/// So many records are kept for who scrolls back.
const TAIL: usize = 10_000;

impl Shown {
    /// A snapshot as the cockpit takes it.
    pub(super) fn feed(&mut self, seen: &Snapshot) -> Feed {
        let last = self.journal.last().map_or(0, |record| record.seq);
        if seen.state.seq > last {
            let journal = Arc::make_mut(&mut self.journal);
            let new = seen.entries.iter().filter(|entry| entry.at.seq > last);
            journal.extend(new.map(|entry| recorded(entry, false)));
            if journal.len() > TAIL + TAIL / 10 {
                journal.drain(..journal.len() - TAIL);
            }
        }
        let mut journal = self.journal.clone();
        if !seen.beyond.is_empty() {
            let beyond = seen.beyond.iter().map(|entry| recorded(entry, true));
            Arc::make_mut(&mut journal).extend(beyond);
        }
        let beat = seen.head.as_ref().map(|head| head.beat.real);
        // A beat of another boot says nothing in this one's time.
        let beat = beat.filter(|_| !matches!(seen.contact, Contact::NoContact(None)));
        Feed {
            plan: seen.plan.clone(),
            state: seen.state.clone(),
            readings: seen.readings.clone(),
            journal,
            records: seen.state.seq,
            hash: seen.head.as_ref().map_or_else(String::new, |head| head.hash.to_string()),
            contact: panes::Contact {
                beat,
                gone: (!seen.engine).then(|| "no engine runs it".to_owned()),
                damaged: seen.damage.clone(),
            },
        }
    }
}

fn recorded(entry: &Entry, unacknowledged: bool) -> Arc<Recorded> {
    Arc::new(Recorded {
        seq: entry.at.seq,
        at: entry.at.wall,
        hash: entry.hash.to_string(),
        events: entry.events.clone(),
        unacknowledged,
    })
}
