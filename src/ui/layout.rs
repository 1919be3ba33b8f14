//! Where things stand, at every size.
//!
//! Owns the regions of the main screen, how panes share a column, and columns that keep their places
//! so that an eye that has found a figure once finds it again. Refuses to know what stands there.
//!
//! Every region keeps its last column free, and its first one for the sign of what is wrong (or the
//! mark of the pane that has the keys); text begins at the second.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::theme::Role;

/// The smallest screen that shows anything but its own size: columns and rows.
pub const SMALLEST: (u16, u16) = (60, 16);

/// The size from which a gate lies over the left column only.
const GATE_BESIDE: (u16, u16) = (120, 36);
const TWO_COLUMNS: (u16, u16) = (110, 30);
const THREE_COLUMNS: (u16, u16) = (180, 44);

/// The main screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regions {
    /// Mode, plan, clocks.
    pub first: Rect,
    /// Phases, forecast.
    pub second: Rect,
    /// Between.
    pub body: Body,
    /// Keys, and the beat.
    pub last: Rect,
    /// Where a gate opens.
    pub gate: Rect,
}

/// What is between the first two lines and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// One line a pane, then the steps.
    One {
        /// Replication, freeze, validation, alarms, way back: a line each.
        summary: Rect,
        /// The phase that runs.
        left: Rect,
    },
    /// Where we are, and why we may or may not go on.
    Two {
        /// Phases and way back.
        left: Rect,
        /// Replication, freeze, validation, alarms.
        right: Rect,
        /// The journal's last lines.
        journal: Rect,
    },
    /// The same with room for history.
    Three {
        /// Phases and way back.
        left: Rect,
        /// Replication, freeze, validation, alarms.
        right: Rect,
        /// Lag over time.
        charts: Rect,
        /// Planned, forecast, actual.
        timeline: Rect,
        /// More of the journal.
        journal: Rect,
    },
}

/// The regions of a screen, `None` below [`SMALLEST`].
pub fn regions(screen: Rect) -> Option<Regions> {
    let fits = |(width, height): (u16, u16)| screen.width >= width && screen.height >= height;
    if !fits(SMALLEST) {
        return None;
    }
    let row = |y| Rect { y: screen.y + y, height: 1, ..screen };
    let width = screen.width - 1;
    let rows = |x, from: u16, to: u16, width| Rect {
        x: screen.x + x,
        y: screen.y + from,
        width,
        height: to.saturating_sub(from),
    };
    let bottom = screen.height - 2;
    let body = if fits(TWO_COLUMNS) {
        let journal_rows = if fits(THREE_COLUMNS) { screen.height / 5 } else { 5 };
        let middle = bottom - journal_rows - 1;
        let journal = rows(0, middle + 1, bottom, width);
        if fits(THREE_COLUMNS) {
            let column = (width - 4) / 3;
            let last = 2 * (column + 2);
            let charts = middle - (middle - 3) / 2;
            Body::Three {
                left: rows(0, 3, middle, column),
                right: rows(column + 2, 3, middle, column),
                charts: rows(last, 3, charts - 1, width - last),
                timeline: rows(last, charts, middle, width - last),
                journal,
            }
        } else {
            let column = (width - 1) / 2;
            Body::Two {
                left: rows(0, 3, middle, column),
                right: rows(column + 2, 3, middle, width - column - 2),
                journal,
            }
        }
    } else {
        Body::One { summary: rows(0, 3, 8, width), left: rows(0, 9, bottom, width) }
    };
    let gate = match body {
        Body::Two { left, .. } | Body::Three { left, .. } if fits(GATE_BESIDE) => left,
        _ => rows(0, 2, bottom + 1, screen.width),
    };
    Some(Regions { first: row(0), second: row(1), body, last: row(screen.height - 1), gate })
}

/// On a screen below [`SMALLEST`]: what it has, what it needs, and that the keys still work.
pub fn too_small(canvas: &mut Canvas<'_>) {
    let screen = canvas.area();
    let (width, height) = SMALLEST;
    let mode = canvas.mode();
    canvas.text(0, 0, screen.width, format!(" {} ", mode.word()), mode.word_role());
    let lines = [
        format!("this terminal is {}x{}", screen.width, screen.height),
        format!("the cockpit needs {width}x{height}"),
        "F8 NO-GO and F9 HOLD work".to_owned(),
    ];
    for (y, line) in (screen.y + 1..screen.bottom()).zip(lines) {
        canvas.text(1, y, screen.width.saturating_sub(1), line, Role::Bright);
    }
}

/// How many rows a pane wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Head included; with fewer it says nothing.
    pub least: u16,
    /// To show everything.
    pub all: u16,
}

