//! What panes draw on: text in roles, at places, cut where it ends.
//!
//! Owns the way from [`SafeText`] to cells: no pane writes a cell itself, so that foreign text is
//! cleaned, cut with `…` and kept inside its place whatever a pane does. Also the two shapes that every
//! pane shares: the head (title, hairline, note) and the frame of a gate, the only box there is.
//!
//! Refuses to know what is shown and where: `layout` and the panes do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::glyphs::{Frame, Glyphs};
use super::mode::Mode;
use super::safe::SafeText;
use super::theme::{Role, Theme};

/// How everything on the screen looks.
#[derive(Clone, Debug)]
pub struct Look {
    /// Styles by role.
    pub theme: Theme,
    /// Signs.
    pub glyphs: &'static Glyphs,
    /// How real it is.
    pub mode: Mode,
    /// Nobody vouches for what is shown any more (the engine is gone): every value is drawn as old.
    pub old: bool,
}

/// Text and the role it is drawn in.
#[derive(Clone, Debug)]
pub struct Piece<'a> {
    /// The text.
    pub text: SafeText<'a>,
    /// Its role.
    pub role: Role,
}

/// A piece of a line.
pub fn piece<'a>(text: impl Into<SafeText<'a>>, role: Role) -> Piece<'a> {
    Piece { text: text.into(), role }
}

const WEIGHTS: Modifier = Modifier::BOLD.union(Modifier::DIM).union(Modifier::ITALIC);

/// A screen that is being drawn.
#[derive(Debug)]
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    look: &'a Look,
    caret: Option<(u16, u16)>,
}

impl<'a> Canvas<'a> {
    /// An empty screen, with the mode's band on its first line.
    pub fn new(buffer: &'a mut Buffer, look: &'a Look) -> Self {
        let mut canvas = Self { buffer, look, caret: None };
        let first = Rect { height: 1, ..canvas.area() };
        canvas.tint(first, look.mode.band());
        canvas
    }

    /// The whole screen.
    pub fn area(&self) -> Rect {
        *self.buffer.area()
    }

