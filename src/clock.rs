//! The only reader of time.
//!
//! Owns the two kinds of time that the program distinguishes: *wall* time, which people read, and
//! *boot* time, which deadlines are counted in (it goes on while a laptop sleeps and never jumps).
//! A rehearsal runs on a faster clock, a test on one that it moves itself; everything else asks a
//! [`Clock`] and cannot tell the difference. The exception is [`Now::real`]: what protects a person
//! (the arming of a gate) is counted in real time even when a night is rehearsed in a minute.
//!
//! Refuses to know what anybody does with the time. See `tasks` for timers.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, FixedOffset, Local, Offset, TimeZone, Utc};
use serde::{Deserialize, Serialize};

/// A moment of wall time: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Time from `earlier` to `self`; zero when `earlier` is later (wall clocks can be set back).
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The moment `by` later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(millis_i64(by)))
    }

    /// The moment `by` earlier.
    #[must_use]
    pub fn minus(self, by: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(millis_i64(by)))
    }

    /// `HH:MM:SS` at an offset from UTC given in seconds.
    pub fn clock_time(self, offset_seconds: i32) -> String {
        self.at(offset_seconds).map_or_else(|| "--:--:--".to_owned(), |t| t.format("%H:%M:%S").to_string())
    }

    /// `HH:MM` at an offset from UTC given in seconds.
    pub fn hour_minute(self, offset_seconds: i32) -> String {
        self.at(offset_seconds).map_or_else(|| "--:--".to_owned(), |t| t.format("%H:%M").to_string())
    }

    /// `YYYY-MM-DD` at an offset from UTC given in seconds.
    pub fn day(self, offset_seconds: i32) -> String {
        self.at(offset_seconds).map_or_else(|| "----------".to_owned(), |t| t.format("%Y-%m-%d").to_string())
    }

    /// RFC 3339 in UTC with milliseconds.
    pub fn rfc3339(self) -> String {
        self.at(0).map_or_else(
            || format!("{} ms", self.0),
            |t| t.with_timezone(&Utc).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        )
    }

    /// `YYYYMMDDTHHMMZ`, as it stands in the name of a run.
    pub fn compact(self) -> String {
        self.at(0)
            .map_or_else(|| self.0.to_string(), |t| t.with_timezone(&Utc).format("%Y%m%dT%H%MZ").to_string())
    }

    /// The moment on the calendar of an offset, `None` outside chrono's range.
    pub fn at(self, offset_seconds: i32) -> Option<DateTime<FixedOffset>> {
        let offset = FixedOffset::east_opt(offset_seconds)?;
        offset.timestamp_millis_opt(self.0).single()
    }
}

