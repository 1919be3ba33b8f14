//! What is found where an engine was killed: the record and the folders of its tries, before anybody touches them.

use std::path::{Path, PathBuf};

use cutover::engine::State;
use cutover::engine::event::{Event, Leg};
use cutover::journal::{Expected, Hash, KeptHead, Verdict, record, replay};
use cutover::plan::model::{NotifyBy, StepKind, Undo};
use cutover::plan::{Plan, StepId};
use cutover::process::step::{Found, find};
use cutover::session::feed::plan_of;
use cutover::session::folder::read_start;
use cutover::tasks::step_folder;

/// A run as it lies there.
pub(super) struct Body {
    run: PathBuf,
    pub(super) plan: Plan,
    pub(super) state: State,
    pub(super) records: Vec<(u64, Hash, Vec<Event>)>,
    pub(super) verdict: Verdict,
}

/// A try that the record knows to be under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Try {
    pub(super) step: StepId,
    pub(super) number: u32,
    /// Its folder, where it is a command's.
    pub(super) folder: Option<PathBuf>,
}

impl Body {
    /// Reads everything that stands in the journal, acknowledged or not.
    pub(super) fn examine(run: &Path, kept: Vec<KeptHead>) -> Body {
        let start = read_start(run).unwrap();
        let (plan, _) = plan_of(run, &start).unwrap_or_else(|error| panic!("{error}"));
        let mut state = State::new(&plan);
        let mut records = Vec::new();
        let expected = Expected { run: Some(start.run.clone()), heads: kept };
        let verdict = replay(run, &expected, |raw| {
            let entry = record::decode(run, &raw).unwrap();
            for event in &entry.events {
                state.apply(&plan, entry.at, event);
            }
            records.push((raw.seq, raw.hash, entry.events));
        });
        assert!(!verdict.is_damaged(), "{}: {verdict}", run.display());
        Body { run: run.to_owned(), plan, state, records, verdict }
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.records.iter().flat_map(|(_, _, events)| events)
    }

    /// The tries with an effect that have begun and not ended, by the record.
    pub(super) fn under_way(&self) -> Vec<Try> {
        let running = self.state.running(&self.plan);
        running.filter_map(|(step, number, leg)| self.attempt(&step, number, leg)).collect()
    }

    /// A try, if it has an effect: nothing of a person's.
    pub(super) fn attempt(&self, step: &StepId, number: u32, leg: Leg) -> Option<Try> {
        let it = self.plan.step(step)?;
        let command = match leg {
            Leg::Forward if !it.has_effect() => return None,
            Leg::Forward => match &it.kind {
                StepKind::Command(_) => true,
                StepKind::Notify(notify) => matches!(notify.by, NotifyBy::Command(_)),
                _ => false,
            },
            Leg::Undo => match it.undo.as_ref()? {
                Undo::Manual { .. } => return None,
                Undo::Command(_) => true,
                Undo::Sql { .. } | Undo::Open { .. } | Undo::Lift { .. } => false,
            },
        };
        let folder = command.then(|| step_folder(&self.run, step, number));
        Some(Try { step: step.clone(), number, folder })
    }
}

impl Try {
    /// What its folder says of it, where it is a command's.
    pub(super) fn found(&self) -> Option<Found> {
        let folder = self.folder.as_ref()?;
        Some(find(folder, &cutover::clock::boot_id().unwrap()).unwrap())
    }

    /// Something of it runs, or ran in the engine when that died.
    pub(super) fn runs(&self) -> bool {
        self.found().is_none_or(|found| found == Found::Running)
    }
}
