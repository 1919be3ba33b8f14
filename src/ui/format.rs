//! Figures as people read them: durations, ages, sizes, counts.
//!
//! Owns how a number is written, so that two places never write the same figure differently. Refuses
//! to know what is measured, and has no form for *not measured*: a pane says that in words.

use std::time::Duration;

pub use crate::counts::{count, counted, of_counted};

/// A clock that runs: `3:04`, `10:00`, `1:02:03`.
pub fn clock(time: Duration) -> String {
    let (h, m, s) = parts(time);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

/// The T-clock: `T+00:04:01`, `T-01:30:00`.
pub fn t_clock(before: bool, time: Duration) -> String {
    let (h, m, s) = parts(time);
    format!("T{}{h:02}:{m:02}:{s:02}", if before { '-' } else { '+' })
}

/// How long something takes: `0.4s`, `22s`, `5m`, `2m42s`, `1h16m`, `2d4h`.
pub fn span(time: Duration) -> String {
    if time > Duration::ZERO && time < Duration::from_millis(950) {
        // Never `0.0s`: something that took a moment did take one.
        return format!("0.{}s", (time.as_millis().saturating_add(50) / 100).max(1));
    }
    let (h, m, s) = parts(time.saturating_add(Duration::from_millis(500)));
    match (h / 24, h % 24, m, s) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, 0) => format!("{m}m"),
        (0, 0, m, s) => format!("{m}m{s:02}s"),
        (0, h, 0, _) => format!("{h}h"),
        (0, h, m, _) => format!("{h}h{m:02}m"),
        (d, 0, _, _) => format!("{d}d"),
        (d, h, _, _) => format!("{d}d{h}h"),
    }
}

/// How old something is, in at most four columns for a hundred days: `0s`, `45s`, `2m`, `3h`, `9d`.
/// Rounded down: nothing is shown older than it is.
pub fn age(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3_600 => format!("{}m", s / 60),
        s @ 3_600..86_400 => format!("{}h", s / 3_600),
        s => format!("{}d", s / 86_400),
    }
}

/// A size in binary units with two or three digits: `0 B`, `812 B`, `1.2 MiB`, `12 MiB`, `4.0 GiB`.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if size < 1024 {
        return format!("{size} B");
    }
    let mut unit = 1024_u128;
    let size = u128::from(size);
    for (at, name) in UNITS.iter().enumerate() {
        let tenths = (size * 10 + unit / 2) / unit;
        let whole = (size + unit / 2) / unit;
        if tenths < 100 {
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
        if whole < 1024 || at + 1 == UNITS.len() {
            return format!("{whole} {name}");
        }
        unit *= 1024;
    }
    format!("{size} B")
}

fn parts(time: Duration) -> (u64, u64, u64) {
    let s = time.as_secs();
    (s / 3_600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn clocks_run_in_seconds() {
        assert_eq!(clock(s(184)), "3:04");
        assert_eq!(clock(s(600)), "10:00");
        assert_eq!(clock(s(3_723)), "1:02:03");
        assert_eq!(t_clock(false, s(241)), "T+00:04:01");
        assert_eq!(t_clock(true, s(5_400)), "T-01:30:00");
    }

    #[test]
    fn spans_keep_two_units_and_no_more() {
        let cases = [
            (ms(0), "0s"),
            (ms(3), "0.1s"),
            (ms(420), "0.4s"),
            (ms(949), "0.9s"),
            (ms(960), "1s"),
            (ms(22_400), "22s"),
            (s(60), "1m"),
            (s(162), "2m42s"),
            (s(303), "5m03s"),
            (ms(59_700), "1m"),
            (s(3_600), "1h"),
            (s(4_560), "1h16m"),
            (s(90_000), "1d1h"),
            (s(172_800), "2d"),
        ];
        for (time, text) in cases {
            assert_eq!(span(time), text, "{time:?}");
        }
    }

    #[test]
    fn an_age_is_never_rounded_up() {
        for (time, text) in
            [(ms(999), "0s"), (s(59), "59s"), (s(119), "1m"), (s(7_199), "1h"), (s(800_000), "9d")]
        {
            assert_eq!(age(time), text, "{time:?}");
        }
    }

    #[test]
    fn sizes_change_unit_where_the_digits_do() {
        let cases = [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_258_291, "1.2 MiB"),
            (12 << 20, "12 MiB"),
            (4 << 30, "4.0 GiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (u64::MAX, "16 EiB"),
        ];
        for (size, text) in cases {
            assert_eq!(bytes(size), text, "{size}");
        }
    }
}
