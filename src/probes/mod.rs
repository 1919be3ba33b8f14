//! How we look.
//!
//! One file a kind of probe; the match in `look_at` is the table of them. A look asks the world one
//! question and gives either a [`Measure`](crate::engine::reading::Measure) or the reason why there is none:
//! what fails, hangs or answers junk is *unmeasured*, never zero, never the last value. Looks change
//! nothing, with two exceptions that the kinds themselves explain: a marker writes a row of ours, and a fence
//! is sealed by whoever sees that nobody older is left.
//!
//! Refuses to know when to look and what a measure means for a step or a gate: `tasks::sampler` and
//! `engine::rules` do.

pub mod baseline;
mod carried;
mod command;
mod commit;
mod control;
mod cookies;
mod course;
mod dns;
mod drift;
pub(crate) mod endpoint;
mod expect;
pub(crate) mod fence;
mod files;
mod flow;
mod git;
pub(crate) mod http;
mod identity;
pub mod kept;
pub(crate) mod ledger;
mod link;
pub(crate) mod look;
mod marker;
mod ready;
pub mod remote;
mod rows;
mod schema;
pub(crate) mod scrub;
mod sql;
mod tables;
mod tcp;
mod terraform;
mod tls;
mod tree;
mod trees;
mod unchanged;
mod version;
mod walk;
pub(crate) mod words;
mod writes;

pub use baseline::Baseline;
pub use identity::{Expected, ready, way};
pub use ledger::{keeps_no_trail, let_trails_go, move_trails_on, set_load};
pub use look::{Context, Looked};

use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::model::{Probe, ProbeKind};
use look::Look;

/// A year.
const FOREVER: std::time::Duration = std::time::Duration::from_secs(31_536_000);

/// Takes one look. Ends within the probe's timeout, whatever the world does; what was under way is
/// cancelled, not left behind.
pub async fn measure(ctx: &Context, probe: &Probe, baseline: Option<&Baseline>) -> Looked {
    let mut look = Look::new(ctx, probe.timeout, baseline);
    look.probe = Some(&probe.id);
    let seen = async {
        match &probe.from {
            Some(host) => remote::look(&mut look, host, &probe.kind).await,
            None => look_at(&mut look, &probe.kind).await,
        }
    };
    // What is read before the window takes as long as it takes; it gives up by itself where nothing moves any more.
    let limit = if probe.reads_before() { FOREVER } else { probe.timeout };
    let result = tokio::time::timeout(limit, seen).await;
    look.finish(result.unwrap_or_else(|_| Err(timed_out(probe.timeout))))
}

fn timed_out(after: std::time::Duration) -> Unmeasured {
    Unmeasured::TimedOut(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
}

async fn look_at(look: &mut Look<'_>, kind: &ProbeKind) -> Result<Measure, Unmeasured> {
    match kind {
        ProbeKind::Command(it) => command::look(look, it).await,
        ProbeKind::Http(it) => flow::look(look, it).await,
        ProbeKind::Tcp { address } => tcp::look(look, address).await,
        ProbeKind::Tls(it) => tls::look(look, it).await,
        ProbeKind::Dns(it) => dns::look(look, it).await,
        ProbeKind::Files(it) => files::look(look, it).await,
        ProbeKind::Tree { paths } => tree::look(look, paths).await,
        ProbeKind::Sql { endpoint, query, expect, same_on: None } => {
            sql::look(look, endpoint, query, expect).await
        }
        ProbeKind::Sql { endpoint, query, same_on: Some(other), .. } => {
            sql::same(look, endpoint, other, query).await
        }
        ProbeKind::Link(it) => link::look(look, it).await,
        ProbeKind::Schema { endpoint } => schema::look(look, endpoint).await,
        ProbeKind::Writes { endpoint } => writes::look(look, endpoint).await,
        ProbeKind::Fence(it) => fence::look(look, it).await,
        ProbeKind::Identity { endpoint } => identity::look(look, endpoint).await,
        ProbeKind::Marker { from, to } => marker::look(look, from, to).await,
        ProbeKind::Git { remote, refs } => git::look(look, remote, refs).await,
        ProbeKind::Unchanged(it) => unchanged::look(look, it).await,
        ProbeKind::Version(it) => version::look(look, it).await,
        ProbeKind::Rows(it) => rows::look(look, it).await,
        ProbeKind::Terraform(it) => terraform::look(look, it).await,
        ProbeKind::Control(it) => control::look(look, it).await,
        ProbeKind::Tables(it) => tables::look(look, it).await,
        ProbeKind::Trees(it) => trees::look(look, it).await,
        ProbeKind::Ready(it) => ready::look(look, it).await,
    }
}
