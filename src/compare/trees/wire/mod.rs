//! What the two halves of a comparison say to each other over ssh: frames of a length and fields.
//!
//! Both halves are one version of this program, which the first frame makes sure of, so there is nothing to
//! negotiate.

mod fields;

use std::io::{self, Read, Write};

use super::digest::{Algorithm, Digest};
use super::filter::Walked;
use super::place::{Answer, Ask, Attributes, Folder, Unread};
use fields::{In, Out, algorithm_number};

pub(super) use self::fields::Garbled;

/// What both halves must be.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The first word of the far half.
pub(super) const GREETING: &[u8] = b"cutover-tree\n";
/// No frame is longer; what says so is not ours.
const MOST: usize = 1 << 30;

/// What the near half asks.
#[derive(Debug, PartialEq)]
pub(super) enum Question {
    /// First of all.
    Hello {
        version: String,
        path: Vec<u8>,
    },
    Walk {
        only: Vec<String>,
        except: Vec<String>,
    },
    Look {
        id: u64,
        folder: Vec<u8>,
        name: Vec<u8>,
    },
    Digest {
        id: u64,
        algorithm: Algorithm,
        asks: Vec<Asked>,
    },
}

/// An [`Ask`] that owns what it names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) folder: Vec<u8>,
    pub(super) name: Vec<u8>,
    pub(super) size: u64,
    pub(super) piece: Option<(u64, u64)>,
    pub(super) stamp: u64,
}

/// What the far half says.
#[derive(Debug)]
pub(super) enum Reply {
    /// The tree is open.
    Ready,
    /// The tree as a whole cannot be had; nothing follows.
    Refused {
        why: String,
        mend: String,
    },
    Folder(Folder),
    Walked(Walked),
    Looked {
        id: u64,
        found: Result<Option<Attributes>, String>,
    },
    Digested {
        id: u64,
        answers: Vec<Answer>,
    },
}

/// Writes a frame. Flushing is the caller's.
pub(super) fn send(to: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(|_| io::Error::other("a frame is too long"))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(frame)
}

/// Reads a frame into a buffer; `false` at the end.
pub(super) fn receive(from: &mut impl Read, into: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        other => other?,
    }
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > MOST {
        return Err(io::Error::other("a frame is too long"));
    }
    into.clear();
    from.take(length as u64).read_to_end(into)?;
    if into.len() == length { Ok(true) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

impl Asked {
    pub(super) fn ask(&self) -> Ask<'_> {
        Ask { folder: &self.folder, name: &self.name, size: self.size, piece: self.piece, stamp: self.stamp }
    }
}

impl From<&Ask<'_>> for Asked {
    fn from(ask: &Ask<'_>) -> Asked {
        Asked {
            folder: ask.folder.to_vec(),
            name: ask.name.to_vec(),
            size: ask.size,
            piece: ask.piece,
            stamp: ask.stamp,
        }
    }
}

impl Question {
    pub(super) fn frame(&self) -> Vec<u8> {
        let mut out;
        match self {
            Question::Hello { version, path } => {
                out = Out::kind(0);
                out.bytes(version.as_bytes()).bytes(path);
            }
            Question::Walk { only, except } => {
                out = Out::kind(1);
                out.texts(only).texts(except);
            }
            Question::Look { id, folder, name } => {
                out = Out::kind(2);
                out.number(*id).bytes(folder).bytes(name);
            }
            Question::Digest { id, algorithm, asks } => {
                out = Out::kind(3);
                out.number(*id).number(algorithm_number(*algorithm)).number(asks.len() as u64);
                let mut before: Option<&[u8]> = None;
                for ask in asks {
                    // As a rule it is the folder of the one before.
                    let same = before == Some(&ask.folder);
                    out.bytes(if same { b"/" } else { &ask.folder }).bytes(&ask.name).number(ask.size);
                    out.maybe(ask.piece.map(|(from, _)| from)).maybe(ask.piece.map(|(_, len)| len));
                    out.number(ask.stamp);
                    before = Some(&ask.folder);
                }
            }
        }
        out.0
    }

