//! Where two tables differ: digests by bucket inside the databases, then the hashes of single rows in
//! the buckets that differ. No value leaves a database here.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::again;
use super::look::{Both, Look};
use crate::databases::Error;
use crate::databases::digest::{RowHash, SetDigest};
use crate::databases::snapshot::{Buckets, HashedRow, Meter, Part, Within};

/// How many rows share a bucket, about, when a table is read: few enough that a bucket that differs is soon read again.
const ROWS_A_BUCKET: u64 = 128;

/// How many rows share a bucket, about, when buckets that differ are divided: few enough to be read one by one, which takes
/// four hashes a row in place of one.
const ROWS_A_FINE_BUCKET: u64 = 8;

/// A bucket of a key range with more rows than this is divided before its rows are read one by one.
const DIVIDED_ABOVE: u64 = 2 * ROWS_A_FINE_BUCKET;

/// … and this holds where only one side has rows: every one of them differs.
const DIVIDED_ABOVE_ALONE: u64 = 4_096;

/// A bucket is divided into at most two to this power.
const FINER_AT_MOST: u32 = 10;

/// How many buckets one pass has at most, so that digests take some megabytes and no more.
const MOST_BUCKETS: u64 = 1 << 17;

/// How many rows of a side are held by their hashes at a time (32 bytes each).
const ROWS_A_GROUP: u64 = 250_000;

/// How many ranges of keys stand in one question.
const RANGES_A_QUESTION: usize = 1_000;

/// How many suspects are kept one by one for a table.
pub(super) const KEPT: usize = 100_000;

/// A key under which the two sides have different rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suspect {
    pub(super) key: RowHash,
    /// The source's rows under the key that the target does not have. More than one only without a
    /// unique key.
    pub(super) source: SetDigest,
    /// The target's rows that the source does not have.
    pub(super) target: SetDigest,
}

/// How many rows differ, by how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) missing: u64,
    pub(super) extra: u64,
    pub(super) changed: u64,
}

impl Total {
    pub(super) fn rows(&self) -> u64 {
        self.missing + self.extra + self.changed
    }

    /// A row on each side under one key is one changed row.
    pub(super) fn add(&mut self, suspect: &Suspect) {
        let changed = suspect.source.rows.min(suspect.target.rows);
        self.changed += changed;
        self.missing += suspect.source.rows - changed;
        self.extra += suspect.target.rows - changed;
    }
}

/// Suspects that are found again by looking at the same rows.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) within: Within,
    pub(super) suspects: Vec<Suspect>,
}

/// What differs in one table.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) groups: Vec<Group>,
    /// Of all suspects, kept or not.
    pub(super) total: Total,
    kept: usize,
    /// The keys of the kept ones: a row can lie in a stretch that is looked at again, and have been written besides.
    seen: BTreeSet<RowHash>,
}

impl Found {
    /// Every suspect is among the kept ones.
    pub(super) fn complete(&self) -> bool {
        self.kept < KEPT
    }

    /// Takes in what differs in another stretch of the table.
    pub(super) fn merge(&mut self, other: Found) {
        let kept: u64 = other.groups.iter().flat_map(|group| &group.suspects).map(rows).sum();
        let missed = other.total.rows() - kept;
        for group in other.groups {
            self.add(group.within, group.suspects);
        }
        // What it did not keep is known by its number only.
        self.total.changed += missed;
    }

    /// Takes in the rows that differ of those that were looked at one by one.
    pub(super) fn add(&mut self, within: Within, mut suspects: Vec<Suspect>) {
        suspects.retain(|suspect| !self.seen.contains(&suspect.key));
        for suspect in &suspects {
            self.total.add(suspect);
        }
        suspects.truncate(KEPT - self.kept);
        self.kept += suspects.len();
        self.seen.extend(suspects.iter().map(|suspect| suspect.key));
        if !suspects.is_empty() {
            self.groups.push(Group { within, suspects });
        }
    }
}

/// How many rows differ under a suspect's key.
fn rows(suspect: &Suspect) -> u64 {
    let mut total = Total::default();
    total.add(suspect);
    total.rows()
}

