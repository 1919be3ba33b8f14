//! A program in a real pty: when bytes came, how many, and what they show.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::PATIENCE;

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// What a terminal is asked when it should say that it has caught up, and what it answers.
const QUESTION: &[u8] = b"\x1b[5n";
const ANSWER: &[u8] = b"\x1b[0n";

/// A program in a terminal of 120 by 40.
pub struct Terminal {
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    /// Everything that came.
    raw: Vec<u8>,
    began: Instant,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts a program, its state below `home`.
    pub fn start(home: &Path, program: &Path, args: &[&str]) -> Terminal {
        let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(home);
        for name in ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"] {
            command.env(name, home);
        }
        command.env_remove("SUDO_USER");
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (send, output) = sync_channel(4096);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(n) = reader.read(&mut buffer) {
                let at = Instant::now();
                let Some(bytes) = buffer.get(..n).filter(|bytes| !bytes.is_empty()) else { break };
                if send.send((at, bytes.to_vec())).is_err() {
                    break;
                }
            }
        });
        let writer = pair.master.take_writer().unwrap();
        let began = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = vt100::Parser::new(ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap(), 0);
        Terminal { writer, child, output, parser, raw: Vec::new(), began, _master: pair.master }
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Sends bytes in one write.
    pub fn send(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).unwrap();
        self.writer.flush().unwrap();
    }

    /// Waits until these bytes have come; how long after the start that was.
    pub fn until_bytes(&mut self, bytes: &[u8]) -> Duration {
        self.until(|it| it.raw.windows(bytes.len()).any(|window| window == bytes))
    }

    /// Waits until a text stands on the screen; how long after the start that was.
    pub fn until_text(&mut self, text: &str) -> Duration {
        self.until(|it| it.parser.screen().contents().contains(text))
    }

    fn until(&mut self, there: impl Fn(&Terminal) -> bool) -> Duration {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let Some(at) = self.next(deadline) else {
                panic!("it never comes; the screen:\n{}", self.screen())
            };
            if there(self) {
                return at - self.began;
            }
        }
    }

    /// Presses a key; how long after that the first byte came, if any does within half a second.
    pub fn press(&mut self, key: &[u8]) -> Option<Duration> {
        let pressed = Instant::now();
        self.send(key);
        self.next(pressed + Duration::from_millis(500)).map(|at| at - pressed)
    }

    /// How many bytes come in this time.
    pub fn listen(&mut self, span: Duration) -> usize {
        let (before, end) = (self.raw.len(), Instant::now() + span);
        while self.next(end).is_some() {}
        self.raw.len() - before
    }

    /// The screen as text.
    pub fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// Takes in what comes next, and says when it did.
    fn next(&mut self, until: Instant) -> Option<Instant> {
        let (at, bytes) = self.output.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?;
        self.raw.extend_from_slice(&bytes);
        self.parser.process(&bytes);
        if bytes.windows(QUESTION.len()).any(|window| window == QUESTION) {
            self.send(ANSWER);
        }
        Some(at)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
