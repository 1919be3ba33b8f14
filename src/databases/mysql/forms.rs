//! How a row's values are written before they are hashed, in SQL, so that only hashes leave the server.
//!
//! Owns a form in which two values are the same when their kind and every bit of them are, whatever a collation says: texts as
//! their characters in UTF-8 (where a character set has some that the server makes `?` of, as their bytes), numbers with a point with every digit that tells them from their neighbours, times in UTC. Each
//! text says its length first, and numbers and times have no character that parts them, so that no value runs into the next; NULL
//! is neither. Long ones go in by their own hash, since the server makes NULL of a text past `max_allowed_packet`; a hash that is
//! NULL all the same is an error of whoever reads it, never a difference unseen.

use super::connection::Problem;
use super::sql::quoted;
use crate::databases::Value;

/// What makes hashes of two snapshots comparable.
pub(super) const HASHING: &str = "SHA-256 (128 bits) over values as MySQL writes them";

/// Character sets of which every character has one of its own in UTF-8, and comes back from there.
const WHOLE: [&str; 18] = [
    "cp850", "cp852", "cp866", "keybcs2", "koi8r", "koi8u", "latin1", "latin2", "latin5", "latin7", "macce",
    "macroman", "ucs2", "utf16", "utf16le", "utf32", "utf8mb3", "utf8mb4",
];

/// Texts of more bytes than this go in by their own hash.
const LONG: u32 = 1_000;
/// What no text in UTF-8 begins with.
const NO_TEXT: &str = "cast(x'FF' as binary)";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whole numbers, years and bits.
    Whole,
    /// Numbers with a floating point.
    Real,
    /// Text, and what is written as text: decimals, times, JSON.
    Text,
    /// Bytes.
    Bytes,
}

/// A column in SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Its value as text or bytes.
    pub(super) value: String,
    pub(super) kind: Kind,
    /// Its part of what is hashed.
    part: String,
}

impl Form {
    /// Of a column by its declared type and character set, as `information_schema.columns` has them in `data_type` and
    /// `character_set_name`.
    pub(super) fn of(name: &str, data_type: &str, character_set: &str) -> Form {
        let c = quoted(name);
        // Whatever the server writes of these has neither a `|` nor an `n`, and is written for less as it stands.
        let short = |value: String, kind, written: &str| Form {
            part: format!("ifnull({written}, 'n')"),
            value,
            kind,
        };
        match data_type {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => {
                short(format!("cast({c} as char)"), Kind::Whole, &c)
            }
            "bit" => short(format!("cast({c} + 0 as char)"), Kind::Whole, &format!("{c} + 0")),
            // Times one: a float is shown with six digits, and has more. -0 is shown as 0, and is another angle.
            "float" | "double" => {
                let number =
                    |digits: &str| format!("if({c} = 0, if(atan2({c}, -1) < 0, '-0', '0'), {digits})");
                let times_one = format!("{c} * 1e0");
                short(number(&format!("cast({times_one} as char)")), Kind::Real, &number(&times_one))
            }
            // What was no member when it was written is shown as an empty text, which may be a member.
            "enum" => {
                let member = format!("cast({} as binary)", in_utf8(&c, character_set));
                Form::long(format!("if({c} + 0 = 0, {NO_TEXT}, {member})"), Kind::Text)
            }
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "set" => {
                let value = in_utf8(&c, character_set);
                // As many bytes as there will be, without making them first.
                let length =
                    if matches!(character_set, "utf8mb4" | "utf8mb3" | "utf8") { &c } else { &value };
                Form { part: part(&c, length, &value), value, kind: Kind::Text }
            }
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
                Form::long(c, Kind::Bytes)
            }
            "decimal" | "date" | "time" | "datetime" | "timestamp" => {
                short(format!("cast({c} as char)"), Kind::Text, &c)
            }
            // Beside one of these the server would read our `n` as one too.
            "inet4" | "inet6" | "uuid" => {
                let written = format!("cast({c} as char)");
                short(written.clone(), Kind::Text, &written)
            }
            "json" => Form::long(format!("cast({c} as char)"), Kind::Text),
            // Shapes, vectors, and what comes after us: as the bytes that are stored.
            _ => Form::long(format!("unhex(hex({c}))"), Kind::Bytes),
        }
    }

    /// Of a value of any length.
    fn long(value: String, kind: Kind) -> Form {
        Form { part: part(&value, &value, &value), value, kind }
    }

    /// … of a column that is cast to a type before anything is made of it. What cannot be is shown as such: to the server it would
    /// be no value.
    pub(super) fn cast(name: &str, to: &str) -> Form {
        let c = quoted(name);
        let text = format!("convert(cast({c} as {to}) using utf8mb4)");
        let value =
            format!("if({c} is not null and cast({c} as {to}) is null, {NO_TEXT}, cast({text} as binary))");
        Form::long(value, Kind::Text)
    }

    /// … as a text, whatever its type is.
    pub(super) fn into_text(self) -> Form {
        Form::long(self.value, Kind::Text)
    }

    /// A value that was sent, as what it is.
    pub(super) fn read(&self, sent: Option<Vec<u8>>) -> Result<Value, Problem> {
        let Some(bytes) = sent else { return Ok(Value::Null) };
        let text = || std::str::from_utf8(&bytes).ok();
        match self.kind {
            Kind::Whole => Ok(match text().and_then(|t| t.parse().ok()) {
                Some(number) => Value::Integer(number),
                // An unsigned one past the others' range.
                None => Value::Text(bytes),
            }),
            Kind::Real => text()
                .and_then(|t| t.parse().ok())
                .map(Value::Real)
                .ok_or_else(|| Problem::broken("a number cannot be read", "check its table")),
            Kind::Text => Ok(Value::Text(bytes)),
            Kind::Bytes => Ok(Value::Blob(bytes)),
        }
    }
}