/// Finds every key in a range under which the two sides differ; with how many rows either has there.
///
/// `expected` is about how many rows there may be, and `part` how they are read.
pub(super) async fn in_keys(
    look: &mut Look,
    of: &Both,
    (keys, part): (RangeInclusive<i64>, &Part),
    expected: u64,
    meter: &Meter,
) -> Result<(Found, (u64, u64)), Error> {
    let by = by_keys(keys, expected);
    let digests = look.digests(of, &by, (Some(part), Some(part)), meter).await?;
    let sum = |map: &BTreeMap<i64, SetDigest>| map.values().map(|digest| digest.rows).sum();
    let rows = (sum(&digests.0), sum(&digests.1));
    Ok((in_buckets(look, of, &by, digests).await?, rows))
}

/// Finds every key under which the two sides differ, by the digests of all their buckets.
pub(super) async fn in_buckets(
    look: &mut Look,
    of: &Both,
    by: &Buckets,
    digests: (BTreeMap<i64, SetDigest>, BTreeMap<i64, SetDigest>),
) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut finer = differ(look, of, by, digests, &mut found).await?;
    while let Some(by) = finer.pop() {
        let whole = (Some(&Part::Whole), Some(&Part::Whole));
        // These rows were read before: this is no progress.
        let digests = look.digests(of, &by, whole, &Meter::default()).await?;
        finer.extend(differ(look, of, &by, digests, &mut found).await?);
    }
    Ok(found)
}

/// Looks into the buckets that differ; gives back finer divisions of those that have too many rows for that.
async fn differ(
    look: &mut Look,
    of: &Both,
    by: &Buckets,
    (a, b): (BTreeMap<i64, SetDigest>, BTreeMap<i64, SetDigest>),
    found: &mut Found,
) -> Result<Vec<Buckets>, Error> {
    let mut finer = Vec::new();
    let mut group = Gathered::new(by);
    // What is divided by so much more.
    let mut divided: BTreeMap<u32, Gathered<'_>> = BTreeMap::new();
    for bucket in a.keys().chain(b.keys()).copied().collect::<BTreeSet<i64>>() {
        let (x, y) = (a.get(&bucket), b.get(&bucket));
        if x == y {
            continue;
        }
        let rows = [x, y].map(|digest| digest.map_or(0, |digest| digest.rows));
        let most = rows[0].max(rows[1]);
        let (group, steps) = match steps(by, rows) {
            Some(steps) => (divided.entry(steps).or_insert_with(|| Gathered::new(by)), Some(steps)),
            None => (&mut group, None),
        };
        group.add(bucket, most);
        match steps {
            _ if !group.full() => {}
            Some(steps) => finer.extend(group.take_finer(steps)),
            None => inspect(look, of, group.take(), found).await?,
        }
    }
    finer.extend(divided.into_iter().filter_map(|(steps, mut group)| group.take_finer(steps)));
    if group.rows > 0 {
        inspect(look, of, group.take(), found).await?;
    }
    Ok(finer)
}

/// Buckets of a table whose rows are found by the hash of their key.
pub(super) fn by_hashes(rows: u64) -> Buckets {
    Buckets::Hashes { bits: (rows / ROWS_A_BUCKET).clamp(1, MOST_BUCKETS).ilog2() }
}

/// Buckets of a range of keys with about so many rows: the smallest shift with which there are not too many.
pub(super) fn by_keys(keys: RangeInclusive<i64>, rows: u64) -> Buckets {
    let span = keys.start().abs_diff(*keys.end());
    let wanted = (rows / ROWS_A_BUCKET).clamp(1, MOST_BUCKETS);
    let shift = (0..64).find(|shift| span >> shift < wanted).unwrap_or(63);
    Buckets::Keys { keys: vec![keys], shift: shift.min(63) }
}

/// By how many powers of two a bucket is divided before its rows are read one by one; `None` when they are right away, since
/// there are few, or it cannot be divided.
fn steps(by: &Buckets, rows: [u64; 2]) -> Option<u32> {
    let most = rows[0].max(rows[1]);
    let above = if rows.contains(&0) { DIVIDED_ABOVE_ALONE } else { DIVIDED_ABOVE };
    match by {
        Buckets::Keys { shift, .. } if *shift > 0 && most > above => {
            // At least by one, so that every division is finer than the one before.
            Some((most / ROWS_A_FINE_BUCKET).ilog2().clamp(1, FINER_AT_MOST.min(*shift)))
        }
        Buckets::Keys { .. } | Buckets::Hashes { .. } => None,
    }
}

