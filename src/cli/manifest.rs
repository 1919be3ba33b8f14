//! `cutover manifest`: a list of digests of a tree, as `sha256sum` writes it.

use std::io::{self, BufWriter, Write as _};

use super::compare::{here, shown};
use super::exit::{Exit, Failure};
use super::print;
use crate::compare::trees::{Algorithm, Error, Request, list};
use crate::counts::counted;

/// Lists the digest of every file of a tree, in the form of `sha256sum`: SHA-256 unless said otherwise.
///
/// TREE is a folder, `ssh://host/path`, `s3://bucket/prefix` or `az://account/container/prefix`. The list goes to the output;
/// `cutover compare TREE MANIFEST` checks it, and so does `sha256sum -c` in the folder. Links and empty folders have no
/// digest and are not in it. A list that is written into the tree leaves itself out.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Whose files.
    tree: String,
    /// MD5 in place of SHA-256, for what knows nothing else: equal MD5s prove nothing against somebody who means harm.
    #[arg(long)]
    md5: bool,
    /// Only paths that fit, with `*` (slashes too) and `?`; may be given several times, or parted by commas.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    only: Vec<String>,
    /// All but paths that fit.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    except: Vec<String>,
    /// Reads files even where their digest is published.
    #[arg(long)]
    full: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let mut request = Request::new(&args.tree, "");
    request.only.clone_from(&args.only);
    request.except.clone_from(&args.except);
    request.full = args.full;
    let algorithm = if args.md5 { Algorithm::Md5 } else { Algorithm::Sha256 };
    let own = std::fs::read_link("/proc/self/fd/1").ok();
    let mut out = BufWriter::new(io::stdout().lock());
    let written = list(&request, &here(), algorithm, own.as_deref(), &mut out);
    let listed = written.map_err(|why: Error| Failure::new(Exit::NotProved, why.to_string()))?;
    out.flush()
        .map_err(|why| Failure::new(Exit::NotProved, format!("the manifest cannot be written: {why}")))?;
    let others = listed.held.links + listed.held.others;
    if others > 0 {
        print::error(&format!(
            "not listed: {} of no contents",
            counted(others, "link or pipe", "links and pipes")
        ));
    }
    for (path, why) in &listed.unread {
        print::error(&format!("not listed: {}: {why}", shown(path)));
    }
    Ok(if listed.unread.is_empty() { Exit::Done } else { Exit::NotProved })
}
