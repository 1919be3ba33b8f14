//! What a step does and how a probe looks, as the plan says it: labels and texts, secrets left as references.

use crate::plan::model::{
    Body, CommandLine, Expect, HttpProbe, HttpRequest, NotifyBy, ProbeKind, ProbeWrite, Step, StepKind, Undo,
    WaitFor,
};
use crate::ui::format;

type Facts = Vec<(String, String)>;

fn fact(label: &str, text: impl Into<String>) -> (String, String) {
    (label.to_owned(), text.into())
}

fn probe_write(write: &ProbeWrite) -> (String, String) {
    match &write.through {
        None => fact("probe write", write.sql.as_str()),
        Some(way) => fact("probe write", format!("{} (through {way})", write.sql)),
    }
}

/// What a step does, and what takes it back.
pub(super) fn step(step: &Step) -> Facts {
    let mut facts = match &step.kind {
        StepKind::Manual { ask } => vec![fact("asks", ask.as_str())],
        StepKind::Command(command) => argv(command),
        StepKind::Sql { endpoint, statement } => {
            vec![fact("on", endpoint.as_str()), fact("runs", statement.as_str())]
        }
        StepKind::Wait(WaitFor::CaughtUp(links)) => {
            vec![fact("waits for", format!("{} to be caught up", ids(links)))]
        }
        StepKind::Wait(WaitFor::Good { probes, lasting }) if lasting.is_zero() => {
            vec![fact("waits for", format!("{} to be good", ids(probes)))]
        }
        StepKind::Wait(WaitFor::Good { probes, lasting }) => {
            vec![fact("waits for", format!("{} to be good for {}", ids(probes), format::span(*lasting)))]
        }
        StepKind::Check(probes) => vec![fact("checks", ids(probes))],
        StepKind::Gate(gate) => {
            let mut facts = vec![fact("asks", "GO or NO-GO")];
            facts.extend(gate.after.as_ref().map(|after| fact("after this", after.as_str())));
            facts.extend(gate.leave_out.iter().map(|(id, why)| fact("leaves out", format!("{id}: {why}"))));
            facts
        }
        StepKind::Fence(fence) => {
            let target = &fence.target;
            let mut facts = vec![fact("stops", format!("writes on {}", target.endpoint))];
            facts.extend(target.probe_write.as_ref().map(probe_write));
            facts.extend(target.spare.iter().map(|(who, why)| fact("spares", format!("{who}: {why}"))));
            facts
        }
        StepKind::Open { endpoint } => vec![fact("opens", format!("writes on {endpoint}"))],
        StepKind::Carry(carry) => {
            let margin = if carry.margin == 0 {
                String::new()
            } else {
                format!(", {} further", format::count(carry.margin))
            };
            vec![fact("carries", format!("sequences of {} to {}{margin}", carry.from, carry.to))]
        }
        StepKind::Freeze(freeze) => {
            vec![fact(if freeze.enforce { "enforces" } else { "lifts" }, ids(&freeze.controls))]
        }
        StepKind::Notify(notify) => {
            let mut facts = match &notify.by {
                NotifyBy::Command(command) => argv(command),
                NotifyBy::Webhook(url) => vec![fact("posts to", url.to_string())],
            };
            facts.push(fact("text", notify.text.as_str()));
            facts
        }
    };
    if let Some(back) = &step.undo {
        let text = undo(back).into_iter().map(|(label, text)| format!("{label} {text}")).collect::<Vec<_>>();
        facts.push(fact("undo", text.join(", ")));
    }
    facts
}

/// What takes a step back.
pub(super) fn undo(undo: &Undo) -> Facts {
    match undo {
        Undo::Command(command) => argv(command),
        Undo::Sql { endpoint, statement } => {
            vec![fact("on", endpoint.as_str()), fact("runs", statement.as_str())]
        }
        Undo::Manual { ask } => vec![fact("asks", ask.as_str())],
        Undo::Open { endpoint } => vec![fact("opens", format!("writes on {endpoint}"))],
        Undo::Lift { controls } => vec![fact("lifts", ids(controls))],
    }
}

