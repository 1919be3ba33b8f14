//! Secrets that stand in the plan, what dies with somebody's link, and things that are not what they seem.

use std::collections::HashSet;

use super::super::diagnostic::Diagnostic;
use super::super::render::SECRET;
use super::super::secret::Part;
use super::super::source::Place;
use super::super::tree::{Node, Table, Value};
use super::Lint;
use crate::plan::model::{DatabaseKind, DatabaseSettings, ProbeKind};

/// Headers whose value lets one in.
const KEYS: &[&str] = &["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"];

/// What the name of a secret has in it.
const SECRET_WORDS: &[&str] =
    &["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "ACCESS_KEY", "PRIVATE_KEY"];

/// Keys whose values may hold references.
const TAKES_REFERENCES: &[&str] =
    &["get", "head", "post", "put", "patch", "delete", "webhook", "path", "url", "body"];

const OF_A_VALUE: &str = "write ${env:NAME} or ${file:/run/secrets/name} in its place";
const OF_A_COMMAND: &str = "take it out of the arguments, which everybody on the host can see: put `env = { NAME = \"${env:NAME}\" }` \
                            beside the command, and let the program read NAME";
const OF_A_VARIABLE: &str = "write ${env:NAME} or ${file:/run/secrets/name} in its place, and use the variable only in urls, headers, \
                             bodies, paths and `env`: never among a command's arguments";
const OF_A_TEXT: &str = "take it out: what stands here is shown and recorded; a program that needs it gets it in \
                         `env = { NAME = \"${env:NAME}\" }`";

/// Programs that use the agent's keys.
const SSH: &[&str] = &["ssh", "scp", "sftp", "rsync"];

impl Lint<'_> {
    pub(super) fn secrets(&mut self) {
        let mut found = Vec::new();
        for entry in &self.atlas.root.table.entries {
            let table = entry.node.table();
            match (entry.key.as_str(), table) {
                ("vars", Some(vars)) => {
                    for variable in &vars.entries {
                        plain_secret(&variable.node, OF_A_VARIABLE, &mut found);
                    }
                }
                (_, Some(table)) => plain_secrets(table, &mut found),
                (_, None) => {
                    let items = entry.node.list().unwrap_or_default().iter();
                    items.filter_map(Node::table).for_each(|table| plain_secrets(table, &mut found));
                }
            }
        }
        for diagnostic in found {
            self.found(diagnostic);
        }
        self.agent();
        self.same_file();
        self.missing_programs();
    }

    /// What asks the agent in the lead's own login, which is gone when that link falls.
    fn agent(&mut self) {
        if !self.environment.has("SSH_AUTH_SOCK") {
            return;
        }
        let mut places: Vec<Place> = Vec::new();
        for probe in &self.plan.probes {
            if probe.from.is_some() {
                places.push(self.atlas.probe(&probe.id, "from"));
            }
            if let ProbeKind::Git { remote, .. } = &probe.kind
                && (remote.starts_with("ssh://") || remote.contains('@'))
            {
                places.push(self.atlas.probe(&probe.id, "git"));
            }
        }
        commands(self.atlas.root.table, &mut |argv, at| {
            if argv.first().and_then(Node::text).is_some_and(|p| SSH.contains(&p)) {
                places.push(at);
            }
        });
        if let Some(&first) = places.first() {
            self.found(
                Diagnostic::note("agent", first, "this uses the keys of your SSH agent, which is gone when your link falls")
                    .label("relies on SSH_AUTH_SOCK")
                    .help("name a key file in ~/.ssh/config (IdentityFile, IdentityAgent none) on the host that runs cutover"),
            );
        }
    }

    /// Two endpoints that are one file.
    fn same_file(&mut self) {
        let plan = self.plan;
        for (i, endpoint) in plan.endpoints.iter().enumerate() {
            let DatabaseSettings { kind, address } = &endpoint.database;
            let place = |p: &super::super::secret::Template| {
                p.as_plain()
                    .filter(|_| *kind == DatabaseKind::Sqlite)
                    .map(|p| self.folder.join(&p).canonicalize().unwrap_or_else(|_| self.folder.join(p)))
            };
            let twin = plan.endpoints.iter().take(i).find(|other| {
                let DatabaseSettings { kind: another, address: before } = &other.database;
                another == kind
                    && (before == address || (place(before).is_some() && place(before) == place(address)))
            });
            let what = if *kind == DatabaseKind::Sqlite { "file" } else { "database" };
            if let Some(twin) = twin {
                self.found(
                    Diagnostic::error(
                        "same-system",
                        self.atlas.endpoint(&endpoint.id, kind.key()),
                        format!("`{}` and `{}` are the same {what}", endpoint.id, twin.id),
                    )
                    .label("the same system")
                    .related(self.atlas.endpoint(&twin.id, kind.key()), format!("`{}`", twin.id))
                    .help(format!(
                        "give `{0}` a {what} that no other endpoint has, or take [endpoints.{0}] out with what names it",
                        endpoint.id
                    )),
                );
            }
        }
    }

    /// Programs named by a path that leads nowhere here.
    fn missing_programs(&mut self) {
        let mut found = Vec::new();
        let mut named = HashSet::new();
        commands(self.atlas.root.table, &mut |argv, _| {
            let Some((program, at)) = argv.first().and_then(|n| Some((n.text()?, n.at))) else { return };
            if program.contains('/') && named.insert(program) && !self.folder.join(program).exists() {
                found.push(
                    Diagnostic::note("no-such-program", at, format!("there is no {program} beside the plan"))
                        .label("not there")
                        .help("put it there, and make it executable, before the run; its hash is part of the plan"),
                );
            }
        });
        for diagnostic in found {
            self.found(diagnostic);
        }
    }
}

