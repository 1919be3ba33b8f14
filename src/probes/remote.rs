//! A look from another host: the same program there, over ssh, with the probe on its standard input.
//!
//! Owns both ends of that line. Secrets are revealed here and travel inside ssh, on no argument list and in
//! no file; whatever comes back is scrubbed of them here. The far side needs this program in its `PATH` and
//! nothing else: it keeps nothing from one look to the next.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::look::{Context, Look, failed, reveal};
use super::words::line;
use super::{Baseline, Looked};
use crate::clock::Clock;
use crate::engine::reading::{Measure, Unmeasured};
use crate::plan::model::{
    CommandLine, CommandProbe, DatabaseSettings, Endpoint, Link, Probe, ProbeKind, Schedule, Section,
    SshHost, TerraformProbe, VersionProbe,
};
use crate::plan::secret::{Part, Template};
use crate::process::{self, Ended, Limits, Spec};

/// Both ends speak the same only when they are the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// A baseline of many files comes back with the answer.
const ANSWER: usize = 64 << 20;
const CONNECT: Duration = Duration::from_secs(5);

/// What goes over.
#[derive(Serialize, Deserialize)]
struct Question {
    version: String,
    kind: ProbeKind,
    endpoints: Vec<Endpoint>,
    links: Vec<Link>,
    timeout: Duration,
    baseline: Option<Baseline>,
}

/// Looks from `host`.
pub(super) async fn look(
    look: &mut Look<'_>,
    host: &SshHost,
    kind: &ProbeKind,
) -> Result<Measure, Unmeasured> {
    if matches!(kind, ProbeKind::Link(link) if link.marker) {
        return failed("a link with a marker is followed from one look to the next: measure it from here");
    }
    look.ask(format!("a look from {}", host.0));
    let question = Question {
        version: VERSION.to_owned(),
        kind: revealed(look, kind)?,
        endpoints: endpoints(look)?,
        links: look.ctx.links.clone(),
        timeout: look.timeout,
        baseline: look.baseline.cloned(),
    };
    let question = serde_json::to_vec(&question).map_err(|why| Unmeasured::Failed(why.to_string()))?;
    let answer = ask(look, host, &question).await?;
    let looked: Looked = serde_json::from_slice(&answer)
        .map_err(|_| Unmeasured::Failed(format!("what answers on {} is not cutover", host.0)))?;
    look.ask(format!("from {}: {}", host.0, looked.query));
    look.keep(&looked.raw);
    if let Some(taken) = looked.baseline {
        look.against(&taken);
    }
    looked.result
}

/// The line to the other side.
async fn ask(look: &mut Look<'_>, host: &SshHost, question: &[u8]) -> Result<Vec<u8>, Unmeasured> {
    let connect = look.timeout.min(CONNECT);
    let argv = process::ssh::words(&look.ctx.ssh, connect, &host.0, None, &["cutover", "__probe"]);
    let spec = Spec::new(argv, &look.ctx.root, look.timeout)
        .map_err(|why| Unmeasured::Failed(why.to_string()))?
        .grace(super::command::GRACE);
    let finished = process::run_with(&spec, Limits { capture: ANSWER }, question).await;
    let said = finished.stderr.text();
    let last = said.lines().rev().map(|l| line(l, 120)).find(|l| !l.is_empty()).unwrap_or_default();
    match finished.ended {
        Ended::Code(0) => finished
            .stdout
            .whole()
            .ok_or_else(|| Unmeasured::Failed(format!("the answer of {} is too long", host.0))),
        Ended::Code(127) => {
            failed(format!("{} has no cutover in its PATH: put this program there ({last})", host.0))
        }
        Ended::Code(255) => Err(Unmeasured::NotReachable(format!("ssh to {}: {last}", host.0))),
        Ended::TimedOut => Err(super::timed_out(look.timeout)),
        Ended::Code(_) | Ended::Signal(_) | Ended::NotStarted(_) | Ended::Lost(_) => {
            failed(format!("the look from {} {}: {last}", host.0, finished.ended))
        }
    }
}

