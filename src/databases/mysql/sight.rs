//! How much of a log a look has seen.
//!
//! What is told to a look that does not see it must be told to the next one too, so a mark stands no further than this.

use mysql_async::binlog::events::Event;

use super::binlog;
use super::gtid::{File, Place, State};
use crate::databases::trail::{Mark, Seen};

/// How much of the log the look has seen: so much of it counts as read.
pub(super) enum Sight {
    /// All until this mark.
    Until(Mark),
    /// All that lies before a place in the log's files.
    Before {
        place: File,
        /// The file that is being read, once that is known.
        file: Option<String>,
        /// What was read of it.
        state: State,
        /// The rest lies behind it.
        past: bool,
    },
}

impl Sight {
    /// Of what the look says, for a log that is read from there.
    pub(super) fn of(seen: &Seen, from: &Place) -> Sight {
        match (File::read(&seen.0), from) {
            (Some(place), Place::State(state)) => {
                Sight::Before { place, file: None, state: state.clone(), past: false }
            }
            _ => Sight::Until(Mark(seen.0.clone())),
        }
    }

    /// Takes an event in.
    pub(super) fn take(&mut self, event: &Event) {
        let Sight::Before { place, file, state, past } = self else { return };
        if let Some((number, domain)) = binlog::transaction(event) {
            let header = event.header();
            let at = u64::from(header.log_pos().saturating_sub(header.event_size()));
            *past |= !file.clone().is_some_and(|name| File { name, at }.lies_before(place));
            if !*past {
                state.add(domain, header.server_id(), number);
            }
        }
    }

    /// The log goes on in another file. What lies in one that is not known counts as not seen.
    pub(super) fn file(&mut self, name: Option<String>) {
        if let Sight::Before { file, .. } = self {
            *file = name;
        }
    }

    /// Where the next look goes on.
    pub(super) fn mark(&self) -> Mark {
        match self {
            Sight::Until(mark) => mark.clone(),
            Sight::Before { state, .. } => Mark(state.to_string()),
        }
    }
}
