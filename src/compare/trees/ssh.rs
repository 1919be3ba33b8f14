//! A folder of another host: the same program there, over ssh, does the walking and the reading.
//!
//! `ssh://[user@]host[:port]/path`, where `/~/` is the account's own folder and `?program=/path/to/cutover` says
//! where the program is when it is not in the `PATH` there. The far half is `far`.

use std::collections::HashMap;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::digest::Algorithm;
use super::filter::{Filter, Walked};
use super::place::{Answer, Ask, Attributes, Can, Error, Folder, Meter, Opening, Place, Unread};
use super::wire::{self, Asked, Question, Reply};
use crate::process::{self, Ended, Spec, Talk};

const SCHEME: &str = "ssh://";
/// A host that does not answer in this time is not there.
const CONNECT: Duration = Duration::from_secs(10);
/// The far half is up in this time, or never.
const GREETING: Duration = Duration::from_secs(30);
/// How often whoever waits looks whether anybody waits for him.
const LOOK: Duration = Duration::from_millis(100);
/// So many questions are on their way at once, to make up for the time that they travel.
const READERS: usize = 16;

pub(super) fn is_address(address: &str, _root: &Path) -> bool {
    address.starts_with(SCHEME)
}

pub(super) fn open(address: &str, opening: &Opening<'_>) -> Result<Box<dyn Place>, Error> {
    let target = Target::parse(address)?;
    Ok(Box::new(Far::open(address, &target, opening)?))
}

/// Where an address leads.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: Option<u16>,
    path: Vec<u8>,
    program: String,
}

impl Target {
    fn parse(address: &str) -> Result<Target, Error> {
        let wrong = |why: &str| {
            let mend = "write ssh://[user@]host[:port]/path; other options belong into ~/.ssh/config";
            Error::new(address, why, mend)
        };
        let rest = address.strip_prefix(SCHEME).unwrap_or_default();
        let (authority, rest) = rest.split_once('/').ok_or_else(|| wrong("names no path"))?;
        let (path, program) = match rest.split_once('?') {
            None => (rest, "cutover"),
            Some((path, query)) => (
                path,
                query
                    .strip_prefix("program=")
                    .ok_or_else(|| wrong("has a query other than ?program=/path"))?,
            ),
        };
        // It goes through a shell on the other side.
        if program.is_empty() || !program.chars().all(|c| c.is_ascii_alphanumeric() || "/._+-".contains(c)) {
            return Err(wrong("names a program whose path is more than letters, digits and ./_+-"));
        }
        let (user, host_port) = match authority.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, authority),
        };
        let (host, port) = match host_port.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, Some(port.parse().map_err(|_| wrong("has a port that is none"))?))
            }
            _ => (host_port, None),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let plain = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_alphanumeric() || "._:".contains(c))
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c))
        };
        if !plain(host) || user.is_some_and(|user| !plain(user)) {
            return Err(wrong("names no host"));
        }
        let host = user.map_or_else(|| host.to_owned(), |user| format!("{user}@{host}"));
        let path =
            [b"/", decoded(path).ok_or_else(|| wrong("has a % without two hex digits"))?.as_slice()].concat();
        Ok(Target { host, port, path, program: program.to_owned() })
    }
}

/// `%41` is `A`: any byte can be written.
pub(super) fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes)
}

/// The far half and the line to it.
struct Far {
    name: String,
    line: Mutex<Line>,
    next: AtomicU64,
    waiting: Arc<Mutex<Waiting>>,
    meter: Arc<Meter>,
}

struct Line {
    to: BufWriter<ChildStdin>,
    _talk: Talk,
}

/// Who waits for which reply.
#[derive(Default)]
struct Waiting {
    walk: Option<SyncSender<Reply>>,
    answers: HashMap<u64, SyncSender<Reply>>,
    /// The line has ended.
    ended: bool,
}

