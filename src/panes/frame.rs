//! A frame: what is drawn where, and what is gathered for it.

use ratatui::layout::Rect;

use crate::clock::Now;
use crate::ui::actions::Action;
use crate::ui::canvas::Canvas;
use crate::ui::layout;
use crate::ui::widgets::List;

use super::cockpit::{Cockpit, Over, drives, mode_of, scene};
use super::figures::Figures;
use super::scene::Scene;
use super::views::{self, Page};
use super::{document, footer, gate, header, main_screen, notice, quit};

impl Cockpit {
    /// Takes the time; what was gathered for another second is gathered anew.
    pub(super) fn look_at(&mut self, now: Now) {
        if now.wall.0.div_euclid(1000) != self.now.wall.0.div_euclid(1000) {
            self.figures = None;
        }
        self.now = now;
        if self.figures.is_none() {
            self.figures = self.feed.as_ref().map(|feed| Figures::new(feed, now));
        }
    }

    /// Draws everything.
    pub fn draw(&mut self, canvas: &mut Canvas<'_>, now: Now) {
        self.look_at(now);
        self.weigh_commands();
        self.dirty = false;
        self.glyphs = canvas.glyphs();
        let screen = canvas.area();
        self.screen = (screen.width, screen.height);
        let Some(regions) = layout::regions(screen) else { return layout::too_small(canvas) };
        let body = Rect { x: 0, y: 3, width: screen.width - 1, height: screen.height.saturating_sub(5) };
        if let Some(start) = &mut self.start {
            start.draw(canvas, now);
            let may_start = start.may_start();
            let mut helps = false;
            if let Some(Over::Help(help)) = self.over.last_mut() {
                let page = Rect { y: 2, height: screen.height.saturating_sub(3), ..body };
                help.draw(canvas, page, &self.keys, true);
                helps = true;
            }
            let usable = |action| match action {
                Action::Submit => may_start,
                Action::Find => !helps,
                _ => true,
            };
            notice::keys_only(canvas, &self.keys, regions.last, self.context(), usable);
            return;
        }
        let Some(scene) = scene!(self) else { return };
        header::draw(canvas, &scene, &regions);
        let gate_up = self.desk.is_up() && self.page == Page::Main;
        if !self.is_covered() {
            match self.page {
                Page::Main => {
                    main_screen::draw(canvas, &scene, regions.body, &mut self.main, gate_up);
                    if gate_up {
                        let place = notice::leave_room(self, &regions);
                        gate::draw(canvas, &scene, place, &mut self.desk);
                    }
                }
                Page::Ending => self.ending.draw(canvas, &scene, body),
                page => views::draw(
                    canvas,
                    &scene,
                    body,
                    page,
                    self.lists.entry(page).or_insert_with(|| new_list(page)),
                ),
            }
        }
        for over in &mut self.over {
            match over {
                Over::Detail(detail) => {
                    let doc = document::of(&scene, &detail.item, &self.outputs);
                    detail.draw(canvas, body, doc);
                }
                Over::Help(help) => help.draw(canvas, body, &self.keys, scene.drives),
                Over::Quit => quit::draw(canvas, &scene, body),
                Over::Commands(commands) => commands.draw(canvas, body),
                Over::Prompt(prompt) => prompt.draw(canvas, scene.plan, regions.last),
                Over::Find(field) => notice::find(canvas, regions.last, field),
            }
        }
        notice::line(canvas, &scene, &regions, self);
        let context = self.context();
        footer::draw(canvas, &scene, regions.last, context, |action| self.is_offered(&scene, action));
    }
}

fn new_list(page: Page) -> List {
    if page == Page::Journal { List::following() } else { List::default() }
}
