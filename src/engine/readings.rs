//! What has been measured so far: the fold of readings. Newest wins; what has to be remembered over time
//! (how long good, how long at zero, which way lag goes) is remembered here.
//!
//! After a resume it is empty, so everything is unknown until it has been measured again.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::course::{Course, Courses};
use super::reading::{Facts, FenceState, Lag, Measure, Origin, Reading, Verdict};
use crate::clock::Boot;
use crate::plan::model::{Probe, ProbeKind};
use crate::plan::{Plan, ProbeId};

/// How many samples of a link are kept for its trend.
const TREND: usize = 120;
/// A reading has to be bad so often in a row before it reopens a step or raises an alarm.
pub const BAD_IN_A_ROW: u32 = 3;

/// Everything that has been measured since the engine, or the reader, began.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    tracks: HashMap<ProbeId, Track>,
    courses: Courses,
    /// Made-up readings count only where the run is a rehearsal.
    simulated_counts: bool,
}

/// What is known of one probe.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// The last look.
    pub last: Option<Reading>,
    /// The last look that measured something.
    pub last_measured: Option<Reading>,
    /// How many looks in a row were not good.
    pub bad_in_a_row: u32,
    /// Since when every look was good.
    pub good_since: Option<Boot>,
    /// When what had moved or changed (rows past a fence, findings of a monitor) last became different.
    pub changed_at: Option<Boot>,
    /// For a link: since when every look was zero …
    pub zero_since: Option<Boot>,
    /// … and how many looks that were.
    pub zero_samples: u32,
    growing_since: Option<Boot>,
    /// For a link: what was behind at the last looks, oldest first; `None` where a look failed.
    pub trend: VecDeque<(Boot, Option<u64>)>,
}

/// Which way lag goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trend {
    /// Too few looks to say.
    Unclear,
    /// At zero.
    Zero,
    /// Neither grows nor shrinks.
    Steady,
    /// Shrinks; reaches zero in so long at this pace.
    Draining(Left),
    /// Grows by so many units a second.
    Growing(f64),
}

/// How long something that shrinks takes to zero. Nineteen times of twenty it is between the two bounds, as long as the
/// pace stays what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Most likely.
    pub likely: Duration,
    /// If it goes as fast as it may.
    pub soonest: Duration,
    /// If it goes as slowly as it may; `None` where it may hardly shrink at all.
    pub latest: Option<Duration>,
}

impl Readings {
    /// Nothing measured yet. In a rehearsal made-up readings count; in a live run they never do.
    pub fn new(rehearsal: bool) -> Readings {
        Readings { simulated_counts: rehearsal, ..Readings::default() }
    }

    /// Takes a reading in. One that is older than what is known is left out. What was so before a gap in the looking
    /// counts for nothing after it: nobody knows what was between.
    pub fn apply(&mut self, plan: &Plan, reading: Reading) {
        if reading.source == Origin::Simulated && !self.simulated_counts {
            return;
        }
        let track = self.tracks.entry(reading.probe.clone()).or_default();
        if track.last.as_ref().is_some_and(|last| last.boot > reading.boot) {
            return;
        }
        let silent = |last: &Reading| {
            plan.probe(&reading.probe).is_some_and(|probe| Track::is_stale(probe, last.boot, reading.boot))
        };
        if track.last.as_ref().is_some_and(silent) {
            (track.good_since, track.zero_since, track.growing_since) = (None, None, None);
            track.zero_samples = 0;
        }
        let good = matches!(&reading.result, Ok(m) if m.pass);
        if track.was_open() && !is_open(&reading) {
            track.bad_in_a_row = 0;
        }
        if good {
            track.bad_in_a_row = 0;
            track.good_since.get_or_insert(reading.boot);
        } else {
            track.bad_in_a_row += 1;
            track.good_since = None;
        }
        track.follow_lag(&reading);
        track.follow_change(&reading);
        if reading.result.is_ok() {
            track.last_measured = Some(reading.clone());
        }
        track.last = Some(reading);
    }

    /// Takes in how a comparison stands: the newest word counts.
    pub fn follow(&mut self, told: Course) {
        self.courses.follow(told);
    }

