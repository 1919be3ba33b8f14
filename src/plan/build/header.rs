//! `[plan]`, people and endpoints.

use std::time::Duration;

use super::super::diagnostic::Diagnostic;
use super::super::units;
use super::{Builder, View};
use crate::clock::Timestamp;
use crate::plan::ids::{EndpointId, PersonId};
use crate::plan::model::{
    Contacts, DatabaseKind, DatabaseSettings, Endpoint, Identity, IdentityRow, Person, Strategy, Window,
};

/// What `[plan]` says.
pub(super) struct Header {
    pub(super) name: String,
    pub(super) strategy: Strategy,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) window: Window,
    pub(super) outage_budget: Option<Duration>,
    pub(super) impact: Option<String>,
    pub(super) contacts: Contacts,
    pub(super) fallback: Option<String>,
    pub(super) offset: i32,
}

impl<'t> Builder<'t, '_> {
    pub(super) fn header(&mut self) -> Header {
        let view = self.atlas.root.view("plan").unwrap_or(self.atlas.root);
        let (window, offset) =
            view.view("window").map_or((Window::FromStart { length: Duration::ZERO }, 0), |w| self.window(w));
        let (source, target) = (view.must("source"), view.must("target"));
        if source == target && !source.is_empty() {
            self.findings.push(
                Diagnostic::error(
                    "same-system",
                    view.at("target"),
                    format!("source and target are both called `{source}`"),
                )
                .label("the same word")
                .related(view.at("source"), "this is the source")
                .help("the word is typed at the gate so that nobody confuses the two: give each its own"),
            );
        }
        let offset = view.text("offset").and_then(|t| units::offset(&t).ok()).unwrap_or(offset);
        Header {
            name: view.must("name"),
            strategy: match view.text("strategy").as_deref() {
                Some("planned-downtime") => Strategy::PlannedDowntime,
                _ => Strategy::NearZeroDowntime,
            },
            source,
            target,
            window,
            outage_budget: self.positive(view, "outage_budget"),
            impact: view.text("impact"),
            contacts: Contacts {
                change: view.text("change"),
                bridge: view.text("bridge"),
                chat: view.text("chat"),
                update_every: self.positive(view, "update_every"),
            },
            fallback: view.text("fallback"),
            offset,
        }
    }

    fn window(&mut self, view: View<'t>) -> (Window, i32) {
        let closes = view.time("closes");
        // That it ends twice has been said, and which of the two has to go.
        let twice = view.has("closes") && view.has("length");
        if let Some((opens, offset)) = view.time("opens") {
            if view.has("length") && !twice {
                let length = view.duration("length").filter(|length| !length.is_zero());
                let closes = opens.plus(length.unwrap_or(Duration::from_secs(4 * 3600)));
                let closes = units::write_time(closes, offset);
                self.findings.push(
                    Diagnostic::error(
                        "misplaced-key",
                        view.key_at("length"),
                        "`length` goes with `opens = \"start\"`",
                    )
                    .label("the window opens at a fixed time")
                    .help(format!("write closes = {closes} instead, or opens = \"start\"")),
                );
            }
            let (closes, _) = closes.unwrap_or((opens.plus(Duration::from_secs(1)), offset));
            if closes <= opens {
                self.closes_first(view, opens, closes, offset);
            }
            return (Window::Fixed { opens, closes }, offset);
        }
        if closes.is_some() && !twice && view.get("opens").and_then(|n| n.text()) == Some("start") {
            self.findings.push(
                Diagnostic::error(
                    "misplaced-key",
                    view.key_at("closes"),
                    "`closes` goes with a fixed time in `opens`",
                )
                .label("the window opens when the run starts")
                .help("write length = \"4h\" instead"),
            );
        }
        let length = self.positive(view, "length").unwrap_or_default();
        (Window::FromStart { length }, 0)
    }

    /// A window that is over before it begins: both times as one clock shows them.
    fn closes_first(&mut self, view: View<'t>, opens: Timestamp, closes: Timestamp, offset: i32) {
        let write = |at| units::write_time(at, offset);
        let (message, label) = if closes == opens {
            ("the window closes when it opens", format!("the same moment: {}", write(closes)))
        } else {
            ("the window closes before it opens", format!("that is {}", write(closes)))
        };
        self.findings.push(
            Diagnostic::error("impossible-time", view.at("closes"), message)
                .label(label)
                .related(view.at("opens"), format!("it opens at {}", write(opens)))
                .help(format!(
                    "write a time after that, such as closes = {}; check day and offset of both",
                    write(opens.plus(Duration::from_secs(4 * 3600)))
                )),
        );
    }

    /// A duration of which zero makes no sense.
    pub(super) fn positive(&mut self, view: View<'t>, key: &str) -> Option<Duration> {
        let duration = view.duration(key)?;
        if duration.is_zero() {
            self.findings.push(
                Diagnostic::error("impossible-time", view.at(key), format!("`{key}` cannot be zero"))
                    .label("no time at all")
                    .help("write how long it is: 30s, 10m or 4h"),
            );
        }
        Some(duration)
    }

    pub(super) fn people(&mut self) -> Vec<Person> {
        let mut people = Vec::new();
        for (name, _, view) in self.atlas.root.named("people") {
            let backup = self.known.other(name, view, "backup", self.findings);
            self.atlas.people.insert(PersonId::from(name), view);
            people.push(Person {
                id: PersonId::from(name),
                role: view.must("role"),
                contact: view.text("contact"),
                backup: backup.map(PersonId::from),
                rollback: view.flag("rollback"),
            });
        }
        people
    }

    pub(super) fn endpoints(&mut self) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        for (name, _, view) in self.atlas.root.named("endpoints") {
            let id = EndpointId::from(name);
            self.atlas.endpoints.insert(id.clone(), view);
            let identity = view.view("identity");
            if let Some(identity) = identity.filter(|i| !i.has("system") && !i.has("row")) {
                self.findings.push(
                    Diagnostic::error(
                        "missing-kind",
                        identity.at,
                        format!("the identity of `{name}` asks for nothing"),
                    )
                    .label("needs `system` or `row`")
                    .help("give the system identifier, or a row that only this system has"),
                );
            }
            let database = DatabaseKind::ALL.into_iter().find_map(|kind| {
                let address = view.view(kind.key())?.secret(kind.address_key())?;
                Some(DatabaseSettings { kind, address })
            });
            if let Some(database) = database {
                endpoints.push(Endpoint { id, database, identity: identity.map(identity_of), way: false });
            }
        }
        endpoints
    }
}

fn identity_of(view: View<'_>) -> Identity {
    Identity {
        system: view.text("system"),
        row: view.view("row").map(|row| IdentityRow { sql: row.must("sql"), is: row.must("is") }),
    }
}
