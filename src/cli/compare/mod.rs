//! `cutover compare`: the validation engine by itself.
//!
//! Owns the words of the command line and what they mean: two databases (`tables`) or two trees of files (`trees`).
//! What is compared and proved is `compare`'s.

mod tables;
mod teller;
mod trees;

pub(super) use trees::{here, shown};

use super::exit::{Exit, Failure};
use crate::compare::tables::{Load, Verdict};

/// Compares two databases or two trees of files, all of them, and names what differs.
///
/// SOURCE and TARGET are two databases of one kind: addresses (postgres://…, mysql://…, what libpq reads) or SQLite
/// files. Rows are hashed inside the databases, each side in one consistent look; only rows that differ are fetched.
/// Without a replication link in between, a row that differs is looked at again until both sides stood still.
///
/// Or they are two trees of files, in any pair: folders, `ssh://[user@]host[:port]/path` (with this program on the other
/// host: ?program=/path/to/cutover where it is not in its PATH), `s3://bucket/prefix`, `az://account/container/prefix`, or
/// a manifest that md5sum, sha256sum or `cutover manifest` wrote. Names, kinds, sizes, links, modes and times come
/// first, then the contents: byte by byte, by XXH3-128, or by the digests that a store or manifest publishes. What
/// cannot be read, or changes while it is, is not proved. Nothing is written.
///
/// Ends with 0 when all is the same, with 1 when something differs for certain, with 3 when neither could be proved.
///
/// `--json` prints a document with `verdict`, `why` and `differences`. Of databases each has `table`, `key`, `kind`
/// (`changed`, `missing` or `extra` at the target), `columns`, and the row of either side; of trees `path`, `kind`
/// (`missing`, `extra`, `kind`, `size`, `content`, `link`, `mode`, `owner`, `time`), all that differs as `columns`, and
/// what is on either side. Text that is not UTF-8 stands as hex under `bytes`.
#[derive(clap::Args)]
pub(super) struct Args {
    /// What is right by definition. Passwords belong into ~/.pgpass, ~/.my.cnf or the environment: everybody on this
    /// host can see what stands here.
    source: String,
    /// What has to be the same.
    target: String,
    /// Only tables or paths that fit, with `*` (slashes too) and `?`; may be given several times, or parted by commas.
    /// A folder that fits stands for all in it.
    #[arg(long, visible_alias = "tables", value_name = "PATTERN", value_delimiter = ',')]
    only: Vec<String>,
    /// All but tables or paths that fit.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    except: Vec<String>,
    /// Of databases leaves out columns that fit, TABLE.COLUMN by the source's names.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    without: Vec<String>,
    /// What the target calls otherwise: a table, or a column as TABLE.COLUMN, by the source's name, = and the target's.
    #[arg(long, value_name = "NAME=NAME", value_delimiter = ',', value_parser = renamed)]
    rename: Vec<(String, String)>,
    /// A column that both sides cast to a type before it is compared, as the engine calls that: TABLE.COLUMN by the source's
    /// names, = and the type. May be given more than once.
    #[arg(long, value_name = "NAME=TYPE", value_parser = cast)]
    cast: Vec<(String, String)>,
    /// Names all that differs, and not the first thousand; reads files even where a digest is published.
    #[arg(long)]
    full: bool,
    /// Of databases counts rows that differ and names none; of trees compares all but contents, which proves only
    /// differences.
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// What of files is no difference: `time` or `mode`.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    ignore: Vec<trees::Ignored>,
    /// Another account or group of a file is a difference.
    #[arg(long)]
    owners: bool,
    /// How many connections a side work at a time, where databases can share one moment.
    #[arg(long, value_name = "N", default_value_t = Load::CONNECTIONS)]
    connections: usize,
    /// Prints a document for scripts.
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let sides = [&args.source, &args.target];
    let verdict = match sides.map(|side| tables::kind(side)) {
        _ if sides.into_iter().all(|side| trees::is_tree(side)) => trees::main(args)?,
        [Some(source), Some(target)] => tables::main(args, [source, target])?,
        _ => return Err(Failure::usage(neither(args))),
    };
    Ok(match verdict {
        Verdict::Same => Exit::Done,
        Verdict::Different => Exit::Different,
        Verdict::NotProved { .. } => Exit::NotProved,
    })
}

fn renamed(text: &str) -> Result<(String, String), String> {
    parted(text).ok_or_else(|| "write what the source calls it, =, and what the target does".to_owned())
}

fn cast(text: &str) -> Result<(String, String), String> {
    parted(text).ok_or_else(|| "write the column as TABLE.COLUMN, =, and the type".to_owned())
}

fn parted(text: &str) -> Option<(String, String)> {
    let (from, to) = text.split_once('=')?;
    (!from.is_empty() && !to.is_empty()).then(|| (from.to_owned(), to.to_owned()))
}

fn verdict_words(verdict: &Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::Same => ("same", None),
        Verdict::Different => ("different", None),
        Verdict::NotProved { why } => ("not_proved", Some(why.clone())),
    }
}

/// What is wrong with two sides that are not two of one kind.
fn neither(args: &Args) -> String {
    let odd = [("source", &args.source), ("target", &args.target)];
    let unknown = odd.into_iter().find(|(_, side)| !trees::is_tree(side) && tables::kind(side).is_none());
    let wrong = match unknown {
        Some((name, side)) => format!("{name}: {side} is no file or folder that is there, and no address"),
        None => "a database and a tree of files cannot be compared".to_owned(),
    };
    format!(
        "{wrong}: give two databases (SQLite files, postgres://…, mysql://…) or two trees of files (folders, manifests, \
         ssh://…, s3://…, az://…)"
    )
}
