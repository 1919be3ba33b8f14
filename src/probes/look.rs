//! One look: what it may use, what it leaves behind, and how it is cleaned before anybody sees it.
//!
//! Owns [`Context`] and [`Looked`]. Refuses to know any kind of probe; see `measure` for those.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::baseline::{Baseline, hex};
use super::endpoint::Lanes;
use super::ledger::Ledgers;
use super::scrub::Scrub;
use super::words::line;
use crate::clock::{Clock, Now};
use crate::databases::Hub;
use crate::engine::course::Course;
use crate::engine::reading::{Facts, Measure, Unmeasured};
use crate::engine::state::LoadAsked;
use crate::plan::model::{Endpoint, Link};
use crate::plan::secret::{Part, Secret, Template};
use crate::plan::{EndpointId, ProbeId};

/// A line for people is cut here.
const LINE: usize = 200;
/// So much of the last output is kept: of each of its parts the beginning, and the end.
const MOST: usize = 64 << 10;
/// Where random numbers come from.
const RANDOM: &str = "/dev/urandom";

/// What every look of a run may use: shared, and cheap to share.
pub struct Context {
    /// Where relative paths of the plan are looked for.
    pub root: PathBuf,
    /// A private folder for what a look has to put down for a moment.
    pub scratch: PathBuf,
    /// The plan's systems.
    pub endpoints: Vec<Endpoint>,
    /// How another host is reached, before the options that every look from there has.
    pub ssh: Vec<String>,
    /// The plan's replication links.
    pub links: Vec<Link>,
    /// The time.
    pub clock: Clock,
    /// The databases that were asked, with their connections.
    pub(crate) databases: Hub,
    pub(super) lanes: Lanes,
    pub(super) gauges: super::link::Memory,
    pub(crate) markers: super::link::Markers,
    pub(crate) moved: super::fence::Bases,
    pub(super) commits: super::git::Commits,
    pub(crate) ledgers: Option<Ledgers>,
}

impl Context {
    /// Nothing is opened yet.
    pub fn new(
        root: PathBuf,
        scratch: PathBuf,
        endpoints: Vec<Endpoint>,
        links: Vec<Link>,
        clock: Clock,
    ) -> Context {
        let lanes = Lanes::of(&endpoints);
        Context {
            root,
            scratch,
            endpoints,
            ssh: vec!["ssh".to_owned()],
            clock,
            databases: Hub::default(),
            lanes,
            links,
            gauges: super::link::Memory::default(),
            markers: super::link::Markers::default(),
            moved: super::fence::Bases::default(),
            commits: super::git::Commits::default(),
            ledgers: None,
        }
    }

    /// The same, and comparisons keep what they have proved in the folder of this run, and
    /// say how they stand.
    #[must_use]
    pub fn of_run(
        self,
        run: &str,
        folder: &Path,
        asked: BTreeMap<ProbeId, LoadAsked>,
        tell: impl Fn(Course) + Send + Sync + 'static,
    ) -> Context {
        let ledgers = Ledgers::new(run.to_owned(), folder.to_owned(), asked, Box::new(tell));
        Context { ledgers: Some(ledgers), ..self }
    }

    pub(crate) fn endpoint(&self, id: &EndpointId) -> Result<&Endpoint, String> {
        self.endpoints.iter().find(|e| e.id == *id).ok_or_else(|| format!("the plan has no endpoint {id}"))
    }
}

/// What a look has left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looked {
    /// When it began to look: whoever it had to wait for had ended by then.
    pub began: Now,
    /// What was seen, or why nothing was.
    pub result: Result<Measure, Unmeasured>,
    /// Written down by this look, where the kind holds something still and had no baseline yet.
    pub baseline: Option<Baseline>,
    /// The answer as it came, at most 64 KiB of it, secrets blotted out. Foreign text.
    pub raw: String,
    /// What was asked, in words, references in place of secrets.
    pub query: String,
}

/// A look under way. What stands in it survives when the look is given up because it took too long.
pub(crate) struct Look<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) baseline: Option<&'a Baseline>,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// When it began, or its turn came.
    pub(crate) began: Now,
    /// What is looked at, where it is of the plan.
    pub(crate) probe: Option<&'a ProbeId>,
    taken: Option<Baseline>,
    pub(super) scrub: Scrub,
    query: String,
    summary: String,
    raw: Vec<String>,
}

