//! The far half of a comparison over ssh: `cutover __tree`, asked over its input, answering over its output.
//!
//! It opens one tree and reads from it; it writes nothing and keeps nothing.

use std::ffi::OsStr;
use std::io::{self, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::filter::Filter;
use super::local::Local;
use super::place::{Ask, Error, Meter, Place};
use super::wire::{self, Asked, Question, Reply};

/// Answers what comes over `from` until it ends.
///
/// # Errors
/// What of the line is broken.
pub fn serve(from: &mut (impl Read + Send), to: impl Write + Send) -> io::Result<()> {
    let to = Mutex::new(BufWriter::with_capacity(256 << 10, to));
    say_greeting(&to)?;
    let mut frame = Vec::new();
    if !wire::receive(from, &mut frame)? {
        return Ok(());
    }
    let local = match Question::parse(&frame) {
        Ok(Question::Hello { version, path }) if version == wire::VERSION => open(&path),
        Ok(Question::Hello { version, .. }) => Err(Error::new(
            "",
            format!("has cutover {}, asked by {version}", wire::VERSION),
            "have the same on both hosts",
        )),
        _ => return Err(io::Error::other("this is not asked as cutover asks")),
    };
    let local = match local {
        Ok(local) => local,
        Err(Error { why, mend, .. }) => return say(&to, &Reply::Refused { why, mend }),
    };
    say(&to, &Reply::Ready)?;
    let meter = Meter::default();
    let workers = local.can().readers;
    let (hand, work) = sync_channel::<Question>(workers);
    let work = Mutex::new(work);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| answer(&local, &work, &meter, &to));
        }
        let done = loop {
            match wire::receive(from, &mut frame) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(why) => break Err(why),
            }
            match Question::parse(&frame) {
                Ok(Question::Walk { only, except }) => {
                    let (local, to) = (&local, &to);
                    scope.spawn(move || walk(local, &Filter::new(&only, &except), to));
                }
                Ok(question) => {
                    if hand.send(question).is_err() {
                        break Ok(());
                    }
                }
                Err(wire::Garbled) => break Err(io::Error::other("this is not asked as cutover asks")),
            }
        };
        // Whoever asked has gone: what is being read is for nobody.
        meter.call_off();
        drop(hand);
        done
    })
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

fn say(to: &Mutex<BufWriter<impl Write>>, reply: &Reply) -> io::Result<()> {
    let frame = reply.frame();
    let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
    wire::send(&mut *to, &frame)?;
    // Folders come many at a time; everything else is waited for.
    if matches!(reply, Reply::Folder(_)) { Ok(()) } else { to.flush() }
}

fn say_greeting(to: &Mutex<BufWriter<impl Write>>) -> io::Result<()> {
    let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
    to.write_all(wire::GREETING)
}

fn walk(local: &Local, filter: &Filter, to: &Mutex<BufWriter<impl Write>>) {
    let mut each = |folder| match say(to, &Reply::Folder(folder)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    let last = match local.walk(filter, &mut each) {
        Ok(walked) => Reply::Walked(walked),
        Err(Error { why, mend, .. }) => Reply::Refused { why, mend },
    };
    // Where nobody is left to hear it, the line ends too.
    let _gone = say(to, &last);
}

fn answer(local: &Local, work: &Mutex<Receiver<Question>>, meter: &Meter, to: &Mutex<BufWriter<impl Write>>) {
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let reply = match next {
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
        if say(to, &reply).is_err() {
            return;
        }
    }
}
