//! Screens for eyes: written into the folder that `CUTOVER_SCREENS` names, one file a screen, to be shown by
//! `cat` in a terminal of that size. `CUTOVER_ONLY` picks some by name, `CUTOVER_THEME` another theme.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover::panes::{Cockpit, Seat};
use cutover::ui::keymap::Keymap;
use ratatui::buffer::Buffer;

use crate::night::hands::Hands;
use crate::night::screen::{ansi, drawn, look};
use crate::night::{self, Night};
use crate::{after, live_quiet, live_wrong, start_page};

type Picture = (&'static str, fn() -> Night, &'static [&'static str]);

fn begun() -> Night {
    let mut night = Night::live();
    night.begin();
    night
}

const PICTURES: [Picture; 28] = [
    ("quiet", live_quiet, &[]),
    ("wrong", live_wrong, &[]),
    ("begin", begun, &[]),
    ("held", live_quiet, &["H"]),
    ("gate", || night::at_the_gate(Night::live()), &[]),
    ("badgate", || night::at_a_bad_gate(Night::live()), &[]),
    ("badgate-detail", || night::at_a_bad_gate(Night::live()), &["enter"]),
    ("alarms", crate::alarms::mixed, &["esc", "tab", "tab", "tab", "tab", "tab", "a"]),
    ("different", || night::different(Night::live()), &[]),
    ("different-probe", || night::different(Night::live()), &["5", "j", "enter"]),
    ("rehearsal", || night::at_the_gate(Night::rehearsed()), &[]),
    ("ending", || night::over(Night::live()), &[]),
    ("over", || night::over(Night::live()), &["esc"]),
    ("quit", live_quiet, &["q"]),
    ("help", live_quiet, &["?"]),
    ("commands", live_quiet, &[":", "r"]),
    ("step", live_wrong, &["k", "k", "enter"]),
    ("probe", live_wrong, &["l", "j", "enter"]),
    ("record", live_quiet, &["7", "enter"]),
    ("journal", live_quiet, &["7"]),
    ("timeline", live_quiet, &["2"]),
    ("replication", live_wrong, &["3", "j"]),
    ("freeze", live_wrong, &["4", "G"]),
    ("validation", || night::different(Night::live()), &["5"]),
    ("reading", || night::reading(Night::live()), &[]),
    ("reading-validation", || night::reading(Night::live()), &["5"]),
    ("different-row", || night::different(Night::live()), &["5", "G", "enter"]),
    ("people", live_quiet, &["6"]),
];

const SIZES: [(u16, u16); 6] = [(60, 16), (80, 24), (110, 30), (120, 36), (160, 42), (200, 50)];

#[test]
#[ignore = "writes screens for a person: CUTOVER_SCREENS=folder, run with --run-ignored"]
fn for_eyes() {
    let folder =
        std::env::var_os("CUTOVER_SCREENS").map(PathBuf::from).expect("CUTOVER_SCREENS names a folder");
    let theme = std::env::var("CUTOVER_THEME").unwrap_or_else(|_| "dark".into());
    let only = std::env::var("CUTOVER_ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|o| o == name);
    for (name, night, keys) in PICTURES.iter().filter(|(name, ..)| wanted(name)) {
        for size in SIZES {
            let (_, buffer) = after(night(), size, keys).in_themes(&[&theme]).remove(0);
            write(&folder, name, size, &buffer);
        }
    }
    let night = Night::live();
    for size in SIZES {
        if wanted("start") {
            let mut cockpit = Cockpit::new(Seat::Operator("maria".into()), Keymap::default());
            cockpit.on_start(start_page(&night));
            let look = look(&theme, cockpit.mode());
            write(
                &folder,
                "start",
                size,
                &drawn(size.0, size.1, &look, |canvas| cockpit.draw(canvas, night.now)),
            );
        }
        if wanted("gone") {
            let mut gone = Hands::on(live_quiet(), size);
            gone.night.silence(Duration::from_secs(12));
            write(&folder, "gone", size, &gone.in_themes(&[&theme]).remove(0).1);
            let mut gone = Hands::on(night::at_the_gate(Night::live()), size);
            gone.night.silence(Duration::from_secs(12));
            write(&folder, "gone-gate", size, &gone.in_themes(&[&theme]).remove(0).1);
        }
    }
}

fn write(folder: &Path, name: &str, (width, height): (u16, u16), buffer: &Buffer) {
    std::fs::write(folder.join(format!("{name}-{width}x{height}.ansi")), ansi(buffer)).unwrap();
}