    /// Signs for this terminal.
    pub fn glyphs(&self) -> &'static Glyphs {
        self.look.glyphs
    }

    /// How real this is.
    pub fn mode(&self) -> Mode {
        self.look.mode
    }

    /// Where the terminal's own cursor is to stand: in a field that is typed into.
    pub fn set_caret(&mut self, x: u16, y: u16) {
        self.caret = Some((x, y));
    }

    pub(super) fn caret(&self) -> Option<(u16, u16)> {
        self.caret
    }

    /// Writes text from column `x` on, at most `width` columns; returns how many it took.
    pub fn text<'t>(&mut self, x: u16, y: u16, width: u16, text: impl Into<SafeText<'t>>, role: Role) -> u16 {
        self.put(x, y, width, &text.into(), self.style(role))
    }

    /// Writes text so that it ends before column `right`, at most `width` columns; returns how many
    /// it took.
    pub fn text_right<'t>(
        &mut self,
        right: u16,
        y: u16,
        width: u16,
        text: impl Into<SafeText<'t>>,
        role: Role,
    ) -> u16 {
        let text = text.into();
        let width = width.min(right.saturating_sub(self.area().x));
        let taken = self.columns(&text).min(width);
        self.put(right - taken, y, taken, &text, self.style(role))
    }

    /// Writes pieces one after the other, at most `width` columns in all; returns how many they took.
    pub fn line(&mut self, x: u16, y: u16, width: u16, pieces: &[Piece<'_>]) -> u16 {
        let mut taken = 0;
        for (at, Piece { text, role }) in pieces.iter().enumerate() {
            let (x, room, style) = (x.saturating_add(taken), width - taken, self.style(*role));
            let wanted = self.columns(text);
            let more = || pieces.iter().skip(at + 1).any(|piece| self.columns(&piece.text) > 0);
            // What ends right at the edge looks whole: what comes after it is cut with a sign all the same.
            if wanted == room && wanted > 0 && more() {
                let cut = SafeText::from(format!("{} ", text.as_str()));
                return taken + self.put(x, y, room, &cut, style);
            }
            taken += self.put(x, y, room, text, style);
            if taken >= width || wanted > room {
                break;
            }
        }
        taken
    }

    /// The same, ending before column `right`.
    pub fn line_right(&mut self, right: u16, y: u16, width: u16, pieces: &[Piece<'_>]) -> u16 {
        let all = pieces.iter().map(|p| self.columns(&p.text)).fold(0, u16::saturating_add);
        let taken = all.min(width).min(right.saturating_sub(self.area().x));
        self.line(right - taken, y, taken, pieces)
    }

    /// Draws a sign that is a shape and no text, in a role's colour alone: a bar that was filled or
    /// underlined would have another height.
    pub fn shape(&mut self, x: u16, y: u16, sign: &'static str, role: Role) {
        self.put(x, y, 1, &sign.into(), ink(self.style(role)));
    }

    /// Lays a role's look over what is drawn there: a selected row, a band.
    pub fn tint(&mut self, area: Rect, role: Role) {
        let style = self.style(role);
        self.buffer.set_style(area.intersection(self.area()), style);
    }

    /// Empties an area, for something that lies over it.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.area());
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
    }

    /// The head of a pane on the first row of `area`: title, hairline, note at the right edge. The
    /// pane that has the keys is marked and its title bright.
    pub fn head(&mut self, area: Rect, title: &str, note: &[Piece<'_>], focused: bool) {
        let Rect { x, y, width, .. } = area;
        if focused {
            self.text(x, y, 1, self.glyphs().focus, Role::Focus);
        }
        let (from, right) = (x + 1, x + width);
        let note_width = note.iter().map(|p| self.columns(&p.text)).fold(0, u16::saturating_add);
        // The note keeps its place, and the title what it needs to be known by.
        let note_room = note_width.min(width.saturating_sub(10));
        let title_role = if focused { Role::Bright } else { Role::Title };
        let title_room = width.saturating_sub(note_room + 3);
        let title_end = from + self.text(from, y, title_room, title, title_role);
        let note_begins = right - self.line_right(right, y, note_room, note);
        let hairline = (title_end + 1, note_begins.saturating_sub(u16::from(note_room > 0)));
        self.hairline(hairline.0, y, hairline.1.saturating_sub(hairline.0));
    }

    /// A thin line.
    pub fn hairline(&mut self, x: u16, y: u16, width: u16) {
        let line = self.glyphs().hairline.repeat(width.into());
        self.text(x, y, width, line, self.mode().hairline());
    }

    /// The frame of a gate with its title; live and not live differ in line and in words: a
    /// rehearsal is called one on every side. Returns what is inside.
    pub fn frame(&mut self, area: Rect, title: &str) -> Rect {
        let area = area.intersection(self.area());
        if area.width < 4 || area.height < 3 {
            return Rect { width: 0, height: 0, ..area };
        }
        self.clear(area);
        let mode = self.mode();
        let live = mode == Mode::Live;
        let pieces = if live { &self.glyphs().frame_live } else { &self.glyphs().frame_other };
        self.box_lines(area, pieces, mode.frame());
        let Rect { x, y, width, height } = area;
        let title = format!(" {} ", super::safe::line(title));
        let title_role = if live { Role::GateTitle } else { mode.word_role() };
        self.text(x + 2, y, width - 4, title, title_role);
        if !live {
            let word = format!(" {} ", mode.word());
            let room = width / 2;
            self.text_right(x + width - 2, y, room.saturating_sub(2), word.as_str(), mode.word_role());
            self.text(x + 2, y + height - 1, room, word.as_str(), mode.word_role());
            self.text_right(x + width - 2, y + height - 1, room.saturating_sub(2), word, mode.word_role());
            for side in [x, x + width - 1] {
                self.down(side, y, height, mode.word(), mode.word_role());
            }
        }
        Rect { x: x + 2, y: y + 1, width: width - 4, height: height - 2 }
    }

    fn box_lines(&mut self, area: Rect, pieces: &Frame, role: Role) {
        let Rect { x, y, width, height } = area;
        let (right, bottom) = (x + width - 1, y + height - 1);
        for column in x + 1..right {
            self.shape(column, y, pieces.horizontal, role);
            self.shape(column, bottom, pieces.horizontal, role);
        }
        for row in y + 1..bottom {
            self.shape(x, row, pieces.vertical, role);
            self.shape(right, row, pieces.vertical, role);
        }
        let corners = [
            (x, y, pieces.top_left),
            (right, y, pieces.top_right),
            (x, bottom, pieces.bottom_left),
            (right, bottom, pieces.bottom_right),
        ];
        for (x, y, corner) in corners {
            self.shape(x, y, corner, role);
        }
    }

    /// A word downwards in the middle of a side.
    fn down(&mut self, x: u16, y: u16, height: u16, word: &str, role: Role) {
        let length = u16::try_from(word.chars().count()).unwrap_or(height);
        let Some(spare) = height.checked_sub(length + 2) else { return };
        let mut letter = [0; 4];
        for (row, c) in (y + 1 + spare / 2..).zip(word.chars()) {
            self.text(x, row, 1, &*c.encode_utf8(&mut letter), role);
        }
    }

    fn put(&mut self, x: u16, y: u16, width: u16, text: &SafeText<'_>, style: Style) -> u16 {
        let area = self.area();
        if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
            return 0;
        }
        let width = width.min(area.right() - x);
        let plain;
        let text = if self.glyphs().ascii {
            plain = text.ascii();
            &plain
        } else {
            text
        };
        let text = text.cut(width.into(), self.glyphs().ellipsis);
        // Text has its own weight, and stands on the ground that lies there.
        let style = style.remove_modifier(WEIGHTS - style.add_modifier);
        let (end, _) = self.buffer.set_stringn(x, y, text.as_str(), width.into(), style);
        end - x
    }

    fn columns(&self, text: &SafeText<'_>) -> u16 {
        let width = if self.glyphs().ascii { text.ascii().as_str().width() } else { text.width() };
        u16::try_from(width).unwrap_or(u16::MAX)
    }

    fn style(&self, role: Role) -> Style {
        let Look { theme, mode, old, .. } = self.look;
        match role {
            role if *old && is_a_value(role) => theme.style(Role::Old),
            // What moves with the eye has the mode's colour too.
            Role::Focus | Role::Beat if *mode != Mode::Live => ink(theme.style(mode.word_role())),
            role => theme.style(role),
        }
    }
}

