//! The databases of a run, each held once, so that everybody who asks one shares its connection.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Database, Error, Settings, connect};

/// Databases by their names.
#[derive(Default)]
pub struct Hub(Mutex<HashMap<String, Held>>);

struct Held {
    /// The kind and the address that it was made for: a password may be another one next time.
    of: (String, String),
    database: Arc<dyn Database>,
}

impl Hub {
    /// The database of this name. Connects to nothing yet.
    ///
    /// # Errors
    /// As [`connect`].
    pub fn get(&self, kind: &str, settings: &Settings) -> Result<Arc<dyn Database>, Error> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (kind.to_owned(), settings.address.clone());
        if let Some(known) = held.get(&settings.name).filter(|known| known.of == of) {
            return Ok(known.database.within(settings.timeout));
        }
        let database = connect(kind, settings)?;
        held.insert(settings.name.clone(), Held { of, database: Arc::clone(&database) });
        Ok(database)
    }
}

impl fmt::Debug for Hub {
    /// Names only: an address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.lock().unwrap_or_else(PoisonError::into_inner).keys()).finish()
    }
}
