//! What a freeze is made of: controls and monitors.

use super::probes::Usual;
use super::{Builder, View};
use crate::plan::ids::ProbeId;
use crate::plan::model::{
    CommandLine, Control, HttpProbe, HttpRequest, Probe, ProbeKind, RowsProbe, Section, Severity,
    TerraformProbe, VersionProbe,
};

const CONTROL: Usual = Usual::every(Section::Freeze, 30, 30, Severity::Warning);
const MONITOR: Usual = Usual::every(Section::Freeze, 15, 10, Severity::Warning);
/// Terraform asks the provider for every resource: that takes minutes, and providers count requests.
const TERRAFORM: Usual = Usual::every(Section::Freeze, 300, 240, Severity::Warning);

impl<'t> Builder<'t, '_> {
    /// That controls hold, and that monitored things stand still, in the order of the file.
    pub(super) fn freeze(&mut self, out: &mut Vec<Probe>) {
        let Some(freeze) = self.atlas.root.view("freeze") else { return };
        for view in freeze.views("controls") {
            let verify = view.command("verify").map(|verify| {
                let env = view.secrets("env");
                ProbeKind::Control(CommandLine { env, ..verify })
            });
            out.extend(self.measured(view, CONTROL, verify));
        }
        for view in freeze.views("monitor") {
            let kind = self.monitor(view);
            let usual = if view.has("terraform") { TERRAFORM } else { MONITOR };
            out.extend(self.measured(view, usual, kind));
        }
    }

    /// What the controls do; that they hold is a probe of the same id.
    pub(super) fn controls(&mut self) -> Vec<Control> {
        let views = self.atlas.root.view("freeze").map_or_else(Vec::new, |f| f.views("controls"));
        let control = |view: View<'t>| {
            let expires = self.positive(view, "expires");
            Some(Control {
                id: ProbeId::from(view.text("id")?),
                enforce: view.command("enforce")?,
                lift: view.command("lift")?,
                timeout: view.duration("timeout").unwrap_or(CONTROL.timeout),
                expires,
            })
        };
        views.into_iter().filter_map(control).collect()
    }

    fn monitor(&mut self, view: View<'t>) -> Option<ProbeKind> {
        if let Some(on) = view.view("schema") {
            return Some(ProbeKind::Schema { endpoint: self.endpoint(on, "on")? });
        }
        if let Some(on) = view.view("writes") {
            return Some(ProbeKind::Writes { endpoint: self.endpoint(on, "on")? });
        }
        if let Some(git) = view.view("git") {
            return Some(ProbeKind::Git { remote: git.must("remote"), refs: git.strings("refs") });
        }
        if let Some(http) = view.view("http") {
            return self.version(http).map(ProbeKind::Version);
        }
        if let Some(sql) = view.view("sql") {
            let key = sql.whole("key").unwrap_or(1);
            let endpoint = self.endpoint(sql, "on")?;
            return Some(ProbeKind::Rows(RowsProbe { endpoint, query: sql.must("query"), key }));
        }
        if let Some(terraform) = view.view("terraform") {
            return Some(ProbeKind::Terraform(TerraformProbe {
                folder: terraform.must("folder"),
                var_files: terraform.strings("var_files"),
                except: terraform.strings("except"),
                env: view.secrets("env"),
            }));
        }
        if let Some(command) = view.command("command") {
            return Some(ProbeKind::Unchanged(command));
        }
        view.has("files").then(|| ProbeKind::Tree { paths: view.strings("files") })
    }

    fn version(&mut self, view: View<'t>) -> Option<VersionProbe> {
        let pointer = view.text("json");
        if let Some(pointer) = &pointer {
            self.pointer(pointer, view.at("json"));
        }
        let url = self.address(view, "get")?;
        let request = HttpRequest { headers: view.secrets("headers"), ..HttpRequest::get(url) };
        let http = HttpProbe::of(request, view.text("ca"));
        Some(VersionProbe { http, pointer })
    }
}