    pub(super) fn parse(frame: &[u8]) -> Result<Question, Garbled> {
        let mut from = In(frame);
        Ok(match from.byte()? {
            0 => Question::Hello { version: from.text()?, path: from.bytes()?.to_vec() },
            1 => Question::Walk { only: from.many(In::text)?, except: from.many(In::text)? },
            2 => Question::Look {
                id: from.number()?,
                folder: from.bytes()?.to_vec(),
                name: from.bytes()?.to_vec(),
            },
            3 => {
                let (id, algorithm) = (from.number()?, from.algorithm()?);
                let mut asks: Vec<Asked> = Vec::new();
                for _ in 0..from.number()? {
                    let folder = match (from.bytes()?, asks.last()) {
                        (b"/", Some(before)) => before.folder.clone(),
                        (folder, _) => folder.to_vec(),
                    };
                    let (name, size) = (from.bytes()?.to_vec(), from.number()?);
                    let piece = from.maybe()?.zip(from.maybe()?);
                    asks.push(Asked { folder, name, size, piece, stamp: from.number()? });
                }
                Question::Digest { id, algorithm, asks }
            }
            _ => return Err(Garbled),
        })
    }
}

impl Reply {
    pub(super) fn frame(&self) -> Vec<u8> {
        let mut out;
        match self {
            Reply::Ready => out = Out::kind(0),
            Reply::Refused { why, mend } => {
                out = Out::kind(1);
                out.bytes(why.as_bytes()).bytes(mend.as_bytes());
            }
            Reply::Folder(folder) => {
                out = Out::kind(2);
                out.bytes(&folder.path).bytes(folder.unreadable.as_deref().unwrap_or_default().as_bytes());
                out.number(folder.entries.len() as u64);
                for entry in &folder.entries {
                    out.bytes(folder.name(entry)).attributes(&entry.is);
                }
            }
            Reply::Walked(walked) => {
                out = Out::kind(3);
                let hits: Vec<u8> = walked.hits.iter().map(|hit| u8::from(*hit)).collect();
                out.number(walked.left_out).bytes(&hits);
            }
            Reply::Looked { id, found } => {
                out = Out::kind(4);
                out.number(*id);
                match found {
                    Ok(None) => out.number(0),
                    Ok(Some(is)) => out.number(1).attributes(is),
                    Err(why) => out.number(2).bytes(why.as_bytes()),
                };
            }
            Reply::Digested { id, answers } => {
                out = Out::kind(5);
                out.number(*id).number(answers.len() as u64);
                for answer in answers {
                    match answer {
                        Ok(digest) => out.number(0).digest(digest),
                        Err(Unread::Changed) => out.number(1),
                        Err(Unread::Gone) => out.number(2),
                        Err(Unread::Failed(why)) => out.number(3).bytes(why.as_bytes()),
                    };
                }
            }
        }
        out.0
    }