/// Every list that is a command, wherever it stands.
fn commands<'t>(table: &'t Table, each: &mut dyn FnMut(&'t [Node], Place)) {
    for entry in &table.entries {
        match &entry.node.value {
            Value::List(list) if list.iter().all(|n| n.table().is_some()) => {
                list.iter().filter_map(Node::table).for_each(|t| commands(t, each));
            }
            Value::List(list)
                if ["command", "enforce", "verify", "lift", "preflight"].contains(&entry.key.as_str())
                    && !is_freeze_step(table) =>
            {
                each(list, entry.node.at);
            }
            // What is sent or looked for is nothing that is run here.
            Value::Table(inner) if entry.key != "json" => commands(inner, each),
            Value::Table(_)
            | Value::List(_)
            | Value::Text(_)
            | Value::Tainted(_)
            | Value::Whole(_)
            | Value::Real(_)
            | Value::Flag(_)
            | Value::Time(_) => {}
        }
    }
}

/// In a step `enforce` and `lift` name controls; in a control they are commands.
fn is_freeze_step(table: &Table) -> bool {
    table.get("id").is_none() && (table.get("enforce").is_some() || table.get("lift").is_some())
}

fn plain_secrets(table: &Table, found: &mut Vec<Diagnostic>) {
    for entry in &table.entries {
        match (entry.key.as_str(), &entry.node.value) {
            ("headers", Value::Table(headers)) => {
                for header in &headers.entries {
                    let key = header.key.to_ascii_lowercase();
                    if KEYS.contains(&key.as_str()) && header.node.text().is_some() {
                        found.push(in_the_plan(
                            header.node.at,
                            &format!("the header `{}` stands in the plan", header.key),
                            OF_A_VALUE,
                        ));
                    }
                }
            }
            ("env" | "form" | "json", Value::Table(named)) => named_secrets(named, found),
            // What is looked for in an answer is no secret, whatever it is called.
            ("match" | "matches", _) => {}
            (_, Value::Table(inner)) => plain_secrets(inner, found),
            (_, Value::List(list)) => {
                for item in list {
                    match item.table() {
                        Some(inner) => plain_secrets(inner, found),
                        None => plain_secret(item, OF_A_COMMAND, found),
                    }
                }
            }
            (key, _) => {
                let mend = if TAKES_REFERENCES.contains(&key) { OF_A_VALUE } else { OF_A_TEXT };
                plain_secret(&entry.node, mend, found);
            }
        }
    }
}

/// Values under the names of secrets: in an environment, a form, a document.
fn named_secrets(table: &Table, found: &mut Vec<Diagnostic>) {
    for entry in &table.entries {
        agent_socket(&entry.node, found);
        let name = entry.key.to_ascii_uppercase();
        match &entry.node.value {
            // A pointer leads to what an answer must hold.
            Value::Text(text)
                if !text.is_empty()
                    && !name.starts_with('/')
                    && SECRET_WORDS.iter().any(|word| name.ends_with(word)) =>
            {
                let what = format!("the value of `{}` stands in the plan", entry.key);
                found.push(in_the_plan(entry.node.at, &what, OF_A_VALUE));
            }
            Value::Table(inner) => named_secrets(inner, found),
            Value::List(list) => {
                list.iter().filter_map(Node::table).for_each(|inner| named_secrets(inner, found));
            }
            _ => {}
        }
    }
}

fn plain_secret(node: &Node, mend: &str, found: &mut Vec<Diagnostic>) {
    agent_socket(node, found);
    let written;
    let text = match &node.value {
        Value::Text(text) => text.as_str(),
        Value::Tainted(template) => {
            written = template.to_string();
            &written
        }
        Value::Whole(_)
        | Value::Real(_)
        | Value::Flag(_)
        | Value::Time(_)
        | Value::List(_)
        | Value::Table(_) => return,
    };
    if password_in_url(text) {
        found.push(in_the_plan(node.at, "a password stands in this address", mend));
    }
    let Some((name, value)) = text.strip_prefix("--").and_then(|t| t.split_once('=')) else { return };
    let name = name.to_ascii_uppercase().replace('-', "_");
    if !value.is_empty() && SECRET_WORDS.iter().any(|w| name.ends_with(w)) {
        found.push(in_the_plan(node.at, "a secret stands among the arguments of a command", mend));
    }
}

/// `scheme://user:password@host`, the password written out.
fn password_in_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = text.get(at + 3..).unwrap_or("");
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or("");
        let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
        login.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !password.starts_with("${"))
    })
}

fn agent_socket(node: &Node, found: &mut Vec<Diagnostic>) {
    let Value::Tainted(template) = &node.value else { return };
    if template.parts().contains(&Part::Env("SSH_AUTH_SOCK".to_owned())) {
        found.push(
            Diagnostic::warning(
                "agent",
                node.at,
                "the SSH agent of whoever starts this is gone when their link falls",
            )
            .label("relies on SSH_AUTH_SOCK")
            .help("use a key file on the host that runs cutover"),
        );
    }
}

fn in_the_plan(at: Place, what: &str, mend: &str) -> Diagnostic {
    Diagnostic::error(SECRET, at, format!("{what}, and a plan is shown, hashed and kept"))
        .label("a secret")
        .help(mend)
}

#[cfg(test)]
mod tests {
    use super::password_in_url;

    #[test]
    fn a_password_in_an_address_is_seen() {
        for plain in ["postgres://u:pw@h/db", "x https://a:b@c"] {
            assert!(password_in_url(plain), "{plain}");
        }
        for fine in
            ["https://h/a:b@c", "postgres://u:${env:PW}@h/db", "https://u@h", "http://h:80/", "://@", "a:b@c"]
        {
            assert!(!password_in_url(fine), "{fine}");
        }
    }
}
