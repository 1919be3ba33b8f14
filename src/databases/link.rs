//! A link: one database's changes flowing into another.
//!
//! Owns the questions that a gauge asks. Refuses to know how changes travel; whoever carries them (a
//! server's replication, the demo's replicator) is asked nothing and believed nothing.

use std::fmt;
use std::sync::Arc;

use super::{Answer, Database, Error, Lag, Position};

/// One direction of replication between two databases.
pub trait Link: fmt::Debug + Send + Sync {
    /// How far the target is behind, by position.
    ///
    /// # Errors
    /// [`Error::Broken`] when the two positions cannot belong to one link.
    fn lag(&self) -> Answer<'_, Lag>;

    /// Whether the target has applied the source's log up to a position that was captured there.
    ///
    /// # Errors
    /// [`Error::Broken`] when it is not a position of this kind of link.
    fn reached(&self, position: &Position) -> Answer<'_, bool>;

    /// What the link does not carry although it has to, one sentence each: a table that is not followed,
    /// or missing at the other end. A position reached says nothing about these. `except` names tables that
    /// need not travel.
    fn gaps<'a>(&'a self, except: &'a [String]) -> Answer<'a, Vec<String>>;
}

/// A kind of link, as a plan names it.
pub struct LinkKind {
    /// The plan's key.
    pub kind: &'static str,
    /// Joins the two ends.
    pub join: Join,
}

/// Makes a link of its two ends: from, to.
pub type Join = fn(Arc<dyn Database>, Arc<dyn Database>) -> Arc<dyn Link>;

/// Every kind of link: one line each.
pub const LINKS: &[LinkKind] = &[super::sqlite::LINK];

/// Joins two databases by a kind of link.
///
/// # Errors
/// [`Error::Broken`] names the kinds there are when this is none of them.
pub fn link(kind: &str, from: Arc<dyn Database>, to: Arc<dyn Database>) -> Result<Arc<dyn Link>, Error> {
    let Some(found) = LINKS.iter().find(|k| k.kind == kind) else {
        let known: Vec<&str> = LINKS.iter().map(|k| k.kind).collect();
        let next = format!("use one of: {}", known.join(", "));
        return Err(Error::broken(kind, "there is no such kind of replication", next));
    };
    Ok((found.join)(from, to))
}
