//! The line form of a record and the chain of hashes through them: the part of the format that both
//! sides, writing and reading, must do byte for byte alike.
//!
//! Knows no files. See `verify` for what a fault means where it is found, `writer` for who seals.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of the format that this program writes.
pub(super) const VERSION: u64 = 1;
/// What every hash of a record begins with.
const DOMAIN: &[u8] = b"cutover/1";
/// The longest payload, in bytes. What is larger goes to a file of its own and is named by its hash.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// The longest line of a record: five digits, a space, 64 hex digits, a space, the payload, a newline.
pub(super) const MAX_LINE: usize = 5 + 1 + 64 + 1 + MAX_PAYLOAD + 1;
/// What a payload begins with, before its number.
const SEQ_PREFIX: &[u8] = b"{\"seq\":";

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What stands before the first record.
    pub const ZERO: Hash = Hash([0; 32]);

    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Hash {
        Hash(Sha256::digest(bytes).into())
    }

    /// The 64 lower-case hex digits, as ASCII bytes.
    pub(super) fn hex(self) -> [u8; 64] {
        let mut out = [0; 64];
        for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [hex_digit(byte >> 4), hex_digit(byte & 15)];
        }
        out
    }
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Hash, String> {
        let wrong = || format!("`{text}` is no SHA-256: give 64 digits of 0-9 and a-f");
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut hash = Hash::ZERO;
        if pairs.len() != hash.0.len() || !rest.is_empty() {
            return Err(wrong());
        }
        for (byte, [high, low]) in hash.0.iter_mut().zip(pairs) {
            *byte = hex_value(*high).ok_or_else(wrong)? << 4 | hex_value(*low).ok_or_else(wrong)?;
        }
        Ok(hash)
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The name of a run: in its folder's name, in its journal's header and in every hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<RunId, RunIdError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(RunId(text.to_owned()))
        } else {
            Err(RunIdError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for RunId {
    type Error = RunIdError;

    fn try_from(text: String) -> Result<RunId, RunIdError> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> String {
        id.0
    }
}

/// A text that cannot name a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunIdError(pub String);

impl fmt::Display for RunIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} cannot name a run: use 1 to 64 letters, digits, dots, dashes and underscores", self.0)
    }
}

impl std::error::Error for RunIdError {}

/// Why a payload cannot become a record. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadError {
    /// Longer than [`MAX_PAYLOAD`]; its length in bytes.
    TooLong(usize),
    /// It holds a newline, which would end the record.
    Newline,
    /// It does not begin with `{"seq":N` for the number that is next.
    Number {
        /// The number it must have.
        expected: u64,
    },
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PayloadError::TooLong(len) => write!(
                f,
                "a record of {len} bytes is longer than {MAX_PAYLOAD}: put what is large into a file of its own"
            ),
            PayloadError::Newline => f.write_str("a record holds a newline: write its JSON on one line"),
            PayloadError::Number { expected } => {
                write!(f, "a record must begin with {{\"seq\":{expected}: ask the writer for the number")
            }
        }
    }
}

impl std::error::Error for PayloadError {}

/// One record that the chain has proved.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its number, from 1.
    pub seq: u64,
    /// Where its line begins in the journal, in bytes.
    pub offset: u64,
    /// Its hash.
    pub hash: Hash,
    /// The bytes of its JSON object.
    pub payload: &'a [u8],
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Bytes were changed.
    Corrupt,
    /// An intact record of a later number stands here.
    Missing { found: u64 },
    /// A record of an earlier number stands here.
    Replayed { found: u64 },
}

/// Where a chain has come to: the number and the hash of its last record and the end of its line.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// `DOMAIN ‖ run`, hashed already: every record goes on from a copy.
    base: Sha256,
    pub(super) seq: u64,
    pub(super) hash: Hash,
    pub(super) offset: u64,
}

