//! The few figures that stand in what a probe says: counts, sizes and spans as people read them.
//!
//! Refuses to know widths and colours: those are `ui`'s.

use std::time::Duration;

pub(crate) use crate::counts::count;

/// `1 file`, `1 204 files`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    crate::counts::counted(n, noun, &plural(n, noun))
}

/// `file` or `files`, `day` or `days`, `entry` or `entries`.
pub(crate) fn plural(n: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if n == 1 => noun.to_owned(),
        Some(stem) if !stem.ends_with(['a', 'e', 'o']) => format!("{stem}ies"),
        Some(_) | None => format!("{noun}s"),
    }
}

/// `640 B`, `1.2 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Tenths in whole numbers: what is shown is never rounded up past what is there.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS.get(unit).unwrap_or(&"PiB"))
}

/// `0.4s`, `48s`, `2m42s`, `1h16m`, `3 days`.
pub(crate) fn span(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0..10 if d.subsec_millis() > 0 => format!("{s}.{}s", d.subsec_millis() / 100),
        0..60 => format!("{s}s"),
        60..3_600 if s.is_multiple_of(60) => format!("{}m", s / 60),
        60..3_600 => format!("{}m{:02}s", s / 60, s % 60),
        3_600..172_800 if s % 3_600 < 60 => format!("{}h", s / 3_600),
        3_600..172_800 => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
        _ => counted(s / 86_400, "day"),
    }
}

/// One line of at most `chars` characters, whatever came: line ends become spaces, the rest is cut.
pub(crate) fn line(text: &str, chars: usize) -> String {
    let mut out = String::new();
    let mut left = chars;
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
            left = left.saturating_sub(1);
        }
        let length = word.chars().count();
        if length > left {
            out.extend(word.chars().take(left.saturating_sub(1)));
            out.push('…');
            return out;
        }
        out.push_str(word);
        left -= length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_204), "1 204");
        assert_eq!(count(12_345_678), "12 345 678");
        assert_eq!(counted(1, "entry"), "1 entry");
        assert_eq!(counted(2, "entry"), "2 entries");
        assert_eq!(counted(0, "file"), "0 files");
        assert_eq!(counted(3, "day"), "3 days");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1_258_291), "1.1 MiB");
        assert_eq!(size(1 << 50), "1.0 PiB");
        assert_eq!(size(u64::MAX), "16383.9 PiB");
        assert_eq!(span(Duration::from_millis(420)), "0.4s");
        assert_eq!(span(Duration::from_secs(48)), "48s");
        assert_eq!(span(Duration::from_secs(162)), "2m42s");
        assert_eq!(span(Duration::from_secs(4_560)), "1h16m");
        assert_eq!(span(Duration::from_secs(80 * 3600)), "3 days");
    }

    #[test]
    fn a_line_is_one_line_and_no_longer_than_asked() {
        assert_eq!(line(" a\nb\t c ", 80), "a b c");
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("ab cdef", 5), "ab c…");
        assert_eq!(line("ééé", 3), "ééé");
    }
}
