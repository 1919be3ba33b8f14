//! A tree from a list of paths, as manifests and object stores have it: there are files, and folders only as far
//! as files lie in them.

use std::collections::HashMap;
use std::ops::ControlFlow;

use super::filter::{Filter, Walked};
use super::place::{Attributes, Folder};
use super::walk::in_order;

/// Files by their folders.
#[derive(Debug, Default)]
pub(super) struct Flat {
    folders: HashMap<Vec<u8>, Folder>,
}

impl Flat {
    /// Adds a file at a path.
    pub(super) fn add(&mut self, path: &[u8], is: Attributes) {
        let (folder, name) = split(path);
        match self.folders.get_mut(folder) {
            Some(folder) => folder.push(name, is),
            None => self.folders.entry(folder.to_vec()).or_insert(Folder::at(folder.to_vec())).push(name, is),
        }
    }

    /// What is at a path.
    pub(super) fn get(&self, folder: &[u8], name: &[u8]) -> Option<&Attributes> {
        let folder = self.folders.get(folder)?;
        folder.entries.iter().find(|entry| folder.name(entry) == name).map(|entry| &entry.is)
    }

    /// Hands on folder after folder, as a place does.
    pub(super) fn walk(mut self, filter: &Filter, each: &mut dyn FnMut(Folder) -> ControlFlow<()>) -> Walked {
        let mut walked = Walked::default();
        let mut paths: Vec<Vec<u8>> = self.folders.keys().cloned().collect();
        paths.sort_unstable_by(|one, other| in_order(one, other));
        for path in paths {
            let Some(mut folder) = self.folders.remove(&path) else { continue };
            folder.sort();
            filter.sift(&mut folder, &mut walked);
            if each(folder).is_break() {
                break;
            }
        }
        walked.hits = filter.hits();
        walked
    }
}

/// A path's folder and its name.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..).unwrap_or_default()),
        None => (&[], path),
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::tests::file;
    use super::*;

    #[test]
    fn folders_come_as_a_walk_has_them() {
        let mut flat = Flat::default();
        for path in ["a-b/x", "a/c/y", "top", "a/b", "a/cache/z"] {
            flat.add(path.as_bytes(), file(1));
        }
        assert!(flat.get(b"a/c", b"y").is_some() && flat.get(b"a", b"y").is_none());
        let filter = Filter::new(&[], &["a/cache".to_owned()]);
        let mut seen = Vec::new();
        let walked = flat.walk(&filter, &mut |folder| {
            let names: Vec<&[u8]> = folder.entries.iter().map(|e| folder.name(e)).collect();
            seen.push(format!(
                "{}: {}",
                String::from_utf8_lossy(&folder.path),
                String::from_utf8_lossy(&names.join(&b' '))
            ));
            ControlFlow::Continue(())
        });
        assert_eq!(seen, [": top", "a: b", "a/c: y", "a/cache: ", "a-b: x"]);
        assert_eq!(walked, Walked { left_out: 1, hits: vec![true] });
    }
}
