//! The program that runs in the terminal: says what it sees, and does what it is told by keys.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use cutover::ui::canvas::{Canvas, Look};
use cutover::ui::colour::Depth;
use cutover::ui::glyphs::UNICODE;
use cutover::ui::input::{Event, KeyPress, Lost};
use cutover::ui::key::Key;
use cutover::ui::mode::Mode;
use cutover::ui::safe::SafeText;
use cutover::ui::terminal::{Drawn, Terminal, TerminalError};
use cutover::ui::theme::{Role, Theme};

/// Set for the process that is the program, to the socket that lets it go on after `w`.
pub(crate) const PROBE: &str = "CUTOVER_TERMINAL_PROBE";

/// Its exit code when the terminal hung up.
pub(crate) const HUNG_UP: i32 = 42;

const HOSTILE: &[u8] = b"a\x1b]52;c;aGk=\x07\x1b[8m\xe2\x80\xae\x9b31m";

/// Not a test: where the process is the program, it runs and exits here.
#[test]
fn probe() {
    if let Some(socket) = std::env::var_os(PROBE) {
        let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
        rustix::process::setrlimit(rustix::process::Resource::Core, none).expect("no core files");
        std::process::exit(run(socket.as_ref()));
    }
}

#[derive(Default)]
struct Seen {
    what: String,
    more: String,
    keys: usize,
    resumed: usize,
    flood: usize,
    hostile: bool,
}

fn run(socket: &Path) -> i32 {
    let (send, events) = sync_channel(256);
    let parting = "the run goes on without this screen";
    let mut terminal = Terminal::enter(parting, move |event| send.send(event).is_ok()).expect("a terminal");
    let look =
        Look { theme: Theme::built_in("dark", Depth::True), glyphs: &UNICODE, mode: Mode::Live, old: false };
    let mut seen = Seen { what: "nothing".into(), ..Seen::default() };
    loop {
        match terminal.draw(&look, |canvas| show(canvas, &seen)) {
            Ok(_) => {}
            Err(TerminalError::Lost(lost)) => return end(lost),
            Err(e) => panic!("{e}"),
        }
        let Ok(first) = events.recv() else { return 1 };
        // What has come meanwhile is taken in before the next frame, as the cockpit does.
        let more: Vec<Event> = events.try_iter().collect();
        for event in std::iter::once(first).chain(more) {
            if let Some(code) = act_on(event, &mut seen, &mut terminal, &look, &events, socket) {
                return code;
            }
        }
    }
}

/// The exit code, when it is to end.
fn act_on(
    event: Event,
    seen: &mut Seen,
    terminal: &mut Terminal,
    look: &Look,
    events: &Receiver<Event>,
    socket: &Path,
) -> Option<i32> {
    match event {
        Event::Lost(lost) => return Some(end(lost)),
        Event::Paste(text) => seen.what = format!("paste of {}", text.len()),
        Event::Resumed => seen.resumed += 1,
        Event::Key(press) => {
            seen.keys += 1;
            seen.what = describe(press);
            match press.key.to_string().as_str() {
                "q" => return Some(0),
                "p" => {
                    let _ = terminal.draw(look, |_| panic!("panics while it draws"));
                }
                "P" => {
                    let thread = std::thread::spawn(|| panic!("panics in another thread"));
                    assert!(thread.join().is_err());
                }
                "ctrl-z" => {
                    let stopped = terminal.suspend().expect("suspend");
                    seen.more = if stopped { "stopped" } else { "no shell" }.into();
                }
                "w" => {
                    terminal.draw(look, |canvas| show(canvas, seen)).expect("draw");
                    wait_for_leave(socket);
                    let from = terminal.input().flush_typed_ahead().expect("flush");
                    drop_earlier(events, from);
                    seen.more = "flushed".into();
                }
                "s" => {
                    terminal.draw(look, |canvas| show(canvas, seen)).expect("draw");
                    let again = terminal.draw(look, |canvas| show(canvas, seen)).expect("draw");
                    assert_eq!(again, Drawn::Bytes(0));
                    seen.more = "again: 0 bytes".into();
                }
                "f" => seen.flood += 1,
                "h" => seen.hostile = true,
                "c" => terminal.copy("status").expect("written").expect("small enough"),
                _ => {}
            }
        }
        Event::Resize { .. }
        | Event::Focus(_)
        | Event::Ready
        | Event::Mouse(_)
        | Event::Background { .. } => {}
    }
    None
}

fn end(lost: Lost) -> i32 {
    match lost {
        Lost::HungUp => HUNG_UP,
        Lost::Panicked => 101,
    }
}

fn describe(press: KeyPress) -> String {
    let KeyPress { key, repeat, burst, .. } = press;
    format!("{key}{}{}", if repeat { " (held)" } else { "" }, if burst { " (burst)" } else { "" })
}

fn wait_for_leave(socket: &Path) {
    let mut far = UnixStream::connect(socket).expect("the test listens");
    let _ = far.read(&mut [0]).expect("the test lets go");
}

/// Reads what came before, up to a key that was typed after.
fn drop_earlier(events: &Receiver<Event>, from: Instant) {
    while let Ok(event) = events.try_recv() {
        if let Event::Key(KeyPress { key, at, .. }) = event {
            assert!(at <= from, "{key} was typed after the flush, and nobody had been told");
            assert_ne!(key, Key::char('n'));
        }
    }
}

fn show(canvas: &mut Canvas<'_>, seen: &Seen) {
    let area = canvas.area();
    let lines = [
        format!("pid: {} ", std::process::id()),
        format!("size: {}x{}", area.width, area.height),
        format!("keys: {}", seen.keys),
        format!("resumed: {}", seen.resumed),
        format!("seen: {}", seen.what),
        seen.more.clone(),
    ];
    for (y, line) in (0..).zip(lines) {
        canvas.text(0, y, area.width, line, Role::Bright);
    }
    if seen.hostile {
        canvas.text(0, 6, area.width, SafeText::from_bytes(HOSTILE), Role::Warning);
    }
    if seen.flood > 0 {
        for y in 7..area.height {
            let digit = (seen.flood + usize::from(y)) % 10;
            canvas.text(0, y, area.width, digit.to_string().repeat(area.width.into()), Role::Normal);
        }
    }
}