impl Far {
    fn open(name: &str, target: &Target, opening: &Opening<'_>) -> Result<Far, Error> {
        let broken = |why: String| Error::new(name, why, "");
        let argv = process::ssh::words(
            opening.ssh,
            CONNECT,
            &target.host,
            target.port,
            &[&target.program, "__tree"],
        );
        let spec = Spec::new(argv, opening.root, CONNECT).map_err(|why| broken(why.to_string()))?;
        let (talk, to, from) = process::talk(&spec).map_err(|why| broken(why.to_string()))?;
        let (mut to, from) = (BufWriter::new(to), BufReader::with_capacity(256 << 10, from));
        let hello = Question::Hello { version: wire::VERSION.to_owned(), path: target.path.clone() };
        // A line that is broken already says why when it is read.
        let _broken = wire::send(&mut to, &hello.frame()).and_then(|()| to.flush());
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let replies = Arc::clone(&waiting);
        let (first, greeted) = sync_channel(1);
        // It ends with the line, which ends with what is opened here.
        thread::spawn(move || hand_out(from, &replies, &first));
        match wait(&greeted, opening.meter, GREETING) {
            Some(Ok(Reply::Ready)) => Ok(Far {
                name: name.to_owned(),
                line: Mutex::new(Line { to, _talk: talk }),
                next: AtomicU64::new(0),
                waiting,
                meter: Arc::clone(opening.meter),
            }),
            Some(Ok(Reply::Refused { why, mend })) => Err(Error::new(name, why, mend)),
            Some(Ok(_)) => Err(broken("does not answer as cutover does".to_owned())),
            Some(Err(why)) => {
                drop(to);
                Err(explained(name, target, talk.end(), &why))
            }
            None => Err(broken(format!("has not answered within {} s", GREETING.as_secs()))),
        }
    }

    fn ask(&self, question: &Question) -> std::io::Result<()> {
        let mut line = locked(&self.line);
        wire::send(&mut line.to, &question.frame())?;
        line.to.flush()
    }

    /// Asks and waits for the answer; `None` when the line breaks.
    fn answer(&self, question: impl FnOnce(u64) -> Question) -> Option<Reply> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (to, reply) = sync_channel(1);
        {
            let mut waiting = locked(&self.waiting);
            if waiting.ended {
                return None;
            }
            waiting.answers.insert(id, to);
        }
        self.ask(&question(id)).ok()?;
        wait(&reply, &self.meter, Duration::MAX)
    }

    fn broke(&self) -> String {
        format!("the line to {} broke off", self.name)
    }
}

