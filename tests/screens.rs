//! The screens, as text and as looks, at every size and in every light.

mod night;

use std::time::{Duration, Instant};

use cutover::panes::{Cockpit, Code, Request, Seat};
use cutover::ui::keymap::Keymap;
use night::Night;
use night::screen::{ansi, drawn, look, text};

const SIZES: [(u16, u16); 4] = [(60, 16), (80, 24), (120, 36), (200, 50)];

fn cockpit(night: &Night) -> Cockpit {
    let mut cockpit = Cockpit::new(Seat::Operator(night.operator.clone()), Keymap::default());
    cockpit.on_feed(night.feed());
    cockpit
}

/// Draws once and has the frame on the screen; the engine gives the code that is asked for.
fn shown(cockpit: &mut Cockpit, night: &Night, size: (u16, u16)) -> ratatui::buffer::Buffer {
    let look = look("dark", cockpit.mode());
    let paint = |cockpit: &mut Cockpit| drawn(size.0, size.1, &look, |canvas| cockpit.draw(canvas, night.now));
    paint(cockpit);
    let at = Instant::now().checked_sub(Duration::from_secs(9)).unwrap();
    for request in cockpit.shown(at) {
        if let Request::ShowGate { gate, revision, sheet, .. } = request {
            let arms_in = Duration::from_millis(1_500);
            cockpit.on_code(Code { gate, revision, sheet, text: night::CODE.into(), at, arms_in });
        }
    }
    paint(cockpit)
}

/// Writes screens to look at into the folder that `CUTOVER_SCREENS` names.
#[test]
fn pictures() {
    let Some(folder) = std::env::var_os("CUTOVER_SCREENS").map(std::path::PathBuf::from) else { return };
    let nights = [
        ("quiet", night::quiet(Night::live())),
        ("gate", night::at_the_gate(Night::live())),
        ("wrong", night::wrong(Night::live())),
        ("rehearsal", night::at_the_gate(Night::rehearsed())),
    ];
    for (name, night) in &nights {
        for (width, height) in SIZES {
            let mut cockpit = cockpit(night);
            let buffer = shown(&mut cockpit, night, (width, height));
            println!("--- {name}\n{}", text(&buffer));
            std::fs::write(folder.join(format!("{name}-{width}x{height}.ansi")), ansi(&buffer)).unwrap();
        }
    }
}
