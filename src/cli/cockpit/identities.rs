//! What the systems of a plan say that they are, before anything has begun.

use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::plan::model::{Probe, ProbeKind};
use crate::plan::{EndpointId, Plan};
use crate::probes::{Context, measure};

/// The systems that can be asked, and how.
pub(super) fn asked(plan: &Plan) -> impl Iterator<Item = (EndpointId, Probe)> {
    plan.probes.iter().filter_map(|probe| match &probe.kind {
        ProbeKind::Identity { endpoint } => Some((endpoint.clone(), probe.clone())),
        _ => None,
    })
}

/// Asks one. Ends within the probe's timeout.
pub(super) fn ask(plan: &Plan, file: &Path, probe: &Probe) -> Result<String, String> {
    let root = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    // Such a look puts nothing down and asks no link.
    let context =
        Context::new(root, std::env::temp_dir(), plan.endpoints.clone(), Vec::new(), Clock::system());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("it cannot be asked: {error}"))?;
    match runtime.block_on(measure(&context, probe, None)).result {
        Ok(measure) if measure.pass => Ok(measure.text),
        Ok(measure) => Err(measure.text),
        Err(why) => Err(why.to_string()),
    }
}
