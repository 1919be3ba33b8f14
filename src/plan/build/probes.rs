//! What is measured and written as such: probes, links, validations; and what everything measured shares.

use std::time::Duration;

use super::super::diagnostic::Diagnostic;
use super::super::grammar::Named;
use super::super::units;
use super::{Builder, View};
use crate::plan::ids::{EndpointId, ProbeId, StepId};
use crate::plan::model::{
    CommandLine, CommandProbe, DnsProbe, Expect, FilesProbe, Link, LinkKind, Probe, ProbeKind, Schedule,
    Section, Severity, SshHost, TablesProbe, TlsProbe, TreesProbe,
};

/// A certificate must be good for so many days unless the plan says otherwise.
const DAYS_LEFT: u32 = 14;

/// A link alarms above so many changes unless the plan says otherwise.
const WARN_CHANGES: u64 = 1_000;

/// … and where a link counts bytes of log, above so many.
const WARN_BYTES: u64 = 16 << 20;

/// However often something is measured, a reading is not stale before this.
const LEAST_MAX_AGE: Duration = Duration::from_secs(5);

/// What holds for a kind of thing that is measured, where the plan does not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    pub(super) section: Section,
    pub(super) schedule: Schedule,
    pub(super) timeout: Duration,
    pub(super) alarm: Option<Severity>,
}

impl Usual {
    pub(super) const fn every(section: Section, every: u64, timeout: u64, alarm: Severity) -> Usual {
        Usual {
            section,
            schedule: Schedule::Every(Duration::from_secs(every)),
            timeout: Duration::from_secs(timeout),
            alarm: Some(alarm),
        }
    }

    pub(super) const fn asked(section: Section, timeout: u64, alarm: Option<Severity>) -> Usual {
        Usual { section, schedule: Schedule::OnDemand, timeout: Duration::from_secs(timeout), alarm }
    }

    /// A probe with nothing but these.
    pub(super) fn probe(self, id: String, title: String, kind: ProbeKind) -> Probe {
        Probe {
            id: ProbeId::from(id),
            title,
            section: self.section,
            kind,
            schedule: self.schedule,
            timeout: self.timeout,
            max_age: max_age(self.schedule),
            alarm: self.alarm,
            since: None,
            until: None,
            from: None,
            estimate: None,
        }
    }
}

const PROBE: Usual = Usual::every(Section::Environment, 30, 10, Severity::Caution);
const LINK: Usual = Usual::every(Section::Replication, 1, 5, Severity::Caution);
const VALIDATION: Usual = Usual::asked(Section::Validation, 30, Some(Severity::Caution));
const TABLES: Usual = Usual::asked(Section::Validation, 3600, Some(Severity::Caution));

fn max_age(schedule: Schedule) -> Duration {
    match schedule {
        Schedule::Every(every) => every.saturating_mul(2).max(LEAST_MAX_AGE),
        Schedule::OnDemand => Duration::MAX,
    }
}