impl Chain {
    /// A chain with no record yet, behind its header.
    pub(super) fn new(run: &RunId, header: usize) -> Chain {
        let base = Sha256::new().chain_update(DOMAIN).chain_update(run.as_str());
        Chain { base, seq: 0, hash: Hash::ZERO, offset: header as u64 }
    }

    fn hash_next(&self, len: &[u8], json: [&[u8]; 3]) -> Hash {
        let mut hasher = self.base.clone();
        hasher.update(self.hash.0);
        hasher.update(len);
        for part in json {
            hasher.update(part);
        }
        Hash(hasher.finalize().into())
    }

    fn advance(&mut self, hash: Hash, line: usize) {
        self.seq += 1;
        self.hash = hash;
        self.offset += line as u64;
    }

    /// Appends the line of the next record to `out`.
    pub(super) fn seal(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), PayloadError> {
        let expected = self.seq + 1;
        if payload.len() > MAX_PAYLOAD {
            return Err(PayloadError::TooLong(payload.len()));
        }
        if payload.contains(&b'\n') {
            return Err(PayloadError::Newline);
        }
        if stated_seq(payload).is_none_or(|(seq, _)| seq != expected) {
            return Err(PayloadError::Number { expected });
        }
        let len = payload.len().to_string();
        let hash = self.hash_next(len.as_bytes(), [payload, b"", b""]);
        let before = out.len();
        for part in [len.as_bytes(), b" ", &hash.hex(), b" ", payload, b"\n"] {
            out.extend_from_slice(part);
        }
        self.advance(hash, out.len() - before);
        Ok(())
    }

    /// Proves the next line, its newline included, and goes on behind it.
    pub(super) fn accept<'a>(&mut self, line: &'a [u8]) -> Result<Record<'a>, Fault> {
        let (len, hex, payload) = split(line).ok_or(Fault::Corrupt)?;
        let hash = self.hash_next(len, [payload, b"", b""]);
        let next = self.seq + 1;
        let stated = stated_seq(payload);
        if hash.hex() == *hex {
            if stated.is_none_or(|(seq, _)| seq != next) {
                return Err(Fault::Corrupt);
            }
            let record = Record { seq: next, offset: self.offset, hash, payload };
            self.advance(hash, line.len());
            return Ok(record);
        }
        let Some((found, rest)) = stated.filter(|(seq, _)| *seq != next) else {
            return Err(Fault::Corrupt);
        };
        if !hex.iter().all(|digit| hex_value(*digit).is_some()) {
            return Err(Fault::Corrupt);
        }
        // Is this another record, or ours with a damaged number? Ours is right again with its number.
        let mended = self.hash_next(len, [SEQ_PREFIX, next.to_string().as_bytes(), rest]);
        if mended.hex() == *hex {
            Err(Fault::Corrupt)
        } else if found > next {
            Err(Fault::Missing { found })
        } else {
            Err(Fault::Replayed { found })
        }
    }
}

/// `len`, `hash` and `json` of a line of a record's form.
fn split(line: &[u8]) -> Option<(&[u8], &[u8; 64], &[u8])> {
    let line = line.strip_suffix(b"\n")?;
    let (len, rest) = line.split_at_checked(line.iter().position(|b| *b == b' ')?)?;
    let (hex, rest) = rest.strip_prefix(b" ")?.split_first_chunk::<64>()?;
    let json = rest.strip_prefix(b" ")?;
    let fits = decimal(len)? == json.len() as u64 && json.len() <= MAX_PAYLOAD;
    fits.then_some((len, hex, json))
}

/// The number that a payload states, and what comes after its digits.
fn stated_seq(payload: &[u8]) -> Option<(u64, &[u8])> {
    let rest = payload.strip_prefix(SEQ_PREFIX)?;
    let digits = rest.iter().position(|b| !b.is_ascii_digit())?;
    let (digits, rest) = rest.split_at_checked(digits)?;
    matches!(rest.first(), Some(b',' | b'}')).then_some((decimal(digits)?, rest))
}

