//! A list of digests as `md5sum` and `sha256sum` write it, in any of their forms.
//!
//! It says which files there are and what they hold, and nothing else; nothing of it can be read. A name with a
//! line break, a carriage return or a backslash in it is escaped, and its line begins with a backslash.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::digest::{Algorithm, Digest};
use super::filter::{Filter, Walked};
use super::flat::Flat;
use super::place::{Answer, Ask, Attributes, Can, Error, Folder, Meter, Opening, Place, Unread};

/// No line of a manifest is longer: a path has at most 4096 bytes, each of which may be escaped.
const LINE: u64 = 16 << 10;

/// Whether an address is a file whose first line is one of a manifest.
pub(super) fn is_address(address: &str, root: &Path) -> bool {
    let path = root.join(address);
    let mut line = Vec::new();
    path.is_file()
        && File::open(path).is_ok_and(|file| {
            BufReader::new(file.take(LINE)).read_until(b'\n', &mut line).is_ok() && parse(&line).is_some()
        })
}

pub(super) fn open(address: &str, opening: &Opening<'_>) -> Result<Box<dyn Place>, Error> {
    let manifest = Manifest { name: address.to_owned(), path: opening.root.join(address) };
    manifest.lines()?;
    Ok(Box::new(manifest))
}

struct Manifest {
    name: String,
    path: PathBuf,
}

impl Manifest {
    fn lines(&self) -> Result<BufReader<File>, Error> {
        File::open(&self.path).map(BufReader::new).map_err(|why| self.unreadable(&why))
    }

    fn unreadable(&self, why: &std::io::Error) -> Error {
        Error::new(&self.name, format!("cannot be read: {why}"), "")
    }

    fn read(&self) -> Result<Flat, Error> {
        let wrong = |at: usize, why: &str| {
            let mend = "make it in the folder that it lists, as `cutover manifest` and `sha256sum` do";
            Error::new(&self.name, format!("has a line {at} that {why}"), mend)
        };
        let mut lines = self.lines()?;
        let mut flat = Flat::default();
        let mut line = Vec::new();
        for at in 1.. {
            line.clear();
            if lines.read_until(b'\n', &mut line).map_err(|why| self.unreadable(&why))? == 0 {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let (path, digest) = parse(&line).ok_or_else(|| wrong(at, "is none of a manifest"))?;
            let path = below(&path).ok_or_else(|| wrong(at, "names no path below a folder"))?;
            flat.add(&path, Attributes { digest: Some(Box::new(digest)), ..Attributes::file(None) });
        }
        Ok(flat)
    }
}

/// The path from the top of a tree: without `./`, and not above or beside it.
fn below(path: &[u8]) -> Option<Vec<u8>> {
    if path.starts_with(b"/") {
        return None;
    }
    let parts: Vec<&[u8]> =
        path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    (!parts.is_empty() && !parts.contains(&b"..".as_slice())).then(|| parts.join(&b'/'))
}

/// The path and the digest of a line: `DIGEST  NAME`, `DIGEST *NAME`, or `SHA256 (NAME) = DIGEST`.
fn parse(line: &[u8]) -> Option<(Vec<u8>, Digest)> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let (escaped, line) = line.strip_prefix(b"\\").map_or((false, line), |rest| (true, rest));
    let (name, digest) = tagged(line).or_else(|| {
        let space = line.iter().position(|byte| *byte == b' ')?;
        let (digest, rest) = line.split_at(space);
        let name = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"))?;
        let algorithm = [Algorithm::Md5, Algorithm::Sha256].into_iter().find(|a| hex_length(*a) == space)?;
        Some((name, self::digest(algorithm, digest)?))
    })?;
    let name = if escaped { unescaped(name)? } else { name.to_vec() };
    (!name.is_empty()).then_some((name, digest))
}