/// Puts panes below each other with a free row between, in order. When they do not all get what they
/// want, the largest give way first; a pane that cannot get its least gets nothing, the last first.
pub fn stack(area: Rect, wants: &[Want]) -> Vec<Rect> {
    let room = area.height;
    let mut shown = wants.len();
    let gaps = |shown: usize| u16::try_from(shown.saturating_sub(1)).unwrap_or(u16::MAX);
    let least =
        |shown: usize| wants.iter().take(shown).map(|w| w.least).fold(gaps(shown), u16::saturating_add);
    while shown > 0 && least(shown) > room {
        shown -= 1;
    }
    let mut heights: Vec<u16> = wants.iter().take(shown).map(|w| w.all.max(w.least)).collect();
    let room = room.saturating_sub(gaps(shown));
    while heights.iter().copied().fold(0, u16::saturating_add) > room {
        let largest = heights
            .iter_mut()
            .zip(wants)
            .filter(|(height, want)| **height > want.least)
            .max_by_key(|(height, want)| **height - want.least);
        match largest {
            Some((height, _)) => *height -= 1,
            None => break,
        }
    }
    let mut y = area.y;
    let mut placed: Vec<Rect> = heights
        .into_iter()
        .map(|height| {
            let pane = Rect { y, height, ..area };
            y += height + 1;
            pane
        })
        .collect();
    placed.resize(wants.len(), Rect { y: area.bottom(), height: 0, ..area });
    placed
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its width; for the one that takes the rest, the least it needs.
    width: u16,
    /// Free columns before it.
    gap: u16,
    rest: bool,
    optional: bool,
}

impl Column {
    /// A column of this width, one free before it.
    pub const fn fixed(width: u16) -> Self {
        Self { width, gap: 1, rest: false, optional: false }
    }

    /// The column that takes what the others leave, and needs at least this width.
    pub const fn rest(least: u16) -> Self {
        Self { width: least, gap: 1, rest: true, optional: false }
    }

    /// With so many columns free before it.
    #[must_use]
    pub const fn gap(self, gap: u16) -> Self {
        Self { gap, ..self }
    }

    /// May go when there is no room; the last one goes first.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// Where a column stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Its first column on the screen.
    pub x: u16,
    /// Its width; 0 when it had to go.
    pub width: u16,
}

impl Slot {
    /// The column behind its last.
    pub const fn right(self) -> u16 {
        self.x + self.width
    }
}