/// The far side: answers a question, or says on which version it is. The answer goes to standard output.
///
/// # Errors
/// In words, for standard error.
pub async fn answer(question: &[u8]) -> Result<Vec<u8>, String> {
    #[derive(Deserialize)]
    struct Version {
        version: String,
    }
    let version = serde_json::from_slice::<Version>(question).map_err(|why| why.to_string())?.version;
    if version != VERSION {
        return Err(format!("this is cutover {VERSION}, asked by {version}: have the same on both hosts"));
    }
    let asked: Question = serde_json::from_slice(question).map_err(|why| why.to_string())?;
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| ".".into()));
    let scratch = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let context = Context::new(home, scratch.join("cutover"), asked.endpoints, asked.links, Clock::system());
    let probe = Probe {
        id: "far".into(),
        title: String::new(),
        section: Section::Environment,
        kind: asked.kind,
        schedule: Schedule::OnDemand,
        timeout: asked.timeout,
        max_age: asked.timeout,
        alarm: None,
        since: None,
        until: None,
        from: None,
        estimate: None,
    };
    let looked = super::measure(&context, &probe, asked.baseline.as_ref()).await;
    serde_json::to_vec(&looked).map_err(|why| why.to_string())
}

/// The same with values in place of references: what they refer to is here, not there.
fn revealed(look: &mut Look<'_>, kind: &ProbeKind) -> Result<ProbeKind, Unmeasured> {
    let mut plain = |template: &Template| settled(look, template);
    Ok(match kind {
        ProbeKind::Command(it) => ProbeKind::Command(CommandProbe {
            command: command(&it.command, &mut plain)?,
            expect: it.expect.clone(),
        }),
        ProbeKind::Unchanged(it) => ProbeKind::Unchanged(command(it, &mut plain)?),
        ProbeKind::Control(it) => ProbeKind::Control(command(it, &mut plain)?),
        ProbeKind::Http(it) => ProbeKind::Http(it.with(&mut plain)?),
        ProbeKind::Version(it) => {
            ProbeKind::Version(VersionProbe { http: it.http.with(&mut plain)?, ..it.clone() })
        }
        ProbeKind::Terraform(it) => {
            ProbeKind::Terraform(TerraformProbe { env: pairs(&it.env, &mut plain)?, ..it.clone() })
        }
        ProbeKind::Tcp { .. }
        | ProbeKind::Tls(_)
        | ProbeKind::Dns(_)
        | ProbeKind::Sql { .. }
        | ProbeKind::Files(_)
        | ProbeKind::Link(_)
        | ProbeKind::Schema { .. }
        | ProbeKind::Rows(_)
        | ProbeKind::Writes { .. }
        | ProbeKind::Tree { .. }
        | ProbeKind::Git { .. }
        | ProbeKind::Fence(_)
        | ProbeKind::Identity { .. }
        | ProbeKind::Marker { .. }
        | ProbeKind::Tables(_)
        | ProbeKind::Trees(_)
        | ProbeKind::Ready(_) => kind.clone(),
    })
}

type Plain<'p> = &'p mut dyn FnMut(&Template) -> Result<Template, Unmeasured>;

fn command(it: &CommandLine, plain: Plain<'_>) -> Result<CommandLine, Unmeasured> {
    Ok(CommandLine { argv: it.argv.clone(), env: pairs(&it.env, plain)? })
}

/// What stands there and here; what a flow keeps, it keeps where it runs.
fn settled(look: &mut Look<'_>, template: &Template) -> Result<Template, Unmeasured> {
    let part = |part: &Part| match part {
        Part::Kept(_) => Ok(part.clone()),
        _ => Ok(Part::Text(look.reveal(&Template::new(vec![part.clone()]))?.expose().to_owned())),
    };
    Ok(Template::new(template.parts().iter().map(part).collect::<Result<_, Unmeasured>>()?))
}

fn pairs(all: &[(String, Template)], plain: Plain<'_>) -> Result<Vec<(String, Template)>, Unmeasured> {
    all.iter().map(|(name, value)| Ok((name.clone(), plain(value)?))).collect()
}

fn endpoints(look: &mut Look<'_>) -> Result<Vec<Endpoint>, Unmeasured> {
    let ctx = look.ctx;
    let mut all = Vec::new();
    for endpoint in &ctx.endpoints {
        let DatabaseSettings { kind, address } = &endpoint.database;
        let address = reveal(&mut look.scrub, address, &ctx.root).map_err(Unmeasured::Failed)?;
        let database = DatabaseSettings { kind: *kind, address: Template::plain(address.expose()) };
        all.push(Endpoint { database, ..endpoint.clone() });
    }
    Ok(all)
}