/// Waits for what comes, unless the line ends, nobody waits for the answer any more, or it takes too long.
fn wait<T>(of: &Receiver<T>, meter: &Meter, most: Duration) -> Option<T> {
    let began = Instant::now();
    loop {
        match of.recv_timeout(LOOK) {
            Ok(came) => return Some(came),
            Err(RecvTimeoutError::Timeout) if !meter.is_off() && began.elapsed() < most => {}
            Err(_) => return None,
        }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn greeting(from: &mut BufReader<ChildStdout>) -> std::io::Result<Reply> {
    let mut word = Vec::new();
    from.by_ref().take(wire::GREETING.len() as u64).read_to_end(&mut word)?;
    if word != wire::GREETING {
        let said = String::from_utf8_lossy(&word).into_owned();
        return Err(std::io::Error::other(format!("what answers is not cutover but says {said:?}")));
    }
    let mut frame = Vec::new();
    if !wire::receive(from, &mut frame)? {
        return Err(std::io::Error::other("what answers ends before it is ready"));
    }
    Reply::parse(&frame).map_err(|wire::Garbled| std::io::Error::other("what answers is another cutover"))
}

/// What it means that the far half did not come up.
fn explained(name: &str, target: &Target, (ended, said): (Ended, String), why: &std::io::Error) -> Error {
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
    let Target { host, program, .. } = target;
    let mend = format!(
        "put this program on {host}, and say where with ssh://…?program=/path/to/cutover when it is not in the PATH \
         there"
    );
    match ended {
        Ended::Code(127 | 126) => {
            Error::new(name, format!("has no {program} that can be run ({last})"), mend)
        }
        Ended::Code(255) => {
            let mend = format!("`ssh {host}` must get there without asking anything");
            Error::new(name, format!("cannot be reached: {last}"), mend)
        }
        // An older one knows no such command and says so.
        Ended::Code(2) => Error::new(name, format!("has another cutover ({last})"), mend),
        Ended::Code(0) => Error::new(name, why.to_string(), mend),
        other => Error::new(name, format!("{other}: {last}"), ""),
    }
}

/// Hands the greeting to whoever opened the line, and each reply to whoever waits for it, until the line ends.
fn hand_out(
    mut from: BufReader<ChildStdout>,
    waiting: &Mutex<Waiting>,
    first: &SyncSender<std::io::Result<Reply>>,
) {
    let greeted = greeting(&mut from);
    let ready = matches!(greeted, Ok(Reply::Ready));
    if first.send(greeted).is_err() || !ready {
        return;
    }
    let mut frame = Vec::new();
    while let Ok(true) = wire::receive(&mut from, &mut frame) {
        let Ok(reply) = Reply::parse(&frame) else { break };
        let to = match &reply {
            Reply::Folder(_) => locked(waiting).walk.clone(),
            Reply::Walked(_) | Reply::Refused { .. } => locked(waiting).walk.take(),
            Reply::Looked { id, .. } | Reply::Digested { id, .. } => locked(waiting).answers.remove(id),
            Reply::Ready => None,
        };
        if let Some(to) = to {
            // Whoever has stopped waiting has stopped altogether.
            let _gone = to.send(reply);
        }
    }
    let mut waiting = locked(waiting);
    *waiting = Waiting { ended: true, ..Waiting::default() };
}

impl Place for Far {
    fn name(&self) -> &str {
        &self.name
    }

    fn can(&self) -> Can {
        Can { folders: true, sizes: true, attributes: true, contents: true, readers: READERS }
    }

    fn walk(
        &self,
        filter: &Filter,
        each: &mut dyn FnMut(Folder) -> ControlFlow<()>,
    ) -> Result<Walked, Error> {
        let (to, replies): (_, Receiver<Reply>) = sync_channel(64);
        locked(&self.waiting).walk = Some(to);
        let (only, except) = filter.patterns();
        self.ask(&Question::Walk { only, except }).map_err(|_| Error::new(self.broke(), "", ""))?;
        loop {
            match wait(&replies, &self.meter, Duration::MAX) {
                Some(Reply::Folder(folder)) => {
                    if each(folder).is_break() {
                        return Ok(Walked::default());
                    }
                }
                Some(Reply::Walked(walked)) => return Ok(walked),
                Some(Reply::Refused { why, mend }) => return Err(Error::new(&self.name, why, mend)),
                Some(_) => {}
                None => return Err(Error::new(self.broke(), "while it was listed", "compare again")),
            }
        }
    }

    fn look(&self, folder: &[u8], name: &[u8]) -> Result<Option<Attributes>, String> {
        let question = |id| Question::Look { id, folder: folder.to_vec(), name: name.to_vec() };
        match self.answer(question) {
            Some(Reply::Looked { found, .. }) => found,
            _ => Err(self.broke()),
        }
    }

    fn digest(&self, asks: &[Ask<'_>], algorithm: Algorithm, meter: &Meter) -> Vec<Answer> {
        let asked = asks.iter().map(Asked::from).collect();
        match self.answer(|id| Question::Digest { id, algorithm, asks: asked }) {
            Some(Reply::Digested { answers, .. }) if answers.len() == asks.len() => {
                let read = asks.iter().map(|ask| ask.piece.map_or(ask.size, |(_, len)| len)).sum();
                // A comparison that was called off says so itself.
                let _off = meter.read(read);
                answers
            }
            _ => asks.iter().map(|_| Err(Unread::Failed(self.broke()))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_where_they_say() {
        let parsed = |address: &str| {
            let Target { host, port, path, program } = Target::parse(address).unwrap();
            (host, port, String::from_utf8_lossy(&path).into_owned(), program)
        };
        let is = |host: &str, port, path: &str, program: &str| {
            (host.to_owned(), port, path.to_owned(), program.to_owned())
        };
        assert_eq!(parsed("ssh://far/srv/data"), is("far", None, "/srv/data", "cutover"));
        assert_eq!(parsed("ssh://me@far:2222/~/x"), is("me@far", Some(2222), "/~/x", "cutover"));
        assert_eq!(parsed("ssh://[::1]:22/"), is("::1", Some(22), "/", "cutover"));
        assert_eq!(
            parsed("ssh://far/a%3Fb%20c?program=/opt/cutover"),
            is("far", None, "/a?b c", "/opt/cutover")
        );
        for wrong in [
            "ssh://far",
            "ssh:///srv",
            "ssh://-oProxyCommand=x/srv",
            "ssh://far:x/srv",
            "ssh://a b/srv",
            "ssh://far/a%zz",
            "ssh://far/a?program=x;reboot",
            "ssh://far/a?other=x",
        ] {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }
}