    pub(super) fn parse(frame: &[u8]) -> Result<Reply, Garbled> {
        let mut from = In(frame);
        Ok(match from.byte()? {
            0 => Reply::Ready,
            1 => Reply::Refused { why: from.text()?, mend: from.text()? },
            2 => {
                let mut folder = Folder::at(from.bytes()?.to_vec());
                folder.unreadable = Some(from.text()?).filter(|why| !why.is_empty());
                for _ in 0..from.number()? {
                    let name = from.bytes()?;
                    folder.push(name, from.attributes()?);
                }
                Reply::Folder(folder)
            }
            3 => Reply::Walked(Walked {
                left_out: from.number()?,
                hits: from.bytes()?.iter().map(|hit| *hit == 1).collect(),
            }),
            4 => Reply::Looked {
                id: from.number()?,
                found: match from.number()? {
                    0 => Ok(None),
                    1 => Ok(Some(from.attributes()?)),
                    _ => Err(from.text()?),
                },
            },
            5 => Reply::Digested {
                id: from.number()?,
                answers: from.many(|from| {
                    Ok(match from.number()? {
                        0 => {
                            let algorithm = from.algorithm()?;
                            Ok(Digest::new(algorithm, from.bytes()?).ok_or(Garbled)?)
                        }
                        1 => Err(Unread::Changed),
                        2 => Err(Unread::Gone),
                        _ => Err(Unread::Failed(from.text()?)),
                    })
                })?,
            },
            _ => return Err(Garbled),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::tests::file;
    use super::super::place::{Kind, Moment};
    use super::*;

    /// The entries of a folder, to be held against others.
    fn entries(folder: &Folder) -> Vec<(Vec<u8>, Attributes)> {
        folder.entries.iter().map(|e| (folder.name(e).to_vec(), e.is.clone())).collect()
    }

    #[test]
    fn what_is_asked_arrives_and_what_is_cut_off_is_no_question() {
        let asked = |folder: &[u8], piece| Asked {
            folder: folder.to_vec(),
            name: b"\xff\n".to_vec(),
            size: 7,
            piece,
            stamp: u64::MAX,
        };
        let asks = vec![asked(b"", None), asked(b"", Some((1, 2))), asked(b"a/b", None), asked(b"a/b", None)];
        for question in [
            Question::Hello { version: "1".to_owned(), path: b"/a".to_vec() },
            Question::Walk { only: vec!["*".to_owned()], except: vec![] },
            Question::Look { id: 3, folder: b"a".to_vec(), name: b"b".to_vec() },
            Question::Digest { id: 4, algorithm: Algorithm::Sha256, asks },
        ] {
            let frame = question.frame();
            assert_eq!(Question::parse(&frame).as_ref(), Ok(&question));
            for cut in 0..frame.len() {
                assert_eq!(Question::parse(&frame[..cut]), Err(Garbled), "{question:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_said_arrives() {
        let back = |reply: &Reply| Reply::parse(&reply.frame()).unwrap();
        let mut folder = Folder::at(b"a/b".to_vec());
        folder.push(
            b"x",
            Attributes {
                modified: Some(Moment { secs: -5, nanos: 9 }),
                mode: Some(0o4755),
                owner: Some((u32::MAX, 7)),
                stamp: 8,
                ..file(1 << 40)
            },
        );
        folder.push(
            b"l",
            Attributes { kind: Kind::Link, size: None, link: Some(b"".as_slice().into()), ..file(0) },
        );
        folder.push(b"d", Attributes { kind: Kind::Character(9), size: None, ..file(0) });
        match back(&Reply::Folder(folder.clone())) {
            Reply::Folder(other) => {
                assert_eq!((entries(&other), other.path), (entries(&folder), folder.path));
            }
            other => panic!("{other:?}"),
        }
        let answers = vec![
            Ok(Digest::Md5([7; 16])),
            Err(Unread::Changed),
            Err(Unread::Gone),
            Err(Unread::Failed("why".to_owned())),
        ];
        match back(&Reply::Digested { id: 9, answers: answers.clone() }) {
            Reply::Digested { id: 9, answers: other } => assert_eq!(answers, other),
            other => panic!("{other:?}"),
        }
        let walked = Walked { left_out: 3, hits: vec![true, false] };
        assert!(matches!(back(&Reply::Walked(walked.clone())), Reply::Walked(other) if other == walked));
        let looked = Reply::Looked { id: 1, found: Err("no".to_owned()) };
        assert!(matches!(back(&looked), Reply::Looked { id: 1, found: Err(why) } if why == "no"));
    }

    #[test]
    fn frames_come_out_as_they_went_in_and_a_torn_one_is_an_error() {
        let mut line = Vec::new();
        send(&mut line, b"one").unwrap();
        send(&mut line, b"").unwrap();
        let mut into = Vec::new();
        let mut from = line.as_slice();
        for frame in [b"one".as_slice(), b""] {
            assert!(receive(&mut from, &mut into).unwrap());
            assert_eq!(into, frame);
        }
        assert!(!receive(&mut from, &mut into).unwrap());
        assert!(receive(&mut &line[..5], &mut into).is_err());
    }
}
