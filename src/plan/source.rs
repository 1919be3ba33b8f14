//! The texts that a plan is read from, and places in them.
//!
//! Owns the reading of files with their limits (size, UTF-8) and the arithmetic of lines and columns.
//! Refuses to know TOML. What is found wrong at a place is a [`Diagnostic`](super::diagnostic::Diagnostic).

use std::fs::{File, FileType};
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

/// A plan larger than this is not read: it is not a plan.
pub const LARGEST: u64 = 8 * 1024 * 1024;

/// The command that writes a plan to start from.
pub(super) const NEW: &str = "`cutover new DIR --strategy near-zero-downtime`";

/// One of the texts of [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u16);

/// A stretch of one text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which text.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Every text that was read, in the order of reading; the plan itself is the first.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// A text and what people call it.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as it was given, or the option that the text stands in.
    pub name: String,
    /// Where it was read from; `None` for a text that is no file.
    pub path: Option<PathBuf>,
    /// The whole text.
    pub text: String,
    /// The first byte of each line.
    lines: Vec<usize>,
}

/// A line and a column, both counted from one; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineColumn {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

/// Why a file is no text that a plan can be read from: a code, what happened, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

impl Place {
    pub(super) fn new(file: FileId, span: std::ops::Range<usize>) -> Place {
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { file, start: clip(span.start), end: clip(span.end) }
    }

    /// The bytes of its text that it covers.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Sources {
    /// Adds a text that is no file, such as an option of the command line.
    pub(super) fn add(&mut self, name: impl Into<String>, path: Option<PathBuf>, text: String) -> FileId {
        let id = FileId(u16::try_from(self.files.len()).unwrap_or(u16::MAX));
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.files.push(Source { name: name.into(), path, text, lines });
        id
    }

    /// A text.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.files.get(usize::from(file.0))
    }

    /// The texts in the order of reading.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.files.iter()
    }

    /// What stands at a place; empty where the place lies outside its text.
    pub fn text(&self, place: Place) -> &str {
        self.get(place.file).and_then(|f| f.text.get(place.range())).unwrap_or("")
    }

    /// Puts asterisks in the place of what stands in the quotes there, one for each byte.
    pub(super) fn cover(&mut self, place: Place) {
        let Some(source) = self.files.get_mut(usize::from(place.file.0)) else { return };
        let range = floor(&source.text, place.start as usize)..floor(&source.text, place.end as usize);
        let Some(shown) = source.text.get(range.clone()) else { return };
        let quotes = ['"', '\''];
        let first = range.start + shown.len() - shown.trim_start_matches(quotes).len();
        let inner = shown.trim_matches(quotes);
        let last = first + inner.len();
        // Lines stay lines.
        let covered: Vec<String> = inner.split('\n').map(|line| "*".repeat(line.len())).collect();
        let covered = covered.join("\n");
        source.text.replace_range(first..last, &covered);
    }

    /// The line at which a place starts.
    pub(super) fn line(&self, place: Place) -> usize {
        self.get(place.file).map_or(1, |f| f.line(place.start as usize))
    }

    /// The line and column at which a place starts.
    pub fn line_column(&self, place: Place) -> LineColumn {
        let Some(source) = self.get(place.file) else { return LineColumn { line: 1, column: 1 } };
        let at = floor(&source.text, place.start as usize);
        let line = source.line(at);
        let start = source.lines.get(line - 1).copied().unwrap_or(0);
        LineColumn { line, column: source.text.get(start..at).map_or(0, |t| t.chars().count()) + 1 }
    }
}

impl Source {
    /// The line that a byte stands in, counted from one.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|&start| start <= at)
    }
}

/// The nearest character boundary at or before a byte.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Reads a whole file as text, at most [`LARGEST`] bytes of it.
pub(super) fn read(path: &Path) -> Result<String, Unreadable> {
    let shown = path.display();
    let broken = |why: std::io::Error| Unreadable {
        code: "unreadable",
        message: format!("{shown} cannot be read: {why}"),
        help: match why.kind() {
            std::io::ErrorKind::NotFound => {
                format!("check the path, or write a plan to start from with {NEW}")
            }
            std::io::ErrorKind::PermissionDenied => {
                "make it readable for the account that runs cutover".to_owned()
            }
            _ => "check the path and the file system it is on".to_owned(),
        },
    };
    // Before it is opened: opening a named pipe waits until somebody writes to it.
    let about = std::fs::metadata(path).map_err(broken)?;
    if about.is_dir() {
        return Err(Unreadable {
            code: "unreadable",
            message: format!("{shown} is a folder, not a plan"),
            help: "name the plan's file, for example plan.toml in that folder".to_owned(),
        });
    }
    if !about.is_file() {
        return Err(Unreadable {
            code: "unreadable",
            message: format!("{shown} is {}, not a regular file", kind_of(about.file_type())),
            help: "a plan is hashed and read again, so it has to be a file on disk".to_owned(),
        });
    }
    let file = File::open(path).map_err(broken)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Unreadable {
            code: "too-large",
            message: format!("{shown} has {} bytes; a plan has at most {LARGEST} (8 MiB)", about.len()),
            help: "check that this is the plan; data belongs into files that the plan names".to_owned(),
        });
    }
    String::from_utf8(bytes).map_err(|why| {
        let at = why.utf8_error().valid_up_to();
        let line = why.as_bytes().iter().take(at).filter(|&&b| b == b'\n').count() + 1;
        Unreadable {
            code: "not-utf8",
            message: format!("{shown} is not UTF-8 text: byte {at}, in line {line}"),
            help: "save it as UTF-8; if it is not a text file, name another".to_owned(),
        }
    })
}

/// What is no regular file and no folder, in a word.
fn kind_of(kind: FileType) -> &'static str {
    if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_from_one_in_characters() {
        let mut sources = Sources::default();
        let file = sources.add("plan.toml", None, "a = 1\nüb = 2\n".to_owned());
        let at = |start| sources.line_column(Place::new(file, start..start));
        assert_eq!(at(0), LineColumn { line: 1, column: 1 });
        assert_eq!(at(4), LineColumn { line: 1, column: 5 });
        assert_eq!(at(8), LineColumn { line: 2, column: 2 });
        assert_eq!(at(7), LineColumn { line: 2, column: 1 }, "inside a character counts as its start");
        assert_eq!(at(999), LineColumn { line: 3, column: 1 });
    }

    #[test]
    fn what_is_no_text_says_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let message = |path: &Path| read(path).unwrap_err().message;
        assert!(message(dir.path()).contains("is a folder"));
        assert!(message(&dir.path().join("no.toml")).contains("No such file"));
        assert!(message(Path::new("/dev/null")).contains("is a device, not a regular file"));
        let socket = dir.path().join("socket");
        let _listens = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(message(&socket).contains("is a socket"));
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .unwrap();
        assert!(message(&pipe).contains("is a pipe"), "and is not waited for");
        let path = dir.path().join("bytes");
        std::fs::write(&path, b"a = 1\n\xff").unwrap();
        assert!(message(&path).contains("byte 6, in line 2"), "{}", message(&path));
        std::fs::File::create(&path).unwrap().set_len(50 * 1024 * 1024).unwrap();
        assert!(message(&path).contains("has 52428800 bytes"), "{}", message(&path));
    }
}