/// The colour that a look is known by, as a foreground.
fn ink(style: Style) -> Style {
    let filled = style.bg.is_some();
    let colour = style.bg.or(style.fg);
    let modifiers = style.add_modifier & if filled { Modifier::empty() } else { WEIGHTS };
    Style { fg: colour, ..Style::new() }.add_modifier(modifiers)
}

/// Roles that vouch for something.
fn is_a_value(role: Role) -> bool {
    matches!(
        role,
        Role::Normal
            | Role::Bright
            | Role::Figure
            | Role::Advisory
            | Role::Caution
            | Role::Warning
            | Role::Proved
            | Role::Go
            | Role::StepDone
            | Role::StepRunning
            | Role::StepToCome
            | Role::StepGate
            | Role::Gauge
            | Role::Beat
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::glyphs::ASCII;
    use crate::ui::testing::{cells, look, rows};

    #[test]
    fn a_head_is_title_hairline_and_note() {
        let rows = rows(30, 1, &look(Mode::Live), |c| {
            c.head(Rect::new(0, 0, 29, 1), "Freeze", &[piece("since 22:10", Role::Dim)], true);
        });
        assert_eq!(rows, ["▌Freeze ───────── since 22:10"]);
    }

    #[test]
    fn a_head_that_is_too_narrow_keeps_the_note_and_cuts_the_title() {
        let rows = rows(24, 1, &look(Mode::Live), |c| {
            let note = [piece("2 of 10 steps", Role::Dim)];
            c.head(Rect::new(0, 0, 23, 1), "Environment is built", &note, false);
        });
        assert_eq!(rows, [" Enviro…  2 of 10 steps"]);
    }

    #[test]
    fn text_stays_in_its_place() {
        let rows = rows(12, 2, &look(Mode::Live), |c| {
            assert_eq!(c.text(2, 0, 5, "replication", Role::Normal), 5);
            assert_eq!(c.text_right(12, 1, 6, "1.2 MiB", Role::Bright), 6);
            assert_eq!(c.text(0, 9, 5, "below", Role::Normal), 0);
            assert_eq!(c.text(99, 0, 5, "beside", Role::Normal), 0);
        });
        assert_eq!(rows, ["  repl…", "      1.2 M…"]);
    }

    #[test]
    fn a_line_of_pieces_is_never_cut_without_a_sign() {
        let all = "not yet: orders is stale";
        let pieces: Vec<Piece<'_>> = all.split_inclusive(' ').map(|word| piece(word, Role::Normal)).collect();
        for width in 1..=30 {
            let drawn = rows(30, 1, &look(Mode::Live), |c| {
                c.line(0, 0, width, &pieces);
            });
            let whole = usize::from(width) >= all.len();
            assert_eq!(!drawn[0].ends_with('…'), whole, "{width}: {drawn:?}");
            assert!(drawn[0].chars().count() <= width.into(), "{width}: {drawn:?}");
        }
    }

    #[test]
    fn foreign_text_is_cleaned_wherever_it_is_rows() {
        let rows = rows(30, 2, &look(Mode::Live), |c| {
            c.text(0, 0, 30, "a\x1b[2Jb", Role::Normal);
            c.line(0, 1, 30, &[piece("x\u{202e}", Role::Dim), piece("y\n", Role::Warning)]);
        });
        assert_eq!(rows, ["a␛[2Jb", "x<U+202E>y␊"]);
    }

    #[test]
    fn without_unicode_everything_is_seven_bits() {
        let look = Look { glyphs: &ASCII, ..look(Mode::Rehearsal) };
        let rows = rows(40, 5, &look, |c| {
            c.frame(Rect::new(0, 0, 40, 5), "Gätè");
            c.text(5, 2, 20, "é\x1b", Role::Normal);
        });
        assert!(rows.iter().all(|row| row.is_ascii()), "{rows:#?}");
        assert!(rows[2].contains("<U+00E9>^["), "{rows:#?}");
    }

    #[test]
    fn a_live_gate_is_heavy_and_a_rehearsed_one_says_so_on_every_side() {
        let area = Rect::new(0, 0, 44, 13);
        let live = rows(44, 13, &look(Mode::Live), |c| {
            c.frame(area, "GO / NO-GO  Send users");
        });
        assert!(live[0].starts_with("┏━ GO / NO-GO  Send users ━"), "{live:#?}");
        assert!(!live.concat().contains("REHEARSAL"));
        let rehearsed = rows(44, 13, &look(Mode::Rehearsal), |c| {
            c.frame(area, "GO / NO-GO  Send users");
        });
        assert!(rehearsed[0].ends_with("REHEARSAL ╌┐"), "{rehearsed:#?}");
        assert!(rehearsed[12].starts_with("└╌ REHEARSAL "), "{rehearsed:#?}");
        let side = |of: fn(&String) -> Option<char>| rehearsed.iter().filter_map(of).collect::<String>();
        assert!(side(|row| row.chars().next()).contains("REHEARSAL"), "{rehearsed:#?}");
        assert!(side(|row| row.chars().last()).contains("REHEARSAL"), "{rehearsed:#?}");
    }

    #[test]
    fn values_nobody_vouches_for_all_look_old_and_the_mode_does_not() {
        let look = Look { old: true, ..look(Mode::Live) };
        let (buffer, _) = cells(20, 1, &look, |canvas| {
            canvas.text(0, 0, 4, "LIVE", Role::ModeLive);
            canvas.text(5, 0, 4, "0 B", Role::Proved);
        });
        let style = |x| buffer[(x, 0)].style();
        assert_eq!(style(5).fg, look.theme.style(Role::Old).fg);
        assert_eq!(style(0).bg, look.theme.style(Role::ModeLive).bg);
    }

    #[test]
    fn a_shape_has_the_colour_of_a_filled_look_and_is_not_filled() {
        let theme = Theme::built_in("high-contrast", crate::ui::colour::Depth::True);
        let filled = theme.style(Role::Warning);
        let (buffer, _) = cells(4, 2, &Look { theme, ..look(Mode::Live) }, |canvas| {
            canvas.shape(0, 1, "▄", Role::Warning);
            canvas.text(1, 1, 1, "!", Role::Warning);
        });
        assert_eq!(Some(buffer[(0, 1)].fg), filled.bg);
        assert_eq!(buffer[(0, 1)].bg, ratatui::style::Color::Reset);
        assert_eq!(Some(buffer[(1, 1)].bg), filled.bg);
    }

    #[test]
    fn what_moves_has_the_colour_of_the_mode() {
        let beat = |mode| {
            let (buffer, _) = cells(4, 2, &look(mode), |canvas| {
                canvas.text(0, 1, 1, "●", Role::Beat);
            });
            buffer[(0, 1)].fg
        };
        let theme = look(Mode::Live).theme;
        assert_eq!(Some(beat(Mode::Live)), theme.style(Role::Beat).fg);
        assert_eq!(Some(beat(Mode::Rehearsal)), theme.style(Role::ModeRehearsal).bg);
    }
}
