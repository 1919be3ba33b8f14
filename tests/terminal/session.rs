//! A terminal with a program in it: a pseudo-terminal whose far end is read only when a test looks, so
//! that a terminal can also stall, or hang up.

use std::io::Write as _;
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::probe::PROBE;

/// Longer than anything takes on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Code(i32),
    Signal(i32),
}

pub(crate) struct Session {
    near: Option<OwnedFd>,
    /// Keeps the terminal's modes readable after the program has ended.
    far: OwnedFd,
    found: String,
    child: Child,
    pidfd: OwnedFd,
    screen: vt100::Parser,
    bytes: Vec<u8>,
    /// Where what was expected last ends.
    expected: usize,
    listener: UnixListener,
    _folder: tempfile::TempDir,
}

impl Session {
    /// The probe, alone in its terminal.
    pub(crate) fn start() -> Self {
        let [exe, args @ ..] = probe_command();
        Self::spawn(&exe, &args)
    }

    /// The probe with SIGHUP ignored.
    pub(crate) fn nohup() -> Self {
        let script = "trap '' HUP; exec \"$@\"";
        let probe = probe_command();
        let args: Vec<String> = ["-c", script, "sh"].map(String::from).into_iter().chain(probe).collect();
        Self::spawn("sh", &args)
    }

    /// A shell with job control and no modes of its own; see [`Session::run_probe`].
    pub(crate) fn shell() -> Self {
        Self::spawn("bash", &["--norc", "--noprofile", "--noediting", "-i"].map(String::from))
    }

    fn spawn(program: &str, args: &[String]) -> Self {
        let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pty");
        grantpt(&near).expect("grantpt");
        unlockpt(&near).expect("unlockpt");
        let name = ptsname(&near, Vec::new()).expect("ptsname");
        let open = || {
            let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
            rustix::fs::open(&*name, flags, rustix::fs::Mode::empty()).expect("the far end")
        };
        let far = open();
        let size = Winsize { ws_col: 80, ws_row: 24, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&near, size).expect("a size");
        rustix::io::ioctl_fionbio(&near, true).expect("not blocking");
        let found = modes_of(&far);
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("go-on");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let child = Command::new("setsid")
            .arg("--ctty")
            .arg(program)
            .args(args)
            .env(PROBE, &socket)
            .env("TERM", "xterm-256color")
            .env("PS1", "$ ")
            .env("RUST_BACKTRACE", "0")
            .env_remove("TMUX")
            .env_remove("STY")
            .stdin(Stdio::from(open()))
            .stdout(Stdio::from(open()))
            .stderr(Stdio::from(open()))
            .spawn()
            .expect("setsid starts it");
        let pid = Pid::from_child(&child);
        Self {
            near: Some(near),
            far,
            found,
            pidfd: pidfd_open(pid, PidfdFlags::empty()).expect("a pidfd"),
            child,
            screen: vt100::Parser::new(n(24), n(80), 0),
            bytes: Vec::new(),
            expected: 0,
            listener,
            _folder: folder,
        }
    }

    /// Types the command that starts the probe.
    pub(crate) fn run_probe(&mut self) {
        self.run_probe_with("");
    }

    /// The same with something at the end of the line.
    pub(crate) fn run_probe_with(&mut self, end: &str) {
        self.send(format!("{}{end}\r", probe_command().join(" ")));
    }

    /// Types.
    pub(crate) fn send(&mut self, text: impl AsRef<str>) {
        let mut rest = text.as_ref().as_bytes();
        while !rest.is_empty() {
            match rustix::io::write(self.near.as_ref().expect("not hung up"), rest) {
                Ok(length) => rest = &rest[length..],
                Err(Errno::AGAIN) => self.read(Duration::from_millis(100)),
                Err(e) => panic!("typing: {e}"),
            }
        }
    }

    /// Reads until the screen shows `text`.
    pub(crate) fn wait_for(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        self.wait_until(text, |session| session.screen().contains(text));
    }

    /// Reads until `text` has come since the last text that was expected.
    pub(crate) fn expect(&mut self, text: impl AsRef<str>) {
        let text = text.as_ref();
        let at = |session: &Self| find(&session.bytes[session.expected..], text);
        self.wait_until(text, |session| at(session).is_some());
        self.expected += at(self).expect("waited for") + text.len();
    }

