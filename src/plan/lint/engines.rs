//! Whether what is asked of a database can be asked of that kind of database.

use super::super::diagnostic::Diagnostic;
use super::super::source::Place;
use super::{Lint, is_named};
use crate::plan::ids::EndpointId;
use crate::plan::model::{DatabaseKind, Endpoint, ProbeKind, StepKind};

impl Lint<'_> {
    pub(super) fn engines(&mut self) {
        self.links();
        self.comparisons();
        self.carries();
        self.ways();
    }

    fn kind(&self, endpoint: &EndpointId) -> Option<DatabaseKind> {
        self.plan.endpoint(endpoint).map(|e| e.database.kind)
    }

    /// A link by one engine between databases of another.
    fn links(&mut self) {
        for probe in &self.plan.probes {
            let ProbeKind::Link(link) = &probe.kind else { continue };
            for end in [&link.from, &link.to] {
                let Some(kind) = self.kind(end).filter(|kind| *kind != link.kind.engine()) else { continue };
                let (key, wanted) = (link.kind.key(), link.kind.engine().key());
                self.found(
                    Diagnostic::error(
                        "wrong-engine",
                        self.atlas.probe(&probe.id, key),
                        format!("`{key}` ends at `{end}`, which is a {} endpoint", kind.key()),
                    )
                    .label(format!("between two {wanted} endpoints only"))
                    .related(self.atlas.endpoint(end, kind.key()), format!("`{end}`"))
                    .help(format!(
                        "name two {wanted} endpoints, or write the kind of link that these two have"
                    )),
                );
                break;
            }
        }
    }

    /// Rows of one engine compared with those of another.
    fn comparisons(&mut self) {
        for probe in &self.plan.probes {
            let ProbeKind::Tables(tables) = &probe.kind else { continue };
            let at = self.atlas.probe(&probe.id, "tables");
            self.alike(at, &tables.from, &tables.to, "compares");
        }
    }

    fn carries(&mut self) {
        let steps = self.plan.steps.iter().chain(self.plan.rollback_steps());
        let carried: Vec<_> = steps
            .filter_map(|step| match &step.kind {
                StepKind::Carry(carry) => Some((self.atlas.step(&step.id, "carry"), carry)),
                _ => None,
            })
            .collect();
        for (at, carry) in carried {
            self.alike(at, &carry.from, &carry.to, "carries");
        }
    }

    fn alike(&mut self, at: Place, from: &EndpointId, to: &EndpointId, does: &str) {
        let (Some(one), Some(other)) = (self.kind(from), self.kind(to)) else { return };
        if one == other {
            return;
        }
        self.found(
            Diagnostic::error(
                "wrong-engine",
                at,
                format!("this {does} {} with {}, which this version does not do", one.key(), other.key()),
            )
            .label(format!("`{from}` and `{to}` are of two kinds"))
            .help("write `command` with a tool that does, in its place"),
        );
    }

    /// A way to a side is used as the application uses it, and for nothing else: what is set on a session of a pooler
    /// is left there for somebody else.
    fn ways(&mut self) {
        let plan = self.plan;
        let steps = plan.steps.iter().chain(plan.rollback_steps());
        let fences = steps.clone().filter_map(|step| match &step.kind {
            StepKind::Fence(fence) => Some((step, &fence.target)),
            _ => None,
        });
        let mut found = Vec::new();
        for (step, target) in fences {
            let Some(way) = target.probe_write.as_ref().and_then(|write| write.through.as_ref()) else {
                continue;
            };
            let at = self.atlas.step(&step.id, "fence");
            if *way == target.endpoint {
                found.push(
                    Diagnostic::error("wrong-value", at, format!("`through` names the side `{way}` itself"))
                        .label("no other way than without it")
                        .help(
                            "take `through` out, or write the application's own address as another endpoint",
                        ),
                );
            } else if self.kind(way) != self.kind(&target.endpoint) && is_named(way) {
                found.push(
                    Diagnostic::error(
                        "wrong-engine",
                        at,
                        format!("`{way}` is no way to `{}`", target.endpoint),
                    )
                    .label("databases of two kinds")
                    .help("name an endpoint of the same kind"),
                );
            }
        }
        for endpoint in plan.endpoints.iter().filter(|e| e.way) {
            found.extend(self.used_otherwise(endpoint));
        }
        for diagnostic in found {
            self.found(diagnostic);
        }
    }

    fn used_otherwise(&self, way: &Endpoint) -> Option<Diagnostic> {
        let id = &way.id;
        let steps = self.plan.steps.iter().chain(self.plan.rollback_steps());
        let by_step = steps.filter_map(|step| {
            let touches = match &step.kind {
                StepKind::Fence(fence) => fence.target.endpoint == *id,
                StepKind::Open { endpoint } | StepKind::Sql { endpoint, .. } => endpoint == id,
                StepKind::Carry(carry) => carry.from == *id || carry.to == *id,
                StepKind::Manual { .. }
                | StepKind::Command(_)
                | StepKind::Wait(_)
                | StepKind::Check(_)
                | StepKind::Gate(_)
                | StepKind::Freeze(_)
                | StepKind::Notify(_) => false,
            };
            touches.then(|| self.atlas.step(&step.id, "id"))
        });
        let by_probe = self.plan.probes.iter().filter(|probe| {
            // Its own fence is watched where the fence is set, which is told above.
            !matches!(probe.kind, ProbeKind::Fence(_)) && probe.asks().contains(&id)
        });
        let at = by_step.chain(by_probe.map(|probe| self.atlas.probe(&probe.id, "id"))).next()?;
        Some(
            Diagnostic::error(
                "way-used-as-side",
                at,
                format!("`{id}` is the application's way to a side, and is used as a side here"),
            )
            .label("asks more of it than a probe write")
            .related(self.atlas.endpoint(id, way.database.kind.key()), "named by `through`")
            .help("name the endpoint that has the server's own address"),
        )
    }
}
