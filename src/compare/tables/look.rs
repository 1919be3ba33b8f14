//! One look at both sides, by as many connections as it takes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Instant;

use super::Sides;
use crate::databases::digest::{RowHash, SetDigest};
use crate::databases::snapshot::{Buckets, HashedRow, Meter, Outline, Part, Row, Selection, Stamp, Within};
use crate::databases::{Error, Snapshot};

/// A table as either side has it: the same columns in the same order, whatever they are called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Both {
    pub(super) source: Selection,
    pub(super) target: Selection,
    /// It has a primary key.
    pub(super) keyed: bool,
}

impl Both {
    /// A row can be asked for by its key, as either side writes it: the key's types are the same on both.
    pub(super) fn has_names(&self) -> bool {
        let Selection { key, as_text, .. } = &self.source;
        self.keyed && !key.iter().any(|column| as_text.contains(column))
    }
}

/// One moment of each side.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) source: Box<dyn Snapshot>,
    pub(super) target: Box<dyn Snapshot>,
    pub(super) source_stamp: Stamp,
    pub(super) target_stamp: Stamp,
    /// It sees nothing that was written after this.
    pub(super) begun: Instant,
}

impl Look {
    pub(super) async fn begin(sides: &Sides) -> Result<Look, Error> {
        // The target first: what replication carries meanwhile then looks missing and is looked at
        // again; the other way round the source would seem to lack rows that it never lacked.
        let mut target = sides.target.snapshot().await?;
        let mut source = sides.source.snapshot().await?;
        let (source_stamp, target_stamp) = tokio::try_join!(source.stamp(), target.stamp())?;
        Ok(Look { source, target, source_stamp, target_stamp, begun: Instant::now() })
    }

    /// The same two moments over two more connections; `None` where an engine has no such thing.
    pub(super) async fn sibling(&mut self) -> Result<Option<Look>, Error> {
        let (source, target) = tokio::try_join!(self.source.sibling(), self.target.sibling())?;
        let both = source.zip(target);
        let (source_stamp, target_stamp) = (self.source_stamp.clone(), self.target_stamp.clone());
        let begun = self.begun;
        Ok(both.map(|(source, target)| Look { source, target, source_stamp, target_stamp, begun }))
    }

    /// Ends it, and leaves its connections to the next one.
    pub(super) async fn end(self) {
        tokio::join!(self.source.end(), self.target.end());
    }

    /// Each side had applied all that the other had: what differs in this look differs.
    pub(super) fn at_rest(&self) -> bool {
        let (source, target) = (&self.source_stamp, &self.target_stamp);
        source.position.is_some()
            && source.position == target.applied
            && target.position.is_some()
            && target.position == source.applied
    }

    /// How many rows a table has, on the sides that have it, by what it is called there.
    pub(super) async fn count(
        &mut self,
        on_source: Option<&str>,
        on_target: Option<&str>,
    ) -> Result<(Option<u64>, Option<u64>), Error> {
        let Look { source, target, .. } = self;
        let one = async |side: &mut Box<dyn Snapshot>, table: Option<&str>| match table {
            Some(table) => side.count(table).await.map(Some),
            None => Ok(None),
        };
        tokio::try_join!(one(source, on_source), one(target, on_target))
    }

    pub(super) async fn outlines(&mut self, of: &Both) -> Result<(Outline, Outline), Error> {
        tokio::try_join!(self.source.outline(&of.source), self.target.outline(&of.target))
    }

    /// From the smallest whole-number key of either side to the largest.
    pub(super) async fn span(&mut self, of: &Both) -> Result<Option<RangeInclusive<i64>>, Error> {
        let (a, b) = tokio::try_join!(self.source.key_span(&of.source), self.target.key_span(&of.target))?;
        Ok(match (a, b) {
            (Some(a), Some(b)) => Some(*a.start().min(b.start())..=*a.end().max(b.end())),
            (one, None) | (None, one) => one,
        })
    }

    /// Digests of a part of each side; no part is nothing.
    pub(super) async fn digests(
        &mut self,
        of: &Both,
        by: &Buckets,
        parts: (Option<&Part>, Option<&Part>),
        meter: &Meter,
    ) -> Result<(BTreeMap<i64, SetDigest>, BTreeMap<i64, SetDigest>), Error> {
        let Look { source, target, .. } = self;
        let one = async |side: &mut Box<dyn Snapshot>, of: &Selection, part: Option<&Part>| match part {
            Some(part) => side.digests(of, by.clone(), part, meter).await,
            None => Ok(BTreeMap::new()),
        };
        tokio::try_join!(one(source, &of.source, parts.0), one(target, &of.target, parts.1))
    }

    pub(super) async fn hashes(
        &mut self,
        of: &Both,
        within: &Within,
    ) -> Result<(Vec<HashedRow>, Vec<HashedRow>), Error> {
        let unseen = Meter::default();
        tokio::try_join!(
            self.source.hashes(&of.source, within, &unseen),
            self.target.hashes(&of.target, within, &unseen)
        )
    }

    /// The rows with these keys.
    pub(super) async fn rows(
        &mut self,
        of: &Both,
        within: &Within,
        keys: &BTreeSet<RowHash>,
    ) -> Result<(Vec<Row>, Vec<Row>), Error> {
        tokio::try_join!(
            self.source.rows(&of.source, within, keys),
            self.target.rows(&of.target, within, keys)
        )
    }
}