fn tagged(line: &[u8]) -> Option<(&[u8], Digest)> {
    let tags: [(&[u8], Algorithm); 2] = [(b"MD5 (", Algorithm::Md5), (b"SHA256 (", Algorithm::Sha256)];
    let (algorithm, rest) =
        tags.into_iter().find_map(|(tag, algorithm)| Some((algorithm, line.strip_prefix(tag)?)))?;
    let middle = rest.len().checked_sub(hex_length(algorithm) + b") = ".len())?;
    let (name, rest) = rest.split_at_checked(middle)?;
    Some((name, digest(algorithm, rest.strip_prefix(b") = ")?)?))
}

fn hex_length(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Md5 | Algorithm::Xxh3 => 32,
        Algorithm::Sha256 => 64,
    }
}

/// A digest from its hex digits.
pub(super) fn digest(algorithm: Algorithm, hex: &[u8]) -> Option<Digest> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let bytes: Option<Vec<u8>> = hex
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect();
    Digest::new(algorithm, &bytes?)
}

fn unescaped(name: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(name.len());
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b'\\' => b'\\',
                _ => return None,
            },
            other => *other,
        });
    }
    Some(plain)
}

/// A line as `sha256sum` writes it.
pub(super) fn line(path: &[u8], digest: &Digest) -> Vec<u8> {
    let escapes = path.iter().any(|byte| b"\n\r\\".contains(byte));
    let mut line = if escapes { b"\\".to_vec() } else { Vec::new() };
    line.extend_from_slice(digest.to_string().as_bytes());
    line.extend_from_slice(b"  ");
    for byte in path {
        match byte {
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\\' => line.extend_from_slice(b"\\\\"),
            other => line.push(*other),
        }
    }
    line.push(b'\n');
    line
}

impl Place for Manifest {
    fn name(&self) -> &str {
        &self.name
    }

    fn can(&self) -> Can {
        Can { folders: false, sizes: false, attributes: false, contents: false, readers: 1 }
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn walk(
        &self,
        filter: &Filter,
        each: &mut dyn FnMut(Folder) -> ControlFlow<()>,
    ) -> Result<Walked, Error> {
        Ok(self.read()?.walk(filter, each))
    }

    fn look(&self, folder: &[u8], name: &[u8]) -> Result<Option<Attributes>, String> {
        let flat = self.read().map_err(|why| why.to_string())?;
        Ok(flat.get(folder, name).cloned())
    }

    fn digest(&self, asks: &[Ask<'_>], _algorithm: Algorithm, _meter: &Meter) -> Vec<Answer> {
        asks.iter().map(|_| Err(Unread::Failed("a manifest has no contents".to_owned()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MD5: &str = "900150983cd24fb0d6963f7d28e17f72";
    const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn every_form_is_read_and_nothing_else() {
        for (form, name) in [
            (format!("{MD5}  a b"), "a b"),
            (format!("{SHA256} *a"), "a"),
            (format!("{}  a", MD5.to_uppercase()), "a"),
            (format!("\\{SHA256}  a\\nb\\\\c"), "a\nb\\c"),
            (format!("{MD5}  a\\nb"), "a\\nb"),
            (format!("MD5 (a (b) = c) = {MD5}"), "a (b) = c"),
            (format!("\\SHA256 (a\\nb) = {SHA256}"), "a\nb"),
        ] {
            let (path, digest) = parse(form.as_bytes()).unwrap_or_else(|| panic!("{form}"));
            assert_eq!(String::from_utf8(path).unwrap(), name, "{form}");
            assert!([MD5, SHA256].contains(&digest.to_string().as_str()), "{form}");
        }
        for wrong in ["", "hello", MD5, &format!("{MD5} a"), &format!("{MD5}0  a"), &format!("\\{MD5}  a\\x")]
        {
            assert!(parse(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for path in [b"plain".as_slice(), b"two\nlines", b"back\\slash", b"\r", b"\xff", b" space "] {
            let digest = Digest::Sha256([7; 32]);
            assert_eq!(parse(&line(path, &digest)), Some((path.to_vec(), digest)));
        }
    }

    #[test]
    fn paths_lie_below_the_folder() {
        assert_eq!(below(b"./a//b/./c").as_deref(), Some(b"a/b/c".as_slice()));
        for wrong in [b"/a".as_slice(), b"../a", b"a/../../b", b"."] {
            assert_eq!(below(wrong), None);
        }
    }
}