fn millis_i64(d: Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

/// A moment of boot time: milliseconds since this machine started, sleep included (`CLOCK_BOOTTIME`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Boot(pub u64);

impl Boot {
    /// Time from `earlier` to `self`, zero when `earlier` is later.
    pub fn since(self, earlier: Boot) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The moment `by` later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Boot {
        Boot(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// One look at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// For people: what stands on the screen and in the record.
    pub wall: Timestamp,
    /// For deadlines.
    pub boot: Boot,
    /// Boot time that no rehearsal speeds up: for what protects a person.
    pub real: Boot,
}

/// Where time comes from. Cheap to clone; clones share a manual clock.
#[derive(Clone)]
pub struct Clock(Arc<Source>);

enum Source {
    System,
    Scaled { speed: f64, start: Now },
    Manual { start: Now, passed: AtomicU64 },
    Paused { start: Now, origin: tokio::time::Instant },
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self.0 {
            Source::System => "Clock::system",
            Source::Scaled { .. } => "Clock::scaled",
            Source::Manual { .. } => "Clock::manual",
            Source::Paused { .. } => "Clock::paused",
        })
    }
}

impl Clock {
    /// The machine's own clocks.
    pub fn system() -> Clock {
        Clock(Arc::new(Source::System))
    }

    /// A rehearsal's clock: `speed` virtual seconds pass in a real one, starting now.
    pub fn scaled(speed: f64) -> Clock {
        Clock::scaled_from(speed, system_now().wall)
    }

    /// A rehearsal's clock that starts at a given wall time (a resumed rehearsal goes on where it was).
    pub fn scaled_from(speed: f64, wall: Timestamp) -> Clock {
        let start = Now { wall, ..system_now() };
        Clock(Arc::new(Source::Scaled { speed: speed.max(0.001), start }))
    }

    /// The clock that another process runs, from one moment by all of its clocks.
    pub fn scaled_at(speed: f64, start: Now) -> Clock {
        Clock(Arc::new(Source::Scaled { speed: speed.max(0.001), start }))
    }

    /// A test's clock: stands still until [`Clock::advance`].
    pub fn manual(wall: Timestamp) -> Clock {
        Clock(Arc::new(Source::Manual { start: fixed(wall), passed: AtomicU64::new(0) }))
    }

    /// A test's clock that follows tokio's paused time; call it inside the runtime.
    pub fn paused(wall: Timestamp) -> Clock {
        let origin = tokio::time::Instant::now();
        Clock(Arc::new(Source::Paused { start: fixed(wall), origin }))
    }

    /// Moves a manual clock; any other goes by itself and is left alone.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual { passed, .. } = &*self.0 {
            passed.fetch_add(whole_millis(by), Ordering::SeqCst);
        }
    }

    /// The time now.
    pub fn now(&self) -> Now {
        match &*self.0 {
            Source::System => system_now(),
            Source::Scaled { speed, start } => {
                let real = system_now();
                let passed = real.real.since(start.real).mul_f64(*speed);
                Now { wall: start.wall.plus(passed), boot: start.boot.plus(passed), real: real.real }
            }
            Source::Manual { start, passed } => {
                later(*start, Duration::from_millis(passed.load(Ordering::SeqCst)))
            }
            Source::Paused { start, origin } => later(*start, origin.elapsed()),
        }
    }

    /// How long a span of this clock takes in real time: what a timer must sleep.
    pub fn real(&self, span: Duration) -> Duration {
        match &*self.0 {
            Source::Scaled { speed, .. } => span.div_f64(*speed),
            Source::System | Source::Manual { .. } | Source::Paused { .. } => span,
        }
    }

    /// How many seconds of this clock pass in a real one; 1 except in a rehearsal.
    pub fn speed(&self) -> f64 {
        match &*self.0 {
            Source::Scaled { speed, .. } => *speed,
            Source::System | Source::Manual { .. } | Source::Paused { .. } => 1.0,
        }
    }
}

fn later(start: Now, by: Duration) -> Now {
    Now { wall: start.wall.plus(by), boot: start.boot.plus(by), real: start.real.plus(by) }
}

fn fixed(wall: Timestamp) -> Now {
    Now { wall, boot: Boot(1_000_000), real: Boot(1_000_000) }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clocks")]
fn system_now() -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let boot =
        Boot(u64::try_from(t.tv_sec).unwrap_or(0) * 1000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000_000);
    Now { wall: Timestamp(millis_i64(wall)), boot, real: boot }
}

fn whole_millis(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

/// The operator's own offset from UTC at a moment, in seconds east.
pub fn local_offset(at: Timestamp) -> i32 {
    Local.timestamp_millis_opt(at.0).single().map_or(0, |t| t.offset().fix().local_minus_utc())
}

/// The id that the kernel gave this boot; times of another boot cannot be compared with ours.
pub fn boot_id() -> std::io::Result<String> {
    // It is asked for several times a step and with every look at a journal, and no process outlives its boot.
    static READ: OnceLock<String> = OnceLock::new();
    if let Some(id) = READ.get() {
        return Ok(id.clone());
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    Ok(READ.get_or_init(|| id).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(Timestamp(1_000));
        let before = clock.now();
        assert_eq!(before, clock.now());
        clock.advance(Duration::from_secs(3));
        assert_eq!(clock.now().wall.since(before.wall), Duration::from_secs(3));
        assert_eq!(clock.now().boot.since(before.boot), Duration::from_secs(3));
    }

    #[test]
    fn a_wall_clock_set_back_never_gives_a_negative_age() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }

    #[test]
    fn a_scaled_clock_shortens_sleeps_and_leaves_real_time_alone() {
        let clock = Clock::scaled(60.0);
        assert_eq!(clock.real(Duration::from_secs(60)), Duration::from_secs(1));
        let now = clock.now();
        assert!(now.real <= system_now().real);
    }

    #[test]
    fn times_are_shown_at_the_offset_asked_for() {
        let t = Timestamp(1_764_975_791_000);
        assert_eq!(t.clock_time(0), "23:03:11");
        assert_eq!(t.clock_time(3600), "00:03:11");
        assert_eq!(t.rfc3339(), "2025-12-05T23:03:11.000Z");
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_follows_tokio() {
        let clock = Clock::paused(Timestamp(0));
        tokio::time::sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.now().wall, Timestamp(90_000));
    }
}
