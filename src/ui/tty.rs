//! The terminal as a device: its modes, and bytes to it.
//!
//! Owns one descriptor of the controlling terminal, how it was found, and whether our modes are on.
//! The descriptor is our own (`/dev/tty` opened anew), so that it can be non-blocking without making
//! the shell's so: a writer that waits for a stalled terminal can be called off, and no signal and no
//! panic finds the modes locked away behind it.
//!
//! Refuses to know what is drawn (`screen`) and what is typed (`decode`). Who switches modes when:
//! `terminal`, `signals`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::termios::{
    OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

/// Alternate screen, cleared; cursor hidden; pastes marked; focus told.
const ENTER: &str = "\x1b[?1049h\x1b[H\x1b[2J\x1b[?25l\x1b[?2004h\x1b[?1004h";
/// Asks whether the terminal can tell held keys, and for its background colour. Both answers come
/// as input, or never; nothing waits for them.
const ASK: &str = "\x1b[?u\x1b]11;?\x1b\\";
/// Ends whatever sequence a frame was cut in.
const STOP: &str = "\x1b\\";
/// Undoes everything that may be on: also what an earlier run, killed without a chance to clean up,
/// has left.
const LEAVE: &str = "\x1b[?2026l\x1b[?1000l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[m\x1b[?25h\x1b[?1049l";

const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1000l\x1b[?1006l";
/// Escape codes told from the escape key, and held keys from pressed ones.
const KEYBOARD_ON: &str = "\x1b[>3u";
const KEYBOARD_OFF: &str = "\x1b[<u";

/// How long leaving waits for a terminal that takes no bytes before it leaves them out.
const LEAVE_WAIT: Duration = Duration::from_millis(100);

pub(super) struct Tty {
    fd: OwnedFd,
    found: Termios,
    state: Mutex<State>,
    /// Our modes are on, for the reader, which must not wait for a writer to know: what is typed
    /// while they are off is the shell's.
    ours: AtomicBool,
    /// Wakes a writer that waits for the terminal; up while somebody wants the modes off.
    cut: Bell,
    leaving: AtomicBool,
    /// Wakes the reader; what for is in `news`.
    bell: Bell,
    news: AtomicU8,
    broken: AtomicBool,
    answered: AtomicBool,
}

struct State {
    on: bool,
    /// Counts how often our modes were switched on: what was drawn before is gone.
    epoch: u64,
    mouse: bool,
    keyboard: bool,
}

/// What the reader is woken for.
#[derive(Clone, Copy)]
pub(super) enum News {
    Resized = 1,
    Resumed = 2,
    Panicked = 4,
    Closed = 8,
}

/// What became of bytes that were to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    All,
    /// Our modes are off, or were switched off meanwhile, or off and on again.
    Nothing,
}