/// The keys of a bucket.
fn range_of(bucket: i64, shift: u32) -> RangeInclusive<i64> {
    let first = bucket << shift;
    // All ones below the shift: the last key of the bucket, without an overflow at the end of the type.
    first..=first | !(-1_i64 << shift)
}

/// What of these ranges lies in `keys`, which are in order too.
fn clipped(ranges: &[RangeInclusive<i64>], keys: &[RangeInclusive<i64>]) -> Vec<RangeInclusive<i64>> {
    let mut all = Vec::with_capacity(ranges.len());
    let mut keys = keys.iter().peekable();
    for range in ranges {
        while keys.next_if(|within| within.end() < range.start()).is_some() {}
        let mut ahead = keys.clone();
        while let Some(within) = ahead.next_if(|within| within.start() <= range.end()) {
            all.push(*range.start().max(within.start())..=*range.end().min(within.end()));
        }
    }
    all
}

/// Buckets gathered until there are enough rows in them for one look.
struct Gathered<'a> {
    by: &'a Buckets,
    rows: u64,
    buckets: BTreeSet<i64>,
}

impl Gathered<'_> {
    fn new(by: &Buckets) -> Gathered<'_> {
        Gathered { by, rows: 0, buckets: BTreeSet::new() }
    }

    fn add(&mut self, bucket: i64, rows: u64) {
        self.rows += rows;
        self.buckets.insert(bucket);
    }

    fn full(&self) -> bool {
        self.rows >= ROWS_A_GROUP || self.buckets.len() >= RANGES_A_QUESTION
    }

    fn take(&mut self) -> Within {
        self.rows = 0;
        let buckets = std::mem::take(&mut self.buckets);
        match self.by {
            Buckets::Hashes { bits } => Within::Hashes { bits: *bits, buckets },
            Buckets::Keys { keys, shift } => {
                let mut ranges: Vec<RangeInclusive<i64>> = Vec::new();
                for range in buckets.into_iter().map(|b| range_of(b, *shift)) {
                    match ranges.last_mut() {
                        Some(last) if last.end().checked_add(1) == Some(*range.start()) => {
                            *last = *last.start()..=*range.end();
                        }
                        _ => ranges.push(range),
                    }
                }
                Within::Keys(clipped(&ranges, keys))
            }
        }
    }

    /// The same rows in buckets that are smaller by so many powers of two, if there are any.
    fn take_finer(&mut self, steps: u32) -> Option<Buckets> {
        match (self.by, self.buckets.is_empty()) {
            (Buckets::Keys { shift, .. }, false) => {
                let shift = shift.saturating_sub(steps);
                let Within::Keys(keys) = self.take() else { return None };
                Some(Buckets::Keys { keys, shift })
            }
            _ => None,
        }
    }
}

/// Looks at rows one by one.
pub(super) async fn inspect(
    look: &mut Look,
    of: &Both,
    within: Within,
    found: &mut Found,
) -> Result<(), Error> {
    let suspects = suspects(look, of, &within).await?;
    let within = again::by_name(look, of, &within, &suspects).await?.unwrap_or(within);
    found.add(within, suspects);
    Ok(())
}

/// Every key within under which the two sides have different rows, in the order of their hashes.
pub(super) async fn suspects(look: &mut Look, of: &Both, within: &Within) -> Result<Vec<Suspect>, Error> {
    let (mut a, mut b) = look.hashes(of, within).await?;
    a.sort_unstable();
    b.sort_unstable();
    Ok(differing(&a, &b))
}

