//! A link: one database's changes flowing into another.
//!
//! Owns the questions that a gauge asks. Refuses to know how changes travel; whoever carries them (a
//! server's replication, the demo's replicator) is asked nothing and believed nothing.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::{Answer, Asked, Database, Error, Found, Lag, Position};
use crate::plan::model::Trap;

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

    /// Where a trap lies at either end; empty where it does not.
    ///
    /// # Errors
    /// Also [`Error::Broken`] when the account has not the right to see it, and which one that is; or when this kind
    /// of link knows no such trap.
    fn trap<'a>(&'a self, trap: Trap, _: &'a Asked) -> Answer<'a, Vec<Found>> {
        Box::pin(std::future::ready(no_such(trap)))
    }
}

/// What is said of a trap that a kind of link does not have.
pub(super) fn no_such(trap: Trap) -> Result<Vec<Found>, Error> {
    let why = format!("this kind of link has no trap `{}`", trap.key());
    Err(Error::broken("the link", why, "this is a fault of cutover's: report it"))
}

/// A kind of link, as a plan names it.
pub struct LinkKind {
    /// The plan's key.
    pub kind: &'static str,
    /// Joins the two ends.
    pub join: Join,
}

/// The two ends of a link.
pub struct Ends {
    /// Where changes come from.
    pub from: Arc<dyn Database>,
    /// Where they arrive.
    pub to: Arc<dyn Database>,
    /// Which of the streams between the two, in the engine's own words: a slot, a channel. `None` where there is one.
    pub name: Option<String>,
}

impl Ends {
    /// The one stream between two.
    pub fn new(from: Arc<dyn Database>, to: Arc<dyn Database>) -> Ends {
        Ends { from, to, name: None }
    }

    /// Both ends as databases of the one engine that a kind of link is for.
    ///
    /// # Errors
    /// [`Error::Broken`] when one of them is of another engine.
    pub fn of<D: Database>(self, kind: &str) -> Result<(Arc<D>, Arc<D>), Error> {
        let of = |end: &Arc<dyn Database>| {
            alike(end).ok_or_else(|| {
                let why = format!("a link by {kind} cannot end here");
                Error::broken(end.name(), why, "name two endpoints of its kind")
            })
        };
        Ok((of(&self.from)?, of(&self.to)?))
    }
}

/// A database as one of this engine, where it is.
pub(super) fn alike<D: Database>(of: &Arc<dyn Database>) -> Option<Arc<D>> {
    (Arc::clone(of) as Arc<dyn Any + Send + Sync>).downcast::<D>().ok()
}

/// Makes a link of its two ends.
pub type Join = fn(Ends) -> Result<Arc<dyn Link>, Error>;

/// Every kind of link: one line each.
pub const LINKS: &[LinkKind] = &[
    super::sqlite::LINK,
    super::postgres::LOGICAL,
    super::postgres::STREAMING,
    super::mysql::MARIADB,
    super::mysql::MYSQL,
    super::redis::LINK,
];

/// Joins two databases by a kind of link.
///
/// # Errors
/// [`Error::Broken`] names the kinds there are when this is none of them.
pub fn link(kind: &str, ends: Ends) -> Result<Arc<dyn Link>, Error> {
    let Some(found) = LINKS.iter().find(|k| k.kind == kind) else {
        let known: Vec<&str> = LINKS.iter().map(|k| k.kind).collect();
        let next = format!("use one of: {}", known.join(", "));
        return Err(Error::broken(kind, "there is no such kind of replication", next));
    };
    (found.join)(ends)
}
