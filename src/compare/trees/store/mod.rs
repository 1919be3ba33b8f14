//! What places in object stores share: listing, reading, and what they publish.
//!
//! A store has names, sizes and some digests; no folders, times or modes that mean what a file's do. The client is
//! async and runs on threads of the place's own, so that whoever asks can be any thread.

mod listing;

use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path as Key;
use object_store::{ClientOptions, GetOptions, ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Runtime;
use xxhash_rust::xxh3::xxh3_64;

use super::digest::{Algorithm, Digest, Hasher};
use super::filter::{Filter, Walked};
use super::flat::Flat;
use super::place::{Answer, Ask, Attributes, Can, Error, Folder, Meter, Place, Unread, join};
use listing::{Object, Page};

pub(super) use self::listing::Listings;

/// So many requests are on their way at once.
const READERS: usize = 32;
/// So much is asked for at once, so that a request ends in its time and can be asked again.
const RANGE: u64 = 32 << 20;
/// A server that says nothing for so long is not answering.
const SILENT: Duration = Duration::from_secs(30);

/// How clients connect: no limit for a whole answer, which may be large, but one for each part of it.
pub(super) fn options(http: bool) -> ClientOptions {
    ClientOptions::new().with_timeout_disabled().with_read_timeout(SILENT).with_allow_http(http)
}

/// A prefix of a store.
pub(super) struct Store {
    name: String,
    objects: Arc<dyn ObjectStore>,
    pages: Arc<dyn PaginatedListStore>,
    /// Empty, or with a slash at its end.
    prefix: String,
    /// An ETag that looks like an MD5 may be one. One that is none never fits, and then the object is read.
    e_tags: bool,
    runtime: Runtime,
}

impl Store {
    pub(super) fn new<S: ObjectStore + PaginatedListStore>(
        name: &str,
        store: S,
        prefix: &str,
        e_tags: bool,
    ) -> Result<Store, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|why| Error::new(name, format!("has no threads: {why}"), ""))?;
        let store = Arc::new(store);
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Store { name: name.to_owned(), objects: store.clone(), pages: store, prefix, e_tags, runtime })
    }

    fn attributes(&self, object: &Object) -> Attributes {
        let e_tag = object.e_tag.as_deref().filter(|_| self.e_tags);
        let md5 = object.md5.map(Digest::Md5).or_else(|| e_tag.and_then(md5));
        let stamp = stamp(object.e_tag.as_deref());
        Attributes { digest: md5.map(Box::new), stamp, ..Attributes::file(Some(object.size)) }
    }

    /// The key of a path; none for names that the client has no form for.
    fn key(&self, folder: &[u8], name: &[u8]) -> Result<Key, Unread> {
        let path = join(folder, name);
        let path = std::str::from_utf8(&path)
            .ok()
            .and_then(|path| Key::parse(format!("{}{path}", self.prefix)).ok());
        path.ok_or_else(|| Unread::Failed("an object with such a name cannot be read from here".to_owned()))
    }

    async fn read(&self, ask: &Ask<'_>, algorithm: Algorithm, meter: &Meter) -> Answer {
        let key = self.key(ask.folder, ask.name)?;
        let (from, len) = ask.piece.unwrap_or((0, ask.size));
        let mut hasher = Hasher::new(algorithm);
        let mut at = from;
        while at < from + len {
            let to = (at + RANGE).min(from + len);
            let options = GetOptions { range: Some((at..to).into()), ..GetOptions::default() };
            let got = self.objects.get_opts(&key, options).await.map_err(unread)?;
            if stamp(got.meta.e_tag.as_deref()) != ask.stamp || got.range != (at..to) {
                return Err(Unread::Changed);
            }
            let mut stream = got.into_stream();
            while let Some(bytes) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                let bytes = bytes.map_err(unread)?;
                hasher.update(&bytes);
                meter.read(bytes.len() as u64)?;
                at += bytes.len() as u64;
            }
            if at != to {
                return Err(Unread::Failed("the answer was shorter than it said".to_owned()));
            }
        }
        Ok(hasher.finish())
    }

    fn wait<T>(&self, of: impl Future<Output = T>) -> T {
        self.runtime.block_on(of)
    }
}

