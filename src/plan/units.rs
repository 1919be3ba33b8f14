//! Durations, counts, offsets, addresses and names as people write them.
//!
//! Each reader gives the value or what is wrong with the text, in words that name a right form. Refuses to
//! know where a text stands.

use std::time::Duration;

use toml::value::{Datetime, Offset};

use crate::clock::Timestamp;

/// What is wrong with a text, and a form that would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) why: String,
    pub(super) mend: String,
}

impl Wrong {
    fn new(why: impl Into<String>, mend: impl Into<String>) -> Wrong {
        Wrong { why: why.into(), mend: mend.into() }
    }
}

/// Units of time, longest first: the order in which they stand in a duration.
const TIMES: &[(&str, u64)] = &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of size.
const SIZES: &[(&str, u64)] = &[
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// A year: nothing in a cutover takes longer.
const LONGEST_MS: u64 = 366 * 86_400_000;

/// `5m30s`, `1h`, `250ms`: whole numbers, each unit once, the longest first.
pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    let mend = "write a duration as 90s, 5m30s, 1h or 250ms";
    let wrong = |why: String| Wrong::new(why, mend);
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = TIMES;
    if rest.is_empty() {
        return Err(wrong("an empty text is no duration".to_owned()));
    }
    while !rest.is_empty() {
        let (digits, after) = split(rest, |c| c.is_ascii_digit());
        let (unit, next) = split(after, char::is_alphabetic);
        if digits.is_empty() {
            return Err(wrong(format!("`{text}` is no duration")));
        }
        if unit.is_empty() && next.is_empty() {
            return Err(Wrong::new(
                format!("`{text}` has no unit"),
                format!("write {digits}s, {digits}m or {digits}h"),
            ));
        }
        if unit.is_empty() {
            return Err(wrong(format!("`{text}` is no duration")));
        }
        if !TIMES.iter().any(|&(name, _)| name == unit) {
            return Err(wrong(format!("`{unit}` is no unit of time")));
        }
        let Some(at) = units.iter().position(|&(name, _)| name == unit) else {
            return Err(wrong(format!("in `{text}` the units stand out of order or twice")));
        };
        let (_, size) = units.get(at).copied().unwrap_or_default();
        units = units.get(at + 1..).unwrap_or_default();
        total = digits
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(size))
            .and_then(|n| total.checked_add(n))
            .filter(|&n| n <= LONGEST_MS)
            .ok_or_else(|| Wrong::new(format!("`{text}` is longer than a year"), "write 365d or less"))?;
        rest = next;
    }
    Ok(Duration::from_millis(total))
}

