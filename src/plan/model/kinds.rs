//! What the kinds of probes have in common: whom they ask, and whether they hold something still.

use super::links::Link;
use super::probes::{FenceTarget, Probe, ProbeKind, TablesProbe};
use super::still::RowsProbe;
use super::traps::ReadyProbe;
use crate::plan::ids::EndpointId;

impl Probe {
    /// The systems that are asked, where it is us who ask them.
    pub fn asks(&self) -> Vec<&EndpointId> {
        if self.from.is_some() {
            return Vec::new();
        }
        match &self.kind {
            ProbeKind::Sql { endpoint, same_on, .. } => std::iter::once(endpoint).chain(same_on).collect(),
            ProbeKind::Rows(RowsProbe { endpoint, .. })
            | ProbeKind::Schema { endpoint }
            | ProbeKind::Writes { endpoint }
            | ProbeKind::Identity { endpoint }
            | ProbeKind::Fence(FenceTarget { endpoint, .. }) => vec![endpoint],
            ProbeKind::Link(Link { from, to, .. })
            | ProbeKind::Marker { from, to }
            | ProbeKind::Ready(ReadyProbe { link: Link { from, to, .. }, .. })
            | ProbeKind::Tables(TablesProbe { from, to, .. }) => vec![from, to],
            ProbeKind::Command(_)
            | ProbeKind::Http(_)
            | ProbeKind::Tcp { .. }
            | ProbeKind::Tls(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Files(_)
            | ProbeKind::Tree { .. }
            | ProbeKind::Git { .. }
            | ProbeKind::Unchanged(_)
            | ProbeKind::Version(_)
            | ProbeKind::Terraform(_)
            | ProbeKind::Control(_)
            | ProbeKind::Trees(_) => Vec::new(),
        }
    }
}

impl Probe {
    /// Whether tables are read before a step asks for it.
    pub fn reads_before(&self) -> bool {
        self.from.is_none() && matches!(&self.kind, ProbeKind::Tables(tables) if tables.before)
    }
}

impl ProbeKind {
    /// Whether it is compared with a baseline: any change is a breach.
    pub fn holds_still(&self) -> bool {
        match self {
            ProbeKind::Schema { .. }
            | ProbeKind::Writes { .. }
            | ProbeKind::Tree { .. }
            | ProbeKind::Git { .. }
            | ProbeKind::Unchanged(_)
            | ProbeKind::Version(_)
            | ProbeKind::Rows(_)
            | ProbeKind::Terraform(_) => true,
            ProbeKind::Command(_)
            | ProbeKind::Http(_)
            | ProbeKind::Tcp { .. }
            | ProbeKind::Tls(_)
            | ProbeKind::Dns(_)
            | ProbeKind::Sql { .. }
            | ProbeKind::Files(_)
            | ProbeKind::Link(_)
            | ProbeKind::Control(_)
            | ProbeKind::Fence(_)
            | ProbeKind::Identity { .. }
            | ProbeKind::Marker { .. }
            | ProbeKind::Tables(_)
            | ProbeKind::Trees(_)
            | ProbeKind::Ready(_) => false,
        }
    }
}
