//! The cockpit: what is open, what it is fed, and how it draws itself.

use crate::clock::Now;
use crate::engine::event::Mode as RunMode;
use crate::ui::actions::Context;
use crate::ui::canvas::Canvas;
use crate::ui::keymap::Keymap;
use crate::ui::layout;
use crate::ui::mode::Mode;

use super::feed::{Feed, Pulse};
use super::figures::Figures;
use super::scene::Scene;
use super::view::Main;
use super::{footer, header, main_screen};

/// Whose eyes these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Has the keys, under this name, as long as nobody takes the helm.
    Operator(String),
    /// Looks only.
    Watcher,
}

/// What people see and press.
#[derive(Debug)]
pub struct Cockpit {
    seat: Seat,
    keys: Keymap,
    feed: Option<Feed>,
    figures: Option<Figures>,
    /// The second of wall time for which the figures were gathered.
    second: i64,
    main: Main,
    dirty: bool,
}

impl Cockpit {
    /// A cockpit that has not been fed yet.
    pub fn new(seat: Seat, keys: Keymap) -> Cockpit {
        Cockpit {
            seat,
            keys,
            feed: None,
            figures: None,
            second: i64::MIN,
            main: Main::default(),
            dirty: true,
        }
    }

    /// The run has gone on.
    pub fn on_feed(&mut self, feed: Feed) {
        self.feed = Some(feed);
        self.figures = None;
        self.dirty = true;
    }

    /// How real what is shown is.
    pub fn mode(&self) -> Mode {
        let run = self.feed.as_ref().and_then(|feed| feed.state.run.as_ref()).map(|run| run.mode);
        match (&self.seat, run) {
            (Seat::Watcher, _) => Mode::Watch,
            (Seat::Operator(_), Some(RunMode::Rehearsal { .. })) => Mode::Rehearsal,
            (Seat::Operator(_), Some(RunMode::Live) | None) => Mode::Live,
        }
    }

    /// Whether what is shown is vouched for by nobody any more.
    pub fn is_old(&self, now: Now) -> bool {
        self.feed.as_ref().is_some_and(|feed| feed.contact.pulse(now) != Pulse::Fresh)
    }

    /// Draws everything.
    pub fn draw(&mut self, canvas: &mut Canvas<'_>, now: Now) {
        self.dirty = false;
        let Some(regions) = layout::regions(canvas.area()) else { return layout::too_small(canvas) };
        let Some(feed) = &self.feed else { return };
        let second = now.wall.0.div_euclid(1000);
        if self.second != second {
            self.figures = None;
        }
        self.second = second;
        let figures =
            self.figures.get_or_insert_with(|| Figures::new(&feed.plan, &feed.state, &feed.readings, now));
        let drives = matches!(&self.seat, Seat::Operator(_));
        let scene = Scene {
            feed,
            plan: &feed.plan,
            state: &feed.state,
            readings: &feed.readings,
            journal: &feed.journal,
            figures,
            now,
            mode: canvas.mode(),
            glyphs: canvas.glyphs(),
            keys: &self.keys,
            drives,
        };
        header::draw(canvas, &scene, &regions);
        main_screen::draw(canvas, &scene, regions.body, &mut self.main, false);
        footer::draw(canvas, &scene, regions.last, Context::Main, |_| true);
    }
}