/// Both in order; walks them side by side.
fn differing(a: &[HashedRow], b: &[HashedRow]) -> Vec<Suspect> {
    let mut suspects: Vec<Suspect> = Vec::new();
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return suspects,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(x), Some(y)) => x.cmp(y),
        };
        // Rows of the same key follow each other, so that the last suspect is the one to add to.
        let mut note = |key: RowHash, add: fn(&mut Suspect, RowHash), row: RowHash| {
            if suspects.last().is_none_or(|s| s.key != key) {
                suspects.push(Suspect { key, source: SetDigest::default(), target: SetDigest::default() });
            }
            if let Some(suspect) = suspects.last_mut() {
                add(suspect, row);
            }
        };
        match order {
            Ordering::Less => {
                if let Some(x) = a.next() {
                    note(x.key, |s, row| s.source.add(row), x.row);
                }
            }
            Ordering::Greater => {
                if let Some(y) = b.next() {
                    note(y.key, |s, row| s.target.add(row), y.row);
                }
            }
            Ordering::Equal => {
                a.next();
                b.next();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(pairs: &[(u128, u128)]) -> Vec<HashedRow> {
        let mut rows: Vec<HashedRow> =
            pairs.iter().map(|(key, row)| HashedRow { key: RowHash(*key), row: RowHash(*row) }).collect();
        rows.sort_unstable();
        rows
    }

    fn total(a: &[(u128, u128)], b: &[(u128, u128)]) -> (u64, u64, u64) {
        let mut total = Total::default();
        for suspect in differing(&rows(a), &rows(b)) {
            total.add(&suspect);
        }
        (total.missing, total.extra, total.changed)
    }

    #[test]
    fn rows_are_told_apart_by_key_and_counted_as_often_as_they_are() {
        assert_eq!(total(&[(1, 1), (2, 2)], &[(2, 2), (1, 1)]), (0, 0, 0));
        assert_eq!(total(&[(1, 1), (2, 2)], &[(2, 3), (4, 4)]), (1, 1, 1));
        assert_eq!(total(&[(1, 1), (1, 1), (1, 1)], &[(1, 1)]), (2, 0, 0), "duplicates count");
        assert_eq!(total(&[(1, 1), (1, 2)], &[(1, 3), (1, 2), (1, 4)]), (0, 1, 1));
        assert_eq!(total(&[], &[(9, 9)]), (0, 1, 0));
    }

    #[test]
    fn buckets_of_keys_cover_the_whole_type_without_overlap() {
        for keys in [i64::MIN..=i64::MAX, -5..=5, 0..=0, i64::MAX - 1..=i64::MAX, i64::MIN..=i64::MIN + 9] {
            for wanted in [0, 1, 2, 3, 1_000, u64::MAX / ROWS_A_BUCKET] {
                let by = by_keys(keys.clone(), wanted * ROWS_A_BUCKET);
                let Buckets::Keys { shift, .. } = by else { panic!("keys were asked for") };
                let (first, last) = (*keys.start() >> shift, *keys.end() >> shift);
                let spread = first.abs_diff(last);
                // One more than wanted when the first key lies in the middle of a bucket.
                assert!(spread <= wanted.clamp(1, MOST_BUCKETS), "{keys:?} in {wanted}: {spread} at {shift}");
                let of = |bucket| {
                    let mut one = Gathered::new(&by);
                    one.add(bucket, 1);
                    let Within::Keys(ranges) = one.take() else { panic!("keys stay keys") };
                    assert_eq!(ranges.len(), 1);
                    ranges[0].clone()
                };
                assert_eq!(of(first).start(), keys.start());
                assert_eq!(of(last).end(), keys.end());
                if first < last {
                    assert_eq!(*of(first + 1).start(), *of(first).end() + 1);
                }
            }
        }
    }

    #[test]
    fn dividing_a_bucket_always_ends() {
        let rows = [1 << 40, 1 << 40];
        let mut by = Buckets::Keys { keys: vec![i64::MIN..=i64::MAX], shift: 63 };
        let mut divisions = 0;
        while let Some(steps) = steps(&by, rows) {
            let mut group = Gathered::new(&by);
            group.add(-1, 1);
            by = group.take_finer(steps).unwrap();
            divisions += 1;
            assert!(divisions < 64);
        }
        let Buckets::Keys { keys, shift } = by else { panic!("keys stay keys") };
        assert_eq!((keys.len(), keys[0].end(), shift), (1, &-1, 0));
    }

    #[test]
    fn what_is_divided_stays_within_what_was_looked_at() {
        let by = Buckets::Keys { keys: vec![3..=9, 12..=20, 40..=47], shift: 3 };
        let mut group = Gathered::new(&by);
        for bucket in [0, 1, 2, 5] {
            group.add(bucket, 1);
        }
        let Some(Buckets::Keys { keys, shift }) = group.take_finer(2) else { panic!("keys stay keys") };
        assert_eq!((keys, shift), (vec![3..=9, 12..=20, 40..=47], 1));
        assert_eq!(clipped(&[0..=4, 8..=12, 60..=70], &[3..=9, 12..=20]), [3..=4, 8..=9, 12..=12]);
    }
}