impl<'a> Look<'a> {
    pub(crate) fn new(ctx: &'a Context, timeout: Duration, baseline: Option<&'a Baseline>) -> Look<'a> {
        let began = ctx.clock.now();
        Look {
            ctx,
            baseline,
            timeout,
            began,
            probe: None,
            taken: None,
            scrub: Scrub::default(),
            query: String::new(),
            summary: String::new(),
            raw: vec![String::new()],
        }
    }

    /// Says in words what is asked.
    pub(crate) fn ask(&mut self, words: impl Into<String>) {
        self.query = words.into();
    }

    /// Keeps what came back.
    pub(crate) fn keep(&mut self, text: &str) {
        if let Some(last) = self.raw.last_mut() {
            ended(last, text);
        }
    }

    /// What comes back from here on is another answer: none of several that are kept crowds the others out.
    pub(crate) fn apart(&mut self) {
        if self.raw.last().is_some_and(|last| !last.is_empty()) {
            self.raw.push(String::new());
        }
    }

    /// A line about what came back, above all of it.
    pub(crate) fn sum_up(&mut self, text: &str) {
        ended(&mut self.summary, text);
    }

    /// Follows a reference, and sees to it that the value does not come back out.
    pub(crate) fn reveal(&mut self, template: &Template) -> Result<Secret, Unmeasured> {
        reveal(&mut self.scrub, template, &self.ctx.root).map_err(Unmeasured::Failed)
    }

    /// The same with what a flow has kept, which it hides itself.
    pub(crate) fn reveal_with(
        &mut self,
        template: &Template,
        kept: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Secret, Unmeasured> {
        reveal_with(&mut self.scrub, template, &self.ctx.root, kept).map_err(Unmeasured::Failed)
    }

    /// Sees to it that this does not come back out.
    pub(crate) fn hide(&mut self, value: &str) {
        self.scrub.add(value);
    }

    /// What it is compared with: the baseline, or `now` when there is none yet, which is then kept.
    pub(crate) fn against(&mut self, now: &Baseline) -> Baseline {
        if let Some(baseline) = self.baseline {
            return baseline.clone();
        }
        self.taken = Some(now.clone());
        now.clone()
    }

    /// What digests of small values are mixed with here: the baseline's, or a new one.
    pub(crate) fn salt(&self) -> Result<String, Unmeasured> {
        if let Some(baseline) = self.baseline {
            let salt = baseline.salt.clone();
            return salt.ok_or_else(|| {
                Unmeasured::Failed(
                    "its baseline has no salt: it is not one of this kind of monitor".to_owned(),
                )
            });
        }
        let mut random = [0; 16];
        File::open(RANDOM)
            .and_then(|mut file| file.read_exact(&mut random))
            .map_err(|why| Unmeasured::Failed(format!("{RANDOM} gives no random number: {why}")))?;
        Ok(hex(&random))
    }

    /// Whether there was nothing to compare with.
    pub(crate) fn is_first(&self) -> bool {
        self.baseline.is_none()
    }

    /// Cleans everything that came back.
    pub(crate) fn finish(self, result: Result<Measure, Unmeasured>) -> Looked {
        let result =
            result.map(|m| Measure { text: line(&self.scrub.text(m.text), LINE), ..m }).map_err(|why| {
                match why {
                    Unmeasured::NotReachable(text) => {
                        Unmeasured::NotReachable(line(&self.scrub.text(text), LINE))
                    }
                    Unmeasured::Failed(text) => Unmeasured::Failed(line(&self.scrub.text(text), LINE)),
                    Unmeasured::TimedOut(ms) => Unmeasured::TimedOut(ms),
                }
            });
        let result = self.scrub.all(result).unwrap_or_else(|_| {
            Err(Unmeasured::Failed(
                "a secret of the plan is a common word of the answer: change it".to_owned(),
            ))
        });
        let share = MOST / self.raw.len().max(1);
        let parts =
            std::iter::once((self.summary, MOST / 4)).chain(self.raw.into_iter().map(|raw| (raw, share)));
        let kept = parts.map(|(text, most)| capped(&self.scrub.text(text), most)).collect();
        Looked {
            began: self.began,
            result,
            baseline: self.taken,
            raw: kept,
            query: self.scrub.text(self.query),
        }
    }
}

/// A text that ends its line.
fn ended(out: &mut String, text: &str) {
    out.push_str(text);
    if !text.ends_with('\n') {
        out.push('\n');
    }
}

/// Follows every reference of a template; each value is to be blotted out by itself.
pub(crate) fn reveal(scrub: &mut Scrub, template: &Template, root: &Path) -> Result<Secret, String> {
    reveal_with(scrub, template, root, &|_| None)
}

fn reveal_with(
    scrub: &mut Scrub,
    template: &Template,
    root: &Path,
    kept: &dyn Fn(&str) -> Option<String>,
) -> Result<Secret, String> {
    for part in template.parts() {
        if matches!(part, Part::Env(_) | Part::File(_)) {
            let value =
                Template::new(vec![part.clone()]).reveal(root).map_err(|missing| missing.to_string())?;
            scrub.add(value.expose());
        }
    }
    template.reveal_with(root, kept).map_err(|missing| missing.to_string())
}

/// As it must be.
pub(crate) fn pass(text: impl Into<String>) -> Measure {
    Measure { pass: true, text: text.into(), facts: Facts::Plain }
}

/// Measured, and not as it must be.
pub(crate) fn fail(text: impl Into<String>) -> Measure {
    Measure { pass: false, text: text.into(), facts: Facts::Plain }
}

/// Nothing was measured.
pub(crate) fn failed<T>(why: impl Into<String>) -> Result<T, Unmeasured> {
    Err(Unmeasured::Failed(why.into()))
}

/// The beginning and the end of a text that is too long to keep.
fn capped(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let (first, last) = (most / 4 * 3, most / 4);
    let head = (0..=first).rev().find_map(|at| text.get(..at)).unwrap_or_default();
    let tail = (text.len() - last..=text.len()).find_map(|at| text.get(at..)).unwrap_or_default();
    let out = crate::counts::counted((text.len() - head.len() - tail.len()) as u64, "byte", "bytes");
    format!("{head}\n… {out} left out …\n{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_keeps_its_beginning_and_its_end() {
        let text = format!("first{}last", "é".repeat(60_000));
        let kept = capped(&text, MOST);
        assert!(kept.starts_with("first") && kept.ends_with("last"));
        assert!(kept.len() <= MOST + 64, "{}", kept.len());
        assert!(kept.contains("bytes left out"));
        assert_eq!(capped("short", MOST), "short");
    }
}