impl Tty {
    /// The terminal that this process belongs to. Changes nothing yet.
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = open("/dev/tty", flags, Mode::empty())?;
        let found = tcgetattr(&fd)?;
        Ok(Self {
            fd,
            found,
            state: Mutex::new(State { on: false, epoch: 0, mouse: false, keyboard: false }),
            ours: AtomicBool::new(false),
            cut: Bell::new()?,
            leaving: AtomicBool::new(false),
            bell: Bell::new()?,
            news: AtomicU8::new(0),
            broken: AtomicBool::new(false),
            answered: AtomicBool::new(false),
        })
    }

    /// Switches our modes on. Who is started in the background is stopped here by the kernel until it
    /// is brought to the front, as any program that needs the terminal. Who was continued there goes
    /// on without: the signal that comes with the foreground tries again.
    pub(super) fn enter(&self) -> io::Result<()> {
        // Who waits for a stalled terminal waits with a frame that is void now.
        self.leaving.store(true, Ordering::SeqCst);
        self.cut.ring();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.leaving.store(false, Ordering::SeqCst);
        self.cut.silence();
        let first = state.epoch == 0;
        if !first && !self.in_foreground() || self.broken.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut raw = self.found.clone();
        raw.make_raw();
        tcsetattr(&self.fd, OptionalActions::Now, &raw)?;
        // A frame may have been called off in the middle of a sequence.
        let mut bytes = String::from(if first { "" } else { STOP });
        bytes.push_str(ENTER);
        if first && asks_are_understood() {
            bytes.push_str(ASK);
        }
        for (on, sequence) in [(state.mouse, MOUSE_ON), (state.keyboard, KEYBOARD_ON)] {
            if on {
                bytes.push_str(sequence);
            }
        }
        state.epoch += 1;
        state.on = true;
        self.send_or_drop(&bytes);
        self.ours.store(true, Ordering::SeqCst);
        self.bell.ring();
        Ok(())
    }

    /// Leaves the terminal as it was found. Returns at once if it is already, and soon in any case:
    /// it calls off a writer that waits, and gives up on a terminal that takes nothing.
    pub(super) fn leave(&self) {
        self.ours.store(false, Ordering::SeqCst);
        self.bell.ring();
        self.leaving.store(true, Ordering::SeqCst);
        self.cut.ring();
        // A thread that panics while it draws holds the lock, and is the one that asks.
        let state = self.lock_soon();
        if state.as_ref().is_none_or(|s| s.on) && self.in_foreground() {
            let keyboard = state.as_ref().is_some_and(|s| s.keyboard);
            self.send_or_drop(&[STOP, if keyboard { KEYBOARD_OFF } else { "" }, LEAVE].concat());
            // An error here means that the terminal is gone, and with it its modes.
            let _ = tcsetattr(&self.fd, OptionalActions::Now, &self.found);
        }
        if let Some(mut state) = state {
            state.on = false;
        }
        self.leaving.store(false, Ordering::SeqCst);
        self.cut.silence();
    }

    /// Leaves for good, because some thread panicked: nothing enters again.
    pub(super) fn leave_broken(&self) {
        self.broken.store(true, Ordering::SeqCst);
        self.leave();
        self.tell(News::Panicked);
    }

    /// A thread has panicked; the screen is no longer ours.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Which drawing the terminal shows the beginning of; `None` while our modes are off.
    pub(super) fn epoch(&self) -> Option<u64> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.on.then_some(state.epoch)
    }

    /// Writes a frame that was drawn for `epoch`, waiting for the terminal as long as it takes.
    /// `Err` when the terminal is gone.
    pub(super) fn write(&self, epoch: u64, bytes: &[u8]) -> io::Result<Wrote> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.on && state.epoch == epoch { self.send(bytes) } else { Ok(Wrote::Nothing) }
    }

    /// Writes a line for the shell's user, after [`Tty::leave`].
    pub(super) fn say(&self, text: &str) {
        if self.in_foreground() {
            self.send_or_drop(&format!("{}\n", super::safe::line(text)));
        }
    }

    /// Switches mouse reports on or off, now and whenever the modes come back.
    pub(super) fn set_mouse(&self, on: bool) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.mouse = on;
        if state.on {
            self.send(if on { MOUSE_ON } else { MOUSE_OFF }.as_bytes())?;
        }
        Ok(())
    }

    /// The terminal has said that it tells held keys from pressed ones.
    pub(super) fn use_keyboard_protocol(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.on && !state.keyboard {
            state.keyboard = true;
            self.send(KEYBOARD_ON.as_bytes())?;
        }
        Ok(())
    }

    /// Columns and rows; a terminal that does not know says 80x24.
    pub(super) fn size(&self) -> (u16, u16) {
        match tcgetwinsize(&self.fd) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => (80, 24),
        }
    }

    /// Drops what was typed and not read yet.
    pub(super) fn drop_unread(&self) -> io::Result<()> {
        Ok(tcflush(&self.fd, QueueSelector::IFlush)?)
    }

    /// Wakes the reader.
    pub(super) fn tell(&self, news: News) {
        self.news.fetch_or(news as u8, Ordering::SeqCst);
        self.bell.ring();
    }

    /// What the reader was woken for since it last asked.
    pub(super) fn take_news(&self) -> impl Fn(News) -> bool + use<> {
        self.bell.silence();
        let news = self.news.swap(0, Ordering::SeqCst);
        move |which| news & which as u8 != 0
    }

    /// The terminal has answered that it has processed what it was sent.
    pub(super) fn set_answered(&self) {
        self.answered.store(true, Ordering::SeqCst);
    }

    /// Whether it has answered since last asked.
    pub(super) fn take_answered(&self) -> bool {
        self.answered.swap(false, Ordering::SeqCst)
    }

    /// Waits for bytes that are ours, news or the terminal's end, at most `timeout`.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> io::Result<Ready> {
        let ours = self.ours.load(Ordering::SeqCst);
        let wanted = if ours { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = [PollFd::new(&self.fd, wanted), PollFd::new(&self.bell.0, PollFlags::IN)];
        let timeout = timeout.map(|t| Timespec {
            tv_sec: i64::try_from(t.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: t.subsec_nanos().into(),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        let [tty, bell] = fds.map(|fd| fd.revents());
        Ok(Ready {
            gone: tty.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
            // They may have stopped being ours while we waited.
            bytes: tty.contains(PollFlags::IN) && self.ours.load(Ordering::SeqCst),
            news: bell.contains(PollFlags::IN),
        })
    }

    /// Reads what is there; empty when there is nothing. `Err` when the terminal is gone.
    pub(super) fn read<'b>(&self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        match rustix::io::read(&self.fd, &mut *buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(buffer.get(..length).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => Ok(&[]),
            Err(e) => Err(e.into()),
        }
    }

    fn lock_soon(&self) -> Option<MutexGuard<'_, State>> {
        let begun = Instant::now();
        loop {
            match self.state.try_lock() {
                Ok(state) => return Some(state),
                Err(TryLockError::Poisoned(e)) => return Some(e.into_inner()),
                Err(TryLockError::WouldBlock) if begun.elapsed() > LEAVE_WAIT => return None,
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
    }

    fn in_foreground(&self) -> bool {
        tcgetpgrp(&self.fd).is_ok_and(|group| group == rustix::process::getpgrp())
    }

    fn send(&self, mut bytes: &[u8]) -> io::Result<Wrote> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.fd, bytes) {
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let mut fds =
                        [PollFd::new(&self.fd, PollFlags::OUT), PollFd::new(&self.cut.0, PollFlags::IN)];
                    match poll(&mut fds, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(e) => return Err(e.into()),
                    }
                    if self.leaving.load(Ordering::SeqCst) {
                        return Ok(Wrote::Nothing);
                    }
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(Wrote::All)
    }

    /// Writes if the terminal takes it in time. When its queue is full, what stands in it is a frame
    /// that nobody will see: dropped.
    fn send_or_drop(&self, text: &str) {
        let begun = Instant::now();
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() && begun.elapsed() < LEAVE_WAIT {
            match rustix::io::write(&self.fd, bytes) {
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let _ = tcflush(&self.fd, QueueSelector::OFlush);
                    let wait = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
                    let _ = poll(&mut [PollFd::new(&self.fd, PollFlags::OUT)], Some(&wait));
                }
                Err(_) => return,
            }
        }
    }
}

impl AsFd for Tty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) gone: bool,
    pub(super) bytes: bool,
    pub(super) news: bool,
}

/// The Linux console and terminals that say they are dumb print questions instead of answering them.
fn asks_are_understood() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "linux" && term != "dumb")
}

/// A descriptor that can be polled for "somebody rang".
struct Bell(OwnedFd);

impl Bell {
    fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    fn ring(&self) {
        // Only a bell that rings already can refuse.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}
