//! What is offered for a name that leads nowhere: the names that can be meant, else how to add what is missing.
//!
//! Owns one promise: what is offered mends the plan. So nothing is offered that would stand in the same list twice,
//! that would let a step wait for itself, or that comes too late or too early.

use super::super::grammar::Named;
use super::super::{names, units};

/// So many names are listed.
const MOST: usize = 12;

/// Where a name stands that leads nowhere.
pub(super) struct Asked<'a> {
    pub(super) name: &'a str,
    pub(super) key: &'a str,
    pub(super) named: Named,
    /// No other name stands behind the key.
    pub(super) alone: bool,
    /// The name is that of another kind of thing.
    pub(super) elsewhere: bool,
}

/// The names to choose from.
#[derive(Default)]
pub(super) struct Choice<'a> {
    /// What can stand there.
    pub(super) fit: Vec<&'a str>,
    /// What is meant only if it is spelt nearly the same.
    pub(super) unlikely: Vec<&'a str>,
    /// What stands there already.
    pub(super) taken: Vec<&'a str>,
}

/// What is offered, and the name that is meant, where there is one.
pub(super) fn offer<'a>(asked: &Asked<'_>, choice: &Choice<'a>) -> (String, Option<&'a str>) {
    let taken = |name: &&str| choice.taken.contains(name);
    let free = |list: &[&'a str]| list.iter().copied().filter(|name| !taken(name)).collect::<Vec<_>>();
    let fit = free(&choice.fit);
    let near = |list: &[&'a str]| names::nearest(asked.name, list.iter().copied());
    if let Some(near) = near(&fit).or_else(|| near(&free(&choice.unlikely))) {
        return (format!("did you mean `{near}`?"), Some(near));
    }
    if let Some(near) = near(&choice.taken) {
        return (format!("take it out: `{near}` stands here already"), None);
    }
    let or = otherwise(asked);
    (names::listed(fit, MOST).map_or_else(|| or.clone(), |all| format!("there is: {all}; or {or}")), None)
}

/// What can be done where no name fits.
fn otherwise(asked: &Asked<'_>) -> String {
    let Asked { name, key, named, alone, elsewhere } = *asked;
    let out = match key {
        _ if !alone => "take it out".to_owned(),
        "check" | "enforce" | "lift" | "replication" => "take this step out".to_owned(),
        "after" | "since" | "until" | "holds_until" | "owner" | "backup" => format!("take `{key}` out"),
        _ => "take it out".to_owned(),
    };
    if elsewhere || units::id(name).is_err() {
        return out;
    }
    match named {
        Named::Step | Named::StepBack => out,
        Named::Probe if name.contains('.') => out,
        Named::Probe => format!("add [[probe]] with id = \"{name}\" and tcp = \"host:443\", or {out}"),
        Named::Link => {
            format!(
                "add [[replication]] with id = \"{name}\" and sqlite = {{ from = \"…\", to = \"…\" }}, or {out}"
            )
        }
        Named::Control => format!(
            "add controls = [{{ id = \"{name}\", enforce = [\"…\"], verify = [\"…\"], lift = [\"…\"] }}] to [freeze], or {out}"
        ),
        Named::Endpoint => format!("add it as [endpoints.{name}] with sqlite = {{ path = \"…\" }}"),
        Named::Person | Named::Owner => format!("add [people.{name}] with role = \"…\", or {out}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(name: &str, key: &str, named: Named, choice: &Choice<'_>) -> String {
        offer(&Asked { name, key, named, alone: true, elsewhere: false }, choice).0
    }

    #[test]
    fn what_stands_there_already_is_not_offered() {
        let choice = Choice { fit: vec!["rows", "door"], taken: vec!["rows"], ..Choice::default() };
        assert_eq!(offered("row", "check", Named::Probe, &choice), "take it out: `rows` stands here already");
        assert!(
            offered("zzz", "check", Named::Probe, &choice).starts_with("there is: door; or add [[probe]]")
        );
    }

    #[test]
    fn where_there_is_nothing_to_choose_from_something_can_be_done() {
        let nothing = Choice::default();
        assert_eq!(offered("x", "after", Named::Step, &nothing), "take `after` out");
        assert_eq!(
            offered("x", "on", Named::Endpoint, &nothing),
            "add it as [endpoints.x] with sqlite = { path = \"…\" }"
        );
        assert_eq!(offered("fence:x", "evidence", Named::Probe, &nothing), "take it out");
    }
}