impl<'t> Builder<'t, '_> {
    /// Probes, links, monitors and validations, in the order of the file.
    pub(super) fn probes(&mut self) -> Vec<Probe> {
        let root = self.atlas.root;
        let mut out = Vec::new();
        for view in root.views("replication") {
            let link = self.link(view).map(ProbeKind::Link);
            out.extend(self.measured(view, LINK, link));
        }
        self.freeze(&mut out);
        for view in root.views("validation") {
            let (tables, trees) = (view.view("tables"), view.view("trees"));
            let usual = if tables.or(trees).is_some() { TABLES } else { VALIDATION };
            let kind = match (tables, trees) {
                (Some(tables), _) => self.tables(view, tables),
                (None, Some(trees)) => Some(self.trees(trees)),
                (None, None) => self.kind(view),
            };
            if tables.is_none() && view.has("before") {
                self.findings.push(
                    Diagnostic::error("wrong-value", view.at("before"), "only `tables` are read before")
                        .label("there is no such table here")
                        .help("take it out: this is tried when a step asks for it"),
                );
            }
            out.extend(self.measured(view, usual, kind));
        }
        for view in root.views("probe") {
            let kind = self.kind(view);
            out.extend(self.measured(view, PROBE, kind));
        }
        out
    }

    /// The keys that everything measured shares: they are looked at even where what is measured is wrong.
    pub(super) fn measured(
        &mut self,
        view: View<'t>,
        usual: Usual,
        kind: Option<ProbeKind>,
    ) -> Option<Probe> {
        let id = view.must("id");
        self.atlas.measured(&id, view);
        let schedule = self.positive(view, "every").map_or(usual.schedule, Schedule::Every);
        let max_age = self.positive(view, "max_age").unwrap_or(max_age(schedule));
        if let Schedule::Every(every) = schedule
            && max_age < every
        {
            self.findings.push(
                Diagnostic::error(
                    "impossible-time",
                    view.at("max_age"),
                    format!("`{id}` is stale before it is measured again"),
                )
                .label("shorter than `every`")
                .related(view.at("every"), "measured so often")
                .help("make `max_age` at least twice `every`, or take it out"),
            );
        }
        let timeout = self.positive(view, "timeout").unwrap_or(usual.timeout);
        let since = self.known.any_step(view, "since", self.findings).map(StepId::from);
        let until = self.known.any_step(view, "until", self.findings).map(StepId::from);
        Some(Probe {
            title: view.text("title").unwrap_or_else(|| id.clone()),
            id: ProbeId::from(id),
            section: usual.section,
            kind: kind?,
            schedule,
            timeout,
            max_age,
            alarm: view.text("alarm").map_or(usual.alarm, |word| severity(&word)),
            since,
            until,
            from: view.text("from").map(SshHost),
            estimate: view.duration("estimate"),
        })
    }

    /// One of the kinds that a probe, a validation and a proof share.
    pub(super) fn kind(&mut self, view: View<'t>) -> Option<ProbeKind> {
        if let Some(command) = view.command("command") {
            let expect = view.view("expect").map_or_else(Expect::default, |e| self.expect(e));
            return Some(ProbeKind::Command(CommandProbe { command, expect }));
        }
        if let Some(http) = view.view("http") {
            return self.http(http).map(ProbeKind::Http);
        }
        if let Some(address) = view.text("tcp") {
            return Some(ProbeKind::Tcp { address });
        }
        if let Some(tls) = view.view("tls") {
            let address = tls.must("address");
            let host =
                address.rsplit_once(':').map_or("", |(host, _)| host).trim_matches(['[', ']']).to_owned();
            return Some(ProbeKind::Tls(TlsProbe {
                name: tls.text("name").unwrap_or(host),
                address,
                ca: tls.text("ca"),
                days_left: tls.whole("days_left").unwrap_or(DAYS_LEFT),
            }));
        }
        if let Some(dns) = view.view("dns") {
            return Some(ProbeKind::Dns(DnsProbe {
                server: dns.must("server"),
                name: dns.must("name"),
                record: dns.must("record"),
                is: dns.has("is").then(|| dns.strings("is")),
                ttl_at_most: dns.duration("ttl_at_most"),
            }));
        }
        if let Some(sql) = view.view("sql") {
            let expect = sql.view("expect").map_or_else(Expect::default, |e| self.expect(e));
            let (endpoint, same_on) = if sql.has("same_on") {
                let (on, same_on) = self.ends(sql, "on", "same_on")?;
                (on, Some(same_on))
            } else {
                (self.endpoint(sql, "on")?, None)
            };
            return Some(ProbeKind::Sql { endpoint, query: sql.must("query"), expect, same_on });
        }
        let Some(files) = view.view("files") else {
            // What it should be is missing, and that is said; what it expects is looked at all the same.
            let _lonely = view.view("expect").map(|expect| self.expect(expect));
            return None;
        };
        Some(ProbeKind::Files(FilesProbe {
            path: files.must("path"),
            at_least: files.whole("at_least").unwrap_or(1),
            younger_than: self.positive(files, "younger_than"),
            bytes_at_least: files.count("bytes_at_least"),
        }))
    }

    fn link(&mut self, view: View<'t>) -> Option<Link> {
        let (kind, ends) = LinkKind::ALL.into_iter().find_map(|kind| Some((kind, view.view(kind.key())?)))?;
        let (from, to) = self.direction(ends)?;
        let usual = if kind.in_bytes() { WARN_BYTES } else { WARN_CHANGES };
        let warn = view.get("warn").and_then(|warn| warn.text()).filter(|_| !kind.in_bytes());
        if let Some(Err(wrong)) = warn.map(units::changes) {
            self.findings.push(
                Diagnostic::error("wrong-value", view.at("warn"), wrong.why).label("a size").help(wrong.mend),
            );
        }
        Some(Link {
            kind,
            name: ends.text("slot").or_else(|| ends.text("channel")),
            from,
            to,
            marker: view.maybe_flag("marker").unwrap_or(true),
            warn: view.count("warn").unwrap_or(usual),
            zero_for: view.duration("zero_for").unwrap_or_default(),
            except: view.strings("except"),
            reverse: view.flag("reverse"),
        })
    }

    fn tables(&mut self, validation: View<'t>, view: View<'t>) -> Option<ProbeKind> {
        let (from, to) = self.direction(view)?;
        let (include, except) = (view.strings("include"), view.strings("except"));
        let (before, connections) = (validation.flag("before"), view.whole("connections"));
        let (without, rename) = (view.strings("without"), view.text_map("rename"));
        let cast = view.text_map("cast");
        Some(ProbeKind::Tables(TablesProbe {
            from,
            to,
            include,
            except,
            without,
            rename,
            cast,
            before,
            connections,
        }))
    }

    fn trees(&mut self, view: View<'t>) -> ProbeKind {
        let (from, to) = (view.must("from"), view.must("to"));
        if from == to {
            self.findings.push(
                Diagnostic::error("same-system", view.at("to"), format!("`{from}` with itself"))
                    .label("the same tree")
                    .related(view.at("from"), "it is compared with this")
                    .help("name the copy that the target reads"),
            );
        }
        ProbeKind::Trees(TreesProbe {
            from,
            to,
            include: view.strings("include"),
            except: view.strings("except"),
            times: view.maybe_flag("times").unwrap_or(true),
            modes: view.maybe_flag("modes").unwrap_or(true),
            owners: view.flag("owners"),
            full: view.flag("full"),
        })
    }

    /// From one endpoint to another one.
    pub(super) fn direction(&mut self, view: View<'t>) -> Option<(EndpointId, EndpointId)> {
        self.ends(view, "from", "to")
    }

    /// The same under other keys.
    fn ends(&mut self, view: View<'t>, here: &str, there: &str) -> Option<(EndpointId, EndpointId)> {
        let from = self.endpoint(view, here);
        let to = self.endpoint(view, there);
        let (from, to) = (from?, to?);
        if from == to {
            let named: Vec<String> = self
                .known
                .endpoints_beside(from.as_str())
                .iter()
                .map(|id| format!("{there} = \"{id}\""))
                .collect();
            let other = if from.as_str() == "target" { "source" } else { "target" };
            let help = if named.is_empty() {
                format!(
                    "add the other side as [endpoints.{other}] with its address, and write {there} = \"{other}\""
                )
            } else {
                format!("write {}", named.join(" or "))
            };
            self.findings.push(
                Diagnostic::error("same-system", view.at(there), format!("from `{from}` to itself"))
                    .label("the same endpoint")
                    .related(view.at(here), "it starts here")
                    .help(help),
            );
        }
        Some((from, to))
    }

    pub(super) fn endpoint(&mut self, view: View<'t>, key: &str) -> Option<EndpointId> {
        self.known.one(view, key, Named::Endpoint, self.findings).map(EndpointId::from)
    }
}

/// `none` is no alarm at all.
fn severity(word: &str) -> Option<Severity> {
    match word {
        "warning" => Some(Severity::Warning),
        "caution" => Some(Severity::Caution),
        "advisory" => Some(Severity::Advisory),
        _ => None,
    }
}

/// What a command is, for a proof or preflight given as a bare list.
pub(super) fn bare(command: CommandLine) -> ProbeKind {
    ProbeKind::Command(CommandProbe { command, expect: Expect::default() })
}