/// A number without sign, space or leading zeros.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || (text.len() > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    text.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// The header line of a journal.
pub(super) fn header(run: &RunId) -> String {
    let body = format!("cutover/{VERSION} {run}");
    format!("{body} {}\n", Hash::of(body.as_bytes()))
}

/// The version and the run that a header line names, `None` if it is no header or damaged.
pub(super) fn read_header(line: &[u8]) -> Option<(u64, RunId)> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (body, hash) = line.rsplit_once(' ')?;
    let (version, run) = body.strip_prefix("cutover/")?.split_once(' ')?;
    let version = decimal(version.as_bytes()).filter(|v| *v > 0)?;
    let run = run.parse().ok()?;
    (hash.parse() == Ok(Hash::of(body.as_bytes()))).then_some((version, run))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        "R-1".parse().unwrap()
    }

    #[test]
    fn the_form_of_a_line_is_what_the_format_says() {
        let mut chain = Chain::new(&run(), 0);
        let mut out = Vec::new();
        chain.seal(b"{\"seq\":1}", &mut out).unwrap();
        let expected = Hash::of(&[b"cutover/1R-1".as_slice(), &[0; 32], b"9{\"seq\":1}"].concat());
        assert_eq!(String::from_utf8(out).unwrap(), format!("9 {expected} {{\"seq\":1}}\n"));
        assert_eq!(chain.hash, expected);
    }

    #[test]
    fn a_payload_that_would_break_the_form_is_refused() {
        let seal = |payload: &[u8]| Chain::new(&run(), 0).seal(payload, &mut Vec::new());
        let long = [b"{\"seq\":1,\"a\":\"".as_slice(), &vec![b'x'; MAX_PAYLOAD], b"\"}"].concat();
        assert_eq!(seal(&long), Err(PayloadError::TooLong(long.len())));
        assert_eq!(seal(b"{\"seq\":1,\n}"), Err(PayloadError::Newline));
        for wrong in [&b"{\"seq\":2}"[..], b"{\"seq\":01}", b"{\"seq\":1", b"{}", b"", b"{\"seq\":}"] {
            assert_eq!(seal(wrong), Err(PayloadError::Number { expected: 1 }));
        }
    }

    #[test]
    fn a_longest_payload_makes_a_longest_line_and_is_read_back() {
        let payload = [b"{\"seq\":1,\"a\":\"".as_slice(), &vec![b'x'; MAX_PAYLOAD - 16], b"\"}"].concat();
        let mut line = Vec::new();
        Chain::new(&run(), 0).seal(&payload, &mut line).unwrap();
        assert_eq!(line.len(), MAX_LINE);
        assert_eq!(Chain::new(&run(), 0).accept(&line).unwrap().payload, payload);
    }

    #[test]
    fn a_header_is_read_back_and_a_newer_one_is_named() {
        assert_eq!(read_header(header(&run()).as_bytes()), Some((1, run())));
        let body = "cutover/12 R-1";
        let newer = format!("{body} {}\n", Hash::of(body.as_bytes()));
        assert_eq!(read_header(newer.as_bytes()), Some((12, run())));
        assert_eq!(read_header(newer.replace("12", "13").as_bytes()), None);
    }

    #[test]
    fn a_hash_survives_its_text() {
        let hash = Hash::of(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(String::from_utf8(hash.hex().to_vec()).unwrap(), hash.to_string());
        assert!("ABC".parse::<Hash>().is_err());
        assert!(hash.to_string().to_uppercase().parse::<Hash>().is_err());
    }

    #[test]
    fn a_run_id_is_one_plain_word() {
        for bad in ["", "a b", "../x/", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<RunId>().is_err(), "{bad:?}");
        }
        assert!("L-20261205T2100Z-orders-7k3m".parse::<RunId>().is_ok());
    }
}
