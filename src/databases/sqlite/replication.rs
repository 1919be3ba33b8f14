//! A link between two SQLite databases of the convention: lag counted in changes of the log.

use std::sync::Arc;

use super::convention::{self, MARKERS};
use crate::databases::link::LinkKind;
use crate::databases::{Answer, Database, Error, Lag, Link, ObjectName, Position, Unit};

/// The convention's line in the table of links.
pub(in crate::databases) const LINK: LinkKind =
    LinkKind { kind: "sqlite", join: |ends| Ok(Arc::new(ChangeLog { from: ends.from, to: ends.to })) };

#[derive(Debug)]
struct ChangeLog {
    from: Arc<dyn Database>,
    to: Arc<dyn Database>,
}

impl Link for ChangeLog {
    fn lag(&self) -> Answer<'_, Lag> {
        Box::pin(async {
            // The target first: what happens between the two looks may only make the lag look larger.
            let target = self.to.applied().await?;
            let source = self.from.position().await?;
            let (done, end) = (convention::changes(&target)?, convention::changes(&source)?);
            let behind = end.checked_sub(done).ok_or_else(|| {
                let why =
                    format!("it has applied {target}, but the log of {} ends at {source}", self.from.name());
                Error::broken(self.to.name(), why, "check that these two are the ends of one link")
            })?;
            Ok(Lag { behind, unit: Unit::Changes, source, target, stopped: None, late_ms: None })
        })
    }

    fn reached(&self, position: &Position) -> Answer<'_, bool> {
        let wanted = convention::changes(position);
        Box::pin(async {
            let wanted = wanted?;
            Ok(convention::changes(&self.to.applied().await?)? >= wanted)
        })
    }

    fn gaps<'a>(&'a self, except: &'a [String]) -> Answer<'a, Vec<String>> {
        Box::pin(async move {
            let (schema, tables) = (self.from.schema().await?, self.from.tables().await?);
            let arriving = self.to.tables().await?;
            let mut gaps = Vec::new();
            let travels = |name: &&str| !except.iter().any(|e| e == name);
            for name in tables.iter().map(|t| t.name.as_str()).filter(travels).chain([MARKERS]) {
                let followed = convention::log_triggers_of(name).all(|trigger| {
                    schema.objects.contains_key(&ObjectName { kind: "trigger".to_owned(), name: trigger })
                });
                if !followed {
                    gaps.push(format!("changes of table {name} are not logged at the source"));
                }
                if name != MARKERS && !arriving.iter().any(|t| t.name == name) {
                    gaps.push(format!("table {name} does not exist at the target"));
                }
            }
            Ok(gaps)
        })
    }
}