/// How a probe looks.
pub(super) fn probe(kind: &ProbeKind) -> Facts {
    match kind {
        ProbeKind::Command(probe) => {
            let mut facts = argv(&probe.command);
            facts.extend(expect(&probe.expect));
            facts
        }
        ProbeKind::Http(probe) => http(probe),
        ProbeKind::Tcp { address } => vec![fact("connects to", address.as_str())],
        ProbeKind::Tls(tls) => {
            vec![
                fact("connects to", tls.address.as_str()),
                fact("name", tls.name.as_str()),
                fact("good for", format!("{} more", format::counted(tls.days_left.into(), "day", "days"))),
            ]
        }
        ProbeKind::Dns(dns) => {
            let mut facts = vec![fact("asks", format!("{} for {} {}", dns.server, dns.record, dns.name))];
            facts.extend(dns.is.as_ref().map(|is| fact("must give", is.join(", "))));
            facts.extend(dns.ttl_at_most.map(|ttl| fact("TTL at most", format::span(ttl))));
            facts
        }
        ProbeKind::Sql { endpoint, query, expect: wanted, same_on } => {
            let mut facts = vec![fact("on", endpoint.as_str()), fact("asks", query.as_str())];
            facts.extend(same_on.as_ref().map(|other| fact("must be", format!("the same on {other}"))));
            facts.extend(expect(wanted));
            facts
        }
        ProbeKind::Files(files) => {
            let mut facts = vec![
                fact("files", files.path.as_str()),
                fact("at least", format::counted(files.at_least, "file", "files")),
            ];
            facts.extend(files.younger_than.map(|age| fact("younger than", format::span(age))));
            facts.extend(files.bytes_at_least.map(|size| fact("at least", format::bytes(size))));
            facts
        }
        ProbeKind::Link(link) => vec![
            fact("follows", format!("changes from {} to {}", link.from, link.to)),
            fact("marker", if link.marker { "a row of ours, end to end" } else { "none: by position alone" }),
            fact("alarm above", format::count(link.warn)),
            fact("zero means", format!("zero for {}", format::span(link.zero_for))),
        ],
        ProbeKind::Schema { endpoint } => vec![fact("watches", format!("every object of {endpoint}"))],
        ProbeKind::Writes { endpoint } => {
            vec![fact("watches", format!("rows on {endpoint} that replication did not write"))]
        }
        ProbeKind::Tree { paths } => vec![fact("watches", paths.join(", "))],
        ProbeKind::Git { remote, refs } => vec![fact("watches", format!("{} of {remote}", refs.join(", ")))],
        ProbeKind::Unchanged(command) | ProbeKind::Control(command) => argv(command),
        ProbeKind::Version(version) => vec![fact(
            "watches",
            match &version.pointer {
                Some(pointer) => format!("{pointer} of GET {}", urls(&version.http)),
                None => format!("what GET {} answers", urls(&version.http)),
            },
        )],
        ProbeKind::Rows(rows) => {
            vec![fact("on", rows.endpoint.as_str()), fact("watches", format!("every row of: {}", rows.query))]
        }
        ProbeKind::Terraform(terraform) => {
            let mut facts = vec![fact("watches", format!("what terraform plans in {}", terraform.folder))];
            if !terraform.except.is_empty() {
                facts.push(fact("without", terraform.except.join(", ")));
            }
            facts
        }
        ProbeKind::Fence(target) => {
            let mut facts = vec![fact("watches", format!("who can still write on {}", target.endpoint))];
            facts.extend(target.probe_write.as_ref().map(probe_write));
            facts.extend(target.spare.iter().map(|(who, why)| fact("spares", format!("{who}: {why}"))));
            facts
        }
        ProbeKind::Identity { endpoint } => vec![fact("asks", format!("{endpoint} what it is"))],
        ProbeKind::Marker { from, to } => {
            vec![fact("sends", format!("a row of ours from {from}, and looks for it on {to}"))]
        }
        ProbeKind::Tables(tables) => {
            let mut facts =
                vec![fact("compares", format!("every row of {} with {}", tables.from, tables.to))];
            if !tables.include.is_empty() {
                facts.push(fact("only", tables.include.join(", ")));
            }
            if !tables.except.is_empty() {
                facts.push(fact("without", tables.except.join(", ")));
            }
            if !tables.without.is_empty() {
                facts.push(fact("but for", tables.without.join(", ")));
            }
            facts.extend(tables.rename.iter().map(|(from, to)| fact("renamed", format!("{from} is {to}"))));
            facts.extend(tables.cast.iter().map(|(of, to)| fact("cast", format!("{of} as {to}"))));
            facts
        }
        ProbeKind::Trees(trees) => {
            let mut facts = vec![fact("compares", format!("every file of {} with {}", trees.from, trees.to))];
            if !trees.include.is_empty() {
                facts.push(fact("only", trees.include.join(", ")));
            }
            if !trees.except.is_empty() {
                facts.push(fact("without", trees.except.join(", ")));
            }
            let asked = [(trees.times, "times"), (trees.modes, "modes"), (trees.owners, "owners")];
            let asked: Vec<&str> = asked.into_iter().filter(|(on, _)| *on).map(|(_, what)| what).collect();
            facts.push(fact("and their", asked.join(", ")));
            if trees.full {
                facts.push(fact("reads", "all of them, also where a digest is published"));
            }
            facts
        }
        ProbeKind::Ready(ready) => vec![
            fact("looks for", ready.trap.title()),
            fact("at", format!("{} and {}, before rows move for good", ready.link.from, ready.link.to)),
        ],
    }
}

