//! One value of one column, with its type: `NULL`, `0`, `0.0`, `'0'` and `x'30'` are five values.
//!
//! Owns what makes two values the same: their type and their bytes, nothing softer. Refuses to know how
//! an engine compares them (collations and numeric affinity stay outside).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A value as a database holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub enum Value {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number; the same only when every bit is.
    Real(f64),
    /// Text, as its bytes: not every database keeps to UTF-8.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

/// A value as a file has it, whole to the last bit.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Null,
    Integer(i64),
    /// The bits: `-0.0` is not `0.0`, and not every number is one.
    Real(u64),
    Text(String),
    /// Text that is no UTF-8, in hex.
    Bytes(String),
    /// In hex.
    Blob(String),
}

impl From<Value> for Written {
    fn from(value: Value) -> Written {
        match value {
            Value::Null => Written::Null,
            Value::Integer(n) => Written::Integer(n),
            Value::Real(r) => Written::Real(r.to_bits()),
            Value::Text(bytes) => {
                String::from_utf8(bytes).map_or_else(|why| Written::Bytes(hex(why.as_bytes())), Written::Text)
            }
            Value::Blob(bytes) => Written::Blob(hex(&bytes)),
        }
    }
}

impl TryFrom<Written> for Value {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Value, &'static str> {
        Ok(match written {
            Written::Null => Value::Null,
            Written::Integer(n) => Value::Integer(n),
            Written::Real(bits) => Value::Real(f64::from_bits(bits)),
            Written::Text(text) => Value::Text(text.into_bytes()),
            Written::Bytes(digits) => Value::Text(unhex(&digits).ok_or("these are no bytes in hex")?),
            Written::Blob(digits) => Value::Blob(unhex(&digits).ok_or("these are no bytes in hex")?),
        })
    }
}

impl Value {
    /// A text value.
    pub fn text(text: &str) -> Value {
        Value::Text(text.as_bytes().to_vec())
    }

    /// The value as a person writes it, bare: what a plan's `is = "…"` is compared with. `None` for NULL.
    pub fn plain(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Null => None,
            Value::Integer(n) => Some(n.to_string().into()),
            Value::Real(r) => Some(r.to_string().into()),
            Value::Text(bytes) => Some(String::from_utf8_lossy(bytes)),
            Value::Blob(bytes) => Some(hex(bytes).into()),
        }
    }

    /// Appends a form that no other value shares: a tag, for text and blobs the length, the bytes.
    pub fn encode(&self, into: &mut Vec<u8>) {
        self.borrowed().encode(into);
    }

    /// The same value without owning its bytes.
    pub fn borrowed(&self) -> Ref<'_> {
        match self {
            Value::Null => Ref::Null,
            Value::Integer(n) => Ref::Integer(*n),
            Value::Real(r) => Ref::Real(*r),
            Value::Text(bytes) => Ref::Text(bytes),
            Value::Blob(bytes) => Ref::Blob(bytes),
        }
    }
}

/// A value that is looked at where it lies, while rows stream by.
#[derive(Clone, Copy, Debug)]
pub enum Ref<'a> {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text, as its bytes.
    Text(&'a [u8]),
    /// Bytes.
    Blob(&'a [u8]),
}

impl Ref<'_> {
    /// As [`Value::encode`].
    pub fn encode(self, into: &mut Vec<u8>) {
        match self {
            Ref::Null => into.push(0),
            Ref::Integer(n) => {
                into.push(1);
                into.extend_from_slice(&n.to_le_bytes());
            }
            Ref::Real(r) => {
                into.push(2);
                into.extend_from_slice(&r.to_bits().to_le_bytes());
            }
            Ref::Text(bytes) => encode_bytes(3, bytes, into),
            Ref::Blob(bytes) => encode_bytes(4, bytes, into),
        }
    }
}

/// The length first, so that `('ab','c')` and `('a','bc')` are two keys.
fn encode_bytes(tag: u8, bytes: &[u8], into: &mut Vec<u8>) {
    into.push(tag);
    into.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    into.extend_from_slice(bytes);
}

/// Bytes in hex.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// The bytes of such digits; `None` when they are none.
fn unhex(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By type, then by value; equal means the same in every bit.
impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
            (Value::Real(a), Value::Real(b)) => a.total_cmp(b),
            (Value::Text(a), Value::Text(b)) | (Value::Blob(a), Value::Blob(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl Value {
    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Integer(_) => 1,
            Value::Real(_) => 2,
            Value::Text(_) => 3,
            Value::Blob(_) => 4,
        }
    }
}

/// As SQL writes it, so that `'0'` and `0` look different.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("NULL"),
            Value::Integer(n) => write!(f, "{n}"),
            // Debug keeps the point: 1.0 is not 1.
            Value::Real(r) => write!(f, "{r:?}"),
            Value::Text(bytes) => write!(f, "'{}'", String::from_utf8_lossy(bytes).replace('\'', "''")),
            Value::Blob(bytes) => write!(f, "x'{}'", hex(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[Value]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for value in values {
            value.encode(&mut bytes);
        }
        bytes
    }

    #[test]
    fn values_that_look_alike_are_different_and_encode_differently() {
        let alike = [
            Value::Null,
            Value::text(""),
            Value::Blob(vec![]),
            Value::Integer(0),
            Value::Real(0.0),
            Value::Real(-0.0),
            Value::text("0"),
            Value::text("0 "),
            Value::Blob(b"0".to_vec()),
            Value::Integer(1),
            Value::Real(1.0),
        ];
        for (i, a) in alike.iter().enumerate() {
            for (j, b) in alike.iter().enumerate() {
                assert_eq!(a == b, i == j, "{a} and {b}");
                assert_eq!(encoded(std::slice::from_ref(a)) == encoded(std::slice::from_ref(b)), i == j);
                assert_eq!(a.to_string() == b.to_string(), i == j, "{a} and {b}");
            }
        }
    }

    #[test]
    fn a_separator_inside_text_does_not_move_a_column_border() {
        let one = encoded(&[Value::text("a"), Value::text("bc")]);
        let two = encoded(&[Value::text("ab"), Value::text("c")]);
        assert_ne!(one, two);
    }

    #[test]
    fn the_plain_form_is_what_a_plan_would_say() {
        assert_eq!(Value::text("production-dc1").plain().as_deref(), Some("production-dc1"));
        assert_eq!(Value::Integer(-3).plain().as_deref(), Some("-3"));
        assert_eq!(Value::Null.plain(), None);
    }
}