/// A duration as a plan writes it.
pub(super) fn write_duration(d: Duration) -> String {
    let mut left = u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for &(unit, size) in TIMES {
        if left >= size {
            out.push_str(&(left / size).to_string());
            out.push_str(unit);
            left %= size;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// `64MiB`, `1_000`.
pub(super) fn count(text: &str) -> Result<u64, Wrong> {
    let wrong = |why: String| Wrong::new(why, "write a count as 1000 or 1_000, a size as 64MiB or 2GB");
    let (digits, unit) = split(text, |c| c.is_ascii_digit() || c == '_');
    let digits: String = digits.chars().filter(|&c| c != '_').collect();
    if digits.is_empty() {
        return Err(wrong(format!("`{text}` is no count or size")));
    }
    let unit = unit.trim_start();
    let size = match unit {
        "" => 1,
        unit => match SIZES.iter().find(|&&(name, _)| name == unit) {
            Some(&(_, size)) => size,
            None => return Err(wrong(format!("`{unit}` is no unit of size"))),
        },
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(size))
        .ok_or_else(|| wrong(format!("`{text}` is too large")))
}

/// `1_000`: what is counted, never a size.
pub(super) fn changes(text: &str) -> Result<u64, Wrong> {
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    let right = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    right.then(|| digits.parse().ok()).flatten().ok_or_else(|| {
        Wrong::new(
            format!("`{text}` is no number of changes"),
            "a link is measured in changes, not in bytes: write 1000 or 1_000",
        )
    })
}

/// A JSON pointer for what was written in its place: `/a/b` for `$.a.b`.
pub(super) fn pointer(text: &str) -> String {
    if text.starts_with('/') {
        text.to_owned()
    } else {
        format!("/{}", text.trim_start_matches("$.").replace('.', "/"))
    }
}

/// `+01:00`, in seconds east of UTC.
pub(super) fn offset(text: &str) -> Result<i32, Wrong> {
    let wrong =
        || Wrong::new(format!("`{text}` is no offset from UTC"), "write it as +01:00, -05:00 or +00:00");
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(wrong()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or_else(wrong)?;
    let two = |part: &str| (part.len() == 2).then(|| part.parse::<i32>().ok()).flatten();
    match (two(hours), two(minutes)) {
        (Some(h), Some(m)) if h <= 14 && m < 60 => Ok(sign * (h * 3600 + m * 60)),
        _ => Err(wrong()),
    }
}

/// A wall time with its offset from UTC in seconds.
pub(super) fn time(written: &Datetime) -> Result<(Timestamp, i32), Wrong> {
    if written.date.is_none() || written.time.is_none() {
        return Err(Wrong::new(
            format!("`{written}` is not a date with a time"),
            "write both, with the offset from UTC: 2026-12-05T22:00:00+01:00",
        ));
    }
    if written.offset.is_none() {
        return Err(Wrong::new(
            format!("`{written}` has no offset from UTC, so nobody knows when it is"),
            format!("write {written}+01:00, or {written}Z for UTC"),
        ));
    }
    let at = chrono::DateTime::parse_from_rfc3339(&written.to_string())
        .map_err(|_| Wrong::new(format!("`{written}` is not on the calendar"), "check day and hour"))?;
    let offset = match written.offset {
        Some(Offset::Custom { minutes }) => i32::from(minutes) * 60,
        Some(Offset::Z) | None => 0,
    };
    Ok((Timestamp(at.timestamp_millis()), offset))
}

/// A time as a plan writes it.
pub(super) fn write_time(at: Timestamp, offset: i32) -> String {
    at.at(offset).map_or_else(|| at.rfc3339(), |t| t.format("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

/// The time that was meant where hour or offset are missing.
pub(super) fn meant(written: &Datetime, hour: &str) -> (Timestamp, i32) {
    let date = written.date.map_or_else(|| "2026-12-05".to_owned(), |date| date.to_string());
    let hour = written.time.map_or_else(|| hour.to_owned(), |hour| hour.to_string());
    let offset = written.offset.map_or_else(|| "+01:00".to_owned(), |offset| offset.to_string());
    let whole = format!("{date}T{hour}{offset}").parse().ok().and_then(|whole| time(&whole).ok());
    whole.unwrap_or((Timestamp(0), 0))
}

/// `host:port`; an IPv6 host stands in brackets.
pub(super) fn address(text: &str) -> Result<(), Wrong> {
    let mend = "write host:port, for example 10.0.0.5:5432 or [2001:db8::5]:5432";
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(Wrong::new(format!("`{text}` has no port"), mend));
    };
    if !port.parse::<u16>().is_ok_and(|p| p > 0) {
        return Err(Wrong::new(format!("`{port}` is no port"), mend));
    }
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let right = match inner {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)),
    };
    if right { Ok(()) } else { Err(Wrong::new(format!("`{host}` is no host"), mend)) }
}

/// `host` or `user@host`, neither of which `ssh` could take for an option.
pub(super) fn ssh_host(text: &str) -> Result<(), Wrong> {
    let word = |part: &str| {
        part.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let right = match text.split_once('@') {
        Some((user, host)) => word(user) && word(host),
        None => word(text),
    };
    if right {
        Ok(())
    } else {
        Err(Wrong::new(
            format!("`{text}` is no host to run from"),
            "write host or user@host; other options belong into ~/.ssh/config",
        ))
    }
}

/// An id: `[a-z0-9][a-z0-9._-]*`.
pub(super) fn id(text: &str) -> Result<(), Wrong> {
    let rule = "an id is lower-case letters, digits, `-`, `_` and `.`, and starts with a letter or digit";
    let slug: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_ascii_lowercase)
        .filter(|w| !w.is_empty())
        .collect();
    let mend = match slug.as_slice() {
        [] => format!("give it one: {rule}"),
        words => format!("write it as \"{}\": {rule}", words.join("-")),
    };
    let first = text.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
    if !(first && rest) {
        let what = if text.is_empty() { "the id is empty".to_owned() } else { format!("`{text}` is no id") };
        return Err(Wrong::new(what, mend));
    }
    if text.len() > 64 {
        return Err(Wrong::new(format!("`{text}` is longer than 64 characters"), "find a shorter id"));
    }
    Ok(())
}

/// The word for a side, as it is typed at gates: `[a-z0-9-]{3,16}`.
pub(super) fn word(text: &str) -> Result<(), Wrong> {
    let right = (3..=16).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if right {
        Ok(())
    } else {
        Err(Wrong::new(
            format!("`{text}` cannot be typed at a gate"),
            "use 3 to 16 lower-case letters, digits or `-`, for example azure or dc1-old",
        ))
    }
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at_checked(text.find(|c| !belongs(c)).unwrap_or(text.len())).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_as_people_write_them() {
        let ms = |text: &str| duration(text).map(|d| d.as_millis());
        assert_eq!(ms("5m30s"), Ok(330_000));
        assert_eq!(ms("1h"), Ok(3_600_000));
        assert_eq!(ms("250ms"), Ok(250));
        assert_eq!(ms("1d2h3m4s5ms"), Ok(93_784_005));
        assert_eq!(ms("0s"), Ok(0));
        for wrong in
            ["", "5", "s", "5 m", "5x", "30s5m", "1m1m", "-5s", "1.5s", "99999999999999999999s", "2000d"]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(duration("5").unwrap_err().mend, "write 5s, 5m or 5h");
    }

    #[test]
    fn counts_and_sizes_as_people_write_them() {
        assert_eq!(count("64MiB"), Ok(64 << 20));
        assert_eq!(count("1_000"), Ok(1000));
        assert_eq!(count("2 GB"), Ok(2_000_000_000));
        assert_eq!((changes("1_000"), changes("5000")), (Ok(1000), Ok(5000)));
        for size in ["64MiB", "64 mb", "", "_", "99999999999999999999"] {
            assert!(changes(size).is_err(), "{size}");
        }
        for wrong in ["", "_", "MiB", "64Mib", "-1", "1e3", "99999999999999TiB"] {
            assert!(count(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_needs_its_offset() {
        let read = |text: &str| time(&text.parse().unwrap());
        assert_eq!(read("2026-12-05T22:00:00+01:00"), Ok((Timestamp(1_796_504_400_000), 3600)));
        assert_eq!(read("2026-12-05T21:00:00Z").map(|t| t.0), Ok(Timestamp(1_796_504_400_000)));
        assert!(read("2026-12-05T22:00:00").unwrap_err().mend.contains("2026-12-05T22:00:00+01:00"));
        assert!(read("2026-12-05").is_err());
    }

    #[test]
    fn offsets_addresses_hosts_ids_and_words() {
        assert_eq!(offset("+05:30"), Ok(19_800));
        assert_eq!(offset("-05:00"), Ok(-18_000));
        for wrong in ["", "1", "+1:00", "+15:00", "+01:60", "CET", "ü1:00"] {
            assert!(offset(wrong).is_err(), "{wrong}");
        }
        for right in ["10.0.0.5:5432", "db.example.net:1", "[2001:db8::5]:443"] {
            assert_eq!(address(right), Ok(()), "{right}");
        }
        for wrong in ["db", "db:", "db:0", "db:70000", ":5", "2001:db8::5:443", "a b:1"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        for right in ["ops@jump-1.example.net", "jump", "_a.b@1"] {
            assert_eq!(ssh_host(right), Ok(()), "{right}");
        }
        for wrong in ["", "-oProxyCommand=x", "a@-b", "a@b@c", "a b", "a@", "@b", "a;b", "höst"] {
            assert!(ssh_host(wrong).is_err(), "{wrong}");
        }
        assert!(id("a.b-c_1").is_ok() && id("fence:a").is_err() && id("A").is_err() && id("").is_err());
        assert!(word("azure").is_ok() && word("az").is_err() && word("seventeen-letters").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC*") {
            let _ = (duration(&text), count(&text), offset(&text), address(&text), ssh_host(&text), id(&text), word(&text));
        }

        #[test]
        fn a_duration_written_is_read_back(ms in 0..LONGEST_MS) {
            let d = Duration::from_millis(ms);
            prop_assert_eq!(duration(&write_duration(d)), Ok(d));
        }
    }
}