/// What is hashed of a text: its length, and itself or its hash. `of` is NULL when it is; `length` has as many bytes.
fn part(of: &str, length: &str, text: &str) -> String {
    format!(
        "if({of} is null, 'n', concat(length({length}), ':', if(length({length}) <= {LONG}, {text}, sha2({text}, 256))))"
    )
}

/// A text in UTF-8: its bytes where they would not come back from there.
fn in_utf8(column: &str, character_set: &str) -> String {
    let text = format!("convert({column} using utf8mb4)");
    // `utf8` is what older versions call `utf8mb3`. Without a character set it is none that needs one.
    if WHOLE.contains(&character_set) || matches!(character_set, "utf8" | "") {
        return text;
    }
    let bytes = format!("cast({column} as binary)");
    format!(
        "if(cast(convert({text} using {character_set}) as binary) = {bytes}, cast({text} as binary), concat({NO_TEXT}, {bytes}))"
    )
}

/// The 128 bits of some columns, as 32 digits.
pub(super) fn hash<'a>(forms: impl Iterator<Item = &'a Form>) -> String {
    let parts: Vec<&str> = forms.map(|form| form.part.as_str()).collect();
    format!("left(sha2(concat({}), 256), 32)", parts.join(", '|', "))
}

/// The lower half of a hash as a number.
pub(super) fn half(hash: &str) -> String {
    format!("cast(conv(right({hash}, 16), 16, 10) as unsigned)")
}

/// `key >> shift` as whole numbers have it; the server's own takes negative ones for large ones.
pub(super) fn shifted(key: &str, shift: u32) -> String {
    if shift >= 63 {
        return format!("if({key} < 0, -1, 0)");
    }
    let size = 1_u64 << shift;
    format!("((cast({key} as signed) - cast({key} & {} as signed)) div {size})", size - 1)
}

/// The lowest bits of a hash.
pub(super) fn bucket(hash: &str, bits: u32) -> String {
    let mask = (1_u64 << bits.min(32)) - 1;
    format!("cast(cast(conv(right({hash}, 8), 16, 10) as unsigned) & {mask} as signed)")
}
