//! Writing a manifest of a tree: every file of it, in the order of a walk.

use std::io::Write;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::bytes::Side;
use super::candidates::{Candidate, Candidates};
use super::digest::{Algorithm, Digest};
use super::filter::Filter;
use super::outcome::{Aspects, Held};
use super::place::{self, Ask, Error, Kind, Meter, Opening, Place, Unread, join};
use super::{Request, manifest};

/// So many files are asked for at once.
const BATCH: u32 = 128;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// What the tree holds. Only its files are listed.
    pub held: Held,
    /// Files that are not in it, each with the reason.
    pub unread: Vec<(Vec<u8>, String)>,
}

/// Writes a manifest of `request.source`, with a digest that manifests know. `own` is left out: the manifest
/// itself, where it lies in the tree.
///
/// # Errors
/// A tree that cannot be listed, or a manifest that cannot be written.
pub fn list(
    request: &Request,
    root: &Path,
    algorithm: Algorithm,
    own: Option<&Path>,
    to: &mut dyn Write,
) -> Result<Listed, Error> {
    let place = place::open(&request.source, &Opening { root, ssh: &request.ssh, meter: &Arc::default() })?;
    let mut listed = Listed::default();
    let mut filter = Filter::new(&request.only, &request.except);
    filter.hide(own.and_then(|own| place.local()?.below(own)));
    let mut files = Candidates::default();
    let walked = place.walk(&filter, &mut |folder| {
        files.enter(&folder.path);
        listed.unread.extend(folder.unreadable.iter().map(|why| (folder.path.clone(), why.clone())));
        for entry in &folder.entries {
            listed.held.add(&entry.is);
            if entry.is.kind == Kind::File {
                files.add(folder.name(entry), (&entry.is, &entry.is), Aspects::default(), false);
            }
        }
        ControlFlow::Continue(())
    })?;
    filter.check(&walked, &walked)?;
    for (at, answer) in (0..).zip(digests(place.as_ref(), &files, algorithm, request.full)) {
        let Some(candidate) = files.get(at) else { continue };
        let (folder, name) = files.place(candidate);
        let path = join(folder, name);
        match answer {
            Ok(digest) => to
                .write_all(&manifest::line(&path, &digest))
                .map_err(|why| Error::new("the manifest", format!("cannot be written: {why}"), ""))?,
            Err(why) => listed.unread.push((path, why)),
        }
    }
    Ok(listed)
}

/// The digest of each, or why there is none.
fn digests(
    place: &dyn Place,
    files: &Candidates,
    algorithm: Algorithm,
    full: bool,
) -> Vec<Result<Digest, String>> {
    let next = AtomicU32::new(0);
    let batches = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..place.can().readers {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(BATCH, Ordering::Relaxed);
                    if from >= files.len() {
                        return;
                    }
                    let batch = batch(place, files, algorithm, full, from..(from + BATCH).min(files.len()));
                    batches.lock().unwrap_or_else(PoisonError::into_inner).push((from, batch));
                }
            });
        }
    });
    let mut batches = batches.into_inner().unwrap_or_else(PoisonError::into_inner);
    batches.sort_unstable_by_key(|(from, _)| *from);
    batches.into_iter().flat_map(|(_, batch)| batch).collect()
}

fn batch(
    place: &dyn Place,
    files: &Candidates,
    algorithm: Algorithm,
    full: bool,
    range: Range<u32>,
) -> Vec<Result<Digest, String>> {
    let all: Vec<&Candidate> = range.filter_map(|at| files.get(at)).collect();
    let published = |of: &Candidate| {
        of.published(Side::Source).filter(|d| d.algorithm() == algorithm && !(full && place.can().contents))
    };
    let asks: Vec<Ask<'_>> =
        all.iter().filter(|of| published(of).is_none()).map(|of| files.ask(of, Side::Source, None)).collect();
    let mut made = place.digest(&asks, algorithm, &Meter::default()).into_iter();
    let each = |of: &&Candidate| match published(of).map(Ok).or_else(|| made.next()) {
        Some(Ok(digest)) => Ok(digest),
        Some(Err(Unread::Failed(why))) => Err(why),
        Some(Err(Unread::Changed | Unread::Gone)) | None => again(place, files, of, algorithm),
    };
    all.iter().map(each).collect()
}

/// A second try, for a file that was changed while it was read.
fn again(
    place: &dyn Place,
    files: &Candidates,
    of: &Candidate,
    algorithm: Algorithm,
) -> Result<Digest, String> {
    let (folder, name) = files.place(of);
    let is = place.look(folder, name)?.ok_or_else(|| "it is not there any more".to_owned())?;
    let ask = Ask { folder, name, size: is.size.unwrap_or(0), piece: None, stamp: is.stamp };
    match place.digest(&[ask], algorithm, &Meter::default()).pop() {
        Some(Ok(digest)) => Ok(digest),
        Some(Err(Unread::Failed(why))) => Err(why),
        Some(Err(Unread::Changed | Unread::Gone)) | None => {
            Err("it was changed while it was read, twice".to_owned())
        }
    }
}
