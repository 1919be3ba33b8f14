//! The files whose contents have to be compared, kept small: a million of them are some eighty megabytes.

use std::collections::HashMap;

use super::bytes::Side;
use super::digest::Digest;
use super::outcome::{Aspects, Difference};
use super::place::{Ask, Attributes, join};

/// A file on both sides.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    folder: u32,
    name: (usize, u16),
    /// What it differs in already.
    pub(super) aspects: Aspects,
    /// How large it is; `None` where neither side knows.
    pub(super) size: Option<u64>,
    stamps: (u64, u64),
    published: (Option<Box<Digest>>, Option<Box<Digest>>),
}

impl Candidate {
    pub(super) fn published(&self, side: Side) -> Option<Digest> {
        let published = match side {
            Side::Source => &self.published.0,
            Side::Target => &self.published.1,
        };
        published.as_deref().copied()
    }
}

/// All of them, in the order of the walk.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    all: Vec<Candidate>,
    folders: Vec<Box<[u8]>>,
    names: Vec<u8>,
    /// What is known of those that differ already and will be named.
    details: HashMap<u32, Box<(Attributes, Attributes)>>,
}

impl Candidates {
    /// Files added from here on lie in this folder.
    pub(super) fn enter(&mut self, folder: &[u8]) {
        if self.folders.last().is_none_or(|last| **last != *folder) {
            self.folders.push(folder.into());
        }
    }

    pub(super) fn add(
        &mut self,
        name: &[u8],
        (source, target): (&Attributes, &Attributes),
        aspects: Aspects,
        named: bool,
    ) {
        let at = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let from = self.names.len();
        self.names.extend_from_slice(name);
        let size = source.size.or(target.size);
        if named && !aspects.is_empty() {
            self.details.insert(at, Box::new((source.clone(), target.clone())));
        }
        self.all.push(Candidate {
            folder: u32::try_from(self.folders.len().saturating_sub(1)).unwrap_or(u32::MAX),
            name: (from, u16::try_from(name.len()).unwrap_or(u16::MAX)),
            aspects,
            size,
            stamps: (source.stamp, target.stamp),
            published: (source.digest.clone(), target.digest.clone()),
        });
    }

    pub(super) fn get(&self, at: u32) -> Option<&Candidate> {
        self.all.get(at as usize)
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    /// How to ask a side for it.
    pub(super) fn ask(&self, of: &Candidate, side: Side, piece: Option<(u64, u64)>) -> Ask<'_> {
        let stamp = match side {
            Side::Source => of.stamps.0,
            Side::Target => of.stamps.1,
        };
        let (folder, name) = self.place(of);
        Ask { folder, name, size: of.size.unwrap_or(0), piece, stamp }
    }

    /// Its folder and its name.
    pub(super) fn place(&self, of: &Candidate) -> (&[u8], &[u8]) {
        let from = of.name.0;
        let name = self.names.get(from..from + usize::from(of.name.1)).unwrap_or_default();
        (self.folders.get(of.folder as usize).map_or(&[][..], |folder| folder), name)
    }

    /// It as something that differs, in what it did before it was read and in these.
    pub(super) fn difference(&self, at: u32, aspects: Aspects) -> Option<Difference> {
        let of = self.get(at)?;
        let (folder, name) = self.place(of);
        let mut difference = Difference::new(join(folder, name), aspects);
        let (source, target) = match self.details.get(&at) {
            Some(details) => (details.0.clone(), details.1.clone()),
            None => (Attributes::file(of.size), Attributes::file(of.size)),
        };
        (difference.source, difference.target) = (Some(source), Some(target));
        Some(difference)
    }
}