    /// Reads until the screen shows a number after `label`.
    pub(crate) fn wait_for_number(&mut self, label: &str) -> i32 {
        self.wait_for(label);
        let screen = self.screen();
        let (_, rest) = screen.split_once(label).expect("waited for");
        rest.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
    }

    /// Reads until something holds.
    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(
                begun.elapsed() < PATIENCE,
                "waited for {what:?}; the screen:\n{}\nthe bytes: {:?}",
                self.screen(),
                String::from_utf8_lossy(&self.bytes[self.bytes.len().saturating_sub(2_000)..])
            );
            self.read(Duration::from_millis(100));
        }
    }

    /// Reads nothing and types until nothing more goes in: then the program waits for the terminal,
    /// and its reader for the program.
    pub(crate) fn stall(&mut self) {
        let near = self.near.as_ref().expect("not hung up");
        let begun = Instant::now();
        let mut refused = 0;
        // A queue that is full twice in a row, with time to drain between, stays full.
        while refused < 20 {
            assert!(begun.elapsed() < PATIENCE, "the program takes keys for ever");
            match rustix::io::write(near, b"ff") {
                Ok(_) => refused = 0,
                Err(Errno::AGAIN) => {
                    refused += 1;
                    let wait = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
                    poll(&mut [PollFd::new(near, PollFlags::OUT)], Some(&wait)).expect("poll");
                }
                Err(e) => panic!("typing: {e}"),
            }
        }
    }

    /// The terminal goes away.
    pub(crate) fn hang_up(&mut self) {
        self.near = None;
    }

    /// Lets the probe go on after `w`.
    pub(crate) fn let_go(&mut self) {
        let (mut far, _) = self.listener.accept().expect("the probe waits");
        far.write_all(b"!").expect("it is told");
    }

    /// Changes the terminal's size.
    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.screen.screen_mut().set_size(n(height), n(width));
        let size = Winsize { ws_col: width, ws_row: height, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(self.near.as_ref().expect("not hung up"), size).expect("a size");
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Reads until the program has ended.
    pub(crate) fn end(&mut self) -> End {
        self.wait_until("its end", |session| session.has_ended(Duration::ZERO));
        self.read_the_rest();
        self.reap()
    }

    /// Waits for the program's end without reading.
    pub(crate) fn end_unread(&mut self) -> End {
        assert!(self.has_ended(PATIENCE), "it waits for a terminal that takes nothing");
        self.reap()
    }

    /// Reads what is left in the terminal.
    pub(crate) fn read_the_rest(&mut self) {
        let mut before = usize::MAX;
        while before != self.bytes.len() {
            before = self.bytes.len();
            self.read(Duration::from_millis(20));
        }
    }

    /// What the screen shows.
    pub(crate) fn screen(&self) -> String {
        self.screen.screen().contents()
    }

    /// Where something stands in all that was written.
    pub(crate) fn position_of(&self, text: &str) -> Option<usize> {
        find(&self.bytes, text)
    }

    /// All that the program wrote once it had entered.
    pub(crate) fn written(&self) -> &[u8] {
        let entered = self.position_of("\x1b[?1049h").expect("it entered");
        &self.bytes[entered..]
    }

    /// The modes that are on, as the bytes say.
    pub(crate) fn modes(&self) -> Vec<&'static str> {
        const MODES: [(&str, &str, &str); 8] = [
            ("alternate screen", "\x1b[?1049h", "\x1b[?1049l"),
            ("bracketed paste", "\x1b[?2004h", "\x1b[?2004l"),
            ("focus", "\x1b[?1004h", "\x1b[?1004l"),
            ("mouse", "\x1b[?1000h", "\x1b[?1000l"),
            ("mouse form", "\x1b[?1006h", "\x1b[?1006l"),
            ("synchronized output", "\x1b[?2026h", "\x1b[?2026l"),
            ("hidden cursor", "\x1b[?25l", "\x1b[?25h"),
            ("keyboard protocol", "\x1b[>3u", "\x1b[<u"),
        ];
        let last = |text: &str| self.bytes.windows(text.len()).rposition(|w| w == text.as_bytes());
        MODES.into_iter().filter(|(_, on, off)| last(on) > last(off)).map(|(name, ..)| name).collect()
    }

    /// The line discipline is as it was before the program.
    pub(crate) fn is_as_found(&self) -> bool {
        modes_of(&self.far) == self.found
    }

    /// Keys come one by one, and unchanged.
    pub(crate) fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.far).expect("a terminal").local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    fn has_ended(&self, wait: Duration) -> bool {
        let wait = Timespec { tv_sec: i64::try_from(wait.as_secs()).expect("seconds"), tv_nsec: 0 };
        poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&wait)).expect("poll") > 0
    }

    fn reap(&mut self) -> End {
        let status = self.child.wait().expect("it ended");
        match (status.code(), status.signal()) {
            (Some(code), _) => End::Code(code),
            (None, Some(signal)) => End::Signal(signal),
            (None, None) => panic!("{status}"),
        }
    }

    /// Takes what comes within `wait`, and no more than is there.
    fn read(&mut self, wait: Duration) {
        let wait = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        let Some(near) = &self.near else {
            poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], Some(&wait)).expect("poll");
            return;
        };
        let mut fds = [PollFd::new(near, PollFlags::IN), PollFd::new(&self.pidfd, PollFlags::IN)];
        poll(&mut fds, Some(&wait)).expect("poll");
        let mut buffer = [0; 16_384];
        match rustix::io::read(near, &mut buffer) {
            Ok(length) => {
                self.screen.process(&buffer[..length]);
                self.bytes.extend(&buffer[..length]);
            }
            Err(Errno::AGAIN) => {}
            Err(e) => panic!("reading: {e}"),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What a failed test leaves running; its children go with their terminal.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The controls in what was written that are not among those that the program uses itself.
pub(crate) fn not_ours(written: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(written).expect("whole characters");
    let mut strange = Vec::new();
    let mut pieces = text.split('\x1b');
    let plain = |text: &str| text.chars().filter(|c| c.is_control()).map(|c| format!("{c:?}")).collect();
    let first: Vec<String> = pieces.next().map(plain).unwrap_or_default();
    strange.extend(first);
    for piece in pieces {
        let (sequence, rest) = match piece.strip_prefix('[') {
            Some(body) => {
                let end = body.find(|c: char| c.is_ascii_alphabetic()).expect("a sequence that ends") + 1;
                let (sequence, rest) = body.split_at(end);
                let (parameters, last) = sequence.split_at(end - 1);
                let of_ours = match last {
                    "H" | "J" | "K" | "X" | "C" | "m" => {
                        parameters.chars().all(|c| c.is_ascii_digit() || c == ';')
                    }
                    "h" | "l" => {
                        ["?1049", "?25", "?2004", "?1004", "?1000", "?1006", "?2026"].contains(&parameters)
                    }
                    "n" => parameters == "5",
                    "u" => ["?", ">3", "<"].contains(&parameters),
                    _ => false,
                };
                (if of_ours { None } else { Some(sequence) }, rest)
            }
            None => match piece.strip_prefix('\\').or_else(|| piece.strip_prefix("]11;?")) {
                Some(rest) => (None, rest),
                None => (Some(piece), ""),
            },
        };
        strange.extend(sequence.map(str::to_owned));
        let controls: Vec<String> = plain(rest);
        strange.extend(controls.into_iter().filter(|c| c != "'\\n'" && c != "'\\r'"));
    }
    strange
}

/// Sends a signal to a process that the shell started.
pub(crate) fn signal_other(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).expect("a pid"), signal).expect("it runs");
}

/// This test binary, as the program: the file and its arguments.
fn probe_command() -> [String; 4] {
    let exe = std::env::current_exe().expect("this program");
    [exe.display().to_string(), "--exact".into(), "probe::probe".into(), "--nocapture".into()]
}

fn find(bytes: &[u8], text: &str) -> Option<usize> {
    bytes.windows(text.len()).position(|w| w == text.as_bytes())
}

fn modes_of(terminal: &OwnedFd) -> String {
    format!("{:?}", tcgetattr(terminal).expect("a terminal"))
}

fn n(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("not zero")
}
