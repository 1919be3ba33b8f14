//! File trees: any change is a breach, named by path, with what it was and is.
//!
//! Every file is read once, for the baseline. Later a file is read again only when its inode, size, times,
//! mode or owner are not what they were: the change time is the kernel's own and cannot be set, so whatever
//! was written shows there. Times too young to be told from a later write are not trusted.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::baseline::{Baseline, Change, Object, Stamp, hex, moment, sha256, short, still};
use super::look::{Look, failed};
use super::walk::{Off, aside, unreadable, walk};
use crate::engine::reading::{Finding, Measure, Unmeasured};

/// Beyond this a tree is no monitor but a backup.
const MOST: usize = 200_000;
/// A change time this close to the reading may stand for a later write too.
const YOUNG: i64 = 2_000_000_000;

/// Looks at everything below the paths.
pub(super) async fn look(look: &mut Look<'_>, paths: &[String]) -> Result<Measure, Unmeasured> {
    look.ask(format!("every file below {}", paths.join(", ")));
    let roots: Vec<PathBuf> = paths.iter().map(|p| look.ctx.root.join(p)).collect();
    let known = look.baseline.cloned();
    let now = look.began.wall.0.saturating_mul(1_000_000);
    let seen = aside(move |off| read(&roots, known.as_ref(), now, off)).await?;
    let baseline = look.against(&seen);
    let accounts = tokio::fs::read_to_string("/etc/passwd").await.unwrap_or_default();
    let findings: Vec<Finding> =
        baseline.changes(&seen).into_iter().map(|(path, change)| named(path, &change, &accounts)).collect();
    for finding in &findings {
        look.keep(&format!("{} {}", finding.what, finding.change));
    }
    Ok(still(&baseline, look.is_first(), "file", findings))
}

fn read(roots: &[PathBuf], known: Option<&Baseline>, now: i64, off: &Off) -> Result<Baseline, Unmeasured> {
    let mut objects = BTreeMap::new();
    for root in roots {
        match fs::metadata(root) {
            // Gone since the baseline is a finding; never there is a mistake of the plan.
            Err(why) if why.kind() == ErrorKind::NotFound && known.is_some() => continue,
            Err(why) => return Err(unreadable(root, &why)),
            Ok(_) => {}
        }
        walk(root, off, &mut |path, meta| {
            if objects.len() >= MOST {
                return failed(format!("{} has more than {MOST} files: name smaller trees", root.display()));
            }
            let name = path.to_string_lossy().into_owned();
            let before = known.and_then(|k| k.objects.get(&name)).and_then(|o| o.stamp.as_ref());
            if let Some(stamp) = stamp(path, meta, before, now, off)? {
                objects
                    .insert(name, Object { digest: digest(&stamp), stamp: Some(stamp), ..Object::default() });
            }
            Ok(())
        })?;
    }
    Ok(Baseline { objects, ..Baseline::default() })
}

/// What a file is now; `None` when it has gone meanwhile.
fn stamp(
    path: &Path,
    meta: &Metadata,
    before: Option<&Stamp>,
    now: i64,
    off: &Off,
) -> Result<Option<Stamp>, Unmeasured> {
    let nanos = |s: i64, ns: i64| s.saturating_mul(1_000_000_000).saturating_add(ns);
    let changed = nanos(meta.ctime(), meta.ctime_nsec());
    let mut stamp = Stamp {
        inode: (meta.dev(), meta.ino()),
        size: meta.len(),
        modified: nanos(meta.mtime(), meta.mtime_nsec()),
        changed,
        mode: meta.mode(),
        owner: (meta.uid(), meta.gid()),
        content: String::new(),
        settled: now.saturating_sub(changed) > YOUNG,
    };
    if let Some(before) = before.filter(|b| b.settled) {
        let as_before = Stamp { content: before.content.clone(), settled: true, ..stamp.clone() };
        if as_before == *before {
            return Ok(Some(as_before));
        }
    }
    stamp.content = match content(path, meta, off) {
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(unreadable(path, &why)),
        Ok(content) => content,
    };
    Ok(Some(stamp))
}

fn content(path: &Path, meta: &Metadata, off: &Off) -> std::io::Result<String> {
    if meta.is_symlink() {
        return Ok(format!("link to {}", fs::read_link(path)?.display()));
    }
    if !meta.is_file() {
        let kind = meta.file_type();
        return Ok(if kind.is_fifo() {
            "a pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        }
        .to_owned());
    }
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        off.check()?;
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
}

/// What makes it the same file: what it holds, who may use it, whose it is. Not its times.
fn digest(stamp: &Stamp) -> String {
    sha256(format!("{}\0{:o}\0{:?}", stamp.content, stamp.mode, stamp.owner).as_bytes())
}

fn named(path: &str, change: &Change<'_>, accounts: &str) -> Finding {
    let content = |object: &Object| object.stamp.as_ref().map(|stamp| held(&stamp.content).to_owned());
    let (stamp, change) = match change {
        Change::Removed(was) => {
            let was = content(was).map_or_else(String::new, |was| format!(", was {was}"));
            return super::baseline::finding(path, format!("removed{was}"));
        }
        Change::Added(is) => {
            let holds = content(is).map_or_else(String::new, |is| format!(", {is}"));
            (is.stamp.as_ref(), format!("added{holds}"))
        }
        Change::Altered { was, is } => {
            (is.stamp.as_ref(), altered(was.stamp.as_ref(), is.stamp.as_ref(), accounts))
        }
    };
    Finding {
        what: path.to_owned(),
        change,
        when: stamp.map(|s| moment(if change_of_times(s) { s.modified } else { s.changed })),
        // Whose file it is: the file system does not say who wrote it.
        who: stamp.map(|s| format!("owner {}", account(s.owner.0, accounts))),
    }
}

/// What a file holds, in a few characters: the beginning of a digest, or in words what is no file.
fn held(content: &str) -> &str {
    if content.len() == 64 && content.bytes().all(|b| b.is_ascii_hexdigit()) {
        short(content)
    } else {
        content
    }
}

/// Whether the time of writing is the one to tell: it was not set to something else afterwards.
fn change_of_times(stamp: &Stamp) -> bool {
    stamp.modified <= stamp.changed && stamp.changed - stamp.modified < YOUNG
}

fn altered(was: Option<&Stamp>, is: Option<&Stamp>, accounts: &str) -> String {
    let (Some(was), Some(is)) = (was, is) else { return "changed".to_owned() };
    let mut all = Vec::new();
    if was.content != is.content {
        all.push(format!("changed {} to {}", held(&was.content), held(&is.content)));
    }
    if was.mode != is.mode {
        all.push(format!("mode {:o} to {:o}", was.mode & 0o7777, is.mode & 0o7777));
    }
    if was.owner != is.owner {
        let (from, to) = (account(was.owner.0, accounts), account(is.owner.0, accounts));
        all.push(format!("owner {from}:{} to {to}:{}", was.owner.1, is.owner.1));
    }
    all.join(", ")
}

fn account(uid: u32, accounts: &str) -> String {
    let uid = uid.to_string();
    let of = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    };
    accounts.lines().find_map(of).unwrap_or(uid)
}