/// Every request in order, each with what it sends, keeps and must be answered.
fn http(probe: &HttpProbe) -> Facts {
    let mut facts: Facts = probe.requests.iter().flat_map(request).collect();
    if !probe.hosts.is_empty() {
        facts.push(fact("may lead to", probe.hosts.join(", ")));
    }
    facts
}

fn request(request: &HttpRequest) -> Facts {
    let mut facts = vec![fact("asks", format!("{} {}", request.method, request.url))];
    facts.extend(request.headers.iter().map(|(name, value)| fact("header", format!("{name}: {value}"))));
    facts.extend(request.body.as_ref().map(|body| match body {
        Body::Text(text) => fact("body", text.to_string()),
        Body::Json(json) => fact("body", json.to_string()),
        Body::Form(fields) => {
            let all: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
            fact("form", all.join(" "))
        }
    }));
    facts.extend(request.timeout.map(|most| fact("given up", format!("after {}", format::span(most)))));
    facts.extend(expect(&request.expect));
    facts.extend(request.keep.iter().map(|(name, keep)| fact("keeps", format!("{keep} as {name}"))));
    facts
}

fn urls(probe: &HttpProbe) -> String {
    probe.requests.iter().map(|request| request.url.to_string()).collect()
}

/// The command as it stands in the plan; what its environment is given by name only.
fn argv(command: &CommandLine) -> Facts {
    let mut facts = vec![fact("runs", command.argv.join(" "))];
    if !command.env.is_empty() {
        let names: Vec<&str> = command.env.iter().map(|(name, _)| name.as_str()).collect();
        facts.push(fact("with env", names.join(", ")));
    }
    facts
}

fn expect(expect: &Expect) -> Facts {
    let mut facts = Facts::new();
    facts.extend(expect.exit.map(|code| fact("must exit", code.to_string())));
    if !expect.status.is_empty() {
        let all: Vec<String> = expect.status.iter().map(ToString::to_string).collect();
        facts.push(fact("must answer", all.join(" or ")));
    }
    facts.extend(expect.within.map(|within| fact("within", format!("{} ms", within.as_millis()))));
    facts.extend(expect.headers.iter().map(|(name, text)| fact("must hold", format!("{name}: {text}"))));
    facts.extend(expect.text.as_ref().map(|text| fact("must hold", text.as_str())));
    facts.extend(expect.matches.as_ref().map(|pattern| fact("must match", pattern.as_str())));
    facts.extend(expect.is.as_ref().map(|is| fact("must be", is.as_str())));
    facts.extend(expect.json.iter().map(|(at, value)| fact("must have", format!("{at} = {value}"))));
    facts.extend(expect.has.iter().map(|at| fact("must have", at.as_str())));
    facts.extend(expect.rows.map(|rows| fact("must give", format::counted(rows, "row", "rows"))));
    let number = expect.number.as_deref().unwrap_or("the answer");
    facts.extend(expect.at_most.map(|most| fact("at most", format!("{number} {most}"))));
    facts.extend(expect.at_least.map(|least| fact("at least", format!("{number} {least}"))));
    facts
}

fn ids<I: std::fmt::Display>(ids: &[I]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::model::{Json, Keep, Status};
    use crate::plan::secret::{Part, Template};

    #[test]
    fn a_flow_is_shown_request_by_request_with_references_in_place_of_values() {
        let password = Template::new(vec![Part::Env("PASSWORD".to_owned())]);
        let sign_in = HttpRequest {
            method: "POST".to_owned(),
            body: Some(Body::Json(Json::Table(vec![("password".to_owned(), Json::Text(password))]))),
            expect: Expect { status: vec![Status::Code(201), Status::Class(3)], ..Expect::default() },
            keep: vec![("token".to_owned(), Keep::Json("/token".to_owned()))],
            ..HttpRequest::get(Template::plain("https://h/login"))
        };
        let bearer = Template::new(vec![Part::Text("Bearer ".to_owned()), Part::Kept("token".to_owned())]);
        let orders = HttpRequest {
            headers: vec![("authorization".to_owned(), bearer)],
            timeout: Some(std::time::Duration::from_secs(5)),
            ..HttpRequest::get(Template::plain("https://h/orders"))
        };
        let flow = HttpProbe { requests: vec![sign_in, orders], ca: None, hosts: vec!["id.test".to_owned()] };
        let shown: Vec<String> = probe(&ProbeKind::Http(flow))
            .into_iter()
            .map(|(label, text)| format!("{label}: {text}"))
            .collect();
        assert_eq!(
            shown,
            [
                "asks: POST https://h/login",
                "body: {\"password\":\"${env:PASSWORD}\"}",
                "must answer: 201 or 3xx",
                "keeps: /token of the answer as token",
                "asks: GET https://h/orders",
                "header: authorization: Bearer ${kept:token}",
                "given up: after 5s",
                "may lead to: id.test",
            ]
        );
    }
}
