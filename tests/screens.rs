//! The screens, as text and as looks, at every size and in every light.

mod night;

use cutover::panes::{Cockpit, Seat};
use cutover::ui::keymap::Keymap;
use night::Night;
use night::screen::{ansi, drawn, look, text};

fn cockpit(night: &Night) -> Cockpit {
    let mut cockpit = Cockpit::new(Seat::Operator(night.operator.clone()), Keymap::default());
    cockpit.on_feed(night.feed());
    cockpit
}

/// Writes screens to look at into the folder that `CUTOVER_SCREENS` names.
#[test]
fn pictures() {
    let Some(folder) = std::env::var_os("CUTOVER_SCREENS").map(std::path::PathBuf::from) else { return };
    let quiet = night::quiet(Night::live());
    for (width, height) in [(120, 36), (80, 24), (60, 16), (200, 50)] {
        let mut cockpit = cockpit(&quiet);
        let look = look("dark", cockpit.mode());
        let buffer = drawn(width, height, &look, |canvas| cockpit.draw(canvas, quiet.now));
        println!("{}", text(&buffer));
        std::fs::write(folder.join(format!("quiet-{width}x{height}.ansi")), ansi(&buffer)).unwrap();
    }
}
