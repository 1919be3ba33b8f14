//! The screens, as text and as looks, at every size and in every light.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "tests"
)]

#[path = "screens/alarms.rs"]
mod alarms;
#[path = "screens/gate_keys.rs"]
mod gate_keys;
#[path = "screens/hostile.rs"]
mod hostile;
#[path = "screens/keys.rs"]
mod keys;
mod night;
#[path = "screens/pictures.rs"]
mod pictures;
#[path = "screens/sayings.rs"]
mod sayings;

use std::sync::Arc;
use std::time::Duration;

use cutover::panes::{Cockpit, Output, Rehearsed, Request, Seat, Source, StartPage};
use cutover::ui::keymap::Keymap;
use night::hands::Hands;
use night::screen::{drawn, look, with_looks};
use night::{Night, at};

const SIZES: [(u16, u16); 4] = [(60, 16), (80, 24), (120, 36), (200, 50)];

/// Somebody who has pressed some keys.
fn after(night: Night, size: (u16, u16), keys: &[&str]) -> Hands {
    let mut hands = Hands::on(night, size);
    for key in keys {
        hands.press(key);
    }
    let asked = std::mem::take(&mut hands.asked);
    for request in &asked {
        if let Request::Look(source) = request {
            hands.cockpit.on_output(source.clone(), output(source));
        }
    }
    hands
}

fn output(source: &Source) -> Output {
    let asked = match source {
        Source::Probe(id) => Some(format!("look at {id}")),
        Source::Table(..) | Source::Row { .. } | Source::Step(..) => None,
    };
    let tail =
        b"connecting to 10.0.0.5\n\x1b[31mprice-job\x1b[0m has 1 open transaction\n\xff\xfe\n".to_vec();
    Output { asked, tail, cut: 4_096, missing: None }
}

fn start_page(night: &Night) -> StartPage {
    StartPage {
        plan: Arc::clone(&night.plan),
        path: "plans/orders.toml".into(),
        endpoints: vec![
            ("source".into(), Some(Ok("production-dc1, system 7301948812345678901".into()))),
            ("target".into(), Some(Err("says staging-azure, and should be production-azure".into()))),
        ],
        operator: "maria".into(),
        account: "maria@lead-1".into(),
        rehearsed: Some(Rehearsed {
            number: 4,
            grade: "simulated".into(),
            at: at("21:10:00"),
            changed: vec!["sequences".into()],
        }),
        cautions: vec![
            "step `same` has no retry: a row in flight at the wrong moment fails it for good".into(),
            "the login manager ends processes at logout here: `loginctl enable-linger` keeps the run alive"
                .into(),
        ],
        blocks: vec!["target has not proved what it is".into()],
    }
}

const THEMES: [&str; 3] = ["dark", "light", "monochrome"];

/// Keeps a screen at every size, as text and as it looks in every light.
fn keep(name: &str, night: impl Fn() -> Night, keys: &[&str]) {
    for size in SIZES {
        let screens = after(night(), size, keys).in_themes(&THEMES);
        insta::assert_snapshot!(format!("{name}-{}x{}", size.0, size.1), with_looks(&screens));
    }
}

fn live_quiet() -> Night {
    night::quiet(Night::live())
}

fn live_wrong() -> Night {
    night::wrong(Night::live())
}

#[test]
fn main_quiet() {
    keep("main-quiet", live_quiet, &[]);
}

#[test]
fn main_wrong() {
    keep("main-wrong", live_wrong, &[]);
}

#[test]
fn main_in_a_rehearsal() {
    keep("main-rehearsal", || night::quiet(Night::rehearsed()), &[]);
}

#[test]
fn gate_quiet() {
    keep("gate-quiet", || night::at_the_gate(Night::live()), &[]);
}

#[test]
fn gate_wrong() {
    keep("gate-wrong", || night::at_a_bad_gate(Night::live()), &[]);
}

#[test]
fn gate_in_a_rehearsal() {
    keep("gate-rehearsal", || night::at_the_gate(Night::rehearsed()), &[]);
}

#[test]
fn journal_quiet() {
    keep("journal-quiet", live_quiet, &["7"]);
}

#[test]
fn journal_wrong() {
    keep("journal-wrong", live_wrong, &["7"]);
}

#[test]
fn help_of_the_cockpit_and_of_a_gate() {
    keep("help-quiet", live_quiet, &["?"]);
    keep("help-wrong", || night::at_a_bad_gate(Night::live()), &["?"]);
}

#[test]
fn detail_quiet() {
    keep("detail-quiet", live_quiet, &["enter"]);
}

#[test]
fn detail_wrong() {
    keep("detail-wrong", live_wrong, &["tab", "tab", "enter"]);
}

#[test]
fn leaving_and_the_end() {
    keep("quit", live_quiet, &["q"]);
    keep("ending", || night::over(Night::live()), &[]);
}

#[test]
fn views() {
    keep("timeline", live_quiet, &["2"]);
    keep("replication", live_wrong, &["3", "j", "j"]);
    keep("freeze", live_wrong, &["4", "G"]);
    keep("validation", || night::different(Night::live()), &["5"]);
    keep("people", live_quiet, &["6"]);
}

#[test]
fn how_far_a_comparison_is_and_what_is_known_of_each_table() {
    keep("reading", || night::reading(Night::live()), &[]);
    keep("reading-validation", || night::reading(Night::live()), &["5"]);
    keep("reading-table", || night::reading(Night::live()), &["5", "G", "k", "k", "k", "k", "enter"]);
}

#[test]
fn start_quiet_and_wrong() {
    let night = Night::live();
    let wrong = start_page(&night);
    let mut quiet = wrong.clone();
    quiet.endpoints[1].1 = Some(Ok("production-azure, system 7420001112223334445".into()));
    (quiet.cautions, quiet.blocks) = (Vec::new(), Vec::new());
    quiet.rehearsed.as_mut().unwrap().changed.clear();
    for (name, page) in [("start-quiet", quiet), ("start-wrong", wrong)] {
        for (width, height) in SIZES {
            let mut cockpit = Cockpit::new(Seat::Operator("maria".into()), Keymap::default());
            cockpit.on_start(page.clone());
            let screens = THEMES.map(|theme| {
                let look = look(theme, cockpit.mode());
                (theme, drawn(width, height, &look, |canvas| cockpit.draw(canvas, night.now)))
            });
            insta::assert_snapshot!(format!("{name}-{width}x{height}"), with_looks(&screens));
        }
    }
}

#[test]
fn an_engine_that_is_gone() {
    for size in SIZES {
        let mut gone = Hands::on(live_quiet(), size);
        gone.night.silence(Duration::from_secs(12));
        let screens = gone.in_themes(&THEMES);
        insta::assert_snapshot!(format!("gone-{}x{}", size.0, size.1), with_looks(&screens));
    }
}
