//! Values of a type, and values that are next to them.

use crate::dice::Dice;

/// A value as it is written in SQL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Val {
    Null,
    /// As it stands.
    Bare(String),
    /// In quotes.
    Text(String),
    Bytes(Vec<u8>),
}

/// A type of columns.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub declared: &'static str,
    pub of: Of,
    /// It can be a key.
    pub key: bool,
}

/// What its values are.
#[derive(Clone, Copy, Debug)]
pub enum Of {
    /// Whole numbers between two.
    Whole(i128, i128),
    /// Numbers with a point; with a scale of their own.
    Decimal,
    /// … with so many digits behind the point.
    Scaled(usize),
    Double,
    Single,
    /// Up to so many characters.
    Text(usize),
    Bytes(usize),
    /// Microseconds since 2000, as a time of a day.
    Moment,
    Day,
    Clock,
    Uuid,
    /// One of these.
    One(&'static [&'static str]),
    /// Of any kind: SQLite keeps what it gets.
    Any,
}

const LETTERS: &[char] = &[
    'a', 'A', 'b', ' ', 'á', 'é', 'ß', 's', '😀', '\u{200b}', '\u{301}', ',', '\'', '\\', '\n', '\t', '0',
    '1', '|', '"',
];

const DAY: i128 = 86_400_000_000;

impl Of {
    pub fn random(self, dice: &mut Dice) -> Val {
        match self {
            Of::Whole(low, high) => {
                let one = match dice.below(6) {
                    0 => low,
                    1 => high,
                    2 => dice.pick(&[0, 1, -1, 1 << 32, (1 << 32) - 1, -(1 << 32)]),
                    3 => (dice.wide().cast_signed()).rem_euclid(high - low + 1) + low,
                    _ => dice.from(0, 200) as i128 - 100,
                };
                Val::Bare(one.clamp(low, high).to_string())
            }
            Of::Decimal => Val::Bare(format!(
                "{}.{}",
                dice.from(0, 1_000),
                "0".repeat(dice.below(3)) + &dice.below(99).to_string()
            )),
            Of::Scaled(digits) => Val::Bare(format!(
                "{}.{:0digits$}",
                dice.from(0, 1_000),
                dice.below(10_usize.pow(u32::try_from(digits).unwrap()))
            )),
            Of::Double => double(match dice.below(4) {
                0 => dice.pick(&[0.0, -0.0, 1.0, 0.1, 5e-324, 1e308, -1e-300, 9_007_199_254_740_992.0]),
                _ => dice.from(0, 100_000) as f64 / dice.pick(&[1.0, 3.0, 7.0, 1e9]),
            }),
            Of::Single => single(match dice.below(4) {
                0 => dice.pick(&[0.0, -0.0, 1.0, 0.1, 1e-38, 3e38, 16_777_216.0]),
                _ => dice.from(0, 100_000) as f32 / dice.pick(&[1.0, 3.0, 7.0, 1e9]),
            }),
            Of::Text(most) => {
                let length = if most > 1_000 && dice.once_in(40) {
                    dice.from(1_000, most)
                } else {
                    dice.from(0, most.min(9))
                };
                Val::Text((0..length).map(|_| dice.pick(LETTERS)).collect())
            }
            Of::Bytes(most) => {
                let length = if most > 1_000 && dice.once_in(40) {
                    dice.from(1_000, most)
                } else {
                    dice.from(0, most.min(6))
                };
                Val::Bytes(
                    (0..length).map(|_| dice.pick(&[0, 1, 0x20, 0x61, 0x41, 0x5c, 0x27, 0xff])).collect(),
                )
            }
            Of::Moment => moment(dice.wide().cast_signed().rem_euclid(20_000 * DAY)),
            Of::Day => day(dice.from(0, 20_000) as i128),
            Of::Clock => clock(dice.wide().cast_signed().rem_euclid(DAY)),
            // Of version 4: MariaDB makes the nil one of those whose version it does not know.
            Of::Uuid if dice.once_in(3) => uuid(dice.from(0, 50) as u128),
            Of::Uuid => uuid(dice.wide() & !(0xf << 76 | 0b11 << 62) | 0x4 << 76 | 0b10 << 62),
            Of::One(list) => Val::Text(dice.pick(list).to_owned()),
            Of::Any => {
                let of = dice.pick(&[
                    Of::Whole(-3, 4),
                    Of::Whole(i64::MIN.into(), i64::MAX.into()),
                    Of::Double,
                    Of::Text(20),
                    Of::Bytes(20),
                ]);
                of.random(dice)
            }
        }
    }