/// Places columns from `x` on in `width` columns: the same places for every row.
pub fn columns<const N: usize>(x: u16, width: u16, columns: [Column; N]) -> [Slot; N] {
    let mut gone = [false; N];
    let needs = |gone: &[bool; N]| -> u16 {
        columns.iter().zip(gone).filter(|(_, gone)| !**gone).map(|(c, _)| c.gap + c.width).sum()
    };
    while needs(&gone) > width {
        let last = columns.iter().zip(gone.iter_mut()).rev().find(|(c, gone)| c.optional && !**gone);
        match last {
            Some((_, gone)) => *gone = true,
            None => break,
        }
    }
    let needed = needs(&gone);
    let (spare, short) = (width.saturating_sub(needed), needed.saturating_sub(width));
    let (mut at, end) = (x, x + width);
    let mut slots = [Slot::default(); N];
    for ((slot, column), gone) in slots.iter_mut().zip(&columns).zip(&gone) {
        if *gone {
            continue;
        }
        let from = (at + column.gap).min(end);
        // Figures keep their width longest: they can't be understood from their beginning.
        let wanted = if column.rest { (column.width + spare).saturating_sub(short) } else { column.width };
        *slot = Slot { x: from, width: wanted.min(end - from) };
        at = slot.right();
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::mode::Mode;
    use crate::ui::testing::{look, rows};
    use proptest::prelude::*;

    fn at(width: u16, height: u16) -> Regions {
        regions(Rect::new(0, 0, width, height)).unwrap()
    }

    #[test]
    fn the_places_of_a_normal_screen() {
        let screen = at(120, 36);
        let Body::Two { left, right, journal } = screen.body else { panic!("{screen:?}") };
        assert_eq!(left, Rect::new(0, 3, 59, 25));
        assert_eq!(right, Rect::new(61, 3, 58, 25));
        assert_eq!(journal, Rect::new(0, 29, 119, 5));
        assert_eq!(screen.last.y, 35);
        assert_eq!(screen.gate, left, "a gate never lies over the gauges");
    }

    #[test]
    fn a_small_screen_has_a_line_a_pane_and_a_gate_across() {
        let screen = at(80, 24);
        let Body::One { summary, left } = screen.body else { panic!("{screen:?}") };
        assert_eq!(summary, Rect::new(0, 3, 79, 5));
        assert_eq!(left, Rect::new(0, 9, 79, 13));
        assert_eq!(screen.gate, Rect::new(0, 2, 80, 21));
    }

    #[test]
    fn a_large_screen_has_room_for_history() {
        assert!(matches!(at(200, 50).body, Body::Three { .. }));
        assert!(matches!(at(179, 50).body, Body::Two { .. }));
    }

    #[test]
    fn below_the_smallest_nothing_is_promised() {
        assert!(regions(Rect::new(0, 0, 60, 16)).is_some());
        assert_eq!(regions(Rect::new(0, 0, 59, 16)), None);
        assert_eq!(regions(Rect::new(0, 0, 60, 15)), None);
    }

    #[test]
    fn too_small_says_what_it_has_and_needs() {
        for (width, height) in [(50, 10), (26, 4), (1, 1)] {
            let text = rows(width, height, &look(Mode::Live), too_small).concat();
            if width > 20 {
                assert!(text.contains("LIVE") && text.contains(&format!("{width}x{height}")), "{text}");
                assert!(text.contains("60x16") && text.contains("F8 NO-GO"), "{text}");
            }
        }
    }

    proptest! {
        #![proptest_config(crate::ui::testing::properties())]

        #[test]
        fn regions_lie_inside_and_apart(width in 60u16..400, height in 16u16..120) {
            let screen = at(width, height);
            let all = match screen.body {
                Body::One { summary, left } => vec![summary, left],
                Body::Two { left, right, journal } => vec![left, right, journal],
                Body::Three { left, right, charts, timeline, journal } => vec![left, right, charts, timeline, journal],
            };
            let all = [vec![screen.first, screen.second, screen.last], all].concat();
            for (i, a) in all.iter().enumerate() {
                prop_assert!(a.height > 0 && a.width > 20, "{a:?}");
                prop_assert!(a.right() <= width && a.bottom() <= height, "{a:?}");
                for b in &all[i + 1..] {
                    prop_assert!(!a.intersects(*b), "{a:?} {b:?}");
                }
            }
            prop_assert!(screen.gate.bottom() <= screen.last.y);
        }

        #[test]
        fn panes_in_a_stack_never_overlap_or_leave(
            height in 0u16..60,
            wants in proptest::collection::vec((1u16..6, 0u16..40), 0..6),
        ) {
            let wants: Vec<Want> = wants.into_iter().map(|(least, more)| Want { least, all: least + more }).collect();
            let panes = stack(Rect::new(0, 2, 10, height), &wants);
            prop_assert_eq!(panes.len(), wants.len());
            let mut y = 2;
            for (pane, want) in panes.iter().zip(&wants) {
                if pane.height > 0 {
                    prop_assert!(pane.y >= y && pane.bottom() <= 2 + height);
                    prop_assert!((want.least..=want.all).contains(&pane.height));
                    y = pane.bottom() + 1;
                }
            }
        }
    }

    #[test]
    fn a_stack_that_is_short_takes_from_the_largest() {
        let want = |least, all| Want { least, all };
        let heights = |height, wants: &[Want]| -> Vec<u16> {
            stack(Rect::new(0, 0, 10, height), wants).iter().map(|r| r.height).collect()
        };
        let wants = [want(2, 4), want(2, 20), want(1, 2)];
        assert_eq!(heights(40, &wants), [4, 20, 2]);
        assert_eq!(heights(16, &wants), [4, 8, 2]);
        assert_eq!(heights(7, &wants), [2, 2, 1]);
        assert_eq!(heights(6, &wants), [3, 2, 0], "the last one goes");
    }

    #[test]
    fn columns_stand_where_the_picture_has_them() {
        // sign, name, owner, estimate, taken
        let steps =
            [Column::fixed(1).gap(2), Column::rest(20), Column::fixed(6), Column::fixed(4), Column::fixed(5)];
        let [sign, name, owner, estimate, taken] = columns(0, 59, steps);
        assert_eq!((sign.x, name.x, owner.right(), estimate.right(), taken.right()), (2, 4, 48, 53, 59));
    }

    #[test]
    fn without_room_what_may_go_goes_and_the_rest_stays_inside() {
        let row = [Column::fixed(1).gap(0), Column::rest(10), Column::fixed(8).optional(), Column::fixed(4)];
        assert_eq!(columns(5, 30, row).map(|s| s.width), [1, 14, 8, 4]);
        assert_eq!(columns(5, 20, row).map(|s| s.width), [1, 13, 0, 4]);
        let tight = columns(5, 12, row);
        assert_eq!(tight.map(|s| s.width), [1, 5, 0, 4]);
        assert!(columns(5, 3, row).iter().all(|s| s.right() <= 8));
    }
}