    /// How a comparison stands, by what was told last.
    pub fn course(&self, probe: &ProbeId) -> Option<&Course> {
        self.courses.of(probe)
    }

    /// Whether nothing has been measured yet.
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Forgets a probe that nobody needs now: once it counts again, it is unknown until it has been measured.
    pub fn forget(&mut self, probe: &ProbeId) {
        self.tracks.remove(probe);
    }

    /// What is known of a probe.
    pub fn track(&self, probe: &ProbeId) -> Option<&Track> {
        self.tracks.get(probe)
    }

    /// The last look of a probe, if it measured something.
    pub fn measure(&self, probe: &ProbeId) -> Option<&Measure> {
        self.tracks.get(probe)?.last.as_ref()?.result.as_ref().ok()
    }

    /// What a probe's last look is worth now.
    pub fn verdict(&self, probe: &Probe, now: Boot) -> Verdict {
        self.tracks.get(&probe.id).map_or(Verdict::Unknown, |t| t.verdict(probe, now))
    }

    /// The last look of a link, if it measured something.
    pub fn lag(&self, link: &ProbeId) -> Option<&Lag> {
        match &self.measure(link)?.facts {
            Facts::Lag(lag) => Some(lag),
            Facts::Plain
            | Facts::Number { .. }
            | Facts::Fence(_)
            | Facts::Compared(_)
            | Facts::Still(_)
            | Facts::Identity { .. }
            | Facts::Traps { .. } => None,
        }
    }
}

impl Track {
    /// What the last look is worth now.
    pub fn verdict(&self, probe: &Probe, now: Boot) -> Verdict {
        match &self.last {
            None | Some(Reading { result: Err(_), .. }) => Verdict::Unknown,
            Some(last) if Self::is_stale(probe, last.boot, now) => Verdict::Stale,
            Some(Reading { result: Ok(m), .. }) if m.pass => Verdict::Pass,
            Some(Reading { result: Ok(_), .. }) => Verdict::Fail,
        }
    }

    /// How old the last look is.
    pub fn age(&self, now: Boot) -> Option<Duration> {
        self.last.as_ref().map(|r| now.since(r.boot))
    }

    // What is measured only when asked for has no greatest age unless the plan gives it one: `rules::validation`
    // says when it no longer holds.
    fn is_stale(probe: &Probe, at: Boot, now: Boot) -> bool {
        now.since(at) > probe.max_age
    }

    /// Whether a link has been at zero for the whole of its window, with no gap in the looking.
    pub fn zero_held(&self, probe: &Probe, now: Boot) -> Option<Duration> {
        let ProbeKind::Link(link) = &probe.kind else { return None };
        if self.verdict(probe, now) != Verdict::Pass || self.zero_samples < 3 {
            return None;
        }
        let held = self.last.as_ref()?.boot.since(self.zero_since?);
        (held >= link.zero_for).then_some(held)
    }

    /// Which way lag goes, from the looks of the last half minute or so.
    #[expect(clippy::cast_precision_loss, reason = "a trend is drawn and guessed from, never counted with")]
    pub fn trend(&self) -> Trend {
        let recent: Vec<(f64, f64)> = self
            .trend
            .iter()
            .rev()
            .take(FEWEST + LIKELY.len() - 1)
            .map_while(|(at, behind)| behind.map(|b| (at.0 as f64 / 1000.0, b as f64)))
            .collect();
        let (Some(&(t1, now)), Some(&(t0, _))) = (recent.first(), recent.last()) else {
            return Trend::Unclear;
        };
        if now == 0.0 {
            return Trend::Zero;
        }
        let Some(likely) = recent.len().checked_sub(FEWEST).and_then(|more| LIKELY.get(more)) else {
            return Trend::Unclear;
        };
        if t1 - t0 < 1.0 {
            return Trend::Unclear;
        }
        let (slope, error) = slope_and_error(&recent);
        // Less than a hundredth of what is behind in a second is neither one nor the other, and so is what goes
        // up and down as the load does. Of a large backlog that is a lot: what goes one way without any doubt goes
        // that way, unless it takes more than an hour.
        let clear = slope.abs() > CLEAR * error && slope.abs() > now / 3600.0;
        if slope.abs() < 0.5 || (!clear && (slope.abs() < now / 100.0 || slope.abs() < SIGNIFICANT * error)) {
            Trend::Steady
        } else if slope > 0.0 {
            Trend::Growing(slope)
        } else {
            let (pace, spread) = (-slope, likely * error);
            let slowest = Some(pace - spread).filter(|&pace| pace > 0.0);
            Trend::Draining(Left {
                likely: Duration::from_secs_f64(now / pace),
                soonest: Duration::from_secs_f64(now / (pace + spread)),
                latest: slowest.and_then(|pace| Duration::try_from_secs_f64(now / pace).ok()),
            })
        }
    }

