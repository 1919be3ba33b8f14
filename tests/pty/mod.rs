//! The built program in a real pty, driven with keys as a person would, its screen read back.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "each test binary uses its part"
)]

mod gates;

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use cutover::journal::{Lock, LockState, RunFolder};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::Pid;

/// What is said of a word that was not typed whole.
const REFUSALS: [&str; 4] = [
    "a paste starts nothing",
    "a paste confirms nothing",
    "that is not what stands there",
    "that is not the target's word",
];
/// How long a screen may take to show what it must.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program in a terminal.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    /// Everything that came, byte for byte.
    pub raw: Vec<u8>,
}

impl Terminal {
    /// Starts the program with these arguments, in a terminal of `columns` by `rows`; its state and its
    /// sockets below `home`.
    pub fn start(home: &Path, columns: u16, rows: u16, args: &[&str]) -> Terminal {
        Terminal::start_with(home, columns, rows, args, &[])
    }

    /// … with more in its environment.
    pub fn start_with(home: &Path, columns: u16, rows: u16, args: &[&str], env: &[(&str, &str)]) -> Terminal {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_cutover"));
        command.args(args);
        command.cwd(home);
        for (name, value) in environment(home) {
            command.env(name, value);
        }
        for (name, value) in env {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, output) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || send.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let writer = pair.master.take_writer().unwrap();
        let parser = vt100::Parser::new(size16(rows), size16(columns), 0);
        Terminal { master: pair.master, writer, child, output, parser, raw: Vec::new() }
    }

    /// Types text, a key at a time, at the pace of a person who is quick.
    pub fn text(&mut self, text: &str) {
        for c in text.chars() {
            self.bytes(c.to_string().as_bytes());
            self.pump(Duration::from_millis(25));
        }
    }

    /// Types a word and `enter`, and again for as long as it was taken for a paste, or for the rest of one: a machine that
    /// is very busy reads several keys at once.
    pub fn until_typed(&mut self, word: &str) {
        for _ in 0..10 {
            self.text(word);
            self.enter();
            self.pump(Duration::from_millis(500));
            let screen = self.screen();
            if !REFUSALS.iter().any(|refusal| screen.contains(refusal)) {
                return;
            }
            // What stands in the field goes.
            self.bytes(b"\x15");
        }
    }

    /// Presses `enter`.
    pub fn enter(&mut self) {
        self.text("\r");
    }

    /// Presses `esc`, and waits so long that it cannot be taken for the start of a sequence.
    pub fn esc(&mut self) {
        self.text("\x1b");
        self.pump(Duration::from_millis(100));
    }

    /// Sends bytes as they are, in one write.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).unwrap();
        self.writer.flush().unwrap();
    }

    /// Reads what comes for this long.
    pub fn pump(&mut self, span: Duration) {
        let end = Instant::now() + span;
        loop {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.raw.extend_from_slice(bytes);
        self.parser.process(bytes);
    }

    /// The screen as text.
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until the screen is as wanted; the screen is printed where it never is.
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut(&str) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            self.pump(Duration::from_millis(20));
            if let Some(found) = look(&self.screen()) {
                return found;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "waited {PATIENCE:?} in vain until {what}; the screen:\n{}",
                self.screen()
            );
        }
    }

    /// Waits until a text stands on the screen.
    pub fn shows(&mut self, text: &str) {
        self.until(&format!("{text:?} is shown"), |screen| screen.contains(text).then_some(()));
    }

    /// Waits until a text stands on the screen no more.
    pub fn gone(&mut self, text: &str) {
        self.until(&format!("{text:?} is gone"), |screen| (!screen.contains(text)).then_some(()));
    }

    /// Waits until the program has ended, and gives its exit code.
    pub fn exit(&mut self) -> u32 {
        let began = Instant::now();
        loop {
            self.pump(Duration::from_millis(20));
            if let Some(status) = self.child.try_wait().unwrap() {
                self.pump(Duration::from_millis(50));
                return status.exit_code();
            }
            assert!(
                began.elapsed() < PATIENCE,
                "it has not ended after {PATIENCE:?}; the screen:\n{}",
                self.screen()
            );
        }
    }

    /// Another size.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
        self.parser.screen_mut().set_size(size16(rows), size16(columns));
    }

    /// The program's process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.process_id().unwrap()).unwrap()
    }

    /// What has to be typed at the gate, once it can be passed: `g then cloud abcd  to say GO`.
    pub fn answer(&mut self) -> String {
        self.until("what to type stands on the gate", |screen| entry(screen, "to say GO"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind; one that did not has seen it end.
        let _gone = self.child.kill();
    }
}

/// What stands on a gate between `g then` and these words.
fn entry(screen: &str, end: &str) -> Option<String> {
    let line = screen.lines().find_map(|line| line.split_once("g then ")).map(|(_, rest)| rest)?;
    line.split_once(end).map(|(entry, _)| entry.trim().to_owned())
}

fn size16(n: u16) -> std::num::NonZero<u16> {
    std::num::NonZero::new(n).unwrap()
}

/// The process that holds the lock of the only run: its engine.
pub fn engine(home: &Path) -> Pid {
    let run = std::fs::read_dir(home.join("state/cutover/runs")).unwrap().next().unwrap().unwrap().path();
    let folder = RunFolder::open(&run).unwrap();
    match Lock::state(&folder).unwrap() {
        LockState::Held(Some(holder)) => Pid::from_raw(i32::try_from(holder.pid).unwrap()).unwrap(),
        other => panic!("nobody holds {}: {other:?}", run.display()),
    }
}

/// Where the program keeps its things in a test.
pub fn environment(home: &Path) -> Vec<(&'static str, std::path::PathBuf)> {
    let run = home.join("run");
    std::fs::create_dir_all(&run).unwrap();
    std::fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    vec![
        ("HOME", home.to_owned()),
        ("XDG_STATE_HOME", home.join("state")),
        ("XDG_CONFIG_HOME", home.join("config")),
        ("XDG_RUNTIME_DIR", run),
    ]
}