impl Place for Store {
    fn name(&self) -> &str {
        &self.name
    }

    fn can(&self) -> Can {
        Can { folders: false, sizes: true, attributes: false, contents: true, readers: READERS }
    }

    fn walk(
        &self,
        filter: &Filter,
        each: &mut dyn FnMut(Folder) -> ControlFlow<()>,
    ) -> Result<Walked, Error> {
        let prefix = Some(self.prefix.as_str()).filter(|prefix| !prefix.is_empty());
        let mut flat = Flat::default();
        let mut page_token = None;
        loop {
            let options = PaginatedListOptions { page_token, ..PaginatedListOptions::default() };
            let page = self.wait(self.pages.list_paginated(prefix, options));
            let page = page.map_err(|why| {
                let mend = "see that it is there and that the credentials in the environment may list it";
                Error::new(&self.name, format!("cannot be listed: {}", words(&why)), mend)
            })?;
            let Some(Page(objects)) = page.result.extensions.get::<Page>() else {
                return Err(Error::new(&self.name, "gives a listing that cannot be read", ""));
            };
            for object in objects.iter() {
                if let Some(path) = object.key.strip_prefix(&self.prefix) {
                    flat.add(path.as_bytes(), self.attributes(object));
                }
            }
            page_token = page.page_token;
            if page_token.is_none() {
                return Ok(flat.walk(filter, each));
            }
        }
    }

    fn look(&self, folder: &[u8], name: &[u8]) -> Result<Option<Attributes>, String> {
        let key = match self.key(folder, name) {
            Ok(key) => key,
            Err(Unread::Failed(why)) => return Err(why),
            Err(_) => return Ok(None),
        };
        match self.wait(self.objects.head(&key)) {
            Ok(meta) => {
                let object = Object { size: meta.size, e_tag: meta.e_tag, ..Object::default() };
                Ok(Some(self.attributes(&object)))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(why) => Err(words(&why)),
        }
    }

    fn digest(&self, asks: &[Ask<'_>], algorithm: Algorithm, meter: &Meter) -> Vec<Answer> {
        asks.iter().map(|ask| self.wait(self.read(ask, algorithm, meter))).collect()
    }
}

/// The MD5 that an ETag may be: that of an object put in one piece and not encrypted with a key of its own. One of
/// several pieces has a dash in it.
fn md5(e_tag: &str) -> Option<Digest> {
    let hex = e_tag.trim_matches('"').as_bytes();
    super::manifest::digest(Algorithm::Md5, hex)
}

fn stamp(e_tag: Option<&str>) -> u64 {
    // Some servers leave the quotes out of some answers.
    xxh3_64(e_tag.unwrap_or_default().trim_matches('"').as_bytes())
}

fn unread(why: object_store::Error) -> Unread {
    match why {
        object_store::Error::NotFound { .. } => Unread::Gone,
        object_store::Error::Precondition { .. } => Unread::Changed,
        why => Unread::Failed(words(&why)),
    }
}

/// What went wrong, without what the client says around it, which names addresses.
fn words(why: &object_store::Error) -> String {
    match why {
        object_store::Error::NotFound { .. } => "it is not there".to_owned(),
        object_store::Error::PermissionDenied { .. } => "the credentials do not allow it".to_owned(),
        object_store::Error::Unauthenticated { .. } => "the credentials are missing or wrong".to_owned(),
        why => {
            let mut last: &dyn std::error::Error = why;
            while let Some(source) = last.source() {
                last = source;
            }
            last.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_of_several_pieces_is_no_digest() {
        let plain = "900150983cd24fb0d6963f7d28e17f72";
        assert_eq!(md5(&format!("\"{plain}\"")).unwrap().to_string(), plain);
        for none in ["", "\"0x8DC\"", &format!("\"{plain}-2\"")] {
            assert_eq!(md5(none), None, "{none}");
        }
    }
}