    /// A value that is hard to tell from another.
    pub fn near(self, dice: &mut Dice, value: &Val) -> Val {
        match (self, value) {
            (Of::Text(_) | Of::Any, Val::Null) => Val::Text(String::new()),
            (Of::Bytes(_), Val::Null) => Val::Bytes(Vec::new()),
            (_, Val::Null) => self.random(dice),
            (Of::Text(_), Val::Text(text)) if text.is_empty() && dice.once_in(2) => Val::Null,
            (_, _) if dice.once_in(12) => Val::Null,
            (Of::Whole(low, high), Val::Bare(text)) => {
                let n: i128 = text.parse().unwrap();
                let near = [n + 1, n - 1, -n, n ^ 1, n + (1 << 32), n - (1 << 32), n ^ (1 << 31)];
                let other = dice.pick(&near);
                Val::Bare(
                    (if other < low || other > high || other == n {
                        if n == low { n + 1 } else { n - 1 }
                    } else {
                        other
                    })
                    .to_string(),
                )
            }
            (Of::Decimal, Val::Bare(text)) => Val::Bare(
                dice.pick(&[format!("{text}0").as_str(), &format!("{text}1"), &format!("-{text}")])
                    .trim_start_matches("--")
                    .to_owned(),
            ),
            (Of::Scaled(_), Val::Bare(text)) => {
                let (head, last) = text.split_at(text.len() - 1);
                Val::Bare(format!("{head}{}", (last.parse::<u8>().unwrap() + 1) % 10))
            }
            (Of::Double, Val::Bare(text)) => {
                let x: f64 = text.parse().unwrap();
                double(if x == 0.0 { -x } else { f64::from_bits(x.to_bits() ^ 1) })
            }
            (Of::Single, Val::Bare(text)) => {
                let x: f32 = text.parse().unwrap();
                single(if x == 0.0 { -x } else { f32::from_bits(x.to_bits() ^ 1) })
            }
            (Of::Bytes(_), Val::Bytes(bytes)) => {
                let mut bytes = bytes.clone();
                match dice.below(2) {
                    0 if !bytes.is_empty() => {
                        let at = dice.below(bytes.len());
                        bytes[at] ^= 1 << dice.below(8);
                    }
                    _ => bytes.push(0),
                }
                Val::Bytes(bytes)
            }
            (Of::Moment, Val::Text(text)) => {
                let at = micros(text);
                moment(
                    at + dice.pick(&[1, -1, 1_000_000, 3_600_000_000, 1 << 32, (1 << 32) - 1, (1 << 32) + 1]),
                )
            }
            (Of::Clock, Val::Text(text)) => {
                clock((clock_micros(text) + dice.pick(&[1, 1_000_000, 1 << 32])).rem_euclid(DAY))
            }
            (Of::Day, Val::Text(text)) => day(micros(&format!("{text} 00:00:00")) / DAY + 1),
            (Of::Uuid, Val::Text(text)) => {
                uuid(u128::from_str_radix(&text.replace('-', ""), 16).unwrap() ^ (1 << dice.below(128)))
            }
            (Of::One(list), Val::Text(text)) => {
                let others: Vec<&str> = list.iter().copied().filter(|one| one != text).collect();
                Val::Text(dice.pick(&others).to_owned())
            }
            (Of::Any, Val::Bare(text)) => match dice.below(3) {
                0 => Val::Text(text.clone()),
                1 if text.contains('e') => Of::Double.near(dice, value),
                1 => Of::Whole(i64::MIN.into(), i64::MAX.into()).near(dice, value),
                _ if text.contains('e') => Val::Bare("0".to_owned()),
                _ => Val::Bare(format!("{text}.0e0")),
            },
            (Of::Any, Val::Text(text)) if dice.once_in(2) => Val::Bytes(text.clone().into_bytes()),
            (Of::Any, Val::Bytes(_)) => Of::Bytes(0).near(dice, value),
            (_, Val::Text(text)) => Val::Text(near_text(dice, text)),
            (of, value) => panic!("{value:?} is none of {of:?}"),
        }
    }
}

fn near_text(dice: &mut Dice, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    match dice.below(5) {
        0 => chars.push(' '),
        1 => chars.push(dice.pick(LETTERS)),
        2 if !chars.is_empty() => {
            chars.remove(dice.below(chars.len()));
        }
        3 if !chars.is_empty() => {
            let at = dice.below(chars.len());
            let c = chars[at];
            let other = if c.is_lowercase() { c.to_uppercase().next() } else { c.to_lowercase().next() };
            chars[at] = other.filter(|o| *o != c).unwrap_or('x');
        }
        _ => chars.insert(0, ' '),
    }
    chars.into_iter().collect()
}

fn double(x: f64) -> Val {
    Val::Bare(format!("{x:e}"))
}

fn single(x: f32) -> Val {
    Val::Bare(format!("{x:e}"))
}

fn epoch() -> chrono::NaiveDateTime {
    chrono::NaiveDate::from_ymd_opt(2000, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap()
}

fn moment(micros: i128) -> Val {
    let at = epoch() + chrono::Duration::microseconds(i64::try_from(micros).unwrap());
    Val::Text(at.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
}

fn micros(text: &str) -> i128 {
    let at = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap();
    (at - epoch()).num_microseconds().unwrap().into()
}

fn day(days: i128) -> Val {
    let at = epoch() + chrono::Duration::days(i64::try_from(days).unwrap());
    Val::Text(at.format("%Y-%m-%d").to_string())
}

fn clock(micros: i128) -> Val {
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    Val::Text(format!("{:02}:{:02}:{:02}.{rest:06}", seconds / 3_600, seconds / 60 % 60, seconds % 60))
}

fn clock_micros(text: &str) -> i128 {
    micros(&format!("2000-01-01 {text}"))
}

fn uuid(bits: u128) -> Val {
    let hex = format!("{bits:032x}");
    Val::Text(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}
