//! What stands on the page on which a run begins, and whether anything is in the way of it.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::plan::{EndpointId, Plan, StepId};

/// What stands on the page. The caller sends it anew as systems answer.
#[derive(Clone, Debug)]
pub struct StartPage {
    /// What should happen.
    pub plan: Arc<Plan>,
    /// Where the plan stands.
    pub path: String,
    /// What each system says it is: nothing while it is asked, else whether it is what it should be.
    pub endpoints: Vec<(EndpointId, Option<Result<String, String>>)>,
    /// Who drives, as they say.
    pub operator: String,
    /// … and as the machine says.
    pub account: String,
    /// When this very plan was last rehearsed.
    pub rehearsed: Option<Rehearsed>,
    /// What the lint and the machine warn of.
    pub cautions: Vec<String>,
    /// What has to be mended before it can start.
    pub blocks: Vec<String>,
}

/// Whether a run may begin.
pub(super) enum Stands<'a> {
    Ready,
    /// The plan or the machine is in the way.
    Blocked,
    /// This system is not what the plan says, or cannot be asked.
    NotProved(&'a EndpointId),
    /// This system has not answered yet.
    Asking(&'a EndpointId),
}

impl StartPage {
    /// Whether it may begin.
    pub(super) fn stands(&self) -> Stands<'_> {
        let first = |which: fn(&Option<Result<String, String>>) -> bool| {
            self.endpoints.iter().find(|(_, says)| which(says)).map(|(id, _)| id)
        };
        if !self.blocks.is_empty() {
            Stands::Blocked
        } else if let Some(id) = first(|says| matches!(says, Some(Err(_)))) {
            Stands::NotProved(id)
        } else if let Some(id) = first(Option::is_none) {
            Stands::Asking(id)
        } else {
            Stands::Ready
        }
    }

    /// Why it cannot start, whatever is typed: what has to be mended first.
    pub fn in_the_way(&self) -> Option<String> {
        match self.stands() {
            Stands::Ready | Stands::Asking(_) => None,
            Stands::Blocked => self.blocks.first().cloned(),
            Stands::NotProved(id) => {
                let why = self.endpoints.iter().find(|(which, _)| which == id).map(|(_, says)| says);
                let why = why.and_then(|says| says.as_ref()?.as_ref().err());
                Some(
                    why.map_or_else(
                        || format!("{id} has not proved what it is"),
                        |why| format!("{id}: {why}"),
                    ),
                )
            }
        }
    }
}

/// The last rehearsal of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// Which rehearsal it was.
    pub number: u32,
    /// What it can teach: `simulated`, …
    pub grade: String,
    /// When it ended.
    pub at: Timestamp,
    /// Steps that are not what they were then.
    pub changed: Vec<StepId>,
}
