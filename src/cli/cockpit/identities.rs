//! What the systems of a plan say that they are, before anything has begun.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Clock;
use crate::plan::model::{ProbeKind, ProbeWrite, StepKind};
use crate::plan::{EndpointId, Plan};
use crate::probes::{Context, Expected, ready, way};

/// A system that takes longer does not answer.
const WITHIN: Duration = Duration::from_secs(10);

/// Asks one: what it is, or why nothing may begin against it.
pub(super) fn ask(plan: &Plan, file: &Path, endpoint: &EndpointId) -> Result<String, String> {
    let root = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    // Such a look puts nothing down and asks no link.
    let context =
        Context::new(root, std::env::temp_dir(), plan.endpoints.clone(), Vec::new(), Clock::system());
    let write = probe_write(plan, endpoint);
    let expected = Expected {
        followed: is_followed(plan, endpoint),
        open: plan.begins_open(endpoint),
        write: write.filter(|(_, write)| write.through.is_none()).map(|(_, write)| write.sql.clone()),
    };
    let is_way = plan.endpoint(endpoint).is_some_and(|e| e.way);
    let way_to = way_to(plan, endpoint).filter(|_| is_way);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("it cannot be asked: {error}"))?;
    match way_to {
        Some((side, write)) => runtime.block_on(way(&context, endpoint, side, &write.sql, WITHIN)),
        // What it leads to takes no writes yet, so there is nothing to try; and asked like a side it must not be.
        None if is_way => Ok("is the application's way to a side, tried once that takes writes".to_owned()),
        None => runtime.block_on(ready(&context, endpoint, expected, WITHIN)),
    }
}

/// The side that a plan fences, and the write that proves it: of every fence that has one.
fn probe_writes(plan: &Plan) -> impl Iterator<Item = (&EndpointId, &ProbeWrite)> {
    plan.steps.iter().chain(plan.rollback_steps()).filter_map(|step| match &step.kind {
        StepKind::Fence(fence) => Some((&fence.target.endpoint, fence.target.probe_write.as_ref()?)),
        _ => None,
    })
}

fn probe_write<'p>(plan: &'p Plan, side: &EndpointId) -> Option<(&'p EndpointId, &'p ProbeWrite)> {
    probe_writes(plan).find(|(of, _)| *of == side)
}

/// The side to which an endpoint is the way now: the one that takes writes when the run begins.
fn way_to<'p>(plan: &'p Plan, way: &EndpointId) -> Option<(&'p EndpointId, &'p ProbeWrite)> {
    let through = |(side, write): &(&EndpointId, &ProbeWrite)| {
        write.through.as_ref() == Some(way) && plan.begins_open(side)
    };
    probe_writes(plan).find(through)
}

/// Whether something of the plan rests on the endpoint's log of changes: its fence, a link, a marker, a monitor.
fn is_followed(plan: &Plan, endpoint: &EndpointId) -> bool {
    let follows = |kind: &ProbeKind| {
        matches!(
            kind,
            ProbeKind::Fence(_) | ProbeKind::Link(_) | ProbeKind::Marker { .. } | ProbeKind::Writes { .. }
        )
    };
    let measured = plan.probes.iter().any(|probe| follows(&probe.kind) && probe.asks().contains(&endpoint));
    let mut steps = plan.steps.iter().chain(plan.rollback_steps());
    measured
        || steps.any(|step| matches!(&step.kind, StepKind::Open { endpoint: opened } if opened == endpoint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databases::sqlite::convention;
    use crate::databases::{FenceSpec, Settings, connect};
    use crate::plan::{Environment, Overrides, load};

    /// A plan of two files, the source behind a fence.
    fn plan(folder: &Path) -> Plan {
        for side in ["dc", "cloud"] {
            let db = rusqlite::Connection::open(folder.join(format!("{side}.db"))).unwrap();
            db.execute_batch(&format!(
                "create table who (name text primary key); insert into who values ('{side}'); create table t (id integer primary key)"
            ))
            .unwrap();
        }
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans/right/more.toml"))
                .unwrap();
        let endpoint = |id: &str, file: &str, is: &str| {
            format!(
                "\n[endpoints.{id}]\nsqlite = {{ path = \"{file}.db\" }}\nidentity.row = {{ sql = \"select name from who\", is = \"{is}\" }}\n"
            )
        };
        let step = "[[phase.step]]\nid = \"shut\"\ntitle = \"Shut\"\nfence = { endpoint = \"source\" }\n";
        let text = text.replace("[alarms]", &format!("{step}\n[alarms]"))
            + &endpoint("source", "dc", "dc")
            + &endpoint("target", "cloud", "elsewhere")
            + "\n[endpoints.beside]\nsqlite = { path = \"none.db\" }\n";
        let path = folder.join("plan.toml");
        std::fs::write(&path, text).unwrap();
        let loaded = load(&path, &Overrides::default(), &Environment::default());
        loaded.unwrap_or_else(|wrong| panic!("{}", wrong.render(crate::plan::Style::default()))).plan
    }

    #[test]
    fn a_system_is_refused_that_is_another_or_has_no_log_or_does_not_answer() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(dir.path());
        let ask = |id: &str| ask(&plan, &dir.path().join("plan.toml"), &id.into());
        let file = dir.path().join("dc.db");
        let wrong = ask("source").unwrap_err();
        assert!(wrong.contains("no change log"), "{wrong}");
        assert!(wrong.contains(&format!("cutover convention {}", file.display())), "{wrong}");
        assert_eq!(ask("target").unwrap_err(), "says it is cloud, not elsewhere");
        let wrong = ask("beside").unwrap_err();
        assert!(wrong.contains("not reachable"), "{wrong}");
        convention::install(&convention::open(&file).unwrap(), &["t"]).unwrap();
        assert_eq!(ask("source").unwrap(), "is dc");
    }

    #[test]
    fn a_side_whose_writes_are_stopped_already_is_no_side_to_begin_on() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(dir.path());
        let file = dir.path().join("dc.db");
        convention::install(&convention::open(&file).unwrap(), &["t"]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let settings = Settings {
                name: "source".to_owned(),
                address: file.display().to_string(),
                root: PathBuf::new(),
                timeout: WITHIN,
            };
            let database = connect("sqlite", &settings).unwrap();
            database.fence(&FenceSpec::default()).await.unwrap();
        });
        let wrong = ask(&plan, &dir.path().join("plan.toml"), &"source".into()).unwrap_err();
        assert!(wrong.starts_with("is dc, and takes no writes since 20"), "{wrong}");
    }
}
