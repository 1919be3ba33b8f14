//! The far half of a comparison over ssh: `cutover __tree`, asked over its input, answering over its output.
//!
//! It opens one tree and reads from it; it writes nothing and keeps nothing.

use std::ffi::OsStr;
use std::io::{self, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::filter::Filter;
use super::local::Local;
use super::place::{Ask, Error, Meter, Place};
use super::wire::{self, Asked, Question, Reply};

/// How often it is looked whether anybody hears the answers.
const LOOK: Duration = Duration::from_millis(100);

/// Answers what comes over `from` until either ends.
///
/// # Errors
/// What of the line is broken.
pub fn serve(mut from: impl Read + Send + 'static, to: impl Write + Send) -> io::Result<()> {
    let to = Out { to: Mutex::new(BufWriter::with_capacity(256 << 10, to)), broken: AtomicBool::new(false) };
    to.greet()?;
    let mut frame = Vec::new();
    if !wire::receive(&mut from, &mut frame)? {
        return Ok(());
    }
    let local = match Question::parse(&frame) {
        Ok(Question::Hello { version, path }) if version == wire::VERSION => open(&path),
        Ok(Question::Hello { version, .. }) => Err(Error::new(
            "",
            format!("has cutover {}, asked by {version}", wire::VERSION),
            "have the same on both hosts",
        )),
        _ => return Err(not_ours()),
    };
    let local = match local {
        Ok(local) => local,
        Err(Error { why, mend, .. }) => return to.say(&Reply::Refused { why, mend }),
    };
    to.say(&Reply::Ready)?;
    let (heard, questions) = sync_channel(1);
    // It may wait for a question that never comes, while nobody hears the answers any more.
    thread::spawn(move || hear(from, &heard));
    let meter = Meter::default();
    let workers = local.can().readers;
    let (hand, work) = sync_channel::<Question>(workers);
    let work = Mutex::new(work);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| answer(&local, &work, &meter, &to));
        }
        let done = loop {
            if to.broken.load(Ordering::Relaxed) {
                break Err(io::ErrorKind::BrokenPipe.into());
            }
            match questions.recv_timeout(LOOK) {
                Ok(Ok(Question::Walk { only, except })) => {
                    let (local, to) = (&local, &to);
                    scope.spawn(move || walk(local, &Filter::new(&only, &except), to));
                }
                Ok(Ok(question)) => {
                    if hand.send(question).is_err() {
                        break Ok(());
                    }
                }
                Ok(Err(why)) => break Err(why),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
            }
        };
        // Whoever asked has gone: what is being read is for nobody.
        meter.call_off();
        drop(hand);
        done
    })
}

fn not_ours() -> io::Error {
    io::Error::other("this is not asked as cutover asks")
}

/// Hands on what is asked, until the line ends.
fn hear(mut from: impl Read, heard: &SyncSender<io::Result<Question>>) {
    let mut frame = Vec::new();
    loop {
        let question = match wire::receive(&mut from, &mut frame) {
            Ok(true) => Question::parse(&frame).map_err(|wire::Garbled| not_ours()),
            Ok(false) => return,
            Err(why) => Err(why),
        };
        if heard.send(question).is_err() {
            return;
        }
    }
}

/// `/~/` is the account's own folder.
fn open(path: &[u8]) -> Result<Local, Error> {
    let home = path.strip_prefix(b"/~").filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    let path = match (home, std::env::var_os("HOME")) {
        (Some(below), Some(home)) => {
            let below = below.strip_prefix(b"/").unwrap_or(below);
            PathBuf::from(home).join(OsStr::from_bytes(below))
        }
        _ => PathBuf::from(OsStr::from_bytes(path)),
    };
    Local::open("", &path)
}

/// The way back.
struct Out<W: Write> {
    to: Mutex<BufWriter<W>>,
    /// Nobody hears it any more.
    broken: AtomicBool,
}

impl<W: Write> Out<W> {
    fn greet(&self) -> io::Result<()> {
        self.to.lock().unwrap_or_else(PoisonError::into_inner).write_all(wire::GREETING)
    }

    fn say(&self, reply: &Reply) -> io::Result<()> {
        let frame = reply.frame();
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        // Folders come many at a time; everything else is waited for.
        let flush = !matches!(reply, Reply::Folder(_));
        let said = wire::send(&mut *to, &frame).and_then(|()| if flush { to.flush() } else { Ok(()) });
        said.inspect_err(|_| self.broken.store(true, Ordering::Relaxed))
    }
}

fn walk(local: &Local, filter: &Filter, to: &Out<impl Write>) {
    let mut each = |folder| match to.say(&Reply::Folder(folder)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let last = match local.walk(filter, &mut each) {
        Ok(walked) => Reply::Walked(walked),
        Err(Error { why, mend, .. }) => Reply::Refused { why, mend },
    };
    // Where nobody is left to hear it, the line ends too.
    let _gone = to.say(&last);
}

fn answer(local: &Local, work: &Mutex<Receiver<Question>>, meter: &Meter, to: &Out<impl Write>) {
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let reply = match next {
            Ok(_) if to.broken.load(Ordering::Relaxed) => continue,
            Ok(Question::Look { id, folder, name }) => {
                Reply::Looked { id, found: local.look(&folder, &name) }
            }
            Ok(Question::Digest { id, algorithm, asks }) => {
                let asks: Vec<Ask<'_>> = asks.iter().map(Asked::ask).collect();
                Reply::Digested { id, answers: local.digest(&asks, algorithm, meter) }
            }
            Ok(Question::Hello { .. } | Question::Walk { .. }) => continue,
            Err(_) => return,
        };
        // Nobody hears it: whoever hands out the work ends, and must not wait for room to hand out more.
        let _gone = to.say(&reply);
    }
}
