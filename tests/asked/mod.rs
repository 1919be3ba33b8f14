//! What a plan measures, asked for by a test as an engine asks for it.

use std::time::Duration;

use cutover::clock::Clock;
use cutover::plan::model::{
    DatabaseKind, DatabaseSettings, Endpoint, Link, LinkKind, Probe, ProbeKind, Schedule, Section,
};
use cutover::plan::secret::Template;
use cutover::probes::Context;

/// A folder of its own, and everything that probes are asked with.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) context: Context,
}

impl World {
    pub(crate) fn with(endpoints: Vec<Endpoint>, links: Vec<Link>) -> World {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().join("scratch");
        let context = Context::new(dir.path().to_owned(), scratch, endpoints, links, Clock::system());
        World { dir, context }
    }

    /// `source` and `target`, of one engine.
    pub(crate) fn between(kind: DatabaseKind, [from, to]: [&str; 2], links: Vec<Link>) -> World {
        World::with(vec![endpoint("source", kind, from), endpoint("target", kind, to)], links)
    }
}

pub(crate) fn endpoint(id: &str, kind: DatabaseKind, address: &str) -> Endpoint {
    Endpoint {
        id: id.into(),
        database: DatabaseSettings { kind, address: Template::plain(address) },
        identity: None,
        way: false,
    }
}

/// From `source` to `target`, with markers; `name` is the stream's, where there may be several.
pub(crate) fn link(kind: LinkKind, name: Option<&str>) -> Link {
    Link {
        kind,
        name: name.map(str::to_owned),
        from: "source".into(),
        to: "target".into(),
        marker: true,
        warn: 1 << 30,
        zero_for: Duration::from_secs(1),
        except: Vec::new(),
        reverse: false,
    }
}

/// A probe with ordinary limits, but for how long one look may take.
pub(crate) fn probe(kind: ProbeKind, timeout: Duration) -> Probe {
    Probe {
        id: "it".into(),
        title: "it".to_owned(),
        section: Section::Environment,
        kind,
        schedule: Schedule::OnDemand,
        timeout,
        max_age: Duration::from_secs(60),
        alarm: None,
        since: None,
        until: None,
        from: None,
        estimate: None,
    }
}
