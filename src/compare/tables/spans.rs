//! How a table is parted into pieces.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use crate::databases::snapshot::{Outline, Part};

/// A range of keys grows or shrinks by no more than this from one piece to the next.
const STRIDE: u64 = 16;

/// Part `n` of `of` of a table's storage.
pub(super) fn part(outline: Outline, n: usize, of: usize) -> Option<Part> {
    if n >= of {
        return None;
    }
    let Some(blocks) = outline.blocks.filter(|_| of > 1) else { return Some(Part::Whole) };
    let border = |n: usize| (u128::from(blocks) * n as u128 / of as u128).try_into().unwrap_or(blocks);
    Some(Part::Blocks { from: border(n), to: (n + 1 < of).then(|| border(n + 1)) })
}

/// How many keys the next piece should have, so that it has about as many rows as it should.
pub(super) fn next_span(keys: &RangeInclusive<i64>, rows: u64, wanted: u64) -> u64 {
    let span = keys.start().abs_diff(*keys.end()).saturating_add(1);
    let wanted = u128::from(span) * u128::from(wanted) / u128::from(rows.max(1));
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    wanted.clamp((span / STRIDE).max(1), span.saturating_mul(STRIDE))
}

/// What is left of a range without others, in order.
pub(super) fn without(
    range: RangeInclusive<i64>,
    done: &[RangeInclusive<i64>],
) -> VecDeque<RangeInclusive<i64>> {
    let mut done: Vec<&RangeInclusive<i64>> = done.iter().collect();
    done.sort_unstable_by_key(|range| *range.start());
    let (mut left, mut from) = (VecDeque::new(), Some(*range.start()));
    for range_done in done {
        let Some(start) = from else { break };
        if *range_done.end() < start {
            continue;
        }
        if start < *range_done.start() && start <= *range.end() {
            left.push_back(start..=(range_done.start() - 1).min(*range.end()));
        }
        from = range_done.end().checked_add(1);
    }
    if let Some(start) = from.filter(|start| start <= range.end()) {
        left.push_back(start..=*range.end());
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_left_out_and_nothing_else() {
        let left = |range, done: &[RangeInclusive<i64>]| without(range, done).into_iter().collect::<Vec<_>>();
        assert_eq!(left(1..=10, &[]), [1..=10]);
        assert_eq!(left(1..=10, &[4..=6]), [1..=3, 7..=10]);
        assert_eq!(left(1..=10, &[7..=8, 1..=3]), [4..=6, 9..=10]);
        assert_eq!(left(1..=10, &[-5..=0, 11..=20]), [1..=10]);
        assert_eq!(left(1..=10, &[-5..=20]), []);
        assert_eq!(left(1..=10, &[2..=3, 3..=5]), [1..=1, 6..=10]);
        assert_eq!(left(i64::MIN..=i64::MAX, &[0..=i64::MAX]), [i64::MIN..=-1]);
        assert_eq!(left(5..=5, &[5..=5]), []);
        assert_eq!(left(1..=10, &[12..=20, 30..=40]), [1..=10]);
    }

    #[test]
    fn parts_cover_all_blocks_without_overlap() {
        let outline = |blocks| Outline { blocks, ..Outline::default() };
        assert_eq!(part(outline(None), 0, 1), Some(Part::Whole));
        assert_eq!(part(outline(Some(100)), 1, 1), None);
        for (blocks, of) in [(1_u64, 1_usize), (7, 3), (100, 7), (3, 3)] {
            let mut at = 0;
            for n in 0..of {
                match part(outline(Some(blocks)), n, of) {
                    Some(Part::Blocks { from, to }) => {
                        assert_eq!(from, at, "part {n} of {of} of {blocks}");
                        assert_eq!(to.is_none(), n + 1 == of);
                        at = to.unwrap_or(blocks);
                    }
                    Some(Part::Whole) => assert_eq!(of, 1),
                    other => panic!("part {n} of {of} of {blocks} is {other:?}"),
                }
            }
        }
    }

    #[test]
    fn the_next_range_of_keys_follows_how_thick_they_lie() {
        let next = |keys, rows| next_span(&keys, rows, 1_000);
        assert_eq!(next(1..=1_000, 1_000), 1_000);
        assert_eq!(next(1..=1_000, 500), 2_000);
        assert_eq!(next(1..=1_000, 0), 1_000 * STRIDE, "no faster than that");
        assert_eq!(next(1..=16, 10_000_000), 1);
        assert_eq!(next(i64::MIN..=i64::MAX, 1), u64::MAX);
    }
}