    /// Whether the last look found an open side: its fence is not set yet, and what was bad then is another thing.
    fn was_open(&self) -> bool {
        self.last.as_ref().is_some_and(is_open)
    }

    /// Since when lag has been growing at every look.
    pub fn growing_since(&self) -> Option<Boot> {
        self.growing_since
    }

    fn follow_change(&mut self, reading: &Reading) {
        let count = |r: &Reading| match r.result.as_ref().map(|m| &m.facts) {
            Ok(Facts::Fence(fence)) => Some(fence.moved),
            Ok(Facts::Still(still)) => Some(still.findings.len() as u64),
            Ok(
                Facts::Plain
                | Facts::Number { .. }
                | Facts::Lag(_)
                | Facts::Compared(_)
                | Facts::Identity { .. }
                | Facts::Traps { .. },
            )
            | Err(_) => None,
        };
        let Some(now) = count(reading) else { return };
        if now != self.last_measured.as_ref().and_then(count).unwrap_or(0) {
            self.changed_at = Some(reading.boot);
        }
    }

    fn follow_lag(&mut self, reading: &Reading) {
        let good = matches!(&reading.result, Ok(measure) if measure.pass);
        let behind = match &reading.result {
            Ok(Measure { facts: Facts::Lag(lag), .. }) => Some(lag.behind),
            Ok(_) => return,
            Err(_) if self.trend.is_empty() => return,
            Err(_) => None,
        };
        // Zero by a position that passes over something (a table not carried, a transaction skipped) counts for nothing.
        if behind == Some(0) && good {
            self.zero_since.get_or_insert(reading.boot);
            self.zero_samples += 1;
        } else {
            self.zero_since = None;
            self.zero_samples = 0;
        }
        self.trend.push_back((reading.boot, behind));
        if self.trend.len() > TREND {
            self.trend.pop_front();
        }
        match self.trend() {
            Trend::Growing(_) => {
                self.growing_since.get_or_insert(reading.boot);
            }
            Trend::Unclear | Trend::Zero | Trend::Steady | Trend::Draining(_) => self.growing_since = None,
        }
    }
}

/// A look at a side that says of itself that it takes writes.
fn is_open(reading: &Reading) -> bool {
    matches!(&reading.result, Ok(Measure { facts: Facts::Fence(fence), .. }) if fence.state == FenceState::Open)
}

/// How many looks make a trend.
const FEWEST: usize = 4;
/// How many of its own standard errors a slope must have to be told from noise.
const SIGNIFICANT: f64 = 3.0;
/// … and how many where the line itself is beyond doubt: of fifteen looks it explains 97 % of what they differ by.
const CLEAR: f64 = 20.0;
/// Within how many of them the true slope lies nineteen times of twenty, by how many looks there are, from four on:
/// Student's t for two degrees of freedom less.
const LIKELY: [f64; 12] =
    [4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160];

/// The slope of the line of least squares and its standard error (simple linear regression, as in Draper and
/// Smith, *Applied Regression Analysis*, 1.3 and 1.4): the root of what is left over, by n - 2, and by the spread.
#[expect(clippy::cast_precision_loss, reason = "a handful of points")]
fn slope_and_error(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let sum = |of: fn(f64, f64) -> f64| points.iter().map(|&(x, y)| of(x - mx, y - my)).sum::<f64>();
    let (xx, xy, yy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
    if xx == 0.0 || n <= 2.0 {
        return (0.0, f64::INFINITY);
    }
    let slope = xy / xx;
    let left_over = (yy - slope * xy).max(0.0);
    (slope, (left_over / (n - 2.0) / xx).sqrt())
}
