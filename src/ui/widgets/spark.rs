//! A trend in block characters, one row high or more.
//!
//! Owns scaling and gaps: where nothing was measured, nothing is drawn, since a line through a gap
//! would claim a value. Refuses to know units.

use ratatui::layout::Rect;

use crate::ui::canvas::Canvas;
use crate::ui::theme::Role;

/// Draws values, oldest first, with the newest at the right edge of `area`; `None` is a gap. The
/// largest value (or `full`, if that is larger) fills the height, and zero is the thinnest line. When
/// there are more values than columns, each column shows the largest of its own: a spike is never
/// smoothed away.
pub fn spark(canvas: &mut Canvas<'_>, area: Rect, values: &[Option<f64>], full: f64, role: Role) {
    let width = usize::from(area.width);
    if width == 0 || area.height == 0 || values.is_empty() {
        return;
    }
    let share = values.len().div_ceil(width);
    let columns: Vec<Option<f64>> = values.rchunks(share).rev().map(largest).collect();
    let top = columns.iter().flatten().copied().fold(full, f64::max);
    let first = area.right() - u16::try_from(columns.len()).unwrap_or(area.width);
    for (x, value) in (first..).zip(columns) {
        let Some(value) = value else { continue };
        let eighths = eighths(value, top, area.height);
        for (below, y) in (area.top()..area.bottom()).rev().enumerate() {
            let Some(level) = eighths.checked_sub(below * 8 + 1) else { break };
            let blocks = canvas.glyphs().spark;
            if let Some(block) = blocks.get(level.min(7)) {
                canvas.shape(x, y, block, role);
            }
        }
    }
}

/// The largest value of some that were measured.
fn largest(values: &[Option<f64>]) -> Option<f64> {
    values.iter().flatten().copied().filter(|v| v.is_finite()).reduce(f64::max)
}

/// The height of a value in eighths of a row, from 1.
fn eighths(value: f64, top: f64, rows: u16) -> usize {
    let all = f64::from(rows) * 8.0;
    let part = if top > 0.0 { (value / top).clamp(0.0, 1.0) } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 8 a row")]
    let eighths = (part * all).ceil().max(1.0) as usize;
    eighths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::canvas::Look;
    use crate::ui::glyphs::{ASCII, Glyphs, UNICODE};
    use crate::ui::mode::Mode;
    use crate::ui::testing::{look, rows};

    fn drawn(
        width: u16,
        height: u16,
        seen: &[Option<f64>],
        full: f64,
        glyphs: &'static Glyphs,
    ) -> Vec<String> {
        let look = Look { glyphs, ..look(Mode::Live) };
        rows(width, height, &look, |canvas| spark(canvas, canvas.area(), seen, full, Role::Gauge))
    }

    fn values(v: &[f64]) -> Vec<Option<f64>> {
        v.iter().copied().map(Some).collect()
    }

    #[test]
    fn heights_follow_values_and_zero_is_a_thin_line() {
        assert_eq!(drawn(5, 1, &values(&[8.0, 4.0, 2.0, 1.0, 0.0]), 0.0, &UNICODE), ["█▄▂▁▁"]);
        assert_eq!(drawn(5, 1, &values(&[8.0, 4.0, 2.0, 1.0, 0.0]), 0.0, &ASCII), ["#-.__"]);
        assert_eq!(drawn(3, 1, &values(&[0.0, 0.0, 0.0]), 0.0, &UNICODE), ["▁▁▁"]);
    }

    #[test]
    fn what_was_not_measured_is_a_gap() {
        let seen = [Some(4.0), None, Some(4.0), Some(f64::NAN)];
        assert_eq!(drawn(4, 1, &seen, 0.0, &UNICODE), ["█ █"]);
    }

    #[test]
    fn the_newest_is_at_the_right_edge() {
        assert_eq!(drawn(5, 1, &values(&[1.0, 1.0]), 0.0, &UNICODE), ["   ██"]);
    }

    #[test]
    fn a_spike_among_many_is_kept() {
        let mut many = vec![Some(0.0); 100];
        many[50] = Some(9.0);
        let rows = drawn(10, 1, &many, 0.0, &UNICODE);
        assert_eq!(rows.first().unwrap().matches('█').count(), 1);
    }

    #[test]
    fn a_limit_keeps_small_values_small_and_rows_stack() {
        assert_eq!(drawn(2, 1, &values(&[1.0, 2.0]), 16.0, &UNICODE), ["▁▁"]);
        assert_eq!(drawn(3, 2, &values(&[16.0, 12.0, 4.0]), 0.0, &UNICODE), ["█▄", "██▄"]);
    }
}
