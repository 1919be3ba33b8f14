//! How fast a comparison reads.

use std::time::{Duration, Instant};

/// Less work than this tells no pace.
const LEAST: Duration = Duration::from_millis(500);

/// A pace that leaves out the time in which nothing is read.
#[derive(Debug, Default)]
pub struct Pace {
    last: Option<(Instant, u64)>,
    worked: Duration,
    done: u64,
}

impl Pace {
    /// So many a second by now, when so many are done; `None` before that is known. `works`: it has read since it was asked
    /// last, and did not wait.
    pub fn of(&mut self, now: Instant, done: u64, works: bool) -> Option<u64> {
        if let Some((at, before)) = self.last.replace((now, done))
            && works
        {
            self.worked += now.saturating_duration_since(at);
            self.done += done.saturating_sub(before);
        }
        let ms = u64::try_from(self.worked.as_millis()).ok().filter(|_| self.worked >= LEAST)?;
        Some(self.done.saturating_mul(1_000) / ms).filter(|&pace| pace > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leaves_out_the_time_in_which_it_waits_and_says_nothing_too_early() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut pace = Pace::default();
        assert_eq!(pace.of(at(0), 0, true), None);
        assert_eq!(pace.of(at(400), 400, true), None);
        assert_eq!(pace.of(at(1_000), 1_500, true), Some(1_500));
        assert_eq!(pace.of(at(61_000), 1_500, false), Some(1_500));
        assert_eq!(pace.of(at(62_000), 2_000, true), Some(1_000));
        assert_eq!(Pace::default().of(at(9_000), 9, true), None);
    }
}
